#pragma once
// The older plain-WebSocket services: JSON messages with channels, seen through a view.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/view_map.h"
#include "shard/wire.h"

namespace sparc::shard {

class Shard;

/// What a raw-ws connection keeps beside its session.
struct RawWsPeer final : Speaks {
  std::shared_ptr<const protocol::View> view;
  std::shared_ptr<const auth::ClaimRules> claims;
  protocol::ChannelSet channels = 0;
  bool token_missing = false;
  std::uint16_t joins_left = 0, joins_done = 0;
  std::int64_t requests = 0;       // numbers given
  bool greeted = false;            // `connection` was sent
  std::vector<std::string> early;  // messages before that: who sends at once loses none, and is greeted first
  std::size_t early_bytes = 0;
  std::vector<std::int64_t> joins;  // requests that are joins
};

class RawWsWire final : public Wire {
 public:
  explicit RawWsWire(Shard& shard) : shard_(shard) {}

  /// The view of a path, on this host; null: none.
  [[nodiscard]] std::shared_ptr<const protocol::View> view_of(std::string_view path, std::string_view host) const;
  /// The WebSocket is there; whoever it is follows.
  void begin(Connection& c, std::shared_ptr<const protocol::View> view);

  /// Who it is by its token; without one the anonymous identity of the path or the view, or a refusal.
  void identify(ConnectionId id, Connection& c, std::string token);

  void on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) override;
  void welcome(ConnectionId id, Connection& c) override;
  void reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) override;
  void reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                    std::span<const std::string> attachments) override;
  void refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) override;
  void last_words(ConnectionId, Connection&, const Fault&) override {}
  void close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] bool ping(ConnectionId id, Connection& c) override;
  void token_expiring(ConnectionId, Connection&, std::int64_t) override {}
  void reconnect(ConnectionId, Connection&, std::uint32_t, std::string_view) override {}  // the close says it
  void append_evicted(std::string&, const Connection&, std::string_view, std::span<const std::string>, Code) override {}
  [[nodiscard]] std::shared_ptr<const auth::ClaimRules> claims(const Connection& c) const override;
  [[nodiscard]] const protocol::View* view(const Connection& c) const override;
  [[nodiscard]] bool gate_open(const Connection&) const override { return true; }
  void append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) override;
  void append_position(std::string&, std::uint16_t, NamespaceId, const Position&) override {}
  void append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) override;

 private:
  void joined(ConnectionId id, Connection& c);
  void handle(ConnectionId id, Connection& c, std::string_view text);
  void hold(ConnectionId id, Connection& c, protocol::ChannelSet channels);
  void say(ConnectionId id, Connection& c, std::string_view json);
  [[nodiscard]] std::uint16_t form_of(const RawWsPeer& peer);
  void ask(ConnectionId id, Connection& c, protocol::Command command);

  Shard& shard_;
  std::string shown_;
};

}  // namespace sparc::shard
