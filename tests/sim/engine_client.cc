#include "sim/engine_client.h"

#include "protocol/json_scan.h"
#include "sim/model.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace sparc::sim {

namespace sio = protocol::socketio;

EngineClient::EngineClient(Owner& owner, Dialler& dialler, std::string address, Way way, std::uint64_t seed)
    : owner_(owner),
      dialler_(dialler),
      address_(std::move(address)),
      way_(way),
      transport_(way == Way::websocket ? Way::websocket : Way::polling),
      random_(seed) {}

void EngineClient::begin(std::string query, std::string header, std::int64_t now_ms) {
  began_ms_ = now_ms;
  if (way_ == Way::websocket) {
    dial_websocket(query, header);
  } else if (!request(get_, "GET", {}, query, header)) {
    lost("refused");
  }
}

bool EngineClient::request(Exchange& exchange, std::string_view method, std::string_view body, std::string_view query,
                           std::string_view header) {
  std::erase_if(spare_, [](const std::shared_ptr<Link>& link) { return link->server_closed; });
  if (!spare_.empty() && random_.below(3) != 0) {
    exchange.link = std::move(spare_.back());
    spare_.pop_back();
  } else {
    exchange.link = dialler_.dial(address_);
    if (exchange.link == nullptr) return false;
  }
  if (sid_.empty()) shard_ = exchange.link->shard;
  exchange.parser = std::make_unique<http::ResponseParser>(http::ResponseLimits{});
  std::string& out = exchange.link->to_server;
  out += std::string(method) + " /socket.io/?EIO=4&transport=polling" + std::string(query);
  if (!sid_.empty()) out += "&sid=" + sid_;
  out += " HTTP/1.1\r\nHost: sim\r\n" + std::string(header);
  if (method == "POST") {
    out += "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  out += "\r\n";
  out += body;
  return true;
}

void EngineClient::dial_websocket(std::string_view query, std::string_view header) {
  websocket_ = dialler_.dial(address_);
  if (websocket_ == nullptr) {
    if (transport_ == Way::websocket) lost("refused");
    return;
  }
  if (sid_.empty()) shard_ = websocket_->shard;
  switched_ = false;
  head_.clear();
  receiver_.emplace(ws::Role::client, ws::Compression::none, options_);
  ws::ClientHandshake handshake;
  handshake.host = "sim";
  handshake.target = "/socket.io/?EIO=4&transport=websocket" + std::string(query);
  if (!sid_.empty()) handshake.target += "&sid=" + sid_;
  handshake.key = ws::make_key(random_);
  std::string head = *ws::upgrade_request(handshake);
  head.insert(head.size() - 2, header);
  websocket_->to_server = std::move(head);
  if (transport_ == Way::polling) probe_ = Probe::dialled;
}

std::size_t EngineClient::unread() const {
  std::size_t bytes = 0;
  for (const auto& link : {get_.link, post_.link, websocket_}) {
    if (link != nullptr) bytes += link->to_client.size() + link->to_server.size();
  }
  return bytes;
}

bool EngineClient::idle() const { return queue_.empty() && !post_ && !pong_due_ && probe_ == Probe::none; }

void EngineClient::read(std::size_t most) {
  if (over_) return;
  const std::uint64_t one = random_.below(3);
  const bool all = most == SIZE_MAX;
  if (get_ && (all || one == 0)) read_exchange(get_, most);
  if (!over_ && post_ && (all || one == 1)) read_exchange(post_, most);
  if (!over_ && websocket_ && (all || one == 2)) read_websocket(most);
}

void EngineClient::read_exchange(Exchange& exchange, std::size_t most) {
  Link& link = *exchange.link;
  const std::string bytes = link.to_client.substr(0, most);
  link.to_client.erase(0, bytes.size());
  const auto fed = exchange.parser->feed(bytes);
  if (fed.status == http::ResponseParser::Status::refused)
    violated(address_ + " was answered badly: " + std::string(exchange.parser->refusal().detail));
  if (fed.status == http::ResponseParser::Status::response) {
    if (fed.consumed != bytes.size() || !link.to_client.empty()) violated(address_ + " was answered twice");
    const Exchange done = std::exchange(exchange, {});
    const http::Response& response = done.parser->response();
    if (response.keep_alive && !done.link->server_closed) {
      spare_.push_back(done.link);
    } else {
      done.link->client_gone = true;
    }
    if (&exchange == &get_) return on_poll(response);
    if (response.status != 200)
      lost("a POST was answered " + std::to_string(response.status) + ": " + std::string(response.body));
    return;
  }
  if (link.server_closed && link.to_client.empty()) lost("a request was not answered");
}

void EngineClient::on_poll(const http::Response& response) {
  if (response.status != 200)
    return lost("a poll was answered " + std::to_string(response.status) + ": " + std::string(response.body));
  const auto packets = sio::read_payload(response.body);
  if (!packets) violated(address_ + " got a payload that it cannot read: " + std::string(response.body));
  for (const sio::EnginePacket& packet : *packets) {
    if (over_) return;
    on_packet(packet);
  }
}

void EngineClient::read_websocket(std::size_t most) {
  const std::shared_ptr<Link> link = websocket_;
  std::string bytes = link->to_client.substr(0, most);
  link->to_client.erase(0, bytes.size());
  bool ended = false;
  if (!switched_) {
    head_ += bytes;
    bytes.clear();
    if (const std::size_t end = head_.find("\r\n\r\n"); end != std::string::npos) {
      if (!head_.starts_with("HTTP/1.1 101")) {
        if (transport_ == Way::websocket) return lost("was refused: " + head_);
        return drop_probe();
      }
      switched_ = true;
      if (probe_ == Probe::dialled) probe_ = Probe::open;
      bytes = head_.substr(end + 4);
      head_.clear();
    }
  }
  if (!bytes.empty()) {
    const ws::Receiver::Fed fed = receiver_->feed(std::span<char>(bytes), *this);
    if (fed.status == ws::Receiver::Status::fault) violated(address_ + " was sent bad frames: " + std::string(fed.fault.detail));
    ended = fed.status == ws::Receiver::Status::closed;
  }
  if (over_ || websocket_ != link || (!ended && !(link->server_closed && link->to_client.empty()))) return;
  link->client_gone = true;
  if (transport_ == Way::websocket) return lost("the WebSocket was closed");
  drop_probe();
}

ws::Flow EngineClient::on_message(ws::MessageType type, std::string_view payload) {
  if (over_) return ws::Flow::go_on;
  if (transport_ == Way::polling) {
    if (type != ws::MessageType::text || payload != "3probe" || probe_ != Probe::asked)
      violated(address_ + " got on a WebSocket that probes: " + std::string(payload));
    probe_ = Probe::answered;
    return ws::Flow::go_on;
  }
  unsure_ = false;
  if (type == ws::MessageType::binary) {
    owner_.on_binary(payload);
    return ws::Flow::go_on;
  }
  const auto packet = sio::read_engine_packet(payload);
  if (!packet) violated(address_ + " got what is no packet: " + std::string(payload));
  on_packet(*packet);
  return ws::Flow::go_on;
}

void EngineClient::on_packet(const sio::EnginePacket& packet) {
  if (sid_.empty() != (packet.type == sio::EngineType::open))
    violated(address_ + " got packet " + std::to_string(static_cast<int>(packet.type)) + " out of place");
  switch (packet.type) {
    case sio::EngineType::open: return on_open_packet(packet.data);
    case sio::EngineType::close: return lost("the server closes");
    case sio::EngineType::ping: {
      if (pong_due_) violated(address_ + " was pinged before it answered the last ping");
      pong_due_ = true;
      return;
    }
    case sio::EngineType::message: return packet.binary ? owner_.on_binary(packet.data) : owner_.on_text(packet.data);
    case sio::EngineType::noop: return;
    case sio::EngineType::pong:
    case sio::EngineType::upgrade: violated(address_ + " got a packet that only clients send");
  }
}

void EngineClient::on_open_packet(std::string_view json) {
  if (!protocol::json::read_string(protocol::json::find(json, "sid"), sid_) || sid_.empty())
    violated(address_ + " was given no sid");
  if ((way_ != Way::websocket) != (json.find("websocket") != std::string_view::npos))
    violated(address_ + " is offered other upgrades: " + std::string(json));
  owner_.on_open();
}

void EngineClient::write(std::string_view packet) {
  ws::append_masked_frame(websocket_->to_server, ws::Opcode::text, packet, static_cast<ws::MaskKey>(random_.next()));
}

void EngineClient::go_on(bool all, std::int64_t now_ms) {
  all_ = all;
  now_ms_ = now_ms;
  if (over_ || sid_.empty()) return;
  if (pong_due_ && (all || random_.below(late_ ? 40 : 2) == 0)) {
    pong_due_ = false;
    queue_.insert(queue_.begin(), "3");
  }
  if (transport_ == Way::websocket) {
    if (!some()) return;
    for (const std::string& packet : std::exchange(queue_, {})) write(packet);
    return;
  }
  const bool pauses = probe_ == Probe::answered;
  if (!pauses && !get_ && some() && !request(get_, "GET", {}, {}, {})) return lost("refused");
  if (!pauses && !post_ && !queue_.empty() && some()) {
    const std::size_t count = all ? queue_.size() : 1 + random_.below(queue_.size());
    std::string body;
    for (std::size_t i = 0; i < count; ++i) body += (i == 0 ? "" : "\x1e") + queue_[i];
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    if (!request(post_, "POST", body, {}, {})) return lost("refused");
  }
  if (way_ != Way::upgrade) return;
  if (probe_ == Probe::none && !probed_ && some()) {
    probed_ = true;
    dial_websocket({}, {});
  } else if (probe_ == Probe::open && some()) {
    write("2probe");
    probe_ = Probe::asked;
  } else if (pauses && !get_ && !post_ && some()) {
    write("5");
    probe_ = Probe::none;
    transport_ = Way::websocket;
    unsure_ = true;
  }
}

void EngineClient::drop_probe() {
  if (websocket_ != nullptr) websocket_->client_gone = true;
  websocket_.reset();
  probe_ = Probe::none;
  if (random_.below(2) == 0) probed_ = false;
}

bool EngineClient::cut_probe() {
  if (probe_ == Probe::none || over_) return false;
  drop_probe();
  return true;
}

bool EngineClient::give_up_probe() {
  if ((probe_ != Probe::open && probe_ != Probe::asked) || over_) return false;
  ws::append_masked_close_frame(websocket_->to_server, 1000, {}, static_cast<ws::MaskKey>(random_.next()));
  // What follows is not read any more.
  websocket_->client_closes = true;
  websocket_.reset();
  probe_ = Probe::none;
  return true;
}

void EngineClient::hang_up() {
  over_ = true;
  for (const auto& link : spare_) link->client_gone = true;
  for (const auto& link : {get_.link, post_.link, websocket_}) {
    if (link != nullptr) link->client_gone = true;
  }
  spare_.clear();
  get_ = {};
  post_ = {};
  websocket_.reset();
}

void EngineClient::lost(std::string why) {
  if (over_) return;
  hang_up();
  owner_.on_lost(std::move(why));
}

bool EngineClient::close() {
  if (!open()) return false;
  if (transport_ == Way::websocket) {
    ws::append_masked_close_frame(websocket_->to_server, 1000, {}, static_cast<ws::MaskKey>(random_.next()));
    websocket_->client_closes = true;
    websocket_.reset();
  } else {
    if (post_ || !request(post_, "POST", "1", {}, {})) return false;
    post_.link->client_closes = true;
    post_ = {};
    if (get_) get_.link->client_closes = true;
    get_ = {};
  }
  hang_up();
  return true;
}

bool EngineClient::cut() {
  if (over_) return false;
  hang_up();
  return true;
}

void EngineClient::vanish() {
  if (over_) return;
  for (const auto& link : {get_.link, post_.link, websocket_}) {
    if (link != nullptr) link->vanished = true;
  }
  get_ = {};
  post_ = {};
  websocket_.reset();
  hang_up();
}

}  // namespace sparc::sim
