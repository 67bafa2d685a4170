#pragma once
// What a drained node writes for its successor: every stream's entries, ids and latest values, as bytes.
//
// Format, little-endian: "SPRCSNAP" | u32 version | u64 payload bytes | u64 XXH3 of the payload | payload.
// Payload: i64 Unix ms | u32 namespaces, each a text | u64 streams, each as SnapshotWriter::add writes it | u64 records,
// each a key, a value (texts) and i64 ms until it expires. A text is u32 bytes |
// bytes.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/publication.h"
#include "base/result.h"
#include "broker/memory/publication_ids.h"

namespace sparc::broker {

/// One stream as a snapshot holds it. Ages are milliseconds before the snapshot was made.
struct StreamImage {
  struct Entry {
    PublicationPtr publication;
    std::int64_t age_ms = 0;
  };
  struct Id {
    PublicationIdHash id;
    std::uint64_t offset = 0;  // 0: it was accepted without a number
    std::int64_t age_ms = 0;
  };
  struct Latest {
    PublicationPtr publication;
    std::vector<std::uint32_t> rooms;  // indexes of those rooms whose newest value it is
    std::int64_t age_ms = 0;
  };
  StreamKey key;
  std::string epoch;
  std::uint64_t last = 0;      // offset of the newest entry ever appended
  std::int64_t unused_ms = 0;  // since the last use
  std::vector<Entry> entries;  // consecutive offsets, the last of them is `last`
  std::vector<Id> ids;         // oldest first
  std::vector<Latest> latest;  // least recently written first
};

/// A text under a key (RecordStore).
struct RecordImage {
  std::string key, value;
  std::int64_t left_ms = 0;  // until it expires
};

/// Writes snapshots, stream by stream, then the records.
class SnapshotWriter {
 public:
  /// `namespaces[key.ns]` names the namespace of each stream; `wall_ms` is when the snapshot is made (Unix time).
  SnapshotWriter(std::span<const std::string> namespaces, std::int64_t wall_ms);
  void add(const StreamImage& stream);
  void add(const RecordImage& record);
  /// The whole file. The writer is used up.
  [[nodiscard]] std::string finish();

 private:
  std::string payload_;
  std::size_t count_at_ = 0;
  std::uint64_t streams_ = 0;
  std::string record_payload_;
  std::uint64_t records_ = 0;
};

struct Snapshot {
  std::int64_t wall_ms = 0;
  std::vector<StreamImage> streams;
  std::vector<RecordImage> records;
  std::uint64_t streams_of_unknown_namespaces = 0;  // left out
};

/// Reads a snapshot whole. Namespaces are matched by name, so their order in the configuration may have changed.
/// Errors: anything but a complete and undamaged snapshot of this version; there is no part of a result then.
[[nodiscard]] Result<Snapshot> read_snapshot(std::string_view file, std::span<const std::string> namespaces);

/// Puts header and checksum before a payload.
[[nodiscard]] std::string seal_snapshot(std::string_view payload);

}  // namespace sparc::broker
