#include "protocol/room_name.h"

#include "base/identity.h"
#include "protocol/text_rules.h"

namespace sparc::protocol {
namespace {

std::unexpected<Fault> bad(std::string message) { return std::unexpected(Fault{Code::BAD_REQUEST, std::move(message)}); }

std::unexpected<Fault> bad_id(std::string_view prefix, std::string_view id) {
  return bad(quoted(id) + " after \"" + std::string(prefix) + "\" is not 1 to 128 characters of [A-Za-z0-9_.@+-]");
}

struct Reserved {
  std::string_view prefix;
  RoomKind kind;
};
constexpr Reserved reserved[] = {{"org:", RoomKind::organization}, {"user:", RoomKind::user}, {"role:", RoomKind::role}};

std::expected<RoomName, Fault> parse_short(std::string_view name, std::size_t bytes_max) {
  if (!plain_text(name, bytes_max)) {
    return bad("room " + quoted(name) + " is not 1 to " + std::to_string(bytes_max) +
               " bytes of UTF-8 without control characters");
  }
  RoomName room;
  room.name = name;
  for (const auto& [prefix, kind] : reserved) {
    if (!name.starts_with(prefix)) continue;
    room.kind = kind;
    const std::string_view id = name.substr(prefix.size());
    if (!valid_id(id)) return bad_id(prefix, id);
  }
  return room;
}

}  // namespace

std::expected<RoomName, Fault> parse_room(std::string_view name, std::size_t bytes_max) {
  constexpr std::string_view prefix = "tenant:";
  if (!name.starts_with(prefix)) return parse_short(name, bytes_max);
  const std::size_t slash = name.find('/');
  const std::string_view id = name.substr(prefix.size(), slash == std::string_view::npos ? slash : slash - prefix.size());
  if (!valid_id(id)) return bad_id(prefix, id);
  if (slash == std::string_view::npos) return RoomName{RoomKind::tenant, std::string(id), std::string(name)};
  const std::string_view rest = name.substr(slash + 1);
  if (rest.starts_with(prefix)) return bad("room " + quoted(name) + " names a tenant twice; a full name is tenant:<id>/<name>");
  auto room = parse_short(rest, bytes_max);
  if (room) room->tenant = id;
  return room;
}

}  // namespace sparc::protocol
