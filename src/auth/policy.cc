#include "auth/policy.h"

#include <algorithm>

#include "base/pattern.h"

namespace sparc::auth {
namespace {

constexpr std::string_view reserved[] = {"tenant:", "org:", "user:", "role:"};

template <class Rule, class Matches>
const Rule* first_match(const std::vector<Rule>& rules, std::string_view ns, Matches&& matches) {
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return matches_pattern(rule.ns, ns) && matches(rule); });
  return found == rules.end() ? nullptr : &*found;
}

Result<void> check(const PolicyConfig& config) {
  for (const NamespaceRule& rule : config.namespaces) {
    if (rule.ns.empty()) return fail("a namespace rule names no namespace; * means all");
  }
  for (const EventRule& rule : config.events) {
    if (rule.ns.empty() || rule.pattern.empty())
      return fail("an event rule needs a namespace (* means all) and a pattern of events");
  }
  for (const RoomRule& rule : config.rooms) {
    if (rule.ns.empty() || rule.pattern.empty())
      return fail("a room rule needs a namespace (* means all) and a pattern of rooms");
    if (rule.ownership && std::count(rule.pattern.begin(), rule.pattern.end(), '*') != 1) {
      return fail("room rule \"" + rule.pattern + "\" has ownership and needs exactly one *, which stands for the camera's id");
    }
  }
  for (const std::string& room : config.public_rooms) {
    if (room.empty() || has_reserved_prefix(room)) {
      return fail("public room \"" + room + "\" must have a name that does not begin with tenant: org: user: or role:");
    }
  }
  return {};
}

}  // namespace

std::optional<OwnershipMode> ownership_mode_named(std::string_view name) {
  if (name == "off") return OwnershipMode::off;
  if (name == "if-known" || name == "if_known") return OwnershipMode::if_known;
  if (name == "required") return OwnershipMode::required;
  return std::nullopt;
}

std::vector<EventRule> shipped_events() {
  const std::vector<std::string> recorders{"admin", "operator"};
  const std::string refusal = "Insufficient permissions for recording";
  return {
      {"video", "recording:start", recorders, true, refusal},
      {"video", "recording:stop", recorders, true, refusal},
      {"video", "recording:*", {}, true, {}},
      {"video", "stream:start", {}, true, {}},
      {"video", "stream:stop", {}, true, {}},
  };
}

std::vector<RoomRule> shipped_rooms() {
  std::vector<RoomRule> rules;
  for (const char* pattern : {"camera:*", "stream:*"}) rules.push_back({"*", pattern, {}, true});
  for (const char* pattern : {"building:*", "floor:*", "zone:*", "door:*", "sensor:*", "device:*"})
    rules.push_back({"*", pattern});
  return rules;
}

bool has_reserved_prefix(std::string_view room) {
  return std::any_of(std::begin(reserved), std::end(reserved), [&](std::string_view prefix) { return room.starts_with(prefix); });
}

Result<std::shared_ptr<const Policy>> Policy::make(PolicyConfig config) {
  if (config.shipped_rules) {
    for (EventRule& rule : shipped_events()) config.events.push_back(std::move(rule));
    for (RoomRule& rule : shipped_rooms()) config.rooms.push_back(std::move(rule));
  }
  if (auto checked = check(config); !checked) return std::unexpected(checked.error());
  return std::shared_ptr<const Policy>(new Policy(std::move(config)));
}

const NamespaceRule* Policy::namespace_rule(std::string_view ns) const {
  return first_match(config_.namespaces, ns, [](const NamespaceRule&) { return true; });
}

const EventRule* Policy::event_rule(std::string_view ns, std::string_view event) const {
  return first_match(config_.events, ns, [&](const EventRule& rule) { return matches_pattern(rule.pattern, event); });
}

const RoomRule* Policy::room_rule(std::string_view ns, std::string_view room) const {
  return first_match(config_.rooms, ns, [&](const RoomRule& rule) { return matches_pattern(rule.pattern, room); });
}

bool Policy::is_public(std::string_view room) const {
  return std::find(config_.public_rooms.begin(), config_.public_rooms.end(), room) != config_.public_rooms.end();
}

}  // namespace sparc::auth
