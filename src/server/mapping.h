#pragma once
// From what the operator wrote to what shards and the broker are told.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/memory/memory_broker.h"
#include "server/config/config.h"
#include "shard/settings.h"
#include "shard/shard.h"

namespace sparc::server {

[[nodiscard]] std::shared_ptr<const shard::Settings> settings_of(const config::Config& config, std::uint16_t shards);
[[nodiscard]] broker::MemoryBrokerSettings broker_settings_of(const config::Config& config, const shard::Settings& settings,
                                                              std::uint16_t shards);

/// Reads key files. `jwks` are texts of key documents that were fetched, for users and for services. Sentences for the log go to
/// `warnings`.
struct KeyDocuments {
  std::vector<std::string> user, service;
};
[[nodiscard]] Result<shard::Authority> authority_of(const config::Config& config, const KeyDocuments& documents,
                                                    std::vector<std::string>& warnings);

}  // namespace sparc::server
