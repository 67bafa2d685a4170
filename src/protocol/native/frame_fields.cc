#include "protocol/native/frame_fields.h"

#include <algorithm>
#include <string>

#include "protocol/json_scan.h"

namespace sparc::protocol::native {
namespace {

constexpr std::array<std::string_view, field_count> names{
#define F(name, wire) wire,
    SPARC_FIELDS(F)
#undef F
};
constexpr std::size_t longest = 16;

/// Where the names of each length begin; a name's length picks the few it is compared with.
constexpr std::array<std::uint8_t, longest + 2> make_begins() {
  std::array<std::uint8_t, longest + 2> begins{};
  for (std::size_t length = 0; length < begins.size(); ++length) {
    std::size_t i = 0;
    while (i < names.size() && names[i].size() < length) ++i;
    begins[length] = static_cast<std::uint8_t>(i);
  }
  return begins;
}
constexpr auto begins = make_begins();
static_assert(names.back().size() == longest);

std::optional<Field> field_of(std::string_view name) {
  if (name.size() > longest) return std::nullopt;
  for (std::size_t i = begins[name.size()]; i < begins[name.size() + 1]; ++i) {
    if (names[i] == name) return static_cast<Field>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Field field) { return names[static_cast<std::size_t>(field)]; }

FrameFields::FrameFields(std::string_view object) {
  static_assert(std::is_sorted(names.begin(), names.end(), [](auto a, auto b) { return a.size() < b.size(); }));
  json::Walker members(object);
  std::string storage;
  while (members.next()) {
    const auto key = json::view_string(members.key, storage);
    const auto field = key ? field_of(*key) : std::nullopt;
    if (!field) continue;
    std::string_view& raw = raw_[static_cast<std::size_t>(*field)];
    if (!raw.empty() && !twice_) twice_ = field;
    if (raw.empty()) raw = members.value;
  }
}

}  // namespace sparc::protocol::native
