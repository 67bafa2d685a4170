#pragma once
// Socket.IO protocol 5: each socket (a namespace of one Engine.IO session) is a connection without a descriptor, seen through a view.

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/socketio/packet.h"
#include "protocol/view_map.h"
#include "shard/engine_io.h"
#include "shard/wire.h"

namespace sparc::shard {

class Shard;

/// What a socket keeps beside its session.
struct SocketIoSocket final : Speaks {
  /// A request under way, by its number.
  struct Waiting {
    enum class What : std::uint8_t { join, silent, subscribe, gate, event, refresh } what = What::silent;
    std::int64_t request = 0;
    std::optional<std::uint64_t> ack;
    const protocol::ViewInput* row = nullptr;  // of `view`, or the row for what has none
    std::string event;                         // as the client said it
    std::string data;                          // its request, an object
  };

  /// Characters of an id, in place.
  template <std::size_t characters>
  struct Id {
    static constexpr std::size_t size = characters;
    std::array<char, characters> text{};
    [[nodiscard]] bool empty() const { return text[0] == '\0'; }
    [[nodiscard]] std::string_view view() const {
      return empty() ? std::string_view{} : std::string_view(text.data(), characters);
    }
    /// Of another length: none.
    void assign(std::string_view from) {
      text = {};
      if (from.size() == characters) std::ranges::copy(from, text.begin());
    }
  };

  /// Of no use any more once the client has been told that it is connected.
  struct Connecting {
    bool token_missing = false;
    std::uint16_t joins_left = 0, joins_done = 0;
    Fault join_fault;
    std::unique_ptr<protocol::Join> recovery;  // what it held before and where it was
    std::string kept_sid, kept_pid;            // of `recovery`
    std::string kept_record;                   // was taken: goes back if the client is not told that it is connected
    std::string position;                      // offset string that follows CONNECT; empty: none
    std::vector<protocol::socketio::Packet>
        early;  // came before the client was told that it is connected; bounded as frames that wait are
    std::size_t early_bytes = 0;
  };

  Id<20> sid;
  Id<24> pid;  // 124 bits; empty: no recovery
  bool gate_open = false;
  const protocol::View* view = nullptr;  // owned by the connection's form
  [[nodiscard]] const std::string& nsp() const { return view->socketio_namespace; }
  std::unique_ptr<Connecting> connecting = std::make_unique<Connecting>();  // owned; null: connected
  std::int64_t requests = 0;                                                // numbers given
  [[nodiscard]] bool is_connected() const { return connecting == nullptr; }
  std::unique_ptr<std::vector<Waiting>> waiting;  // owned; null: none, as for most connections for hours
};

class SocketIoWire final : public Wire {
 public:
  explicit SocketIoWire(Shard& shard) : shard_(shard) {}

  // From the Engine.IO session.
  void on_packet(ConnectionId session, EngineSession& s, protocol::socketio::Packet packet);
  void on_transport_closed(EngineSession& s, std::string_view reason);
  /// The socket is about to be no more.
  void on_gone(const Connection& c);

  void on_message(ConnectionId, Connection&, ws::MessageType, std::string_view) override {}
  void welcome(ConnectionId id, Connection& c) override;
  void reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) override;
  void reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                    std::span<const std::string> attachments) override;
  void refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) override;
  void last_words(ConnectionId id, Connection& c, const Fault& fault) override;
  void close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] bool ping(ConnectionId id, Connection& c) override;
  void token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) override;
  void reconnect(ConnectionId, Connection&, std::uint32_t, std::string_view) override {}  // the closed transport says it
  void append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                      Code code) override;
  [[nodiscard]] std::shared_ptr<const auth::ClaimRules> claims(const Connection& c) const override;
  [[nodiscard]] const protocol::View* view(const Connection& c) const override;
  [[nodiscard]] bool gate_open(const Connection& c) const override;
  void append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) override;
  void append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) override;
  void append_question(std::string& out, std::uint16_t form, std::uint64_t number, const Publication& what,
                       std::uint32_t timeout_ms) override;
  void append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) override;

 private:
  using Waiting = SocketIoSocket::Waiting;
  void on_connect(ConnectionId session, EngineSession& s, protocol::socketio::Packet packet);
  void identify(ConnectionId id, Connection& c, std::string token);
  /// It comes back: `recovery`, if what it says could be such a record's. Asked for only when it is known who it is.
  void read_recovery(Connection& c, std::string_view auth);
  void take_record(ConnectionId id, Connection& c);
  /// What the client held, where the record is the same user's; `value` was kept by `keep_record`. Another's is put back.
  void recover(Connection& c, const std::optional<std::string>& value);
  void keep_record(const Connection& c);
  void prolong_record(const Connection& c);
  [[nodiscard]] std::uint32_t record_ttl_ms() const;
  void forget_record(const Connection& c);
  void put_back(std::string_view pid, std::string_view record);
  void join_all(ConnectionId id, Connection& c);
  [[nodiscard]] bool form_recovers(const Connection& c) const;
  /// Until the client is told that it is connected. False: too many.
  [[nodiscard]] bool hold(SocketIoSocket& socket, protocol::socketio::Packet packet) const;
  void on_event(ConnectionId id, Connection& c, protocol::socketio::Packet packet);
  void on_ack(ConnectionId id, Connection& c, protocol::socketio::Packet packet);
  void forward(ConnectionId id, Connection& c, Waiting waiting, protocol::socketio::EventParts parts,
               std::vector<std::string> attachments);
  void subscribe(ConnectionId id, Connection& c, Waiting waiting, bool adds);
  void change_gate(ConnectionId id, Connection& c, Waiting waiting, std::string_view tenant, bool opens);
  void joined(ConnectionId id, Connection& c, std::string_view data, const Fault* fault);
  void connected(ConnectionId id, Connection& c);
  /// Event, acknowledgement and `<event>:response`.
  void answer(ConnectionId id, Connection& c, const Waiting& waiting, std::string_view data,
              std::span<const std::string> attachments = {});
  void answer_fault(ConnectionId id, Connection& c, const Waiting& waiting, const Fault& fault);
  [[nodiscard]] static protocol::socketio::Outgoing event_packet(const Connection& c, std::string_view event,
                                                                 std::string_view first,
                                                                 std::span<const std::string> attachments);
  [[nodiscard]] static protocol::socketio::Outgoing ack_packet(const Connection& c, std::uint64_t ack, std::string_view first,
                                                               std::span<const std::string> attachments);
  void send_event(ConnectionId id, Connection& c, std::string_view event, std::string_view first, std::string_view more = {});
  void send_ack(ConnectionId id, Connection& c, std::uint64_t ack, std::string_view first);
  void send(ConnectionId id, Connection& c, const protocol::socketio::Outgoing& packet);
  void say(ConnectionId session, const protocol::socketio::Outgoing& packet);
  [[nodiscard]] static std::optional<Waiting> take_waiting(SocketIoSocket& socket, std::optional<std::int64_t> request);
  /// Until it is answered; its number.
  static std::int64_t keep_waiting(SocketIoSocket& socket, Waiting waiting);
  /// As a native client's frame would be.
  void submit(ConnectionId id, Connection& c, Waiting waiting, protocol::Command command);
  [[nodiscard]] std::shared_ptr<const protocol::View> view_of(const EngineEntrance& entrance, std::string_view nsp);
  [[nodiscard]] Connection* socket_of(const EngineSession& s, std::string_view nsp, ConnectionId& id);
  void append_packet(std::string& out, const protocol::socketio::Outgoing& packet) const;
  /// A publication, or what a view shows of it.
  [[nodiscard]] static protocol::socketio::Outgoing shown_packet(const protocol::View& view, const protocol::Shown& shown,
                                                                 const Publication& publication);
  [[nodiscard]] protocol::socketio::Parser parser() const;
  [[nodiscard]] std::string_view last_argument(const protocol::Shown& shown) const;

  Shard& shard_;
  absl::flat_hash_map<std::string, std::shared_ptr<const protocol::View>>
      plain_views_;  // of configured namespaces that no view shows
  mutable std::string scratch_, shown_;
};

}  // namespace sparc::shard
