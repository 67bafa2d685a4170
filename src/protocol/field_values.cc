#include "protocol/filter.h"
#include "protocol/json_scan.h"
#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

/// What was found for one field so far: the first of its paths that is there wins.
struct Found {
  std::size_t path = SIZE_MAX;
  std::string_view raw;
};

void look_for_member(std::string_view key, std::string_view raw, const FilterVocabulary& vocabulary, std::vector<Found>& found) {
  for (std::size_t field = 0; field < found.size(); ++field) {
    const auto& paths = vocabulary.fields[field].paths;
    for (std::size_t path = 0; path < paths.size() && path <= found[field].path; ++path) {
      if (paths[path] == key) found[field] = {path, raw};
    }
  }
}

void look_for_pointers(std::string_view data, const std::vector<std::string>& paths, Found& found) {
  for (std::size_t path = 0; path < paths.size() && path < found.path; ++path) {
    if (!paths[path].starts_with('/')) continue;
    const std::string_view raw = json::find(data, paths[path]);
    if (!raw.empty()) found = {path, raw};
  }
}

}  // namespace

FieldValues FieldValues::read(std::string_view data, const FilterVocabulary& vocabulary) {
  FieldValues out;
  out.values_.resize(vocabulary.fields.size());
  data = json::trimmed(data);
  if (json::kind_of(data) != json::Kind::object || vocabulary.fields.empty()) return out;
  std::vector<Found> found(vocabulary.fields.size());
  std::string storage;
  json::Walker members(data);
  while (members.next()) {
    if (const auto key = json::view_string(members.key, storage)) look_for_member(*key, members.value, vocabulary, found);
  }
  for (std::size_t field = 0; field < found.size(); ++field) {
    look_for_pointers(data, vocabulary.fields[field].paths, found[field]);
    Scalar& value = out.values_[field];
    value = scalar_of(found[field].raw);
    // One byte more than any filter can name: still unequal to all of them.
    if (value.size() > filter_value_bytes_max + 2) value.resize(filter_value_bytes_max + 2);
  }
  return out;
}

}  // namespace sparc::protocol
