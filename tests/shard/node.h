#pragma once
// One shard with its broker and connections in memory, for tests that say what happens step by step.

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/token_signer.h"
#include "broker/memory/memory_broker.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"
#include "ws/receiver.h"

namespace sparc::shard {

inline constexpr std::string_view node_secret = "a secret for tests of the shard, of 32 bytes";

/// Namespaces alerts (history, most urgent) and video (none, drop-oldest); rooms camera:* and zone:*; public room system.
inline Settings test_settings() {
  Settings settings;
  settings.public_rooms = {"system"};
  settings.limits.connection_messages = {100'000, 1'000};
  NamespaceSettings alerts;
  alerts.name = "alerts";
  alerts.history = true;
  alerts.priority = 0;
  alerts.lane = session::LanePolicy::catch_up;
  NamespaceSettings video;
  video.name = "video";
  video.priority = 30;
  settings.namespaces = {alerts, video};
  return settings;
}

/// The same with a view of `alerts` for Socket.IO, at /alerts.
inline Settings socketio_settings() {
  Settings settings = test_settings();
  protocol::View view;
  view.name = "alerts";
  view.socketio_namespace = "/alerts";
  view.namespaces = {"alerts"};
  settings.views.push_back(std::move(view));
  return settings;
}

/// The shard's way to its broker, where a test can do something in between.
class Gate final : public broker::Broker {
 public:
  broker::Broker* to = nullptr;
  std::function<void()> before_read;  // each time
  bool holds_enters = false;          // of tenants' streams
  std::vector<std::pair<broker::Ticket, StreamKey>> held;
  std::vector<StreamKey> left;
  bool holds_records = false;  // that are taken
  std::vector<std::pair<broker::Ticket, std::string>> held_records;

  void publish(broker::Ticket ticket, Publication publication) override { to->publish(ticket, std::move(publication)); }
  void enter(broker::Ticket ticket, const StreamKey& stream) override {
    if (!holds_enters || stream.tenant.empty()) return to->enter(ticket, stream);
    held.emplace_back(ticket, stream);
  }
  void leave(const StreamKey& stream) override {
    left.push_back(stream);
    to->leave(stream);
  }
  void read(broker::Ticket ticket, const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits) override {
    if (before_read) before_read();
    to->read(ticket, stream, std::move(since), limits);
  }
  void latest(broker::Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) override {
    to->latest(ticket, stream, std::move(rooms));
  }
  void attached(broker::IdKind kind, std::string_view id, std::string_view tenant) override { to->attached(kind, id, tenant); }
  void detached(broker::IdKind kind, std::string_view id, std::string_view tenant) override { to->detached(kind, id, tenant); }
  void tenants_of(broker::Ticket ticket, broker::IdKind kind, std::string_view id) override { to->tenants_of(ticket, kind, id); }
  void keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) override {
    to->keep_record(key, value, ttl_ms);
  }
  void take_record(broker::Ticket ticket, std::string_view key) override {
    if (!holds_records) return to->take_record(ticket, key);
    held_records.emplace_back(ticket, key);
  }
  void take_points(broker::Ticket ticket, std::string_view name, Rate rate, std::uint32_t points) override {
    to->take_points(ticket, name, rate, points);
  }
  void on_tick(Now now) override { to->on_tick(now); }
};

class Node : public Transport, public Host, public broker::Post {
 public:
  explicit Node(Settings settings = test_settings()) {
    broker::MemoryBrokerSettings stores;
    for (const NamespaceSettings& ns : settings.namespaces) stores.namespaces.push_back({ns.name, ns.history, 0, 0, 0});
    broker_ = std::make_unique<broker::MemoryBroker>(std::move(stores), *this, entropy_);
    gate.to = &broker_->door(0);
    auth::KeySetBuilder keys;
    EXPECT_TRUE(keys.add_secret(auth::KeyPurpose::user, node_secret));
    auth::PolicyConfig policy;
    policy.shipped_rules = false;
    policy.public_rooms = settings.public_rooms;
    policy.rooms = {{"*", "camera:*", {}, false, true, true}, {"*", "zone:*", {}, false, false, true}};
    Authority authority{keys.build(), std::make_shared<auth::ClaimRules>(), std::make_shared<auth::ApiKeys>(),
                        *auth::Policy::make(std::move(policy))};
    shard = std::make_unique<Shard>(std::make_shared<const Settings>(std::move(settings)), std::move(authority),
                                    Shard::Parts{*this, gate, *this, entropy_, "test", 0, nullptr}, now);
    broker_->door(0).set_listener(*shard);
    broker_->door(0).on_tick(now);
  }

  /// A connection with a token of that user; `takes` bytes are taken by its socket before it is full.
  ConnectionId connect(const std::string& user, const std::string& tenant, std::size_t takes = SIZE_MAX) {
    return connect_to(
        "/ws?token=" + auth::sign_hs256(node_secret, auth::claims_json(auth::UserClaims{user, tenant, {}, {}, 0}, now)), takes);
  }
  ConnectionId open(std::size_t takes = SIZE_MAX) {
    Peer peer;
    peer.exempt = true;
    const ConnectionId id = *shard->on_open(std::move(peer));
    takes_[id.slot] = takes;
    receivers_.erase(id.slot);  // of the slot's last connection
    sent.erase(id.slot);
    return id;
  }
  /// A WebSocket at that target.
  ConnectionId connect_to(const std::string& target, std::size_t takes = SIZE_MAX) {
    const ConnectionId id = open(takes);
    give(id, "GET " + target + " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    return id;
  }
  void give(ConnectionId id, std::string bytes) {
    shard->on_bytes(id, bytes);
    turn();
  }
  void say(ConnectionId id, std::string_view json) {
    std::string frame;
    ws::append_masked_frame(frame, ws::Opcode::text, json, 0x12345678);
    give(id, std::move(frame));
  }
  void turn() {
    shard->set_now(now);
    for (int i = 0; i < 10'000 && shard->end_of_turn() == 0; ++i) {
    }
  }
  void advance(std::int64_t ms) {
    now.monotonic_ms += ms;
    now.wall_ms += ms;
    broker_->door(0).on_tick(now);
    turn();
  }
  /// The socket takes so many bytes more.
  void drain(ConnectionId id, std::size_t bytes) {
    takes_[id.slot] = bytes;
    shard->on_writable(id);
    turn();
  }
  PublishAnswer publish(std::string ns, std::vector<std::string> rooms, std::string event, std::string data) {
    auto out = std::make_shared<PublishAnswer>();  // within a callback of the broker the answer comes later
    shard->publish({std::move(ns), std::move(rooms), std::move(event), std::move(data), {}, {}, {}, {}}, nullptr,
                   [out](PublishAnswer answer) { *out = std::move(answer); });
    return *out;
  }

  /// The messages that a connection got since the last call.
  std::vector<std::string> messages(ConnectionId id) {
    struct Reader final : ws::ReceiverHandler {
      std::vector<std::string> out;
      ws::Flow on_message(ws::MessageType, std::string_view payload) override {
        out.emplace_back(payload);
        return ws::Flow::go_on;
      }
      ws::Flow on_ping(std::string_view) override { return ws::Flow::go_on; }
      ws::Flow on_pong(std::string_view) override { return ws::Flow::go_on; }
      void on_close(std::uint16_t code, std::string_view reason) override {
        out.push_back("close " + std::to_string(code) + ' ' + std::string(reason));
      }
    } reader;
    std::string bytes = std::exchange(sent[id.slot], {});
    auto& receiver = receivers_[id.slot];
    if (!receiver) {
      const std::size_t end = bytes.find("\r\n\r\n");
      EXPECT_NE(end, std::string::npos);
      bytes.erase(0, end + 4);
      receiver = std::make_unique<ws::Receiver>(ws::Role::client, ws::Compression::none, options_);
    }
    EXPECT_NE(receiver->feed(std::span<char>(bytes), reader).status, ws::Receiver::Status::fault);
    return std::move(reader.out);
  }

  // Transport
  std::ptrdiff_t send(std::uint32_t slot, std::string_view bytes) override {
    const std::size_t taken = std::min(bytes.size(), takes_[slot]);
    if (takes_[slot] != SIZE_MAX) takes_[slot] -= taken;
    sent[slot] += bytes.substr(0, taken);
    return static_cast<std::ptrdiff_t>(taken);
  }
  void close(ConnectionId id) override { closed.push_back(id); }
  void pause_reading(ConnectionId) override {}
  void resume_reading(ConnectionId) override {}

  // Host
  void on_request(ConnectionId, std::uint64_t, const http::Request&) override {}
  std::expected<void, Fault> admit(const Identity&) override { return {}; }
  void release(const Identity&) override {}
  bool revoked(const Identity&) override { return false; }
  bool refresh_keys() override { return false; }
  const InlineHandler* inline_handler(std::string_view) override { return nullptr; }
  void client_event(ClientEvent) override {}
  void service_handle(ConnectionId, const ServiceIdentity&, protocol::Handle, Handled done) override { done({}); }
  void service_result(ConnectionId, protocol::Result) override {}
  void ask(ClientAsk ask, AskDone done) override {
    for (const auto& of : asks.begin({shard->recipients(ask)}, ask.asker, shard->settings().limits, std::move(done))) {
      shard->ask_clients(of, *ask.what, ask.timeout_ms);
    }
  }
  void answered(const AskPlace& place, ClientAnswer answer) override {
    asks.answer(place, std::move(answer), shard->settings().limits);
  }
  void service_gone(ConnectionId) override {}
  void service_watch(ConnectionId, const ServiceIdentity&, bool, bool) override {}
  void client_connected(const ClientInfo&, NamespaceId) override {}
  void client_disconnected(const ClientInfo&, NamespaceId, std::string_view) override {}
  void message_sent(NamespaceId, std::string_view) override {}
  void presence(StreamKey stream, std::string room, std::move_only_function<void(std::vector<PresenceEntry>)> done) override {
    done(shard->presence_of(stream, room));
  }
  void access(const Access&, std::string_view) override {}
  void audit(std::string_view, const Peer&, const Identity&, std::string_view) override {}
  bool post(std::uint16_t, std::uint16_t, broker::Message&) override { return false; }

  [[nodiscard]] broker::MemoryBroker& memory() { return *broker_; }

  Now now{1'000, 1'700'000'000'000};
  std::map<std::uint32_t, std::string> sent;  // by slot
  std::vector<ConnectionId> closed;
  Gate gate;
  std::unique_ptr<Shard> shard;
  PendingAsks asks;

 private:
  SeededEntropy entropy_{7};
  std::unique_ptr<broker::MemoryBroker> broker_;
  std::map<std::uint32_t, std::size_t> takes_;
  ws::ReceiverOptions options_;
  std::map<std::uint32_t, std::unique_ptr<ws::Receiver>> receivers_;
};

/// A token of a user of tenant `t`.
inline std::string token_of(const Node& node, const std::string& user = "u") {
  return auth::sign_hs256(node_secret, auth::claims_json(auth::UserClaims{user, "t", {}, {}, 0}, node.now));
}

/// A Socket.IO session by WebSocket, with a socket in /alerts; `more` are further members of what CONNECT says.
inline ConnectionId open_websocket(Node& node, const std::string& more = {}, const std::string& user = "u") {
  const ConnectionId id = node.connect_to("/socket.io/?EIO=4&transport=websocket");
  node.say(id, "40/alerts,{\"token\":\"" + token_of(node, user) + "\"" + more + "}");
  return id;
}

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace sparc::shard
