#include <signal.h>

#include <iostream>
#include <mutex>

#include "app/commands.h"
#include "base/json_text.h"
#include "sparc/websocket/client.h"

namespace sparc::app {
namespace {

std::string line_of(const websocket::Message& message) {
  std::string out = "{\"timestamp\":" + json_string(message.timestamp) + ",\"namespace\":" + json_string(message.namespace_) +
                    ",\"room\":" + json_string(message.room) + ",\"event\":" + json_string(message.event);
  if (message.offset != 0) out += ",\"offset\":" + std::to_string(message.offset);
  return out + ",\"data\":" + (message.data.empty() ? "null" : message.data) + "}";
}

}  // namespace

int tail(const Arguments& arguments) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  websocket::ClientOptions options;
  options.url = arguments.url;
  if (options.url.empty()) {
    const auto loaded = load_configuration(arguments);
    if (!loaded) return loaded.error();
    options.url = "ws://127.0.0.1:" + std::to_string(loaded->config.port);
  }
  options.token = arguments.token;
  options.namespace_ = arguments.ns;
  websocket::WebSocketClient client(options);
  client.on_message([](const websocket::Message& message) { std::cout << line_of(message) << std::endl; });
  client.on_stale([](const websocket::Stale& stale) {
    std::cerr << "events may be missing (" << stale.reason << ")" << (stale.repaired ? ", fetched from history" : "") << "\n";
  });
  client.on_disconnected([](const websocket::Disconnected& gone) { std::cerr << "disconnected: " << gone.reason << "\n"; });
  if (const auto connected = client.connect().get(); !connected) {
    std::cerr << connected.error().code << ": " << connected.error().message << "\n";
    return exit_failure;
  }
  if (!arguments.rooms.empty()) {
    if (const auto joined = client.subscribe(arguments.rooms).get(); !joined) {
      std::cerr << joined.error().code << ": " << joined.error().message << "\n";
      return exit_failure;
    }
  }
  std::cerr << "connected to " << options.url << ", namespace " << arguments.ns << "\n";
  int number = 0;
  sigwait(&signals, &number);
  client.disconnect();
  return exit_ok;
}

}  // namespace sparc::app
