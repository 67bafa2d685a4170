// What clients and publishers do in a simulated node, by the seed.

#include <algorithm>

#include "base/json_text.h"
#include "protocol/scalar.h"
#include "sim/world.h"

namespace sparc::sim {

namespace {

const std::vector<std::string> held_rooms{"camera:1", "camera:2", "camera:3", "zone:1", "zone:2"};

protocol::Filter filter_of(std::string field, std::vector<std::string> values) {
  protocol::Filter filter;
  for (std::string& value : values) value = protocol::string_scalar(value);
  std::sort(values.begin(), values.end());
  filter.fields.emplace_back(std::move(field), std::move(values));
  return filter;
}

}  // namespace

std::string World::some_room() {
  static const std::vector<std::string> all{"camera:1", "camera:2", "camera:3", "zone:1", "zone:2", "system"};
  return pick(all);
}

void World::choose_filters(NamespaceId ns, Client::Choice& choice) {
  using Topics = protocol::Choice<std::string>;
  using Filters = protocol::Choice<protocol::Filter>;
  const std::uint64_t topics = random_.below(8);
  if (topics == 0) choice.topics = Topics{Topics::Kind::everything, {}};
  if (topics == 1) choice.topics = Topics{Topics::Kind::list, {"incidents"}};
  if (topics == 2) choice.topics = Topics{Topics::Kind::list, {"incidents", "metrics", "alert:created"}};
  const std::uint64_t filters = random_.below(8);
  if (filters == 0) choice.filters = Filters{Filters::Kind::everything, {}};
  if (filters == 1) choice.filters = Filters{Filters::Kind::list, {filter_of("priority", {"high"})}};
  if (filters == 2)
    choice.filters = Filters{Filters::Kind::list, {filter_of("priority", {"low"}), filter_of("type", {"a", "b"})}};
  if (filters == 3 && ns == monitoring) {
    protocol::Filter filter = filter_of("metric", {"cpu", "mem"});
    filter.every_ms = 100 + static_cast<std::uint32_t>(random_.below(200));
    choice.filters = Filters{Filters::Kind::list, {std::move(filter)}};
  }
}

Client::Choice World::some_choice(NamespaceId ns) {
  Client::Choice choice;
  for (std::uint64_t i = random_.below(4); i > 0; --i) {
    std::string room = some_room();
    if (std::find(choice.rooms.begin(), choice.rooms.end(), room) == choice.rooms.end()) choice.rooms.push_back(std::move(room));
  }
  if (chance(3)) choose_filters(ns, choice);
  return choice;
}

void World::act(Client& client) {
  if (!client.connected()) return open(client);
  if (!client.ready()) {
    if (chance(40)) client.reset();
    return;
  }
  const auto ns = static_cast<NamespaceId>(random_.below(namespaces_count));
  const auto what = random_.below(40);
  const std::string who = client.name() + " " + std::string(namespace_name(ns)) + ": ";
  if (client.seat(ns) == nullptr) {
    const bool recover = !chance(4);
    if (what < 30 && client.join(ns, some_choice(ns), recover)) note(who + "joins" + (recover ? ", recovering" : ""));
  } else if (what < 10) {
    if (client.subscribe(ns, some_choice(ns))) note(who + "subscribes");
  } else if (what < 14) {
    Client::Choice choice;
    choose_filters(ns, choice);
    if (client.subscribe(ns, std::move(choice))) note(who + "changes filters");
  } else if (what < 19) {
    const std::string room = some_room();
    if (client.unsubscribe(ns, room)) note(who + "unsubscribes " + room);
  } else if (what < 22) {
    if (client.leave(ns)) note(who + "leaves");
  } else if (what < 24) {
    (void)client.history(ns, chance(2), static_cast<std::uint32_t>(random_.below(20)));
  } else if (what < 26) {
    (void)client.presence(ns, chance(2) ? "camera:1" : "tenant:" + client.persona().tenant);
  } else if (what < 28) {
    (void)client.event(ns);
  } else if (what < 29) {
    (void)client.refresh();
  } else if (what < 31) {
    note(who + "closes");
    client.close();
  } else if (what < 33) {
    note(who + "is reset");
    client.reset();
  }
}

void World::publish() {
  Pub pub;
  pub.ns = static_cast<NamespaceId>(random_.below(namespaces_count));
  std::vector<std::string> full;
  if (chance(12)) {
    pub.rooms = {"system"};
    full = pub.rooms;
  } else {
    pub.tenant = pick(tenants());
    auto add = [&](std::string room) {
      if (std::find(pub.rooms.begin(), pub.rooms.end(), room) != pub.rooms.end()) return;
      full.push_back(room == "tenant:" + pub.tenant ? room : "tenant:" + pub.tenant + "/" + room);
      pub.rooms.push_back(std::move(room));
    };
    for (std::uint64_t i = chance(4) ? 1 + random_.below(4) : 1; i > 0; --i) {
      const std::uint64_t kind = random_.below(10);
      if (kind < 3) add("tenant:" + pub.tenant);
      if (kind >= 3 && kind < 8) add(pick(held_rooms));
      if (kind == 8) add("user:u" + std::to_string(random_.below(4)));
      if (kind == 9) add(chance(2) ? "org:o1" : "role:operator");
    }
  }
  const std::uint64_t event = random_.below(10);
  pub.event = event < 3 ? "incident:new" : event < 6 ? "alert:created" : "other:thing";
  if (pub.ns == monitoring && event >= 5 && pub.rooms.size() == 1) {
    pub.event = "metrics:update";
    pub.key = chance(2) ? "cpu" : "mem";
    pub.latest = true;
  } else if (pub.ns == video && event >= 7) {
    pub.event = event == 7 ? "frame:live" : "note:short";
    pub.is_volatile = event == 7;
  } else if (pub.ns == alerts && event == 9) {
    pub.event = "chat:line";
  }
  pub.numbered = pub.ns != video && !pub.tenant.empty() && !pub.latest && pub.event != "chat:line";
  if (pub.ns == alerts) {
    for (const std::string& room : pub.rooms) pub.numbered = pub.numbered && !room.starts_with("zone:");
  }
  pub.data = "{\"n\":" + std::to_string(model_.pubs());
  if (!chance(3)) pub.data += std::string(",\"priority\":\"") + (chance(2) ? "high" : "low") + '"';
  if (chance(3)) pub.data += std::string(",\"alertType\":\"") + (chance(2) ? "a" : "c") + '"';
  if (!pub.key.empty()) pub.data += ",\"metric\":\"" + pub.key + '"';
  pub.data += ",\"fill\":\"" + std::string(random_.below(5) == 0 ? random_.below(600) : random_.below(40), 'x') + "\"}";
  if (!pub.latest && chance(12)) {
    for (std::uint64_t i = random_.below(3); i < 3; ++i) {
      if (!pub.attachments.empty()) pub.data.insert(pub.data.size() - 1, ",");
      pub.data.insert(pub.data.size() - 1, pub.attachments.empty() ? ",\"blobs\":[" : "");
      pub.data.insert(pub.data.size() - 1, "{\"_placeholder\":true,\"num\":" + std::to_string(pub.attachments.size()) + "}");
      pub.attachments.emplace_back(random_.below(3) == 0 ? random_.below(700) : random_.below(20),
                                   static_cast<char>(random_.below(256)));
    }
    pub.data.insert(pub.data.size() - 1, "]");
  }
  const Pub& made = model_.add(std::move(pub));
  sent_.emplace_back(made.index, full);
  const std::size_t shard = random_.below(nodes_.size());
  note("publishes " + made.id() + " " + made.event + " on shard " + std::to_string(shard) + " in " +
       std::string(namespace_name(made.ns)) + " to " + full.front() + (full.size() > 1 ? " and others" : ""));
  send_publication(shard, made, std::move(full));
}

void World::publish_again() {
  if (sent_.empty()) return;
  const auto& [index, full] = sent_[sent_.size() - 1 - random_.below(std::min<std::size_t>(sent_.size(), 10))];
  if (plan_.outages) model_.pub(index).repeated = true;
  note("publishes p" + std::to_string(index) + " again");
  send_publication(random_.below(nodes_.size()), model_.pub(index), full);
}

void World::ask() {
  const std::string tenant = pick(tenants());
  const std::string question = std::to_string(++asks_begun_);
  const std::size_t shard = random_.below(nodes_.size());
  shard::AskRequest request;
  request.what.ns = namespace_name(static_cast<NamespaceId>(random_.below(namespaces_count)));
  request.what.event = "question";
  request.what.data = "{\"ask\":" + question + ",\"tenant\":" + json_string(tenant) + "}";
  request.what.tenant = tenant;
  request.timeout_ms = 1 + static_cast<std::uint32_t>(random_.below(1'000));
  if (chance(3)) {
    nodes_[random_.below(nodes_.size())]->shard->for_each_client([&](const shard::ClientInfo& client) {
      if (request.connection.empty() || chance(3)) request.connection = client.id;
    });
  }
  if (request.connection.empty()) {
    request.what.rooms = {"tenant:" + tenant};
    if (chance(2)) request.what.rooms.push_back("tenant:" + tenant + "/" + pick(held_rooms));
  }
  note("asks " + question + " on shard " + std::to_string(shard));
  nodes_[shard]->shard->set_now(now_);
  nodes_[shard]->shard->ask(
      std::move(request), nullptr,
      [this, tenant, question, over = false](std::expected<std::vector<shard::Answered>, Fault> answers) mutable {
        if (std::exchange(over, true)) violated("question " + question + " was answered twice");
        ++asks_over_;
        if (!answers) violated("question " + question + " was refused: " + answers.error().message);
        std::set<std::string> asked;
        for (const auto& [client, answer] : *answers) {
          if (client.tenant_id != tenant) violated("question " + question + " was put to another tenant's " + client.user_id);
          if (!asked.insert(client.id).second) violated("question " + question + " was put to " + client.id + " twice");
          if (answer.fault) continue;
          ++answered_;
          if (answer.data != "{\"ask\":" + question + ",\"by\":" + json_string(client.user_id) + "}")
            violated("the answer of " + client.user_id + " to question " + question + " is " + answer.data);
        }
      });
}

void World::send_publication(std::size_t shard, const Pub& pub, std::vector<std::string> full_rooms) {
  Node& node = *nodes_[shard];
  node.shard->set_now(now_);
  shard::PublishRequest request;
  request.ns = namespace_name(pub.ns);
  request.rooms = std::move(full_rooms);
  request.event = pub.event;
  request.data = pub.data;
  request.attachments = pub.attachments;
  request.publication_id = pub.id();
  node.shard->publish(std::move(request), nullptr, [this, index = pub.index](shard::PublishAnswer answer) {
    if (answer.fault) violated("p" + std::to_string(index) + " was refused: " + answer.fault->message);
    if (!answer.position.epoch.empty()) model_.placed("p" + std::to_string(index), answer.position);
    if (answer.queued && !model_.outage_between(model_.pub(index).published, model_.now))
      violated("a publication was queued without an outage");
  });
}

}  // namespace sparc::sim
