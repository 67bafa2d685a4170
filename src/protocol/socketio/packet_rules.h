#pragma once
// What a Socket.IO packet must hold, whatever parser it came by.

#include <string>
#include <string_view>

#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {

/// Empty where `data` is what a packet of this type holds, else the reference's words. `data` is validated JSON without white space
/// around it, or empty; `attachments` says how many may be referred to.
[[nodiscard]] std::string_view data_fault(PacketType type, std::string_view data, std::size_t attachments);

[[nodiscard]] bool is_namespace(std::string_view nsp);

/// Whether the whole text is JSON, of bounded depth (json_checker.h).
[[nodiscard]] bool is_json(std::string_view text);

}  // namespace sparc::protocol::socketio
