#include "sim/socketio_client.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/view_subscription.h"

namespace sparc::sim {

namespace json = protocol::json;
namespace sio = protocol::socketio;

namespace {

std::string text_at(std::string_view object, std::string_view name) {
  std::string out;
  if (!object.empty()) (void)json::read_string(json::find(object, name), out);
  return out;
}

std::uint64_t number_at(std::string_view object, std::string_view name) {
  return static_cast<std::uint64_t>(json::read_integer(json::find(object, name)).value_or(0));
}

std::optional<Position> position_of(std::string_view raw) {
  std::string text;
  if (raw.empty() || !json::read_string(raw, text)) return std::nullopt;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  Position out{text.substr(0, colon), 0};
  const auto read = std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.offset);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? std::optional(out) : std::nullopt;
}

std::string nsp_of(NamespaceId ns) { return "/" + std::string(namespace_name(ns)); }

constexpr std::string_view expected_errors[] = {"RATE_LIMITED", "UNAVAILABLE", "TIMEOUT"};

}  // namespace

SocketIoClient::SocketIoClient(std::string name, Persona persona, Model& model, SessionHost& host, Way way, std::uint64_t seed)
    : name_(std::move(name)), persona_(std::move(persona)), model_(model), host_(host), way_(way), random_(seed) {}

void SocketIoClient::connect() {
  ++sessions;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) ended_[ns] = false;
  expects_packet_ = expects_close_ = false;
  expires_ms_ = persona_.expires_ms;
  handshake_roles_ = persona_.roles;
  decoder_.emplace(sio::Parser::standard, sio::DecoderLimits{});
  engine_ = std::make_unique<EngineClient>(static_cast<EngineClient::Owner&>(*this), host_,
                                           name_ + "/" + std::to_string(sessions), way_, random_.next());
  const std::uint64_t way = random_.below(3);
  token_in_handshake_ = way != 0;
  engine_->begin(way == 1 ? "&token=" + persona_.token : std::string(),
                 way == 2 ? "Authorization: Bearer " + persona_.token + "\r\n" : std::string(), host_.now_ms());
}

bool SocketIoClient::join(NamespaceId ns, bool recover) {
  if (!ready() || joined_[ns] || connecting_[ns]) return false;
  std::string auth = "{";
  roles_[ns] = handshake_roles_;
  if (!token_in_handshake_ || random_.below(2) == 0) {
    auth += "\"token\":" + json_string(persona_.token);
    roles_[ns] = persona_.roles;
    expires_ms_ = std::min(expires_ms_, persona_.expires_ms);
  }
  recovers_[ns] = false;
  if (recover && kept_[ns]) {
    if (auth.size() > 1) auth += ',';
    auth += "\"pid\":" + json_string(kept_[ns]->pid);
    recovers_[ns] = !kept_[ns]->at.epoch.empty();
    if (recovers_[ns]) auth += ",\"offset\":" + json_string(kept_[ns]->at.epoch + ":" + std::to_string(kept_[ns]->at.offset));
  }
  engine_->send("0" + nsp_of(ns) + "," + (auth.size() > 1 ? auth + "}" : std::string()));
  connecting_[ns] = true;
  asked_[ns] = model_.now;
  return true;
}

bool SocketIoClient::leave(NamespaceId ns) {
  if (!ready() || !joined_[ns]) return false;
  engine_->send("1" + nsp_of(ns) + ",");
  ended_[ns] = true;
  end_seat(ns, true);
  return true;
}

void SocketIoClient::ask(NamespaceId ns, std::string_view event, std::string_view data, Asked asked) {
  asked.ns = ns;
  asked.at = model_.now;
  engine_->send("2" + nsp_of(ns) + "," + std::to_string(++last_id_) + "[" + json_string(event) + "," + std::string(data) + "]");
  requests_.emplace(last_id_, std::move(asked));
}

bool SocketIoClient::event(NamespaceId ns) {
  if (!ready() || !joined_[ns] || requests_.size() > 20) return false;
  ask(ns, "do", "{\"a\":1}", {});
  return true;
}

bool SocketIoClient::refresh(NamespaceId ns) {
  if (!ready() || !joined_[ns] || busy_[ns]) return false;
  Asked asked;
  asked.kind = Kind::subscribe;
  for (const std::string& role : persona_.roles) {
    if (std::find(roles_[ns].begin(), roles_[ns].end(), role) == roles_[ns].end()) asked.enters.push_back("role:" + role);
  }
  for (const std::string& role : roles_[ns]) {
    if (std::find(persona_.roles.begin(), persona_.roles.end(), role) == persona_.roles.end())
      asked.leaves.push_back("role:" + role);
  }
  change_rooms(*joined_[ns], asked);
  roles_[ns] = persona_.roles;
  expires_ms_ = std::min(expires_ms_, persona_.expires_ms);
  busy_[ns] = true;
  ask(ns, "auth:refresh", "{\"token\":" + json_string(persona_.token) + "}", std::move(asked));
  return true;
}

void SocketIoClient::change_rooms(Seat& seat, const Asked& asked) {
  for (const std::string& room : asked.enters) {
    std::vector<Hold>& holds = seat.rooms[room];
    if (holds.empty() || holds.back().gone != never) holds.push_back({model_.now, never, never, never, false});
  }
  for (const std::string& room : asked.leaves) {
    auto holds = seat.rooms.find(room);
    if (holds != seat.rooms.end() && holds->second.back().let_go == never) holds->second.back().let_go = model_.now;
  }
}

bool SocketIoClient::subscribe(NamespaceId ns, std::string data, bool adds) {
  if (!ready() || !joined_[ns] || busy_[ns]) return false;
  Seat& seat = *joined_[ns];
  using Change = protocol::SubscriptionChange;
  const auto command = protocol::subscription_of(data, namespace_name(ns), model_.vocabulary[ns], seat.wishes.back().wish,
                                                 adds ? Change::add : Change::remove);
  if (!command) violated(name_ + " asked for what cannot be: " + command.error().message);
  Asked asked{Kind::subscribe, ns, command->subscribe.rooms, command->unsubscribe.rooms, false, 0};
  asked.wish_changes = command->subscribe.topics.present() || command->subscribe.filters.present();
  if (asked.wish_changes && unsure_wish_[ns]) return false;
  change_rooms(seat, asked);
  if (asked.wish_changes) {
    auto wish = protocol::apply(seat.wishes.back().wish, command->subscribe.topics, command->subscribe.filters,
                                model_.vocabulary[ns], {});
    seat.wishes.push_back({std::move(*wish), model_.now, never});
  }
  busy_[ns] = true;
  ask(ns, adds ? "subscribe" : "unsubscribe", data, std::move(asked));
  return true;
}

// What it is told.

void SocketIoClient::on_text(std::string_view message) {
  const auto packet = decoder_->text(message);
  if (!packet) violated(name_ + " got what it cannot read: " + packet.error() + " in " + std::string(message));
  if (*packet) on_packet(**packet);
}

void SocketIoClient::on_binary(std::string_view message) {
  const auto packet = decoder_->binary(message);
  if (!packet) violated(name_ + " got an attachment that it cannot read: " + packet.error());
  if (*packet) on_packet(**packet);
}

void SocketIoClient::on_packet(const sio::Packet& packet) {
  NamespaceId ns = 0;
  while (ns < namespaces_count && nsp_of(ns) != packet.nsp) ++ns;
  if (ns == namespaces_count) violated(name_ + " got a packet of namespace " + packet.nsp);
  switch (packet.type) {
    case sio::PacketType::connect: return on_connected(ns, packet.data);
    case sio::PacketType::connect_error: return on_refused(ns, packet.data);
    case sio::PacketType::disconnect: return on_disconnected(ns);
    case sio::PacketType::event: return on_event(ns, packet);
    case sio::PacketType::ack: return on_answer(packet);
    default: violated(name_ + " got a packet of a type that only decoders know");
  }
}

bool SocketIoClient::expected(std::string_view code) const {
  if (code == "TOKEN_EXPIRED") return host_.wall_ms() >= expires_ms_;
  return std::find(std::begin(expected_errors), std::end(expected_errors), code) != std::end(expected_errors);
}

void SocketIoClient::on_connected(NamespaceId ns, std::string_view data) {
  if (!connecting_[ns]) violated(name_ + " was connected to what it did not ask for");
  connecting_[ns] = false;
  const std::string pid = text_at(data, "pid");
  if (pid.empty() || text_at(data, "sid").empty()) violated(name_ + " got no sid and pid: " + std::string(data));
  Seat seat;
  seat.name = name_ + '@' + std::to_string(engine_->shard());
  seat.ns = ns;
  seat.shard = engine_->shard();
  seat.tenant = persona_.tenant;
  seat.join_asked = asked_[ns];
  seat.joined = model_.now;
  std::vector<std::string> own{"tenant:" + persona_.tenant, "user:" + persona_.user};
  if (!persona_.organization.empty()) own.push_back("org:" + persona_.organization);
  for (const std::string& role : roles_[ns]) own.push_back("role:" + role);
  for (const std::string& room : own) seat.rooms[room] = {{asked_[ns], model_.now, never, never, true}};
  const auto kept = std::exchange(kept_[ns], std::nullopt);
  const bool recovered = kept && kept->pid == pid;
  unsure_wish_[ns] = false;
  if (recovered && !recovers_[ns]) violated(name_ + " was recovered without saying where it was");
  if (recovered) {
    restore(seat, *kept);
    ++recoveries;
  } else {
    seat.wishes.push_back({{}, asked_[ns], never});
  }
  if (recovers_[ns]) {
    const bool excused =
        ns == video || kept->given_up || host_.forgets_records() || model_.outage_between(kept->changed, model_.now);
    seat.recovery = Seat::Recovery{kept->at, recovered, model_.now, excused};
  }
  pid_[ns] = pid;
  changed_[ns] = model_.now;
  busy_[ns] = false;
  joined_[ns] = std::move(seat);
  if (model_.trace)
    model_.trace("      " + joined_[ns]->name + " is connected to " + nsp_of(ns) + (recovered ? ", recovered" : ""));
}

void SocketIoClient::restore(Seat& seat, const Kept& kept) {
  seat.at = kept.at;
  seat.eras.push_back({kept.at.epoch, kept.at.offset});
  const bool stale = host_.forgets_records() || model_.outage_between(kept.changed, model_.now);
  const Hold possible{seat.join_asked, never, never, never, false}, certain{seat.join_asked, seat.joined, never, never, true};
  for (const std::string& room : stale ? kept.ever : kept.doubtful) seat.rooms[room] = {possible};
  if (!stale) {
    for (const std::string& room : kept.rooms) seat.rooms[room] = {certain};
  }
  for (const protocol::Wish& wish : stale ? kept.wishes_ever : kept.wishes) seat.wishes.push_back({wish, seat.join_asked, never});
  unsure_wish_[seat.ns] = seat.wishes.size() > 1;
}

void SocketIoClient::on_refused(NamespaceId ns, std::string_view data) {
  if (!connecting_[ns]) violated(name_ + " was refused what it did not ask for");
  connecting_[ns] = false;
  ++errors;
  if (kept_[ns]) kept_[ns]->given_up = true;
  const std::string code = text_at(json::find(data, "data"), "code");
  if (!expects_close_ && !expects_packet_ && !expected(code))
    violated(name_ + " was refused " + nsp_of(ns) + ": " + std::string(data));
}

void SocketIoClient::on_disconnected(NamespaceId ns) {
  if (ended_[ns] && !joined_[ns]) return;
  if (!expects_packet_ || !joined_[ns]) violated(name_ + " was disconnected from " + nsp_of(ns));
  ended_[ns] = true;
  end_seat(ns, true);
}

void SocketIoClient::on_event(NamespaceId ns, const sio::Packet& packet) {
  if (finished_) return;
  const sio::EventParts parts = sio::split_event(packet.data);
  if (!joined_[ns]) {
    if (!ended_[ns]) violated(name_ + " got " + packet.data + " of " + nsp_of(ns) + ", which it has not joined");
    return;
  }
  Seat& seat = *joined_[ns];
  if (packet.id) return on_question(ns, *packet.id, parts.first);
  if (parts.name == "connected") {
    if (text_at(parts.first, "tenantId") != persona_.tenant) violated(name_ + " was greeted as somebody else: " + parts.first);
    if (!parts.more.empty()) on_position(seat, parts.more);
  } else if (parts.name == "position") {
    on_position(seat, parts.first);
  } else if (parts.name == "gap") {
    on_gap(parts.first);
  } else if (parts.name == "evicted") {
    on_evicted(seat, parts.first);
  } else if (parts.name == "error") {
    ++errors;
    const std::string code = text_at(parts.first, "code");
    const bool ends = expects_packet_ || expects_close_ || host_.closes_slow();
    if (!ends && !expected(code)) violated(name_ + " got the error " + parts.first);
  } else if (!parts.name.ends_with(":response") && !parts.name.ends_with("subscribed") && parts.name != "auth:refreshed" &&
             parts.name != "token_expiring") {
    on_publication(seat, parts, packet.attachments);
  }
}

void SocketIoClient::on_question(NamespaceId ns, std::uint64_t id, std::string_view data) {
  if (text_at(data, "tenant") != persona_.tenant) violated(name_ + " got another tenant's question: " + std::string(data));
  if (random_.below(4) == 0) return;  // it never answers
  engine_->send("3" + nsp_of(ns) + "," + std::to_string(id) + "[{\"ask\":" + std::string(json::find(data, "ask")) +
                ",\"by\":" + json_string(persona_.user) + "}]");
}

void SocketIoClient::on_evicted(const Seat& seat, std::string_view data) {
  json::Walker rooms(json::find(data, "rooms"));
  std::string room;
  while (rooms.next()) {
    const auto holds = json::read_string(rooms.value, room) ? seat.rooms.find(room) : seat.rooms.end();
    if (holds == seat.rooms.end() || holds->second.front().let_go == never)
      violated(name_ + " lost a room that it may hold: " + std::string(data));
  }
}

void SocketIoClient::on_position(Seat& seat, std::string_view raw) {
  const auto position = position_of(raw);
  if (!position) violated(name_ + " got a position that is none: " + std::string(raw));
  model_.on_position(seat, *position);
}

void SocketIoClient::on_gap(std::string_view data) {
  protocol::native::GapPush gap;
  gap.ns = text_at(data, "namespace");
  gap.room = text_at(data, "room");
  gap.count = number_at(data, "count");
  gap.from = number_at(data, "from");
  gap.to = number_at(data, "to");
  gap.reason = text_at(data, "reason");
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    if (namespace_name(ns) != gap.ns) continue;
    if (!joined_[ns]) violated(name_ + " was told of a gap in " + gap.ns);
    return model_.on_gap(*joined_[ns], gap);
  }
  violated(name_ + " was told of a gap nowhere: " + std::string(data));
}

void SocketIoClient::on_publication(Seat& seat, const sio::EventParts& parts, const std::vector<std::string>& attachments) {
  const auto index =
      json::kind_of(parts.first) == json::Kind::object ? json::read_integer(json::find(parts.first, "n")) : std::nullopt;
  if (!index || static_cast<std::uint64_t>(*index) >= model_.pubs())
    violated(name_ + " got an event that nobody published: " + parts.name + " " + parts.first);
  ++events;
  const Pub& pub = model_.pub(static_cast<std::size_t>(*index));
  const std::string id = pub.id();
  protocol::native::EventPush event;
  event.ns = namespace_name(seat.ns);
  event.event = parts.name;
  event.id = id;
  event.data = parts.first;
  event.attachments.assign(attachments.begin(), attachments.end());
  // The wire does not say the room: it is the one that the client may hold for longest, if there is one.
  event.room = pub.rooms.front();
  Tick since = never;
  for (const std::string& room : pub.rooms) {
    const auto holds = seat.rooms.find(room);
    if (holds == seat.rooms.end()) continue;
    for (const Hold& hold : holds->second) {
      if (hold.gone < pub.published || hold.asked >= since) continue;
      since = hold.asked;
      event.room = room;
    }
  }
  if (const auto position = position_of(parts.more)) {
    if (position->epoch != seat.at.epoch)
      violated(name_ + " got " + id + " of epoch " + position->epoch + ", and stands in " + seat.at.epoch);
    event.offset = position->offset;
  } else if (!parts.more.empty()) {
    violated(name_ + " got " + id + " with an offset that is none: " + parts.more);
  }
  event.provisional = pub.numbered && event.offset == 0;
  model_.on_event(seat, event);
}

void SocketIoClient::on_answer(const sio::Packet& packet) {
  const auto found = packet.id ? requests_.find(*packet.id) : requests_.end();
  if (found == requests_.end()) {
    if (packet.id && std::any_of(std::begin(ended_), std::end(ended_), [](bool ended) { return ended; })) return;
    violated(name_ + " got a second answer, or one to nothing: " + packet.data);
  }
  const Asked asked = std::move(found->second);
  requests_.erase(found);
  const std::string_view first =
      packet.data.size() > 2 ? std::string_view(packet.data).substr(1, packet.data.size() - 2) : std::string_view();
  const std::string_view error = json::kind_of(first) == json::Kind::object ? json::find(first, "error") : std::string_view();
  if (!error.empty()) {
    ++errors;
    const std::string code = text_at(error, "code");
    if (!expected(code)) violated(name_ + " was answered " + std::string(first));
  }
  if (asked.kind != Kind::subscribe || !joined_[asked.ns]) return;
  busy_[asked.ns] = false;
  changed_[asked.ns] = model_.now;
  Seat& seat = *joined_[asked.ns];
  for (const std::string& room : asked.enters) {
    Hold& hold = seat.rooms[room].back();
    if (hold.held != never) continue;
    if (error.empty()) {
      hold.held = model_.now;
    } else {
      hold.let_go = hold.gone = model_.now;
    }
  }
  for (const std::string& room : asked.leaves) {
    const auto holds = seat.rooms.find(room);
    if (error.empty() && holds != seat.rooms.end() && holds->second.back().gone == never) holds->second.back().gone = model_.now;
  }
  if (!asked.wish_changes) return;
  if (error.empty()) {
    seat.wishes[seat.wishes.size() - 2].to = model_.now;
  } else {
    seat.wishes.pop_back();
  }
}

// The end of sessions.

void SocketIoClient::end_seat(NamespaceId ns, bool given_up) {
  if (!joined_[ns]) return;
  Seat& seat = *joined_[ns];
  seat.ended = model_.now;
  Kept kept;
  kept.pid = pid_[ns];
  kept.at = seat.at;
  kept.changed = changed_[ns];
  kept.given_up = given_up;
  for (const auto& [room, holds] : seat.rooms) {
    const bool own =
        room.starts_with("tenant:") || room.starts_with("user:") || room.starts_with("org:") || room.starts_with("role:");
    if (own) continue;
    kept.ever.insert(room);
    const Hold& last = holds.back();
    if (last.gone != never) continue;
    (last.held != never && last.let_go == never ? kept.rooms : kept.doubtful).insert(room);
  }
  for (const WishSpan& span : seat.wishes) {
    kept.wishes_ever.push_back(span.wish);
    if (span.to == never) kept.wishes.push_back(span.wish);
  }
  kept_[ns] = std::move(kept);
  std::erase_if(requests_, [&](const auto& item) { return item.second.ns == ns; });
  busy_[ns] = false;
  past.push_back(std::move(seat));
  joined_[ns].reset();
}

void SocketIoClient::over() {
  if (engine_ != nullptr && engine_->upgraded() && way_ == Way::upgrade) ++upgrades;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    if (connecting_[ns] && kept_[ns]) kept_[ns]->given_up = true;  // its record may be taken already
    connecting_[ns] = false;
    end_seat(ns, false);
  }
  requests_.clear();
}

std::string SocketIoClient::expected_end(const std::string& why) const {
  const std::string reason = host_.end_of(engine_->address());
  if (host_.draining() || expects_close_ || engine_->unsure()) return {};
  const bool late = host_.now_ms() - engine_->began_ms() >= engine_ping_interval_ms + engine_ping_timeout_ms;
  if (reason == "the token has expired" && host_.wall_ms() >= expires_ms_) return {};
  // Said of a socket that left before the session's end.
  const bool earlier = reason.empty() || reason == "told to go" || reason == "client namespace disconnect";
  // As the published server does: a packet of a socket that crosses its disconnect packet ends all.
  if (expects_packet_ && (earlier || reason == "forced close")) return {};
  if ((earlier || reason == "ping timeout") && late && !host_.prompt()) return {};
  if (host_.closes_slow() && reason == "the connection does not read what it is sent") return {};
  return engine_->address() + " was ended " + std::to_string(host_.now_ms() - engine_->began_ms()) +
         " ms after it began: " + why + "; the server says \"" + reason + "\"";
}

void SocketIoClient::on_lost(std::string why) {
  if (model_.trace) model_.trace("      " + engine_->address() + " is lost: " + why + ", " + host_.end_of(engine_->address()));
  if (const std::string wrong = expected_end(why); !wrong.empty()) violated(wrong);
  over();
}

void SocketIoClient::close() {
  if (connected() && engine_->close()) over();
}
void SocketIoClient::cut() {
  if (connected() && engine_->cut()) over();
}
void SocketIoClient::vanish() {
  if (!connected()) return;
  engine_->vanish();
  over();
}

void SocketIoClient::disturb() {
  if (!connected()) return;
  switch (random_.below(3)) {
    case 0: (void)engine_->cut_probe(); return;
    case 1: (void)engine_->give_up_probe(); return;
    default: engine_->be_late_with_pongs();
  }
}

void SocketIoClient::finish() {
  finished_ = true;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    if (joined_[ns]) joined_[ns]->alive = true;
    end_seat(ns, true);
  }
}

}  // namespace sparc::sim
