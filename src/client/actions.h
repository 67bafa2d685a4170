#pragma once
// What a connection machine wants done, or tells. A driver carries them out in their order.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/retry.h"
#include "protocol/native/codec.h"
#include "protocol/native/replies.h"
#include "sparc/websocket/client_types.h"

namespace sparc::client {

using websocket::Message;
using Failure = websocket::Error;

/// Names one transport of a machine; never used twice. 0: none.
using LinkId = std::uint32_t;
/// The driver's name for a request that it made; 0: nobody waits for the answer.
using OpId = std::uint64_t;

enum class State : std::uint8_t { disconnected, connecting, connected, reconnecting, failed };

namespace action {

// To be carried out.
/// Make a transport to the endpoint; answered by `on_open` or `on_lost`, unless a Close comes first.
struct Open {
  LinkId link = 0;
};
struct Send {
  LinkId link = 0;
  std::string bytes;
};
/// End it behind what was sent. Nothing more of it is told to the machine.
struct Close {
  LinkId link = 0;
};
/// Ask the token's function; answered by `on_token`.
struct AskToken {};

// To be told.
struct StateChanged {
  State from = State::disconnected, to = State::disconnected;
};
struct Welcomed {
  protocol::native::Welcome welcome;
};
/// The connection, or an attempt to make it, is over.
struct Ended {
  LinkEnd end;
  bool was_connected = false;
  bool will_retry = false;
  std::int64_t retry_in_ms = 0;
};
/// A namespace was joined, for the first time or again.
struct Joined {
  std::string ns;
  protocol::native::JoinReply reply;
};
/// A namespace was refused for good; the machine has forgotten it.
struct JoinRefused {
  std::string ns;
  Failure failure;
};
struct Delivered {
  Message message;
};
struct Stale {
  websocket::Stale stale;
};
struct Evicted {
  std::string ns;
  std::vector<std::string> rooms;
  std::string code;
};
/// A service asks; to be answered by ConnectionMachine::answer_ask.
struct Asked {
  LinkId link = 0;
  std::string call_id;
  Message question;  // without room and offset
};
struct Answered {
  OpId op = 0;
  websocket::Result<std::string> answer;  // the reply's data, JSON
};
/// Something went wrong that no request waits for.
struct Problem {
  Failure failure;
};

}  // namespace action

using Action = std::variant<action::Open, action::Send, action::Close, action::AskToken, action::StateChanged, action::Welcomed,
                            action::Ended, action::Joined, action::JoinRefused, action::Delivered, action::Stale, action::Evicted,
                            action::Asked, action::Answered, action::Problem>;

}  // namespace sparc::client
