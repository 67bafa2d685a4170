#include "broker/memory/snapshot.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <limits>
#include <optional>
#include <type_traits>
#include <unordered_set>

namespace sparc::broker {
namespace {

constexpr std::string_view magic = "SPRCSNAP";
constexpr std::uint32_t version = 2;
constexpr std::size_t header_bytes = magic.size() + 4 + 8 + 8;
constexpr std::size_t epoch_bytes_max = 64;
constexpr std::uint8_t flag_history = 1, flag_volatile = 2, flag_latest = 4;

template <class T>
void put(std::string& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(bits >> (8 * i) & 0xff));
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

void put_texts(std::string& out, const std::vector<std::string>& texts) {
  put(out, static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) put_text(out, text);
}

void put_publication(std::string& out, const Publication& p) {
  put_texts(out, p.rooms);
  put_text(out, p.event);
  put_text(out, p.data);
  put_text(out, p.more_args);
  put_texts(out, p.attachments);
  put_text(out, p.id);
  put(out, p.timestamp_ms);
  const int flags =
      (p.policy.history ? flag_history : 0) | (p.policy.is_volatile ? flag_volatile : 0) | (p.policy.latest ? flag_latest : 0);
  put(out, static_cast<std::uint8_t>(flags));
  put(out, p.policy.ttl_ms);
  put_text(out, p.latest_key);
}

// Reads what `put` wrote. After the first thing that is wrong, `ok()` is false and everything read is empty or 0.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    const std::string_view raw = take(sizeof(T));
    std::make_unsigned_t<T> bits = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      bits = static_cast<std::make_unsigned_t<T>>(bits | std::make_unsigned_t<T>{static_cast<unsigned char>(raw[i])} << (8 * i));
    }
    return static_cast<T>(bits);
  }
  std::string_view text() { return take(number<std::uint32_t>()); }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (auto left = number<std::uint32_t>(); left > 0 && ok_; --left) out.emplace_back(text());
    return out;
  }
  std::int64_t age() {
    const auto value = number<std::int64_t>();
    // Far below the point where subtracting it from a clock could overflow.
    require(value >= 0 && value < std::numeric_limits<std::int64_t>::max() / 8);
    return ok_ ? value : 0;
  }
  void require(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view take(std::size_t count) {
    require(count <= bytes_.size());
    if (!ok_) return {};
    const std::string_view out = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return out;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

std::shared_ptr<Publication> read_publication(Reader& in, const StreamKey& key) {
  auto p = std::make_shared<Publication>();
  p->ns = key.ns;
  p->tenant = key.tenant;
  p->rooms = in.texts();
  in.require(!p->rooms.empty());
  p->event = in.text();
  p->data = in.text();
  p->more_args = in.text();
  p->attachments = in.texts();
  p->id = in.text();
  p->timestamp_ms = in.number<std::int64_t>();
  const auto flags = in.number<std::uint8_t>();
  in.require(flags < 8);
  p->policy = {(flags & flag_history) != 0, (flags & flag_volatile) != 0, (flags & flag_latest) != 0, in.number<std::uint32_t>()};
  p->latest_key = in.text();
  return p;
}

void read_entries(Reader& in, StreamImage& stream) {
  const auto count = in.number<std::uint64_t>();
  in.require(count <= stream.last);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::int64_t age_ms = in.age();
    auto publication = read_publication(in, stream.key);
    publication->offset = stream.last - count + 1 + i;
    publication->epoch = stream.epoch;
    stream.entries.push_back({std::move(publication), age_ms});
  }
}

void read_ids(Reader& in, StreamImage& stream) {
  for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left) {
    StreamImage::Id id;
    id.id.high = in.number<std::uint64_t>();
    id.id.low = in.number<std::uint64_t>();
    id.offset = in.number<std::uint64_t>();
    id.age_ms = in.age();
    in.require(id.offset <= stream.last);
    stream.ids.push_back(id);
  }
}

void read_latest(Reader& in, StreamImage& stream) {
  for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left) {
    StreamImage::Latest value;
    value.age_ms = in.age();
    value.publication = read_publication(in, stream.key);
    for (auto rooms = in.number<std::uint32_t>(); rooms > 0 && in.ok(); --rooms) {
      value.rooms.push_back(in.number<std::uint32_t>());
      in.require(value.rooms.back() < value.publication->rooms.size());
    }
    stream.latest.push_back(std::move(value));
  }
}

StreamImage read_stream(Reader& in, StreamKey key) {
  StreamImage stream;
  stream.key = std::move(key);
  stream.key.tenant = in.text();
  stream.epoch = in.text();
  in.require(!stream.epoch.empty() && stream.epoch.size() <= epoch_bytes_max);
  stream.last = in.number<std::uint64_t>();
  // An offset near the end of its range could not be counted on from; no stream gets there.
  in.require(stream.last <= std::numeric_limits<std::uint64_t>::max() / 2);
  stream.unused_ms = in.age();
  read_entries(in, stream);
  read_ids(in, stream);
  read_latest(in, stream);
  return stream;
}

std::vector<std::optional<NamespaceId>> match_namespaces(const std::vector<std::string>& names,
                                                         std::span<const std::string> known) {
  std::vector<std::optional<NamespaceId>> out(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t k = 0; k < known.size(); ++k) {
      if (names[i] == known[k]) out[i] = static_cast<NamespaceId>(k);
    }
  }
  return out;
}

Result<Snapshot> read_payload(std::string_view payload, std::span<const std::string> namespaces) {
  Reader in(payload);
  Snapshot snapshot;
  snapshot.wall_ms = in.number<std::int64_t>();
  in.require(snapshot.wall_ms >= 0);
  const auto names = in.texts();
  const auto ids = match_namespaces(names, namespaces);
  std::unordered_set<StreamKey, StreamKeyHash> seen;  // by index of this file's own names
  for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left) {
    const auto name = in.number<std::uint16_t>();
    in.require(name < ids.size());
    if (!in.ok()) break;
    StreamImage stream = read_stream(in, {ids[name].value_or(0), {}});
    in.require(seen.insert({name, stream.key.tenant}).second);
    if (ids[name]) {
      snapshot.streams.push_back(std::move(stream));
    } else {
      ++snapshot.streams_of_unknown_namespaces;
    }
  }
  for (auto left = in.number<std::uint64_t>(); left > 0 && in.ok(); --left) {
    RecordImage record;
    record.key = in.text();
    record.value = in.text();
    record.left_ms = in.age();
    snapshot.records.push_back(std::move(record));
  }
  if (!in.ok() || !in.at_end()) return fail("the snapshot's contents do not follow its format");
  return snapshot;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::span<const std::string> namespaces, std::int64_t wall_ms) {
  put(payload_, wall_ms);
  put(payload_, static_cast<std::uint32_t>(namespaces.size()));
  for (const auto& name : namespaces) put_text(payload_, name);
  count_at_ = payload_.size();
  put(payload_, streams_);
}

void SnapshotWriter::add(const StreamImage& stream) {
  ++streams_;
  put(payload_, stream.key.ns);
  put_text(payload_, stream.key.tenant);
  put_text(payload_, stream.epoch);
  put(payload_, stream.last);
  put(payload_, stream.unused_ms);
  put(payload_, static_cast<std::uint64_t>(stream.entries.size()));
  for (const auto& entry : stream.entries) {
    put(payload_, entry.age_ms);
    put_publication(payload_, *entry.publication);
  }
  put(payload_, static_cast<std::uint64_t>(stream.ids.size()));
  for (const auto& id : stream.ids) {
    put(payload_, id.id.high);
    put(payload_, id.id.low);
    put(payload_, id.offset);
    put(payload_, id.age_ms);
  }
  put(payload_, static_cast<std::uint64_t>(stream.latest.size()));
  for (const auto& value : stream.latest) {
    put(payload_, value.age_ms);
    put_publication(payload_, *value.publication);
    put(payload_, static_cast<std::uint32_t>(value.rooms.size()));
    for (std::uint32_t room : value.rooms) put(payload_, room);
  }
}

void SnapshotWriter::add(const RecordImage& record) {
  ++records_;
  put_text(record_payload_, record.key);
  put_text(record_payload_, record.value);
  put(record_payload_, record.left_ms);
}

std::string SnapshotWriter::finish() {
  std::string count;
  put(count, streams_);
  payload_.replace(count_at_, count.size(), count);
  put(payload_, records_);
  payload_ += record_payload_;
  return seal_snapshot(std::exchange(payload_, {}));
}

std::string seal_snapshot(std::string_view payload) {
  std::string out(magic);
  out.reserve(header_bytes + payload.size());
  put(out, version);
  put(out, static_cast<std::uint64_t>(payload.size()));
  put(out, static_cast<std::uint64_t>(XXH3_64bits(payload.data(), payload.size())));
  out.append(payload);
  return out;
}

Result<Snapshot> read_snapshot(std::string_view file, std::span<const std::string> namespaces) {
  if (file.size() < header_bytes || !file.starts_with(magic)) return fail("the file is not a snapshot");
  Reader header(file.substr(magic.size(), header_bytes - magic.size()));
  const auto written = header.number<std::uint32_t>();
  if (written != version) {
    return fail("the snapshot has version " + std::to_string(written) + ", this server reads version " + std::to_string(version));
  }
  const std::string_view payload = file.substr(header_bytes);
  const auto size = header.number<std::uint64_t>();
  if (size != payload.size()) {
    return fail("the snapshot says " + std::to_string(size) + " bytes and has " + std::to_string(payload.size()) + ": truncated");
  }
  if (header.number<std::uint64_t>() != XXH3_64bits(payload.data(), payload.size())) {
    return fail("the snapshot's checksum does not match: it is damaged");
  }
  return read_payload(payload, namespaces);
}

}  // namespace sparc::broker
