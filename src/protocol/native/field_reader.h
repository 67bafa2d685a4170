#pragma once
// Typed access to a frame's fields. The first fault is kept and reading goes on, so that a frame is read without branches on errors.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/publication.h"
#include "protocol/command.h"
#include "protocol/native/frame_fields.h"

namespace sparc::protocol::native {

enum class Need : std::uint8_t { required, optional };

class FieldReader {
 public:
  explicit FieldReader(const FrameFields& fields) : fields_(fields) {}

  /// Empty while everything was as it should be.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  void set_fault(std::string text) {
    if (fault_.empty()) fault_ = std::move(text);
  }

  /// Null counts as absent.
  [[nodiscard]] bool has(Field field) const { return !fields_[field].empty() && fields_[field] != "null"; }
  [[nodiscard]] std::string_view raw(Field field) const { return fields_[field]; }

  /// 1 to `bytes_max` bytes of UTF-8 without control characters; empty where an optional one is absent.
  std::string name(Field field, std::size_t bytes_max, Need need);
  /// Any string, also an empty one; empty where absent.
  std::string text(Field field, Need need);
  std::string id(Field field, Need need);
  std::vector<std::string> names(Field field, std::size_t bytes_max, Need need);
  std::vector<std::string> strings(Field field, Need need);
  std::int64_t integer(Field field, std::int64_t least, std::int64_t most, Need need);
  bool boolean(Field field);
  std::optional<Position> position(Field field);
  Choice<std::string> topics();
  Choice<Filter> filters();
  /// Any JSON, byte for byte; empty where absent.
  std::string data() { return std::string(fields_[Field::data]); }
  /// What stands between the brackets of `args`.
  std::string more_args();

 private:
  bool given(Field field, Need need, std::string_view what);
  void must_be(Field field, std::string_view what);
  bool read_names(std::string_view array, std::size_t bytes_max, std::vector<std::string>& out);
  bool read_filter(std::string_view object, Filter& out);

  const FrameFields& fields_;
  std::string fault_;
};

}  // namespace sparc::protocol::native
