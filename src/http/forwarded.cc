#include "http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>

namespace sparc::http {
namespace {

std::optional<std::string> canonical(const std::string& text) {
  for (const int family : {AF_INET, AF_INET6}) {
    in6_addr address;
    char out[INET6_ADDRSTRLEN];
    if (inet_pton(family, text.c_str(), &address) == 1 && inet_ntop(family, &address, out, sizeof out) != nullptr) return out;
  }
  return std::nullopt;
}

bool is_port(std::string_view text) {
  return text.size() >= 1 && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Cuts at `separator`, but not within a quoted string.
std::string_view cut_element(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (rest[i] == '"')
      quoted = !quoted;
    else if (quoted && rest[i] == '\\')
      ++i;
    else if (!quoted && rest[i] == separator)
      break;
  }
  const std::string_view element = trim_blanks(rest.substr(0, i));
  rest.remove_prefix(std::min(rest.size(), i + 1));
  return element;
}

/// The node of `for=` of one element of Forwarded; empty: none.
std::string_view for_node(std::string_view element) {
  while (!element.empty()) {
    const std::string_view pair = cut_element(element, ';');
    if (pair.size() < 4 || !equals_ignoring_case(pair.substr(0, 4), "for=")) continue;
    std::string_view node = pair.substr(4);
    if (node.size() >= 2 && node.front() == '"' && node.back() == '"') node = node.substr(1, node.size() - 2);
    return node;
  }
  return {};
}

}  // namespace

std::optional<std::string> address_of_node(std::string_view node) {
  if (node.size() > 64) return std::nullopt;
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view behind = node.substr(end + 1);
    if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) return std::nullopt;
    const std::string_view inner = node.substr(1, end - 1);
    return inner.find(':') == std::string_view::npos ? std::nullopt : canonical(std::string(inner));
  }
  if (std::count(node.begin(), node.end(), ':') == 1) {
    const std::size_t colon = node.find(':');
    if (!is_port(node.substr(colon + 1))) return std::nullopt;
    node = node.substr(0, colon);
  }
  return canonical(std::string(node));
}

std::vector<std::string> forwarded_addresses(Headers headers, ForwardedField field) {
  const std::string_view name = field == ForwardedField::forwarded ? "Forwarded" : "X-Forwarded-For";
  std::vector<std::string> addresses;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, name)) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::string_view element = cut_element(rest, ',');
      if (element.empty()) continue;
      if (addresses.size() == forwarded_hops_max) addresses.erase(addresses.begin());
      const std::string_view node = field == ForwardedField::forwarded ? for_node(element) : element;
      addresses.push_back(address_of_node(node).value_or(std::string{}));
    }
  }
  return addresses;
}

std::string client_address(Headers headers, std::string_view peer, std::size_t trusted_proxies, ForwardedField field) {
  std::string believed(peer);
  if (trusted_proxies == 0) return believed;
  const std::vector<std::string> addresses = forwarded_addresses(headers, field);
  for (std::size_t hop = 0; hop < trusted_proxies && hop < addresses.size(); ++hop) {
    const std::string& address = addresses[addresses.size() - 1 - hop];
    if (address.empty()) break;
    believed = address;
  }
  return believed;
}

}  // namespace sparc::http
