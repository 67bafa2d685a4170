// The clients for alerts, monitoring and video: the platform's events as functions.
#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "sparc/websocket/alert_client.h"
#include "sparc/websocket/monitoring_client.h"
#include "sparc/websocket/video_client.h"

namespace sparc::websocket {
namespace {

ClientOptions with_namespace(ClientOptions options, const char* name) {
  if (options.namespace_.empty()) options.namespace_ = name;
  return options;
}

/// `{"name":"text"` without the end.
std::string object_of(std::string_view name, std::string_view text) {
  std::string out = "{";
  append_json_string(out, name);
  out.push_back(':');
  append_json_string(out, text);
  return out;
}

}  // namespace

AlertWebSocketClient::AlertWebSocketClient(ClientOptions options)
    : WebSocketClient(with_namespace(std::move(options), "alerts")) {}

std::future<Result<void>> AlertWebSocketClient::subscribe_to_alerts(std::vector<std::string> types,
                                                                    std::vector<std::string> priorities) {
  Filter filter;
  if (!types.empty()) filter.fields.push_back({"type", std::move(types)});
  if (!priorities.empty()) filter.fields.push_back({"priority", std::move(priorities)});
  if (filter.fields.empty()) return set_filters(std::nullopt);
  return set_filters(std::vector<Filter>{std::move(filter)});
}

std::future<Result<std::string>> AlertWebSocketClient::acknowledge_alert(std::string alert_id) {
  return request("acknowledge", object_of("alertId", alert_id) + "}");
}

MonitoringWebSocketClient::MonitoringWebSocketClient(ClientOptions options)
    : WebSocketClient(with_namespace(std::move(options), "monitoring")) {}

std::future<Result<void>> MonitoringWebSocketClient::subscribe_to_events(std::vector<std::string> types) {
  const std::lock_guard lock(mutex_);
  event_types_.reset();
  if (types.empty()) return set_topics(std::nullopt);
  event_types_ = types;
  if (metrics_) types.push_back("metrics");
  return set_topics(std::move(types));
}

std::future<Result<void>> MonitoringWebSocketClient::subscribe_to_metrics(std::vector<std::string> names,
                                                                          std::chrono::milliseconds interval) {
  const std::lock_guard lock(mutex_);
  metrics_ = true;
  if (event_types_) {
    auto topics = *event_types_;
    topics.push_back("metrics");
    (void)set_topics(std::move(topics));
  }
  Filter filter;
  if (!names.empty()) filter.fields.push_back({"metric", std::move(names)});
  filter.every_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(0, interval.count()));
  if (filter.fields.empty() && filter.every_ms == 0) return set_filters(std::nullopt);
  return set_filters(std::vector<Filter>{std::move(filter)});
}

VideoWebSocketClient::VideoWebSocketClient(ClientOptions options)
    : WebSocketClient(with_namespace(std::move(options), "video")) {}

std::future<Result<std::string>> VideoWebSocketClient::start_stream(std::string camera_id, std::string quality) {
  return request("stream:start", object_of("cameraId", camera_id) + ",\"quality\":" + json_string(quality) + "}");
}

std::future<Result<std::string>> VideoWebSocketClient::stop_stream(std::string camera_id) {
  return request("stream:stop", object_of("cameraId", camera_id) + "}");
}

std::future<Result<std::string>> VideoWebSocketClient::start_recording(std::string camera_id, std::chrono::seconds duration) {
  return request("recording:start", object_of("cameraId", camera_id) + ",\"duration\":" + std::to_string(duration.count()) + "}");
}

std::future<Result<std::string>> VideoWebSocketClient::stop_recording(std::string camera_id) {
  return request("recording:stop", object_of("cameraId", camera_id) + "}");
}

}  // namespace sparc::websocket
