#pragma once
// What a connection wants of a namespace, interned: equal wishes are one class of subscribers, evaluated once per publication.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/codes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/publication.h"
#include "protocol/command.h"

namespace sparc::protocol {

/// A field that filters may name and where its value stands in a payload: the first of `paths` that is there wins
/// (`type`: type, alertType). A path is a member name of the payload object, or a JSON pointer when it begins with '/'.
struct FilterField {
  std::string name;
  std::vector<std::string> paths;
};

struct Topic {
  std::string name;                   // security:events
  std::vector<std::string> patterns;  // security:*
};

/// The topics and fields of one namespace, from configuration.
struct FilterVocabulary {
  std::vector<Topic> topics;
  std::vector<FilterField> fields;
};

/// Bounds of filters that are the same everywhere, beside those in limits.h.
inline constexpr std::size_t filter_value_bytes_max = 256;  // of one value's text
inline constexpr std::uint32_t every_ms_min = 100;
inline constexpr std::uint32_t every_ms_max = 86'400'000;  // a day

/// The values that a publication has in the configured fields: read once per publication, only when somebody filters.
class FieldValues {
 public:
  /// `data` is valid JSON. A field that is absent, or neither string nor number, has no value; so has every field of a payload that
  /// is no object. Of equal keys the last counts, as in JSON.parse.
  static FieldValues read(std::string_view data, const FilterVocabulary& vocabulary);
  [[nodiscard]] const Scalar* value(std::size_t field) const {
    return field >= values_.size() || values_[field].empty() ? nullptr : &values_[field];
  }

 private:
  std::vector<Scalar> values_;  // by index of vocabulary.fields; empty: no value
};

/// A connection's wishes in one namespace, with topics resolved to patterns and fields to indexes.
struct Wish {
  bool all_topics = true;
  std::vector<std::string> topics;  // as named by the client, sorted, unique: topic names or exact event names
  bool all_values = true;
  std::vector<Filter> filters;  // OR; sorted
  friend bool operator==(const Wish&, const Wish&) = default;

  [[nodiscard]] bool everything() const { return all_topics && all_values; }
  /// The longest wait a filter asks for; 0: none.
  [[nodiscard]] std::uint32_t every_ms() const;
};

/// Replaces in `wish` what the choices say. Faults (BAD_REQUEST): a field that is not configured (the text names those that are),
/// too many filters, values or topics, everyMs outside of its bounds. The answer is canonical: equal wishes are equal values.
[[nodiscard]] std::expected<Wish, Fault> apply(const Wish& wish, const Choice<std::string>& topics, const Choice<Filter>& filters,
                                               const FilterVocabulary& vocabulary, const Limits& limits);

/// Whether an event with these field values passes: the topics and the filters.
[[nodiscard]] bool passes(const Wish& wish, std::string_view event, const FieldValues& values,
                          const FilterVocabulary& vocabulary);

/// Index of an interned wish in its namespace's table; 0 is always the wish for everything.
using WishId = std::uint32_t;

/// The wishes of one namespace on one shard, reference-counted. Distinct wishes of one tenant are bounded
/// (limits.tenant_filters_max).
/// Thread: confined to the shard.
class WishTable {
 public:
  WishTable();
  /// Adds a reference (the wish for everything needs none, and `release` of it does nothing). Fault: RATE_LIMITED-like bound reached (BAD_REQUEST, naming limits.tenant_filters_max).
  [[nodiscard]] std::expected<WishId, Fault> acquire(const Wish& wish, std::string_view tenant, const Limits& limits);
  void release(WishId id);
  [[nodiscard]] const Wish& at(WishId id) const;
  /// Distinct (tenant, wish), without the wish for everything.
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  struct Slot {
    Wish wish;
    std::string key;
    std::string tenant;
    std::uint32_t references = 0;
  };
  std::vector<Slot> slots_;
  std::vector<WishId> free_;
  std::unordered_map<std::string, WishId, StringHash, std::equal_to<>> by_key_;  // tenant, then the wish's canonical text
  std::unordered_map<std::string, std::size_t, StringHash, std::equal_to<>> per_tenant_;
  std::size_t live_ = 0;
};

}  // namespace sparc::protocol
