#pragma once
#include <chrono>
#include <future>
#include <string>

#include "sparc/websocket/client.h"

namespace sparc::websocket {

/// A client of the namespace `video` (or of the one in the options). Each call answers what the video service replies, as JSON;
/// FORBIDDEN where the camera is another tenant's, or the role does not allow it.
class VideoWebSocketClient : public WebSocketClient {
 public:
  explicit VideoWebSocketClient(ClientOptions options);

  /// `quality` is one of `low medium high ultra`.
  std::future<Result<std::string>> start_stream(std::string camera_id, std::string quality = "medium");
  std::future<Result<std::string>> stop_stream(std::string camera_id);
  /// Needs the role `admin` or `operator`. `duration` goes to the service in whole seconds.
  std::future<Result<std::string>> start_recording(std::string camera_id, std::chrono::seconds duration);
  std::future<Result<std::string>> stop_recording(std::string camera_id);
};

}  // namespace sparc::websocket
