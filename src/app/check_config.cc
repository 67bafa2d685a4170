#include <iostream>

#include "app/commands.h"
#include "server/config/describe.h"

namespace sparc::app {

int check_config(const Arguments& arguments) {
  const auto loaded = load_configuration(arguments);
  if (!loaded) return loaded.error();
  std::cout << arguments.config_file << ": good\n";
  return exit_ok;
}

int docs_config() {
  std::cout << config::documentation();
  return exit_ok;
}

int version() {
  std::cout << "sparc-websocket " SPARC_VERSION "\n";
  return exit_ok;
}

}  // namespace sparc::app
