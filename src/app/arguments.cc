#include "app/arguments.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <map>
#include <sstream>

#include "server/config/options.h"

namespace sparc::app {
namespace {

/// One flag per key of the table.
class ConfigFlags {
 public:
  void add_to(CLI::App& app, Arguments& arguments) {
    app.add_option("--config", arguments.config_file, "A TOML file (docs/configuration.md)")->type_name("FILE");
    for (const auto& option : config::options()) {
      auto& texts = texts_[&app][option.field.name];
      CLI::Option* flag = app.add_option(option.flag, texts, describe(option))->group(std::string(option.group));
      flag->type_name(type_of(option.field));
      // A boolean may stand alone; the others take one text.
      if (option.field.shape == config::Shape::boolean) flag->expected(0, 1);
      if (option.field.shape != config::Shape::boolean) flag->expected(1);
      flag->allow_extra_args(false);  // or the library takes JSON in brackets for a list of its own
      given_[&app].emplace_back(option.field.name, flag);
    }
  }

  void collect(CLI::App& app, Arguments& arguments) {
    for (const auto& [key, flag] : given_[&app]) {
      if (flag->count() == 0) continue;
      const auto& texts = texts_[&app][key];
      const std::string text = texts.empty() ? "" : texts.back();
      arguments.config_flags.emplace_back(
          key, text.empty() && config::find_option(key)->field.shape == config::Shape::boolean ? "true" : text);
    }
  }

  [[nodiscard]] static std::string suggestion_for(const std::string& mistaken) {
    std::vector<std::string> names{"--config", "--print-config", "--help"};
    for (const auto& option : config::options()) names.push_back(option.flag);
    return config::suggestion(mistaken.substr(0, mistaken.find('=')), names);
  }

 private:
  static std::string type_of(const config::Field& field) {
    switch (field.shape) {
      case config::Shape::boolean: return "[true|false]";
      case config::Shape::integer: return "N";
      case config::Shape::text: return "TEXT";
      case config::Shape::texts: return "A,B,…";
      case config::Shape::entries: return "JSON";
    }
    return "";
  }

  static std::string describe(const config::Option& option) {
    static const config::Config defaults = config::shipped_defaults();
    std::string out(option.field.meta.help);
    if (!option.field.meta.unit.empty()) out += " In " + std::string(option.field.meta.unit) + ".";
    out += " [" + option.variable;
    const auto value = option.field.write(&defaults);
    if (value && option.field.shape != config::Shape::entries && !option.field.meta.secret) {
      out += " = ";
      config::append_toml(out, *value);
    }
    return out + "]";
  }

  std::map<const CLI::App*, std::map<std::string, std::vector<std::string>>> texts_;
  std::map<const CLI::App*, std::vector<std::pair<std::string, CLI::Option*>>> given_;
};

/// `serve` is meant where no command is named.
std::vector<std::string> with_command(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool named = !words.empty() && (!words[0].starts_with('-') || words[0] == "--help" || words[0] == "-h");
  if (!named) words.insert(words.begin(), "serve");
  return words;
}

int complain_of_extras(const CLI::App& command, const std::vector<std::string>& extras) {
  for (const auto& extra : extras) {
    std::cerr << command.get_name() << ": " << extra.substr(0, extra.find('=')) << " is not understood"
              << ConfigFlags::suggestion_for(extra) << "\n";
  }
  return exit_usage;
}

class Parser {
 public:
  Parser() : app_("Realtime events for browsers, services and the clients of old ones.", "sparc-websocket") {
    app_.require_subcommand(1);
    app_.footer("Exit codes: 0, 1 for a failure at run time, 2 for a mistake in usage or configuration.");
    add_serve();
    add_token();
    add_publish();
    add_tail();
    CLI::App* check = add("check-config", "Say what is wrong with a configuration file, and where");
    check->add_option("file", arguments_.config_file, "The TOML file")->required();
    add("docs-config", "Print docs/configuration.md");
    add("version", "Print the version");
  }

  std::expected<Arguments, int> parse(std::vector<std::string> words) {
    const std::string& command_name = words.front();
    if (!command_name.starts_with('-') && std::find(names_.begin(), names_.end(), command_name) == names_.end()) {
      std::cerr << "there is no command \"" << command_name << "\"" << config::suggestion(command_name, names_) << "\n";
      return std::unexpected(exit_usage);
    }
    std::reverse(words.begin(), words.end());  // CLI11 takes a vector from its end
    try {
      app_.parse(words);
    } catch (const CLI::Success& help) {
      app_.exit(help);
      return std::unexpected(exit_ok);
    } catch (const CLI::ParseError& error) {
      std::cerr << error.what() << "\nRun with --help to see what there is.\n";
      return std::unexpected(exit_usage);
    }
    CLI::App* command = app_.get_subcommands().front();
    if (const auto extras = command->remaining(); !extras.empty()) return std::unexpected(complain_of_extras(*command, extras));
    flags_.collect(*command, arguments_);
    arguments_.command = command->get_name();
    return arguments_;
  }

 private:
  CLI::App* add(const std::string& name, const std::string& help) {
    CLI::App* command = app_.add_subcommand(name, help);
    command->allow_extras();
    names_.push_back(name);
    return command;
  }

  void add_serve() {
    CLI::App* serve = add("serve", "Run the server (meant where no command is named)");
    serve->add_flag("--print-config", arguments_.print_config, "Print what applies and where each value came from, and stop");
    flags_.add_to(*serve, arguments_);
  }

  void add_token() {
    CLI::App* token = add("token", "Mint a token with the configured secret, for development");
    auto* user = token->add_option("--user", arguments_.user, "userId");
    auto* tenant = token->add_option("--tenant", arguments_.tenant, "tenantId; of a service: the only one it acts on");
    token->add_option("--organization", arguments_.organization, "organizationId")->needs(user);
    token->add_option("--roles", arguments_.roles, "roles, separated by commas")->delimiter(',')->needs(user);
    auto* service = token->add_option("--service", arguments_.service, "A service's name, instead of a user")->excludes(user);
    token->add_option("--scopes", arguments_.scopes, "Of publish, read, disconnect, rollout, handle")
        ->delimiter(',')
        ->needs(service);
    token->add_option("--lifetime-s", arguments_.lifetime_s, "Seconds until it expires; 0: never")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    user->needs(tenant);
    token->require_option(1, 0);
    flags_.add_to(*token, arguments_);
  }

  void add_publish() {
    CLI::App* publish = add("publish", "Publish one event over HTTP");
    publish->add_option("namespace", arguments_.ns, "alerts, …")->required();
    publish->add_option("room", arguments_.room, "tenant:t1, tenant:t1/camera:7, …")->required();
    publish->add_option("event", arguments_.event, "alert:created, …")->required();
    publish->add_option("data", arguments_.data, "JSON; - reads it from the standard input")->required();
    publish->add_option("--url", arguments_.url, "The server; otherwise this machine, at the configured port");
    flags_.add_to(*publish, arguments_);
  }

  void add_tail() {
    CLI::App* tail = add("tail", "Watch a namespace as a client");
    tail->add_option("namespace", arguments_.ns, "alerts, …")->required();
    tail->add_option("--token", arguments_.token, "The token (see `token`)")->required()->envname("SPARC_TOKEN");
    tail->add_option("--join", arguments_.rooms, "Rooms beside those of the token's identity, separated by commas")
        ->delimiter(',');
    tail->add_option("--url", arguments_.url, "ws:// or wss://; otherwise this machine, at the configured port");
    flags_.add_to(*tail, arguments_);
  }

  CLI::App app_;
  Arguments arguments_;
  ConfigFlags flags_;
  std::vector<std::string> names_;  // of the commands
};

}  // namespace

std::expected<Arguments, int> parse_arguments(int argc, const char* const* argv) {
  auto arguments = Parser().parse(with_command(argc, argv));
  if (arguments) arguments->program = argv[0];
  return arguments;
}

}  // namespace sparc::app
