#pragma once
// Prometheus text of a node, from its threads' counters.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/memory/memory_broker.h"
#include "broker/memory/service_router.h"
#include "shard/settings.h"

namespace sparc::server {

class Node;

/// What only a thread itself can read.
struct ThreadCounters {
  broker::MemoryBroker::Door::Counters broker;
  std::optional<broker::ServiceRouter::Counters> services;  // of shard 0
};

/// Text format 0.0.4. Labels are namespaces, codes and shards: nothing that a client chooses. Without `threads` what only they know is left out.
/// Thread: any.
[[nodiscard]] std::string metrics_text(const Node& node, const std::vector<ThreadCounters>& threads);

/// Name and digest of what nodes of one cluster must agree on, per namespace.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> namespace_digests(const shard::Settings& settings);

}  // namespace sparc::server
