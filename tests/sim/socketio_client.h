#pragma once
// A Socket.IO client of several namespaces that believes what the server promises, and tells the model when it is not so.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/socketio/packet.h"
#include "sim/client.h"
#include "sim/engine_client.h"
#include "sim/model.h"

namespace sparc::sim {

/// What the node says and does about a client's sessions.
class SessionHost : public Dialler {
 public:
  /// Why the server ended the last socket of that session; empty: it has not.
  [[nodiscard]] virtual std::string end_of(const std::string& address) const = 0;
  [[nodiscard]] virtual std::int64_t now_ms() const = 0;
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  [[nodiscard]] virtual bool draining() const = 0;
  /// Since a while everybody reads and answers at once.
  [[nodiscard]] virtual bool prompt() const = 0;
  /// Slow readers are closed.
  [[nodiscard]] virtual bool closes_slow() const = 0;
  /// What is between shards may wait so long that a client is back before what it held is kept.
  [[nodiscard]] virtual bool forgets_records() const = 0;
};

inline constexpr std::uint32_t engine_ping_interval_ms = 700, engine_ping_timeout_ms = 1'500;

class SocketIoClient final : private EngineClient::Owner {
 public:
  using Way = EngineClient::Way;
  SocketIoClient(std::string name, Persona persona, Model& model, SessionHost& host, Way way, std::uint64_t seed);

  [[nodiscard]] bool connected() const { return engine_ != nullptr && !engine_->over(); }
  [[nodiscard]] bool ready() const { return connected() && engine_->open(); }
  void connect();
  void read(std::size_t most) {
    if (connected()) engine_->read(most);
  }
  void go_on(bool all) {
    if (connected()) engine_->go_on(all, host_.now_ms());
  }

  // Requests; each false where the client is in no state to make it.
  bool join(NamespaceId ns, bool recover);
  bool leave(NamespaceId ns);
  bool subscribe(NamespaceId ns, std::string json, bool adds);
  bool event(NamespaceId ns);
  bool refresh(NamespaceId ns);
  /// Another token of the same user, for the next connection or refresh.
  void renew(Persona persona) { persona_ = std::move(persona); }

  /// Ends the session in one of the ways that clients have, or that networks do.
  void close();
  void cut();
  void vanish();
  /// Faults of one of its connections.
  void disturb();
  /// The server closes it: a disconnect packet, or the transport, is to come.
  void expect_end(bool by_packet) { (by_packet ? expects_packet_ : expects_close_) = true; }

  [[nodiscard]] Seat* seat(NamespaceId ns) { return joined_[ns] ? &*joined_[ns] : nullptr; }
  [[nodiscard]] bool busy(NamespaceId ns) const { return busy_[ns]; }
  [[nodiscard]] std::size_t unanswered() const {
    return requests_.size() + static_cast<std::size_t>(std::count(std::begin(connecting_), std::end(connecting_), true));
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Persona& persona() const { return persona_; }
  [[nodiscard]] const EngineClient* engine() const { return engine_.get(); }
  [[nodiscard]] std::size_t unread() const { return connected() ? engine_->unread() : 0; }
  [[nodiscard]] bool at_rest() const { return !connected() || engine_->idle(); }
  bool slow = false;

  std::vector<Seat> past;
  void finish();
  std::uint64_t events = 0, errors = 0, recoveries = 0, sessions = 0, upgrades = 0;

 private:
  enum class Kind : std::uint8_t { subscribe, event };
  struct Asked {
    Kind kind = Kind::event;
    NamespaceId ns = 0;
    std::vector<std::string> enters, leaves;
    bool wish_changes = false;
    Tick at = 0;
  };
  /// What it had in a namespace when its last connection ended.
  struct Kept {
    std::string pid;
    Position at;
    std::set<std::string> rooms, doubtful, ever;      // doubtful: asked for, or given up, without an answer
    std::vector<protocol::Wish> wishes, wishes_ever;  // wishes, several: a change was not answered
    Tick changed = 0;                                 // the last change that was answered
    bool given_up = false;                            // the server need not recover it
  };

  void on_open() override {}
  void on_text(std::string_view message) override;
  void on_binary(std::string_view message) override;
  void on_lost(std::string why) override;

  void on_packet(const protocol::socketio::Packet& packet);
  void on_connected(NamespaceId ns, std::string_view data);
  void restore(Seat& seat, const Kept& kept);
  void on_refused(NamespaceId ns, std::string_view data);
  void on_disconnected(NamespaceId ns);
  void on_event(NamespaceId ns, const protocol::socketio::Packet& packet);
  void on_publication(Seat& seat, const protocol::socketio::EventParts& parts, const std::vector<std::string>& attachments);
  void on_question(NamespaceId ns, std::uint64_t id, std::string_view data);
  void on_answer(const protocol::socketio::Packet& packet);
  void on_position(Seat& seat, std::string_view raw);
  void on_gap(std::string_view json);
  void ask(NamespaceId ns, std::string_view event, std::string_view json, Asked asked);
  void change_rooms(Seat& seat, const Asked& asked);
  void end_seat(NamespaceId ns, bool given_up);
  void over();
  [[nodiscard]] bool expected(std::string_view code) const;
  void on_evicted(const Seat& seat, std::string_view json);
  [[nodiscard]] std::string expected_end(const std::string& why) const;

  std::string name_;
  Persona persona_;
  Model& model_;
  SessionHost& host_;
  Way way_;
  SeededEntropy random_;
  std::unique_ptr<EngineClient> engine_;
  std::optional<protocol::socketio::PacketDecoder> decoder_;
  bool token_in_handshake_ = false;
  std::int64_t expires_ms_ = Persona::never_expires;  // the earliest of this session's tokens
  std::vector<std::string> handshake_roles_, roles_[namespaces_count];
  bool expects_packet_ = false, expects_close_ = false, finished_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Asked> requests_;
  bool busy_[namespaces_count] = {};
  bool connecting_[namespaces_count] = {};
  bool ended_[namespaces_count] = {};  // a socket of this session ended: what it was sent may still come
  bool unsure_wish_[namespaces_count] = {};
  std::string pid_[namespaces_count];
  Tick changed_[namespaces_count] = {};
  Tick asked_[namespaces_count] = {};  // when the CONNECT was sent
  bool recovers_[namespaces_count] = {};
  std::optional<Seat> joined_[namespaces_count];
  std::optional<Kept> kept_[namespaces_count];
};

}  // namespace sparc::sim
