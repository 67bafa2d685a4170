// Callbacks on the application's own thread, as a program with a loop of its own wants them: client_poll <url> <token>
#include <iostream>

#include "common.h"
#include "sparc/websocket/client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  auto options = examples::options_from(argc, argv);
  options.namespace_ = "alerts";
  options.callbacks = Callbacks::polled;
  WebSocketClient client(options);
  std::size_t messages = 0;
  client.on_message([&](const Message&) { ++messages; });
  client.on_disconnected([](const Disconnected& end) { std::cerr << "-- " << end.reason << '\n'; });
  (void)client.connect();
  while (client.get_state() != ClientState::failed) {
    client.poll(std::chrono::milliseconds(250));
    std::cout << '\r' << messages << " messages" << std::flush;
  }
  return 1;
}
