#pragma once
// The streams whose home is one shard: numbers, history, ids and latest values.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/limits.h"
#include "base/publication.h"
#include "broker/broker.h"
#include "broker/memory/latest_values.h"
#include "broker/memory/publication_ids.h"
#include "broker/memory/ring_queue.h"
#include "broker/memory/size_heap.h"
#include "broker/memory/snapshot.h"

namespace sparc::broker {

/// What the broker needs to know of a configured namespace; its index in the list is its NamespaceId.
struct NamespaceBrokerSettings {
  std::string name;  // matches the streams of a snapshot
  bool history = false;
  std::size_t entries_max = 0;  // of a stream; 0 here and below: as Limits says
  std::size_t bytes_max = 0;    // entries and latest values, each for itself
  std::uint64_t ttl_ms = 0;
};

/// Events since the start, then what is kept now.
struct StreamCounters {
  std::uint64_t publications = 0;  // accepted, repeated ones not counted
  std::uint64_t numbered = 0;
  std::uint64_t repeated = 0;  // answered from a remembered id
  std::uint64_t trimmed_by_entries = 0;
  std::uint64_t trimmed_by_bytes = 0;
  std::uint64_t trimmed_by_ttl = 0;
  std::uint64_t trimmed_by_node = 0;      // the largest stream's oldest, for the bound of all streams
  std::uint64_t ids_forgotten_early = 0;  // more than publication_ids_max within their time
  std::uint64_t latest_evicted = 0;       // by number or bytes
  std::uint64_t latest_expired = 0;
  std::uint64_t streams_expired = 0;  // the next use begins a new epoch

  std::size_t streams = 0;
  std::size_t entries = 0;
  std::size_t bytes = 0;  // of entries and latest values
  std::size_t ids = 0;
  std::size_t latest_values = 0;
};

/// One home part's streams. Pure: time comes by `set_now`, randomness by the seed of the epochs.
///
/// Limits:   per stream entries_max, bytes_max, ttl_ms, latest_values_max, latest_ttl_ms, publication_ids_max,
///           publication_id_ttl_ms; over all streams `bytes_share`: the largest loses its oldest entry, or where it has none its
///           oldest latest value.
/// Lifetime: a Stream lives until `set_now` finds it unused for stream_meta_ttl_ms, or `clear`.
/// Thread:   confined to one.
class StreamStore {
 public:
  struct Stream {
    StreamKey key;
    std::string epoch;
    std::uint64_t last = 0;             // offset of the newest entry ever appended
    std::vector<std::uint16_t> shards;  // members, sorted: kept here by the store's owner, for one look-up a publication
    std::int64_t used_ms = 0;

   private:
    friend class StreamStore;
    friend class SizeHeap<Stream>;
    struct Entry {
      PublicationPtr publication;
      std::int64_t at_ms = 0;
      std::size_t bytes = 0;
    };
    struct Counted {
      std::size_t entries = 0, bytes = 0, ids = 0, latest = 0;
    };
    RingQueue<Entry> entries;
    std::size_t entries_bytes = 0;
    std::unique_ptr<PublicationIds> ids;  // null while there are none, as latest
    std::unique_ptr<LatestValues> latest;
    Counted counted;
    std::size_t all_at = 0;  // index into all_
    std::size_t heap_at = 0;
    std::size_t heap_size = 0;
  };

  StreamStore(std::vector<NamespaceBrokerSettings> namespaces, const Limits& limits, std::size_t bytes_share, std::uint64_t seed);

  /// Moves time; at most once a second of it, a share of the streams (4,096) is searched for what has expired.
  void set_now(Now now);

  /// Null for a stream that has no metadata.
  [[nodiscard]] Stream* find(NamespaceId ns, std::string_view tenant);
  /// Creates the metadata where there is none.
  [[nodiscard]] Stream& open(NamespaceId ns, std::string_view tenant);

  struct Accepted {
    Published answer;
    bool repeated = false;  // an id that is remembered: nothing is delivered
  };
  /// Numbers and appends what is to be numbered, keeps latest values, remembers the id. Fills offset, epoch and, where it is 0,
  /// timestamp_ms; nobody may write to the publication afterwards.
  [[nodiscard]] Accepted publish(Stream& stream, const std::shared_ptr<Publication>& publication);

  [[nodiscard]] StreamState state(Stream& stream);
  /// Of a stream that has no metadata nothing is reached (asked with a position), or there is nothing to read (without).
  [[nodiscard]] HistoryPart read(Stream* stream, const std::optional<Position>& since, ReadLimits limits);
  [[nodiscard]] std::vector<PublicationPtr> latest(Stream* stream, const std::vector<std::string>& rooms);

  /// Forgets every stream; their next use begins new epochs. Members stay.
  void clear();

  [[nodiscard]] const StreamCounters& counters() const { return counters_; }

  /// visit(StreamImage), for every stream. What has expired is left out.
  template <class F>
  void for_each_image(F&& visit) {
    for (auto& [key, stream] : streams_) visit(image_of(stream));
  }
  /// Puts a stream of a snapshot in place, aged by `since_ms`. The key is not there yet (asserted); bounds hold afterwards.
  void restore(StreamImage&& image, std::int64_t since_ms);

 private:
  struct KeyView {
    NamespaceId ns;
    std::string_view tenant;
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const noexcept { return mix(std::hash<std::string_view>{}(key.tenant), key.ns); }
    std::size_t operator()(const StreamKey& key) const noexcept { return (*this)(KeyView{key.ns, key.tenant}); }
  };
  struct KeyEqual {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const noexcept {
      return a.ns == b.ns && a.tenant == b.tenant;
    }
  };

  [[nodiscard]] const NamespaceBrokerSettings& settings_of(const Stream& stream) const;
  [[nodiscard]] bool is_numbered(const Stream& stream, const DeliveryPolicy& policy) const;
  [[nodiscard]] StreamImage image_of(Stream& stream);
  void append(Stream& stream, PublicationPtr publication, std::int64_t at_ms);
  void remember_latest(Stream& stream, const PublicationPtr& publication);
  void drop_oldest_entry(Stream& stream);
  void expire(Stream& stream);
  void trim(Stream& stream);
  void account(Stream& stream);
  void shed();
  void sweep();
  void erase(Stream& stream);
  [[nodiscard]] bool is_dead(const Stream& stream) const;

  std::vector<NamespaceBrokerSettings> namespaces_;
  NamespaceBrokerSettings unknown_namespace_;
  Limits limits_;
  std::size_t bytes_share_;
  SeededEntropy epochs_;
  Now now_;
  std::unordered_map<StreamKey, Stream, KeyHash, KeyEqual> streams_;
  std::vector<Stream*> all_;  // for the sweep, which goes on while streams change their size
  SizeHeap<Stream> by_size_;
  StreamCounters counters_;
  std::size_t sweep_at_ = 0;
  std::int64_t swept_ms_ = INT64_MIN;
};

}  // namespace sparc::broker
