#include "ws/frame_parser.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sparc::ws {
namespace {

constexpr std::uint8_t fin_bit = 0x80;
constexpr std::uint8_t rsv1_bit = 0x40;
constexpr std::uint8_t rsv_bits = 0x70;
constexpr std::uint8_t opcode_bits = 0x0f;
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::uint8_t length_bits = 0x7f;

Opcode opcode_of(std::uint8_t first) { return static_cast<Opcode>(first & opcode_bits); }

std::size_t header_bytes(std::uint8_t second) {
  const std::uint8_t length = second & length_bits;
  return 2u + (length == 126 ? 2u : length == 127 ? 8u : 0u) + ((second & mask_bit) != 0 ? 4u : 0u);
}

}  // namespace

FrameParser::Step FrameParser::next(std::span<char> input, std::uint64_t payload_bytes_max) {
  assert(state_ != State::finished);
  return state_ == State::payload ? read_payload(input) : read_header(input, payload_bytes_max);
}

FrameParser::Step FrameParser::read_header(std::span<char> input, std::uint64_t payload_bytes_max) {
  // Most headers arrive whole and are read where they are; the others are gathered.
  if (header_size_ != 0 || input.size() < 2) return gather_header(input, payload_bytes_max);
  const auto* header = reinterpret_cast<const std::uint8_t*>(input.data());
  const std::size_t size = header_bytes(header[1]);
  if (input.size() < size) return gather_header(input, payload_bytes_max);
  if (const char* detail = check_first_byte(header[0])) return fail(CloseCode::protocol_error, detail, 1);
  if (const char* detail = check_second_byte(header[0], header[1])) return fail(CloseCode::protocol_error, detail, 2);
  return accept_header(header, size, payload_bytes_max);
}

FrameParser::Step FrameParser::gather_header(std::span<char> input, std::uint64_t payload_bytes_max) {
  std::size_t consumed = 0;
  while (true) {
    // Each of the first two bytes is judged when it is there, so that nonsense is refused at once.
    const std::size_t wanted = header_size_ < 2 ? header_size_ + 1u : header_bytes(header_[1]);
    const std::size_t take = std::min(wanted - header_size_, input.size() - consumed);
    if (take != 0) std::memcpy(header_ + header_size_, input.data() + consumed, take);
    header_size_ = static_cast<std::uint8_t>(header_size_ + take);
    consumed += take;
    if (header_size_ < wanted) return {.consumed = consumed};
    const char* detail = nullptr;
    if (wanted == 1) detail = check_first_byte(header_[0]);
    if (wanted == 2 && take != 0) detail = check_second_byte(header_[0], header_[1]);
    if (detail != nullptr) return fail(CloseCode::protocol_error, detail, consumed);
    if (header_size_ >= 2 && header_size_ == header_bytes(header_[1])) {
      Step step = accept_header(header_, header_size_, payload_bytes_max);
      step.consumed = consumed;
      return step;
    }
  }
}

FrameParser::Step FrameParser::accept_header(const std::uint8_t* header, std::size_t size, std::uint64_t payload_bytes_max) {
  if (const char* detail = read_length(header)) return fail(CloseCode::protocol_error, detail, size);
  if (!is_control(opcode_of(header[0])) && payload_left_ > payload_bytes_max) {
    return fail(CloseCode::too_big, "frame exceeds the message size limit", size);
  }
  begin_frame(header, size);
  return {.kind = Kind::header, .consumed = size};
}

const char* FrameParser::check_first_byte(std::uint8_t first) const {
  const Opcode opcode = opcode_of(first);
  const std::uint8_t value = static_cast<std::uint8_t>(opcode);
  if ((value > 2 && value < 8) || value > 10) return "reserved opcode";
  if ((first & rsv_bits & ~rsv1_bit) != 0) return "reserved bit without an extension";
  if ((first & rsv1_bit) != 0) {
    if (compression_ == Compression::none) return "reserved bit without an extension";
    if (is_control(opcode)) return "compressed control frame";
    if (opcode == Opcode::continuation) return "RSV1 on a continuation frame";
  }
  if (is_control(opcode)) return (first & fin_bit) == 0 ? "fragmented control frame" : nullptr;
  if (opcode == Opcode::continuation) return in_message_ ? nullptr : "continuation without a message";
  return in_message_ ? "new message within a fragmented one" : nullptr;
}

const char* FrameParser::check_second_byte(std::uint8_t first, std::uint8_t second) const {
  const bool masked = (second & mask_bit) != 0;
  if (role_ == Role::server && !masked) return "unmasked frame from a client";
  if (role_ == Role::client && masked) return "masked frame from a server";
  if (is_control(opcode_of(first)) && (second & length_bits) > control_payload_bytes_max) return "control frame above 125 bytes";
  return nullptr;
}

const char* FrameParser::read_length(const std::uint8_t* header) {
  const std::uint8_t short_length = header[1] & length_bits;
  if (short_length < 126) {
    payload_left_ = short_length;
    return nullptr;
  }
  std::uint64_t length = 0;
  const std::size_t bytes = short_length == 126 ? 2 : 8;
  for (std::size_t i = 0; i < bytes; ++i) length = (length << 8) | header[2 + i];
  if ((length >> 63) != 0) return "most significant bit of the length is set";
  if (length < (short_length == 126 ? 126u : 65'536u)) return "length is not in its shortest form";
  payload_left_ = length;
  return nullptr;
}

void FrameParser::begin_frame(const std::uint8_t* header, std::size_t size) {
  first_byte_ = header[0];
  key_ = 0;
  if ((header[1] & mask_bit) != 0) std::memcpy(&key_, header + size - 4, 4);
  const Opcode opcode = opcode_of(first_byte_);
  if (!is_control(opcode)) {
    if (opcode != Opcode::continuation) {
      message_opcode_ = opcode;
      message_compressed_ = (first_byte_ & rsv1_bit) != 0;
    }
    in_message_ = (first_byte_ & fin_bit) == 0;
  }
  header_size_ = 0;
  payload_begun_ = false;
  state_ = State::payload;
}

FrameParser::Step FrameParser::read_payload(std::span<char> input) {
  if (input.empty() && payload_left_ != 0) return {};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input.size()));
  Step step{.kind = Kind::payload, .frame_begins = !payload_begun_, .consumed = size, .payload = input.first(size)};
  if (role_ == Role::server) key_ = apply_mask(step.payload, key_);
  payload_begun_ = true;
  payload_left_ -= size;
  step.frame_ends = payload_left_ == 0;
  if (step.frame_ends) state_ = State::header;
  return step;
}

FrameParser::Step FrameParser::fail(CloseCode code, const char* detail, std::size_t consumed) {
  state_ = State::finished;
  return {.kind = Kind::fault, .consumed = consumed, .fault = {code, detail}};
}

}  // namespace sparc::ws
