#include "shard/settings.h"

#include <algorithm>

#include "base/pattern.h"

namespace sparc::shard {

const EventRule* NamespaceSettings::rule_for(std::string_view event) const {
  for (const EventRule& rule : events) {
    if (matches_pattern(rule.pattern, event)) return &rule;
  }
  return nullptr;
}

bool NamespaceSettings::has_latest() const {
  return std::any_of(events.begin(), events.end(), [](const EventRule& rule) { return rule.latest; });
}

std::optional<NamespaceId> Settings::find_namespace(std::string_view name) const {
  for (std::size_t i = 0; i < namespaces.size(); ++i) {
    if (namespaces[i].name == name) return static_cast<NamespaceId>(i);
  }
  return std::nullopt;
}

bool Settings::is_public_room(std::string_view name) const {
  return std::find(public_rooms.begin(), public_rooms.end(), name) != public_rooms.end();
}

}  // namespace sparc::shard
