#pragma once
// Names of what a service may do.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/identity.h"

namespace sparc::auth {

inline constexpr std::uint8_t all_scopes = 0x1f;

[[nodiscard]] constexpr std::optional<Scope> scope_named(std::string_view name) {
  if (name == "publish") return Scope::publish;
  if (name == "read") return Scope::read;
  if (name == "disconnect") return Scope::disconnect;
  if (name == "rollout") return Scope::rollout;
  if (name == "handle") return Scope::handle;
  return std::nullopt;
}

/// Bits of a list separated by spaces; unknown names are ignored (RFC 6749 section 3.3 lets issuers add their own).
[[nodiscard]] constexpr std::uint8_t scopes_of(std::string_view list) {
  std::uint8_t bits = 0;
  while (!list.empty()) {
    const std::size_t space = list.find(' ');
    if (const auto scope = scope_named(list.substr(0, space))) bits |= static_cast<std::uint8_t>(*scope);
    if (space == std::string_view::npos) break;
    list.remove_prefix(space + 1);
  }
  return bits;
}

/// Who acts on one tenant alone has no rollout, which is everybody's.
[[nodiscard]] constexpr std::uint8_t scopes_within(std::uint8_t bits, std::string_view tenant) {
  return tenant.empty() ? bits : static_cast<std::uint8_t>(bits & ~static_cast<unsigned>(Scope::rollout));
}

}  // namespace sparc::auth
