#include "protocol/socketio/packet.h"

#include <charconv>
#include <utility>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/socketio/msgpack.h"
#include "protocol/socketio/packet_rules.h"

namespace sparc::protocol::socketio {
namespace {

using Decoded = PacketDecoder::Decoded;

std::unexpected<std::string> fault(std::string_view words) { return std::unexpected(std::string(words)); }

/// The digits that `text` begins with, taken from it.
std::string_view take_digits(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

/// Nothing: too large for 64 bits.
std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// `<count>-`, taken from `text`.
std::expected<std::size_t, std::string> take_attachment_count(std::string_view& text, std::size_t max) {
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.starts_with('-')) return fault("Illegal attachments");
  text.remove_prefix(1);
  const auto count = number_of(digits);
  if (count == 0) return fault("Illegal attachments");
  if (!count || *count > max) return fault("too many attachments");
  return static_cast<std::size_t>(*count);
}

/// `/name,` taken from `text`; `/` where there is none.
std::string_view take_namespace(std::string_view& text) {
  if (!text.starts_with('/')) return "/";
  const std::size_t comma = text.find(',');
  const std::string_view nsp = text.substr(0, comma);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return nsp;
}

void append_joined(std::string& out, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '[') out.push_back(',');
  out += value;
}

void append_arguments(std::string& out, const Outgoing& packet) {
  out.push_back('[');
  if (packet.type == PacketType::event) append_json_string(out, packet.event);
  append_joined(out, packet.first);
  append_joined(out, packet.more);
  out.push_back(']');
}

/// The next element of the array `data`, and those behind it, byte for byte.
Arguments take_arguments(json::Walker& elements, std::string_view data) {
  Arguments out;
  if (!elements.next()) return out;
  out.first = elements.value;
  if (!elements.next()) return out;
  const auto begin = static_cast<std::size_t>(elements.value.data() - data.data());
  out.more = json::trimmed(data.substr(begin, data.rfind(']') - begin));
  return out;
}

bool has_arguments(PacketType type) { return type == PacketType::event || type == PacketType::ack; }

void encode_standard(const Outgoing& packet, std::string& scratch, MessageSink& sink) {
  const bool binary = has_arguments(packet.type) && !packet.attachments.empty();
  const int offset = binary ? static_cast<int>(PacketType::binary_event) - static_cast<int>(PacketType::event) : 0;
  scratch = "4";
  scratch.push_back(static_cast<char>('0' + static_cast<int>(packet.type) + offset));
  if (binary) {
    append_number(scratch, std::uint64_t{packet.attachments.size()});
    scratch.push_back('-');
  }
  if (packet.nsp != "/") {
    scratch += packet.nsp;
    scratch.push_back(',');
  }
  if (packet.id) append_number(scratch, *packet.id);
  if (has_arguments(packet.type)) {
    append_arguments(scratch, packet);
  } else {
    scratch += packet.first;
  }
  sink.text(scratch);
  if (!binary) return;
  for (const std::string& attachment : packet.attachments) sink.binary(attachment);
}

}  // namespace

Decoded PacketDecoder::text(std::string_view message) {
  if (parser_ == Parser::msgpack || partial_) return fault("got plaintext data when reconstructing a packet");
  if (message.size() > limits_.bytes_max) return fault("packet too large");
  const char digit = message.empty() ? '\0' : message.front();
  if (digit < '0' || digit > '6') {
    return fault(digit >= '7' && digit <= '9' ? std::string("unknown packet type ") + digit : "unknown packet type NaN");
  }
  std::string_view rest = message.substr(1);
  Packet packet;
  packet.type = static_cast<PacketType>(digit - '0');
  std::size_t attachments = 0;
  if (packet.type == PacketType::binary_event || packet.type == PacketType::binary_ack) {
    const auto count = take_attachment_count(rest, limits_.attachments_max);
    if (!count) return std::unexpected(count.error());
    attachments = *count;
    packet.type = packet.type == PacketType::binary_event ? PacketType::event : PacketType::ack;
  }
  const std::string_view nsp = take_namespace(rest);
  if (!is_namespace(nsp)) return fault("invalid namespace");
  if (const std::string_view digits = take_digits(rest); !digits.empty()) {
    packet.id = number_of(digits);
    if (!packet.id || *packet.id > packet_id_max) return fault("invalid packet id");
  }
  rest = json::trimmed(rest);
  if (!rest.empty() && !is_json(rest)) return fault("invalid payload");
  if (const auto wrong = data_fault(packet.type, rest, attachments); !wrong.empty()) return fault(wrong);
  packet.nsp = nsp;
  packet.data = rest;
  if (attachments == 0) return packet;
  partial_ = std::make_unique<Partial>(std::move(packet), attachments, message.size());
  return std::nullopt;
}

Decoded PacketDecoder::binary(std::string_view message) {
  if (parser_ == Parser::msgpack) {
    auto packet = read_msgpack_packet(message, limits_);
    if (!packet) return std::unexpected(std::move(packet.error()));
    return std::optional(std::move(*packet));
  }
  if (!partial_) return fault("got binary data when not reconstructing a packet");
  partial_->bytes += message.size();
  if (partial_->bytes > limits_.bytes_max) return fault("packet too large");
  partial_->packet.attachments.emplace_back(message);
  if (partial_->packet.attachments.size() < partial_->expected) return std::nullopt;
  return std::move(std::exchange(partial_, nullptr)->packet);
}

EventParts split_event(std::string_view data) {
  EventParts parts;
  json::Walker elements(data);
  if (!elements.next()) return parts;
  if (!json::read_string(elements.value, parts.name)) parts.name = elements.value;
  auto [first, more] = take_arguments(elements, data);
  parts.first = std::move(first);
  parts.more = std::move(more);
  return parts;
}

Arguments split_arguments(std::string_view data) {
  json::Walker elements(data);
  return take_arguments(elements, data);
}

void encode(const Outgoing& packet, Parser parser, std::string& scratch, MessageSink& sink) {
  if (parser == Parser::standard) {
    encode_standard(packet, scratch, sink);
  } else {
    scratch.clear();
    append_msgpack_packet(scratch, packet);
    sink.binary(scratch);
  }
}

}  // namespace sparc::protocol::socketio
