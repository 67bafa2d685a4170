#pragma once
#include <cstdint>
#include <string_view>

namespace sparc::http {

/// A fault of the peer, as the HTTP answer that ends its connection.
struct Refusal {
  std::uint16_t status = 400;
  std::string_view detail;  // of static storage
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

}  // namespace sparc::http
