#pragma once
// Close codes (RFC 6455 section 7.4 and the IANA registry).

#include <cstdint>
#include <string_view>

namespace sparc::ws {

enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status = 1005,  // never on the wire: the close frame was empty
  abnormal = 1006,   // never on the wire: there was no close frame
  invalid_data = 1007,
  policy_violation = 1008,
  too_big = 1009,
  extension_missing = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  bad_gateway = 1014,
};

/// A fault of the peer that ends its connection: the close code to answer with, and what was wrong (a text of static storage).
struct CloseFault {
  CloseCode code = CloseCode::protocol_error;
  std::string_view detail;
  friend bool operator==(const CloseFault&, const CloseFault&) = default;
};

/// Whether an endpoint may put `code` into a close frame: 1000-1003, 1007-1014, 3000-4999.
[[nodiscard]] bool valid_on_wire(std::uint16_t code);

}  // namespace sparc::ws
