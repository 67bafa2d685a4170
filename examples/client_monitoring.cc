// Security events and incidents, and two metrics every five seconds: client_monitoring <url> <token>
#include <iostream>

#include "common.h"
#include "sparc/websocket/monitoring_client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  const auto signals = examples::block_interrupts();
  MonitoringWebSocketClient client(examples::options_from(argc, argv));
  client.on_message([](const Message& message) { std::cout << message.event << ' ' << message.data << std::endl; });
  if (const auto connected = client.connect().get(); !connected) return examples::failed(connected.error());
  const auto events = client.subscribe_to_events({"security:events", "incidents"}).get();
  if (!events) return examples::failed(events.error());
  const auto metrics = client.subscribe_to_metrics({"cpu", "memory"}, std::chrono::seconds(5)).get();
  if (!metrics) return examples::failed(metrics.error());
  examples::wait_for(signals);
  return 0;
}
