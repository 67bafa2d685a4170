#pragma once
// RFC 6455 section 5.4: a message that did not arrive in one piece.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ws/close_code.h"
#include "ws/frame_parser.h"
#include "ws/utf8.h"

namespace sparc::ws {

/// Gathers the pieces of one message. Text that is not compressed is validated piece by piece, so that a fault is seen at once
/// (section 8.1); compressed text can only be judged when it is whole.
/// Limits: `bytes_max` of gathered payload, `fragments_max` frames, both 1009.
/// Memory: at most twice `bytes_max`; it grows with what has arrived, not with what a header announced.
class MessageAssembler {
 public:
  MessageAssembler(Opcode type, bool compressed) : type_(type), compressed_(compressed) {}

  /// A frame of `payload_bytes` begins. Refuses it before its payload is read.
  [[nodiscard]] std::optional<CloseFault> begin_frame(std::uint64_t payload_bytes, std::size_t bytes_max,
                                                      std::size_t fragments_max);
  [[nodiscard]] std::optional<CloseFault> add(std::string_view piece);
  /// The last frame has ended.
  [[nodiscard]] std::optional<CloseFault> finish() const;

  [[nodiscard]] Opcode type() const { return type_; }
  [[nodiscard]] bool compressed() const { return compressed_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t fragments_ = 0;
  Opcode type_;
  bool compressed_;
  Utf8Validator utf8_;
};

}  // namespace sparc::ws
