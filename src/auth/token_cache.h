#pragma once
// Tokens whose signature was checked already.

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "auth/claims.h"
#include "auth/digest.h"
#include "base/identity.h"

namespace sparc::auth {

/// Identities by the hash of the whole token and the rules it was read with; the least recently used go first.
/// Thread: confined to one.
class TokenCache {
 public:
  struct Entry {
    Identity identity;
    std::int64_t refused_from_ms = 0;  // Unix milliseconds, leeway included; 0: never
  };

  /// `entries_max` 0: keeps nothing.
  explicit TokenCache(std::size_t entries_max) : entries_max_(entries_max) {}

  /// Null on a miss; valid until the next call.
  [[nodiscard]] const Entry* find(const TokenHash& text, const ClaimRules* rules);
  void store(const TokenHash& text, std::shared_ptr<const ClaimRules> rules, Entry entry);
  void erase(const TokenHash& text, const ClaimRules* rules);
  void clear();
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Key {
    TokenHash text;
    const ClaimRules* rules = nullptr;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return mix(TokenHashHash{}(key.text), std::hash<const ClaimRules*>{}(key.rules));
    }
  };
  struct Slot {
    Key key;
    std::shared_ptr<const ClaimRules> rules;  // shared; while it lives, no other rules have its address
    Entry entry;
  };

  std::size_t entries_max_;
  std::list<Slot> entries_;  // most recently used first
  std::unordered_map<Key, std::list<Slot>::iterator, KeyHash> by_key_;
};

}  // namespace sparc::auth
