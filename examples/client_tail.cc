// Prints every event of a namespace: client_tail <url> <token> [namespace]
#include <iostream>

#include "common.h"
#include "sparc/websocket/client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  const auto signals = examples::block_interrupts();
  auto options = examples::options_from(argc, argv);
  options.namespace_ = argc > 3 ? argv[3] : "alerts";

  WebSocketClient client(options);
  client.on_message([](const Message& message) {
    std::cout << message.timestamp << ' ' << message.room << ' ' << message.event << ' ' << message.data << std::endl;
  });
  client.on_state_changed([](ClientState, ClientState state) { std::cerr << "-- " << name_of(state) << '\n'; });
  client.on_stale([](const Stale& stale) {
    std::cerr << "-- events may be missing: " << stale.reason << (stale.repaired ? " (repaired)" : "") << '\n';
  });
  if (const auto connected = client.connect().get(); !connected) return examples::failed(connected.error());
  examples::wait_for(signals);
  return 0;
}
