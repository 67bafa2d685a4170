#pragma once
// Who a connection is, as its token said.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace sparc {

/// Ids of users, tenants and organizations: [A-Za-z0-9_.@+-]{1,128}.
inline bool valid_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '@' ||
           c == '+' || c == '-';
  });
}

/// Names of roles, sorted and unique, in one text: most identities have one or two, and there are as many identities as connections.
class Roles {
 public:
  Roles() = default;
  Roles(std::initializer_list<std::string> names) : Roles(std::vector<std::string>(names)) {}
  /// In any order. Each of at most 65,535 bytes: a token has fewer.
  explicit Roles(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names) {
      packed_ += static_cast<char>(name.size() >> 8);
      packed_ += static_cast<char>(name.size());
      packed_ += name;
    }
  }

  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) {}
    std::string_view operator*() const { return rest_.substr(2, size()); }
    Iterator& operator++() {
      rest_.remove_prefix(2 + size());
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.rest_.size() == b.rest_.size(); }

   private:
    [[nodiscard]] std::size_t size() const {
      return static_cast<std::size_t>(static_cast<unsigned char>(rest_[0])) << 8 | static_cast<unsigned char>(rest_[1]);
    }
    std::string_view rest_;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(packed_); }
  [[nodiscard]] Iterator end() const { return Iterator(std::string_view(packed_).substr(packed_.size())); }
  [[nodiscard]] bool empty() const { return packed_.empty(); }
  [[nodiscard]] bool contains(std::string_view name) const { return std::find(begin(), end(), name) != end(); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const std::string_view name : *this) out.emplace_back(name);
    return out;
  }
  friend bool operator==(const Roles&, const Roles&) = default;

 private:
  std::string packed_;  // of each its length in two bytes, then it
};

struct Identity {
  std::string user_id;
  std::string tenant_id;
  std::string organization_id;  // empty: none
  Roles roles;
  std::int64_t expires_ms = 0;       // Unix milliseconds; 0: never
  std::uint64_t token_hash[2] = {};  // 128 bits of SHA-256 of the token, for revocation
  bool anonymous = false;            // a configured identity of a path, without a token

  [[nodiscard]] bool has_role(std::string_view role) const { return roles.contains(role); }
};

/// What an API key or a service token may do.
enum class Scope : std::uint8_t { publish = 1, read = 2, disconnect = 4, rollout = 8, handle = 16 };

struct ServiceIdentity {
  std::string name;         // of the key, or the token's subject
  std::uint8_t scopes = 0;  // bits of Scope
  std::string tenant_id;    // empty: every tenant
  std::int64_t expires_ms = 0;
  std::uint64_t token_hash[2] = {};  // as of Identity; zero: an API key

  [[nodiscard]] bool may(Scope scope) const { return (scopes & static_cast<std::uint8_t>(scope)) != 0; }
};

}  // namespace sparc
