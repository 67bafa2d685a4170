#pragma once
// The subcommands. Each returns the exit code: 0, 1 for a failure at run time, 2 for a mistake in usage or configuration.

#include "app/arguments.h"

namespace sparc::app {

int serve(const Arguments& arguments);
/// Mints a token with the configured secret and prints it.
int token(const Arguments& arguments);
/// Publishes one event over HTTP and prints the answer.
int publish(const Arguments& arguments);
/// Prints the events of a namespace as a client gets them, a JSON line each, until it is interrupted.
int tail(const Arguments& arguments);
int check_config(const Arguments& arguments);
int docs_config();
int version();

}  // namespace sparc::app
