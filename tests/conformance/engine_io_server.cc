#include "conformance/engine_io_server.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include "http/response.h"
#include "http/target.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace sparc::conformance {
namespace {

using namespace protocol::socketio;

constexpr std::size_t input_bytes_max = 64 * 1024;  // of requests behind one that waits
constexpr const char* error_messages[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
                                          "Bad request",       "Forbidden",          "Unsupported protocol version"};

net::Loop* running = nullptr;
void stop_running(int /*signal*/) { running->stop(); }

std::uint32_t number_at(std::span<char*> arguments, std::size_t index, std::uint32_t otherwise) {
  return index < arguments.size() ? static_cast<std::uint32_t>(std::strtoul(arguments[index], nullptr, 10)) : otherwise;
}

}  // namespace

int serve(const char* path, Application& application, std::span<char*> arguments) {
  const EngineSettings settings{.ping_interval_ms = number_at(arguments, 2, 300),
                                .ping_timeout_ms = number_at(arguments, 3, 200)};
  return EngineIoServer(path, settings, application).run(static_cast<std::uint16_t>(number_at(arguments, 1, 0)));
}

EngineIoServer::EngineIoServer(std::string path, const EngineSettings& settings, Application& application)
    : path_(std::move(path)), settings_(settings), application_(application) {
  receiver_options_.message_bytes_max = settings.max_payload_bytes;
}

int EngineIoServer::run(std::uint16_t port) {
  auto loop = net::Loop::create();
  if (!loop) return std::fprintf(stderr, "%s\n", loop.error().message.c_str()), 1;
  loop_ = std::move(*loop);
  sockets_ = std::make_unique<net::Sockets>(*loop_, static_cast<net::SocketEvents&>(*this));
  auto acceptor = net::Acceptor::open(*loop_, *this, {.host = "127.0.0.1", .port = port});
  if (!acceptor) return std::fprintf(stderr, "%s\n", acceptor.error().message.c_str()), 1;
  acceptor_ = std::move(*acceptor);
  running = loop_.get();
  std::signal(SIGTERM, stop_running);
  std::signal(SIGINT, stop_running);
  std::printf("listening on %u\n", static_cast<unsigned>(acceptor_->address().port()));
  std::fflush(stdout);
  loop_->run(*this);
  return 0;
}

// Sockets.

void EngineIoServer::on_accept(net::Acceptor& /*acceptor*/, net::Fd fd, const net::Address& /*peer*/) {
  std::uint32_t slot = 0;
  while (connections_.contains(slot)) ++slot;
  if (!sockets_->open(slot, std::move(fd))) return;
  connections_.emplace(slot, std::make_unique<Connection>(*this, slot));
}

void EngineIoServer::on_bytes(std::uint32_t slot, std::string_view bytes) {
  Connection& connection = *connections_.at(slot);
  if (connection.finishing) return;
  if (connection.receiver) return read_websocket(connection, std::string(bytes));
  connection.input += bytes;
  if (!connection.poll) return read_http(connection);
  if (connection.input.size() > input_bytes_max) finish(connection);
}

void EngineIoServer::on_writable(std::uint32_t slot) { send(slot, {}); }

void EngineIoServer::on_closed(std::uint32_t slot, const net::Closing& /*closing*/) {
  const auto node = connections_.extract(slot);
  Connection& connection = *node.mapped();
  if (connection.poll) {
    polls_.erase(*connection.poll);
    if (Session* session = find(connection.sid)) session->engine.on_poll_aborted(*connection.poll);
    settle(connection.sid);
  } else if (connection.receiver) {
    on_websocket_gone(connection);
  }
}

std::int64_t EngineIoServer::end_of_turn() {
  const std::int64_t now = loop_->now().monotonic_ms;
  for (const std::uint32_t slot : std::exchange(resumed_, {})) {
    const auto found = connections_.find(slot);
    if (found == connections_.end() || found->second->poll || found->second->receiver) continue;
    if (!found->second->keep_alive) {
      finish(*found->second);
    } else {
      read_http(*found->second);
    }
  }
  std::int64_t next = application_.on_time(now);
  std::vector<std::string> sids;
  for (const auto& [sid, session] : sessions_) sids.push_back(sid);
  for (const std::string& sid : sids) {
    if (Session* session = find(sid); session != nullptr && session->engine.deadline() <= now) session->engine.on_time(now);
    settle(sid);
    if (const Session* session = find(sid)) next = std::min(next, session->engine.deadline());
  }
  return resumed_.empty() ? next : now;
}

void EngineIoServer::send(std::uint32_t slot, std::string_view bytes) {
  const auto found = connections_.find(slot);
  if (found == connections_.end()) return;
  std::string& output = found->second->output;
  output += bytes;
  if (!output.empty()) output.erase(0, sockets_->send(slot, output).taken);
  if (output.empty() && found->second->finishing) sockets_->shutdown_write(slot);
}

/// The peer closes; what it still sends is ignored.
void EngineIoServer::finish(Connection& connection) {
  connection.finishing = true;
  send(connection.slot, {});
}

// HTTP.

EngineIoServer::Connection::Connection(EngineIoServer& owner, std::uint32_t number)
    : server(owner), slot(number), parser(http::RequestLimits{.body_bytes_max = 2 * owner.settings_.max_payload_bytes}) {}

void EngineIoServer::read_http(Connection& connection) {
  while (!connection.input.empty() && !connection.poll && !connection.finishing) {
    const http::RequestParser::Fed fed = connection.parser.feed(connection.input);
    // The request views the parser, not the input.
    connection.input.erase(0, fed.consumed);
    std::string out;
    switch (fed.status) {
      case http::RequestParser::Status::more: return;
      case http::RequestParser::Status::expect_continue: http::append_continue(out); break;
      case http::RequestParser::Status::request: on_request(connection, connection.parser.request()); break;
      case http::RequestParser::Status::upgrade:
        on_upgrade(connection, connection.parser.request());
        if (connection.receiver) return read_websocket(connection, std::exchange(connection.input, {}));
        break;
      case http::RequestParser::Status::refused:
        http::append_refusal(out, connection.parser.refusal());
        finish(connection);
        break;
    }
    send(connection.slot, out);
  }
}

void EngineIoServer::on_request(Connection& connection, const http::Request& request) {
  connection.keep_alive = request.keep_alive;
  if (!request.path.starts_with(path_)) return reply(connection, 404, {}, {});
  if (request.method == "OPTIONS") return reply(connection, 204, {}, {});
  const std::string transport = http::query_value(request.query, "transport").value_or("");
  if (transport != "polling" && transport != "websocket") return refuse(connection, 0);
  if (const auto sid = http::query_value(request.query, "sid")) {
    Session* session = find(*sid);
    if (session == nullptr) return refuse(connection, 1);
    if (transport == "websocket") return refuse(connection, 3);
    return on_session_request(connection, request, *session);
  }
  if (request.method != "GET") return refuse(connection, 2);
  if (transport == "websocket") return refuse(connection, 3);
  if (http::query_value(request.query, "EIO") != "4") return refuse(connection, 5);
  Session& session = open_session(Engine::Transport::polling);
  reply(connection, 200, "text/plain; charset=UTF-8", open_packet(session));
  application_.on_open(session, loop_->now().monotonic_ms);
  settle(session.sid);
}

void EngineIoServer::on_session_request(Connection& connection, const http::Request& request, Session& session) {
  const bool get = request.method == "GET";
  if (!get && request.method != "POST") return reply(connection, 500, {}, {});
  const std::string sid = session.sid;
  // What was due before this request came is done before.
  session.engine.on_time(loop_->now().monotonic_ms);
  settle(sid);
  Session* still = find(sid);
  if (still == nullptr) return refuse(connection, 1);
  connection.sid = sid;
  connection.poll = next_poll_++;
  polls_[*connection.poll] = connection.slot;
  if (get) {
    still->engine.on_get(*connection.poll);
  } else {
    still->engine.on_post(*connection.poll, request.header("content-type").value_or(""), request.body);
  }
  settle(sid);
}

void EngineIoServer::reply(Connection& connection, std::uint16_t status, std::string_view content_type, std::string_view body) {
  static constexpr Header headers[] = {
      {"cache-control", "no-store"},
      {"access-control-allow-origin", "*"},
      {"access-control-allow-methods", "GET,HEAD,PUT,PATCH,POST,DELETE"},
      {"access-control-allow-headers", "*"},
  };
  std::string out;
  http::append_reply(out, {.status = status,
                           .content_type = content_type,
                           .headers = headers,
                           .body = body,
                           .connection = connection.keep_alive ? http::Connection::keep_alive : http::Connection::close});
  send(connection.slot, out);
  resumed_.push_back(connection.slot);
}

void EngineIoServer::refuse(Connection& connection, int code) {
  reply(connection, 400, "application/json",
        "{\"code\":" + std::to_string(code) + ",\"message\":\"" + error_messages[code] + "\"}");
}

void EngineIoServer::answer(const AnswerPoll& answer) {
  const auto found = polls_.find(answer.poll);
  if (found == polls_.end()) return;
  Connection& connection = *connections_.at(found->second);
  polls_.erase(found);
  connection.poll.reset();
  reply(connection, answer.status, answer.content_type, answer.body);
}

// WebSocket.

void EngineIoServer::refuse_upgrade(Connection& connection, int code) {
  connection.keep_alive = false;
  reply(connection, 400, "text/html", error_messages[code]);
}

void EngineIoServer::on_upgrade(Connection& connection, const http::Request& request) {
  if (!request.path.starts_with(path_)) return refuse_upgrade(connection, 3);
  if (http::query_value(request.query, "transport") != "websocket") return refuse_upgrade(connection, 0);
  const auto sid = http::query_value(request.query, "sid");
  Session* session = sid ? find(*sid) : nullptr;
  if (sid && session == nullptr) return refuse_upgrade(connection, 1);
  if (!sid && http::query_value(request.query, "EIO") != "4") return refuse_upgrade(connection, 5);
  const auto upgrade = ws::check_upgrade({request.method, 1, request.http_minor, request.headers});
  if (!upgrade) return refuse_upgrade(connection, 3);
  connection.receiver = std::make_unique<ws::Receiver>(ws::Role::server, ws::Compression::none, receiver_options_);
  send(connection.slot, ws::upgrade_response(upgrade->key, {}, {}));
  const std::int64_t now = loop_->now().monotonic_ms;
  if (session != nullptr) {
    if (!session->engine.on_probe_opened(now)) return close_websocket(connection.slot);
    session->probe = connection.slot;
    connection.sid = session->sid;
    return settle(connection.sid);
  }
  session = &open_session(Engine::Transport::websocket);
  session->websocket = connection.slot;
  connection.sid = session->sid;
  session->send_text(open_packet(*session));
  application_.on_open(*session, now);
  settle(connection.sid);
}

void EngineIoServer::read_websocket(Connection& connection, std::string bytes) {
  if (connection.finishing || bytes.empty()) return;
  const ws::Receiver::Fed fed = connection.receiver->feed(bytes, connection);
  if (fed.status == ws::Receiver::Status::fault && !connection.finishing) {
    std::string out;
    ws::append_close_frame(out, fed.fault.code, {});
    send(connection.slot, out);
    on_websocket_gone(connection);
    finish(connection);
  }
}

ws::Flow EngineIoServer::Connection::on_message(ws::MessageType type, std::string_view payload) {
  if (type == ws::MessageType::text) {
    server.on_websocket_text(*this, payload);
  } else if (Session* session = server.find(sid); session != nullptr && session->websocket == slot) {
    session->engine.on_binary(payload);
  } else {
    server.on_websocket_text(*this, {});  // no packet of a probe
  }
  server.settle(sid);
  return finishing ? ws::Flow::stop : ws::Flow::go_on;
}

ws::Flow EngineIoServer::Connection::on_ping(std::string_view payload) {
  std::string out;
  ws::append_pong_frame(out, payload);
  server.send(slot, out);
  return ws::Flow::go_on;
}

ws::Flow EngineIoServer::Connection::on_pong(std::string_view /*payload*/) { return ws::Flow::go_on; }

void EngineIoServer::Connection::on_close(std::uint16_t code, std::string_view /*reason*/) {
  std::string out;
  if (!finishing) ws::append_close_frame(out, code, {});
  server.send(slot, out);
  server.on_websocket_gone(*this);
  server.finish(*this);
}

void EngineIoServer::on_websocket_text(Connection& connection, std::string_view text) {
  Session* session = find(connection.sid);
  if (session == nullptr) return;
  if (session->websocket == connection.slot) session->engine.on_text(text);
  if (session->probe == connection.slot) session->engine.on_probe_text(text);
}

void EngineIoServer::on_websocket_gone(Connection& connection) {
  const std::string sid = std::exchange(connection.sid, {});
  Session* session = find(sid);
  if (session == nullptr) return;
  if (session->websocket == connection.slot) session->engine.on_websocket_closed();
  if (session->probe == connection.slot) {
    session->engine.on_probe_closed();
    session->probe.reset();
  }
  settle(sid);
}

void EngineIoServer::close_websocket(std::uint32_t slot) {
  const auto found = connections_.find(slot);
  if (found == connections_.end()) return;
  found->second->sid.clear();
  std::string out;
  ws::append_close_frame(out, ws::CloseCode::no_status, {});
  send(slot, out);
  finish(*found->second);
}

// Sessions.

Session& EngineIoServer::open_session(Engine::Transport transport) {
  std::string sid = entropy_.token(20);
  auto session = std::make_unique<Session>(sid, transport, settings_, loop_->now().monotonic_ms);
  return *sessions_.emplace(std::move(sid), std::move(session)).first->second;
}

std::string EngineIoServer::open_packet(const Session& session) const {
  std::string out;
  append_open_packet(out, {.sid = session.sid,
                           .upgrades = session.engine.transport() == Engine::Transport::polling,
                           .ping_interval_ms = settings_.ping_interval_ms,
                           .ping_timeout_ms = settings_.ping_timeout_ms,
                           .max_payload_bytes = settings_.max_payload_bytes});
  return out;
}

Session* EngineIoServer::find(std::string_view sid) {
  const auto found = sessions_.find(sid);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void EngineIoServer::settle(std::string sid) {
  Session* session = find(sid);
  if (session == nullptr) return;
  for (;;) {
    const auto actions = session->engine.take_actions();
    if (actions.empty()) break;
    for (const EngineAction& action : actions) {
      if (const auto* poll = std::get_if<AnswerPoll>(&action)) answer(*poll);
      if (const auto* message = std::get_if<DeliverMessage>(&action))
        application_.on_message(*session, message->binary, message->data, loop_->now().monotonic_ms);
      if (std::holds_alternative<SendPing>(action)) session->send_text("2");
      if (const auto* probe = std::get_if<SendToProbe>(&action); probe != nullptr && session->probe) {
        std::string out;
        ws::append_text_frame(out, probe->text);
        send(*session->probe, out);
      }
      if (std::holds_alternative<CloseProbe>(action) && session->probe) close_websocket(*std::exchange(session->probe, {}));
      if (std::holds_alternative<Upgraded>(action)) session->websocket = std::exchange(session->probe, {});
    }
  }
  flush(*session);
  if (!session->engine.closed()) return;
  application_.on_closed(*session);
  if (session->websocket) close_websocket(*session->websocket);
  sessions_.erase(sessions_.find(sid));
}

void EngineIoServer::flush(Session& session) {
  if (session.outbox.empty() || session.engine.closed()) return;
  std::string out;
  if (session.engine.transport() == Engine::Transport::websocket) {
    for (const Session::Packet& packet : std::exchange(session.outbox, {})) {
      if (packet.binary) {
        ws::append_binary_frame(out, packet.data);
      } else {
        ws::append_text_frame(out, packet.data);
      }
    }
    return send(*session.websocket, out);
  }
  if (!session.engine.writable()) return;
  for (const Session::Packet& packet : std::exchange(session.outbox, {})) {
    if (packet.binary) {
      append_binary_to_payload(out, packet.data);
    } else {
      append_to_payload(out, static_cast<EngineType>(packet.data.front() - '0'), std::string_view(packet.data).substr(1));
    }
  }
  answer({session.engine.take_poll(), 200, "text/plain; charset=UTF-8", std::move(out)});
}

}  // namespace sparc::conformance
