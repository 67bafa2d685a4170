#include "sim/world.h"

#include <algorithm>

#include "auth/token_signer.h"
#include "base/json_text.h"

namespace sparc::sim {

namespace {

constexpr std::string_view secret = "a secret of the simulator, 32 bytes and more";
const std::vector<std::string> public_rooms{"system"};

protocol::FilterVocabulary vocabulary_of(NamespaceId ns) {
  protocol::FilterVocabulary words;
  words.topics = {{"incidents", {"incident:*"}}, {"metrics", {"metrics:*"}}};
  words.fields = {{"type", {"type", "alertType"}}, {"priority", {"priority"}}};
  if (ns == monitoring) words.fields.push_back({"metric", {"metric"}});
  return words;
}

protocol::View view_of(NamespaceId ns) {
  using Input = protocol::ViewInput;
  protocol::View view;
  view.name = namespace_name(ns);
  view.socketio_namespace = "/" + view.name;
  view.namespaces = {view.name};
  view.greets = ns == alerts;
  view.on_expiry = ns == alerts ? protocol::View::OnExpiry::close : protocol::View::OnExpiry::keep;
  auto input = [&](std::string event, Input::Action action, std::string success) {
    Input row;
    row.event = std::move(event);
    row.action = action;
    row.success = std::move(success);
    view.inputs.push_back(std::move(row));
  };
  input("subscribe", Input::Action::subscribe, "subscribed");
  input("unsubscribe", Input::Action::unsubscribe, "unsubscribed");
  input("auth:refresh", Input::Action::refresh, "auth:refreshed");
  return view;
}

std::shared_ptr<const shard::Settings> settings_of(const Plan& plan) {
  auto settings = std::make_shared<shard::Settings>();
  settings->limits.fanout_slice_sends = plan.slice_sends;
  settings->limits.connection_messages = {1'000, 1'000};
  if (plan.shard_bytes != 0) settings->limits.outbox_node_bytes_max = plan.shard_bytes;
  settings->public_rooms = public_rooms;
  settings->ping_interval_ms = plan.socketio != 0 ? 500 : 2'000;
  settings->ping_timeout_ms = 60'000;  // slow readers are to stay
  settings->deflate = plan.deflate;
  settings->deflate_bytes_min = 64;
  settings->deflate_window_bits = 9;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    shard::NamespaceSettings n;
    n.name = namespace_name(ns);
    n.history = ns != video;
    n.priority = static_cast<std::uint8_t>(ns);
    n.lane = n.history ? session::LanePolicy::catch_up : plan.video_policy;
    n.lane_bytes_max = plan.lane_bytes;
    n.vocabulary = vocabulary_of(ns);
    n.outage = plan.seed % 3 == 0 && ns == monitoring ? shard::Outage::hold : shard::Outage::deliver;
    if (ns == video) n.batch_ms = plan.batch_ms;
    settings->namespaces.push_back(std::move(n));
  }
  settings->socketio.ping_interval_ms = engine_ping_interval_ms;
  settings->socketio.ping_timeout_ms = engine_ping_timeout_ms;
  settings->socketio.upgrade_timeout_ms = 400;
  settings->socketio.connect_timeout_ms = 6'000;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) settings->views.push_back(view_of(ns));
  settings->namespaces[monitoring].events = {{"metrics:update", {}, false, true, {"metric"}, 0}};
  settings->namespaces[video].events = {{"frame:live", {}, true, false, {}, 0}, {"note:*", {}, false, false, {}, 300}};
  settings->namespaces[alerts].events = {{"chat:*", false, false, false, {}, 0}};
  return settings;
}

shard::Authority authority_of() {
  shard::Authority authority;
  auth::KeySetBuilder keys;
  if (!keys.add_secret(auth::KeyPurpose::user, secret)) violated("the secret is not accepted");
  authority.keys = keys.build();
  auto claims = std::make_shared<auth::ClaimRules>();
  claims->roles_required = false;
  authority.claims = std::move(claims);
  authority.api_keys = std::make_shared<auth::ApiKeys>();
  auth::PolicyConfig policy;
  policy.shipped_rules = false;
  policy.public_rooms = public_rooms;
  policy.rooms = {{"*", "camera:*", {}, false, true, true},
                  {"alerts", "zone:*", {}, false, false, false},
                  {"*", "zone:*", {}, false, false, true}};
  authority.policy = *auth::Policy::make(std::move(policy));
  return authority;
}

}  // namespace

const std::vector<std::string>& tenants() {
  static const std::vector<std::string> all{"t1", "t2", "t3"};
  return all;
}

Plan Plan::of(std::uint64_t seed) {
  SeededEntropy random(seed * 0x9e3779b97f4a7c15ULL + 17);
  Plan plan;
  plan.seed = seed;
  plan.shards = static_cast<std::uint16_t>(1 + random.below(3));
  plan.clients = 2 + random.below(9);
  plan.slice_sends = random.below(3) == 0 ? 64 : 1 + random.below(4);
  plan.lossy = random.below(3) == 0;
  plan.mailbox_items = plan.lossy ? 2 + random.below(6) : 100'000;
  static constexpr std::size_t lanes[] = {900, 2'000, 8'192, 65'536};
  plan.lane_bytes = lanes[random.below(4)];
  plan.history_entries = random.below(3) == 0 ? 12 + random.below(30) : 10'000;
  static constexpr unsigned shorts[] = {0, 3, 10};
  plan.short_send_of = shorts[random.below(3)];
  plan.slow_of = static_cast<unsigned>(2 + random.below(4));
  plan.outages = random.below(3) == 0;
  plan.forgets = plan.outages && random.below(2) == 0;
  plan.deflate = random.below(8) == 0;
  plan.video_policy = random.below(4) == 0 ? session::LanePolicy::disconnect : session::LanePolicy::drop_oldest;
  plan.batch_ms = random.below(3) == 0 ? 25 : 0;
  if (random.below(2) == 0) {
    plan.socketio = 1 + random.below(4);
    plan.clients = 1 + plan.clients / 3;
    plan.steps = 1'800;
  }
  plan.drains = random.below(3) == 0;
  plan.shard_bytes = random.below(4) == 0 ? 2'000 + random.below(10'000) : 0;
  if (plan.video_policy == session::LanePolicy::drop_oldest && random.below(4) == 0)
    plan.video_policy = session::LanePolicy::conflate;
  return plan;
}

std::string Plan::text() const {
  return "shards " + std::to_string(shards) + ", clients " + std::to_string(clients) +
         (socketio != 0 ? " and " + std::to_string(socketio) + " of Socket.IO" : "") + ", slices of " +
         std::to_string(slice_sends) + ", mailboxes of " + std::to_string(mailbox_items) + ", lanes of " +
         std::to_string(lane_bytes) + " B, history of " + std::to_string(history_entries) + (outages ? ", outages" : "") +
         (forgets ? ", forgetting" : "") + (deflate ? ", deflate" : "") +
         (video_policy == session::LanePolicy::disconnect ? ", slow readers of video are closed" : "") +
         (video_policy == session::LanePolicy::conflate ? ", video is conflated" : "") + (batch_ms != 0 ? ", batches" : "") +
         (shard_bytes != 0 ? ", shards of " + std::to_string(shard_bytes) + " B" : "") + (drains ? ", a drain" : "");
}

World::World(const Plan& plan, Trace trace)
    : plan_(plan), trace_(std::move(trace)), random_(plan.seed), broker_entropy_(plan.seed + 1), model_(plan.shards) {
  build();
}

World::~World() = default;

void World::build() {
  const auto settings = settings_of(plan_);
  model_.trace = trace_;
  const shard::Authority authority = authority_of();
  broker::MemoryBrokerSettings stores;
  stores.shards = plan_.shards;
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    model_.vocabulary[ns] = vocabulary_of(ns);
    model_.entries_max[ns] = plan_.history_entries;
    stores.namespaces.push_back({std::string(namespace_name(ns)), ns != video, plan_.history_entries, 0, 0});
  }
  for (std::uint16_t i = 0; i < plan_.shards; ++i) nodes_.push_back(std::make_unique<Node>());
  broker_ = std::make_unique<broker::MemoryBroker>(std::move(stores), *this, broker_entropy_);
  for (std::uint16_t i = 0; i < plan_.shards; ++i) {
    Node& node = *nodes_[i];
    node.transport = std::make_unique<SimTransport>(plan_.seed * 31 + i, plan_.short_send_of);
    node.host = std::make_unique<SimHost>(*this);
    node.entropy = std::make_unique<SeededEntropy>(plan_.seed * 37 + i);
    node.transport->on_hand_over = [this](const std::shared_ptr<Link>& link, std::uint16_t to, std::string bytes) {
      nodes_[to]->arrivals.push_back({link, nodes_[link->shard]->shard->peer_of(link->id), std::move(bytes)});
    };
    node.tap = std::make_unique<Tap>(i, broker_->door(i), model_);
    node.tap->trace = trace_;
    shard::Shard::Parts parts{*node.transport, *node.tap, *node.host, *node.entropy, "sim", i, nullptr};
    node.shard = std::make_unique<shard::Shard>(settings, authority, std::move(parts), now_);
    node.tap->set_listener(*node.shard);
    broker_->door(i).set_listener(*node.tap);
    broker_->door(i).on_tick(now_);
  }
  for (std::size_t i = 0; i < plan_.clients; ++i) {
    clients_.push_back(std::make_unique<Client>("c" + std::to_string(i), some_persona(), model_, plan_.seed * 41 + i));
    clients_.back()->slow = chance(plan_.slow_of);
  }
  for (std::size_t i = 0; i < plan_.socketio; ++i) {
    const auto way = static_cast<SocketIoClient::Way>(random_.below(3));
    socketio_.push_back(std::make_unique<SocketIoClient>("s" + std::to_string(i), some_persona(), model_,
                                                         static_cast<SessionHost&>(*this), way, plan_.seed * 43 + i));
    socketio_.back()->slow = chance(plan_.slow_of);
  }
}

Persona World::some_persona() {
  Persona persona;
  persona.tenant = pick(tenants());
  persona.user = "u" + std::to_string(random_.below(4));
  if (chance(2)) persona.organization = "o1";
  if (chance(2)) persona.roles = {"operator"};
  sign(persona, 0);
  return persona;
}

void World::sign(Persona& persona, std::int64_t lifetime_s) {
  const auth::UserClaims claims{persona.user, persona.tenant, persona.organization, persona.roles, lifetime_s};
  persona.token = auth::sign_hs256(secret, auth::claims_json(claims, now_));
  persona.expires_ms = lifetime_s == 0 ? Persona::never_expires : (now_.wall_ms / 1000 + lifetime_s) * 1000;
}

/// The same user, with other roles perhaps, and for a while perhaps.
Persona World::renewed(Persona persona) {
  if (chance(2)) persona.roles = chance(2) ? std::vector<std::string>{"operator"} : std::vector<std::string>{};
  sign(persona, chance(2) ? 0 : 1 + static_cast<std::int64_t>(random_.below(3)));
  return persona;
}

bool World::post(std::uint16_t from, std::uint16_t to, broker::Message& message) {
  Node& node = *nodes_[to];
  if (node.mail_items >= plan_.mailbox_items) return false;
  ++node.mail_items;
  node.mail[from].emplace_back(from, std::move(message));
  return true;
}

void World::run() {
  for (std::size_t i = 0; i < plan_.steps; ++i) step();
  quiet();
  ask_values();
  check_end();
  leave_all();
}

void World::step() {
  ++model_.now;
  const std::uint64_t what = random_.below(100);
  if (what < 38) {
    turn(random_.below(nodes_.size()), false);
  } else if (what < 62) {
    const std::size_t which = random_.below(clients_.size() + socketio_.size());
    static constexpr std::size_t pieces[] = {1, 7, 60, 500, 100'000};
    const std::size_t most = pieces[random_.below(5)];
    if (which >= clients_.size()) return go_on(*socketio_[which - clients_.size()], most);
    Client& client = *clients_[which];
    if (client.slow && !chance(8)) return;
    client.read(most);
  } else if (what < 76) {
    publish();
  } else if (what < 94) {
    const std::size_t which = random_.below(clients_.size() + socketio_.size());
    if (which < clients_.size()) {
      act(*clients_[which]);
    } else {
      act(*socketio_[which - clients_.size()]);
    }
  } else if (what < 94) {
    publish_again();
  } else if (what < 95) {
    ask();
  } else if (what < 96) {
    toggle_outage();
  } else {
    advance(static_cast<std::int64_t>(chance(12) ? 300 + random_.below(700) : random_.below(20)));
  }
}

void World::advance(std::int64_t ms) {
  now_.monotonic_ms += ms;
  now_.wall_ms += ms;
}

bool World::deliver_mail(std::size_t index) {
  Node& node = *nodes_[index];
  std::vector<std::size_t> ready;
  for (std::size_t from = 0; from < std::size(node.mail); ++from) {
    if (!node.mail[from].empty()) ready.push_back(from);
  }
  if (ready.empty()) return false;
  auto& queue = node.mail[ready[random_.below(ready.size())]];
  broker::Message message = std::move(queue.front().second);
  queue.pop_front();
  --node.mail_items;
  broker_->door(static_cast<std::uint16_t>(index)).on_message(std::move(message));
  return true;
}

void World::turn(std::size_t index, bool everything) {
  Node& node = *nodes_[index];
  node.shard->set_now(now_);
  broker_->door(static_cast<std::uint16_t>(index)).on_tick(now_);
  std::size_t items = everything ? SIZE_MAX : random_.below(6);
  while (items-- > 0 && deliver_mail(index)) {
  }
  take_arrivals(index, everything);
  pump(node, everything);
  auto later = std::move(node.host->later);
  node.host->later.clear();
  for (auto& call : later) call();
  auto events = std::move(node.host->events);
  node.host->events.clear();
  for (shard::ClientEvent& event : events) {
    if (!event.request) continue;
    if (!everything && chance(2)) {
      node.host->events.push_back(std::move(event));
      continue;
    }
    shard::EventAnswer answer{"{\"ok\":1}", {}};
    if (chance(4)) answer.fault = Fault{Code::TIMEOUT, "nobody answered in time"};
    node.shard->answer_event(event.connection, *event.request, std::move(answer));
  }
  (void)node.shard->end_of_turn();
  check_memory(index);
}

void World::check_memory(std::size_t index) {
  shard::Shard& shard = *nodes_[index]->shard;
  // The largest entry (three attachments of 700 B), and a part of a read (the tap's five entries, a position, gaps around them).
  constexpr std::size_t entry = 4'000 + sizeof(session::Entry), part = 5 * entry + 4 * sizeof(session::Entry);
  const std::size_t budget = plan_.shard_bytes;
  const bool over = budget != 0 && shard.frame_bytes() > budget;
  shard.for_each_lane([&](const session::Lane& lane, bool blocked) {
    const bool refills = lane.settings().policy == session::LanePolicy::catch_up;
    if (lane.bytes() > plan_.lane_bytes + (refills ? part : entry))
      violated("a lane holds " + std::to_string(lane.bytes()) + " bytes");
    if (lane.behind_bytes() > plan_.lane_bytes + entry)
      violated("a lane keeps " + std::to_string(lane.behind_bytes()) + " bytes behind its refill");
    const bool closes = lane.settings().policy == session::LanePolicy::disconnect;  // with this turn
    if (over && blocked && !closes && lane.sheddable())
      violated("a shard holds " + std::to_string(shard.frame_bytes()) + " bytes, and could shed some");
  });
}

void World::pump(Node& node, bool everything) {
  for (const std::shared_ptr<Link>& link : node.transport->links()) {
    if (link->vanished) continue;
    if (link->client_closes && link->to_server.empty()) link->client_gone = true;
    if (link->client_gone && (everything || chance(2))) {
      node.transport->forget(link->id);
      node.shard->on_closed(link->id, "reset by peer");
      continue;
    }
    if (link->blocked && (everything || chance(2)) && link->to_client.size() < link->window) {
      link->blocked = false;
      node.shard->on_writable(link->id);
    }
    if (link->to_server.empty() || link->paused || link->client_gone || (!everything && chance(3))) continue;
    const std::size_t most = everything || chance(2) ? link->to_server.size() : 1 + random_.below(link->to_server.size());
    std::string bytes = link->to_server.substr(0, most);
    link->to_server.erase(0, most);
    node.shard->on_bytes(link->id, bytes);
  }
}

void World::toggle_outage() {
  if (!plan_.outages) return;
  if (available_) {
    model_.outages_begun.push_back(model_.now);
    note("the broker goes away");
  } else {
    if (plan_.forgets && chance(2)) {
      broker_->forget();
      model_.forgotten.push_back(model_.now);
      note("the broker forgets");
    }
    model_.outages_over.push_back(model_.now);
    note("the broker comes back");
  }
  available_ = !available_;
  for (auto& node : nodes_) node->shard->set_now(now_);
  broker_->set_available(available_);
}

void World::open(Client& client) {
  std::shared_ptr<Link> link = dial("sim");
  note(client.name() + " of " + client.persona().tenant + " connects to shard " + std::to_string(link->shard) + " slot " +
       std::to_string(link->id.slot));
  client.connect(std::move(link), plan_.deflate && chance(2));
}

void World::quiet() {
  ++model_.now;
  if (!available_) toggle_outage();
  for (int phase = 0; phase < 4; ++phase) {
    settle();
    prompt_ = true;
    advance(400);  // batches and intervals come due
  }
  settle();
}

void World::settle() {
  std::size_t still = 0;
  for (std::size_t round = 0; still < 3; ++round) {
    if (round > 5'000) violated("the node does not come to rest");
    ++model_.now;
    if (!socketio_.empty()) advance(1);  // polls that wait during an upgrade are answered by a timer
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      moved += nodes_[i]->mail_items + nodes_[i]->arrivals.size();
      const std::uint64_t sends = nodes_[i]->transport->sends;
      turn(i, true);
      moved += nodes_[i]->transport->sends - sends;
    }
    for (auto& client : clients_) {
      if (!client->connected()) continue;
      moved += client->link()->to_client.size() + client->link()->to_server.size();
      client->read(SIZE_MAX);
    }
    for (auto& client : socketio_) {
      moved += client->unread() + (client->at_rest() ? 0 : 1);
      client->read(SIZE_MAX);
      client->go_on(true);
    }
    still = moved == 0 ? still + 1 : 0;
  }
}

void World::ask_values() {
  std::vector<std::string> rooms = {"system", "org:o1", "role:operator", "camera:1", "camera:2", "camera:3", "zone:1", "zone:2"};
  for (int user = 0; user < 4; ++user) rooms.push_back("user:u" + std::to_string(user));
  for (NamespaceId ns = 0; ns < namespaces_count; ++ns) {
    nodes_[0]->tap->ask_values({ns, ""}, rooms);
    for (const std::string& tenant : tenants()) {
      std::vector<std::string> of = rooms;
      of.push_back("tenant:" + tenant);
      nodes_[0]->tap->ask_values({ns, tenant}, std::move(of));
    }
  }
  settle();
}

void World::check_end() {
  model_.check_streams();
  if (asks_over_ != asks_begun_) violated(std::to_string(asks_begun_ - asks_over_) + " questions were never answered");
  for (auto& client : clients_) {
    if (client->ready() && client->unanswered() != 0) violated(client->name() + " was not answered");
    client->finish();
    for (const Seat& seat : client->past) model_.check(seat);
  }
  for (auto& client : socketio_) {
    if (client->ready() && client->unanswered() != 0) violated(client->name() + " was not answered");
    client->finish();
    for (const Seat& seat : client->past) model_.check(seat);
  }
}

void World::leave_all() {
  if (plan_.drains) {
    drain();
  } else {
    for (auto& client : clients_) {
      if (chance(2)) {
        client->reset();
      } else {
        client->close();
      }
    }
    for (auto& client : socketio_) {
      if (chance(3)) {
        client->cut();
      } else if (chance(2)) {
        client->vanish();
      } else {
        client->close();
      }
    }
    pass(60, 200);
    pass(15, 5'000);  // polls that never come are waited for
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = *nodes_[i];
    const std::string where = "shard " + std::to_string(i) + ", empty again, still has ";
    std::size_t rooms_left = 0;
    node.shard->for_each_room([&](const shard::Shard::RoomInfo&) { ++rooms_left; });
    if (node.shard->connections() != 0) violated(where + std::to_string(node.shard->connections()) + " connections");
    if (rooms_left != 0) violated(where + std::to_string(rooms_left) + " rooms");
    if (node.shard->counters().outbox_bytes.get() != 0)
      violated(where + "frames of " + std::to_string(node.shard->counters().outbox_bytes.get()) + " bytes");
    if (node.shard->counters().asked_unanswered.get() != 0) violated(where + "clients that were asked");
    if (node.shard->counters().outage_queue.get() != 0) violated(where + "publications for the broker");
    if (!node.tap->entered().empty()) violated(where + "entered stream " + *node.tap->entered().begin());
    if (node.host->admitted != 0 || node.host->joined != 0) violated(where + "sessions that were admitted or announced");
    if (node.shard->counters().sessions.get() != 0) violated(where + "sessions");
    if (node.shard->counters().engine_sessions.get() != 0) violated(where + "Engine.IO sessions");
    if (node.shard->counters().socketio_sockets.get() != 0) violated(where + "Socket.IO sockets");
    for (const auto& ns : node.shard->counters().namespaces) {
      if (ns.connections.get() != 0) violated(where + "members of a namespace");
    }
  }
}

World::Totals World::totals() {
  Totals out;
  out.publications = model_.pubs();
  out.events = model_.events_checked;
  out.losses_checked = model_.losses_checked;
  out.connects = connects_;
  out.answered = answered_;
  for (auto& client : clients_) {
    out.recoveries += client->recoveries;
    out.errors += client->errors;
  }
  for (auto& client : socketio_) {
    out.socketio_events += client->events;
    out.socketio_recoveries += client->recoveries;
    out.errors += client->errors;
    out.sessions += client->sessions;
    out.upgrades += client->upgrades;
  }
  for (auto& node : nodes_) {
    out.moves += node->moves;
    out.sends += node->transport->sends;
    out.missed += node->shard->counters().missed.get();
    out.asked += node->shard->counters().asked.get();
    for (const auto& ns : node->shard->counters().namespaces) out.catch_ups += ns.catch_ups.get();
  }
  return out;
}

}  // namespace sparc::sim
