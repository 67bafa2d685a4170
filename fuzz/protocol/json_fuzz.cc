// The grammar that decides about long integers must agree with simdjson about everything else.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "protocol/scalar.h"

using namespace sparc::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static JsonChecker checker;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool by_simdjson = checker.fault("[0," + text + "]").empty();
  const bool by_grammar = checker.fault("[123456789012345678901234567890," + text + "]").empty();
  if (by_simdjson != by_grammar) std::abort();
  if (!checker.fault(text).empty()) return 0;
  const std::string_view value = json::trimmed(text);
  if (json::value_end(value, 0) != value.size()) std::abort();
  const Scalar scalar = scalar_of(value);
  if (scalar.empty()) return 0;
  std::string written;
  append_scalar(written, scalar);
  if (scalar_of(written) != scalar) std::abort();
  return 0;
}
