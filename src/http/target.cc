#include "http/target.h"

#include <algorithm>

#include "base/header.h"

namespace sparc::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

/// Calls `visit(name, value)`, both encoded, until it returns false.
template <class F>
void for_each_parameter(std::string_view query, F&& visit) {
  while (!query.empty()) {
    const std::size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    if (!pair.empty() && !visit(pair.substr(0, equals), value)) return;
    if (ampersand == std::string_view::npos) return;
    query.remove_prefix(ampersand + 1);
  }
}

}  // namespace

std::optional<Target> split_target(std::string_view target) {
  const bool printable = std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!printable) return std::nullopt;
  if (target == "*") return Target{target, {}};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = target.find_first_of("/?");
    if (end == 0 || target.substr(0, end).find('@') != std::string_view::npos || target.empty()) return std::nullopt;
    if (end == std::string_view::npos) return Target{"/", {}};
    target.remove_prefix(end);
    if (target.front() == '?') return Target{"/", target.substr(1)};
    break;
  }
  if (!target.starts_with('/')) return std::nullopt;
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return Target{target, {}};
  return Target{target.substr(0, question), target.substr(question + 1)};
}

std::string_view host_name(std::string_view host) {
  const std::size_t address_end = host.starts_with('[') ? host.find(']') : 0;
  return address_end == std::string_view::npos ? host : host.substr(0, host.find(':', address_end));
}

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (;;) {
    const auto coded = std::ranges::find_if(text, [&](char c) { return c == '%' || (c == '+' && plus == Plus::space); });
    const auto plain = static_cast<std::size_t>(coded - text.begin());
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return out;
    if (text.front() == '+') {
      out += ' ';
      text.remove_prefix(1);
      continue;
    }
    const int high = text.size() > 2 ? hex_value(text[1]) : -1;
    const int low = text.size() > 2 ? hex_value(text[2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    text.remove_prefix(3);
  }
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  for_each_parameter(query, [&](std::string_view encoded_name, std::string_view value) {
    const bool coded = encoded_name.find_first_of("%+") != std::string_view::npos;
    if (coded ? percent_decode(encoded_name, Plus::space) != name : encoded_name != name) return true;
    found = percent_decode(value, Plus::space);
    return false;
  });
  return found;
}

std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query, std::size_t parameters_max) {
  std::vector<std::pair<std::string, std::string>> out;
  for_each_parameter(query, [&](std::string_view encoded_name, std::string_view encoded_value) {
    auto name = percent_decode(encoded_name, Plus::space);
    auto value = percent_decode(encoded_value, Plus::space);
    if (name && value && out.size() < parameters_max) out.emplace_back(std::move(*name), std::move(*value));
    return out.size() < parameters_max;
  });
  return out;
}

}  // namespace sparc::http
