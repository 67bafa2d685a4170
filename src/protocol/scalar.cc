#include "protocol/scalar.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/json_text.h"
#include "protocol/json_scan.h"

namespace sparc::protocol {
namespace {

constexpr std::int64_t exponent_max = 1'000'000'000'000;  // beyond it exponents are taken as equal; no double comes near
constexpr std::int64_t plain_zeros_max = 20;              // more than that before or behind the digits: written with an exponent

/// digits × 10^exponent, without zeros at either end of the digits; no digits for zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;

  [[nodiscard]] std::int64_t magnitude() const { return exponent + static_cast<std::int64_t>(digits.size()); }
};

std::int64_t read_exponent(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return text.starts_with('-') ? -exponent_max : exponent_max;
  return std::clamp(value, -exponent_max, exponent_max);
}

Decimal read_decimal(std::string_view raw) {
  Decimal out;
  out.negative = raw.starts_with('-');
  bool fraction = false;
  for (std::size_t i = out.negative ? 1 : 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == 'e' || c == 'E') {
      out.exponent += read_exponent(raw.substr(i + 1));
      break;
    }
    if (c == '.') {
      fraction = true;
      continue;
    }
    if (fraction) --out.exponent;
    if (c != '0' || !out.digits.empty()) out.digits.push_back(c);
  }
  while (!out.digits.empty() && out.digits.back() == '0') {
    out.digits.pop_back();
    ++out.exponent;
  }
  if (out.digits.empty()) return Decimal{};
  return out;
}

void append_decimal(std::string& out, const Decimal& number) {
  if (number.digits.empty()) {
    out.push_back('0');
    return;
  }
  if (number.negative) out.push_back('-');
  const std::int64_t size = static_cast<std::int64_t>(number.digits.size());
  const std::int64_t point = number.magnitude();  // digits before the point
  if (number.exponent >= 0 && number.exponent <= plain_zeros_max) {
    out += number.digits;
    out.append(static_cast<std::size_t>(number.exponent), '0');
  } else if (number.exponent < 0 && point > 0) {
    out.append(number.digits, 0, static_cast<std::size_t>(point));
    out.push_back('.');
    out.append(number.digits, static_cast<std::size_t>(point));
  } else if (number.exponent < 0 && point > -plain_zeros_max) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += number.digits;
  } else {
    out.push_back(number.digits.front());
    if (size > 1) {
      out.push_back('.');
      out.append(number.digits, 1);
    }
    out.push_back('e');
    append_number(out, point - 1);
  }
}

}  // namespace

Scalar scalar_of(std::string_view raw) {
  Scalar out;
  switch (json::kind_of(raw)) {
    case json::Kind::string: {
      std::string storage;
      const auto text = json::view_string(raw, storage);
      if (text) {
        out.reserve(text->size() + 1);
        out.push_back('s');
        out += *text;
      }
      return out;
    }
    case json::Kind::number:
      out.push_back('n');
      append_decimal(out, read_decimal(raw));
      return out;
    default: return out;
  }
}

void append_scalar(std::string& out, const Scalar& scalar) {
  const std::string_view value = std::string_view(scalar).substr(scalar.empty() ? 0 : 1);
  if (scalar.starts_with('n')) {
    out += value;
  } else {
    append_json_string(out, value);
  }
}

bool in_double_range(std::string_view raw) {
  const Decimal number = read_decimal(raw);
  if (number.digits.empty() || number.magnitude() < 308) return true;
  if (number.magnitude() > 309) return false;
  double value = 0;
  return std::from_chars(raw.data(), raw.data() + raw.size(), value).ec == std::errc{};
}

}  // namespace sparc::protocol
