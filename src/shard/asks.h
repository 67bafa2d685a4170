#pragma once
// Questions of services to clients: which clients are asked, who has not answered yet, and what the others said.

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/codes.h"
#include "base/counter.h"
#include "base/limits.h"
#include "base/publication.h"
#include "base/slab.h"

namespace sparc::shard {

/// A question on its way; every shard of the node reads the same.
struct ClientAsk {
  PublicationPtr what;     // without rooms where `connection` is named
  std::string connection;  // public id of the one client; empty: the members of the rooms
  std::string tenant;      // of the one client: another's is not found; empty: any
  std::string asker;       // names who asks, for limits.service_asked_clients_max
  std::uint32_t timeout_ms = 0;
};

/// A client that is asked.
struct Recipient {
  ConnectionId connection;
  std::string id;  // public
  std::string user_id, tenant_id;
};

/// Of one shard.
struct Recipients {
  std::vector<Recipient> clients;
  bool more = false;  // than limits.ask_clients_max: the list is not whole
};

/// What a client said. Neither data nor fault: understood, nothing to say.
struct ClientAnswer {
  std::string data;                           // JSON
  std::string more_args;                      // of an acknowledgement with several arguments: JSON texts joined by commas
  std::vector<std::string> attachments = {};  // what placeholders in the two name
  std::optional<Fault> fault = {};            // also where it did not say anything

  [[nodiscard]] std::size_t bytes() const;
};

struct Answered {
  Recipient client;
  ClientAnswer answer;
};

/// The place of one client in an ask.
struct AskPlace {
  std::uint64_t ask = 0;
  std::uint32_t client = 0;
};

struct AskOut {
  ConnectionId connection;
  AskPlace place;
};

/// Everybody who was asked, each once, in no particular order; a fault: nobody was.
using AskDone = std::move_only_function<void(std::expected<std::vector<Answered>, Fault>)>;

/// The asks of a node whose answers are not all there.
///
/// Limits: ask_clients_max (of one ask), asked_clients_max and service_asked_clients_max (not answered yet, of all and of one asker)
///         refuse an ask as a whole; an answer beyond ask_answer_bytes_max (of one ask) or asks_node_bytes_max (of all) is replaced
///         by PAYLOAD_TOO_LARGE.
/// Thread: confined to one. `done` may begin further asks.
class PendingAsks {
 public:
  /// Whom each shard is to ask, in the order of `found`; nothing: `done` was called.
  [[nodiscard]] std::vector<std::vector<AskOut>> begin(std::vector<Recipients> found, const std::string& asker,
                                                       const Limits& limits, AskDone done);
  /// Exactly once for each place.
  void answer(const AskPlace& place, ClientAnswer answer, const Limits& limits);
  /// Drops them: nobody will answer any more.
  void clear() { asks_.clear(); }

  /// For any thread.
  [[nodiscard]] std::uint64_t refused() const { return refused_.get(); }

 private:
  struct Ask {
    std::vector<Answered> clients;
    std::size_t missing = 0;
    std::size_t bytes = 0;
    std::string asker;
    AskDone done;
  };
  absl::flat_hash_map<std::uint64_t, Ask> asks_;
  absl::flat_hash_map<std::string, std::size_t> unanswered_of_;  // by asker
  std::uint64_t last_ = 0;
  std::size_t unanswered_ = 0;
  std::size_t bytes_ = 0;
  Counter refused_;
};

/// The questions that clients of one shard were asked and have not answered.
///
/// Thread: confined to the shard. Memory: nothing for a client that is not asked.
class OpenQuestions {
 public:
  /// The number by which answers name a question (an acknowledgement id, a `callId`), the same for all of its clients. Never given twice.
  [[nodiscard]] std::uint64_t next_number() { return ++last_; }
  void add(ConnectionId client, std::uint64_t number, NamespaceId ns, const AskPlace& place, std::int64_t deadline_ms);
  /// Of one client.
  [[nodiscard]] std::size_t count(ConnectionId client) const;
  /// It answered; nothing: it was not asked that, or the time was over.
  [[nodiscard]] std::optional<AskPlace> take(ConnectionId client, std::uint64_t number);
  /// It left, the namespace or altogether.
  [[nodiscard]] std::vector<AskPlace> take_all(ConnectionId client, std::optional<NamespaceId> ns);
  /// Those whose time is over.
  [[nodiscard]] std::vector<AskPlace> take_late(std::int64_t now_ms);
  /// Of the next one; INT64_MAX: nobody was asked.
  [[nodiscard]] std::int64_t next_deadline() const { return deadlines_.empty() ? INT64_MAX : std::get<0>(*deadlines_.begin()); }
  [[nodiscard]] std::size_t size() const { return questions_.size(); }

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // client, number
  struct Question {
    AskPlace place;
    std::int64_t deadline_ms = 0;
    NamespaceId ns = 0;
  };
  using Questions = std::map<Key, Question>;
  AskPlace erase(Questions::iterator question);

  Questions questions_;
  std::set<std::tuple<std::int64_t, std::uint64_t, std::uint64_t>> deadlines_;  // with the key
  std::uint64_t last_ = 0;
};

/// `{"answers":[…]}`, the reply to an `ask`; attachments go behind `attached`, one behind the other.
[[nodiscard]] std::string answers_json(const std::vector<Answered>& answers, std::string& attached);

}  // namespace sparc::shard
