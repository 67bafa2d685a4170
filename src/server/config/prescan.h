#pragma once
// What the TOML parser must not be given.

#include <optional>
#include <string_view>

#include "server/config/value.h"

namespace sparc::config {

/// Outside of quotes and comments TOML is ASCII without control characters; toml++ 3.3 has undefined behaviour where it is not (it
/// looks for Unicode white space with a table that is wrong). Texts over several lines, in which it looks too, are not used here.
/// Nothing: the parser may have it.
[[nodiscard]] std::optional<SyntaxError> prescan_toml(std::string_view text);

}  // namespace sparc::config
