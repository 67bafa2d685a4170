// Text messages: what is accepted is written again and means the same then.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/native/codec.h"
#include "protocol/native/request_writer.h"

using namespace sparc::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static native::Decoder decoder;
  const auto decoded = decoder.text(std::string_view(reinterpret_cast<const char*>(data), size));
  if (decoded.empty()) std::abort();
  for (const auto& frame : decoded) {
    if (!frame) {
      if (frame.error().fault.message.empty() || frame.error().fault.message.size() > 1024) std::abort();
      continue;
    }
    std::string once, twice;
    native::append_request(once, *frame);
    const auto again = decoder.text(once);
    if (again.size() != 1 || !again[0]) std::abort();
    native::append_request(twice, *again[0]);
    if (once != twice) std::abort();
  }
  return 0;
}
