// High and critical security alerts, each acknowledged as it arrives: client_alerts <url> <token>
#include <iostream>

#include "common.h"
#include "sparc/websocket/alert_client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  const auto signals = examples::block_interrupts();
  AlertWebSocketClient client(examples::options_from(argc, argv));
  client.on_message([&](const Message& message) {
    if (message.event != "alert:created") return;
    std::cout << message.data << std::endl;
    // Callbacks must not wait for a future; this one is not needed.
    (void)client.acknowledge_alert(examples::member(message.data, "id"));
  });
  client.on_error([](const Error& error) { (void)examples::failed(error); });
  if (const auto connected = client.connect().get(); !connected) return examples::failed(connected.error());
  const auto narrowed = client.subscribe_to_alerts({"security", "system"}, {"high", "critical"}).get();
  if (!narrowed) return examples::failed(narrowed.error());
  examples::wait_for(signals);
  return 0;
}
