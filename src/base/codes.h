#pragma once
// The codes of semantics "Errors and close codes", from codes.def.

#include <cstdint>
#include <string>
#include <string_view>

namespace sparc {

enum class Code : std::uint8_t {
#define SPARC_CODE(name, close, retry, text) name,
#include "codes.def"
#undef SPARC_CODE
};

enum class Retry : std::uint8_t { never, after_new_token, later, after_delay, at_once, yes };

[[nodiscard]] std::string_view name_of(Code code);
[[nodiscard]] std::string_view name_of(Retry retry);
[[nodiscard]] std::string_view description_of(Code code);
/// The WebSocket close code; 0 where the code never closes a connection.
[[nodiscard]] std::uint16_t close_code_of(Code code);
[[nodiscard]] Retry retry_of(Code code);

/// What a peer did wrong, or is told. Ends at most that peer's connection.
struct Fault {
  Code code = Code::BAD_REQUEST;
  std::string message;
  std::int64_t retry_after_ms = 0;  // 0: not said
};

}  // namespace sparc
