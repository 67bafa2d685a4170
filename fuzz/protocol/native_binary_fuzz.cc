// Binary messages: attachments and header are within the message, and writing what was read gives the same request.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/native/codec.h"
#include "protocol/native/request_writer.h"

using namespace sparc::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static native::Decoder decoder;
  const auto decoded = decoder.binary(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!decoded) return 0;
  std::string once, twice;
  native::append_binary_request(once, *decoded);
  const auto again = decoder.binary(once);
  if (!again) std::abort();
  native::append_binary_request(twice, *again);
  if (once != twice) std::abort();
  return 0;
}
