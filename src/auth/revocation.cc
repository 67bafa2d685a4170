#include "auth/revocation.h"

namespace sparc::auth {

RevocationSet::Added RevocationSet::add(const TokenHash& token, std::int64_t expires_ms, Now now) {
  const std::int64_t until = expires_ms == 0 ? INT64_MAX : expires_ms;
  if (until <= now.wall_ms) return Added::expired;
  if (const auto found = by_token_.find(token); found != by_token_.end()) {
    if (until > found->second->first) {
      by_expiry_.erase(found->second);
      found->second = by_expiry_.emplace(until, token);
    }
    return Added::known;
  }
  on_tick(now);
  Added result = Added::added;
  if (by_token_.size() >= entries_max_) {
    by_token_.erase(by_expiry_.begin()->second);
    by_expiry_.erase(by_expiry_.begin());
    ++displaced_;
    result = Added::displaced;
  }
  by_token_.emplace(token, by_expiry_.emplace(until, token));
  return result;
}

bool RevocationSet::remove(const TokenHash& token) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return false;
  by_expiry_.erase(found->second);
  by_token_.erase(found);
  return true;
}

void RevocationSet::on_tick(Now now) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now.wall_ms) {
    by_token_.erase(by_expiry_.begin()->second);
    by_expiry_.erase(by_expiry_.begin());
  }
}

}  // namespace sparc::auth
