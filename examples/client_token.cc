// A token that is asked for again before every connection and when it nears its expiry: client_token <url> <file with the token>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "common.h"
#include "sparc/websocket/client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  const auto signals = examples::block_interrupts();
  auto options = examples::options_from(argc, argv);
  options.namespace_ = "alerts";
  options.token = [path = std::string(argc > 2 ? argv[2] : "token.txt")]() -> std::string {
    std::ifstream file(path);
    std::string token;
    if (!(file >> token)) throw std::runtime_error("no token in " + path);
    return token;
  };
  // One connection for both: they share the URL and the token.
  WebSocketClient alerts(options);
  options.namespace_ = "monitoring";
  WebSocketClient monitoring(options);
  for (auto* client : {&alerts, &monitoring}) {
    client->on_message([](const Message& message) { std::cout << message.namespace_ << ' ' << message.event << std::endl; });
    if (const auto connected = client->connect().get(); !connected) return examples::failed(connected.error());
  }
  examples::wait_for(signals);
  return 0;
}
