// Starts and stops a stream; the replies come from the video service: client_video <url> <token> [camera]
#include <iostream>

#include "common.h"
#include "sparc/websocket/video_client.h"

using namespace sparc::websocket;

int main(int argc, char** argv) {
  VideoWebSocketClient client(examples::options_from(argc, argv));
  if (const auto connected = client.connect().get(); !connected) return examples::failed(connected.error());
  const std::string camera = argc > 3 ? argv[3] : "camera-123";
  const auto started = client.start_stream(camera, "high").get();
  if (!started) return examples::failed(started.error());
  std::cout << *started << '\n';
  const auto stopped = client.stop_stream(camera).get();
  return stopped ? 0 : examples::failed(stopped.error());
}
