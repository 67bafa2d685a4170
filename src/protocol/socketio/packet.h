#pragma once
// Socket.IO protocol 5 packets, for the default parser and for socket.io-msgpack-parser.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sparc::protocol::socketio {

enum class PacketType : std::uint8_t { connect, disconnect, event, ack, connect_error, binary_event, binary_ack };
enum class Parser : std::uint8_t { standard, msgpack };

inline constexpr std::size_t namespace_bytes_max = 256;
inline constexpr std::uint64_t packet_id_max = (std::uint64_t{1} << 53) - 1;  // what every client can count to

/// A whole packet. binary_event and binary_ack are given as event and ack: `attachments` tells.
struct Packet {
  PacketType type = PacketType::event;
  std::string nsp = "/";
  std::optional<std::uint64_t> id;
  std::string data;                      // JSON. event, ack: an array; connect: an object, or empty; disconnect: empty
  std::vector<std::string> attachments;  // of the placeholders in `data`
};

struct DecoderLimits {
  std::uint16_t attachments_max = 10;
  std::uint32_t bytes_max = 1'000'000;  // of a packet with its attachments
};

/// Messages to packets. Keeps a packet whose attachments are still to come.
///
/// Errors: the reference's words ("invalid payload", "illegal attachments", …) where it has any; after one the connection is closed.
/// Thread: confined to the shard. Memory: nothing while no packet is under way.
class PacketDecoder {
 public:
  using Decoded = std::expected<std::optional<Packet>, std::string>;  // nothing: attachments are still to come

  PacketDecoder(Parser parser, const DecoderLimits& limits) : limits_(limits), parser_(parser) {}
  /// Engine.IO message in a text frame, without its `4`.
  [[nodiscard]] Decoded text(std::string_view message);
  [[nodiscard]] Decoded binary(std::string_view message);

 private:
  struct Partial {
    Packet packet;
    std::size_t expected = 0;  // attachments
    std::size_t bytes = 0;
  };
  std::unique_ptr<Partial> partial_;  // owned; rare, and every connection has a decoder
  DecoderLimits limits_;
  Parser parser_;
};

/// The parts of an event's array.
struct EventParts {
  std::string name;   // of a numeric one: its digits
  std::string first;  // JSON of argument 0; empty: none
  std::string more;   // of further ones, joined by commas
};
/// `data` is an event packet's.
[[nodiscard]] EventParts split_event(std::string_view data);

/// The same of an acknowledgement, whose array begins with argument 0.
struct Arguments {
  std::string first, more;
};
[[nodiscard]] Arguments split_arguments(std::string_view data);

/// A packet to send. Views live until the call returns.
struct Outgoing {
  PacketType type = PacketType::event;  // event, ack, connect, connect_error, disconnect
  std::string_view nsp = "/";
  std::optional<std::uint64_t> id;
  std::string_view event;  // type event: its name
  std::string_view first;  // JSON of argument 0, or of what connect and connect_error say; empty: none
  std::string_view more;   // JSON of further arguments, joined by commas
  std::span<const std::string> attachments;
};

/// Where an encoded packet goes: Engine.IO messages, in order, each its own WebSocket frame.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// `message` begins with the packet type `4`.
  virtual void text(std::string_view message) = 0;
  virtual void binary(std::string_view message) = 0;
};
/// `scratch` is memory to write in.
void encode(const Outgoing& packet, Parser parser, std::string& scratch, MessageSink& sink);

}  // namespace sparc::protocol::socketio
