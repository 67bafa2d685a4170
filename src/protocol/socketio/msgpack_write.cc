#include <bit>
#include <charconv>
#include <cmath>
#include <vector>

#include "protocol/json_tokens.h"
#include "protocol/placeholders.h"
#include "protocol/socketio/msgpack.h"

namespace sparc::protocol::socketio {
namespace {

using json::Tokens;

void put(std::string& out, unsigned byte) { out.push_back(static_cast<char>(byte)); }

template <std::size_t Bytes>
void put_big_endian(std::string& out, std::uint64_t value) {
  for (std::size_t i = Bytes; i-- > 0;) put(out, static_cast<unsigned>(value >> (8 * i) & 0xff));
}

/// `fixed` is the first byte of the form that holds the size, for sizes below `fixed_max`; `wide` that of the 16-bit form, before
/// that of the 32-bit one.
void put_size(std::string& out, std::size_t size, unsigned fixed, std::size_t fixed_max, unsigned wide) {
  if (size < fixed_max) {
    put(out, fixed | static_cast<unsigned>(size));
  } else if (size <= 0xffff) {
    put(out, wide);
    put_big_endian<2>(out, size);
  } else {
    put(out, wide + 1);
    put_big_endian<4>(out, size);
  }
}

void put_map(std::string& out, std::size_t size) { put_size(out, size, 0x80, 16, 0xde); }
void put_array(std::string& out, std::size_t size) { put_size(out, size, 0x90, 16, 0xdc); }

/// str and bin have an 8-bit form before the wider ones.
void put_string(std::string& out, std::string_view text) {
  if (text.size() >= 32 && text.size() <= 0xff) {
    put(out, 0xd9);
    put(out, static_cast<unsigned>(text.size()));
  } else {
    put_size(out, text.size(), 0xa0, 32, 0xda);
  }
  out += text;
}

void put_binary(std::string& out, std::string_view bytes) {
  if (bytes.size() <= 0xff) {
    put(out, 0xc4);
    put(out, static_cast<unsigned>(bytes.size()));
  } else {
    put_size(out, bytes.size(), 0, 0, 0xc5);
  }
  out += bytes;
}

void put_unsigned(std::string& out, std::uint64_t value) {
  if (value < 0x80) {
    put(out, static_cast<unsigned>(value));
  } else if (value <= 0xff) {
    put(out, 0xcc);
    put_big_endian<1>(out, value);
  } else if (value <= 0xffff) {
    put(out, 0xcd);
    put_big_endian<2>(out, value);
  } else if (value <= 0xffff'ffff) {
    put(out, 0xce);
    put_big_endian<4>(out, value);
  } else {
    put(out, 0xcf);
    put_big_endian<8>(out, value);
  }
}

void put_signed(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0) {
    put_unsigned(out, bits);
  } else if (value >= -32) {
    put(out, static_cast<unsigned>(bits & 0xff));
  } else if (value >= -0x80) {
    put(out, 0xd0);
    put_big_endian<1>(out, bits);
  } else if (value >= -0x8000) {
    put(out, 0xd1);
    put_big_endian<2>(out, bits);
  } else if (value >= -0x8000'0000LL) {
    put(out, 0xd2);
    put_big_endian<4>(out, bits);
  } else {
    put(out, 0xd3);
    put_big_endian<8>(out, bits);
  }
}

template <class T>
std::optional<T> parsed(std::string_view raw) {
  T value{};
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc{} || end != raw.data() + raw.size()) return std::nullopt;
  return value;
}

/// Integers as integers where 64 bits hold them, also 1.0, as JavaScript does.
void put_number(std::string& out, std::string_view raw) {
  if (const auto value = parsed<std::int64_t>(raw)) return put_signed(out, *value);
  if (const auto value = parsed<std::uint64_t>(raw)) return put_unsigned(out, *value);
  // Without a value it is too small for a double, and so near 0.
  const double value = parsed<double>(raw).value_or(0);
  constexpr double exact_max = 9007199254740992;
  if (value == std::floor(value) && std::abs(value) <= exact_max) return put_signed(out, static_cast<std::int64_t>(value));
  put(out, 0xcb);
  put_big_endian<8>(out, std::bit_cast<std::uint64_t>(value));
}

class Writer {
 public:
  Writer(std::string& out, std::span<const std::string> attachments)
      : out_(out), attachments_(attachments), written_(attachments.size()) {}

  /// `texts`: values joined by commas, or nothing.
  void values(std::string_view texts) {
    const std::vector<Container> containers = containers_of(texts);
    std::size_t opened = 0;
    std::size_t skipped_depth = 0;  // inside of a placeholder
    Tokens tokens(texts);
    while (tokens.next()) {
      const bool opens = tokens.type == Tokens::Type::open_object || tokens.type == Tokens::Type::open_array;
      const std::size_t index = opens ? opened++ : 0;
      if (skipped_depth > 0) {
        if (opens) ++skipped_depth;
        if (tokens.type == Tokens::Type::close) --skipped_depth;
      } else if (opens) {
        const Container container = index < containers.size() ? containers[index] : Container{};
        if (container.placeholder && !attachments_.empty()) {
          attachment(container);
          skipped_depth = 1;
        } else if (tokens.type == Tokens::Type::open_object) {
          put_map(out_, container.size);
        } else {
          put_array(out_, container.size);
        }
      } else if (tokens.type != Tokens::Type::close) {
        scalar(tokens.raw);
      }
    }
  }

 private:
  /// Once each, so that the output is no longer than what it is made of.
  void attachment(const Container& placeholder) {
    if (!placeholder.valid || placeholder.number >= attachments_.size() || written_[placeholder.number]) return put(out_, 0xc0);
    written_[placeholder.number] = true;
    put_binary(out_, attachments_[placeholder.number]);
  }

  void scalar(std::string_view raw) {
    switch (json::kind_of(raw)) {
      case json::Kind::string: put_string(out_, json::view_string(raw, storage_).value_or(std::string_view{})); break;
      case json::Kind::boolean: put(out_, raw == "true" ? 0xc3 : 0xc2); break;
      case json::Kind::number: put_number(out_, raw); break;
      default: put(out_, 0xc0);
    }
  }

  std::string& out_;
  std::span<const std::string> attachments_;
  std::vector<bool> written_;
  std::string storage_;
};

std::size_t count_values(std::string_view texts) {
  std::size_t count = 0;
  std::size_t depth = 0;
  Tokens tokens(texts);
  while (tokens.next()) {
    if (tokens.type == Tokens::Type::close) {
      --depth;
      continue;
    }
    if (depth == 0) ++count;
    if (tokens.type == Tokens::Type::open_object || tokens.type == Tokens::Type::open_array) ++depth;
  }
  return count;
}

}  // namespace

void append_msgpack_packet(std::string& out, const Outgoing& packet) {
  const bool event = packet.type == PacketType::event;
  const bool arguments = event || packet.type == PacketType::ack;
  const bool data = arguments || !packet.first.empty();
  put_map(out, 2U + (data ? 1U : 0U) + (packet.id ? 1U : 0U));
  put_string(out, "type");
  put_unsigned(out, static_cast<std::uint64_t>(packet.type));
  if (data) {
    Writer writer(out, packet.attachments);
    put_string(out, "data");
    if (arguments) put_array(out, (event ? 1U : 0U) + (packet.first.empty() ? 0U : 1U) + count_values(packet.more));
    if (event) put_string(out, packet.event);
    writer.values(packet.first);
    if (arguments) writer.values(packet.more);
  }
  if (packet.id) {
    put_string(out, "id");
    put_unsigned(out, *packet.id);
  }
  put_string(out, "nsp");
  put_string(out, packet.nsp);
}

}  // namespace sparc::protocol::socketio
