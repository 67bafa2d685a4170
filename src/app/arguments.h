#pragma once
// What was typed on the command line.

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "server/config/load.h"

namespace sparc::app {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

struct Arguments {
  std::string program = "sparc-websocket";  // as it was called, for lines that can be pasted
  std::string command = "serve";

  // where the configuration comes from
  std::string config_file;                                        // empty: none
  std::vector<std::pair<std::string, std::string>> config_flags;  // key and text

  bool print_config = false;  // serve

  // token
  std::string user, tenant, organization, service;
  std::vector<std::string> roles, scopes;
  std::int64_t lifetime_s = 86'400;

  // publish
  std::string url;  // empty: this machine, at the configured port
  std::string ns, room, event, data;

  // tail
  std::string token;
  std::vector<std::string> rooms;
};

/// The arguments, or the exit code after help or a complaint was printed.
[[nodiscard]] std::expected<Arguments, int> parse_arguments(int argc, const char* const* argv);

/// The configuration that the arguments, the environment and the file make.
[[nodiscard]] std::expected<config::Loaded, std::vector<config::Problem>> read_configuration(const Arguments& arguments);
/// The same. Mistakes and warnings are printed to stderr; a mistake is exit code 2.
[[nodiscard]] std::expected<config::Loaded, int> load_configuration(const Arguments& arguments);

/// Prints `problems` to stderr, a line each.
void print_problems(const std::vector<config::Problem>& problems);

}  // namespace sparc::app
