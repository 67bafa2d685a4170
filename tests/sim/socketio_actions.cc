// What Socket.IO clients do in a simulated node, and how their connections get around in it, by the seed.

#include "sim/world.h"

#include <cstring>

#include "broker/memory/message.h"

namespace sparc::sim {

namespace {

/// Sessions have names; the server knows where each comes from by an address of its own.
IpAddress address_of(const std::string& name) {
  IpAddress out;
  out.bytes[0] = 0xfd;
  const std::uint64_t hash = std::hash<std::string>{}(name);
  std::memcpy(out.bytes.data() + 8, &hash, sizeof hash);
  return out;
}

}  // namespace

std::shared_ptr<Link> World::dial(const std::string& address) {
  const auto index = static_cast<std::uint16_t>(random_.below(nodes_.size()));
  Node& node = *nodes_[index];
  node.shard->set_now(now_);
  shard::Peer peer;
  peer.address = address_of(address);
  peer.exempt = true;
  const auto id = node.shard->on_open(std::move(peer));
  if (!id) {
    if (!draining_) violated("a connection was refused");
    return nullptr;
  }
  auto link = std::make_shared<Link>();
  link->shard = index;
  link->id = *id;
  static constexpr std::size_t windows[] = {64, 400, 3'000, 100'000};
  link->window = windows[random_.below(4)];
  node.transport->open(link);
  ++connects_;
  return link;
}

std::string World::end_of(const std::string& address) const {
  const auto found = ends_.find(address_of(address).text());
  return found == ends_.end() ? std::string() : found->second;
}

void World::take_arrivals(std::size_t index, bool everything) {
  Node& node = *nodes_[index];
  while (!node.arrivals.empty() && (everything || chance(2))) {
    Node::Arrival arrival = std::move(node.arrivals.front());
    node.arrivals.pop_front();
    const auto id = node.shard->on_open(std::move(arrival.peer));
    if (!id) {
      arrival.link->server_closed = true;
      continue;
    }
    ++node.moves;
    arrival.link->shard = static_cast<std::uint16_t>(index);
    arrival.link->id = *id;
    node.transport->open(arrival.link);
    node.shard->on_bytes(*id, arrival.bytes);
  }
}

/// A client is not back before a message between two threads has arrived.
void World::deliver_records() {
  for (std::size_t to = 0; to < nodes_.size(); ++to) {
    for (auto& queue : nodes_[to]->mail) {
      for (auto at = queue.begin(); at != queue.end();) {
        const auto* request = std::get_if<std::unique_ptr<broker::Request>>(&at->second);
        if (request == nullptr || !std::holds_alternative<broker::RecordRequest>((*request)->what)) {
          ++at;
          continue;
        }
        broker::Message message = std::move(at->second);
        at = queue.erase(at);
        --nodes_[to]->mail_items;
        broker_->door(static_cast<std::uint16_t>(to)).on_message(std::move(message));
      }
    }
  }
}

void World::go_on(SocketIoClient& client, std::size_t most) {
  if (client.slow && !chance(4)) return;
  for (std::uint64_t times = 1 + random_.below(6); times > 0; --times) {
    client.read(most);
    client.go_on(false);
    if (chance(3)) turn(random_.below(nodes_.size()), false);
  }
}

void World::act(SocketIoClient& client) {
  if (!client.connected()) {
    deliver_records();
    if (chance(3) || client.persona().expires_ms <= now_.wall_ms) client.renew(renewed(client.persona()));
    client.connect();
    return note(client.name() + " of " + client.persona().tenant + " begins a session on shard " +
                std::to_string(client.engine()->shard()));
  }
  if (!client.ready()) {
    if (chance(40)) client.cut();
    return;
  }
  const auto ns = static_cast<NamespaceId>(random_.below(namespaces_count));
  const auto what = random_.below(120);
  const std::string who = client.name() + " " + std::string(namespace_name(ns)) + ": ";
  if (what >= 106) {
    if (what < 107) {
      note(who + "closes");
      client.close();
    } else if (what < 110) {
      note(who + "is cut off");
      client.cut();
    } else if (what < 112) {
      note(who + "vanishes");
      client.vanish();
    } else if (what < 119) {
      client.disturb();
    } else {
      kick(client);
    }
    return;
  }
  if (client.seat(ns) == nullptr) {
    const bool recover = !chance(5);
    if (client.join(ns, recover)) note(who + "connects" + (recover ? ", recovering" : ""));
  } else if (what < 44) {
    const std::string room = some_room();
    const bool adds = !chance(3);
    if (client.subscribe(ns, "{\"channels\":[\"" + room + "\"]}", adds))
      note(who + (adds ? "subscribes " : "unsubscribes ") + room);
  } else if (what < 64) {
    static const std::vector<std::string> choices{R"({"channels":["incidents"]})",
                                                  R"({"eventTypes":["incidents","alert:created"]})", R"({"priorities":["high"]})",
                                                  R"({"alertTypes":["a","b"],"priorities":["low"]})"};
    const std::string& choice = pick(choices);
    const bool adds = chance(2);
    if (client.subscribe(ns, choice, adds)) note(who + (adds ? "chooses " : "chooses no more ") + choice);
  } else if (what < 68) {
    if (client.leave(ns)) note(who + "leaves");
  } else if (what < 80) {
    (void)client.event(ns);
  } else if (what < 84) {
    client.renew(renewed(client.persona()));
    if (client.refresh(ns)) note(who + "refreshes its token");
  }
}

void World::kick(SocketIoClient& client) {
  shard::Shard& shard = *nodes_[client.engine()->shard()]->shard;
  shard.set_now(now_);
  std::vector<std::string> ids;
  shard.for_each_client([&](const shard::ClientInfo& info) {
    if (info.address == address_of(client.engine()->address()).text()) ids.push_back(info.id);
  });
  if (ids.empty()) return;
  const bool by_packet = chance(2);
  note(client.name() + " is told to go" + (by_packet ? " by a packet" : ""));
  client.expect_end(by_packet);
  (void)shard.disconnect(shard::Shard::Match::connection, pick(ids), {}, by_packet ? Code::FORBIDDEN : Code::SLOW_CONSUMER,
                         "told to go");
}

void World::drain() {
  constexpr std::uint32_t window_ms = 1'000;
  draining_ = true;
  for (auto& node : nodes_) {
    node->shard->set_now(now_);
    node->shard->drain(window_ms);
  }
  pass(60, 200);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->shard->drained()) violated("shard " + std::to_string(i) + " is not drained");
  }
  for (auto& client : clients_) {
    if (client->connected()) violated(client->name() + " does not know that the node drained");
  }
  for (auto& client : socketio_) {
    if (client->connected()) violated(client->name() + " does not know that the node drained");
  }
}

void World::pass(std::size_t rounds, std::int64_t ms) {
  for (std::size_t round = 0; round < rounds; ++round) {
    ++model_.now;
    for (std::size_t i = 0; i < nodes_.size(); ++i) turn(i, true);
    for (auto& client : clients_) client->read(SIZE_MAX);
    for (auto& client : socketio_) {
      client->read(SIZE_MAX);
      client->go_on(true);
    }
    advance(ms);
  }
}

}  // namespace sparc::sim
