#pragma once
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sparc/websocket/client.h"

namespace sparc::websocket {

/// A client of the namespace `monitoring` (or of the one in the options).
class MonitoringWebSocketClient : public WebSocketClient {
 public:
  explicit MonitoringWebSocketClient(ClientOptions options);

  /// Narrows to these topics (`security:events incidents alerts threats metrics`) or event names; an empty list does not narrow.
  /// Replaces what was set, but for metrics that were subscribed to.
  std::future<Result<void>> subscribe_to_events(std::vector<std::string> types);
  /// Adds the topic `metrics`, narrowed to these metrics (all when empty): of each at most one value per `interval`, the newest; 0:
  /// every value. Replaces what was set for metrics.
  std::future<Result<void>> subscribe_to_metrics(std::vector<std::string> names,
                                                 std::chrono::milliseconds interval = std::chrono::milliseconds(0));

 private:
  std::mutex mutex_;
  std::optional<std::vector<std::string>> event_types_;  // none: not narrowed
  bool metrics_ = false;
};

}  // namespace sparc::websocket
