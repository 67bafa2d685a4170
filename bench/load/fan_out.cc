#include <algorithm>
#include <memory>

#include "load/deliveries.h"
#include "load/modes.h"
#include "load/pool.h"
#include "load/process.h"
#include "load/report.h"

namespace bench {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t stalled_ns = 10 * second_ns;
constexpr std::uint32_t rooms_per_connection = 200;

/// When publications are sent: a window, a rate, or bursts.
struct Pace {
  std::uint32_t window = 0;
  std::uint64_t interval_ns = 0;  // not 0: a rate
  std::uint32_t burst = 0;        // not 0: bursts
  std::uint64_t gap_ns = 0;
};

class FanOut {
 public:
  FanOut(const Options& options, const Dialect& dialect)
      : options_(options),
        subscribers_(static_cast<std::uint32_t>(options.number("connections"))),
        payload_bytes_(static_cast<std::size_t>(options.number("payload"))),
        pool_(options, dialect),
        book_(subscribers_) {
    if (options.mode() == "burst") {
      pace_.burst = static_cast<std::uint32_t>(options.number("burst"));
      pace_.gap_ns = static_cast<std::uint64_t>(options.number("gap-ms")) * 1'000'000;
    } else if (options.real("rate") > 0) {
      pace_.interval_ns = static_cast<std::uint64_t>(1e9 / options.real("rate"));
    } else {
      pace_.window = static_cast<std::uint32_t>(options.number("window"));
    }
    if (std::max(pace_.window, pace_.burst) > Deliveries::outstanding_max)
      give_up("more publications at once than the book holds");
    pool_.on_message([this](std::uint32_t client, std::string_view message) { on_message(client, message); });
  }

  void run() {
    publisher_ = pool_.open(Role::publisher, 1);
    open_others();
    pool_.open(Role::subscriber, subscribers_);
    pool_.poll_for(0.3);
    load(options_.real("warmup"));
    if (book_.received() == 0) give_up("no publication arrived");
    book_.reset_counts();
    const std::uint32_t published_before = book_.published();
    const std::uint64_t reads_before = pool_.reads();
    const std::uint64_t bytes_before = pool_.bytes_read();
    const std::uint64_t announced_before = pool_.announced();
    Meter meter(static_cast<int>(options_.number("pid")));
    load(options_.real("duration"));
    meter.stop();
    report(meter, book_.published() - published_before, pool_.reads() - reads_before, pool_.bytes_read() - bytes_before,
           pool_.announced() - announced_before);
  }

 private:
  void open_others() {
    const auto rooms = static_cast<std::uint32_t>(options_.number("other-rooms"));
    const auto tenants = static_cast<std::uint32_t>(options_.number("other-tenants"));
    if (rooms > 0) pool_.open(Role::other_room, (rooms + rooms_per_connection - 1) / rooms_per_connection);
    if (tenants > 0) pool_.open(Role::other_tenant, tenants);
  }

  void on_message(std::uint32_t id, std::string_view message) {
    Client& client = pool_.at(id);
    if (client.role == Role::subscriber) {
      const std::size_t stamps = reader_.read(message, [&](Stamp stamp) { book_.receive(client, stamp, pool_.read_ns()); });
      if (stamps == 1 && message.front() != '[') return;
      if (stamps > 0 && message.find(R"("type":"gap")") == std::string_view::npos) return;
    }
    pool_.on_control(id, message);
  }

  /// Publishes at the pace for so long, then waits for what is outstanding.
  void load(double seconds) {
    const std::uint64_t begin = now_ns();
    const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * 1e9);
    std::uint64_t next = begin;
    std::uint64_t progress = begin;
    std::uint64_t received = book_.received();
    for (std::uint64_t now = begin; now < end || book_.outstanding() > 0; now = now_ns()) {
      if (book_.received() != received || book_.outstanding() == 0) progress = now;
      received = book_.received();
      if (now - progress > stalled_ns) {
        stalled_ = true;
        book_.give_up_outstanding();
        return;
      }
      pool_.poll(now < end ? publish_due(now, next) : second_ns / 10);
    }
  }

  /// Publishes what is due at `now`; returns how long to wait at most.
  std::uint64_t publish_due(std::uint64_t now, std::uint64_t& next) {
    if (pace_.interval_ns != 0) {
      for (; next <= now && book_.may_publish(); next += pace_.interval_ns) append(next);
      flush();
      return next > now ? next - now : 0;
    }
    if (pace_.burst != 0) {
      if (book_.outstanding() > 0) {
        next = 0;
        return second_ns / 10;
      }
      if (next == 0) next = now + pace_.gap_ns;
      if (now < next) return next - now;
      for (std::uint32_t i = 0; i < pace_.burst; ++i) append(now);
      flush();
      return second_ns / 10;
    }
    while (book_.outstanding() < pace_.window) append(now);
    flush();
    return second_ns / 10;
  }

  void append(std::uint64_t sent_ns) {
    pool_.dialect().append_publication(out_, payload_json(book_.publish(sent_ns), payload_bytes_));
  }
  void flush() {
    if (out_.empty()) return;
    pool_.send(publisher_, out_);
    out_.clear();
  }

  void report(const Meter& meter, std::uint32_t published, std::uint64_t reads, std::uint64_t bytes, std::uint64_t announced) {
    Report report;
    report.add("mode", options_.mode());
    report.add("subscribers", std::uint64_t{subscribers_});
    report.add("published", std::uint64_t{published});
    report.add("received", book_.received());
    report.add(book_.faults(), announced);
    report.add("announced", announced);
    report.add("messages_per_read",
               static_cast<double>(book_.received()) / static_cast<double>(std::max<std::uint64_t>(reads, 1)));
    report.add("bytes_per_delivery",
               static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(book_.received(), 1)));
    report.add("deliveries_per_s", static_cast<double>(book_.received()) / meter.elapsed_s());
    report.add("ns_per_delivery",
               static_cast<double>(meter.server_ns()) / static_cast<double>(std::max<std::uint64_t>(book_.received(), 1)));
    report.add("latency_us", book_.latency_ns());
    report.add(meter);
    if (stalled_) report.refuse("no delivery for 10 s while some were outstanding");
    report.print();
  }

  const Options& options_;
  std::uint32_t subscribers_;
  std::size_t payload_bytes_;
  Pool pool_;
  Deliveries book_;
  Pace pace_;
  StampReader reader_;
  std::uint32_t publisher_ = 0;
  std::string out_;
  bool stalled_ = false;
};

}  // namespace

void run_fan_out(const Options& options, const Dialect& dialect) {
  const auto fan_out = std::make_unique<FanOut>(options, dialect);
  fan_out->run();
}

}  // namespace bench
