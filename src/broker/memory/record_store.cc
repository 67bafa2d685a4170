#include "broker/memory/record_store.h"

#include <cstring>
#include <new>
#include <utility>

namespace sparc::broker {

void RecordStore::Free::operator()(Record* record) const { ::operator delete(record); }

RecordStore::RecordPtr RecordStore::make(std::string_view key, std::string_view value, std::int64_t expires_ms) {
  void* memory = ::operator new(sizeof(Record) + key.size() + value.size());
  auto* record =
      new (memory) Record{expires_ms, static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size())};
  char* text = static_cast<char*>(memory) + sizeof(Record);
  key.copy(text, key.size());
  value.copy(text + key.size(), value.size());
  return RecordPtr(record);
}

void RecordStore::keep(std::string_view key, std::string_view value, std::int64_t expires_ms) {
  const auto found = records_.find(key);
  if (value.empty()) {
    if (found != records_.end()) (*found)->expires_ms = expires_ms;
    return;
  }
  if (found != records_.end()) {
    records_.erase(found);
  } else if (records_.size() >= records_max_) {
    ++refused_;
    return;
  }
  records_.insert(make(key, value, expires_ms));
}

std::optional<std::string> RecordStore::take(std::string_view key, std::int64_t now_ms) {
  const auto found = records_.find(key);
  if (found == records_.end()) return std::nullopt;
  const Record& record = **found;
  auto value = record.expires_ms <= now_ms ? std::nullopt : std::optional<std::string>(record.value());
  records_.erase(found);
  return value;
}

void RecordStore::expire(std::int64_t now_ms) {
  constexpr std::int64_t sweep_ms = 10'000;
  if (now_ms - swept_ms_ < sweep_ms) return;
  swept_ms_ = now_ms;
  absl::erase_if(records_, [&](const RecordPtr& record) { return record->expires_ms <= now_ms; });
}

}  // namespace sparc::broker
