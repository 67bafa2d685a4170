#pragma once
// The client's half of Engine.IO 4's long-polling, as little as a generator needs.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load/dialect.h"

namespace bench {

struct HttpAnswer {
  int status = 0;
  std::string_view body;
  std::size_t size = 0;  // with its head; 0: incomplete
};

/// The first answer of `bytes`; views them. One without Content-Length ends the program.
[[nodiscard]] HttpAnswer parse_http_answer(std::string_view bytes);

/// The first of the packets of a payload.
[[nodiscard]] inline std::string_view first_packet(std::string_view packets) { return packets.substr(0, packets.find('\x1e')); }

/// The requests of clients that poll. Each has one connection and one request at a time on it: a GET, or a POST where there is
/// something to say, which then is sent instead of the next GET.
/// Thread: confined.
class Polling {
 public:
  Polling(const Dialect& dialect, const std::string& host) : dialect_(dialect), host_(host) {}

  /// The request that makes the session.
  [[nodiscard]] std::string open(std::uint32_t client, Role role, std::uint32_t index);
  /// The packets that an answer brought: none for a POST's. Takes the session's id from the first one.
  [[nodiscard]] std::string_view packets_of(std::uint32_t client, std::string_view body);
  /// A packet for the client's next request.
  void post(std::string_view packet);
  /// What follows an answer; valid until the next call.
  [[nodiscard]] std::string_view next_request(std::uint32_t client);

 private:
  const Dialect& dialect_;
  const std::string& host_;
  std::vector<std::string> gets_;  // by client: its GET, whole; empty for those that do not poll
  std::string posted_;             // packets for the next request
  std::string post_;
};

}  // namespace bench
