// The same broker with real mailboxes and a thread per shard.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/mailbox.h"
#include "broker/memory/memory_broker.h"
#include "broker_world.h"

namespace sparc::broker {
namespace {

constexpr std::uint16_t shards = 3;
constexpr std::uint64_t each = 3'000;  // publications of one shard to one stream
constexpr std::uint64_t stream_total = each * shards;

class Mailboxes final : public Post {
 public:
  Mailboxes() {
    for (auto& box : boxes_) box = std::make_unique<Mailbox<Message>>(16);
  }
  bool post(std::uint16_t, std::uint16_t to, Message& message) override {
    return boxes_[to]->push(message) != Mailbox<Message>::Push::full;
  }
  Mailbox<Message>& of(std::uint16_t shard) { return *boxes_[shard]; }

 private:
  std::unique_ptr<Mailbox<Message>> boxes_[shards];
};

struct Follower {
  Position seen;
  bool level = false;
  bool reading = false;
};

// One shard's thread: publishes to every stream, and follows every stream to its end.
class Shard {
 public:
  Shard(MemoryBroker& broker, Mailboxes& mailboxes, std::uint16_t number, std::atomic<int>& finished)
      : door_(broker.door(number)), mailbox_(mailboxes.of(number)), finished_(finished) {
    door_.set_listener(told_);
    told_.then = [this](const Told& told) { hear(told); };
  }

  void run() {
    door_.on_tick({1'000, 1'700'000'000'000});
    for (std::size_t i = 0; i < tenants.size(); ++i) door_.enter(100 + i, {alerts, tenants[i]});
    bool counted = false;
    while (finished_.load() < shards) {
      mailbox_.drain([&](Message message) { door_.on_message(std::move(message)); }, 8);
      told_.log.clear();
      (void)door_.flush();
      if (published_ < each && waiting_ < 8) publish();
      if (!counted && done()) {
        counted = true;
        finished_.fetch_add(1);
      }
      std::this_thread::yield();
    }
  }

  [[nodiscard]] bool done() const {
    if (published_ < each || waiting_ > 0) return false;
    for (const auto& [tenant, f] : followers_) {
      if (f.seen.offset < stream_total) return false;
    }
    return followers_.size() == tenants.size();
  }
  std::uint64_t holes = 0;
  std::uint64_t wrong = 0;

 private:
  const std::vector<std::string> tenants{"t1", "t2", "t3"};

  void publish() {
    ++published_;
    for (const std::string& tenant : tenants) {
      ++waiting_;
      door_.publish(1, event_of(alerts, tenant, "{}"));
    }
  }
  void read(Follower& f, const std::string& tenant) {
    f.reading = true;
    f.level = false;
    const std::size_t index = tenant[1] - '1';
    door_.read(200 + index, {alerts, tenant}, f.seen, {});
  }
  void hear(const Told& told) {
    if (told.what == Told::What::published) {
      --waiting_;
      if (told.published.outcome != Published::Outcome::numbered) ++wrong;
    } else if (told.what == Told::What::publication) {
      Follower& f = followers_[told.publication->tenant];
      if (!f.level) return;
      if (told.publication->offset != f.seen.offset + 1) ++holes;
      f.seen.offset = told.publication->offset;
    } else if (told.what == Told::What::entered) {
      const std::string& tenant = tenants[told.ticket - 100];
      Follower& f = followers_[tenant];
      f.seen = {told.state.position.epoch, 0};
      read(f, tenant);
    } else if (told.what == Told::What::history) {
      const std::string& tenant = tenants[told.ticket - 200];
      Follower& f = followers_[tenant];
      for (const auto& p : told.part.entries) {
        if (p->offset != ++f.seen.offset) ++holes;
      }
      if (told.part.reach != HistoryPart::Reach::reached) ++wrong;
      f.reading = false;
      f.level = told.part.complete;
      if (!f.level) read(f, tenant);
    } else if (told.what == Told::What::missed) {
      Follower& f = followers_[told.stream.tenant];
      if (!f.reading && !f.seen.epoch.empty()) read(f, told.stream.tenant);
    } else {
      ++wrong;
    }
  }

  MemoryBroker::Door& door_;
  Mailbox<Message>& mailbox_;
  std::atomic<int>& finished_;
  Recorder told_;
  std::map<std::string, Follower> followers_;
  std::uint64_t published_ = 0;
  std::uint64_t waiting_ = 0;
};

TEST(MemoryBrokerThreads, ThreeShardsFollowEveryStreamToItsEndThroughSmallMailboxes) {
  Mailboxes mailboxes;
  SeededEntropy entropy(5);
  MemoryBroker broker({shards, test_namespaces(), {}}, mailboxes, entropy);
  std::atomic<int> finished{0};
  std::vector<std::unique_ptr<Shard>> all;
  for (std::uint16_t s = 0; s < shards; ++s) all.push_back(std::make_unique<Shard>(broker, mailboxes, s, finished));
  std::vector<std::thread> threads;
  for (auto& shard : all) threads.emplace_back([&shard] { shard->run(); });
  for (auto& thread : threads) thread.join();
  std::uint64_t numbered = 0;
  for (std::uint16_t s = 0; s < shards; ++s) {
    EXPECT_EQ(all[s]->holes, 0U);
    EXPECT_EQ(all[s]->wrong, 0U);
    numbered += broker.door(s).counters().streams.numbered;
  }
  EXPECT_EQ(numbered, 3 * stream_total);
}

}  // namespace
}  // namespace sparc::broker
