// What the clients of the services that this server replaces expect, as tables. docs/protocol/views.md explains them.

#include "protocol/view_map.h"
#include "server/config/views.h"

namespace sparc::config {
namespace {

using protocol::Condition;
using protocol::View;
using protocol::ViewChannel;
using protocol::ViewInput;
using protocol::ViewOutput;
using Action = ViewInput::Action;

struct Output {
  std::string ns, event, to;
  std::vector<std::string> channels;
};

ViewOutput output(Output from) {
  ViewOutput row;
  row.ns = std::move(from.ns);
  row.event = std::move(from.event);
  row.to = std::move(from.to);
  row.channels = std::move(from.channels);
  return row;
}

/// An event for the services, its answer and what the answer repeats.
ViewInput forward(std::string event, std::string success, std::vector<std::string> copied = {}) {
  ViewInput row;
  row.event = std::move(event);
  row.success = std::move(success);
  row.copied = std::move(copied);
  return row;
}

ViewInput done_here(Action action, std::string event, std::string success, std::vector<std::string> copied = {}) {
  ViewInput row = forward(std::move(event), std::move(success), std::move(copied));
  row.action = action;
  return row;
}

// ---- security monitoring over plain WebSocket ----------------------------------------------------------------------------------

View monitoring_rawws() {
  View view;
  view.name = "monitoring-rawws";
  view.wire = View::Wire::rawws;
  view.paths = {"/security", "/v1/ws", "/ws/security"};
  view.namespaces = {"monitoring", "alerts"};
  // That service knew users and organizations only.
  view.claims.tenant_id = {"tenantId", "organizationId"};
  for (const char* name : {"security:events", "incidents", "alerts"})
    view.channels.push_back({name, ViewChannel::Kind::plain, true});
  for (const char* name : {"threats", "metrics"}) view.channels.push_back({name, ViewChannel::Kind::plain, false});
  view.channels.push_back({"org:", ViewChannel::Kind::organization, false});
  view.channels.push_back({"user:", ViewChannel::Kind::user, false});

  ViewOutput high_risk = output({"monitoring", "security:event", "high_risk_alert", {"alerts"}});
  high_risk.when = Condition{"/analysis/riskScore", Condition::Operator::greater, "80"};
  high_risk.fields = {{"event", "/event"},
                      {"riskScore", "/analysis/riskScore"},
                      {"threats", "/analysis/threats"},
                      {"recommendations", "/analysis/recommendations"}};
  view.outputs = {output({"monitoring", "security:event", "security_event", {"security:events", "org:"}}),
                  std::move(high_risk),
                  output({"alerts", "alert:high_risk", "high_risk_alert", {"alerts"}}),
                  output({"monitoring", "incident:created", "incident_created", {"incidents"}}),
                  output({"monitoring", "incident:updated", "incident_updated", {"incidents"}}),
                  output({"monitoring", "metrics:update", "system_metrics", {"metrics"}})};
  return view;
}

// ---- alerts and video over Socket.IO -------------------------------------------------------------------------------------------

/// Requests of the video service's clients, answered by that service.
std::vector<ViewInput> stream_requests() {
  ViewInput subscribe = forward("subscribe-stream", "stream-url", {"cameraId"});
  subscribe.failure = "stream-error";
  subscribe.enters = "stream:{cameraId}";
  ViewInput unsubscribe = forward("unsubscribe-stream", "");
  unsubscribe.argument = "cameraId";
  unsubscribe.leaves = "stream:{cameraId}";
  ViewInput control = forward("ptz-control", "ptz-success", {"cameraId", "command"});
  control.failure = "ptz-error";
  std::vector<ViewInput> rows{std::move(subscribe), std::move(unsubscribe), std::move(control)};
  for (ViewInput& row : rows) row.ns = "video";
  return rows;
}

std::vector<ViewInput> tenant_requests() {
  ViewInput join = done_here(Action::join_tenant, "join-tenant", "joined-tenant", {"tenantId"});
  ViewInput leave = done_here(Action::leave_tenant, "leave-tenant", "");
  join.argument = leave.argument = "tenantId";
  return {std::move(join), std::move(leave)};
}

/// Events of the video service under its old names; the services of today say them with and without `video:`.
std::vector<ViewOutput> stream_events() {
  return {output({"video", "*stream:started", "stream-started", {}}), output({"video", "*stream:stopped", "stream-stopped", {}}),
          output({"video", "*stream:error", "stream-error", {}}), output({"video", "video:analytics", "analytics-event", {}})};
}

void append(std::vector<ViewInput>& rows, std::vector<ViewInput> more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

View root_socketio() {
  View view;
  view.name = "root-socketio";
  view.socketio_namespace = "/";
  view.namespaces = {"alerts", "video"};
  view.tenant_gate = true;
  view.inputs = {protocol::token_refresh()};
  append(view.inputs, tenant_requests());
  append(view.inputs, stream_requests());
  view.outputs = stream_events();
  return view;
}

// ---- the first attempt at one service, over Socket.IO --------------------------------------------------------------------------

View of_namespace(std::string ns, std::uint32_t points_per_minute) {
  View view;
  view.name = ns + "-socketio";
  view.socketio_namespace = "/" + ns;
  view.namespaces = {std::move(ns)};
  view.greets = true;
  view.user_rate = {points_per_minute, 60'000};
  ViewInput subscribe = done_here(Action::subscribe, "subscribe", "subscribed");
  ViewInput unsubscribe = done_here(Action::unsubscribe, "unsubscribe", "unsubscribed", {"channels"});
  subscribe.stamped = unsubscribe.stamped = true;
  view.inputs = {std::move(subscribe), std::move(unsubscribe), done_here(Action::ping, "ping", "pong"),
                 protocol::token_refresh()};
  return view;
}

View video_socketio() {
  View view = of_namespace("video", 100);
  ViewInput start = forward("stream:start", "stream:started", {"cameraId", "quality"});
  start.enters = "camera:{cameraId}";
  ViewInput stop = forward("stream:stop", "stream:stopped", {"cameraId"});
  stop.leaves = "camera:{cameraId}";
  append(view.inputs,
         {std::move(start), std::move(stop), forward("recording:start", "recording:started", {"cameraId", "duration"}),
          forward("recording:stop", "recording:stopped", {"cameraId"})});
  // The video service's own clients came here too.
  append(view.inputs, tenant_requests());
  append(view.inputs, stream_requests());
  return view;
}

View alerts_socketio() {
  View view = of_namespace("alerts", 50);
  for (ViewInput& row : view.inputs) {  // without channels the same events are about a filter
    if (row.action == Action::subscribe || row.action == Action::unsubscribe) row.has = "channels";
  }
  append(view.inputs, {done_here(Action::subscribe, "subscribe", "alerts:subscribed", {"alertTypes", "priorities"}),
                       done_here(Action::unsubscribe, "unsubscribe", "alerts:unsubscribed", {"alertTypes", "priorities"}),
                       forward("acknowledge", "")});
  return view;
}

View monitoring_socketio() {
  View view = of_namespace("monitoring", 200);
  append(view.inputs, {done_here(Action::subscribe, "metrics:subscribe", "metrics:subscribed", {"metrics", "interval"}),
                       done_here(Action::subscribe, "events:subscribe", "events:subscribed", {"eventTypes"})});
  return view;
}

}  // namespace

std::vector<View> shipped_views() {
  return {monitoring_rawws(), root_socketio(), video_socketio(), alerts_socketio(), monitoring_socketio()};
}

}  // namespace sparc::config
