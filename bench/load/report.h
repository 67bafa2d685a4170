#pragma once
// The generator's result: one line of JSON on standard output.

#include <cstdio>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "load/deliveries.h"
#include "load/histogram.h"
#include "load/process.h"

namespace bench {

class Report {
 public:
  void add(std::string_view name, std::uint64_t value) { field(name) += std::to_string(value); }
  void add(std::string_view name, double value) {
    char text[48];
    std::snprintf(text, sizeof text, "%.4f", value);
    field(name) += text;
  }
  void add(std::string_view name, std::string_view value) { sparc::append_json_string(field(name), value); }

  /// Whole microseconds would hide the fast cases: microseconds with a fraction.
  void add(std::string_view name, const Histogram& latency_ns) {
    Report inner;
    for (const auto& [label, fraction] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}) {
      inner.add(label, static_cast<double>(latency_ns.at(fraction)) / 1e3);
    }
    inner.add("max", static_cast<double>(latency_ns.max()) / 1e3);
    field(name) += inner.text();
  }

  void add(const Meter& meter) {
    add("elapsed_s", meter.elapsed_s());
    add("server_cpu_ns", meter.server_ns());
    add("server_busy", meter.server_busy());
    add("server_waited", meter.server_waited());
    add("generator_busy", meter.own_busy());
    add("generator_waited", meter.own_waited());
    if (meter.generator_was_the_limit()) refuse("the generator was the bottleneck");
  }

  /// Counted apart: losses that the server announced are none of its faults.
  void add(const Faults& faults, std::uint64_t announced) {
    add("lost", faults.lost);
    add("duplicated", faults.duplicated);
    add("reordered", faults.reordered);
    if (faults.lost > announced) refuse("lost without announcement");
    if (faults.duplicated > 0) refuse("duplicated");
    if (faults.reordered > 0) refuse("reordered");
  }

  /// The result is printed all the same, with the reason why it must not be used.
  void refuse(std::string_view why) {
    if (!invalid_.empty()) invalid_ += "; ";
    invalid_ += why;
  }
  void print() {
    add("invalid", invalid_);
    std::puts(text().c_str());
  }

 private:
  std::string& field(std::string_view name) {
    body_ += body_.empty() ? "" : ",";
    sparc::append_json_string(body_, name);
    return body_ += ':';
  }
  [[nodiscard]] std::string text() const { return "{" + body_ + "}"; }

  std::string body_;
  std::string invalid_;
};

}  // namespace bench
