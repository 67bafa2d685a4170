// A snapshot file of any bytes: read or refused. The input is taken as a file and, since hardly any passes the checksum, as a
// payload behind a right header; what can be read is restored, and what is then written reads the same again.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/memory/memory_broker.h"
#include "broker/memory/snapshot.h"

namespace {

using namespace sparc;
using namespace sparc::broker;

class NoPost final : public Post {
 public:
  bool post(std::uint16_t, std::uint16_t, Message&) override { return false; }
};

constexpr Now now{1'000'000, 1'700'000'000'000};

std::string restore_and_write(std::string_view file, bool& restored) {
  NoPost post;
  SeededEntropy entropy(1);
  MemoryBrokerSettings settings{2, {{.name = "alerts", .history = true}, {.name = "video"}}, {}};
  MemoryBroker broker(std::move(settings), post, entropy);
  restored = broker.restore(file, now).has_value();
  return restored ? broker.snapshot(now) : std::string();
}

void check(std::string_view file) {
  bool restored = false;
  const std::string first = restore_and_write(file, restored);
  if (!restored) return;
  // Streams are written in the order of hash tables, which may differ: the size tells whether something went missing.
  const std::string second = restore_and_write(first, restored);
  if (!restored || second.size() != first.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  check(seal_snapshot(input));
  return 0;
}
