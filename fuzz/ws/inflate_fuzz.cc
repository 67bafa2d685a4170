// Compressed bytes of a peer: the output stays within its limit, a larger limit only adds, and what it gives can be compressed again.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "ws/deflate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static sparc::ws::Inflater inflater;
  static sparc::ws::Deflater deflater;
  const std::string_view compressed(reinterpret_cast<const char*>(data), size);
  const auto small = inflater.inflate(compressed, 1'000);
  if (small && small->size() > 1'000) std::abort();
  const bool small_fits = small.has_value();
  const std::string small_copy(small.value_or(""));
  const auto large = inflater.inflate(compressed, 300'000);
  if (!large) {
    if (small_fits) std::abort();
    return 0;
  }
  if (large->size() > 300'000 || small_fits != (large->size() <= 1'000) || (small_fits && small_copy != *large)) std::abort();
  const std::string message(*large);
  const std::string again(deflater.deflate(message));
  const auto back = inflater.inflate(again, 300'000);
  if (!back || *back != message) std::abort();
  return 0;
}
