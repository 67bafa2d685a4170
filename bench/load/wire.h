#pragma once
// The client's half of RFC 6455, as little as a generator needs: whole unfragmented messages.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bench {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Appends one masked frame (section 5.3). The mask is fixed: it costs the server what any other costs.
void append_client_frame(std::string& out, Opcode opcode, std::string_view payload);
/// Appends one unmasked frame, as a server sends it: what the floor is given to pass on.
void append_server_frame(std::string& out, Opcode opcode, std::string_view payload);

struct ServerFrame {
  Opcode opcode = Opcode::text;
  bool final = true;
  std::string_view payload;
  std::size_t size = 0;  // with its header; 0: incomplete
};

/// The first frame of `bytes`; views them.
[[nodiscard]] inline ServerFrame parse_server_frame(std::string_view bytes) {
  ServerFrame frame;
  if (bytes.size() < 2) return frame;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  std::size_t header = 2;
  std::uint64_t length = byte(1) & 0x7f;
  if (length >= 126) {
    const std::size_t width = length == 126 ? 2 : 8;
    if (bytes.size() < 2 + width) return frame;
    length = 0;
    for (std::size_t i = 0; i < width; ++i) length = length << 8 | byte(2 + i);
    header += width;
  }
  if (bytes.size() - header < length) return frame;
  frame.opcode = static_cast<Opcode>(byte(0) & 0x0f);
  frame.final = (byte(0) & 0x80) != 0;
  frame.payload = bytes.substr(header, length);
  frame.size = header + length;
  return frame;
}

/// HS256 (RFC 7515) over the claims.
[[nodiscard]] std::string mint_token(std::string_view secret, std::string_view claims_json);

// A publication's payload carries `"bench":"SSSSSSSSTTTTTTTTTTTTTTTT"`: sequence number and the time of sending, in hexadecimal of
// fixed width and as a string, so that a server that parses and writes the JSON again leaves it as it was.
inline constexpr std::string_view stamp_key = "\"bench\":\"";
inline constexpr std::size_t stamp_digits = 8 + 16;

struct Stamp {
  std::uint32_t sequence = 0;
  std::uint64_t sent_ns = 0;
};

/// A JSON object of `size` bytes (at least what its fields need).
[[nodiscard]] std::string payload_json(Stamp stamp, std::size_t size);

/// Eight hexadecimal digits. All at once: a generator that is slower than the server measures itself.
[[nodiscard]] inline std::uint32_t hexadecimal_8(const char* digits) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, digits, 8);
  bytes = (bytes & 0x0f0f0f0f0f0f0f0f) + (bytes >> 6 & 0x0101010101010101) * 9;
  bytes = __builtin_bswap64(bytes);
  bytes = (bytes | bytes >> 4) & 0x00ff00ff00ff00ff;
  bytes = (bytes | bytes >> 8) & 0x0000ffff0000ffff;
  return static_cast<std::uint32_t>(bytes | bytes >> 16);
}

/// Finds stamps in messages. Remembers where the last one was, since messages of one kind look alike.
class StampReader {
 public:
  /// Calls `found(Stamp)` for each stamp of the message; answers how many there were.
  template <class F>
  std::size_t read(std::string_view message, F&& found) {
    if (message.size() >= last_ + whole && std::memcmp(message.data() + last_, stamp_key.data(), stamp_key.size()) == 0 &&
        message.front() != '[') {
      found(parse(message.data() + last_));
      return 1;
    }
    std::size_t count = 0;
    for (std::size_t at = message.find(stamp_key); at != std::string_view::npos && message.size() >= at + whole;
         at = message.find(stamp_key, at + whole)) {
      last_ = at;
      found(parse(message.data() + at));
      ++count;
    }
    return count;
  }

 private:
  static constexpr std::size_t whole = stamp_key.size() + stamp_digits;
  static Stamp parse(const char* at) {
    at += stamp_key.size();
    return {hexadecimal_8(at), std::uint64_t{hexadecimal_8(at + 8)} << 32 | hexadecimal_8(at + 16)};
  }

  std::size_t last_ = 0;
};

}  // namespace bench
