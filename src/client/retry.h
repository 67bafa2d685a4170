#pragma once
// What the end of a connection means for the next one.

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/entropy.h"

namespace sparc::client {

/// How a connection ended.
struct LinkEnd {
  enum class Kind : std::uint8_t {
    lost,       // by the network, or it was never made
    refused,    // the handshake was answered by an HTTP status other than 101
    closed,     // by the server's close frame
    silent,     // nothing came for longer than the heartbeat allows
    timed_out,  // not usable in time
    fault,      // the server sent what it may not
    token,      // there was no token to connect with
  };
  Kind kind = Kind::lost;
  std::uint16_t code = 0;  // WebSocket close code or HTTP status; 0: neither
  std::string reason;
  std::string error_code;           // of the error frame that announced it; empty: none
  std::int64_t retry_after_ms = 0;  // as the server advised; 0: not said
  bool welcomed = false;            // this connection had its `welcome`
};

enum class Next : std::uint8_t {
  stop,     // trying again would end the same
  at_once,  // without waiting, when the connection had been good
  backoff,
  new_token,  // only with another token
};

/// The table of semantics "Errors and close codes". `known_server`: a server at this URL has welcomed this client before, so that a
/// status as 404 is taken for a mishap of something between.
[[nodiscard]] Next next_after(const LinkEnd& end, bool known_server);

/// Full jitter (a random wait below a ceiling that doubles), so that clients that lost the same server do not return together.
class Backoff {
 public:
  static constexpr std::int64_t ceiling_ms_max = 60'000;

  explicit Backoff(std::uint32_t interval_ms) : interval_ms_(interval_ms) {}
  /// The wait before the next attempt; each call counts one.
  [[nodiscard]] std::int64_t next(Entropy& entropy) {
    const auto ceiling = std::min<std::int64_t>(ceiling_ms_max, std::int64_t{interval_ms_} << std::min(attempts_, 16U));
    ++attempts_;
    return static_cast<std::int64_t>(entropy.below(static_cast<std::uint64_t>(ceiling) + 1));
  }
  /// Counts an attempt that does not wait by chance.
  void count() { ++attempts_; }
  void reset() { attempts_ = 0; }
  [[nodiscard]] std::uint32_t attempts() const { return attempts_; }

 private:
  std::uint32_t interval_ms_;
  std::uint32_t attempts_ = 0;
};

}  // namespace sparc::client
