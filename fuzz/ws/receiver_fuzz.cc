// Byte 0: role, compression and small limits. Byte 1: how the rest is split. The rest: what a peer sends. Whatever it is, the events
// are the same in one piece and in many, and text is UTF-8 within its limit.

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "ws/receiver.h"
#include "ws/utf8.h"

namespace {

using namespace sparc::ws;

void require(bool condition) {
  if (!condition) std::abort();
}

class Recorder final : public ReceiverHandler {
 public:
  explicit Recorder(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  Flow on_message(MessageType type, std::string_view payload) override {
    require(payload.size() <= bytes_max_);
    require(type == MessageType::binary || valid_utf8(payload));
    return note(type == MessageType::text ? 't' : 'b', payload);
  }
  Flow on_ping(std::string_view payload) override { return note('p', payload); }
  Flow on_pong(std::string_view payload) override { return note('q', payload); }
  void on_close(std::uint16_t code, std::string_view reason) override {
    require(code == 1005 || valid_on_wire(code));
    require(valid_utf8(reason));
    note('c', std::to_string(code) + std::string(reason));
  }
  std::string log;

 private:
  Flow note(char kind, std::string_view payload) {
    log += kind;
    log += std::to_string(payload.size()) + ":";
    log += payload;
    return payload.size() % 3 == 0 ? Flow::stop : Flow::go_on;
  }
  std::size_t bytes_max_;
};

std::string run(std::uint8_t options_byte, std::uint8_t split, std::string_view bytes) {
  static Inflater inflater;
  ReceiverOptions options{.inflater = &inflater};
  if ((options_byte & 4) != 0) options = {.message_bytes_max = 64, .message_fragments_max = 4, .inflater = &inflater};
  Receiver receiver((options_byte & 1) != 0 ? Role::client : Role::server,
                    (options_byte & 2) != 0 ? Compression::deflate : Compression::none, options);
  Recorder recorder(options.message_bytes_max);
  std::uint32_t state = split;
  while (!bytes.empty()) {
    state = state * 1'664'525 + 1'013'904'223;
    const std::size_t size = split == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), (state >> 24) % split + 1);
    std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes.remove_prefix(size);
    std::span<char> rest(piece);
    while (true) {
      const Receiver::Fed fed = receiver.feed(rest, recorder);
      rest = rest.subspan(fed.consumed);
      if (fed.status == Receiver::Status::more) break;
      if (fed.status == Receiver::Status::stopped) continue;
      if (fed.status == Receiver::Status::fault)
        recorder.log += "f" + std::to_string(static_cast<int>(fed.fault.code)) + std::string(fed.fault.detail);
      return recorder.log;
    }
    require(rest.empty());
  }
  return recorder.log + (receiver.partial() ? "partial" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = run(data[0], 0, bytes);
  require(run(data[0], data[1], bytes) == whole);
  require(run(data[0], 1, bytes) == whole);
  return 0;
}
