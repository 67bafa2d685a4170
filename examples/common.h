#pragma once
// What the examples share: options from the command line, and waiting for Ctrl-C.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sparc/websocket/client_types.h"

namespace examples {

/// `<program> <url> <token>`; without them WEBSOCKET_URL and WEBSOCKET_TOKEN, else the local server.
inline sparc::websocket::ClientOptions options_from(int argc, char** argv) {
  const auto value = [&](int index, const char* variable, const char* fallback) -> std::string {
    if (argc > index) return argv[index];
    const char* found = std::getenv(variable);
    return found != nullptr ? found : fallback;
  };
  sparc::websocket::ClientOptions options;
  options.url = value(1, "WEBSOCKET_URL", "ws://localhost:3100");
  options.token = value(2, "WEBSOCKET_TOKEN", "");
  return options;
}

/// Call before the first client, so that its threads leave these signals alone too.
inline sigset_t block_interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

inline void wait_for(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
}

inline int failed(const sparc::websocket::Error& error) {
  std::fprintf(stderr, "%s: %s\n", error.code.c_str(), error.message.c_str());
  return 1;
}

/// The value of a string member of a flat JSON object; a real program uses its JSON library here.
inline std::string member(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const auto begin = json.find(key);
  if (begin == std::string::npos) return {};
  const auto end = json.find('"', begin + key.size());
  return json.substr(begin + key.size(), end - begin - key.size());
}

}  // namespace examples
