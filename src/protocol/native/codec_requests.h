#pragma once
// One frame's fields to a request. `object` is a valid JSON object.

#include <string_view>

#include "protocol/native/codec.h"

namespace sparc::protocol::native {

[[nodiscard]] std::unexpected<Refused> refused(std::optional<std::int64_t> id, std::string message);

/// What the frame came with, behind its JSON.
enum class Carrier : std::uint8_t { text, binary };

/// A frame of a binary message must be an `event` or a `publish`; its attachments are filled in by the caller.
[[nodiscard]] Decoded decode_request(std::string_view object, Carrier carrier);

}  // namespace sparc::protocol::native
