#pragma once
// What must hold of every packet, however it was decoded.

#include <cstdlib>
#include <optional>
#include <string>

#include "protocol/json_checker.h"
#include "protocol/placeholders.h"
#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline constexpr DecoderLimits fuzz_limits{.attachments_max = 10, .bytes_max = 100'000'000};

inline void check(const Packet& packet) {
  static JsonChecker checker;
  require(packet.type <= PacketType::connect_error);
  require(packet.nsp.starts_with('/') && packet.nsp.size() <= namespace_bytes_max);
  require(!packet.id || *packet.id <= packet_id_max);
  require(packet.attachments.size() <= fuzz_limits.attachments_max);
  require(packet.data.empty() || checker.fault(packet.data).empty());
  if (packet.type == PacketType::event || packet.type == PacketType::ack) require(packet.data.starts_with('['));
  require(placeholders_fit({packet.data}, packet.attachments.size()));
}

/// What a decoder of the same parser makes of `packet` when it is encoded.
inline Packet sent(const Packet& packet, Parser parser) {
  struct Peer : MessageSink {
    explicit Peer(Parser parser) : decoder(parser, fuzz_limits) {}
    void text(std::string_view message) override {
      require(message.starts_with('4') && !packet);
      take(decoder.text(message.substr(1)));
    }
    void binary(std::string_view message) override {
      require(!packet);
      take(decoder.binary(message));
    }
    void take(PacketDecoder::Decoded decoded) {
      require(decoded.has_value());
      packet = std::move(*decoded);
    }
    PacketDecoder decoder;
    std::optional<Packet> packet;
  } peer(parser);
  Outgoing out{.type = packet.type, .nsp = packet.nsp, .id = packet.id, .attachments = packet.attachments};
  EventParts parts;
  std::string arguments;
  if (packet.type == PacketType::event) {
    parts = split_event(packet.data);
    out.event = parts.name;
    out.first = parts.first;
    out.more = parts.more;
  } else if (packet.type == PacketType::ack) {
    // An event whose name is taken away again splits the arguments.
    arguments = packet.data;
    arguments.replace(0, 1, "[0,");
    parts = split_event(arguments);
    out.first = parts.first;
    out.more = parts.more;
  } else {
    out.first = packet.data;
  }
  std::string scratch;
  encode(out, parser, scratch, peer);
  require(peer.packet.has_value());
  check(*peer.packet);
  return std::move(*peer.packet);
}

inline void same(const Packet& a, const Packet& b) {
  require(a.type == b.type && a.nsp == b.nsp && a.id == b.id && a.data == b.data && a.attachments == b.attachments);
}

/// What was decoded can be sent with either parser, and comes to rest: sent twice it is what it was when sent once.
inline void check_sending(const Packet& packet) {
  check(packet);
  // Numeric names are sent as texts, which may be reserved for nobody.
  const Packet standard = sent(packet, Parser::standard);
  same(standard, sent(standard, Parser::standard));
  require(standard.attachments == packet.attachments);
  // MessagePack has only the attachments that are referred to, in their order.
  const Packet msgpack = sent(packet, Parser::msgpack);
  require(msgpack.attachments.size() <= packet.attachments.size());
  same(msgpack, sent(msgpack, Parser::msgpack));
  same(sent(msgpack, Parser::standard), sent(sent(msgpack, Parser::standard), Parser::msgpack));
}

}  // namespace sparc::protocol::socketio
