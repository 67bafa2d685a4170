#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/config/load.h"

namespace sparc::config {

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline Sources sources(std::string file, Pairs environment = {}, Pairs flags = {}) {
  Sources out;
  out.file_name = "test.toml";
  out.file_text = std::move(file);
  out.environment = std::move(environment);
  out.flags = std::move(flags);
  return out;
}

/// What mistakes there are, a line each.
inline std::string mistakes(const std::expected<Loaded, std::vector<Problem>>& loaded) {
  std::string out;
  if (!loaded) {
    for (const auto& problem : loaded.error()) out += to_string(problem) + "\n";
  }
  return out;
}

inline Loaded load_good(const Sources& from) {
  auto loaded = load(from);
  EXPECT_TRUE(loaded.has_value()) << mistakes(loaded);
  return loaded ? std::move(*loaded) : Loaded{};
}

inline std::string mistakes_of(std::string file, Pairs environment = {}, Pairs flags = {}) {
  return mistakes(load(sources(std::move(file), std::move(environment), std::move(flags))));
}

inline const Namespace& namespace_of(const Config& config, std::string_view name) {
  for (const auto& ns : config.namespaces) {
    if (ns.name == name) return ns;
  }
  throw std::out_of_range(std::string(name));
}

}  // namespace sparc::config
