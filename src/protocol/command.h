#pragma once
// What a peer asks for, whatever wire it speaks: each dialect decodes into these and never into anything of its own.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/publication.h"

namespace sparc::protocol {

/// A choice that replaces what was set: absent leaves it, `everything` (JSON null) lifts it, a list sets it; an empty list is nothing.
template <class T>
struct Choice {
  enum class Kind : std::uint8_t { absent, everything, list };
  Kind kind = Kind::absent;
  std::vector<T> items;

  [[nodiscard]] bool present() const { return kind != Kind::absent; }
};

/// One JSON string or number, in the form in which it is compared: `s` and the unescaped text, or `n` and the shortest decimal
/// form of the number (so that 1, 1.0 and 1e0 are equal).
using Scalar = std::string;

/// One alternative of a filter list: every field named must have one of its values (or be absent from the payload).
struct Filter {
  std::vector<std::pair<std::string, std::vector<Scalar>>> fields;  // sorted by field name; values sorted and unique
  std::uint32_t every_ms = 0;  // "everyMs": `latest` events leave once per interval; 0: at once
  friend bool operator==(const Filter&, const Filter&) = default;
};

struct Auth {
  std::string token;
};
struct Subscribe {
  std::string ns;
  std::vector<std::string> rooms;
  Choice<std::string> topics;
  Choice<Filter> filters;
};
struct Join {
  Subscribe wants;
  std::optional<Position> recover;
};
struct Leave {
  std::string ns;
};
struct Unsubscribe {
  std::string ns;
  std::vector<std::string> rooms;
};
/// An event from a client, for the services.
struct Event {
  std::string ns;
  std::string event;
  std::string data;       // JSON; empty: absent
  std::string more_args;  // further arguments, joined by commas, without brackets
  std::vector<std::string> attachments;
};
struct Presence {
  std::string ns;
  std::string room;
};
struct History {
  std::string ns;
  std::optional<Position> since;
  std::uint32_t limit = 0;  // 0: as many as the server allows
};
struct Pong {};

// Of services only, but for Result; a user's is FORBIDDEN.
struct Publish {
  std::string ns;
  std::vector<std::string> rooms;  // one, or several of one tenant
  std::string event;
  std::string data;  // JSON; empty: absent (published as null)
  std::string more_args;
  std::vector<std::string> attachments;
  std::vector<std::string> except;  // connection ids
  std::string publication_id;       // empty: the server makes one
  std::string tenant;               // "tenantId": for user: and org: rooms; empty: not said
};
/// A question to clients, each of which is to answer: one connection, or the members of rooms.
struct Ask {
  std::string ns;
  std::string connection;          // its id; empty: `rooms`
  std::vector<std::string> rooms;  // as of Publish
  std::string event;
  std::string data;  // JSON; empty: absent (asked with null)
  std::string more_args;
  std::vector<std::string> attachments;
  std::vector<std::string> except;
  std::string tenant;
  std::uint32_t timeout_ms = 0;  // 0: not said
};
struct Handle {
  std::string group;
  std::vector<std::string> events;
  bool retryable = false;
};
/// The answer to an invoke, of a service or of a client that was asked. Neither data nor error: handled, nothing to say.
struct Result {
  std::string call_id;
  std::string data;  // JSON; empty: none
  std::vector<std::string> attachments;
  std::string error_code;  // empty: no error
  std::string error_message;
};
struct Watch {
  std::vector<std::string> hooks;  // client:connected, client:disconnected
};

using Command =
    std::variant<Auth, Join, Leave, Subscribe, Unsubscribe, Event, Presence, History, Pong, Publish, Ask, Handle, Result, Watch>;

struct Request {
  std::optional<std::int64_t> id;  // every request with an id gets exactly one reply or error
  Command command;
  std::size_t bytes = 0;  // of the frame that it came in; 0: it came in none
};

}  // namespace sparc::protocol
