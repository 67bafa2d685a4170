#pragma once
// Tokens that are not accepted any more, although they verify.

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

#include "auth/digest.h"
#include "base/clock.h"

namespace sparc::auth {

/// Hashes of revoked tokens (hash_token), each until the token itself expires.
///
/// Limits:   `entries_max` hashes. Beyond it the one that expires soonest goes, is counted, and its token is accepted again by
///           this set: the caller raises an alarm.
/// Thread:   confined to one.
class RevocationSet {
 public:
  enum class Added : std::uint8_t {
    added,
    known,      // was there; the later of the two expiries holds
    displaced,  // added, and another was forgotten for it
    expired,    // not added: nobody accepts the token any more
  };

  explicit RevocationSet(std::size_t entries_max = 100'000) : entries_max_(entries_max == 0 ? 1 : entries_max) {}

  /// `expires_ms`: Unix milliseconds from which the token is refused anyway, its leeway included; 0: never.
  Added add(const TokenHash& token, std::int64_t expires_ms, Now now);
  /// Undoes an add. False: was not there.
  bool remove(const TokenHash& token);
  [[nodiscard]] bool contains(const TokenHash& token) const { return by_token_.contains(token); }
  /// Forgets what has expired. Called about once a second.
  void on_tick(Now now);
  [[nodiscard]] std::size_t size() const { return by_token_.size(); }
  [[nodiscard]] std::uint64_t displaced() const { return displaced_; }

 private:
  using ByExpiry = std::multimap<std::int64_t, TokenHash>;
  std::size_t entries_max_;
  ByExpiry by_expiry_;
  std::unordered_map<TokenHash, ByExpiry::iterator, TokenHashHash> by_token_;
  std::uint64_t displaced_ = 0;
};

}  // namespace sparc::auth
