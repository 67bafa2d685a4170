#include <algorithm>
#include <vector>

#include "load/modes.h"
#include "load/pool.h"
#include "load/process.h"
#include "load/report.h"
#include "load/wire.h"

namespace bench {
namespace {

constexpr std::uint32_t urgent_bit = 1u << 31;
constexpr std::uint64_t round_ns_max = 10'000'000'000;

/// One publication to all of a low namespace; as soon as the first subscriber has it, one to all of an urgent namespace. What is
/// counted is the order of the two in each subscriber's stream, which no reading order of the generator can change.
class Priority {
 public:
  Priority(const Options& options, const Dialect& dialect)
      : options_(options),
        subscribers_(static_cast<std::uint32_t>(options.number("connections"))),
        payload_bytes_(static_cast<std::size_t>(options.number("payload"))),
        pool_(options, dialect) {
    pool_.on_message([this](std::uint32_t client, std::string_view message) { on_message(client, message); });
  }

  void run() {
    publisher_ = pool_.open(Role::publisher, 1);
    pool_.open(Role::subscriber, subscribers_);
    pool_.poll_for(0.3);
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(options_.real("duration") * 1e9);
    round();
    shares_.clear();
    urgent_ns_ = {};
    Meter meter(static_cast<int>(options_.number("pid")));
    do round();
    while (now_ns() < end);
    meter.stop();

    std::sort(shares_.begin(), shares_.end());
    Report report;
    report.add("mode", options_.mode());
    report.add("subscribers", std::uint64_t{subscribers_});
    report.add("rounds", std::uint64_t{shares_.size()});
    report.add("urgent_late_share", shares_[shares_.size() / 2]);
    report.add("urgent_late_share_most", shares_.back());
    report.add("latency_us", urgent_ns_);
    report.add(meter);
    report.print();
  }

 private:
  void round() {
    slow_ = urgent_ = urgent_late_ = 0;
    ++round_;
    publish(options_.text("second-namespace"), options_.text("second-event"), round_);
    const std::uint64_t begin = now_ns();
    bool urgent_sent = false;
    while (slow_ < subscribers_ || urgent_ < subscribers_) {
      pool_.poll(100'000'000);
      if (slow_ > 0 && !urgent_sent) {
        publish(options_.text("namespace"), options_.text("event"), round_ | urgent_bit);
        urgent_sent = true;
      }
      if (now_ns() - begin > round_ns_max) give_up("a publication did not reach every subscriber within 10 s");
    }
    shares_.push_back(static_cast<double>(urgent_late_) / subscribers_);
  }

  void publish(std::string_view ns, std::string_view event, std::uint32_t sequence) {
    std::string frame;
    append_sparc_publication(frame, ns, options_.text("tenant"), event, payload_json({sequence, now_ns()}, payload_bytes_));
    pool_.send(publisher_, frame);
  }

  void on_message(std::uint32_t id, std::string_view message) {
    Client& client = pool_.at(id);
    const std::size_t stamps = reader_.read(message, [&](Stamp stamp) {
      if ((stamp.sequence & ~urgent_bit) != round_) give_up("a publication came twice or late");
      if ((stamp.sequence & urgent_bit) == 0) {
        client.sequence = round_;
        ++slow_;
        return;
      }
      ++urgent_;
      urgent_late_ += client.sequence == round_ ? 1 : 0;
      urgent_ns_.add(pool_.read_ns() - stamp.sent_ns);
    });
    if (stamps == 0) pool_.on_control(id, message);
  }

  const Options& options_;
  std::uint32_t subscribers_;
  std::size_t payload_bytes_;
  Pool pool_;
  StampReader reader_;
  std::uint32_t publisher_ = 0;
  std::uint32_t round_ = 0, slow_ = 0, urgent_ = 0, urgent_late_ = 0;
  std::vector<double> shares_;
  Histogram urgent_ns_;
};

}  // namespace

void run_priority(const Options& options, const Dialect& dialect) { Priority(options, dialect).run(); }

}  // namespace bench
