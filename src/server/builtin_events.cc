#include "server/builtin_events.h"

#include "base/json_text.h"
#include "protocol/json_scan.h"

namespace sparc::server {

namespace json = protocol::json;

bool handle_builtin_event(shard::Shard& shard, const shard::ClientEvent& event) {
  if (!is_builtin_event(event.name)) return false;
  auto answer = [&shard, id = event.connection, request = event.request](shard::EventAnswer what) {
    if (request) shard.answer_event(id, *request, std::move(what));
  };
  std::string alert, user;
  (void)json::read_string(json::find(event.data, "userId"), user);
  const std::string_view value = json::find(event.data, "alertId");
  const bool is_number = json::kind_of(value) == json::Kind::number;
  if (!is_number && !json::read_string(value, alert)) {
    answer({{}, Fault{Code::BAD_REQUEST, "\"alertId\" must be a string or a number"}});
    return true;
  }
  std::string data = "{\"alertId\":" + std::string(value) + ",\"userId\":" + json_string(user) + "}";
  shard::PublishRequest request;
  request.ns = "alerts";
  request.rooms = {"tenant:" + event.tenant};
  request.event = "alert:acknowledged";
  request.data = data;
  shard.publish(std::move(request), nullptr,
                [answer, data = std::move(data)](shard::PublishAnswer done) { answer({data, done.fault}); });
  return true;
}

}  // namespace sparc::server
