#pragma once
// Prometheus text of a node, from its threads' counters.

#include <string>
#include <utility>
#include <vector>

#include "broker/memory/memory_broker.h"
#include "shard/settings.h"

namespace sparc::server {

class Node;
using BrokerCounters = broker::MemoryBroker::Door::Counters;

/// Text format 0.0.4. Labels are namespaces, codes and shards: nothing that a client chooses. `broker` may be empty.
/// Thread: any.
[[nodiscard]] std::string metrics_text(const Node& node, const std::vector<BrokerCounters>& broker);

/// Name and digest of what nodes of one cluster must agree on, per namespace.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> namespace_digests(const shard::Settings& settings);

}  // namespace sparc::server
