#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sparc::broker {

/// Writes `path` whole or not at all: a temporary file beside it (mode 0600), fsync, rename, fsync of the folder. Blocks.
/// Errors: name the step and the system's reason; an older file at `path` is untouched then.
[[nodiscard]] Result<void> write_snapshot_file(const std::string& path, std::string_view bytes);

/// Reads `path` and removes it, durably, before it returns: a process that crashes later finds no file, begins new epochs and
/// never gives an offset twice. Absent where there is no file. Blocks.
/// Errors: the file could not be read (it is removed all the same), is longer than `bytes_max`, or could not be removed: it must
/// not be used then, and neither may streams begin beside it, for the next start would read it.
[[nodiscard]] Result<std::optional<std::string>> take_snapshot_file(const std::string& path,
                                                                    std::uint64_t bytes_max = 4ULL << 30);

}  // namespace sparc::broker
