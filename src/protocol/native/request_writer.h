#pragma once
// What a client or a service sends: the other direction of Decoder (codec.h), for the C++ client and the load generator.

#include <string>

#include "protocol/command.h"

namespace sparc::protocol::native {

/// Appends one frame: a JSON object, without a frame header. Not for commands with attachments.
/// `data` and `more_args` are valid JSON and go through byte for byte; every other text is valid UTF-8. A `Choice` that is absent, an
/// empty optional text and an empty `rooms` of `join` and `subscribe` are left out.
void append_request(std::string& out, const Request& request);

/// The whole binary message of an Event, a Publish, an Ask or a Result.
void append_binary_request(std::string& out, const Request& request);

/// Whether the request needs append_binary_request.
[[nodiscard]] bool has_attachments(const Command& command);

}  // namespace sparc::protocol::native
