#pragma once
// From what was given to what applies: flags before environment before file before defaults.

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/config.h"
#include "server/config/schema.h"

namespace sparc::config {

/// What there is to read. `flags` are key and text ("port", "3100"); variables that the table does not know are passed over.
struct Sources {
  std::string file_name;
  std::optional<std::string> file_text;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> flags;
};

struct Loaded {
  Config config;
  Config stated;  // the same with the entries that are switched off: what effective_toml prints, so that it can be loaded again
  std::map<std::string, std::string, std::less<>>
      origins;  // key → "file.toml:3", "environment JWT_SECRET", "flag --port"; absent: default
  std::vector<std::string> warnings;
};

/// All mistakes at once, at least one, in the order of the sources. Lists of tables are merged over what is there by name, other
/// values replace. A variable that is set to nothing counts as not set.
[[nodiscard]] std::expected<Loaded, std::vector<Problem>> load(const Sources& sources);

/// What `serve` needs beyond a configuration that is right in itself: a key to verify tokens with, and no development keys on an
/// address that others reach. Empty: it may start.
[[nodiscard]] std::vector<Problem> problems_of_serving(const Loaded& loaded);

}  // namespace sparc::config
