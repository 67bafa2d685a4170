#include "protocol/native/replies.h"

#include "protocol/json_scan.h"

namespace sparc::protocol::native {
namespace {

std::unexpected<std::string> wrong(std::string_view field) {
  return std::unexpected("\"" + std::string(field) + "\" of the reply is not as it should be");
}

bool read_strings(std::string_view array, std::vector<std::string>& out) {
  if (json::kind_of(array) != json::Kind::array) return array.empty();
  json::Walker items(array);
  while (items.next()) {
    out.emplace_back();
    if (!json::read_string(items.value, out.back())) return false;
  }
  return true;
}

bool read_names(std::string_view object, JoinReply::Names& out) {
  if (json::kind_of(object) != json::Kind::object) return object.empty();
  json::Walker members(object);
  while (members.next()) {
    auto& [name, values] = out.emplace_back();
    if (!json::read_string(members.key, name) || !read_strings(members.value, values)) return false;
  }
  return true;
}

bool read_position(std::string_view object, std::optional<Position>& out) {
  if (object.empty()) return true;
  Position position;
  const auto offset = json::read_integer(json::find(object, "offset"));
  if (!offset || *offset < 0 || !json::read_string(json::find(object, "epoch"), position.epoch)) return false;
  position.offset = static_cast<std::uint64_t>(*offset);
  out = std::move(position);
  return true;
}

bool read_denied(std::string_view array, std::vector<std::pair<std::string, std::string>>& out) {
  if (json::kind_of(array) != json::Kind::array) return array.empty();
  json::Walker items(array);
  while (items.next()) {
    auto& [room, code] = out.emplace_back();
    if (!json::read_string(json::find(items.value, "room"), room)) return false;
    if (!json::read_string(json::find(items.value, "code"), code)) return false;
  }
  return true;
}

bool flag(std::string_view data, std::string_view name, bool fallback) {
  return json::read_boolean(json::find(data, name)).value_or(fallback);
}

}  // namespace

std::expected<JoinReply, std::string> read_join_reply(std::string_view data) {
  JoinReply out;
  if (!read_strings(json::find(data, "rooms"), out.rooms)) return wrong("rooms");
  if (!read_names(json::find(data, "topics"), out.topics)) return wrong("topics");
  if (!read_names(json::find(data, "fields"), out.fields)) return wrong("fields");
  if (!read_position(json::find(data, "position"), out.position)) return wrong("position");
  if (!read_denied(json::find(data, "denied"), out.denied)) return wrong("denied");
  out.recovered = flag(data, "recovered", false);
  const auto until = json::read_integer(json::find(data, "until")).value_or(0);
  if (until < 0) return wrong("until");
  out.until = static_cast<std::uint64_t>(until);
  return out;
}

std::expected<PublishReply, std::string> read_publish_reply(std::string_view data) {
  PublishReply out;
  out.queued = flag(data, "queued", false);
  if (!json::find(data, "epoch").empty() && !read_position(data, out.position)) return wrong("epoch");
  return out;
}

std::expected<HistoryReply, std::string> read_history_reply(std::string_view data, std::string_view attached) {
  HistoryReply out;
  const std::string_view events = json::find(data, "events");
  if (json::kind_of(events) != json::Kind::array) return wrong("events");
  json::Walker items(events);
  while (items.next()) {
    auto event = read_event_push(items.value, attached, out.storage);
    if (!event) return std::unexpected(std::move(event.error()));
    out.events.push_back(std::move(*event));
  }
  if (!attached.empty())
    return std::unexpected("the events leave " + std::to_string(attached.size()) + " bytes of attachments over");
  if (!read_position(json::find(data, "position"), out.position)) return wrong("position");
  out.complete = flag(data, "complete", true);
  out.recovered = flag(data, "recovered", true);
  return out;
}

}  // namespace sparc::protocol::native
