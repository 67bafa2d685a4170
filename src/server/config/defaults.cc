#include "server/config/config.h"
#include "server/config/records.h"
#include "server/config/views.h"

namespace sparc::config {

Namespace new_namespace() {
  Namespace ns;
  ns.topics = {{"security:events", {"security:*"}},
               {"incidents", {"incident:*"}},
               {"alerts", {"alert:*"}},
               {"threats", {"threshold:*"}},
               {"metrics", {"metrics:*"}}};
  // A security event's payload is {event, analysis}.
  ns.fields = {{"type", {"type", "alertType", "/event/type"}}, {"priority", {"priority", "severity", "/event/severity"}}};
  return ns;
}

namespace {

EventRule latest_by(std::string pattern, std::vector<std::string> paths) {
  EventRule rule;
  rule.pattern = std::move(pattern);
  rule.latest = std::move(paths);
  return rule;
}

EventRule camera_control(std::string pattern, std::vector<std::string> roles = {}) {
  EventRule rule;
  rule.pattern = std::move(pattern);
  rule.send_roles = std::move(roles);
  rule.ownership = true;
  return rule;
}

std::vector<Namespace> shipped_namespaces() {
  Namespace video = new_namespace();
  video.name = "video";
  video.priority = 10;
  video.events = {latest_by("video:analytics", {"cameraId", "camera"}),
                  camera_control("recording:start", {"admin", "operator"}),
                  camera_control("recording:stop", {"admin", "operator"}),
                  camera_control("recording:*"),
                  camera_control("stream:start"),
                  camera_control("stream:stop"),
                  camera_control("subscribe-stream"),
                  camera_control("unsubscribe-stream"),
                  camera_control("ptz-control")};

  Namespace alerts = new_namespace();
  alerts.name = "alerts";
  alerts.history = true;
  alerts.priority = 30;
  alerts.outage = Outage::deliver;

  Namespace monitoring = new_namespace();
  monitoring.name = "monitoring";
  monitoring.history = true;
  monitoring.priority = 20;
  monitoring.outage = Outage::deliver;
  monitoring.fields.push_back({"metric", {"metric"}});
  monitoring.events = {latest_by("metrics:update", {"metric"})};
  return {video, alerts, monitoring};
}

std::vector<RoomRule> shipped_rooms() {
  std::vector<RoomRule> rules;
  for (const char* pattern : {"camera:*", "stream:*", "building:*", "floor:*", "zone:*", "door:*", "sensor:*", "device:*"}) {
    RoomRule rule;
    rule.pattern = pattern;
    rule.ownership = rule.pattern == "camera:*" || rule.pattern == "stream:*";
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

Config shipped_defaults() {
  Config config;
  config.namespaces = shipped_namespaces();
  config.rooms = shipped_rooms();
  config.public_rooms = {"system", "announcements"};
  config.views = shipped_views();
  return config;
}

}  // namespace sparc::config
