#pragma once
// What the load generator is asked to do: `bench-load MODE --name value …`.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bench {

/// Options by name, without the dashes. Every one has a default; an unknown name ends the program with code 2.
class Options {
 public:
  Options(int argc, char** argv);

  [[nodiscard]] const std::string& mode() const { return mode_; }
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::int64_t number(std::string_view name) const;
  [[nodiscard]] double real(std::string_view name) const;

  /// All names with their defaults and meaning, for --help.
  static std::string help();

 private:
  std::string mode_;
  std::map<std::string, std::string, std::less<>> values_;
};

/// Says what is wrong and exits with code 1: the measurement is worth nothing.
[[noreturn]] void give_up(std::string_view why);

}  // namespace bench
