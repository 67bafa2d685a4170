#pragma once
// The table as texts: the effective configuration, and the documentation.

#include <string>

#include "server/config/load.h"

namespace sparc::config {

/// TOML that `load` takes again, one line a key with where its value came from. Secrets are left out, and said to be.
[[nodiscard]] std::string effective_toml(const Loaded& loaded);

/// docs/configuration.md.
[[nodiscard]] std::string documentation();

}  // namespace sparc::config
