#pragma once
// Client events that the server answers itself where no service handles them.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "shard/shard.h"

namespace sparc::server {

/// `alerts:acknowledge {alertId}`: tells the tenant `alert:acknowledged {alertId, userId}` and answers the client with the same. False:
/// not one of these events. `event.data` has the verified identity in it.
/// Thread: the shard's.
[[nodiscard]] bool handle_builtin_event(shard::Shard& shard, const shard::ClientEvent& event);

inline constexpr std::array<std::string_view, 1> builtin_events{"alerts:acknowledge"};
static_assert(builtin_events.size() <= 32);

/// A bit of its own for each built-in event; 0 for any other.
[[nodiscard]] constexpr std::uint32_t builtin_bit(std::string_view name) {
  const auto at = std::find(builtin_events.begin(), builtin_events.end(), name);
  return at == builtin_events.end() ? 0 : std::uint32_t{1} << (at - builtin_events.begin());
}
[[nodiscard]] constexpr bool is_builtin_event(std::string_view name) { return builtin_bit(name) != 0; }

}  // namespace sparc::server
