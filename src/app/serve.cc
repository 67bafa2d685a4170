#include "server/server.h"

#include <signal.h>

#include <iostream>

#include "app/commands.h"
#include "server/config/describe.h"

namespace sparc::app {
namespace {

/// What the configuration asks for and this build cannot do: better told at the start than found out by clients.
std::vector<config::Problem> problems_of_this_build(const config::Config& config) {
  std::vector<config::Problem> problems;
  if (!config.redis_url.empty()) {
    problems.push_back({"", "redis_url", "this build has no Redis broker: unset REDIS_URL to run this node alone, in memory"});
  }
  if (!config.use_unified) {
    problems.push_back({"", "use_unified", "this build cannot hand clients to the old services: unset USE_UNIFIED_WEBSOCKET"});
  }
  return problems;
}

std::vector<config::Problem> problems_of(const config::Loaded& loaded) {
  auto problems = config::problems_of_serving(loaded);
  for (auto& problem : problems_of_this_build(loaded.config)) problems.push_back(std::move(problem));
  return problems;
}

/// Mistakes and warnings go to the server's log, which may be JSON.
std::optional<std::uint32_t> reload(server::Server& server, const Arguments& arguments) {
  const auto loaded = read_configuration(arguments);
  const auto problems = loaded ? problems_of(*loaded) : loaded.error();
  if (!problems.empty()) {
    for (const auto& problem : problems) server.refuse_reload(config::to_string(problem));
    return std::nullopt;
  }
  server.reload(*loaded);
  return loaded->config.drain_ms;
}

void print_first_session(const std::string& program, const config::Config& config, std::uint16_t port) {
  const std::string host = config.host.find(':') == std::string::npos ? config.host : "[" + config.host + "]";
  const std::string at = host + ":" + std::to_string(port);
  const std::string own_port = port == config::Config{}.port ? "" : " --port " + std::to_string(port);
  std::cerr << "\n*** DEVELOPMENT KEYS: everybody knows them. They work on this machine only. ***\n"
            << "    JWT_SECRET=" << config::dev_jwt_secret << "\n"
            << "    WEBSOCKET_API_KEY=" << config::dev_api_key << "\n"
            << "\nA first session, in another terminal (clients connect to ws://" << at << "/ws):\n"
            << "    TOKEN=$(" << program << " token --dev-keys --user u1 --tenant t1 --roles operator)\n"
            << "    " << program << " tail --url ws://" << at << " --token \"$TOKEN\" alerts &\n"
            << "    " << program << " publish --dev-keys" << own_port
            << " alerts tenant:t1 alert:created '{\"id\":\"a1\",\"priority\":\"high\"}'\n\n";
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

/// Until a signal asks to stop. A second one, while the server drains, ends the process at once.
void serve_until_stopped(server::Server& server, const Arguments& arguments, std::uint32_t drain_ms, const sigset_t& signals) {
  for (;;) {
    int number = 0;
    sigwait(&signals, &number);
    if (number != SIGHUP) break;
    drain_ms = reload(server, arguments).value_or(drain_ms);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  server.drain(drain_ms);
  server.wait();
}

}  // namespace

int serve(const Arguments& arguments) {
  if (arguments.print_config) {
    const auto loaded = load_configuration(arguments);
    if (!loaded) return loaded.error();
    std::cout << config::effective_toml(*loaded);
    return exit_ok;
  }
  const auto loaded = load_configuration(arguments);
  if (!loaded) return loaded.error();
  if (const auto problems = problems_of(*loaded); !problems.empty()) {
    print_problems(problems);
    return exit_usage;
  }

  // Before any thread starts, so that all of them leave these signals to this one.
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto server = server::Server::start(loaded->config);
  if (!server) {
    std::cerr << server.error().message << "\n";
    return exit_failure;
  }
  const std::uint16_t port = (*server)->port();
  if (loaded->config.dev_keys) print_first_session(arguments.program, loaded->config, port);
  std::cout << "{\"event\":\"listening\",\"port\":" << port << "}" << std::endl;
  serve_until_stopped(**server, arguments, loaded->config.drain_ms, signals);
  return exit_ok;
}

}  // namespace sparc::app
