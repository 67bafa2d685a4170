#pragma once
// RFC 6455 section 5: bytes to frames.

#include <cstddef>
#include <cstdint>
#include <span>

#include "ws/close_code.h"
#include "ws/mask.h"

namespace sparc::ws {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
constexpr bool is_control(Opcode opcode) { return (static_cast<std::uint8_t>(opcode) & 0x8) != 0; }

/// Which side we are. A server takes only masked frames, a client only unmasked ones (section 5.1).
enum class Role : std::uint8_t { server, client };
/// Whether permessage-deflate was negotiated: only then may RSV1 be set, on a message's first frame (RFC 7692 section 6).
enum class Compression : std::uint8_t { none, deflate };

constexpr std::size_t control_payload_bytes_max = 125;

struct FrameHeader {
  Opcode opcode = Opcode::continuation;
  bool fin = true;
  bool compressed = false;          // of the message; a continuation repeats it, a control frame never has it
  std::uint64_t payload_bytes = 0;  // that are still to come: at Kind::header the whole length
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// Splits a byte stream into frame headers and unmasked payload pieces, at any split of the input. Checks everything that a frame
/// header can do wrong. Pure: no I/O, no clock, no allocation.
///
/// Limits:   a data frame longer than `payload_bytes_max` ends in 1009 when its header is read; other faults in 1002.
/// Lifetime: `Step::payload` is a part of the bytes given to `next`, unmasked in place.
/// Errors:   after Kind::fault, `next` may not be called again (asserted).
/// Memory:   32 bytes (asserted): it stands in every idle connection.
/// Thread:   confined to its owner.
class FrameParser {
 public:
  enum class Kind : std::uint8_t {
    more,     // the input is used up
    header,   // `frame()` describes a new frame; its payload follows, at least one piece, an empty one for an empty payload
    payload,  // the next piece of `frame()`
    fault,
  };
  struct Step {
    Kind kind = Kind::more;
    bool frame_begins = false;  // with Kind::payload: this is the frame's first piece
    bool frame_ends = false;    // and this its last
    std::size_t consumed = 0;
    std::span<char> payload;
    CloseFault fault;
  };

  FrameParser(Role role, Compression compression) : role_(role), compression_(compression) {}

  /// The next step of `input`; call with what follows `consumed` until it is Kind::more.
  [[nodiscard]] Step next(std::span<char> input, std::uint64_t payload_bytes_max);

  /// Nothing more will be read: `next` may not be called again.
  void finish() { state_ = State::finished; }

  /// Of the frame that is being read. Valid from its Kind::header step to the last of its payload.
  [[nodiscard]] FrameHeader frame() const {
    const Opcode opcode = static_cast<Opcode>(first_byte_ & 0x0f);
    return {opcode, (first_byte_ & 0x80) != 0, !is_control(opcode) && message_compressed_, payload_left_};
  }
  /// Text or binary: of the message that the current data frame belongs to.
  [[nodiscard]] Opcode message_opcode() const { return message_opcode_; }
  /// Whether the next byte begins a frame.
  [[nodiscard]] bool between_frames() const { return state_ == State::header && header_size_ == 0; }
  [[nodiscard]] Compression compression() const { return compression_; }
  [[nodiscard]] Role role() const { return role_; }

 private:
  enum class State : std::uint8_t { header, payload, finished };

  [[nodiscard]] Step read_header(std::span<char> input, std::uint64_t payload_bytes_max);
  [[nodiscard]] Step gather_header(std::span<char> input, std::uint64_t payload_bytes_max);
  [[nodiscard]] Step accept_header(const std::uint8_t* header, std::size_t size, std::uint64_t payload_bytes_max);
  [[nodiscard]] Step read_payload(std::span<char> input);
  [[nodiscard]] const char* check_first_byte(std::uint8_t byte) const;
  [[nodiscard]] const char* check_second_byte(std::uint8_t first, std::uint8_t second) const;
  [[nodiscard]] const char* read_length(const std::uint8_t* header);
  void begin_frame(const std::uint8_t* header, std::size_t size);
  Step fail(CloseCode code, const char* detail, std::size_t consumed);

  std::uint64_t payload_left_ = 0;
  MaskKey key_ = 0;
  std::uint8_t header_[14] = {};  // the bytes of a header that came in pieces
  std::uint8_t header_size_ = 0;
  State state_ = State::header;
  std::uint8_t first_byte_ = 0;  // of the current frame: FIN, RSV, opcode
  Opcode message_opcode_ = Opcode::continuation;
  bool in_message_ = false;  // a data frame without FIN came: only continuations and control frames may follow
  bool message_compressed_ : 1 = false;
  bool payload_begun_ : 1 = false;
  Role role_ : 1;
  Compression compression_ : 1;
};
static_assert(sizeof(FrameParser) <= 32);

}  // namespace sparc::ws
