#pragma once
// The one table of what can be set. Reading, `--help`, `--print-config` and docs/configuration.md all come from it.

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/schema.h"

namespace sparc::config {

struct Option {
  std::string_view group;  // heading in documents
  Field field;             // of Config; its name is the key in TOML
  std::string variable;    // WEBSOCKET_… of the key, unless deployments already know another name
  std::string flag;        // --limits-message-bytes-max for limits.message_bytes_max
};

/// In the order of documents. Made once; lives as long as the process.
/// Thread: any, after the first call returned.
[[nodiscard]] const std::vector<Option>& options();
/// Null where there is none.
[[nodiscard]] const Option* find_option(std::string_view key);
/// The keys of Config, for read_members.
[[nodiscard]] const Fields& config_fields();

/// The rows of base/limits.h.
[[nodiscard]] Fields limits();

}  // namespace sparc::config
