#pragma once
// Applies a view's tables: events out, requests in.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/publication.h"
#include "protocol/view.h"

namespace sparc::protocol {

/// Channels of a raw-ws view that a connection holds, by index in View::channels.
using ChannelSet = std::uint16_t;
inline constexpr ChannelSet all_channels = 0xFFFF;

/// One message that a publication becomes. Views live until the callback returns.
struct Shown {
  std::string_view name;       // on the wire
  std::string_view data;       // JSON of argument 0
  std::string_view more_args;  // further arguments, where the row changes nothing of the payload
  bool as_published = true;    // `data` is the publication's own, so its attachments go with it
};

/// Calls `visit` for each message that the rows make of the publication, in the rows' order. Without a matching row of the namespace:
/// Socket.IO says the event as published, raw-ws nothing. A row with channels applies where `held` has one of them.
/// `scratch` is memory to write in. Pure; O(rows).
void show(const View& view, std::string_view ns, const Publication& publication, ChannelSet held, std::string& scratch,
          const std::function<void(const Shown&)>& visit);

/// The first row for what a client sent; null: none.
[[nodiscard]] const ViewInput* input_of(const View& view, std::string_view event);
/// `stream:{cameraId}` with members of the request (strings and numbers); empty: one is missing.
[[nodiscard]] std::string fill_template(std::string_view text, std::string_view request_json);
/// An object with the row's copied members of the request first, then the members of `data` (an object; empty: none; anything else
/// becomes "data"). A member that both have is `data`'s.
[[nodiscard]] std::string merge_copied(const ViewInput& row, std::string_view request_json, std::string_view data);

}  // namespace sparc::protocol
