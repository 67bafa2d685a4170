#pragma once
// Words that Socket.IO clients are told in more than one place.

#include <optional>
#include <string>
#include <string_view>

#include "base/codes.h"
#include "base/publication.h"

namespace sparc::shard::socketio_texts {

/// `"code":…,"message":…` and `"retryAfterMs"` where there is one; without braces.
void append_fault_members(std::string& out, const Fault& fault);
/// `{"message":…,"code":…}`, with the event that it is about: the argument of the event `error`. Older clients show the message.
[[nodiscard]] std::string error_argument(const Fault& fault, std::string_view event = {});

/// `<epoch>:<offset>`, as clients give it back.
[[nodiscard]] std::string offset_text(const Position& position);
/// The position that such a text names; nothing where it names none.
[[nodiscard]] std::optional<Position> position_of(std::string_view offset);

}  // namespace sparc::shard::socketio_texts
