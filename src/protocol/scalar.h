#pragma once
// The form in which filter values are compared (Scalar in command.h).

#include <optional>
#include <string>
#include <string_view>

#include "protocol/command.h"

namespace sparc::protocol {

/// `s` and the text of a JSON string, or `n` and the shortest decimal form of a JSON number: exact whatever its length, so that
/// 1, 1.0, 10e-1 and 1e0 are equal and 9007199254740993 is not 9007199254740992. Empty for any other value.
/// `raw` is one valid JSON value.
[[nodiscard]] Scalar scalar_of(std::string_view raw);

/// The scalar of a text that is a string already.
[[nodiscard]] inline Scalar string_scalar(std::string_view text) { return "s" + std::string(text); }

/// The JSON value that a scalar stands for.
void append_scalar(std::string& out, const Scalar& scalar);

/// Whether a JSON number is within the range of a double (what is too small counts as 0).
[[nodiscard]] bool in_double_range(std::string_view raw);

}  // namespace sparc::protocol
