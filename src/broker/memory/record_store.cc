#include "broker/memory/record_store.h"

#include <utility>

namespace sparc::broker {

void RecordStore::keep(std::string key, std::string value, std::int64_t expires_ms) {
  const auto found = records_.find(key);
  if (value.empty()) {
    if (found != records_.end()) found->second.expires_ms = expires_ms;
  } else if (found != records_.end()) {
    found->second = {std::move(value), expires_ms};
  } else if (records_.size() < records_max_) {
    records_.emplace(std::move(key), Record{std::move(value), expires_ms});
  } else {
    ++refused_;
  }
}

std::optional<std::string> RecordStore::take(const std::string& key, std::int64_t now_ms) {
  const auto found = records_.find(key);
  if (found == records_.end()) return std::nullopt;
  Record record = std::move(found->second);
  records_.erase(found);
  if (record.expires_ms <= now_ms) return std::nullopt;
  return std::move(record.value);
}

void RecordStore::expire(std::int64_t now_ms) {
  constexpr std::int64_t sweep_ms = 10'000;
  if (now_ms - swept_ms_ < sweep_ms) return;
  swept_ms_ = now_ms;
  std::erase_if(records_, [&](const auto& item) { return item.second.expires_ms <= now_ms; });
}

}  // namespace sparc::broker
