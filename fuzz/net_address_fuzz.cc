// What is read as an address or a network is written and read again to the same, and a network contains its own address.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using sparc::net::Address;
  using sparc::net::Cidr;
  if (const auto address = Address::parse(text, 7)) {
    if (Address::parse(address->ip().text(), 7) != address) std::abort();
    const auto itself = Cidr::parse(address->ip().text());
    if (!itself || !itself->contains(*address)) std::abort();
  }
  if (const auto network = Cidr::parse(text)) {
    const auto address = Address::parse(text.substr(0, text.find('/')));
    if (!address || !network->contains(*address)) std::abort();
  }
  return 0;
}
