// Values that small readers take apart: forwarded addresses, cookies, Accept, targets; and what is written is one line.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/accept.h"
#include "http/cookies.h"
#include "http/forwarded.h"
#include "http/response.h"
#include "http/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparc;
  using namespace sparc::http;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const Header headers[] = {
      {"X-Forwarded-For", value}, {"Forwarded", value}, {"Cookie", value}, {"Accept", value}, {"Accept-Encoding", value}};
  for (const auto field : {ForwardedField::x_forwarded_for, ForwardedField::forwarded}) {
    if (forwarded_addresses(headers, field).size() > forwarded_hops_max) std::abort();
    const std::string client = client_address(headers, "192.0.2.1", 2, field);
    if (address_of_node(client) != client) std::abort();
  }
  static_cast<void>(cookie(headers, "a"));
  static_cast<void>(accepts_type(headers, "application/json"));
  static_cast<void>(accepts_coding(headers, "gzip"));
  static_cast<void>(split_target(value));
  static_cast<void>(query_parameters(value));
  if (percent_decode(percent_encode(value)) != value) std::abort();
  std::string line;
  if (append_header(line, {"X", value}) && line.find('\n') != line.size() - 1) std::abort();
  return 0;
}
