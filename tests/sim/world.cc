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

std::shared_ptr<const shard::Settings> settings_of(const Plan& plan) {
  auto settings = std::make_shared<shard::Settings>();
  settings->limits.fanout_slice_sends = plan.slice_sends;
  settings->limits.connection_messages = {1'000, 1'000};
  settings->public_rooms = public_rooms;
  settings->ping_interval_ms = 2'000;
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
  return plan;
}

std::string Plan::text() const {
  return "shards " + std::to_string(shards) + ", clients " + std::to_string(clients) + ", slices of " +
         std::to_string(slice_sends) + ", mailboxes of " + std::to_string(mailbox_items) + ", lanes of " +
         std::to_string(lane_bytes) + " B, history of " + std::to_string(history_entries) + (outages ? ", outages" : "") +
         (forgets ? ", forgetting" : "") + (deflate ? ", deflate" : "") +
         (video_policy == session::LanePolicy::disconnect ? ", slow readers of video are closed" : "") +
         (batch_ms != 0 ? ", batches" : "");
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
    node.tap = std::make_unique<Tap>(i, broker_->door(i), model_);
    node.tap->trace = trace_;
    shard::Shard::Parts parts{*node.transport, *node.tap, *node.host, *node.entropy, "sim", i, nullptr};
    node.shard = std::make_unique<shard::Shard>(settings, authority, std::move(parts), now_);
    node.tap->set_listener(*node.shard);
    broker_->door(i).set_listener(*node.tap);
    broker_->door(i).on_tick(now_);
  }
  for (std::size_t i = 0; i < plan_.clients; ++i) {
    Persona persona;
    persona.tenant = pick(tenants());
    persona.user = "u" + std::to_string(random_.below(4));
    if (chance(2)) persona.organization = "o1";
    if (chance(2)) persona.roles = {"operator"};
    persona.token = auth::sign_hs256(
        secret, auth::claims_json(auth::UserClaims{persona.user, persona.tenant, persona.organization, persona.roles, 0}, now_));
    clients_.push_back(std::make_unique<Client>("c" + std::to_string(i), std::move(persona), model_, plan_.seed * 41 + i));
    clients_.back()->slow = chance(plan_.slow_of);
  }
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
    Client& client = *clients_[random_.below(clients_.size())];
    if (client.slow && !chance(8)) return;
    static constexpr std::size_t pieces[] = {1, 7, 60, 500, 100'000};
    client.read(pieces[random_.below(5)]);
  } else if (what < 76) {
    publish();
  } else if (what < 94) {
    act(*clients_[random_.below(clients_.size())]);
  } else if (what < 95) {
    publish_again();
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
}

void World::pump(Node& node, bool everything) {
  for (const std::shared_ptr<Link>& link : node.transport->links()) {
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
  const auto index = static_cast<std::uint16_t>(random_.below(nodes_.size()));
  Node& node = *nodes_[index];
  node.shard->set_now(now_);
  shard::Peer peer;
  peer.address = "sim";
  peer.exempt = true;
  const auto id = node.shard->on_open(std::move(peer));
  if (!id) violated("a connection was refused");
  auto link = std::make_shared<Link>();
  link->shard = index;
  link->id = *id;
  static constexpr std::size_t windows[] = {64, 400, 3'000, 100'000};
  link->window = windows[random_.below(4)];
  node.transport->open(link);
  client.connect(std::move(link), plan_.deflate && chance(2));
  ++connects_;
  note(client.name() + " of " + client.persona().tenant + " connects to shard " + std::to_string(index) + " slot " +
       std::to_string(id->slot));
}

void World::quiet() {
  ++model_.now;
  if (!available_) toggle_outage();
  for (int phase = 0; phase < 4; ++phase) {
    settle();
    advance(400);  // batches and intervals come due
  }
  settle();
}

void World::settle() {
  std::size_t still = 0;
  for (std::size_t round = 0; still < 3; ++round) {
    if (round > 5'000) violated("the node does not come to rest");
    ++model_.now;
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      moved += nodes_[i]->mail_items;
      const std::uint64_t sends = nodes_[i]->transport->sends;
      turn(i, true);
      moved += nodes_[i]->transport->sends - sends;
    }
    for (auto& client : clients_) {
      if (!client->connected()) continue;
      moved += client->link()->to_client.size() + client->link()->to_server.size();
      client->read(SIZE_MAX);
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
  for (auto& client : clients_) {
    if (client->ready() && client->unanswered() != 0) violated(client->name() + " was not answered");
    client->finish();
    for (const Seat& seat : client->past) model_.check(seat);
  }
}

void World::leave_all() {
  for (auto& client : clients_) {
    if (chance(2)) {
      client->reset();
    } else {
      client->close();
    }
  }
  for (std::size_t round = 0; round < 60; ++round) {
    ++model_.now;
    for (std::size_t i = 0; i < nodes_.size(); ++i) turn(i, true);
    for (auto& client : clients_) client->read(SIZE_MAX);
    advance(200);
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
    if (node.shard->counters().outage_queue.get() != 0) violated(where + "publications for the broker");
    if (!node.tap->entered().empty()) violated(where + "entered stream " + *node.tap->entered().begin());
    if (node.host->admitted != 0 || node.host->joined != 0) violated(where + "sessions that were admitted or announced");
    if (node.shard->counters().sessions.get() != 0) violated(where + "sessions");
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
  for (auto& client : clients_) {
    out.recoveries += client->recoveries;
    out.errors += client->errors;
  }
  for (auto& node : nodes_) {
    out.sends += node->transport->sends;
    out.missed += node->shard->counters().missed.get();
    for (const auto& ns : node->shard->counters().namespaces) out.catch_ups += ns.catch_ups.get();
  }
  return out;
}

// The tap.

namespace {
std::string name_of(const StreamKey& stream) { return std::string(namespace_name(stream.ns)) + "/" + stream.tenant; }
}  // namespace

void Tap::publish(broker::Ticket ticket, Publication publication) {
  if (ticket != 0) publishing_[ticket] = publication.id;
  door_.publish(ticket, std::move(publication));
}
void Tap::enter(broker::Ticket ticket, const StreamKey& stream) {
  entered_.insert(name_of(stream));
  if (trace) trace("  shard " + std::to_string(shard_) + " enters " + name_of(stream));
  door_.enter(ticket, stream);
}
void Tap::leave(const StreamKey& stream) {
  entered_.erase(name_of(stream));
  if (trace) trace("  shard " + std::to_string(shard_) + " leaves " + name_of(stream));
  door_.leave(stream);
}
void Tap::read(broker::Ticket ticket, const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits) {
  if (trace)
    trace("  shard " + std::to_string(shard_) + " reads " + name_of(stream) +
          (since ? " from " + since->epoch + "/" + std::to_string(since->offset) : ""));
  limits.entries_max = std::min<std::size_t>(limits.entries_max, 5);
  door_.read(ticket, stream, std::move(since), limits);
}
void Tap::latest(broker::Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) {
  door_.latest(ticket, stream, std::move(rooms));
}

void Tap::on_publication(PublicationPtr publication) {
  if (trace)
    trace("  shard " + std::to_string(shard_) + " is told " + publication->id + " at " + publication->epoch + "/" +
          std::to_string(publication->offset));
  model_.told(shard_, *publication);
  listener_->on_publication(std::move(publication));
}
void Tap::on_published(broker::Ticket ticket, broker::Published result) {
  const auto found = publishing_.find(ticket);
  if (found != publishing_.end()) {
    if (result.outcome == broker::Published::Outcome::numbered) model_.placed(found->second, result.position);
    publishing_.erase(found);
  }
  listener_->on_published(ticket, std::move(result));
}
void Tap::on_history(broker::Ticket ticket, broker::HistoryPart part) {
  if (trace) {
    trace("  shard " + std::to_string(shard_) + " reads " + std::to_string(part.entries.size()) + " entries to " +
          part.next.epoch + "/" + std::to_string(part.next.offset) + (part.complete ? ", complete" : ""));
  }
  listener_->on_history(ticket, std::move(part));
}
void Tap::on_missed(const broker::Missed& missed) {
  if (trace) {
    trace("  shard " + std::to_string(shard_) + " missed some of " + name_of(missed.stream) +
          (missed.numbered ? ", numbered" : "") + (missed.latest ? ", latest" : "") +
          (missed.gone != 0 ? ", " + std::to_string(missed.gone) + " others" : ""));
  }
  model_.missed(shard_, missed);
  listener_->on_missed(missed);
}
void Tap::ask_values(const StreamKey& stream, std::vector<std::string> rooms) {
  const broker::Ticket ticket = asked_here + asked_.size();
  asked_[ticket] = stream;
  door_.latest(ticket, stream, std::move(rooms));
}
void Tap::on_latest(broker::Ticket ticket, std::vector<PublicationPtr> values) {
  if (ticket >= asked_here) return model_.keeps(asked_[ticket], values);
  listener_->on_latest(ticket, std::move(values));
}

// The node.

std::expected<void, Fault> SimHost::admit(const Identity&) {
  ++admitted;
  return {};
}

void SimHost::client_event(shard::ClientEvent event) { events.push_back(std::move(event)); }

void SimHost::presence(StreamKey stream, std::string room,
                       std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) {
  std::vector<shard::PresenceEntry> users;
  for (std::size_t i = 0; i < world_.shards(); ++i) {
    for (const shard::PresenceEntry& entry : world_.shard(i).presence_of(stream, room)) users.push_back(entry);
  }
  if (users.empty()) violated("presence of " + room + " is empty, although somebody asks from within");
  later.push_back([users = std::move(users), done = std::move(done)]() mutable { done(std::move(users)); });
}

}  // namespace sparc::sim
