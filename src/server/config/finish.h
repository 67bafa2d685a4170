#pragma once
// What no single key can tell: choices that depend on others, and contradictions between keys.

#include "server/config/load.h"

namespace sparc::config {

/// Resolves what is `automatic`, leaves out what is switched off, adds warnings, and finds contradictions.
void finish(Loaded& loaded, std::vector<Problem>& problems);

}  // namespace sparc::config
