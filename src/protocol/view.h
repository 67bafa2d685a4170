#pragma once
// How an old wire shows namespaces: data from configuration, read by the dialects that are not native. Entries that are not `enabled`
// are taken away when configuration is loaded: shards see none.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/token_bucket.h"

namespace sparc::protocol {

/// Compares what a payload has at a JSON pointer with a value. A payload that lacks it does not match.
struct Condition {
  enum class Operator : std::uint8_t { equal, not_equal, less, less_or_equal, greater, greater_or_equal };
  std::string pointer;  // RFC 6901: /analysis/riskScore
  Operator op = Operator::equal;
  std::string value;  // one JSON scalar; less and greater compare numbers only
};

/// What a client of the old wire sends, and what becomes of it. The first row that matches applies.
struct ViewInput {
  enum class Action : std::uint8_t {
    forward,      // a client event `<ns>:<to>` for the services
    join_tenant,  // opens the tenant gate, where the argument names the token's own tenant
    leave_tenant,
    subscribe,  // {channels} or {alertTypes, priorities} or {eventTypes} or {metrics, interval}: topics, rooms and filters
    unsubscribe,
    ping,     // answered with the time
    refresh,  // the argument is a new token
    ignore,   // counted
  };
  std::string event;  // name or pattern (base/pattern.h)
  std::string has;    // a member that the request must have, so that one event can be two requests; empty: none
  Action action = Action::forward;
  std::string ns;        // empty: the view's first namespace
  std::string to;        // name of the service event; empty: as sent
  std::string argument;  // name under which an argument that is no object reaches the service: unsubscribe-stream 'c1'
  std::string enters;    // room that a success joins, its members in braces from the request: stream:{cameraId}
  std::string leaves;
  std::string success;              // event that answers; empty: none but the acknowledgement and `<event>:response`
  std::string failure;              // event that answers an error; empty: "error"
  std::vector<std::string> copied;  // members of the request that stand in both answers: cameraId
  bool stamped = false;             // `success` has "timestamp", in ISO 8601
  bool enabled = true;
};

/// An event of a namespace as the old wire says it. Every row that matches applies, in order: one publication may become several messages.
struct ViewOutput {
  std::string ns;
  std::string event;                  // name or pattern
  std::string to;                     // name on the wire (Socket.IO event, raw-ws "type"); empty: as published
  std::vector<std::string> channels;  // raw-ws: sent to those who hold one of them; empty: to everybody
  std::optional<Condition> when;
  std::vector<std::pair<std::string, std::string>>
      fields;  // makes a new payload: member, JSON pointer into the published one; empty: as published
  bool enabled = true;
};

/// A name that raw-ws clients subscribe to.
struct ViewChannel {
  enum class Kind : std::uint8_t { plain, organization, user };  // org:<own id>, user:<own id>
  std::string name;                                              // plain: security:events; else its prefix, `org:` or `user:`
  Kind kind = Kind::plain;
  bool initial = false;  // held from the start
  bool enabled = true;
};

/// What differs from the claim names of the configuration for tokens of this view; empty lists: as configured.
struct ViewClaims {
  std::vector<std::string> user_id, tenant_id, organization_id;
  bool roles_required = false;  // false: a token without roles has none
};

struct View {
  enum class Wire : std::uint8_t { socketio, rawws };
  enum class OnExpiry : std::uint8_t { close, keep };
  std::string name;  // of the configuration: alerts-socketio
  Wire wire = Wire::socketio;
  // Match: all that are set.
  std::vector<std::string> paths;       // raw-ws: required. Socket.IO: empty is any Engine.IO path
  std::vector<std::string> hosts;       // Host without port; empty: any
  std::string socketio_namespace;       // Socket.IO: "/" or "/alerts"
  std::vector<std::string> namespaces;  // that a connection of this view is in; at least one
  bool tenant_gate = false;             // identity rooms only between join-tenant and leave-tenant
  bool greets = false;                  // `connected {clientId, namespace, tenantId, timestamp}` after CONNECT
  OnExpiry on_expiry = OnExpiry::keep;
  ViewClaims claims;
  Rate user_rate;                // client frames of one user through this view, beside the namespace's own; 0 points: unlimited
  std::string anonymous_tenant;  // of clients without a token; empty: they are refused
  std::vector<ViewChannel> channels;  // raw-ws; at most 16
  std::vector<ViewInput> inputs;
  std::vector<ViewOutput> outputs;
  bool enabled = true;

  /// Recovery needs one stream.
  [[nodiscard]] bool recovers() const { return namespaces.size() == 1 && !tenant_gate; }
};

}  // namespace sparc::protocol
