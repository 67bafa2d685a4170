#include "server/config/checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/identity.h"

namespace sparc::config {
namespace {

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

template <class Allowed>
bool all(std::string_view text, Allowed allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool printable(char c) { return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) != 0x7f; }

/// The bits of an address family that `text` is an address of; 0: neither.
int address_bits(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return 32;
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return 128;
  return 0;
}

/// `host` or `host:port` of a URL, without user, path, query or fragment.
bool valid_authority(std::string_view text) {
  return !text.empty() && text.size() <= 255 && all(text, [](char c) {
    return alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

}  // namespace

std::string check_name(const std::string& text) {
  if (text.size() <= 128 && all(text, printable)) return {};
  return "at most 128 characters without spaces";
}

std::string check_namespace_name(const std::string& text) {
  if (text.size() <= 64 && all(text, [](char c) { return lower_or_digit(c) || c == '-' || c == '_'; })) return {};
  return "at most 64 of a-z, 0-9, - and _";
}

std::string check_room(const std::string& text) {
  if (text.size() <= 256 && all(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })) return {};
  return "at most 256 bytes without control characters";
}

std::string check_path(const std::string& text) {
  if (text[0] == '/' && text.size() <= 256 && all(text, [](char c) { return printable(c) && c != '?' && c != '#'; })) return {};
  return "a path that begins with / and has no query";
}

std::string check_id(const std::string& text) { return valid_id(text) ? "" : "at most 128 of A-Z, a-z, 0-9, _ . @ + and -"; }

std::string check_api_key(const std::string& text) {
  if (text.size() <= 512 && all(text, [](char c) { return printable(c) && static_cast<signed char>(c) > 0; })) return {};
  return "at most 512 ASCII characters without spaces";
}

std::string check_scope(const std::string& text) {
  for (const char* scope : {"publish", "read", "disconnect", "rollout", "handle"}) {
    if (text == scope) return {};
  }
  return "of publish, read, disconnect, rollout and handle";
}

std::string check_host(const std::string& text) {
  if (address_bits(text) != 0 || text == "localhost") return {};
  return "an IPv4 or IPv6 address of this machine, or localhost";
}

std::string check_network(const std::string& text) {
  const auto slash = text.find('/');
  const int bits = address_bits(text.substr(0, slash));
  if (bits != 0 && slash == std::string::npos) return {};
  if (bits != 0) {
    int prefix = -1;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + slash + 1, end, prefix);
    if (error == std::errc() && at == end && prefix >= 0 && prefix <= bits) return {};
  }
  return "an address or a network as in 10.0.0.0/8";
}

std::string check_origin(const std::string& text) {
  if (text == "*") return {};
  for (std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme) && valid_authority(std::string_view(text).substr(scheme.size()))) return {};
  }
  return "an origin as browsers send it (https://app.example.com, without a path), or *";
}

std::string check_http_url(const std::string& text) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme) || text.size() == scheme.size() || text.size() > 2048 || !all(text, printable)) continue;
    const auto authority = std::string_view(text).substr(scheme.size());
    if (authority.substr(0, authority.find_first_of("/?#")).find('@') == std::string_view::npos) return {};
  }
  return "an http:// or https:// URL without a user and a password, which would stand in logs";
}

std::string check_redis_url(const std::string& text) {
  for (std::string_view scheme : {"redis://", "rediss://", "unix://"}) {
    if (text.starts_with(scheme) && text.size() > scheme.size() && all(text, printable)) return {};
  }
  return "a redis://, rediss:// or unix:// URL";
}

std::string check_cookie(const std::string& text) {
  if (text.size() <= 64 && all(text, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; })) return {};
  return "the name of a cookie";
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && address_bits(host) == 32);
}

}  // namespace sparc::config
