#pragma once
// The one object that every layer passes on: an event addressed to rooms of one tenant, or to public rooms.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace sparc {

/// Index of a configured namespace; the same on every shard of a node.
using NamespaceId = std::uint16_t;

/// A stream is the ordered history of one (namespace, tenant). An empty tenant is the public one: global rooms, no history.
struct StreamKey {
  NamespaceId ns = 0;
  std::string tenant;
  friend bool operator==(const StreamKey&, const StreamKey&) = default;
};

struct StreamKeyHash {
  std::size_t operator()(const StreamKey& key) const noexcept { return mix(std::hash<std::string>{}(key.tenant), key.ns); }
};

/// Where a client is in a stream. An empty epoch is never recovered.
struct Position {
  std::string epoch;
  std::uint64_t offset = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

/// How an event travels, by configuration of its namespace and pattern, or as its publisher said.
struct DeliveryPolicy {
  bool history = true;       // false: never appended, carries no offset
  bool is_volatile = false;  // dropped for a connection where anything waits
  bool latest = false;       // only the newest per (room, event, key) matters; never appended
  std::uint32_t ttl_ms = 0;  // 0: does not expire while it waits
};

/// Immutable once accepted by the broker, which fills `offset` and `epoch`. Shared between shards by shared_ptr.
struct Publication {
  NamespaceId ns = 0;
  std::string tenant;              // empty: public rooms
  std::vector<std::string> rooms;  // short names, at least one
  std::string event;
  std::string data;                      // argument 0: valid JSON, byte for byte as its publisher wrote it
  std::string more_args;                 // further arguments: JSON texts joined by commas, without brackets; empty: none
  std::vector<std::string> attachments;  // binary, for the Socket.IO placeholders in the arguments
  std::string id;                        // publication id; unique within its stream
  std::int64_t timestamp_ms = 0;         // Unix milliseconds, when it was accepted
  DeliveryPolicy policy;
  std::string latest_key;           // the payload's key where policy.latest; may be empty
  std::vector<std::string> except;  // public ids of connections that do not get it
  std::uint16_t timestamp_us = 0;   // of timestamp_ms: 0 to 999; on this node only, for the measure of its delay
  std::uint64_t offset = 0;         // 0: not numbered
  std::string epoch;                // of the stream, where numbered
  bool provisional = false;         // delivered while the broker is away; its number follows

  [[nodiscard]] std::size_t bytes() const {
    std::size_t size = sizeof(Publication) + tenant.size() + event.size() + data.size() + more_args.size() + id.size() + 64;
    for (const auto& room : rooms) size += room.size() + sizeof(std::string);
    for (const auto& connection : except) size += connection.size() + sizeof(std::string);
    for (const auto& a : attachments) size += a.size() + sizeof(std::string);
    return size;
  }
};

using PublicationPtr = std::shared_ptr<const Publication>;

}  // namespace sparc
