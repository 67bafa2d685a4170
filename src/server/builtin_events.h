#pragma once
// Client events that the server answers itself where no service handles them.

#include <string>

#include "shard/shard.h"

namespace sparc::server {

/// `alerts:acknowledge {alertId}`: tells the tenant `alert:acknowledged {alertId, userId}` and answers the client with the same. False:
/// not one of these events. `event.data` has the verified identity in it.
/// Thread: the shard's.
[[nodiscard]] bool handle_builtin_event(shard::Shard& shard, const shard::ClientEvent& event);
[[nodiscard]] bool is_builtin_event(std::string_view name);

}  // namespace sparc::server
