#pragma once
// The book of a fan-out: what was published, and who has received it.

#include <bit>
#include <cstdint>
#include <vector>

#include "load/histogram.h"
#include "load/pool.h"
#include "load/wire.h"

namespace bench {

/// What went wrong with what a client was to get once and in order.
struct Faults {
  std::uint64_t lost = 0, duplicated = 0, reordered = 0;
};

/// Enters what a client received into its book. `settled` is called with each number that it received or is seen to have missed.
template <class F>
void enter(Client& client, std::uint32_t sequence, Faults& faults, F&& settled) {
  if (sequence < client.sequence) {
    const std::uint32_t back = client.sequence - 1 - sequence;
    if (back < 64 && (client.missing >> back & 1) != 0) {
      client.missing &= ~(std::uint64_t{1} << back);
      ++faults.reordered;
      --faults.lost;
    } else {
      ++faults.duplicated;
    }
    return;
  }
  while (client.sequence < sequence) {
    client.missing = client.missing << 1 | 1;
    settled(client.sequence++);
    ++faults.lost;
  }
  client.missing <<= 1;
  settled(client.sequence++);
}

/// Every publication is to reach every subscriber once and in order. A publication is outstanding until each subscriber received
/// it or was seen to have missed it.
class Deliveries {
 public:
  static constexpr std::uint32_t outstanding_max = 1 << 14;

  explicit Deliveries(std::uint32_t subscribers) : subscribers_(subscribers), remaining_(outstanding_max) {}

  [[nodiscard]] bool may_publish() const { return outstanding_ < outstanding_max; }
  [[nodiscard]] std::uint32_t outstanding() const { return outstanding_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint32_t published() const { return next_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] const Histogram& latency_ns() const { return latency_ns_; }

  /// The next publication's stamp.
  Stamp publish(std::uint64_t sent_ns) {
    remaining_[next_ % outstanding_max] = subscribers_;
    ++outstanding_;
    return {next_++, sent_ns};
  }

  void receive(Client& client, Stamp stamp, std::uint64_t now) {
    ++received_;
    latency_ns_.add(now > stamp.sent_ns ? now - stamp.sent_ns : 0);
    enter(client, stamp.sequence, faults_, [this](std::uint32_t sequence) { settle(sequence); });
  }

  /// Counts begin again; the sequences go on. Only while nothing is outstanding.
  void reset_counts() {
    received_ = 0;
    faults_ = {};
    latency_ns_ = {};
  }
  /// What is outstanding will not come: each delivery that is missing is lost.
  void give_up_outstanding() {
    for (std::uint32_t back = 1; back <= outstanding_max && back <= next_; ++back) {
      std::uint32_t& left = remaining_[(next_ - back) % outstanding_max];
      faults_.lost += left;
      left = 0;
    }
    outstanding_ = 0;
  }

 private:
  void settle(std::uint32_t sequence) {
    if (--remaining_[sequence % outstanding_max] == 0) --outstanding_;
  }

  std::uint32_t subscribers_;
  std::uint32_t next_ = 0;
  std::uint32_t outstanding_ = 0;
  std::vector<std::uint32_t> remaining_;  // by sequence: subscribers that have neither received nor missed it
  std::uint64_t received_ = 0;
  Faults faults_;
  Histogram latency_ns_;
};

}  // namespace bench
