#pragma once
// A small native client that believes what the protocol promises, and tells the model when it is not so.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/entropy.h"
#include "protocol/native/push.h"
#include "sim/model.h"
#include "sim/network.h"
#include "ws/deflate.h"
#include "ws/receiver.h"

namespace sparc::sim {

struct Persona {
  std::string user, tenant, organization;
  std::vector<std::string> roles;
  std::string token;
  std::int64_t expires_ms = never_expires;  // wall clock, of `token`
  static constexpr std::int64_t never_expires = INT64_MAX;
};

class Client final : private ws::ReceiverHandler {
 public:
  struct Choice {
    std::vector<std::string> rooms;
    protocol::Choice<std::string> topics;
    protocol::Choice<protocol::Filter> filters;
  };

  Client(std::string name, Persona persona, Model& model, std::uint64_t seed);

  // The connection.
  [[nodiscard]] bool connected() const { return link_ != nullptr; }
  [[nodiscard]] bool ready() const { return welcomed_ && !closing_; }
  [[nodiscard]] const std::shared_ptr<Link>& link() const { return link_; }
  void connect(std::shared_ptr<Link> link, bool deflate);
  void reset();
  void close();
  /// Takes up to `most` bytes of what the network holds for it.
  void read(std::size_t most);

  // Requests; each returns false where the client is in no state to make it.
  bool join(NamespaceId ns, Choice choice, bool recover);
  bool subscribe(NamespaceId ns, Choice choice);
  bool unsubscribe(NamespaceId ns, std::string room);
  bool leave(NamespaceId ns);
  bool history(NamespaceId ns, bool from_start, std::uint32_t limit);
  bool presence(NamespaceId ns, std::string room);
  bool event(NamespaceId ns);
  bool refresh();

  [[nodiscard]] Seat* seat(NamespaceId ns) { return joined_[ns] ? &*joined_[ns] : nullptr; }
  [[nodiscard]] bool busy(NamespaceId ns) const { return busy_[ns]; }
  [[nodiscard]] std::size_t unanswered() const { return requests_.size(); }
  [[nodiscard]] const Persona& persona() const { return persona_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  bool slow = false;  // reads seldom

  /// Seats that are over; the model checks them at the end.
  std::vector<Seat> past;
  void finish();
  std::uint64_t events = 0, errors = 0, recoveries = 0;

 private:
  enum class Kind : std::uint8_t { auth, join, subscribe, unsubscribe, leave, history, presence, event };
  struct Asked {
    Kind kind = Kind::event;
    NamespaceId ns = 0;
    std::vector<std::string> rooms;
    std::optional<Position> recover;
    Tick at = 0;
    bool wish_changes = false;
  };
  ws::Flow on_message(ws::MessageType type, std::string_view payload) override;
  ws::Flow on_ping(std::string_view) override { return ws::Flow::go_on; }
  ws::Flow on_pong(std::string_view) override { return ws::Flow::go_on; }
  void on_close(std::uint16_t code, std::string_view reason) override;

  void lost();
  void end_seat(NamespaceId ns);
  void send(protocol::Command command, Asked asked);
  void send_text(std::string_view json);
  void on_push(const protocol::native::Push& push);
  void on_question(const protocol::native::Invoke& question);
  void on_reply(const protocol::native::Reply& reply);
  void on_join_reply(const Asked& asked, std::string_view data);
  void on_rooms_reply(const Asked& asked, std::string_view data);
  void on_history_reply(const Asked& asked, const protocol::native::Reply& answer);
  void on_error(const protocol::native::ErrorReply& error);
  void hold(Seat& seat, const std::vector<std::string>& rooms, const Asked& asked);
  void ask_rooms(Seat& seat, const std::vector<std::string>& rooms);
  void settle_wish(Seat& seat, bool changed);
  Seat& seat_of(std::string_view ns, std::string_view what);
  [[nodiscard]] std::vector<std::string> own_rooms() const;

  std::string name_;
  Persona persona_;
  Model& model_;
  SeededEntropy random_;
  std::shared_ptr<Link> link_;
  bool upgraded_ = false, welcomed_ = false, closing_ = false, finished_ = false;
  std::string head_;
  ws::Inflater inflater_;
  ws::ReceiverOptions options_;
  std::optional<ws::Receiver> receiver_;
  protocol::native::PushDecoder decoder_;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, Asked> requests_;
  bool busy_[namespaces_count] = {};
  std::optional<Seat> joined_[namespaces_count];
  std::optional<Seat> joining_[namespaces_count];        // asked, not answered
  std::optional<Position> positions_[namespaces_count];  // kept over connections
};

/// Names of the simulated namespaces.
[[nodiscard]] std::string_view namespace_name(NamespaceId ns);

}  // namespace sparc::sim
