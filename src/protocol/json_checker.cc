#include "protocol/json_checker.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include <simdjson.h>

#include "protocol/json_scan.h"
#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

constexpr std::size_t kept_bytes_max = 64 * 1024;
constexpr std::string_view number_fault = "a number is malformed or beyond the range of a double";
constexpr std::string_view string_fault = "a string has a bad escape, or half of a surrogate pair";
constexpr std::string_view depth_fault = "more than 64 nested arrays and objects";

std::string_view describe(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY: return "nothing but white space";
    case simdjson::UTF8_ERROR: return "not UTF-8";
    case simdjson::STRING_ERROR: return string_fault;
    case simdjson::UNCLOSED_STRING: return "a string has no end";
    case simdjson::UNESCAPED_CHARS: return "a control character in a string is not escaped";
    case simdjson::NUMBER_ERROR: return number_fault;
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR: return "a value is none of true, false and null";
    case simdjson::MEMALLOC:
    case simdjson::CAPACITY: return "too large to check";
    default: return "commas, colons, brackets or keys are not where they belong";
  }
}

/// simdjson refuses integers of more than 64 bits, and the last level of nesting. Texts for which it reports a number or their depth
/// come here and are checked by the grammar; simdjson has found them to be UTF-8, with every string closed.
class Grammar {
 public:
  explicit Grammar(std::string_view text) : text_(text) {}

  /// Pushes a bit a container: set for an object.
  std::string_view fault() {
    for (;;) {
      skip_space();
      if (at_ == text_.size()) return malformed;
      if (text_[at_] == '{' || text_[at_] == '[') {
        if (const auto wrong = open(); !wrong.empty()) return wrong;
        if (opened_) continue;
      } else if (const auto wrong = scalar(); !wrong.empty()) {
        return wrong;
      }
      if (const auto wrong = after_value(); !wrong.empty()) return wrong;
      if (done_) return {};
    }
  }

 private:
  static constexpr std::string_view malformed = "commas, colons, brackets or keys are not where they belong";

  void skip_space() {
    while (at_ < text_.size() && std::strchr(" \t\n\r", text_[at_]) != nullptr && text_[at_] != '\0') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view open() {
    const bool object = text_[at_++] == '{';
    if (depth_ == json_depth_max) return depth_fault;
    opened_ = !take(object ? '}' : ']');
    if (!opened_) return {};
    objects_ = objects_ << 1 | (object ? 1U : 0U);
    ++depth_;
    return object ? member_name() : std::string_view{};
  }

  std::string_view member_name() {
    skip_space();
    if (at_ == text_.size() || text_[at_] != '"') return malformed;
    if (const auto wrong = scalar(); !wrong.empty()) return wrong;
    return take(':') ? std::string_view{} : malformed;
  }

  /// Closes what ends here; leaves `at_` before the next value, or `done_`.
  std::string_view after_value() {
    while (depth_ > 0) {
      const bool object = (objects_ & 1) != 0;
      if (take(',')) return object ? member_name() : std::string_view{};
      if (!take(object ? '}' : ']')) return malformed;
      objects_ >>= 1;
      --depth_;
    }
    skip_space();
    done_ = true;
    return at_ == text_.size() ? std::string_view{} : malformed;
  }

  std::string_view scalar() {
    const std::size_t end = json::value_end(text_, at_);
    const std::string_view raw = text_.substr(at_, end - at_);
    at_ = end;
    if (raw.empty()) return malformed;
    if (raw.front() == '"') return string(raw);
    if (raw == "true" || raw == "false" || raw == "null") return {};
    return number(raw);
  }

  static std::string_view string(std::string_view raw) {
    for (std::size_t i = 1; i + 1 < raw.size(); ++i) {
      if (static_cast<unsigned char>(raw[i]) < 0x20) return "a control character in a string is not escaped";
      if (raw[i] == '\\' && std::strchr("\"\\/bfnrtu", raw[++i]) == nullptr) return string_fault;
    }
    std::string ignored;
    return json::read_string(raw, ignored) ? std::string_view{} : string_fault;
  }

  static std::string_view number(std::string_view raw) {
    std::size_t at = raw.front() == '-' ? 1 : 0;
    const auto digits = [&] {
      const std::size_t from = at;
      while (at < raw.size() && raw[at] >= '0' && raw[at] <= '9') ++at;
      return at - from;
    };
    const std::size_t first = at;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && raw[first] == '0')) return number_fault;
    if (at < raw.size() && raw[at] == '.' && (++at, digits() == 0)) return number_fault;
    if (at < raw.size() && (raw[at] == 'e' || raw[at] == 'E')) {
      ++at;
      if (at < raw.size() && (raw[at] == '+' || raw[at] == '-')) ++at;
      if (digits() == 0) return number_fault;
    }
    return at == raw.size() && in_double_range(raw) ? std::string_view{} : number_fault;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t objects_ = 0;
  std::size_t depth_ = 0;
  bool opened_ = false;
  bool done_ = false;
  static_assert(json_depth_max <= 64);
};

/// A parser, and the copy of the text behind which simdjson may read.
struct Scratch {
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> padded;
  std::size_t capacity = 0;

  simdjson::error_code check(std::string_view text) {
    if (text.size() > capacity) {
      capacity = std::bit_ceil(std::max<std::size_t>(text.size(), 4096));
      padded = std::make_unique_for_overwrite<char[]>(capacity + simdjson::SIMDJSON_PADDING);
      // simdjson refuses the container that would fill its stack, and does not count empty ones: what it takes is within the bound.
      if (const auto error = parser.allocate(capacity, json_depth_max); error != simdjson::SUCCESS) return error;
    }
    std::memcpy(padded.get(), text.data(), text.size());
    std::memset(padded.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    simdjson::dom::element ignored;
    return parser.parse(padded.get(), text.size(), false).get(ignored);
  }
};

}  // namespace

struct JsonChecker::Impl {
  Scratch scratch;
};

JsonChecker::JsonChecker() : impl_(new Impl) {}
JsonChecker::~JsonChecker() { delete impl_; }

std::string_view JsonChecker::fault(std::string_view text) {
  if (text.empty()) return describe(simdjson::EMPTY);
  const auto error = text.size() <= kept_bytes_max ? impl_->scratch.check(text) : std::make_unique<Scratch>()->check(text);
  if (error == simdjson::SUCCESS) return {};
  if (error == simdjson::NUMBER_ERROR || error == simdjson::DEPTH_ERROR) return Grammar(text).fault();
  return describe(error);
}

}  // namespace sparc::protocol
