#pragma once
// Rules of who may do what, from configuration (semantics "Rooms, and who may be in them").

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sparc::auth {

/// WEBSOCKET_CAMERA_OWNERSHIP: what `camera:<id>:tenant` in Redis means for rules with `ownership`.
enum class OwnershipMode : std::uint8_t {
  off,       // not asked; the default without Redis
  if_known,  // a camera that has an owner is its owner's, any other is everybody's
  required,  // a camera without owner is nobody's; the default with Redis
};
/// `off`, `if-known` (or `if_known`), `required`.
[[nodiscard]] std::optional<OwnershipMode> ownership_mode_named(std::string_view name);

// In every rule: `ns` is a namespace or a pattern (`*`), `roles` is any one of (empty: every identity). Of the rules that match,
// the first decides; configured ones stand before the shipped ones.

struct NamespaceRule {
  std::string ns = "*";
  std::vector<std::string> roles;
};

struct EventRule {
  std::string ns = "*";
  std::string pattern;  // of the event's name
  std::vector<std::string> roles;
  bool ownership = false;  // of the camera that the payload's `cameraId` names
  std::string refusal;     // the text of the FORBIDDEN for missing roles; empty: one that names them
};

struct RoomRule {
  std::string ns = "*";
  std::string pattern;  // of the room's short name
  std::vector<std::string> roles;
  bool ownership = false;  // of the camera whose id the pattern's star stands for
  bool presence = false;   // who is in the room can be asked
  bool history = true;     // false: its events are not appended to the stream
};

struct PolicyConfig {
  std::vector<NamespaceRule> namespaces;
  std::vector<EventRule> events;
  std::vector<RoomRule> rooms;
  std::vector<std::string> public_rooms{"system", "announcements"};
  OwnershipMode ownership = OwnershipMode::off;
  bool shipped_rules = true;  // append shipped_events() and shipped_rooms()
};

/// In `video`: recording:start and recording:stop for admin and operator; these, all of recording:*, stream:start and stream:stop
/// only on cameras of the own tenant.
[[nodiscard]] std::vector<EventRule> shipped_events();
/// camera:* and stream:* with ownership; building:* floor:* zone:* door:* sensor:* device:* for every role.
[[nodiscard]] std::vector<RoomRule> shipped_rooms();

/// Rooms that an identity alone opens: tenant: org: user: role:
[[nodiscard]] bool has_reserved_prefix(std::string_view room);

/// The rules in force, checked. Immutable; swapped as a whole at a reload.
/// Thread: shared by all.
class Policy {
 public:
  /// Errors name the rule: an empty pattern or namespace, a pattern with ownership and not exactly one star, a public room with a
  /// reserved prefix.
  [[nodiscard]] static Result<std::shared_ptr<const Policy>> make(PolicyConfig config);

  // Null: no rule matches. Valid as long as this object.
  [[nodiscard]] const NamespaceRule* namespace_rule(std::string_view ns) const;
  [[nodiscard]] const EventRule* event_rule(std::string_view ns, std::string_view event) const;
  /// Also for identity rooms, where a rule (`tenant:*`) says presence and history and nothing of who may join.
  [[nodiscard]] const RoomRule* room_rule(std::string_view ns, std::string_view room) const;
  [[nodiscard]] bool is_public(std::string_view room) const;
  [[nodiscard]] OwnershipMode ownership() const { return config_.ownership; }

 private:
  explicit Policy(PolicyConfig config) : config_(std::move(config)) {}
  PolicyConfig config_;
};

}  // namespace sparc::auth
