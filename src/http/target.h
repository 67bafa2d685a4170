#pragma once
// Request targets (RFC 9112 section 3.2), percent-encoding (RFC 3986 section 2.1) and queries.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sparc::http {

struct Target {
  std::string_view path;  // begins with '/', or is "*"
  std::string_view query;
};

/// Origin form, absolute form of http and https (whose authority is dropped), or "*". None: anything else, a fragment, or bytes
/// that no target may have.
[[nodiscard]] std::optional<Target> split_target(std::string_view target);

/// Of a Host field, without the port: `example.com`, `[::1]`.
[[nodiscard]] std::string_view host_name(std::string_view host);

enum class Plus : bool { literal, space };  // forms write a space of a query as '+'

/// None: a '%' without two hexadecimal digits. The result may hold any bytes.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, Plus plus = Plus::literal);
/// Everything but the unreserved characters of RFC 3986 section 2.3 is encoded.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// The first parameter of that name, decoded; a name without '=' has the empty value. None: absent, or not decodable.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);
/// At most `parameters_max` of them, in order; those that cannot be decoded are left out.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query,
                                                                                std::size_t parameters_max = 64);

}  // namespace sparc::http
