#include "server/config/load.h"

#include "server/config/checks.h"
#include "server/config/finish.h"
#include "server/config/options.h"

namespace sparc::config {
namespace {

class Loader {
 public:
  explicit Loader(const Sources& sources) : sources_(sources) { loaded_.config = shipped_defaults(); }

  std::expected<Loaded, std::vector<Problem>> run() {
    read_file();
    read_environment();
    read_flags();
    if (problems_.empty()) finish(loaded_, problems_);
    if (!problems_.empty()) return std::unexpected(std::move(problems_));
    return std::move(loaded_);
  }

 private:
  void read_file() {
    if (!sources_.file_text) return;
    auto document = read_toml(*sources_.file_text);
    Reader reader(sources_.file_name, problems_);
    if (!document) {
      Value at;
      at.line = document.error().line;
      at.column = document.error().column;
      return reader.fault(at, document.error().message);
    }
    read_members(reader, *document, config_fields(), &loaded_.config, [&](const Field& field, const Value& value) {
      loaded_.origins[field.name] = sources_.file_name + ":" + std::to_string(value.line);
    });
  }

  void read_environment() {
    for (const auto& [name, text] : sources_.environment) {
      if (text.empty()) continue;
      const Option* option = find([&](const Option& o) { return o.variable == name; });
      if (option != nullptr) {
        read_text_of(*option, name, text, "environment " + name);
      } else if (name.starts_with(prefix)) {
        warn_of_unknown(name);
      }
    }
  }

  /// A typing error must not go unseen, but the prefix is not ours alone: orchestrators make such variables for their services.
  void warn_of_unknown(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& option : options()) {
      if (option.variable.starts_with(prefix)) names.push_back(option.variable.substr(prefix.size()));
    }
    const std::string nearest = nearest_name(name.substr(prefix.size()), names);
    if (nearest.empty()) return;
    loaded_.warnings.push_back(name + ": not a setting; did you mean \"" + std::string(prefix) + nearest + "\"?");
  }

  void read_flags() {
    for (const auto& [key, text] : sources_.flags) {
      const Option* option = find([&](const Option& o) { return o.field.name == key; });
      if (option == nullptr) {
        problems_.push_back({"flag", key, "unknown key"});
        continue;
      }
      read_text_of(*option, option->flag, text, "flag " + option->flag);
    }
  }

  void read_text_of(const Option& option, const std::string& source, const std::string& text, std::string origin) {
    Reader reader(source, problems_);
    reader.key = option.field.name;
    if (const auto value = value_from_text(reader, option.field, text)) {
      option.field.read(reader, *value, &loaded_.config);
      loaded_.origins[option.field.name] = std::move(origin);
    }
  }

  template <class Test>
  static const Option* find(Test test) {
    const auto at = std::find_if(options().begin(), options().end(), test);
    return at == options().end() ? nullptr : &*at;
  }

  static constexpr std::string_view prefix = "WEBSOCKET_";

  const Sources& sources_;
  Loaded loaded_;
  std::vector<Problem> problems_;
};

}  // namespace

std::expected<Loaded, std::vector<Problem>> load(const Sources& sources) { return Loader(sources).run(); }

}  // namespace sparc::config
