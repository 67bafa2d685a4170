// A whole shard with its broker: the input decides what peers send, byte by byte or as frames, what is published, what sockets take,
// when time passes and when the broker is away. Whatever comes, nothing is left when everybody is gone.

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_signer.h"
#include "broker/memory/memory_broker.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace {

using namespace sparc;

constexpr std::string_view secret = "a secret of the fuzz target, 32 bytes or so";

/// Parts of the input: numbers and texts, zero where it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }
  std::string text(std::size_t most) {
    const std::size_t size = std::min<std::size_t>(most, static_cast<std::size_t>(end_ - at_));
    std::string out(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return out;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

struct Node final : shard::Transport, shard::Host, broker::Post {
  Node() {
    auto settings = std::make_shared<shard::Settings>();
    settings->public_rooms = {"system"};
    settings->limits.fanout_slice_sends = 2;
    settings->limits.control_lane_bytes_max = 4'096;
    settings->deflate = true;
    settings->deflate_window_bits = 9;
    settings->deflate_bytes_min = 32;
    broker::MemoryBrokerSettings stores;
    for (const char* name : {"alerts", "monitoring", "video"}) {
      shard::NamespaceSettings ns;
      ns.name = name;
      ns.history = ns.name != "video";
      ns.lane = ns.history ? session::LanePolicy::catch_up : session::LanePolicy::drop_oldest;
      ns.lane_bytes_max = 2'000;
      ns.events = {
          {"latest", {}, false, true, {"k"}, 0}, {"volatile", {}, true, false, {}, 0}, {"ttl", {}, false, false, {}, 50}};
      ns.vocabulary.fields = {{"k", {"k"}}};
      stores.namespaces.push_back({ns.name, ns.history, 20, 0, 0});
      settings->namespaces.push_back(std::move(ns));
    }
    memory = std::make_unique<broker::MemoryBroker>(std::move(stores), *this, entropy);
    auth::KeySetBuilder keys;
    (void)keys.add_secret(auth::KeyPurpose::user, secret);
    (void)keys.add_secret(auth::KeyPurpose::service, secret);
    auth::PolicyConfig policy;
    policy.public_rooms = settings->public_rooms;
    shard::Authority authority{keys.build(), std::make_shared<auth::ClaimRules>(), std::make_shared<auth::ApiKeys>(),
                               *auth::Policy::make(std::move(policy))};
    it = std::make_unique<shard::Shard>(settings, std::move(authority),
                                        shard::Shard::Parts{*this, memory->door(0), *this, entropy, "fuzz", 0, nullptr}, now);
    memory->door(0).set_listener(*it);
    memory->door(0).on_tick(now);
  }

  void open(std::uint8_t how) {
    if (ids.size() >= 8) return;
    shard::Peer peer;
    peer.exempt = true;
    const auto id = it->on_open(std::move(peer));
    if (!id) return;
    ids.push_back(*id);
    takes[id->slot] = how % 4 == 0 ? 64 : 1'000'000;
    if (how % 5 == 4) return;  // the input speaks HTTP itself
    static const std::string token = auth::sign_hs256(secret, R"({"userId":"u","tenantId":"t","roles":["operator"]})");
    static const std::string service =
        auth::sign_hs256(secret, R"({"sub":"s","aud":"sparc-service","scope":"publish read handle"})");
    give(ids.size() - 1, "GET /ws?token=" + (how % 5 == 3 ? service : token) +
                             " HTTP/1.1\r\nHost: f\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                             (how % 5 == 2 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "") +
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  }
  void give(std::size_t which, std::string bytes) {
    if (!ids.empty()) it->on_bytes(ids[which % ids.size()], bytes);
  }
  void say(std::size_t which, std::string_view json) {
    std::string frame;
    ws::append_masked_frame(frame, ws::Opcode::text, json, 0xa1b2c3d4);
    give(which, std::move(frame));
  }
  void turn() {
    it->set_now(now);
    (void)it->end_of_turn();
  }
  void gone(std::size_t which) {
    if (ids.empty()) return;
    const ConnectionId id = ids[which % ids.size()];
    it->on_closed(id, "gone");
    close(id);
  }

  std::ptrdiff_t send(std::uint32_t slot, std::string_view bytes) override {
    std::size_t& left = takes[slot];
    const std::size_t taken = std::min(left, bytes.size());
    left -= taken;
    return static_cast<std::ptrdiff_t>(taken);
  }
  void close(ConnectionId id) override { std::erase(ids, id); }
  void pause_reading(ConnectionId) override {}
  void resume_reading(ConnectionId) override {}
  void on_request(ConnectionId id, std::uint64_t exchange, const http::Request& request) override {
    it->respond(id, exchange, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", request.keep_alive);
  }
  std::expected<void, Fault> admit(const Identity&) override { return {}; }
  void release(const Identity&) override {}
  bool revoked(const Identity&) override { return false; }
  bool refresh_keys() override { return false; }
  const shard::InlineHandler* inline_handler(std::string_view) override { return nullptr; }
  void client_event(shard::ClientEvent event) override {
    if (event.request) it->answer_event(event.connection, *event.request, {"{}", {}});
  }
  void service_handle(ConnectionId, const ServiceIdentity&, protocol::Handle, Handled done) override { done({}); }
  void service_result(ConnectionId, protocol::Result) override {}
  void ask(shard::ClientAsk ask, shard::AskDone done) override {
    for (const auto& of : asks.begin({it->recipients(ask)}, ask.asker, it->settings().limits, std::move(done))) {
      it->ask_clients(of, *ask.what, ask.timeout_ms);
    }
  }
  void answered(const shard::AskPlace& place, shard::ClientAnswer answer) override {
    asks.answer(place, std::move(answer), it->settings().limits);
  }
  void service_gone(ConnectionId) override {}
  void service_watch(ConnectionId, const ServiceIdentity&, bool, bool) override {}
  void client_connected(const shard::ClientInfo&, NamespaceId) override {}
  void client_disconnected(const shard::ClientInfo&, NamespaceId, std::string_view) override {}
  void message_sent(NamespaceId, std::string_view) override {}
  void presence(StreamKey stream, std::string room,
                std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) override {
    done(it->presence_of(stream, room));
  }
  void access(const Access&, std::string_view) override {}
  void audit(std::string_view, const shard::Peer&, const Identity&, std::string_view) override {}
  bool post(std::uint16_t, std::uint16_t, broker::Message&) override { return false; }

  Now now{1'000, 1'700'000'000'000};
  SeededEntropy entropy{1};
  std::unique_ptr<broker::MemoryBroker> memory;
  std::unique_ptr<shard::Shard> it;
  shard::PendingAsks asks;
  std::vector<ConnectionId> ids;
  std::map<std::uint32_t, std::size_t> takes;
};

constexpr const char* requests[] = {
    R"({"type":"join","id":1,"namespace":"alerts","rooms":["zone:1","system"]})",
    R"({"type":"join","id":2,"namespace":"video","rooms":["zone:1"],"topics":["ttl"]})",
    R"({"type":"join","id":3,"namespace":"monitoring","recover":{"epoch":"x","offset":3}})",
    R"({"type":"subscribe","id":4,"namespace":"alerts","rooms":["zone:2"],"filters":[{"k":["a"]}]})",
    R"({"type":"subscribe","id":5,"namespace":"monitoring","filters":[{"k":["a"],"everyMs":100}]})",
    R"({"type":"unsubscribe","id":6,"namespace":"alerts","rooms":["zone:1","system","tenant:t"]})",
    R"({"type":"leave","id":7,"namespace":"alerts"})",
    R"({"type":"history","id":8,"namespace":"alerts","limit":3})",
    R"({"type":"event","id":9,"namespace":"video","event":"do","data":{"cameraId":"1"}})",
    R"({"type":"publish","id":10,"namespace":"alerts","room":"tenant:t","event":"e","data":1})",
    R"([{"type":"leave","namespace":"video"},{"type":"join","namespace":"video"}])",
    R"({"type":"presence","id":11,"namespace":"alerts","room":"zone:1"})",
    R"({"type":"ask","id":12,"namespace":"alerts","room":"tenant:t","event":"e","timeoutMs":100})",
    R"({"type":"result","callId":"1","data":{"k":"a"}})",
    R"({"type":"result","id":13,"callId":"2","error":{"code":"NO","message":"m"}})",
};

void ask(Node& node, Input& input) {
  const std::uint8_t what = input.byte();
  shard::AskRequest request;
  request.what.ns = what % 2 == 0 ? "alerts" : "video";
  request.what.event = "e";
  request.what.rooms = {what % 3 == 0 ? "tenant:t" : what % 3 == 1 ? "tenant:t/zone:1" : "user:u"};
  request.timeout_ms = input.byte();
  node.it->ask(std::move(request), nullptr, [](const auto&) {});
}

void publish(Node& node, Input& input) {
  static constexpr const char* names[] = {"alerts", "monitoring", "video"};
  static constexpr const char* events[] = {"e", "latest", "volatile", "ttl"};
  static const std::vector<std::string> rooms[] = {
      {"tenant:t"}, {"tenant:t/zone:1"}, {"tenant:t/zone:1", "tenant:t/user:u"}, {"system"}, {"user:u"}};
  const std::uint8_t what = input.byte();
  shard::PublishRequest request;
  request.ns = names[what % 3];
  request.event = events[what / 3 % 4];
  request.rooms = rooms[what / 12 % 5];
  request.data = "{\"k\":\"" + std::string(what % 2 == 0 ? "a" : "b") + "\",\"f\":\"" + std::string(input.byte(), 'f') + "\"}";
  node.it->publish(std::move(request), nullptr, [](const shard::PublishAnswer&) {});
}

void act(Node& node, Input& input, bool& available) {
  switch (input.byte() % 13) {
    case 0: return node.open(input.byte());
    case 1: {
      const std::size_t which = input.byte(), size = input.byte();
      return node.give(which, input.text(size));
    }
    case 2: {
      const std::size_t which = input.byte(), size = input.byte();
      return node.say(which, input.text(size));
    }
    case 3:
    case 4: {
      const std::size_t which = input.byte();
      return node.say(which, requests[input.byte() % std::size(requests)]);
    }
    case 5:
    case 6: return publish(node, input);
    case 7:
      node.now.monotonic_ms += input.byte() * 20;
      node.now.wall_ms = 1'700'000'000'000 + node.now.monotonic_ms;
      return node.memory->door(0).on_tick(node.now);
    case 8: {
      if (node.ids.empty()) return;
      const ConnectionId id = node.ids[input.byte() % node.ids.size()];
      node.takes[id.slot] += input.byte() * 8;
      return node.it->on_writable(id);
    }
    case 9: return node.gone(input.byte());
    case 11: return ask(node, input);
    case 10:
      if (!available && input.byte() % 2 == 0) node.memory->forget();
      available = !available;
      return node.memory->set_available(available);
    default: return node.turn();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Node node;
  Input input(data, size);
  bool available = true;
  while (!input.empty()) act(node, input, available);
  node.memory->set_available(true);
  while (!node.ids.empty()) node.gone(0);
  for (int i = 0; i < 400; ++i) {
    node.now.monotonic_ms += 20;
    node.memory->door(0).on_tick(node.now);
    node.turn();
  }
  std::size_t rooms = 0;
  node.it->for_each_room([&](const shard::Shard::RoomInfo&) { ++rooms; });
  if (rooms != 0 || node.it->connections() != 0 || node.it->counters().outbox_bytes.get() != 0 ||
      node.it->counters().outage_queue.get() != 0)
    std::abort();
  return 0;
}
