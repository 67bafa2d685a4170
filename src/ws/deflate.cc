#include "ws/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>

namespace sparc::ws {
namespace {

constexpr std::string_view tail("\x00\x00\xff\xff", 4);
constexpr std::size_t step_bytes = 16 * 1024;
constexpr std::size_t kept_bytes = 64 * 1024;

Bytef* input_of(std::string_view bytes) { return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); }

void release_if_large(std::string& buffer) {
  if (buffer.capacity() > kept_bytes) std::string().swap(buffer);
}

}  // namespace

struct Inflater::State {
  z_stream stream{};
};

Inflater::Inflater() : state_(std::make_unique<State>()) {
  // A window of 15 bits reads what any smaller one wrote.
  if (inflateInit2(&state_->stream, -15) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(&state_->stream); }

std::expected<std::string_view, CloseFault> Inflater::inflate(std::string_view compressed, std::size_t message_bytes_max) {
  release_if_large(buffer_);
  z_stream& stream = state_->stream;
  inflateReset(&stream);
  std::size_t written = 0;
  for (const std::string_view part : {compressed, tail}) {
    stream.next_in = input_of(part);
    stream.avail_in = static_cast<uInt>(part.size());
    while (true) {
      // One byte beyond the limit is room enough to see that the message exceeds it.
      if (buffer_.size() == written) buffer_.resize(std::min(std::max(written * 2, step_bytes), message_bytes_max + 1));
      const std::size_t room = buffer_.size() - written;
      stream.next_out = reinterpret_cast<Bytef*>(buffer_.data() + written);
      stream.avail_out = static_cast<uInt>(room);
      const int code = ::inflate(&stream, Z_SYNC_FLUSH);
      written += room - stream.avail_out;
      if (written > message_bytes_max) return std::unexpected(CloseFault{CloseCode::too_big, "message exceeds the size limit"});
      if (code == Z_STREAM_END) {
        inflateReset(&stream);  // a block with BFINAL; the message may go on behind it (section 7.2.3.4)
        if (stream.avail_in == 0) break;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return std::unexpected(CloseFault{CloseCode::invalid_data, "invalid compressed data"});
      } else if (stream.avail_in == 0 && stream.avail_out != 0) {
        break;
      }
    }
  }
  constexpr int between_blocks = 128, unused_bits = 63;  // of z_stream::data_type, see zlib.h at inflate()
  if ((stream.data_type & between_blocks) == 0 || (stream.data_type & unused_bits) != 0) {
    return std::unexpected(CloseFault{CloseCode::invalid_data, "incomplete compressed data"});
  }
  return std::string_view(buffer_).substr(0, written);
}

struct Deflater::State {
  z_stream stream{};
};

Deflater::Deflater(int window_bits, int level) : state_(std::make_unique<State>()), window_bits_(window_bits) {
  assert(window_bits >= 9 && window_bits <= 15 && level >= 1 && level <= 9);
  const int memory_level = std::clamp(window_bits - 7, 1, 8);
  if (deflateInit2(&state_->stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

Deflater::~Deflater() { deflateEnd(&state_->stream); }

std::string_view Deflater::deflate(std::string_view message) {
  release_if_large(buffer_);
  // Section 7.2.3.6: zlib writes nothing for an empty flush at the beginning, and the empty message is one zero byte.
  if (message.empty()) return std::string_view("\0", 1);
  z_stream& stream = state_->stream;
  deflateReset(&stream);
  stream.next_in = input_of(message);
  stream.avail_in = static_cast<uInt>(message.size());
  std::size_t written = 0;
  do {
    if (buffer_.size() - written < 64) buffer_.resize(std::max<std::size_t>(buffer_.size() * 2, message.size() / 2 + 256));
    const std::size_t room = buffer_.size() - written;
    stream.next_out = reinterpret_cast<Bytef*>(buffer_.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    const int code = ::deflate(&stream, Z_SYNC_FLUSH);
    assert(code == Z_OK || code == Z_BUF_ERROR);
    static_cast<void>(code);
    written += room - stream.avail_out;
  } while (stream.avail_out == 0);
  const std::string_view bytes = std::string_view(buffer_).substr(0, written);
  assert(bytes.ends_with(tail));
  return bytes.substr(0, bytes.size() - tail.size());
}

}  // namespace sparc::ws
