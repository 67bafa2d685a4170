#pragma once
// Requests and pushes in the form that tests/vectors/native.json describes.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "protocol/native/codec.h"
#include "protocol/native/push.h"

namespace sparc::protocol::native::testing {

nlohmann::json as_json(const Request& request);
nlohmann::json as_json(const Push& push);

std::string hex(std::string_view bytes);
std::string unhex(std::string_view text);

/// Renders the push as a server would have: text, or the binary message where it has attachments.
std::string rendered(const Push& push);

}  // namespace sparc::protocol::native::testing
