#include <algorithm>
#include <utility>
#include <vector>

#include "load/deliveries.h"
#include "load/modes.h"
#include "load/pool.h"
#include "load/process.h"
#include "load/report.h"
#include "load/wire.h"

namespace bench {
namespace {

constexpr std::uint32_t first_call_id = 2;  // sparc: 1 is the join's

/// Each connection keeps `window` messages outstanding; what came back in one read is sent again in one write. Every call is to be
/// answered once, and those of a connection in order.
class RoundTrips {
 public:
  RoundTrips(const Options& options, const Dialect& dialect)
      : options_(options),
        calls_(options.mode() == "rpc"),
        window_(static_cast<std::uint32_t>(options.number("window"))),
        pool_(options, dialect),
        echo_(dialect.echo_text(static_cast<std::size_t>(options.number("size")))),
        event_(options.text("rpc-event")),
        data_("{\"text\":\"" + std::string(static_cast<std::size_t>(options.number("size")), 'x') + "\"}") {
    append_client_frame(echo_frame_, Opcode::text, echo_);
    pool_.on_message([this](std::uint32_t client, std::string_view message) { on_message(client, message); });
  }

  void run() {
    const auto count = static_cast<std::uint32_t>(options_.number("connections"));
    const Role role = calls_ ? Role::caller : Role::echo;
    if (pool_.dialect().polls(role)) give_up("echo and rpc are measured over WebSockets");
    const std::uint32_t first = pool_.open(role, count);
    connections_.resize(first + count);
    pool_.poll_for(0.2);
    for (std::uint32_t id = first; id < first + count; ++id) send(id, window_);
    load(options_.real("warmup"));
    answers_ = 0;
    round_trip_ns_ = {};
    const std::uint64_t reads_before = pool_.reads();
    Meter meter(static_cast<int>(options_.number("pid")));
    load(options_.real("duration"));
    meter.stop();
    if (calls_) await_replies(first, count);
    report(meter, count, pool_.reads() - reads_before);
  }

 private:
  void load(double seconds) {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
    std::uint64_t progress = now_ns();
    while (now_ns() < end) {
      pool_.poll(100'000'000);
      if (!answered_.empty()) progress = now_ns();
      if (now_ns() - progress > 5'000'000'000) give_up("no answers for 5 s");
      for (const std::uint32_t id : answered_) {
        round_trip_ns_.add(pool_.read_ns() - connections_[id].last_sent_ns);
        send(id, std::exchange(connections_[id].answered, 0));
      }
      answered_.clear();
    }
  }

  /// Until every call is answered, or nothing has come for 2 s: what is missing then is lost.
  void await_replies(std::uint32_t first, std::uint32_t count) {
    const auto missing = [&] {
      std::uint64_t sum = 0;
      for (std::uint32_t id = first; id < first + count; ++id) sum += connections_[id].calls - pool_.at(id).sequence;
      return sum;
    };
    const std::uint64_t answers = answers_;
    std::uint64_t left = missing();
    for (std::uint64_t progress = now_ns(); left > 0 && now_ns() - progress < 2'000'000'000;) {
      pool_.poll(100'000'000);
      if (missing() < left) progress = now_ns();
      left = missing();
    }
    answered_.clear();
    answers_ = answers;
    faults_.lost += left;
  }

  void send(std::uint32_t id, std::uint32_t count) {
    Connection& connection = connections_[id];
    out_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      if (calls_) {
        append_client_frame(out_, Opcode::text, pool_.dialect().call(first_call_id + connection.calls++, event_, data_));
      } else {
        out_ += echo_frame_;
      }
    }
    connection.last_sent_ns = now_ns();
    pool_.send(id, out_);
  }

  void on_message(std::uint32_t id, std::string_view message) {
    const std::uint32_t answers = answers_in(id, message);
    if (answers == 0) {
      pool_.on_control(id, message);
      return;
    }
    Connection& connection = connections_[id];
    if (connection.answered == 0) answered_.push_back(id);
    connection.answered += answers;
    answers_ += answers;
  }

  [[nodiscard]] std::uint32_t answers_in(std::uint32_t id, std::string_view message) {
    if (!calls_) return message == echo_ ? 1 : 0;
    replies_.clear();
    pool_.dialect().replies(message, replies_);
    for (const std::uint32_t reply : replies_) {
      enter(pool_.at(id), reply - first_call_id, faults_, [](std::uint32_t) {});
    }
    return static_cast<std::uint32_t>(replies_.size());
  }

  void report(const Meter& meter, std::uint32_t connections, std::uint64_t reads) {
    Report report;
    report.add("mode", options_.mode());
    report.add("connections", std::uint64_t{connections});
    report.add("window", std::uint64_t{window_});
    report.add("answers", answers_);
    report.add(faults_, 0);
    report.add("messages_per_read", static_cast<double>(answers_) / static_cast<double>(std::max<std::uint64_t>(reads, 1)));
    report.add("answers_per_s", static_cast<double>(answers_) / meter.elapsed_s());
    report.add("ns_per_message",
               static_cast<double>(meter.server_ns()) / static_cast<double>(std::max<std::uint64_t>(answers_, 1)));
    report.add("latency_us", round_trip_ns_);
    report.add(meter);
    report.print();
  }

  const Options& options_;
  bool calls_;
  std::uint32_t window_;
  Pool pool_;
  struct Connection {
    std::uint64_t last_sent_ns = 0;
    std::uint32_t answered = 0;  // since then
    std::uint32_t calls = 0;
  };

  std::string echo_, echo_frame_, event_, data_, out_;
  std::uint64_t answers_ = 0;
  Faults faults_;  // of calls
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> answered_;
  std::vector<std::uint32_t> replies_;
  Histogram round_trip_ns_;
};

}  // namespace

void run_round_trips(const Options& options, const Dialect& dialect) { RoundTrips(options, dialect).run(); }

}  // namespace bench
