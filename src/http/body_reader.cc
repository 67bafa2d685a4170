#include "http/body_reader.h"

#include <algorithm>

#include "base/header.h"

namespace sparc::http {
namespace {

constexpr std::uint64_t framing_bytes_base = 16 * 1024;
constexpr std::uint64_t framing_bytes_factor = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Field content: no control characters but the tab.
bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

template <class State>
std::optional<State> next_if(bool condition, State state) {
  return condition ? std::optional(state) : std::nullopt;
}

}  // namespace

void BodyReader::begin_length(std::uint64_t bytes) {
  left_ = bytes;
  state_ = bytes == 0 ? State::done : State::length;
}

void BodyReader::begin_chunked() {
  left_ = 0;
  framing_bytes_ = 0;
  state_ = State::chunk_size_first;
}

BodyReader::Fed BodyReader::feed(std::string_view input, std::string& body, std::size_t bytes_max) {
  std::string_view rest = input;
  std::optional<Refusal> refusal;
  while (!rest.empty() && state_ != State::done && !refusal) {
    if (state_ == State::length || state_ == State::until_close || state_ == State::chunk_data) {
      refusal = take_content(rest, body, bytes_max);
    } else {
      refusal = take_framing(rest.front(), body.size(), bytes_max);
      rest.remove_prefix(1);
    }
  }
  return {input.size() - rest.size(), state_ == State::done && !refusal, refusal};
}

std::optional<Refusal> BodyReader::take_content(std::string_view& rest, std::string& body, std::size_t bytes_max) {
  std::size_t size = rest.size();
  if (state_ != State::until_close) size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  if (size > bytes_max - body.size()) return Refusal{413, "the body is too large"};
  body.append(rest.substr(0, size));
  rest.remove_prefix(size);
  if (state_ == State::until_close) return std::nullopt;
  left_ -= size;
  if (left_ == 0) state_ = state_ == State::length ? State::done : State::chunk_data_cr;
  return std::nullopt;
}

std::optional<Refusal> BodyReader::end_chunk_size(std::size_t content_bytes, std::size_t bytes_max) {
  if (left_ > bytes_max - content_bytes) return Refusal{413, "the body is too large"};
  state_ = left_ == 0 ? State::trailer_begin : State::chunk_data;
  return std::nullopt;
}

std::optional<Refusal> BodyReader::take_framing(char c, std::size_t content_bytes, std::size_t bytes_max) {
  if (++framing_bytes_ > framing_bytes_base + framing_bytes_factor * content_bytes) return Refusal{400, "too much chunk framing"};
  if (state_ == State::chunk_size_lf && c == '\n') return end_chunk_size(content_bytes, bytes_max);
  const std::optional<State> next = state_ <= State::chunk_data_lf ? after_chunk_byte(c) : after_trailer_byte(c);
  if (!next) return Refusal{400, "invalid chunk"};
  state_ = *next;
  return std::nullopt;
}

std::optional<BodyReader::State> BodyReader::after_chunk_byte(char c) {
  switch (state_) {
    case State::chunk_size_first:
    case State::chunk_size:
      if (const int digit = hex_value(c); digit >= 0) {
        if ((left_ >> 60) != 0) return std::nullopt;
        left_ = (left_ << 4) | static_cast<std::uint64_t>(digit);
        return State::chunk_size;
      }
      if (state_ == State::chunk_size_first) return std::nullopt;
      if (c == ';') return State::chunk_extension;  // blanks before it, which RFC 9112 calls bad, are refused
      return next_if(c == '\r', State::chunk_size_lf);
    case State::chunk_extension:
      if (c == '\r') return State::chunk_size_lf;
      return next_if(is_text(c), State::chunk_extension);
    case State::chunk_data_cr: return next_if(c == '\r', State::chunk_data_lf);
    case State::chunk_data_lf: return next_if(c == '\n', State::chunk_size_first);
    default: return std::nullopt;
  }
}

std::optional<BodyReader::State> BodyReader::after_trailer_byte(char c) const {
  switch (state_) {
    case State::trailer_begin:
      if (c == '\r') return State::end_lf;
      return next_if(is_token_char(c), State::trailer_name);
    case State::trailer_name:
      if (c == ':') return State::trailer_value;
      return next_if(is_token_char(c), State::trailer_name);
    case State::trailer_value:
      if (c == '\r') return State::trailer_lf;
      return next_if(is_text(c), State::trailer_value);
    case State::trailer_lf: return next_if(c == '\n', State::trailer_begin);
    case State::end_lf: return next_if(c == '\n', State::done);
    default: return std::nullopt;
  }
}

}  // namespace sparc::http
