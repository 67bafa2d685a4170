#include <algorithm>
#include <string_view>

#include "protocol/view_map.h"
#include "server/config/schema.h"
#include "server/config/views.h"

namespace sparc::config {
namespace {

using protocol::View;
using protocol::ViewInput;
using protocol::ViewOutput;

/// The services whose clients a shipped view serves.
std::vector<std::pair<std::string_view, const LegacyService*>> services_of(const Config& config, std::string_view view) {
  using Services = std::vector<std::pair<std::string_view, const LegacyService*>>;
  const std::pair<std::string_view, const LegacyService*> alerts{"legacy.alerts.anonymous_tenant", &config.legacy_alerts};
  const std::pair<std::string_view, const LegacyService*> video{"legacy.video.anonymous_tenant", &config.legacy_video};
  const std::pair<std::string_view, const LegacyService*> monitoring{"legacy.monitoring.anonymous_tenant",
                                                                     &config.legacy_monitoring};
  if (view == "root-socketio") return Services{alerts, video};
  if (view == "alerts-socketio") return Services{alerts};
  if (view == "video-socketio") return Services{video};
  if (view.starts_with("monitoring-")) return Services{monitoring};
  return {};
}

bool is_shipped(std::string_view name) {
  const auto shipped = shipped_views();
  return std::any_of(shipped.begin(), shipped.end(), [&](const View& view) { return view.name == name; });
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Checker {
 public:
  Checker(const Config& config, const View& view, const std::function<void(std::string)>& fault)
      : config_(config), view_(view), fault_(fault) {}

  void check() {
    if (view_.name.empty()) fault("a name is empty");
    check_namespaces();
    if (view_.wire == View::Wire::rawws) {
      check_rawws();
    } else {
      check_socketio();
    }
    for (const ViewInput& row : view_.inputs) check_input(row);
    for (const ViewOutput& row : view_.outputs) check_output(row);
  }

 private:
  void fault(std::string message) { fault_("\"" + view_.name + "\": " + std::move(message)); }

  void check_namespaces() {
    if (view_.namespaces.empty()) fault("namespaces must name at least one");
    std::vector<std::string> known;
    for (const auto& ns : config_.namespaces) known.push_back(ns.name);
    for (const auto& ns : view_.namespaces) {
      if (!contains(known, ns)) fault("there is no namespace \"" + ns + "\"" + suggestion(ns, known));
    }
  }

  void check_rawws() {
    if (view_.paths.empty()) fault("paths: a view of wire rawws needs at least one");
    for (const auto& path : view_.paths) {
      if (path == "/ws") fault("paths: /ws is the native protocol's");
      if (path.starts_with(config_.socketio.path)) fault("paths: " + path + " is under socketio.path");
    }
    if (!view_.socketio_namespace.empty()) fault("socketio_namespace is for views of wire socketio");
    if (view_.tenant_gate) fault("tenant_gate is for views of wire socketio");
    if (!view_.inputs.empty()) fault("inputs are for views of wire socketio");
    if (view_.channels.size() > protocol::channels_max) fault("channels: at most " + std::to_string(protocol::channels_max));
  }

  void check_socketio() {
    if (view_.socketio_namespace.empty()) fault("socketio_namespace is missing: a view of wire socketio needs it");
    if (!view_.channels.empty()) fault("channels are for views of wire rawws");
  }

  void check_input(const ViewInput& row) {
    if (!row.ns.empty() && !contains(view_.namespaces, row.ns)) not_in_view("inputs", row.event, row.ns);
    const bool gate = row.action == ViewInput::Action::join_tenant || row.action == ViewInput::Action::leave_tenant;
    if (row.action != ViewInput::Action::forward && !row.to.empty())
      fault("inputs: \"" + row.event + "\": to is for action forward");
    if (gate && !row.enters.empty()) fault("inputs: \"" + row.event + "\": enters is not for tenants");
  }

  void check_output(const ViewOutput& row) {
    if (!contains(view_.namespaces, row.ns)) not_in_view("outputs", row.event, row.ns);
    std::vector<std::string> names;
    names.reserve(view_.channels.size());
    for (const auto& channel : view_.channels) names.push_back(channel.name);
    for (const auto& channel : row.channels) {
      if (contains(names, channel)) continue;
      fault("outputs: \"" + row.event + "\": there is no channel \"" + channel + "\"" + suggestion(channel, names));
    }
  }

  void not_in_view(std::string_view list, const std::string& event, const std::string& ns) {
    fault(std::string(list) + ": \"" + event + "\": the view is not in namespace \"" + ns + "\"" +
          suggestion(ns, view_.namespaces));
  }

  const Config& config_;
  const View& view_;
  const std::function<void(std::string)>& fault_;
};

template <class Rows>
void leave_out(Rows& rows) {
  std::erase_if(rows, [](const auto& row) { return !row.enabled; });
}

/// A row for channels that are off is for nobody, and not for everybody.
void leave_out_channels(View& view) {
  std::vector<std::string> off;
  for (const auto& channel : view.channels) {
    if (!channel.enabled) off.push_back(channel.name);
  }
  std::erase_if(view.outputs, [&](ViewOutput& row) {
    return std::erase_if(row.channels, [&](const std::string& name) { return contains(off, name); }) != 0 && row.channels.empty();
  });
  leave_out(view.channels);
}

}  // namespace

void settle_anonymous_tenants(Config& config, const std::function<void(std::string, std::string)>& fault) {
  for (View& view : config.views) {
    if (!view.anonymous_tenant.empty()) continue;
    for (const auto& [key, service] : services_of(config, view.name)) {
      if (service->anonymous_tenant.empty() || service->anonymous_tenant == view.anonymous_tenant) continue;
      if (!view.anonymous_tenant.empty()) {
        fault(std::string(key),
              "view \"" + view.name +
                  "\" serves alerts and video: both must have the same tenant, or the view its own anonymous_tenant");
      } else {
        view.anonymous_tenant = service->anonymous_tenant;
      }
    }
  }
}

void leave_out_views_that_are_off(Config& config) {
  std::erase_if(config.views,
                [&](const View& view) { return !view.enabled || (!config.legacy_enabled && is_shipped(view.name)); });
  std::vector<std::string> off;
  for (const auto& ns : config.namespaces) {
    if (!ns.enabled) off.push_back(ns.name);
  }
  for (View& view : config.views) {
    leave_out_channels(view);
    leave_out(view.inputs);
    leave_out(view.outputs);
    std::erase_if(view.namespaces, [&](const std::string& ns) { return contains(off, ns); });
    std::erase_if(view.inputs, [&](const ViewInput& row) { return contains(off, row.ns); });
    std::erase_if(view.outputs, [&](const ViewOutput& row) { return contains(off, row.ns); });
  }
  std::erase_if(config.views, [](const View& view) { return view.namespaces.empty() && is_shipped(view.name); });
}

void check_views(const Config& config, const std::function<void(std::string)>& fault) {
  for (const View& view : config.views) Checker(config, view, fault).check();
}

}  // namespace sparc::config
