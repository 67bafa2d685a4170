#pragma once
// base64 (RFC 4648 section 4): binary messages where only text goes.

#include <optional>
#include <string>
#include <string_view>

namespace sparc::protocol::socketio {

/// With padding.
void append_base64(std::string& out, std::string_view bytes);
/// Nothing for characters outside of the alphabet or a wrong length. Padding may be absent, but not wrong.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace sparc::protocol::socketio
