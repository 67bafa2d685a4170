#pragma once
// The views of older clients: those that are shipped, and what must hold for all of them.

#include <functional>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace sparc::config {

/// monitoring-rawws, root-socketio, video-socketio, alerts-socketio, monitoring-socketio.
[[nodiscard]] std::vector<protocol::View> shipped_views();

/// Fills `anonymous_tenant` of the shipped views from `legacy.<service>.anonymous_tenant` where they say none themselves.
void settle_anonymous_tenants(Config& config, const std::function<void(std::string key, std::string message)>& fault);
/// Views and rows that are off, shipped views without `legacy.enabled`, and what views say of namespaces that are off.
/// To be called while `config` still has the namespaces that are off.
void leave_out_views_that_are_off(Config& config);
/// What rows cannot know alone: names of namespaces and channels, what a wire needs. `fault` is given a sentence that names the view.
void check_views(const Config& config, const std::function<void(std::string message)>& fault);

}  // namespace sparc::config
