#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include <simdjson.h>

#include "base/json_text.h"
#include "protocol/json_checker.h"
#include "protocol/socketio/msgpack.h"
#include "protocol/socketio/packet_rules.h"

namespace sparc::protocol::socketio {
namespace {

constexpr std::string_view invalid_payload = "invalid payload";

enum class Form : std::uint8_t { nil, boolean, integer, unsigned_integer, real, string, binary, array, map, extension };

/// The head of a value; of strings, binaries and extensions also the bytes.
struct Head {
  Form form = Form::nil;
  std::uint64_t number = 0;  // boolean, integer (two's complement), bits of a real; elements of an array, pairs of a map
  std::string_view bytes;
  std::int8_t extension = 0;
};

/// Reads heads one after the other, each within the bytes that are there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  /// False: the bytes end too early, or begin no value.
  bool next(Head& head) {
    head = {};
    const auto first = number(1);
    if (!first) return false;
    const auto byte = static_cast<unsigned>(*first);
    if (byte < 0x80) return take(head, Form::unsigned_integer, byte);
    if (byte < 0x90) return take(head, Form::map, byte & 15);
    if (byte < 0xa0) return take(head, Form::array, byte & 15);
    if (byte < 0xc0) return take_bytes(head, Form::string, byte & 31);
    if (byte >= 0xe0) return take(head, Form::integer, static_cast<std::uint64_t>(static_cast<std::int8_t>(byte)));
    return wide(head, byte);
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  static bool take(Head& head, Form form, std::uint64_t value) {
    head.form = form;
    head.number = value;
    return true;
  }
  bool take_bytes(Head& head, Form form, std::optional<std::uint64_t> length) {
    if (!length || *length > rest_.size()) return false;
    head.form = form;
    head.bytes = rest_.substr(0, *length);
    rest_.remove_prefix(*length);
    return true;
  }
  bool take_extension(Head& head, std::optional<std::uint64_t> length) {
    const auto type = length ? number(1) : std::nullopt;
    if (!type) return false;
    head.extension = static_cast<std::int8_t>(*type);
    return take_bytes(head, Form::extension, length);
  }
  bool take_number(Head& head, Form form, std::size_t bytes) {
    const auto value = number(bytes);
    return value && take(head, form, *value);
  }

  /// Big-endian.
  std::optional<std::uint64_t> number(std::size_t bytes) {
    if (rest_.size() < bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(bytes);
    return value;
  }

  bool wide(Head& head, unsigned byte) {
    switch (byte) {
      case 0xc0: return take(head, Form::nil, 0);
      case 0xc2:
      case 0xc3: return take(head, Form::boolean, byte & 1);
      case 0xc4:
      case 0xc5:
      case 0xc6: return take_bytes(head, Form::binary, number(1U << (byte - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9: return take_extension(head, number(1U << (byte - 0xc7)));
      case 0xca: return take_float(head);
      case 0xcb: return take_number(head, Form::real, 8);
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf: return take_number(head, Form::unsigned_integer, 1U << (byte - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3: return take_signed(head, 1U << (byte - 0xd0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8: return take_extension(head, 1U << (byte - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb: return take_bytes(head, Form::string, number(1U << (byte - 0xd9)));
      case 0xdc:
      case 0xdd: return take_number(head, Form::array, 2U << (byte - 0xdc));
      case 0xde:
      case 0xdf: return take_number(head, Form::map, 2U << (byte - 0xde));
      default: return false;  // 0xc1
    }
  }

  bool take_float(Head& head) {
    if (!take_number(head, Form::real, 4)) return false;
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(head.number));
    head.number = std::bit_cast<std::uint64_t>(static_cast<double>(value));
    return true;
  }
  bool take_signed(Head& head, std::size_t bytes) {
    if (!take_number(head, Form::integer, bytes)) return false;
    const std::size_t shift = 64 - 8 * bytes;
    head.number = static_cast<std::uint64_t>(static_cast<std::int64_t>(head.number << shift) >> shift);
    return true;
  }

  std::string_view rest_;
};

/// Milliseconds since 1970 of an extension that is a date: MessagePack's timestamps, and the type 0 of notepack.io 2.
std::optional<std::int64_t> date_ms(const Head& head) {
  const auto big_endian = [](std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  };
  constexpr std::int64_t ms_max = 8'640'000'000'000'000;  // of a JavaScript Date
  std::int64_t ms = 0;
  if (head.extension == 0 && head.bytes.size() == 8) {
    ms = static_cast<std::int64_t>(big_endian(head.bytes));
  } else if (head.extension == -1 && head.bytes.size() == 4) {
    ms = static_cast<std::int64_t>(big_endian(head.bytes)) * 1000;
  } else if (head.extension == -1 && head.bytes.size() == 8) {
    const std::uint64_t both = big_endian(head.bytes);
    ms = static_cast<std::int64_t>(both & 0x3'ffff'ffff) * 1000 + static_cast<std::int64_t>((both >> 34) / 1'000'000);
  } else if (head.extension == -1 && head.bytes.size() == 12) {
    const auto seconds = static_cast<std::int64_t>(big_endian(head.bytes.substr(4)));
    if (seconds > ms_max / 1000 || seconds < -ms_max / 1000) return std::nullopt;
    ms = seconds * 1000 + static_cast<std::int64_t>(big_endian(head.bytes.substr(0, 4)) / 1'000'000);
  } else {
    return std::nullopt;
  }
  if (ms > ms_max || ms < -ms_max) return std::nullopt;
  return ms;
}

void append_real(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end);
}

/// Writes values as JSON.
class JsonWriter {
 public:
  JsonWriter(Reader& reader, std::string& out, std::vector<std::string>& attachments, std::size_t attachments_max)
      : reader_(reader), out_(out), attachments_(attachments), attachments_max_(attachments_max) {}

  /// Empty, or what is wrong. Recursion is bounded by `json_depth_max`.
  std::string_view value(const Head& head, std::size_t depth) {
    switch (head.form) {
      case Form::nil: out_ += "null"; return {};
      case Form::boolean: out_ += head.number != 0 ? "true" : "false"; return {};
      case Form::integer: append_number(out_, static_cast<std::int64_t>(head.number)); return {};
      case Form::unsigned_integer: append_number(out_, head.number); return {};
      case Form::real: append_real(out_, std::bit_cast<double>(head.number)); return {};
      case Form::string: return string(head.bytes) ? std::string_view{} : invalid_payload;
      case Form::binary: return attachment(head.bytes);
      case Form::array: return depth == json_depth_max ? invalid_payload : array(head.number, depth + 1);
      case Form::map: return depth == json_depth_max ? invalid_payload : map(head.number, depth + 1);
      case Form::extension: return extension(head);
    }
    return invalid_payload;
  }

 private:
  bool string(std::string_view text) {
    if (!simdjson::validate_utf8(text.data(), text.size())) return false;
    append_json_string(out_, text);
    return true;
  }

  std::string_view attachment(std::string_view bytes) {
    if (attachments_.size() >= attachments_max_) return "too many attachments";
    out_ += "{\"_placeholder\":true,\"num\":";
    append_number(out_, std::uint64_t{attachments_.size()});
    out_.push_back('}');
    attachments_.emplace_back(bytes);
    return {};
  }

  std::string_view array(std::uint64_t count, std::size_t depth) {
    out_.push_back('[');
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) out_.push_back(',');
      Head head;
      if (!reader_.next(head)) return invalid_payload;
      if (const auto wrong = value(head, depth); !wrong.empty()) return wrong;
    }
    out_.push_back(']');
    return {};
  }

  std::string_view map(std::uint64_t count, std::size_t depth) {
    out_.push_back('{');
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) out_.push_back(',');
      Head key;
      Head head;
      if (!reader_.next(key) || key.form != Form::string || !string(key.bytes)) return invalid_payload;
      out_.push_back(':');
      if (!reader_.next(head)) return invalid_payload;
      // It would be taken for the placeholder of a binary value.
      if (key.bytes == "_placeholder" && head.form == Form::boolean && head.number != 0) return "illegal attachments";
      if (const auto wrong = value(head, depth); !wrong.empty()) return wrong;
    }
    out_.push_back('}');
    return {};
  }

  std::string_view extension(const Head& head) {
    if (const auto ms = date_ms(head)) {
      out_.push_back('"');
      append_iso_time(out_, *ms);
      out_.push_back('"');
      return {};
    }
    if (head.extension != 0) return invalid_payload;
    // notepack.io 2: one byte is `undefined`, anything else an ArrayBuffer.
    if (head.bytes.size() == 1) {
      out_ += "null";
      return {};
    }
    return attachment(head.bytes);
  }

  Reader& reader_;
  std::string& out_;
  std::vector<std::string>& attachments_;
  std::size_t attachments_max_;
};

/// What JavaScript calls undefined: nothing was there.
bool is_undefined(const Head& head) { return head.form == Form::extension && head.extension == 0 && head.bytes.size() == 1; }

bool is_unsigned_at_most(const Head& head, std::uint64_t max) {
  const bool integer =
      head.form == Form::unsigned_integer || (head.form == Form::integer && static_cast<std::int64_t>(head.number) >= 0);
  return integer && head.number <= max;
}

struct Seen {
  bool type = false;
  bool nsp = false;
};

/// One member of the packet's map. Others than the four are read and forgotten: clients send their `options`.
std::string_view read_member(Reader& reader, const DecoderLimits& limits, Packet& packet, Seen& seen) {
  Head key;
  Head head;
  if (!reader.next(key) || key.form != Form::string || !reader.next(head)) return invalid_payload;
  if (key.bytes == "type") {
    if (!is_unsigned_at_most(head, static_cast<std::uint64_t>(PacketType::connect_error))) return "invalid packet type";
    packet.type = static_cast<PacketType>(head.number);
    seen.type = true;
    return {};
  }
  if (key.bytes == "nsp") {
    if (head.form != Form::string || !is_namespace(head.bytes)) return "invalid namespace";
    packet.nsp = head.bytes;
    seen.nsp = true;
    return {};
  }
  if (key.bytes == "id") {
    packet.id.reset();
    if (is_undefined(head)) return {};
    if (!is_unsigned_at_most(head, packet_id_max)) return "invalid packet id";
    packet.id = head.number;
    return {};
  }
  Packet ignored;
  Packet& target = key.bytes == "data" ? packet : ignored;
  target.data.clear();
  target.attachments.clear();
  if (is_undefined(head)) return {};
  return JsonWriter(reader, target.data, target.attachments, limits.attachments_max).value(head, 0);
}

}  // namespace

std::expected<Packet, std::string> read_msgpack_packet(std::string_view message, const DecoderLimits& limits) {
  if (message.size() > limits.bytes_max) return std::unexpected("packet too large");
  Reader reader(message);
  Head head;
  if (!reader.next(head) || head.form != Form::map) return std::unexpected("invalid packet type");
  Packet packet;
  Seen seen;
  for (std::uint64_t i = 0; i < head.number; ++i) {
    const auto wrong = read_member(reader, limits, packet, seen);
    if (!wrong.empty()) return std::unexpected(std::string(wrong));
  }
  if (!seen.type) return std::unexpected("invalid packet type");
  if (!seen.nsp) return std::unexpected("invalid namespace");
  if (!reader.at_end()) return std::unexpected(std::string(invalid_payload));
  const auto wrong = data_fault(packet.type, packet.data, packet.attachments.size());
  if (!wrong.empty()) return std::unexpected(std::string(wrong));
  return packet;
}

}  // namespace sparc::protocol::socketio
