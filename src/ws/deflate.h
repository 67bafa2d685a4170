#pragma once
// permessage-deflate without context takeover (RFC 7692): each message is compressed for itself, so one compressor and one
// decompressor serve all connections of a thread, and a compressed frame can be shared by all its receivers.

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "ws/close_code.h"

namespace sparc::ws {

/// Decompresses whole messages. Memory: about 44 KB of zlib state (window 32 KiB), and a buffer that grows with the output, to at
/// most twice `message_bytes_max`; the next call gives one above 64 KiB back.
/// Thread: confined to one; shared by its connections.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// The message of `compressed` (without the removed 00 00 FF FF). Stops as soon as it is known to exceed `message_bytes_max`:
  /// 1009; 1007 for bytes that are no complete DEFLATE blocks.
  /// Lifetime: the view is valid until the next call.
  [[nodiscard]] std::expected<std::string_view, CloseFault> inflate(std::string_view compressed, std::size_t message_bytes_max);
  [[nodiscard]] std::size_t buffer_bytes() const { return buffer_.capacity(); }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string buffer_;
};

/// Compresses whole messages. Memory by `window_bits`: 261 KB at 15, 37 KB at 12, 8 KB at 9, and a buffer of half the message.
/// Thread: confined to one; shared by its connections.
class Deflater {
 public:
  /// window_bits 9-15 (zlib has no 8), level 1-9 (asserted).
  explicit Deflater(int window_bits = 12, int level = 1);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// The payload of a frame with RSV1, without the tail 00 00 FF FF (RFC 7692 section 7.2.1).
  /// Lifetime: the view is valid until the next call.
  [[nodiscard]] std::string_view deflate(std::string_view message);
  [[nodiscard]] int window_bits() const { return window_bits_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string buffer_;
  int window_bits_;
};

}  // namespace sparc::ws
