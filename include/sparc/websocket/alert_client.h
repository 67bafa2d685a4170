#pragma once
#include <future>
#include <string>
#include <vector>

#include "sparc/websocket/client.h"

namespace sparc::websocket {

/// A client of the namespace `alerts` (or of the one in the options).
class AlertWebSocketClient : public WebSocketClient {
 public:
  explicit AlertWebSocketClient(ClientOptions options);

  /// Narrows to alerts with one of these types and one of these priorities (`low medium high critical`); an empty list does not
  /// narrow. Replaces what was set. Events that say neither, as `alert:deleted`, come through.
  std::future<Result<void>> subscribe_to_alerts(std::vector<std::string> types, std::vector<std::string> priorities = {});
  /// Answers what the alert service replies, as JSON.
  std::future<Result<std::string>> acknowledge_alert(std::string alert_id);
};

}  // namespace sparc::websocket
