#include "broker/memory/snapshot.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <initializer_list>

#include "broker/memory/snapshot_file.h"
#include "memory_world.h"

namespace sparc::broker {
namespace {

using Strings = std::vector<std::string>;

Publication rich(std::string tenant, int n) {
  Publication p = event_of(alerts, std::move(tenant), "{\"n\":" + std::to_string(n) + ",\"x\":1.0}", "id-" + std::to_string(n));
  p.rooms.push_back("camera:" + std::to_string(n));
  p.more_args = "2,\"drei\"";
  p.attachments = {std::string("\0\xff", 2), ""};
  p.policy.ttl_ms = 5'000;
  return p;
}

void fill(World& w) {
  for (int n = 1; n <= 8; ++n) w.publish(0, rich("t" + std::to_string(n % 3), n));
  auto value = event_of(monitoring, "t1", "cpu of both");
  value.rooms = {"a", "b"};
  value.policy.latest = true;
  value.latest_key = "cpu";
  w.publish(0, value);
  value.rooms = {"a"};
  value.data = "cpu of a";
  value.id = "value-id";
  w.publish(0, value);
  w.enter(0, {video, "t1"});
}

void expect_same_streams(World& before, World& after) {
  for (NamespaceId ns : {alerts, monitoring, video}) {
    for (const char* tenant : {"t0", "t1", "t2"}) {
      const StreamKey key{ns, tenant};
      const auto was = before.read(0, key, std::nullopt), is = after.read(0, key, std::nullopt);
      EXPECT_EQ(is.next, was.next);
      ASSERT_EQ(is.entries.size(), was.entries.size());
      for (std::size_t i = 0; i < is.entries.size(); ++i) {
        const Publication &a = *was.entries[i], &b = *is.entries[i];
        EXPECT_EQ(std::tie(a.ns, a.tenant, a.rooms, a.event, a.data, a.more_args, a.attachments, a.id, a.timestamp_ms, a.offset,
                           a.epoch),
                  std::tie(b.ns, b.tenant, b.rooms, b.event, b.data, b.more_args, b.attachments, b.id, b.timestamp_ms, b.offset,
                           b.epoch));
        EXPECT_EQ(a.policy.ttl_ms, b.policy.ttl_ms);
        EXPECT_TRUE(b.policy.history);
      }
      for (const Strings& rooms : {Strings{"a"}, Strings{"b"}, Strings{"b", "a"}}) {
        EXPECT_EQ(data_of(after.latest(0, key, rooms)), data_of(before.latest(0, key, rooms)));
      }
    }
  }
}

TEST(Snapshot, AnotherNumberOfShardsContinuesEveryStreamWhereItStood) {
  for (const std::uint16_t shards : std::initializer_list<std::uint16_t>{1, 2, 5}) {
    MemoryWorld before({.shards = 3, .seed = 4});
    fill(before);
    before.memory().seal();
    const std::string bytes = before.memory().snapshot(before.now());
    MemoryWorld after({.shards = shards, .seed = 9});
    const auto restored = after.memory().restore(bytes, before.now());
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->streams, 5U);
    EXPECT_EQ(restored->entries, 8U);
    expect_same_streams(before, after);
    const auto was = before.read(0, {alerts, "t1"}, std::nullopt);
    EXPECT_EQ(after.publish(0, rich("t1", 7)).position, was.next) << "the id is still known";
    EXPECT_EQ(after.publish(0, rich("t1", 99)).position, (Position{was.next.epoch, was.next.offset + 1}));
    auto value = event_of(monitoring, "t1", "again", "value-id");
    after.enter(0, {monitoring, "t1"});
    EXPECT_EQ(after.publish(0, value).outcome, Published::Outcome::accepted);
    EXPECT_TRUE(data_of(after.told(0).publications()).empty());
  }
}

TEST(Snapshot, AgesGoOnWhileNoServerRuns) {
  MemoryWorld before({});
  before.publish(0, event_of(alerts, "t1", "old", "id-old"));
  before.advance(60'000);
  const auto young = before.publish(0, event_of(alerts, "t1", "young", "id-young")).position;
  const std::string bytes = before.memory().snapshot(before.now());
  MemoryWorld after({});
  // The monotonic clock of another boot stands elsewhere; an hour and a half has passed by the wall's.
  const Now later{5, before.now().wall_ms + 86'400'000 - 60'000};
  after.set_now(later);
  ASSERT_TRUE(after.memory().restore(bytes, later));
  EXPECT_EQ(data_of(after.read(0, {alerts, "t1"}, std::nullopt).entries), Strings{"young"});
  EXPECT_EQ(after.publish(0, event_of(alerts, "t1", "1", "id-young")).position, (Position{young.epoch, 3}))
      << "two minutes are over";
}

TEST(Snapshot, RecordsSurviveWithTheTimeThatTheyHaveLeft) {
  MemoryWorld before({.shards = 3});
  before.broker(0).keep_record("long", "kept", 120'000);
  before.broker(0).keep_record("short", "gone", 10'000);
  before.settle();
  const std::string snapshot = before.memory().snapshot(before.now());
  MemoryWorld after({.shards = 2});
  Now later = after.now();
  later.wall_ms = before.now().wall_ms + 60'000;
  ASSERT_TRUE(after.memory().restore(snapshot, later));
  EXPECT_EQ(after.take_record(1, "short"), std::nullopt);
  EXPECT_EQ(after.take_record(1, "long"), "kept");
}

TEST(Snapshot, NamespacesAreMatchedByNameAndUnknownOnesLeftOut) {
  MemoryWorld before({});
  before.publish(0, event_of(alerts, "t1", "a"));
  before.publish(0, event_of(monitoring, "t1", "m"));
  const std::string bytes = before.memory().snapshot(before.now());
  MemoryWorld after({.namespaces = {{.name = "new"}, {.name = "monitoring", .history = true}, {.name = "other"}}});
  const auto restored = after.memory().restore(bytes, after.now());
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->streams, 1U);
  EXPECT_EQ(restored->streams_of_unknown_namespaces, 1U);
  EXPECT_EQ(data_of(after.read(0, {1, "t1"}, std::nullopt).entries), Strings{"m"});
  EXPECT_TRUE(after.read(0, {0, "t1"}, std::nullopt).entries.empty());
}

TEST(Snapshot, BoundsOfTheNewConfigurationHoldForWhatIsRestored) {
  MemoryWorld before({});
  for (int n = 1; n <= 8; ++n) before.publish(0, event_of(alerts, "t1", std::to_string(n)));
  const std::string bytes = before.memory().snapshot(before.now());
  Limits limits;
  limits.stream_entries_max = 3;
  MemoryWorld after({.limits = limits});
  ASSERT_TRUE(after.memory().restore(bytes, before.now()));
  EXPECT_EQ(data_of(after.read(0, {alerts, "t1"}, std::nullopt).entries), (Strings{"6", "7", "8"}));
}

TEST(Snapshot, IsRestoredOnlyIntoABrokerWithoutStreams) {
  MemoryWorld w({});
  const std::string bytes = w.memory().snapshot(w.now());
  ASSERT_TRUE(w.memory().restore(bytes, w.now()));
  w.enter(0, {alerts, "t1"});
  EXPECT_FALSE(w.memory().restore(bytes, w.now()));
}

TEST(Snapshot, WithAnyBitFlippedOrAnyEndCutItIsRefusedAndChangesNothing) {
  MemoryWorld before({});
  fill(before);
  const std::string bytes = before.memory().snapshot(before.now());
  MemoryWorld after({});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit : {0, 3, 7}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const auto restored = after.memory().restore(damaged, before.now());
      ASSERT_FALSE(restored) << "byte " << i << " bit " << bit;
      EXPECT_FALSE(restored.error().message.empty());
    }
    ASSERT_FALSE(after.memory().restore(bytes.substr(0, i), before.now())) << "cut at " << i;
  }
  EXPECT_FALSE(after.memory().restore(bytes + '\0', before.now()));
  EXPECT_EQ(after.door(0).counters().streams.streams, 0U);
  ASSERT_TRUE(after.memory().restore(bytes, before.now()));
}

// A checksum keeps accidents out; behind it a payload of any shape must be read safely too.
TEST(Snapshot, APayloadThatDoesNotFollowTheFormatIsRefusedWhereverItBreaks) {
  MemoryWorld before({});
  fill(before);
  const std::string bytes = before.memory().snapshot(before.now());
  const std::string payload = bytes.substr(28);
  ASSERT_EQ(seal_snapshot(payload), bytes);
  const Strings names = {"alerts", "monitoring", "video"};
  for (std::size_t i = 0; i < payload.size(); ++i) {
    EXPECT_FALSE(read_snapshot(seal_snapshot(payload.substr(0, i)), names)) << "cut at " << i;
  }
  std::size_t refused = 0;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::string changed = payload;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    MemoryWorld after({});
    refused += after.memory().restore(seal_snapshot(changed), before.now()) ? 0 : 1;
  }
  EXPECT_GT(refused, 100U) << "lengths, counts, ages, indexes";
}

TEST(Snapshot, TheSameStreamTwiceIsRefused) {
  const Strings names = {"alerts"};
  SnapshotWriter writer(names, 0);
  StreamImage stream;
  stream.key = {0, "t1"};
  stream.epoch = "epoch";
  writer.add(stream);
  writer.add(stream);
  EXPECT_FALSE(read_snapshot(writer.finish(), names));
}

class SnapshotFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/snapshot-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/streams.snapshot";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

TEST_F(SnapshotFile, IsTakenOnceAndThenGone) {
  const std::string bytes("any\0bytes", 9);
  ASSERT_TRUE(write_snapshot_file(path_, bytes));
  auto taken = take_snapshot_file(path_);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, bytes);
  EXPECT_FALSE(std::filesystem::exists(path_));
  taken = take_snapshot_file(path_);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->has_value());
}

TEST_F(SnapshotFile, ReplacesAnOlderOneLeavesNoTemporaryAndIsReadableByItsOwnerAlone) {
  ASSERT_TRUE(write_snapshot_file(path_, "a longer older one"));
  ASSERT_TRUE(write_snapshot_file(path_, "newer"));
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 1U);
  EXPECT_EQ(**take_snapshot_file(path_), "newer");
}

TEST_F(SnapshotFile, InAFolderThatDoesNotExistFailsAndNamesTheReason) {
  const auto written = write_snapshot_file(folder_ + "/none/streams.snapshot", "x");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("No such file or directory"), std::string::npos);
}

TEST_F(SnapshotFile, LongerThanAllowedIsRefusedAndRemovedAllTheSame) {
  ASSERT_TRUE(write_snapshot_file(path_, "0123456789"));
  const auto taken = take_snapshot_file(path_, 9);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("10 bytes"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SnapshotFile, AFolderInItsPlaceIsAnErrorAndNotRead) {
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(take_snapshot_file(path_));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace sparc::broker
