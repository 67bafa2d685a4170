#pragma once
// Drives a MemoryBroker on one thread: each step hands over one message, of the shard that a seed picks.

#include <deque>
#include <memory>

#include "broker/memory/memory_broker.h"
#include "broker_world.h"

namespace sparc::broker {

class MemoryWorld final : public World, public Post {
 public:
  struct Options {
    std::uint16_t shards = 1;
    std::size_t mailbox_items = SIZE_MAX;
    std::uint64_t seed = 0;  // 0: messages are handed over in the order they were posted
    Limits limits = {};
    std::vector<NamespaceBrokerSettings> namespaces = test_namespaces();
  };
  explicit MemoryWorld(Options options) : options_(std::move(options)), random_(options_.seed), entropy_(options_.seed + 1) {
    links_.resize(std::size_t{options_.shards} * options_.shards);
    held_.resize(options_.shards);
    recorders_.resize(options_.shards);
    memory_ = std::make_unique<MemoryBroker>(MemoryBrokerSettings{options_.shards, options_.namespaces, options_.limits}, *this,
                                             entropy_);
    for (std::uint16_t shard = 0; shard < options_.shards; ++shard) memory_->door(shard).set_listener(recorders_[shard]);
    advance(0);
  }

  [[nodiscard]] std::size_t shards() const override { return options_.shards; }
  [[nodiscard]] Broker& broker(std::size_t shard) override { return memory_->door(static_cast<std::uint16_t>(shard)); }
  [[nodiscard]] Recorder& told(std::size_t shard) override { return recorders_[shard]; }
  [[nodiscard]] MemoryBroker& memory() { return *memory_; }
  [[nodiscard]] MemoryBroker::Door& door(std::size_t shard) { return memory_->door(static_cast<std::uint16_t>(shard)); }
  [[nodiscard]] Now now() const { return now_; }
  [[nodiscard]] SeededEntropy& random() { return random_; }
  void set_now(Now now) {
    now_ = now;
    advance(0);
  }
  void settle() override {
    while (step()) {
    }
  }
  void advance(std::int64_t ms) override {
    now_.monotonic_ms += ms;
    now_.wall_ms += ms;
    for (std::uint16_t shard = 0; shard < options_.shards; ++shard) memory_->door(shard).on_tick(now_);
  }
  void set_available(bool available) override { memory_->set_available(available); }

  /// Hands over one message. False: nothing is under way.
  bool step() {
    std::vector<std::size_t> ready;
    for (std::size_t link = 0; link < links_.size(); ++link) {
      if (!links_[link].empty()) ready.push_back(link);
    }
    if (ready.empty()) {
      for (std::uint16_t shard = 0; shard < options_.shards; ++shard) (void)memory_->door(shard).flush();
      for (std::size_t held : held_) {
        if (held > 0) return true;
      }
      return false;
    }
    std::size_t link = ready[0];
    if (options_.seed != 0) {
      link = ready[random_.below(ready.size())];
    } else {
      for (std::size_t other : ready) link = links_[other].front().number < links_[link].front().number ? other : link;
    }
    const auto to = static_cast<std::uint16_t>(link % options_.shards);
    Message message = std::move(links_[link].front().message);
    links_[link].pop_front();
    --held_[to];
    memory_->door(to).on_message(std::move(message));
    return true;
  }

 private:
  struct Posted {
    std::uint64_t number;
    Message message;
  };
  bool post(std::uint16_t from, std::uint16_t to, Message& message) override {
    if (held_[to] >= options_.mailbox_items) return false;
    ++held_[to];
    links_[std::size_t{from} * options_.shards + to].push_back({++posted_, std::move(message)});
    return true;
  }

  Options options_;
  SeededEntropy random_;
  SeededEntropy entropy_;
  Now now_{1'000, 1'700'000'000'000};
  std::uint64_t posted_ = 0;
  std::vector<std::deque<Posted>> links_;  // [from * shards + to]
  std::vector<std::size_t> held_;          // by receiver: what its mailbox holds
  std::deque<Recorder> recorders_;
  std::unique_ptr<MemoryBroker> memory_;
};

}  // namespace sparc::broker
