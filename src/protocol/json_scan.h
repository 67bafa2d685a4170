#pragma once
// Reads parts of JSON that was already validated (json_checker.h): nothing is checked again and nothing is copied. On text that is
// not valid the answers mean nothing, but no byte outside of it is read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sparc::protocol::json {

enum class Kind : std::uint8_t { none, null, boolean, number, string, array, object };

/// By the first byte of a value; `none` for an empty view.
[[nodiscard]] Kind kind_of(std::string_view raw);

/// Without the white space around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The end of the value that begins at `at` (which is not white space), as an index into `text`.
[[nodiscard]] std::size_t value_end(std::string_view text, std::size_t at);

/// Steps over the members of an object or the elements of an array, in their order.
///
/// Lifetime: `key` and `value` view the text given to the constructor, byte for byte, without white space around them.
class Walker {
 public:
  /// `container` begins with `{` or `[`.
  explicit Walker(std::string_view container);
  /// False at the end.
  [[nodiscard]] bool next();

  std::string_view key;  // with its quotes; empty in arrays
  std::string_view value;

 private:
  void skip_space();
  std::string_view text_;
  std::size_t at_ = 1;
  bool object_;
};

/// The text of a JSON string, unescaped; false where `raw` is no string, or holds half of a surrogate pair.
[[nodiscard]] bool read_string(std::string_view raw, std::string& out);
/// As read_string, but views `raw` where it has no escapes, else `storage`.
[[nodiscard]] std::optional<std::string_view> view_string(std::string_view raw, std::string& storage);
/// Integers only: 1.0 and 1e0 are refused, so is what does not fit.
[[nodiscard]] std::optional<std::int64_t> read_integer(std::string_view raw);
[[nodiscard]] std::optional<bool> read_boolean(std::string_view raw);

/// The value at a JSON pointer (RFC 6901), or of the top-level member `path` where that does not begin with `/`. Of equal keys the
/// last counts, as in JSON.parse. Empty: not there.
[[nodiscard]] std::string_view find(std::string_view value, std::string_view path);

}  // namespace sparc::protocol::json
