#pragma once
// Names of rooms: `camera:7` is short and means the own tenant, `tenant:t1/camera:7` is full.

#include <expected>
#include <string>
#include <string_view>

#include "base/codes.h"

namespace sparc::protocol {

/// What the name itself says the room is.
enum class RoomKind : std::uint8_t {
  tenant,        // tenant:<id>
  organization,  // org:<id>
  user,          // user:<id>
  role,          // role:<name>
  other,         // camera:7, or a public room: configuration knows those
};

struct RoomName {
  RoomKind kind = RoomKind::other;
  std::string tenant;  // of a full name (`tenant:<id>` names it too); empty: not said
  std::string name;    // short: `tenant:t1`, `user:u1`, `camera:7`
};

/// Splits a short or full name. Faults are BAD_REQUEST and say what is allowed: 1 to `bytes_max` bytes of UTF-8 without control
/// characters, ids as valid_id.
[[nodiscard]] std::expected<RoomName, Fault> parse_room(std::string_view name, std::size_t bytes_max = 256);

}  // namespace sparc::protocol
