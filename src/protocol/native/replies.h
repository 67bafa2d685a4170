#pragma once
// What the replies to join, subscribe, unsubscribe, publish and history say, for clients. `data` and
// `attached` are those of Reply (push.h).

#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/publication.h"
#include "protocol/native/push.h"

namespace sparc::protocol::native {

/// To join, subscribe and unsubscribe; the last two say only the rooms.
struct JoinReply {
  using Names = std::vector<std::pair<std::string, std::vector<std::string>>>;
  std::vector<std::string> rooms;  // all that are held now
  Names topics;                    // topic → patterns of event names
  Names fields;                    // filter field → paths in a payload
  bool recovered = false;
  std::optional<Position> position;
  std::uint64_t until = 0;                                  // a replay follows up to this offset; 0: none does
  std::vector<std::pair<std::string, std::string>> denied;  // room → code
};

struct PublishReply {
  std::optional<Position> position;  // where the stream is numbered
  bool queued = false;               // the broker is away; it is kept until the broker is back
};

/// The events view `data`, `attached` and `storage`.
struct HistoryReply {
  std::vector<EventPush> events;
  std::optional<Position> position;
  bool complete = true;
  bool recovered = true;
  std::deque<std::string> storage;
};

// The error says what the server sent wrongly.
[[nodiscard]] std::expected<JoinReply, std::string> read_join_reply(std::string_view data);
[[nodiscard]] std::expected<PublishReply, std::string> read_publish_reply(std::string_view data);
[[nodiscard]] std::expected<HistoryReply, std::string> read_history_reply(std::string_view data, std::string_view attached = {});

}  // namespace sparc::protocol::native
