#pragma once
// A small Engine.IO server on one thread: sockets, HTTP and WebSocket of this project's layers below an Engine a session, and nothing
// of its shards. It shows that the pure layer speaks the protocol, whatever the product around it does.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_parser.h"
#include "net/acceptor.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/system_entropy.h"
#include "protocol/socketio/engine.h"
#include "ws/receiver.h"

namespace sparc::conformance {

using protocol::socketio::Engine;
using protocol::socketio::EngineSettings;
using protocol::socketio::PollId;

/// One Engine.IO session. Packets wait here until a poll or the WebSocket takes them.
struct Session {
  Session(std::string id, Engine::Transport transport, const EngineSettings& settings, std::int64_t now_ms)
      : sid(std::move(id)), engine(transport, settings, now_ms) {}

  void send_text(std::string_view packet) { outbox.push_back({false, std::string(packet)}); }  // with its type
  void send_binary(std::string_view data) { outbox.push_back({true, std::string(data)}); }

  struct Packet {
    bool binary;
    std::string data;
  };
  std::string sid;
  Engine engine;
  std::vector<Packet> outbox;
  std::optional<std::uint32_t> websocket;  // slot
  std::optional<std::uint32_t> probe;      // slot
};

class Application {
 public:
  virtual ~Application() = default;
  virtual void on_open(Session& session, std::int64_t now_ms) = 0;
  virtual void on_message(Session& session, bool binary, std::string_view data, std::int64_t now_ms) = 0;
  virtual void on_closed(Session& session) = 0;
  /// What is due; the next time something is.
  virtual std::int64_t on_time(std::int64_t now_ms) = 0;
};

/// What both programs do. Arguments: port (0: a free one), and where not the suites' own, ping interval and ping timeout in ms.
int serve(const char* path, Application& application, std::span<char*> arguments);

class EngineIoServer final : private net::Turn, private net::SocketEvents, private net::AcceptEvents {
 public:
  EngineIoServer(std::string path, const EngineSettings& settings, Application& application);
  /// Until SIGTERM or SIGINT. Writes one line when it listens: `listening on <port>`. The process' exit code.
  int run(std::uint16_t port);

 private:
  struct Connection final : ws::ReceiverHandler {
    Connection(EngineIoServer& server, std::uint32_t slot);
    ws::Flow on_message(ws::MessageType type, std::string_view payload) override;
    ws::Flow on_ping(std::string_view payload) override;
    ws::Flow on_pong(std::string_view payload) override;
    void on_close(std::uint16_t code, std::string_view reason) override;

    EngineIoServer& server;
    std::uint32_t slot;
    http::RequestParser parser;
    std::unique_ptr<ws::Receiver> receiver;  // once upgraded
    std::string sid;                         // of the session whose WebSocket or poll this is
    std::optional<PollId> poll;              // waits for its answer
    bool keep_alive = true;
    bool finishing = false;  // what the peer still sends is not looked at
    std::string input;       // not parsed yet
    std::string output;      // not sent yet
  };

  void on_wake() override {}
  std::int64_t end_of_turn() override;
  void on_accept(net::Acceptor& acceptor, net::Fd fd, const net::Address& peer) override;
  void on_bytes(std::uint32_t slot, std::string_view bytes) override;
  void on_writable(std::uint32_t slot) override;
  void on_closed(std::uint32_t slot, const net::Closing& closing) override;

  void read_http(Connection& connection);
  void read_websocket(Connection& connection, std::string bytes);
  void on_request(Connection& connection, const http::Request& request);
  void on_upgrade(Connection& connection, const http::Request& request);
  void on_session_request(Connection& connection, const http::Request& request, Session& session);
  void on_websocket_text(Connection& connection, std::string_view text);
  void on_websocket_gone(Connection& connection);

  Session& open_session(Engine::Transport transport);
  std::string open_packet(const Session& session) const;
  [[nodiscard]] Session* find(std::string_view sid);
  /// What the session's engine wants done, then what waits to be sent.
  void settle(std::string sid);  // a copy: what it closes forgets whose it was
  void flush(Session& session);
  void answer(const protocol::socketio::AnswerPoll& answer);
  void reply(Connection& connection, std::uint16_t status, std::string_view content_type, std::string_view body);
  void refuse(Connection& connection, int code);
  void refuse_upgrade(Connection& connection, int code);
  void send(std::uint32_t slot, std::string_view bytes);
  void close_websocket(std::uint32_t slot);
  void finish(Connection& connection);

  std::string path_;
  EngineSettings settings_;
  Application& application_;
  ws::ReceiverOptions receiver_options_;
  net::SystemEntropy entropy_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Sockets> sockets_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::map<std::string, std::unique_ptr<Session>, std::less<>> sessions_;
  std::map<std::uint32_t, std::unique_ptr<Connection>> connections_;  // by slot
  std::map<PollId, std::uint32_t> polls_;                             // to the slot that waits
  std::vector<std::uint32_t> resumed_;                                // answered: their next request may be read
  PollId next_poll_ = 1;
};

}  // namespace sparc::conformance
