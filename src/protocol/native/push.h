#pragma once
// What a server sends, read by a client or a service: the other direction of the append_* of codec.h.

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/codes.h"
#include "base/publication.h"
#include "protocol/native/codec.h"

namespace sparc::protocol::native {

/// `data` and `attached` view the message; read them with replies.h.
struct Reply {
  std::int64_t id = 0;
  std::string_view data;                      // JSON
  std::string_view attached;                  // of `history`: attachments of the events in `data`, one behind the other
  std::vector<std::string_view> attachments;  // of an event: what placeholders in `data` name
};
struct ErrorReply {
  std::optional<std::int64_t> id;  // absent: about no frame in particular
  std::string code;                // its name; a newer server may know more than code_named
  std::string message;
  std::int64_t retry_after_ms = 0;  // 0: not said
};
/// Every view is of the message, or of the decoder's memory where a text had escapes.
struct EventPush {
  std::string_view ns;
  std::string_view room;  // empty: not said
  std::string_view event;
  std::string_view timestamp;  // ISO 8601
  std::string_view id;
  std::uint64_t offset = 0;  // 0: not numbered
  bool provisional = false;
  std::string_view data;       // JSON, byte for byte as published
  std::string_view more_args;  // JSON texts joined by commas
  std::vector<std::string_view> attachments;
};
struct PositionPush {
  std::string ns;
  Position position;
};
struct GapPush {
  std::string ns;
  std::string room;  // empty: several rooms, or none known
  std::uint64_t count = 0;
  std::uint64_t from = 0, to = 0;  // 0: not said
  std::string reason;
};
struct Ping {};
struct Evicted {
  std::string ns;
  std::vector<std::string> rooms;
  std::string code;
};
struct TokenExpiring {
  std::int64_t expires_in_s = 0;
};
struct Reconnect {
  std::uint32_t after_ms = 0;
  std::string reason;
};
/// `data`, `more_args` and the attachments view the message.
struct Invoke {
  std::string call_id;
  std::string ns;  // of a client's; empty: a service's, whose `event` begins with it
  std::string event;
  std::string_view data;
  std::string_view more_args;  // JSON texts joined by commas
  std::uint32_t deadline_ms = 0;
  std::vector<std::string_view> attachments;
};
/// `client` views the message.
struct Hook {
  std::string hook;
  std::string ns;
  std::string_view client;
  std::string reason;  // empty: not said
};
/// A type that this version does not know: to be ignored.
struct UnknownPush {
  std::string type;
};

using Push = std::variant<Welcome, Reply, ErrorReply, EventPush, PositionPush, GapPush, Ping, Evicted, TokenExpiring, Reconnect,
                          Invoke, Hook, UnknownPush>;

/// The code of that name, where this version knows it.
[[nodiscard]] std::optional<Code> code_named(std::string_view name);

/// Whether a message is checked to be valid JSON before it is read. `skip` is for a load generator that talks to a server of its own:
/// on invalid JSON the answer means nothing, but stays within the message.
enum class JsonCheck : std::uint8_t { validate, skip };

/// Decodes messages of a server.
///
/// Errors:   a text that says what the server sent wrongly; nothing of the message is answered then. Unknown fields are ignored.
/// Lifetime: an answer, and the views in it, live until the decoder's next call and as long as the message's bytes.
/// Thread:   confined to its owner.
class PushDecoder {
 public:
  explicit PushDecoder(JsonCheck check = JsonCheck::validate);
  ~PushDecoder();
  PushDecoder(const PushDecoder&) = delete;
  PushDecoder& operator=(const PushDecoder&) = delete;

  /// One frame or an array of frames.
  [[nodiscard]] std::expected<std::span<const Push>, std::string> text(std::string_view message);
  /// An event or an invoke with its attachments, or a reply whose events have some.
  [[nodiscard]] std::expected<std::span<const Push>, std::string> binary(std::string_view message);

 private:
  struct Impl;
  Impl* impl_;  // owned
};

/// One event frame as it stands in the reply to `history`; what it has of attachments is taken from the front of `attached`. `object`
/// is a valid JSON object; texts with escapes are kept in `storage`, whose elements must not move while the answer lives.
[[nodiscard]] std::expected<EventPush, std::string> read_event_push(std::string_view object, std::string_view& attached,
                                                                    std::deque<std::string>& storage);

}  // namespace sparc::protocol::native
