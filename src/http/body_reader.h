#pragma once
// The body of a message (RFC 9112 sections 6 and 7).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/refusal.h"

namespace sparc::http {

/// Takes a body out of its framing, at any split. Chunks are read strictly: sizes of hexadecimal digits alone, CRLF everywhere;
/// extensions and trailers are checked, bounded and ignored.
/// Limits: `bytes_max` of content, 413; 16 KiB of framing beside 16 bytes for each byte of content, 400.
class BodyReader {
 public:
  struct Fed {
    std::size_t consumed = 0;
    bool complete = false;
    std::optional<Refusal> refusal;
  };

  void begin_none() { state_ = State::done; }
  void begin_length(std::uint64_t bytes);
  void begin_chunked();
  /// To the end of the connection: only responses; never complete by itself.
  void begin_until_close() { state_ = State::until_close; }

  [[nodiscard]] Fed feed(std::string_view input, std::string& body, std::size_t bytes_max);
  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool until_close() const { return state_ == State::until_close; }

 private:
  // The order counts: what comes up to chunk_data_lf is of the chunks, the rest of the trailers.
  enum class State : std::uint8_t {
    done,
    length,
    until_close,
    chunk_size_first,
    chunk_size,
    chunk_extension,
    chunk_size_lf,
    chunk_data,
    chunk_data_cr,
    chunk_data_lf,
    trailer_begin,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
  };

  [[nodiscard]] std::optional<Refusal> take_content(std::string_view& rest, std::string& body, std::size_t bytes_max);
  [[nodiscard]] std::optional<Refusal> take_framing(char c, std::size_t content_bytes, std::size_t bytes_max);
  [[nodiscard]] std::optional<Refusal> end_chunk_size(std::size_t content_bytes, std::size_t bytes_max);
  /// The state behind a byte of framing; none where it may not stand there.
  [[nodiscard]] std::optional<State> after_chunk_byte(char c);
  [[nodiscard]] std::optional<State> after_trailer_byte(char c) const;

  State state_ = State::done;
  std::uint64_t left_ = 0;  // of the content or the chunk
  std::uint64_t framing_bytes_ = 0;
};

}  // namespace sparc::http
