#include "base/codes.h"

#include <array>

namespace sparc {
namespace {

struct Row {
  std::string_view name;
  std::uint16_t close;
  Retry retry;
  std::string_view text;
};

constexpr std::array rows{
#define SPARC_CODE(name, close, retry, text) Row{#name, close, Retry::retry, text},
#include "codes.def"
#undef SPARC_CODE
};

const Row& row(Code code) { return rows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name_of(Code code) { return row(code).name; }
std::string_view description_of(Code code) { return row(code).text; }
std::uint16_t close_code_of(Code code) { return row(code).close; }
Retry retry_of(Code code) { return row(code).retry; }

std::string_view name_of(Retry retry) {
  switch (retry) {
    case Retry::never: return "never";
    case Retry::after_new_token: return "after a new token";
    case Retry::later: return "later";
    case Retry::after_delay: return "after retryAfterMs";
    case Retry::at_once: return "at once, by position";
    case Retry::yes: return "yes";
  }
  return "never";
}

}  // namespace sparc
