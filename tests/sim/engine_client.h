#pragma once
// An Engine.IO v4 client over the simulated network: by polling, by WebSocket, or by polling with an upgrade.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/entropy.h"
#include "http/response_parser.h"
#include "protocol/socketio/engine_packet.h"
#include "sim/network.h"
#include "ws/receiver.h"

namespace sparc::sim {

/// How the simulated node is reached.
class Dialler {
 public:
  virtual ~Dialler() = default;
  /// A connection to a shard that the seed chooses; null: refused.
  virtual std::shared_ptr<Link> dial(const std::string& address) = 0;
};

/// One session, from its first request to its end. What a client of the reference would do next is a step of `go_on`, so that a seed
/// decides when it does it; what no client would do is a method of its own.
class EngineClient final : private ws::ReceiverHandler {
 public:
  enum class Way : std::uint8_t { polling, websocket, upgrade };
  struct Owner {
    virtual ~Owner() = default;
    virtual void on_open() = 0;
    virtual void on_text(std::string_view message) = 0;
    virtual void on_binary(std::string_view message) = 0;
    /// The session is over for the client, and not by its own doing.
    virtual void on_lost(std::string why) = 0;
  };

  /// `address` names the session in what the server tells of its clients.
  EngineClient(Owner& owner, Dialler& dialler, std::string address, Way way, std::uint64_t seed);
  /// `query` follows the first request's, `header` is one more line of it; both may be empty.
  void begin(std::string query, std::string header, std::int64_t now_ms);

  /// A message: its bytes follow the packet type.
  void send(std::string text) { queue_.push_back('4' + std::move(text)); }
  /// Reads up to `most` bytes of one of its connections; SIZE_MAX: all that there is.
  void read(std::size_t most);
  /// What it would do next. `all`: everything; else some, by the seed.
  void go_on(bool all, std::int64_t now_ms);

  // Its own end of the session; false where its state does not allow it.
  bool close();
  bool cut();
  /// The server learns nothing of it.
  void vanish();
  // Faults that are no end.
  bool cut_probe();
  bool give_up_probe();
  void be_late_with_pongs() { late_ = true; }

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool open() const { return !sid_.empty() && !over_; }
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool upgraded() const { return transport_ == Way::websocket; }
  /// It has said `5`, and nothing has come since: the server may have given the upgrade up.
  [[nodiscard]] bool unsure() const { return unsure_; }
  [[nodiscard]] std::uint16_t shard() const { return shard_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::int64_t began_ms() const { return began_ms_; }
  [[nodiscard]] std::size_t unread() const;

 private:
  enum class Probe : std::uint8_t { none, dialled, open, asked, answered };
  /// A request that waits for its answer.
  struct Exchange {
    std::shared_ptr<Link> link;
    std::unique_ptr<http::ResponseParser> parser;
    explicit operator bool() const { return link != nullptr; }
  };
  ws::Flow on_message(ws::MessageType type, std::string_view payload) override;
  ws::Flow on_ping(std::string_view) override { return ws::Flow::go_on; }
  ws::Flow on_pong(std::string_view) override { return ws::Flow::go_on; }
  void on_close(std::uint16_t, std::string_view) override {}

  [[nodiscard]] bool some() { return all_ || random_.below(2) == 0; }
  bool request(Exchange& exchange, std::string_view method, std::string_view body, std::string_view query,
               std::string_view header);
  void dial_websocket(std::string_view query, std::string_view header);
  void read_exchange(Exchange& exchange, std::size_t most);
  void read_websocket(std::size_t most);
  void on_poll(const http::Response& response);
  void on_packet(const protocol::socketio::EnginePacket& packet);
  void on_open_packet(std::string_view json);
  void write(std::string_view packet);
  void drop_probe();
  void lost(std::string why);
  void hang_up();

  Owner& owner_;
  Dialler& dialler_;
  std::string address_;
  Way way_;
  Way transport_;
  SeededEntropy random_;
  std::string sid_;
  std::uint16_t shard_ = 0;
  Exchange get_, post_;
  std::vector<std::shared_ptr<Link>> spare_;  // kept alive
  std::shared_ptr<Link> websocket_;
  Probe probe_ = Probe::none;
  bool switched_ = false;  // the 101 came
  bool probed_ = false;    // one attempt a session, unless the seed says more
  std::string head_;
  ws::ReceiverOptions options_;
  std::optional<ws::Receiver> receiver_;
  std::vector<std::string> queue_;
  bool pong_due_ = false, late_ = false, over_ = false, unsure_ = false, all_ = false;
  std::int64_t now_ms_ = 0, began_ms_ = 0;
};

}  // namespace sparc::sim
