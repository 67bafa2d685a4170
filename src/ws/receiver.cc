#include "ws/receiver.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace sparc::ws {
namespace {

Receiver::Status status_of(Flow flow) { return flow == Flow::stop ? Receiver::Status::stopped : Receiver::Status::more; }

std::string_view view_of(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

Receiver::Receiver(Role role, Compression compression, const ReceiverOptions& options)
    : parser_(role, compression), options_(&options) {
  assert(compression == Compression::none || options.inflater != nullptr);
}

/// Data that does not compress grows when it is compressed: 5 bytes for each stored block, which zlib at its lowest memory level
/// makes of 128 bytes.
std::uint64_t Receiver::wire_bytes_max() const {
  const std::uint64_t limit = options_->message_bytes_max;
  return parser_.compression() == Compression::none ? limit : limit + limit / 16 + 64;
}

Receiver::Fed Receiver::feed(std::span<char> input, ReceiverHandler& handler) {
  Fed fed;
  while (true) {
    const FrameParser::Step step = parser_.next(input.subspan(fed.consumed), wire_bytes_max());
    fed.consumed += step.consumed;
    Outcome outcome;
    switch (step.kind) {
      case FrameParser::Kind::more: return fed;
      case FrameParser::Kind::header: outcome = on_header(); break;
      case FrameParser::Kind::payload: outcome = on_payload(step, handler); break;
      case FrameParser::Kind::fault: outcome = {Status::fault, step.fault}; break;
    }
    if (outcome.status != Status::more) {
      fed.status = outcome.status;
      fed.fault = outcome.fault;
      if (fed.status != Status::stopped) {
        parser_.finish();
        partial_.reset();
      }
      return fed;
    }
  }
}

Receiver::Partial& Receiver::partial_state() {
  if (!partial_) partial_ = std::make_unique<Partial>();
  return *partial_;
}

Receiver::Outcome Receiver::on_header() {
  const FrameHeader frame = parser_.frame();
  if (is_control(frame.opcode)) return {};
  const std::uint64_t bytes_max = frame.compressed ? wire_bytes_max() : options_->message_bytes_max;
  if (frame.opcode != Opcode::continuation) {
    if (frame.payload_bytes <= bytes_max) return {};
    return {Status::fault, {CloseCode::too_big, "message exceeds the size limit"}};
  }
  assert(partial_ && partial_->message);
  const auto fault = partial_->message->begin_frame(frame.payload_bytes, bytes_max, options_->message_fragments_max);
  return fault ? Outcome{Status::fault, *fault} : Outcome{};
}

Receiver::Outcome Receiver::on_payload(const FrameParser::Step& step, ReceiverHandler& handler) {
  return is_control(parser_.frame().opcode) ? on_control_payload(step, handler) : on_data_payload(step, handler);
}

Receiver::Outcome Receiver::on_control_payload(const FrameParser::Step& step, ReceiverHandler& handler) {
  std::array<char, control_payload_bytes_max> gathered;
  std::string_view payload = view_of(step.payload);
  if (!step.frame_begins || !step.frame_ends) {
    Partial& partial = partial_state();
    if (step.frame_begins) partial.control_size = 0;
    if (!payload.empty()) std::memcpy(partial.control.data() + partial.control_size, payload.data(), payload.size());
    partial.control_size = static_cast<std::uint8_t>(partial.control_size + payload.size());
    if (!step.frame_ends) return {};
    gathered = partial.control;
    payload = {gathered.data(), partial.control_size};
    if (!partial.message) partial_.reset();
  }
  switch (parser_.frame().opcode) {
    case Opcode::ping: return {status_of(handler.on_ping(payload)), {}};
    case Opcode::pong: return {status_of(handler.on_pong(payload)), {}};
    default: return deliver_close(payload, handler);
  }
}

Receiver::Outcome Receiver::on_data_payload(const FrameParser::Step& step, ReceiverHandler& handler) {
  const FrameHeader frame = parser_.frame();
  const std::string_view piece = view_of(step.payload);
  const bool whole_frame = step.frame_begins && step.frame_ends;
  if (whole_frame && frame.fin && frame.opcode != Opcode::continuation) {
    return deliver_message(frame.opcode, frame.compressed, false, piece, handler);
  }
  Partial& partial = partial_state();
  if (!partial.message) {
    partial.message.emplace(parser_.message_opcode(), frame.compressed);
    const auto fault = partial.message->begin_frame(piece.size(), SIZE_MAX, options_->message_fragments_max);
    if (fault) return {Status::fault, *fault};
  }
  if (const auto fault = partial.message->add(piece)) return {Status::fault, *fault};
  if (!step.frame_ends || !frame.fin) return {};
  if (const auto fault = partial.message->finish()) return {Status::fault, *fault};
  const std::unique_ptr<Partial> done = std::move(partial_);
  return deliver_message(done->message->type(), done->message->compressed(), true, done->message->bytes(), handler);
}

Receiver::Outcome Receiver::deliver_message(Opcode type, bool compressed, bool validated, std::string_view payload,
                                            ReceiverHandler& handler) {
  if (compressed) {
    const auto inflated = options_->inflater->inflate(payload, options_->message_bytes_max);
    if (!inflated) return {Status::fault, inflated.error()};
    payload = *inflated;
  }
  if (type == Opcode::text && (compressed || !validated) && !valid_utf8(payload)) {
    return {Status::fault, {CloseCode::invalid_data, "text is not UTF-8"}};
  }
  return {status_of(handler.on_message(type == Opcode::text ? MessageType::text : MessageType::binary, payload)), {}};
}

Receiver::Outcome Receiver::deliver_close(std::string_view payload, ReceiverHandler& handler) {
  if (payload.empty()) {
    handler.on_close(static_cast<std::uint16_t>(CloseCode::no_status), {});
    return {Status::closed, {}};
  }
  if (payload.size() == 1) return {Status::fault, {CloseCode::protocol_error, "close frame with half a code"}};
  const auto byte = [&](std::size_t i) { return static_cast<std::uint16_t>(static_cast<unsigned char>(payload[i])); };
  const auto code = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
  if (!valid_on_wire(code)) return {Status::fault, {CloseCode::protocol_error, "close code that may not be sent"}};
  const std::string_view reason = payload.substr(2);
  if (!valid_utf8(reason)) return {Status::fault, {CloseCode::invalid_data, "close reason is not UTF-8"}};
  handler.on_close(code, reason);
  return {Status::closed, {}};
}

}  // namespace sparc::ws
