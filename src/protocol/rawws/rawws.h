#pragma once
// The JSON messages of the older plain-WebSocket services: {"type":…} with channels. What a channel is comes from the view.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/codes.h"
#include "base/identity.h"
#include "protocol/command.h"
#include "protocol/view_map.h"

namespace sparc::protocol::rawws {

struct SubscribeChannels {
  std::vector<std::string> channels;
  Choice<Filter> filters;  // {"severity":["high"]}: one filter
};
struct UnsubscribeChannels {
  std::vector<std::string> channels;
};
struct Ping {};
struct Unknown {
  std::string type;  // ignored and counted
};
using Message = std::variant<SubscribeChannels, UnsubscribeChannels, Ping, Unknown>;

/// Channels of one message, and values of one field of its filter.
inline constexpr std::size_t list_items_max = 1'024;

/// Any text message of a client. `filters` is an object of fields with a value or a list of them, or null for everything.
/// Error: no JSON object, or a member of the wrong shape; the connection stays. Thread: any.
[[nodiscard]] std::expected<Message, Fault> decode(std::string_view text);

/// The channels of `names` that this identity may hold.
[[nodiscard]] ChannelSet granted(const View& view, const Identity& identity, const std::vector<std::string>& names);
[[nodiscard]] ChannelSet initial_channels(const View& view);
/// Their names on the wire, in the view's order: org:<own id>.
[[nodiscard]] std::vector<std::string> names_of(const View& view, const Identity& identity, ChannelSet channels);

// Each appends one JSON message.
void append_connection(std::string& out, std::string_view client_id, const std::vector<std::string>& channels);
void append_subscribed(std::string& out, const std::vector<std::string>& channels);
void append_unsubscribed(std::string& out, const std::vector<std::string>& channels);
void append_pong(std::string& out, std::int64_t now_ms);
/// {"type":"error","data":{"code":…,"message":…}}
void append_error(std::string& out, const Fault& fault);
/// {"type":…,"data":…}
void append_event(std::string& out, const Shown& shown);

}  // namespace sparc::protocol::rawws
