#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "app/arguments.h"
#include "base/result.h"

namespace sparc::app {
namespace {

Result<std::string> read_file(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  std::stringstream text;
  const bool empty = in && in.peek() == std::ifstream::traits_type::eof() && !in.bad();
  if (!empty && (!in || !(text << in.rdbuf()))) return fail(std::string("cannot be read: ") + std::strerror(errno));
  return text.str();
}

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos) out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

}  // namespace

void print_problems(const std::vector<config::Problem>& problems) {
  for (const auto& problem : problems) std::cerr << config::to_string(problem) << "\n";
}

std::expected<config::Loaded, std::vector<config::Problem>> read_configuration(const Arguments& arguments) {
  config::Sources sources;
  if (!arguments.config_file.empty()) {
    auto text = read_file(arguments.config_file);
    if (!text) return std::unexpected(std::vector<config::Problem>{{arguments.config_file, "", text.error().message}});
    sources.file_name = arguments.config_file;
    sources.file_text = std::move(*text);
  }
  // A file is checked for what it says, wherever that is done.
  if (arguments.command != "check-config") sources.environment = environment();
  sources.flags = arguments.config_flags;
  return config::load(sources);
}

std::expected<config::Loaded, int> load_configuration(const Arguments& arguments) {
  auto loaded = read_configuration(arguments);
  if (!loaded) {
    print_problems(loaded.error());
    return std::unexpected(exit_usage);
  }
  for (const auto& warning : loaded->warnings) std::cerr << "warning: " << warning << "\n";
  return std::move(*loaded);
}

}  // namespace sparc::app
