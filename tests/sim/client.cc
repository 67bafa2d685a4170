#include "sim/client.h"

#include <algorithm>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/native/replies.h"
#include "protocol/native/request_writer.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace sparc::sim {

namespace json = protocol::json;
namespace native = protocol::native;

std::string_view namespace_name(NamespaceId ns) {
  static constexpr std::string_view names[] = {"alerts", "monitoring", "video"};
  return names[ns];
}

namespace {

NamespaceId namespace_id(std::string_view name) {
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    if (namespace_name(ns) == name) return ns;
  }
  violated("a frame names namespace " + std::string(name));
}

}  // namespace

Client::Client(std::string name, Persona persona, Model& model, std::uint64_t seed)
    : name_(std::move(name)), persona_(std::move(persona)), model_(model), random_(seed) {
  options_.inflater = &inflater_;
}

std::vector<std::string> Client::own_rooms() const {
  std::vector<std::string> rooms{"tenant:" + persona_.tenant, "user:" + persona_.user};
  if (!persona_.organization.empty()) rooms.push_back("org:" + persona_.organization);
  for (const std::string& role : persona_.roles) rooms.push_back("role:" + role);
  return rooms;
}

void Client::connect(std::shared_ptr<Link> link, bool deflate) {
  link_ = std::move(link);
  upgraded_ = welcomed_ = closing_ = false;
  head_.clear();
  ws::ClientHandshake handshake;
  handshake.host = "sim";
  handshake.target = "/ws";
  handshake.key = ws::make_key(random_);
  handshake.protocols = {"sparc.v1.json"};
  if (deflate) handshake.extensions = ws::deflate_offer;
  const std::uint64_t way = random_.below(4);
  if (way == 0) handshake.headers.emplace_back("Authorization", "Bearer " + persona_.token);
  if (way == 1) handshake.target += "?token=" + persona_.token;
  if (way == 2) handshake.protocols.push_back("bearer." + persona_.token);
  link_->to_server = *ws::upgrade_request(handshake);
  if (way == 3) send(protocol::Auth{persona_.token}, {Kind::auth, 0, {}, {}, model_.now, false});
  receiver_.emplace(ws::Role::client, deflate ? ws::Compression::deflate : ws::Compression::none, options_);
}

void Client::lost() {
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    end_seat(ns);
    joining_[ns].reset();
    busy_[ns] = false;
  }
  requests_.clear();
  link_.reset();
  receiver_.reset();
  welcomed_ = upgraded_ = false;
}

void Client::end_seat(NamespaceId ns) {
  if (!joined_[ns]) return;
  Seat& seat = *joined_[ns];
  seat.ended = model_.now;
  if (seat.at.epoch.empty()) {
    positions_[ns].reset();
  } else {
    positions_[ns] = seat.at;
  }
  past.push_back(std::move(seat));
  joined_[ns].reset();
}

void Client::finish() {
  finished_ = true;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    if (joined_[ns]) joined_[ns]->alive = true;
    end_seat(ns);
  }
}

void Client::reset() {
  if (!link_) return;
  link_->client_gone = true;
  lost();
}

void Client::close() {
  if (!link_ || !upgraded_ || closing_) return;
  ws::append_masked_close_frame(link_->to_server, 1000, "bye", static_cast<ws::MaskKey>(random_.next()));
  closing_ = true;
}

void Client::read(std::size_t most) {
  if (!link_) return;
  const std::shared_ptr<Link> link = link_;
  std::string bytes = link->to_client.substr(0, most);
  link->to_client.erase(0, bytes.size());
  if (!upgraded_) {
    head_ += bytes;
    const std::size_t end = head_.find("\r\n\r\n");
    if (end != std::string::npos) {
      if (!head_.starts_with("HTTP/1.1 101")) violated(name_ + " was refused: " + head_);
      upgraded_ = true;
      bytes = head_.substr(end + 4);
      head_.clear();
    }
  }
  if (upgraded_ && !bytes.empty()) {
    const ws::Receiver::Fed fed = receiver_->feed(std::span<char>(bytes), *this);
    if (fed.status == ws::Receiver::Status::fault) violated(name_ + " was sent bad frames: " + std::string(fed.fault.detail));
    if (fed.status == ws::Receiver::Status::closed) return reset();
  }
  if (link_ && link->server_closed && link->to_client.empty()) lost();
}

void Client::send_text(std::string_view json) {
  ws::append_masked_frame(link_->to_server, ws::Opcode::text, json, static_cast<ws::MaskKey>(random_.next()));
}

void Client::send(protocol::Command command, Asked asked) {
  std::string json;
  protocol::Request request{++last_id_, std::move(command)};
  native::append_request(json, request);
  send_text(json);
  requests_.emplace(last_id_, std::move(asked));
}

void Client::ask_rooms(Seat& seat, const std::vector<std::string>& rooms) {
  for (const std::string& room : rooms) {
    std::vector<Hold>& holds = seat.rooms[room];
    if (holds.empty() || holds.back().gone != never) holds.push_back({model_.now, never, never, never, false});
  }
}

bool Client::join(NamespaceId ns, Choice choice, bool recover) {
  if (!ready() || busy_[ns] || joined_[ns]) return false;
  Seat seat;
  seat.name = name_ + '@' + std::to_string(link_->shard) + ':' + std::to_string(link_->id.slot);
  seat.ns = ns;
  seat.shard = link_->shard;
  seat.tenant = persona_.tenant;
  seat.join_asked = model_.now;
  ask_rooms(seat, own_rooms());
  ask_rooms(seat, choice.rooms);
  auto wish = protocol::apply({}, choice.topics, choice.filters, model_.vocabulary[ns], {});
  seat.wishes.push_back({std::move(*wish), model_.now, never});
  Asked asked{Kind::join, ns, choice.rooms, {}, model_.now, false};
  if (recover && ns != video && positions_[ns]) asked.recover = positions_[ns];
  protocol::Join join{
      {std::string(namespace_name(ns)), std::move(choice.rooms), std::move(choice.topics), std::move(choice.filters)},
      asked.recover};
  joining_[ns] = std::move(seat);
  busy_[ns] = true;
  send(std::move(join), std::move(asked));
  return true;
}

bool Client::subscribe(NamespaceId ns, Choice choice) {
  if (!ready() || busy_[ns] || !joined_[ns]) return false;
  Seat& seat = *joined_[ns];
  ask_rooms(seat, choice.rooms);
  Asked asked{Kind::subscribe, ns, choice.rooms, {}, model_.now, choice.topics.present() || choice.filters.present()};
  if (asked.wish_changes) {
    auto wish = protocol::apply(seat.wishes.back().wish, choice.topics, choice.filters, model_.vocabulary[ns], {});
    seat.wishes.push_back({std::move(*wish), model_.now, never});
  }
  protocol::Subscribe wants{std::string(namespace_name(ns)), std::move(choice.rooms), std::move(choice.topics),
                            std::move(choice.filters)};
  busy_[ns] = true;
  if (random_.below(4) == 0) {
    send(protocol::Join{std::move(wants), {}}, std::move(asked));
  } else {
    send(std::move(wants), std::move(asked));
  }
  return true;
}

bool Client::unsubscribe(NamespaceId ns, std::string room) {
  if (!ready() || busy_[ns] || !joined_[ns]) return false;
  auto holds = joined_[ns]->rooms.find(room);
  if (holds != joined_[ns]->rooms.end() && holds->second.back().let_go == never) holds->second.back().let_go = model_.now;
  busy_[ns] = true;
  send(protocol::Unsubscribe{std::string(namespace_name(ns)), {room}}, {Kind::unsubscribe, ns, {room}, {}, model_.now, false});
  return true;
}

bool Client::leave(NamespaceId ns) {
  if (!ready() || busy_[ns] || !joined_[ns]) return false;
  busy_[ns] = true;
  send(protocol::Leave{std::string(namespace_name(ns))}, {Kind::leave, ns, {}, {}, model_.now, false});
  return true;
}

bool Client::history(NamespaceId ns, bool from_start, std::uint32_t limit) {
  if (!ready() || busy_[ns] || !joined_[ns] || ns == video) return false;
  Asked asked{Kind::history, ns, {}, {}, model_.now, false};
  if (!from_start && !joined_[ns]->at.epoch.empty()) asked.recover = joined_[ns]->at;
  busy_[ns] = true;
  protocol::History wants{std::string(namespace_name(ns)), asked.recover, limit};
  send(std::move(wants), std::move(asked));
  return true;
}

bool Client::presence(NamespaceId ns, std::string room) {
  if (!ready() || busy_[ns] || !joined_[ns]) return false;
  busy_[ns] = true;
  send(protocol::Presence{std::string(namespace_name(ns)), std::move(room)}, {Kind::presence, ns, {}, {}, model_.now, false});
  return true;
}

bool Client::event(NamespaceId ns) {
  if (!ready() || busy_[ns] || !joined_[ns] || unanswered() > 20) return false;
  protocol::Event event;
  event.ns = namespace_name(ns);
  event.event = "do";
  event.data = "{\"a\":1}";
  send(std::move(event), {Kind::event, ns, {}, {}, model_.now, false});
  return true;
}

bool Client::refresh() {
  if (!ready()) return false;
  send(protocol::Auth{persona_.token}, {Kind::auth, 0, {}, {}, model_.now, false});
  return true;
}

ws::Flow Client::on_message(ws::MessageType type, std::string_view payload) {
  const auto pushes = type == ws::MessageType::text ? decoder_.text(payload) : decoder_.binary(payload);
  if (!pushes) violated(name_ + " got what it cannot read: " + pushes.error() + " in " + std::string(payload));
  for (const native::Push& push : *pushes) on_push(push);
  return ws::Flow::go_on;
}

void Client::on_close(std::uint16_t code, std::string_view reason) {
  if (!closing_ && code != 4008 && code != 1012)
    violated(name_ + " was closed with " + std::to_string(code) + ": " + std::string(reason));
}

Seat& Client::seat_of(std::string_view ns, std::string_view what) {
  const NamespaceId id = namespace_id(ns);
  if (!joined_[id]) violated(name_ + " got " + std::string(what) + " of " + std::string(ns) + ", which it has not joined");
  return *joined_[id];
}

void Client::on_push(const native::Push& push) {
  if (finished_) return;
  if (const auto* event = std::get_if<native::EventPush>(&push)) {
    ++events;
    model_.on_event(seat_of(event->ns, "event " + std::string(event->id)), *event);
  } else if (const auto* position = std::get_if<native::PositionPush>(&push)) {
    model_.on_position(seat_of(position->ns, "a position"), position->position);
  } else if (const auto* gap = std::get_if<native::GapPush>(&push)) {
    model_.on_gap(seat_of(gap->ns, "a gap"), *gap);
  } else if (const auto* reply = std::get_if<native::Reply>(&push)) {
    on_reply(*reply);
  } else if (const auto* error = std::get_if<native::ErrorReply>(&push)) {
    on_error(*error);
  } else if (const auto* welcome = std::get_if<native::Welcome>(&push)) {
    if (welcome->tenant_id != persona_.tenant || welcome->user_id != persona_.user)
      violated(name_ + " was welcomed as somebody else");
    welcomed_ = true;
  } else if (const auto* question = std::get_if<native::Invoke>(&push)) {
    on_question(*question);
  } else if (std::holds_alternative<native::Ping>(push)) {
    send_text("{\"type\":\"pong\"}");
  } else if (!std::holds_alternative<native::Reconnect>(push)) {
    violated(name_ + " got a frame that nobody meant for it");
  }
}

void Client::on_question(const native::Invoke& question) {
  (void)seat_of(question.ns, "a question");
  std::string tenant;
  if (!json::read_string(json::find(question.data, "tenant"), tenant) || tenant != persona_.tenant)
    violated(name_ + " got another tenant's question: " + std::string(question.data));
  if (random_.below(4) == 0) return;  // it never answers
  protocol::Result result;
  result.call_id = question.call_id;
  if (random_.below(8) == 0) {
    result.error_code = "FORBIDDEN";
    result.error_message = "not now";
  } else {
    result.data = "{\"ask\":" + std::string(json::find(question.data, "ask")) + ",\"by\":" + json_string(persona_.user) + "}";
  }
  std::string text;
  native::append_request(text, {std::nullopt, std::move(result)});
  send_text(text);
}

void Client::on_reply(const native::Reply& reply) {
  const auto found = requests_.find(reply.id);
  if (found == requests_.end()) violated(name_ + " got a second reply, or one to nothing: " + std::to_string(reply.id));
  const Asked asked = std::move(found->second);
  requests_.erase(found);
  if (asked.kind != Kind::event && asked.kind != Kind::auth) busy_[asked.ns] = false;
  switch (asked.kind) {
    case Kind::auth:
    case Kind::event:
    case Kind::presence: break;
    case Kind::join: on_join_reply(asked, reply.data); break;
    case Kind::subscribe:
    case Kind::unsubscribe: on_rooms_reply(asked, reply.data); break;
    case Kind::leave: end_seat(asked.ns); break;
    case Kind::history: on_history_reply(asked, reply); break;
  }
}

void Client::on_join_reply(const Asked& asked, std::string_view data) {
  const auto reply = native::read_join_reply(data);
  if (!reply) violated(name_ + " cannot read the reply to a join: " + reply.error());
  if (!reply->position) violated(name_ + " got no position with a join");
  joined_[asked.ns] = std::move(*joining_[asked.ns]);
  joining_[asked.ns].reset();
  Seat& seat = *joined_[asked.ns];
  seat.joined = model_.now;
  seat.at = *reply->position;
  if (!seat.at.epoch.empty()) seat.eras.push_back({seat.at.epoch, seat.at.offset});
  hold(seat, reply->rooms, asked);
  if (!asked.recover) return;
  seat.recovery = Seat::Recovery{*asked.recover, reply->recovered, model_.now, model_.outage_between(asked.at, model_.now)};
  recoveries += reply->recovered ? 1 : 0;
  seat.until = reply->until;
  if (reply->recovered && seat.at != *asked.recover) violated(name_ + " was recovered, but not from where it was");
}

void Client::hold(Seat& seat, const std::vector<std::string>& rooms, const Asked& asked) {
  for (const std::string& room : rooms) {
    auto holds = seat.rooms.find(room);
    if (holds == seat.rooms.end()) violated(name_ + " is told that it holds " + room + ", which it never asked for");
    Hold& hold = holds->second.back();
    if (hold.gone != never) violated(name_ + " is told that it still holds " + room);
    if (hold.held == never) {
      hold.held = model_.now;
      hold.in_join = asked.kind == Kind::join;
    }
  }
  for (auto& [room, holds] : seat.rooms) {
    Hold& hold = holds.back();
    if (hold.gone == never && std::find(rooms.begin(), rooms.end(), room) == rooms.end()) {
      if (hold.held != never && hold.let_go == never) violated(name_ + " does not hold " + room + " any more");
      hold.let_go = std::min(hold.let_go, model_.now);
      hold.gone = model_.now;
    }
  }
}

void Client::settle_wish(Seat& seat, bool changed) {
  if (seat.wishes.size() < 2) return;
  if (changed) {
    seat.wishes[seat.wishes.size() - 2].to = model_.now;
  } else {
    seat.wishes.pop_back();
  }
}

void Client::on_rooms_reply(const Asked& asked, std::string_view data) {
  const auto reply = native::read_join_reply(data);
  if (!reply) violated(name_ + " cannot read a reply: " + reply.error());
  Seat& seat = *joined_[asked.ns];
  hold(seat, reply->rooms, asked);
  if (asked.wish_changes) settle_wish(seat, true);
}

void Client::on_history_reply(const Asked& asked, const native::Reply& answer) {
  const auto reply = native::read_history_reply(answer.data, answer.attached);
  if (!reply) violated(name_ + " cannot read the reply to history: " + reply.error());
  if (!reply->position) violated(name_ + " got no position with history");
  std::uint64_t last = 0;
  for (const native::EventPush& event : reply->events) {
    if (event.offset <= last) violated(name_ + " was shown history out of order");
    last = event.offset;
    model_.on_history_event(*joined_[asked.ns], event, reply->position->epoch);
  }
  if (last > reply->position->offset) violated(name_ + " was shown history beyond its position");
}

void Client::on_error(const native::ErrorReply& error) {
  ++errors;
  if (!error.id) return;
  const auto found = requests_.find(*error.id);
  if (found == requests_.end()) violated(name_ + " got a second answer, an error: " + error.message);
  const Asked asked = std::move(found->second);
  requests_.erase(found);
  static constexpr std::string_view expected[] = {"RATE_LIMITED", "FORBIDDEN", "UNAVAILABLE", "TIMEOUT"};
  if (std::find(std::begin(expected), std::end(expected), error.code) == std::end(expected)) {
    violated(name_ + " got the error " + error.code + ": " + error.message);
  }
  if (asked.kind == Kind::event || asked.kind == Kind::auth) return;
  busy_[asked.ns] = false;
  if (asked.kind == Kind::join) joining_[asked.ns].reset();
  if (!joined_[asked.ns]) return;
  Seat& seat = *joined_[asked.ns];
  if (asked.wish_changes) settle_wish(seat, false);
  for (const std::string& room : asked.rooms) {
    Hold& hold = seat.rooms[room].back();
    if (asked.kind == Kind::subscribe && hold.held == never) hold.gone = hold.let_go = model_.now;
    if (asked.kind == Kind::unsubscribe) hold.let_go = never;
  }
}

}  // namespace sparc::sim
