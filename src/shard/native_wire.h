#pragma once
// The native protocol, sparc.v1.

#include "protocol/native/codec.h"
#include "shard/wire.h"

namespace sparc::shard {

class Shard;

class NativeWire final : public Wire {
 public:
  explicit NativeWire(Shard& shard) : shard_(shard) {}

  void on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) override;
  void welcome(ConnectionId id, Connection& c) override;
  void reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) override;
  void reply_with_attachments(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                              std::string_view attached) override;
  void reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                    std::span<const std::string> attachments) override;
  void refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) override;
  void last_words(ConnectionId id, Connection& c, const Fault& fault) override;
  void close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] bool ping(ConnectionId id, Connection& c) override;
  void token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) override;
  /// Into the shard's `render_`. `attached` is as of reply_with_attachments.
  void render_reply(const Connection& c, std::int64_t request, std::string_view data, std::string_view attached);
  void append_invoke(std::string& out, std::uint16_t form, const protocol::native::InvokeFrame& invoke);
  void reconnect(ConnectionId id, Connection& c, std::uint32_t after_ms, std::string_view reason) override;
  void append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                      Code code) override;
  [[nodiscard]] bool serves_services() const override { return true; }
  [[nodiscard]] std::shared_ptr<const auth::ClaimRules> claims(const Connection&) const override { return nullptr; }
  [[nodiscard]] const protocol::View* view(const Connection&) const override { return nullptr; }
  [[nodiscard]] bool gate_open(const Connection&) const override { return true; }
  void append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) override;
  void append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) override;
  void append_question(std::string& out, std::uint16_t form, std::uint64_t number, const Publication& what,
                       std::uint32_t timeout_ms) override;
  void append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) override;

 private:
  void control_binary(ConnectionId id, Connection& c, std::string_view message);
  Shard& shard_;
};

}  // namespace sparc::shard
