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
inline constexpr std::size_t channels_max = 16;

/// One message that a publication becomes. Views live until the callback returns.
struct Shown {
  std::string_view name;       // on the wire
  std::string_view data;       // JSON of argument 0
  std::string_view more_args;  // further arguments, where the row changes nothing of the payload
  bool as_published = true;    // `data` is the publication's own, so its attachments go with it
};

/// Whether the view is for this host (without port; its case does not matter).
[[nodiscard]] bool serves_host(const View& view, std::string_view host);

/// Calls `visit` for each message that the rows make of the publication, in the rows' order. Where no row names an event of the
/// namespace, Socket.IO says it as published, raw-ws nothing; where one does, the rows alone decide. A row with channels applies where
/// `held` has one of them, or has the channel of the organization or user that the publication is addressed to. Raw-ws shows nothing
/// that has attachments.
/// `publication.data` is valid JSON; `scratch` is memory to write in. Pure; O(rows).
void show(const View& view, std::string_view ns, const Publication& publication, ChannelSet held, std::string& scratch,
          const std::function<void(const Shown&)>& visit);

/// The first row for what a client sent with `first` as argument 0 (JSON; empty: none); null: no row.
[[nodiscard]] const ViewInput* input_of(const View& view, std::string_view event, std::string_view first = {});
/// `token:refresh` with a new token, answered by `token:refreshed`: of the shipped views, and of namespaces that no view shows.
[[nodiscard]] ViewInput token_refresh();
/// Argument 0 as the object that services and the functions below are given: itself where it is one, else `{<row.argument>: first}`,
/// under `data` where the row names nothing; `{}` without an argument.
[[nodiscard]] std::string request_of(const ViewInput& row, std::string_view first);
/// `stream:{cameraId}` with members of the request (strings and numbers); empty: one is missing.
[[nodiscard]] std::string fill_template(std::string_view text, std::string_view request_json);
/// An object with the row's copied members of the request first, then the members of `data` (an object; empty: none; anything else
/// becomes "data"). A member that both have is `data`'s.
[[nodiscard]] std::string merge_copied(const ViewInput& row, std::string_view request_json, std::string_view data);

}  // namespace sparc::protocol
