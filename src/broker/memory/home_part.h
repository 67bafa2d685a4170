#pragma once
// What one shard is home of: streams and their members, ids of the directory, buckets. Executes requests, one after another.

#include <atomic>
#include <cstdint>
#include <vector>

#include "broker/memory/directory.h"
#include "broker/memory/message.h"
#include "broker/memory/point_buckets.h"
#include "broker/memory/record_store.h"
#include "broker/memory/stream_store.h"

namespace sparc::broker {

/// Thread: confined to its shard.
class HomePart {
 public:
  /// Where answers and publications go. What is said of one stream to one shard has to stay in order.
  class Out {
   public:
    virtual ~Out() = default;
    virtual void publication(std::uint16_t to, const StreamKey& stream, const PublicationPtr& publication) = 0;
    /// `stream`: what the answer is about; null where it is about none.
    virtual void answer(std::uint16_t to, const StreamKey* stream, Answer answer) = 0;
  };

  struct Settings {
    std::vector<NamespaceBrokerSettings> namespaces;
    Limits limits;             // of the node
    std::uint16_t shards = 1;  // that share the node's bounds
    std::uint64_t seed = 0;
  };
  /// `sealed` outlives the part; while it is true, publications are refused.
  HomePart(Settings settings, Out& out, const std::atomic<bool>& sealed);

  void execute(Request&& request);
  /// Cheap when called often: expiry runs once a second.
  void set_now(Now now);

  [[nodiscard]] StreamStore& streams() { return streams_; }
  [[nodiscard]] const StreamStore& streams() const { return streams_; }
  [[nodiscard]] const Directory& directory() const { return directory_; }
  [[nodiscard]] RecordStore& records() { return records_; }
  [[nodiscard]] const RecordStore& records() const { return records_; }
  [[nodiscard]] const PointBuckets& buckets() const { return buckets_; }

 private:
  void run(std::uint16_t from, PublishRequest& request);
  void run(std::uint16_t from, EnterRequest& request);
  void run(std::uint16_t from, LeaveRequest& request);
  void run(std::uint16_t from, ReadRequest& request);
  void run(std::uint16_t from, LatestRequest& request);
  void run(std::uint16_t from, DirectoryRequest& request);
  void run(std::uint16_t from, RecordRequest& request);
  void run(std::uint16_t from, PointsRequest& request);

  Out& out_;
  const std::atomic<bool>& sealed_;
  StreamStore streams_;
  Directory directory_;
  RecordStore records_;
  PointBuckets buckets_;
  Now now_;
  std::int64_t expired_ms_ = INT64_MIN;
};

}  // namespace sparc::broker
