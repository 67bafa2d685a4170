#pragma once
// One peer: who it is, what it holds, what it waits for. Knows nothing of other peers.

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/identity.h"
#include "base/limits.h"
#include "base/publication.h"
#include "base/token_bucket.h"
#include "protocol/command.h"
#include "protocol/filter.h"

namespace sparc::session {

/// A position in 16 bytes, to compare with others of the same stream.
struct LevelMark {
  std::uint64_t epoch = 0;  // a hash; 0: none
  std::uint64_t offset = 0;
  LevelMark() = default;
  explicit LevelMark(const Position& position)
      : epoch(position.epoch.empty() ? 0 : std::hash<std::string>{}(position.epoch) | 1), offset(position.offset) {}
};

/// What a connection holds in one namespace.
struct NamespaceState {
  NamespaceId ns = 0;
  protocol::WishId wish = 0;
  std::uint32_t stream = 0;        // index of the tenant's stream in the hub
  std::uint32_t rooms = 0;         // head of its memberships
  std::uint64_t level_number = 0;  // numbered publications up to this came from history or precede the join
  LevelMark level;                 // where it stood when it joined, or was last level by history
};

/// What a request that arrives has to do first.
enum class Turn : std::uint8_t {
  now,
  parked,     // behind an earlier one of its namespace; comes back from `unpark`
  full,       // too much is parked: RATE_LIMITED
  duplicate,  // its id is in flight: BAD_REQUEST
  busy,       // too many requests are unanswered: RATE_LIMITED
};

/// State of a connection that speaks frames: native, later Socket.IO and raw-ws. Serialisable: no pointers to other layers.
///
/// Order:  requests of one namespace run in the order they came; while one waits (`begin_wait`), those behind it are parked. `auth`
///         parks everything. A pong never waits.
/// Memory: about 250 B without parked frames and requests.
/// Thread: confined to the shard.
class Session {
 public:
  enum class Kind : std::uint8_t { nobody, user, service };
  Identity identity;
  std::unique_ptr<ServiceIdentity> service;  // kind service
  absl::InlinedVector<NamespaceState, 1> namespaces;
  TokenBucket messages;
  TokenBucket joins;
  Kind kind = Kind::nobody;
  std::uint16_t violations = 0;    // requests over a rate in a row
  bool watches_connected = false;  // hooks of a service
  bool watches_disconnected = false;
  bool expiry_announced = false;

  [[nodiscard]] NamespaceState* find(NamespaceId ns);
  [[nodiscard]] std::string_view tenant() const { return identity.tenant_id; }

  /// Decides what a request does first and remembers its id. Moves from `request` only when it is parked.
  [[nodiscard]] Turn arrive(protocol::Request& request, const Limits& limits);
  /// The id was answered.
  void answered(std::int64_t id);
  [[nodiscard]] std::size_t unanswered() const { return busy_ ? busy_->in_flight.size() : 0; }

  /// A request of this namespace (empty: all) waits for something: those that arrive behind it are parked.
  void begin_wait(std::string_view ns);
  void end_wait(std::string_view ns);
  /// The oldest parked request that need not wait any more.
  [[nodiscard]] std::optional<protocol::Request> unpark();
  [[nodiscard]] bool has_parked() const { return busy_ && !busy_->parked.empty(); }

 private:
  /// What requests that are not answered leave behind; none for hours, mostly.
  struct Busy {
    std::vector<std::string> waiting;  // namespaces; an empty name: everything
    std::deque<std::pair<protocol::Request, std::size_t>> parked;
    std::size_t parked_bytes = 0;
    std::vector<std::int64_t> in_flight;
  };
  [[nodiscard]] bool must_wait(std::string_view ns) const;
  Busy& busy();
  void rest();

  std::unique_ptr<Busy> busy_;  // owned; null: at rest
};

/// The namespace a request belongs to; empty: none.
[[nodiscard]] std::string_view namespace_of(const protocol::Command& command);

}  // namespace sparc::session
