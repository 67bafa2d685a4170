#pragma once
// How one dialect says what a session has to say. Sessions, rooms and lanes are the same for all of them.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/claims.h"
#include "base/codes.h"
#include "base/publication.h"
#include "base/slab.h"
#include "protocol/view.h"
#include "session/outbox.h"
#include "shard/connection.h"

namespace sparc::shard {

/// One object of each dialect a shard; a connection names its own once it is known which it speaks.
/// Thread: confined to the shard.
class Wire {
 public:
  virtual ~Wire() = default;

  // Of one connection.
  virtual void on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) = 0;
  /// Who it is was accepted: the first thing that it is told.
  virtual void welcome(ConnectionId id, Connection& c) = 0;
  /// `data` is a JSON object.
  virtual void reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) = 0;
  /// `attached`: attachments of events in `data`, one behind the other; left out where the wire has no history to show.
  virtual void reply_with_attachments(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                                      std::string_view attached) {
    (void)attached;
    reply(id, c, request, data);
  }
  /// The answer to an event, where it has attachments that placeholders in `data` name.
  virtual void reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                            std::span<const std::string> attachments) = 0;
  virtual void refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) = 0;
  /// What ends the connection, said before `close`.
  virtual void last_words(ConnectionId id, Connection& c, const Fault& fault) = 0;
  /// The session has ended already. The connection goes when the peer answers, or after limits.close_ms.
  virtual void close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) = 0;
  /// False: no sign of life is to follow, the transport has its own heartbeat.
  [[nodiscard]] virtual bool ping(ConnectionId id, Connection& c) = 0;
  virtual void token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) = 0;
  virtual void reconnect(ConnectionId id, Connection& c, std::uint32_t after_ms, std::string_view reason) = 0;
  virtual void append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                              Code code) = 0;

  // What identities are on this wire.
  /// API keys and services' tokens are taken.
  [[nodiscard]] virtual bool serves_services() const { return false; }
  /// Null: those of the configuration.
  [[nodiscard]] virtual std::shared_ptr<const auth::ClaimRules> claims(const Connection& c) const = 0;
  /// What the connection is seen through; null: nothing stands between it and its namespaces.
  [[nodiscard]] virtual const protocol::View* view(const Connection& c) const = 0;
  /// Identity rooms are entered. False: not until the client asks for it.
  [[nodiscard]] virtual bool gate_open(const Connection& c) const = 0;

  // By class of subscribers, frame headers included. Nothing appended: such connections are not told.
  virtual void append_publication(std::string& out, std::uint16_t form, const Publication& publication,
                                  std::string_view room) = 0;
  virtual void append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) = 0;
  virtual void append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) = 0;
  /// A question, whose answer goes to Shard::client_answered under `number`. Nothing appended: nobody would answer it.
  virtual void append_question(std::string& out, std::uint16_t form, std::uint64_t number, const Publication& what,
                               std::uint32_t timeout_ms) {
    (void)out, (void)form, (void)number, (void)what, (void)timeout_ms;
  }
};

}  // namespace sparc::shard
