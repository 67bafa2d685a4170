#pragma once
// One transport to a server: the opening handshake, then messages, then the close. Bytes in, bytes out.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/entropy.h"
#include "client/retry.h"
#include "http/response_parser.h"
#include "ws/handshake.h"
#include "ws/receiver.h"

namespace sparc::client {

/// What a link gets, during `Link::feed`. The link may not be fed or destroyed then.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_upgraded() = 0;
  /// The view dies with the call. `stop`: nothing more of this link is wanted.
  virtual ws::Flow on_message(ws::MessageType type, std::string_view payload) = 0;
};

/// Thread: confined to its owner.
class Link final : private ws::ReceiverHandler {
 public:
  Link(ws::ClientHandshake handshake, std::size_t message_bytes_max, Entropy& entropy);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// The request that opens it; none where host, path or token have characters that no request may have.
  [[nodiscard]] std::optional<std::string> opening() const { return ws::upgrade_request(handshake_); }
  /// Pongs and the answer to a close are appended to `out`. An answer is the link's end: nothing may be fed after it.
  [[nodiscard]] std::optional<LinkEnd> feed(std::string_view bytes, std::string& out, LinkEvents& events);

  void append_text(std::string& out, std::string_view payload);
  void append_close(std::string& out, std::uint16_t code, std::string_view reason);
  [[nodiscard]] bool upgraded() const { return receiver_ != nullptr; }

 private:
  ws::Flow on_message(ws::MessageType type, std::string_view payload) override;
  ws::Flow on_ping(std::string_view payload) override;
  ws::Flow on_pong(std::string_view payload) override;
  void on_close(std::uint16_t code, std::string_view reason) override;

  [[nodiscard]] std::optional<LinkEnd> feed_handshake(std::string_view bytes, std::string& out, LinkEvents& events);
  [[nodiscard]] std::optional<LinkEnd> feed_frames(std::string_view bytes, std::string& out, LinkEvents& events);
  [[nodiscard]] LinkEnd refused() const;
  [[nodiscard]] ws::MaskKey mask_key() { return static_cast<ws::MaskKey>(entropy_.next()); }

  ws::ClientHandshake handshake_;
  Entropy& entropy_;
  http::ResponseParser parser_;
  ws::ReceiverOptions receiver_options_;
  std::unique_ptr<ws::Receiver> receiver_;  // once upgraded
  std::string scratch_;                     // the receiver works in place
  LinkEnd close_;                           // of the server's close frame
  std::string* out_ = nullptr;              // during `feed`
  LinkEvents* events_ = nullptr;            // during `feed`
};

}  // namespace sparc::client
