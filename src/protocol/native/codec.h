#pragma once
// The native protocol sparc.v1 (docs/protocol.md): text or binary messages to requests, and pushes to JSON.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/codes.h"
#include "base/publication.h"
#include "protocol/command.h"

namespace sparc::protocol::native {

// Bounds of the wire itself; what depends on configuration (rooms of a connection, rooms of a publication) is checked behind it.
inline constexpr std::int64_t id_max = std::int64_t{1} << 53;  // ids are integers within ± this
inline constexpr std::size_t attachments_max = 10;             // of one binary message
inline constexpr std::size_t list_items_max = 1024;            // of any array that is a field of a frame
inline constexpr std::size_t event_name_bytes_max = 256;       // 1 to this, UTF-8 without control characters
inline constexpr std::size_t name_bytes_max = 128;             // of a namespace, group, hook, call id, publication id, epoch
inline constexpr std::size_t token_bytes_max = 16'384;

/// A frame of a message that could not be decoded: answered by `error`, the connection stays.
struct Refused {
  std::optional<std::int64_t> id;  // where it could still be read
  Fault fault;                     // BAD_REQUEST; says what was wrong and what is allowed
};
using Decoded = std::expected<Request, Refused>;

/// Decodes messages. Keeps a parser and scratch memory: one per shard.
///
/// JSON is validated whole (json_checker.h) before any part of it is passed on byte for byte. A known field that appears twice in a
/// frame is BAD_REQUEST; unknown fields are ignored; null counts as absent, but for `topics`, `filters` and `data`.
/// Thread: confined to the shard.
class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// One frame or an array of frames (up to `frames_max`; an empty array is BAD_REQUEST). `text` is valid UTF-8.
  /// Lifetime: the answer owns its strings.
  [[nodiscard]] std::vector<Decoded> text(std::string_view text, std::size_t frames_max = 256);
  /// uint32 big-endian header length | header JSON | attachments.
  [[nodiscard]] Decoded binary(std::string_view message);
  /// Whether `text` is one valid JSON value.
  [[nodiscard]] bool valid_json(std::string_view text);

 private:
  struct Impl;
  Impl* impl_;  // owned
};

struct Welcome {
  std::string connection_id;
  std::string user_id;
  std::string tenant_id;
  std::string service;  // set: a service's welcome, with scopes instead of user and tenant
  std::vector<std::string> scopes;
  std::uint32_t ping_interval_ms = 0;
  std::uint32_t ping_timeout_ms = 0;
  std::size_t max_payload_bytes = 0;
  std::optional<std::int64_t> expires_in_s;
  std::uint32_t reconnect_delay_ms = 0;
};

struct Gap {
  std::string_view room;  // empty: several rooms, or none known
  std::uint64_t count = 0;
  std::uint64_t from = 0, to = 0;  // offsets, where the stream is numbered; 0: not said
  std::string_view reason;         // dropped | expired | trimmed | broker
};

/// Something that is to be answered by a `result`.
struct InvokeFrame {
  std::string_view call_id;
  std::string_view ns;  // of a client's; empty: a service's, whose `event` begins with it
  std::string_view event;
  std::string_view data;       // JSON
  std::string_view more_args;  // JSON texts joined by commas
  std::span<const std::string> attachments;
  std::uint32_t deadline_ms = 0;
};

// Each appends one JSON object to `out`, without a frame header.
void append_welcome(std::string& out, const Welcome& welcome);
/// `data` is a JSON object.
void append_reply(std::string& out, std::int64_t id, std::string_view data);
/// The whole binary message of a reply whose events have attachments; `attached` is theirs, one behind the other.
void append_binary_reply(std::string& out, std::int64_t id, std::string_view data, std::string_view attached);
/// The whole binary message of a reply to an event whose `data` has placeholders.
void append_binary_answer(std::string& out, std::int64_t id, std::string_view data, std::span<const std::string> attachments);
void append_error(std::string& out, std::optional<std::int64_t> id, const Fault& fault);
/// `room` is short; an empty one is left out. Not for publications with attachments.
void append_event(std::string& out, std::string_view ns, std::string_view room, const Publication& publication);
/// The whole binary message of a publication with attachments.
void append_binary_event(std::string& out, std::string_view ns, std::string_view room, const Publication& publication);
/// An event as it stands in a reply to `history`: the lengths of its attachments in the object, their bytes behind `attached`.
void append_kept_event(std::string& out, std::string& attached, std::string_view ns, std::string_view room,
                       const Publication& publication);
/// The same for HTTP: attachments as base64 in the object.
void append_event_with_base64(std::string& out, std::string_view ns, std::string_view room, const Publication& publication);
void append_position(std::string& out, std::string_view ns, std::string_view epoch, std::uint64_t offset);
void append_gap(std::string& out, std::string_view ns, const Gap& gap);
void append_ping(std::string& out);
void append_evicted(std::string& out, std::string_view ns, std::span<const std::string> rooms, Code code);
void append_token_expiring(std::string& out, std::int64_t expires_in_s);
void append_reconnect(std::string& out, std::uint32_t after_ms, std::string_view reason);
/// Not for invokes with attachments.
void append_invoke(std::string& out, const InvokeFrame& invoke);
/// The whole binary message of an invoke with attachments.
void append_binary_invoke(std::string& out, const InvokeFrame& invoke);
/// `client` is a JSON object; `reason` may be empty.
void append_hook(std::string& out, std::string_view hook, std::string_view ns, std::string_view client, std::string_view reason);

}  // namespace sparc::protocol::native
