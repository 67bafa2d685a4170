#pragma once
// One question, one decision: may this identity do that?

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/policy.h"
#include "base/codes.h"
#include "base/identity.h"

namespace sparc::auth {

/// Names a question whose answer comes later; chosen by who asks.
using Ticket = std::uint64_t;

/// Whose a camera is, as seen from the tenant that asks.
enum class Owner : std::uint8_t {
  own,
  other,        // another tenant's
  unknown,      // nobody's: the key is absent
  unavailable,  // cannot be asked at present
};

/// Where camera owners are known (`camera:<id>:tenant` in Redis).
class OwnershipSource {
 public:
  virtual ~OwnershipSource() = default;
  /// The answer, if it is at hand; else nothing, and it comes to the shard later with `ticket`, exactly once (`unavailable` where
  /// no answer can be had in time), and never before this call has returned.
  [[nodiscard]] virtual std::optional<Owner> owner(std::string_view camera, std::string_view tenant, Ticket ticket) = 0;
};

struct Decision {
  enum class Outcome : std::uint8_t {
    allow,
    held,     // allowed; it is the identity's own room, where it is already: nothing changes
    deny,     // `fault` says why
    pending,  // the owner of `camera` is being asked; Authorizer::settle decides on the answer
  };
  Outcome outcome = Outcome::allow;
  Fault fault;
  std::string camera;

  [[nodiscard]] bool allowed() const { return outcome == Outcome::allow || outcome == Outcome::held; }
};

/// Decides by a Policy. Faults are FORBIDDEN, except: UNAVAILABLE where an owner cannot be asked (with `if_known` too: an outage
/// opens nothing), BAD_REQUEST for a camera id that is none.
/// Thread: confined to one shard.
class Authorizer {
 public:
  /// `source` outlives this object; null where there is none, which is as if it were always unavailable.
  Authorizer(std::shared_ptr<const Policy> policy, OwnershipSource* source);

  /// At a reload. What was decided before is the caller's to ask again.
  void set_policy(std::shared_ptr<const Policy> policy);
  [[nodiscard]] const Policy& policy() const { return *policy_; }

  /// Never pending. An anonymous identity's list of namespaces is its path's, and not known here.
  [[nodiscard]] Decision check_join_namespace(const Identity& identity, std::string_view ns) const;

  /// `room`: a short name (protocol::parse_room) in the identity's own tenant, or a public room.
  [[nodiscard]] Decision check_room(const Identity& identity, std::string_view ns, std::string_view room, Ticket ticket);

  /// Whether check_event wants the payload's `cameraId`, so that other payloads need not be read.
  [[nodiscard]] bool needs_camera(std::string_view ns, std::string_view event) const;
  /// `camera`: the payload's `cameraId`; empty: it has none.
  [[nodiscard]] Decision check_event(const Identity& identity, std::string_view ns, std::string_view event,
                                     std::string_view camera, Ticket ticket);

  /// What the answer about a pending camera means under the present policy.
  [[nodiscard]] Decision settle(Owner answer, std::string_view camera) const;

 private:
  [[nodiscard]] Decision check_camera(const Identity& identity, std::string_view camera, Ticket ticket);

  std::shared_ptr<const Policy> policy_;
  OwnershipSource* source_;
};

/// Whether `room` is one of the identity's own: tenant:<own>, org:<own>, user:<own> (not of anonymous ones), role:<own>.
[[nodiscard]] bool is_own_room(const Identity& identity, std::string_view room);

}  // namespace sparc::auth
