// The server that Socket.IO's conformance suite expects: anonymous, two namespaces, echoes with and without acknowledgement.

#include <limits>
#include <set>

#include "base/json_text.h"
#include "conformance/engine_io_server.h"
#include "protocol/socketio/packet.h"

namespace {

using namespace sparc::conformance;
using namespace sparc::protocol::socketio;

constexpr std::int64_t connect_timeout_ms = 1'000;

class SocketIo final : public Application {
 public:
  void on_open(Session& session, std::int64_t now_ms) override {
    Peer& peer = peers_[session.sid];
    peer.session = &session;
    peer.connect_due_ms = now_ms + connect_timeout_ms;
  }

  void on_message(Session& session, bool binary, std::string_view data, std::int64_t now_ms) override {
    const auto found = peers_.find(session.sid);
    if (found == peers_.end() || session.engine.closed()) return;
    now_ms_ = now_ms;
    Peer& peer = found->second;
    auto packet = binary ? peer.decoder.binary(data) : peer.decoder.text(data);
    if (!packet) return session.engine.close("forced close", now_ms);
    if (*packet) on_packet(peer, **packet);
  }

  void on_closed(Session& session) override { peers_.erase(session.sid); }

  std::int64_t on_time(std::int64_t now_ms) override {
    std::int64_t next = std::numeric_limits<std::int64_t>::max();
    for (auto& [sid, peer] : peers_) {
      if (peer.connect_due_ms > now_ms) {
        next = std::min(next, peer.connect_due_ms);
      } else {
        peer.connect_due_ms = std::numeric_limits<std::int64_t>::max();
        peer.session->engine.close("forced close", now_ms);
      }
    }
    return next;
  }

 private:
  struct Peer {
    Session* session = nullptr;  // outlives this
    PacketDecoder decoder{Parser::standard, {}};
    std::set<std::string> joined;
    std::int64_t connect_due_ms = 0;
  };

  struct ToSession final : MessageSink {
    explicit ToSession(Session& to) : session(to) {}
    void text(std::string_view message) override { session.send_text(message); }
    void binary(std::string_view message) override { session.send_binary(message); }
    Session& session;
  };

  void send(Peer& peer, const Outgoing& packet) {
    ToSession sink(*peer.session);
    encode(packet, Parser::standard, scratch_, sink);
  }

  void on_packet(Peer& peer, const Packet& packet) {
    const bool joined = peer.joined.contains(packet.nsp);
    if (packet.type == PacketType::connect && !joined) return on_connect(peer, packet);
    if (!joined || packet.type == PacketType::connect || packet.type == PacketType::connect_error)
      return peer.session->engine.close("forced close", now_ms_);
    if (packet.type == PacketType::disconnect) peer.joined.erase(packet.nsp);
    if (packet.type == PacketType::event) on_event(peer, packet);
  }

  void on_connect(Peer& peer, const Packet& packet) {
    if (packet.nsp != "/" && packet.nsp != "/custom") {
      return send(peer, {.type = PacketType::connect_error, .nsp = packet.nsp, .first = R"({"message":"Invalid namespace"})"});
    }
    peer.joined.insert(packet.nsp);
    peer.connect_due_ms = std::numeric_limits<std::int64_t>::max();
    const std::string sid = "{\"sid\":" + sparc::json_string("s" + std::to_string(next_sid_++)) + "}";
    send(peer, {.type = PacketType::connect, .nsp = packet.nsp, .first = sid});
    send(peer, {.nsp = packet.nsp, .event = "auth", .first = packet.data.empty() ? "{}" : std::string_view(packet.data)});
  }

  void on_event(Peer& peer, const Packet& packet) {
    const EventParts event = split_event(packet.data);
    Outgoing answer{
        .nsp = packet.nsp, .event = "message-back", .first = event.first, .more = event.more, .attachments = packet.attachments};
    if (event.name == "message-with-ack" && packet.id) {
      answer.type = PacketType::ack;
      answer.id = packet.id;
    } else if (event.name != "message") {
      return;
    }
    send(peer, answer);
  }

  std::map<std::string, Peer> peers_;  // by the session's sid
  std::string scratch_;
  std::int64_t now_ms_ = 0;
  std::uint64_t next_sid_ = 1;
};

}  // namespace

int main(int count, char** arguments) {
  SocketIo application;
  return serve("/socket.io/", application, {arguments, static_cast<std::size_t>(count)});
}
