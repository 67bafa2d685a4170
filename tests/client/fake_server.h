#pragma once
// The server's side of transports, without sockets: answers handshakes, keeps what a client sent, and speaks as it is told.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/actions.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"
#include "ws/receiver.h"

namespace sparc::client {

inline constexpr std::string_view welcome_frame =
    R"({"type":"welcome","connectionId":"c1","userId":"u1","tenantId":"t1","pingInterval":30000,"pingTimeout":5000,)"
    R"("maxPayload":4096,"expiresIn":3540,"reconnectDelayMs":400})";

inline std::string text_frame(std::string_view json) {
  std::string out;
  ws::append_text_frame(out, json);
  return out;
}

/// One transport as the server sees it.
class FakePeer final : private ws::ReceiverHandler {
 public:
  void feed(std::string_view bytes) {
    if (head_done_) {
      frames_in(std::string(bytes));
      return;
    }
    head += bytes;
    const auto end = head.find("\r\n\r\n");
    if (end == std::string::npos) return;
    head_done_ = true;
    std::string rest = head.substr(end + 4);
    head.resize(end + 4);
    if (!rest.empty()) frames_in(std::move(rest));
  }
  /// The answer that accepts the handshake.
  [[nodiscard]] std::string accepts() const {
    constexpr std::string_view field = "Sec-WebSocket-Key: ";
    const auto begin = head.find(field) + field.size();
    return ws::upgrade_response(head.substr(begin, head.find("\r\n", begin) - begin), "sparc.v1.json", "");
  }
  std::vector<std::string> take() { return std::exchange(texts_, {}); }

  std::string head;              // of the client's request
  std::uint16_t close_code = 0;  // of the client's close frame; 0: none came

 private:
  void frames_in(std::string bytes) {
    const auto fed = receiver_.feed(bytes, *this);
    EXPECT_NE(fed.status, ws::Receiver::Status::fault) << fed.fault.detail;
  }
  ws::Flow on_message(ws::MessageType, std::string_view payload) override {
    texts_.emplace_back(payload);
    return ws::Flow::go_on;
  }
  ws::Flow on_ping(std::string_view) override { return ws::Flow::go_on; }
  ws::Flow on_pong(std::string_view payload) override {
    texts_.push_back("pong " + std::string(payload));
    return ws::Flow::go_on;
  }
  void on_close(std::uint16_t code, std::string_view) override { close_code = code; }

  bool head_done_ = false;
  ws::ReceiverOptions options_;
  ws::Receiver receiver_{ws::Role::server, ws::Compression::none, options_};
  std::vector<std::string> texts_;
};

}  // namespace sparc::client
