#pragma once
// Connections as the simulator sees them: bytes in both directions, short sends, slow readers, resets.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/entropy.h"
#include "base/slab.h"
#include "shard/host.h"

namespace sparc::sim {

/// One connection. Shared by its client and its shard's transport.
struct Link {
  std::uint16_t shard = 0;
  ConnectionId id;
  std::string to_server, to_client;
  std::size_t window = 65'536;  // what the network holds of to_client before sends are short
  bool blocked = false;         // a send was short: on_writable is due
  bool paused = false;          // the server does not read
  bool server_closed = false;   // the client reads what is left, then the end
  bool client_gone = false;     // reset: sends break, on_closed is due
  bool client_closes = false;   // gone once the server has what was sent
  bool vanished = false;        // gone, and nobody tells the server
};

/// The sockets of one shard.
class SimTransport final : public shard::Transport {
 public:
  SimTransport(std::uint64_t seed, unsigned short_send_of) : random_(seed), short_send_of_(short_send_of) {}

  std::ptrdiff_t send(std::uint32_t slot, std::string_view bytes) override {
    Link& link = *links_.at(slot);
    ++sends;
    if (link.client_gone) return random_.below(2) == 0 ? -1 : static_cast<std::ptrdiff_t>(bytes.size());
    const std::size_t room = link.window - std::min(link.window, link.to_client.size());
    std::size_t taken = std::min(room, bytes.size());
    if (taken > 1 && short_send_of_ != 0 && random_.below(short_send_of_) == 0) taken = random_.below(taken);
    link.to_client.append(bytes.substr(0, taken));
    if (taken < bytes.size()) link.blocked = true;
    return static_cast<std::ptrdiff_t>(taken);
  }
  void close(ConnectionId id) override {
    links_.at(id.slot)->server_closed = true;
    links_.erase(id.slot);
  }
  void pause_reading(ConnectionId id) override { links_.at(id.slot)->paused = true; }
  void resume_reading(ConnectionId id) override { links_.at(id.slot)->paused = false; }
  bool hand_over(ConnectionId id, std::uint16_t shard, std::string bytes) override {
    const std::shared_ptr<Link> link = links_.at(id.slot);
    links_.erase(id.slot);
    on_hand_over(link, shard, std::move(bytes));
    return true;
  }

  void open(const std::shared_ptr<Link>& link) { links_[link->id.slot] = link; }
  /// The socket is gone without the shard's doing.
  void forget(ConnectionId id) { links_.erase(id.slot); }
  [[nodiscard]] std::vector<std::shared_ptr<Link>> links() const {
    std::vector<std::shared_ptr<Link>> out;
    for (const auto& [slot, link] : links_) out.push_back(link);
    return out;
  }
  std::uint64_t sends = 0;
  std::function<void(const std::shared_ptr<Link>&, std::uint16_t, std::string)> on_hand_over;

 private:
  SeededEntropy random_;
  unsigned short_send_of_;  // one send of so many is short without need; 0: none
  std::map<std::uint32_t, std::shared_ptr<Link>> links_;
};

}  // namespace sparc::sim
