#pragma once
// What each kind of server wants to hear and says: the part of a measurement that differs between peers.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/options.h"

namespace bench {

enum class Role : std::uint8_t {
  subscriber,    // gets every publication
  publisher,     // its publications go to all subscribers
  echo,          // gets back what it sends
  caller,        // sends client events and gets replies
  other_room,    // sparc: holds rooms nobody publishes to
  other_tenant,  // sparc: the only connection of its tenant
};

enum class Heard : std::uint8_t { nothing, ready, ping, gap, reply, error };

class Dialect {
 public:
  virtual ~Dialect() = default;

  /// Whether clients of the role come by Engine.IO's long-polling (load/polling.h); otherwise each is a WebSocket.
  virtual bool polls(Role) const { return false; }
  /// The path and the header lines beyond those of every upgrade or poll (each with its CRLF).
  virtual std::string path(Role role) const = 0;
  virtual std::string headers(Role, std::uint32_t /*index*/) const { return {}; }
  /// The message to send as soon as the upgrade is answered; empty: none.
  virtual std::string opening(Role, std::uint32_t /*index*/) const { return {}; }
  /// Whether the connection is ready with the upgrade itself; otherwise `hear` says when.
  virtual bool ready_when_upgraded(Role role) const = 0;
  /// What a message without a stamp means.
  virtual Heard hear(Role, std::string_view /*message*/) const { return Heard::nothing; }
  /// What to send to a connection after it heard something: the opening that had to wait, or the answer to a ping; empty: nothing.
  virtual std::string answer(Role, std::uint32_t /*index*/, std::string_view /*message*/) const { return {}; }
  /// Publications that a message with a gap says are lost.
  virtual std::uint64_t announced(std::string_view /*message*/) const { return 0; }
  /// The message that publishes this payload, framed for the wire.
  virtual void append_publication(std::string& out, std::string_view payload) const = 0;
  /// The message that is echoed unchanged, with `size` bytes of payload.
  virtual std::string echo_text(std::size_t size) const { return std::string(size, 'x'); }
  /// A client event that asks for the reply `id`; and the ids of the replies in a message.
  virtual std::string call(std::uint32_t /*id*/, std::string_view /*event*/, std::string_view /*data*/) const { return {}; }
  virtual void replies(std::string_view /*message*/, std::vector<std::uint32_t>& /*ids*/) const {}
};

/// By name; ends the program for an unknown one.
[[nodiscard]] std::unique_ptr<Dialect> make_dialect(const Options& options);

/// sparc: the message of the priority mode's second stream.
void append_sparc_publication(std::string& out, std::string_view ns, std::string_view tenant, std::string_view event,
                              std::string_view payload);

}  // namespace bench
