#include "auth/token_cache.h"

namespace sparc::auth {

const TokenCache::Entry* TokenCache::find(const TokenHash& text, const ClaimRules* rules) {
  const auto found = by_key_.find(Key{text, rules});
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->entry;
}

void TokenCache::store(const TokenHash& text, std::shared_ptr<const ClaimRules> rules, Entry entry) {
  if (entries_max_ == 0) return;
  const Key key{text, rules.get()};
  erase(text, rules.get());
  if (entries_.size() >= entries_max_) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, std::move(rules), std::move(entry)});
  by_key_.emplace(key, entries_.begin());
}

void TokenCache::erase(const TokenHash& text, const ClaimRules* rules) {
  const auto found = by_key_.find(Key{text, rules});
  if (found == by_key_.end()) return;
  entries_.erase(found->second);
  by_key_.erase(found);
}

void TokenCache::clear() {
  by_key_.clear();
  entries_.clear();
}

}  // namespace sparc::auth
