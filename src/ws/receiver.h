#pragma once
// Bytes of a connection to messages: FrameParser, then MessageAssembler, then the handler.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "ws/close_code.h"
#include "ws/deflate.h"
#include "ws/frame_parser.h"
#include "ws/message_assembler.h"

namespace sparc::ws {

enum class MessageType : std::uint8_t { text, binary };

/// What a handler wants next. `stop` leaves the bytes behind what was just delivered to the caller, who may feed them later.
enum class Flow : std::uint8_t { go_on, stop };

/// Gets what a peer sent, in order. Views are valid during the call. The receiver may not be destroyed or fed during a call.
class ReceiverHandler {
 public:
  virtual ~ReceiverHandler() = default;
  /// `text` is valid UTF-8. Never longer than ReceiverOptions::message_bytes_max.
  virtual Flow on_message(MessageType type, std::string_view payload) = 0;
  /// To be answered by a pong with the same payload (section 5.5.3), of several the last is enough.
  virtual Flow on_ping(std::string_view payload) = 0;
  virtual Flow on_pong(std::string_view payload) = 0;
  /// The last call: what follows a close frame is not read (section 5.5.1). `code` is 1005 where the frame had none. If we have
  /// not sent a close frame, the same code goes back.
  virtual void on_close(std::uint16_t code, std::string_view reason) = 0;
};

/// Shared by all connections of a thread; must outlive them.
struct ReceiverOptions {
  std::size_t message_bytes_max = 1'048'576;  // Limits::message_bytes_max, after decompression; else 1009
  std::size_t message_fragments_max = 1'024;  // Limits::message_fragments_max; else 1009
  Inflater* inflater = nullptr;               // not owned; needed where Compression::deflate was negotiated
};

/// A message that lies whole in the input is delivered as a view of it; nothing is allocated unless a frame is in pieces.
///
/// Errors:  a peer's fault is Fed::fault; answer with a close frame of its code. After Status::fault or Status::closed, `feed`
///          may not be called again (asserted).
/// Memory:  48 bytes, beside what is partial: a frame that is incomplete, or a message whose last frame has not come.
/// Thread:  confined to its connection's thread.
class Receiver {
 public:
  enum class Status : std::uint8_t {
    more,     // everything was consumed
    stopped,  // the handler said stop; feed what follows `consumed` when it is time
    closed,   // the peer's close frame came
    fault,
  };
  struct Fed {
    Status status = Status::more;
    std::size_t consumed = 0;
    CloseFault fault;
  };

  Receiver(Role role, Compression compression, const ReceiverOptions& options);

  /// `input` is unmasked in place as far as it is consumed.
  [[nodiscard]] Fed feed(std::span<char> input, ReceiverHandler& handler);

  /// Whether bytes of an unfinished frame or message are kept.
  [[nodiscard]] bool partial() const { return partial_ != nullptr || !parser_.between_frames(); }
  [[nodiscard]] Compression compression() const { return parser_.compression(); }

 private:
  struct Partial {
    std::optional<MessageAssembler> message;
    std::array<char, control_payload_bytes_max> control;  // of a control frame that may stand between a message's frames
    std::uint8_t control_size = 0;
  };
  /// What handling one step led to; `more` is to go on.
  struct Outcome {
    Status status = Status::more;
    CloseFault fault;
  };

  [[nodiscard]] std::uint64_t wire_bytes_max() const;
  [[nodiscard]] Outcome on_header();
  [[nodiscard]] Outcome on_payload(const FrameParser::Step& step, ReceiverHandler& handler);
  [[nodiscard]] Outcome on_control_payload(const FrameParser::Step& step, ReceiverHandler& handler);
  [[nodiscard]] Outcome on_data_payload(const FrameParser::Step& step, ReceiverHandler& handler);
  [[nodiscard]] Outcome deliver_message(Opcode type, bool compressed, bool validated, std::string_view payload,
                                        ReceiverHandler& handler);
  [[nodiscard]] Outcome deliver_close(std::string_view payload, ReceiverHandler& handler);
  Partial& partial_state();

  FrameParser parser_;
  const ReceiverOptions* options_;
  std::unique_ptr<Partial> partial_;  // null unless something is incomplete
};
static_assert(sizeof(Receiver) <= 48);

}  // namespace sparc::ws
