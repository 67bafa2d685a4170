#pragma once
// Feeds bytes to a Receiver and writes down what comes out, one line an event.

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ws/receiver.h"

namespace sparc::ws {

/// Bytes as they stand on the wire.
inline std::string wire(std::initializer_list<int> values) {
  std::string out;
  for (int value : values) out += static_cast<char>(value);
  return out;
}

using Events = std::vector<std::string>;

/// `text:…`, `binary:…`, `ping:…`, `pong:…`, `close:code:reason`, `fault:code:detail`, `partial` where something is unfinished
/// at the end.
class Recorder final : public ReceiverHandler {
 public:
  Flow on_message(MessageType type, std::string_view payload) override {
    return note((type == MessageType::text ? "text:" : "binary:") + std::string(payload));
  }
  Flow on_ping(std::string_view payload) override { return note("ping:" + std::string(payload)); }
  Flow on_pong(std::string_view payload) override { return note("pong:" + std::string(payload)); }
  void on_close(std::uint16_t code, std::string_view reason) override {
    note("close:" + std::to_string(code) + ":" + std::string(reason));
  }

  Events events;
  bool stop_always = false;

 private:
  Flow note(std::string event) {
    events.push_back(std::move(event));
    return stop_always ? Flow::stop : Flow::go_on;
  }
};

struct Link {
  Role role = Role::server;
  Compression compression = Compression::none;
  std::size_t message_bytes_max = 1'048'576;
  std::size_t message_fragments_max = 1'024;
};

inline Inflater& shared_inflater() {
  static Inflater inflater;
  return inflater;
}

/// Feeds the pieces in turn, each from memory of its own, so that reading outside it is seen by the sanitizer.
inline Events receive_pieces(const Link& link, const std::vector<std::string_view>& pieces) {
  const ReceiverOptions options{link.message_bytes_max, link.message_fragments_max, &shared_inflater()};
  Receiver receiver(link.role, link.compression, options);
  Recorder recorder;
  for (const std::string_view piece : pieces) {
    std::vector<char> input(piece.begin(), piece.end());
    const Receiver::Fed fed = receiver.feed(input, recorder);
    EXPECT_TRUE(fed.status != Receiver::Status::more || fed.consumed == input.size());
    if (fed.status == Receiver::Status::fault) {
      recorder.events.push_back("fault:" + std::to_string(static_cast<int>(fed.fault.code)) + ":" +
                                std::string(fed.fault.detail));
    }
    if (fed.status != Receiver::Status::more) return recorder.events;
  }
  if (receiver.partial()) recorder.events.push_back("partial");
  return recorder.events;
}

/// The events of `input`; fails where any cut into two pieces, or bytes one by one, would give others. Of inputs above 5,000
/// bytes, the cuts within 40 bytes of either end are tried.
inline Events receive(const std::string& input, const Link& link = {}) {
  const std::string_view all = input;
  const Events whole = receive_pieces(link, {all});
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    if (all.size() > 5'000 && cut == 40) cut = all.size() - 40;
    const Events parts = receive_pieces(link, {all.substr(0, cut), all.substr(cut)});
    EXPECT_EQ(parts, whole) << "cut at " << cut;
    if (parts != whole) break;
  }
  if (all.size() <= 5'000) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
    EXPECT_EQ(receive_pieces(link, bytes), whole) << "byte by byte";
  }
  return whole;
}

/// A masked frame with the key 37 fa 21 3d of the RFC's examples; `first` is the byte with FIN, RSV and opcode.
inline std::string masked(int first, std::string_view payload) {
  static constexpr unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
  std::string out = wire({first});
  if (payload.size() < 126) {
    out += wire({0x80 | static_cast<int>(payload.size())});
  } else if (payload.size() < 65'536) {
    out += wire({0xfe, static_cast<int>(payload.size() >> 8), static_cast<int>(payload.size() & 0xff)});
  } else {
    out += wire({0xff});
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  out += wire({0x37, 0xfa, 0x21, 0x3d});
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ static_cast<char>(key[i % 4]));
  return out;
}

}  // namespace sparc::ws
