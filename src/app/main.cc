#include <iostream>

#include "app/commands.h"

int main(int argc, char** argv) {
  using namespace sparc::app;
  const auto arguments = parse_arguments(argc, argv);
  if (!arguments) return arguments.error();
  if (arguments->command == "token") return token(*arguments);
  if (arguments->command == "publish") return publish(*arguments);
  if (arguments->command == "tail") return tail(*arguments);
  if (arguments->command == "check-config") return check_config(*arguments);
  if (arguments->command == "docs-config") return docs_config();
  if (arguments->command == "version") return version();
  return serve(*arguments);
}
