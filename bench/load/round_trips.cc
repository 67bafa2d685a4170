#include <algorithm>
#include <utility>
#include <vector>

#include "load/modes.h"
#include "load/pool.h"
#include "load/process.h"
#include "load/report.h"
#include "load/wire.h"

namespace bench {
namespace {

/// Each connection keeps `window` messages outstanding; what came back in one read is sent again in one write.
class RoundTrips {
 public:
  RoundTrips(const Options& options, const Dialect& dialect)
      : options_(options),
        calls_(options.mode() == "rpc"),
        window_(static_cast<std::uint32_t>(options.number("window"))),
        pool_(options, dialect),
        echo_(dialect.echo_text(static_cast<std::size_t>(options.number("size")))),
        data_(static_cast<std::size_t>(options.number("size")), 'x') {
    append_client_frame(echo_frame_, Opcode::text, echo_);
    pool_.on_message([this](std::uint32_t client, std::string_view message) { on_message(client, message); });
  }

  void run() {
    const auto count = static_cast<std::uint32_t>(options_.number("connections"));
    const std::uint32_t first = pool_.open(calls_ ? Role::caller : Role::echo, count);
    last_sent_ns_.resize(first + count);
    pool_.poll_for(0.2);
    for (std::uint32_t id = first; id < first + count; ++id) send(id, window_);
    load(options_.real("warmup"));
    answers_ = 0;
    round_trip_ns_ = {};
    const std::uint64_t reads_before = pool_.reads();
    Meter meter(static_cast<int>(options_.number("pid")));
    load(options_.real("duration"));
    meter.stop();
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
        round_trip_ns_.add(pool_.read_ns() - last_sent_ns_[id]);
        send(id, std::exchange(pool_.at(id).sequence, 0));
      }
      answered_.clear();
    }
  }

  void send(std::uint32_t id, std::uint32_t count) {
    out_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      if (calls_) {
        append_client_frame(out_, Opcode::text,
                            R"({"type":"event","id":)" + std::to_string(++next_id_) + R"(,"namespace":")" +
                                options_.text("namespace") + R"(","event":")" + options_.text("rpc-event") +
                                R"(","data":{"text":")" + data_ + "\"}}");
      } else {
        out_ += echo_frame_;
      }
    }
    last_sent_ns_[id] = now_ns();
    pool_.send(id, out_);
  }

  void on_message(std::uint32_t id, std::string_view message) {
    const std::uint32_t answers = answers_in(message);
    if (answers == 0) {
      pool_.on_control(id, message);
      return;
    }
    Client& client = pool_.at(id);
    if (client.sequence == 0) answered_.push_back(id);
    client.sequence += answers;
    answers_ += answers;
  }

  [[nodiscard]] std::uint32_t answers_in(std::string_view message) const {
    if (!calls_) return message == echo_ ? 1 : 0;
    static constexpr std::string_view reply = R"("type":"reply")";
    if (message.find(R"("type":"error")") != std::string_view::npos) return 0;
    std::uint32_t count = 0;
    for (std::size_t at = message.find(reply); at != std::string_view::npos; at = message.find(reply, at + reply.size())) ++count;
    return count;
  }

  void report(const Meter& meter, std::uint32_t connections, std::uint64_t reads) {
    Report report;
    report.add("mode", options_.mode());
    report.add("connections", std::uint64_t{connections});
    report.add("window", std::uint64_t{window_});
    report.add("answers", answers_);
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
  std::string echo_, echo_frame_, data_, out_;
  std::uint64_t next_id_ = 1;
  std::uint64_t answers_ = 0;
  std::vector<std::uint64_t> last_sent_ns_;
  std::vector<std::uint32_t> answered_;
  Histogram round_trip_ns_;
};

}  // namespace

void run_round_trips(const Options& options, const Dialect& dialect) { RoundTrips(options, dialect).run(); }

}  // namespace bench
