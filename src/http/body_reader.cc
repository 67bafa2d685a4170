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
  const Refusal bad{400, "invalid chunk"};
  if (++framing_bytes_ > framing_bytes_base + framing_bytes_factor * content_bytes) return Refusal{400, "too much chunk framing"};
  switch (state_) {
    case State::chunk_size_first:
    case State::chunk_size: {
      const int digit = hex_value(c);
      if (digit >= 0) {
        if ((left_ >> 60) != 0) return bad;
        left_ = (left_ << 4) | static_cast<std::uint64_t>(digit);
        state_ = State::chunk_size;
        return std::nullopt;
      }
      if (state_ == State::chunk_size_first) return bad;
      if (c == '\r') state_ = State::chunk_size_lf;
      else if (c == ';' || c == ' ' || c == '\t') state_ = State::chunk_extension;
      else return bad;
      return std::nullopt;
    }
    case State::chunk_extension:
      if (c == '\r') state_ = State::chunk_size_lf;
      else if (!is_text(c)) return bad;
      return std::nullopt;
    case State::chunk_size_lf: return c == '\n' ? end_chunk_size(content_bytes, bytes_max) : bad;
    case State::chunk_data_cr:
      state_ = State::chunk_data_lf;
      return c == '\r' ? std::nullopt : std::optional(bad);
    case State::chunk_data_lf:
      state_ = State::chunk_size_first;
      return c == '\n' ? std::nullopt : std::optional(bad);
    case State::trailer_begin:
      if (c == '\r') state_ = State::end_lf;
      else if (is_token_char(c)) state_ = State::trailer_name;
      else return bad;
      return std::nullopt;
    case State::trailer_name:
      if (c == ':') state_ = State::trailer_value;
      else if (!is_token_char(c)) return bad;
      return std::nullopt;
    case State::trailer_value:
      if (c == '\r') state_ = State::trailer_lf;
      else if (!is_text(c)) return bad;
      return std::nullopt;
    case State::trailer_lf:
      state_ = State::trailer_begin;
      return c == '\n' ? std::nullopt : std::optional(bad);
    case State::end_lf:
      state_ = State::done;
      return c == '\n' ? std::nullopt : std::optional(bad);
    default: return bad;
  }
}

}  // namespace sparc::http
