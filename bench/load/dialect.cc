#include "load/dialect.h"

#include <charconv>
#include <ctime>

#include "load/wire.h"

namespace bench {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Servers with one topic: what the publisher sends is passed on to all. /subscribe, /publish and /echo are their paths.
class Plain : public Dialect {
 public:
  std::string path(Role role) const override {
    return role == Role::publisher ? "/publish" : role == Role::subscriber ? "/subscribe" : "/echo";
  }
  bool ready_when_upgraded(Role) const override { return true; }
  void append_publication(std::string& out, std::string_view payload) const override {
    append_client_frame(out, Opcode::text, payload);
  }
};

/// The floor passes on bytes: the publisher sends the frames that subscribers are to receive.
class RawFloor final : public Plain {
 public:
  void append_publication(std::string& out, std::string_view payload) const override {
    append_server_frame(out, Opcode::text, payload);
  }
};

/// `count` of each gap that the message tells of.
std::uint64_t counts_behind(std::string_view message, std::string_view gap) {
  static constexpr std::string_view key = "\"count\":";
  std::uint64_t sum = 0;
  for (std::size_t at = message.find(gap); at != std::string_view::npos; at = message.find(gap, at + 1)) {
    const std::size_t count = message.find(key, at);
    if (count == std::string_view::npos) continue;
    std::uint64_t value = 0;
    std::from_chars(message.data() + count + key.size(), message.data() + message.size(), value);
    sum += value;
  }
  return sum;
}

/// Socket.IO 5 over Engine.IO 4, by WebSocket or by long-polling: `0` open, `1` close, `2`/`3` heartbeat; `40` connect, `42…[…]` event,
/// `43…[…]` acknowledgement, `44` refusal.
class SocketIoPackets {
 public:
  SocketIoPackets(const Options& options, std::string_view nsp)
      : polls_(options.text("transport") == "polling"), nsp_(nsp == "/" ? std::string() : std::string(nsp) + ",") {
    if (!polls_ && options.text("transport") != "websocket") give_up("--transport is websocket or polling");
  }

  [[nodiscard]] bool polls() const { return polls_; }
  [[nodiscard]] std::string path(bool polls) const {
    return std::string("/socket.io/?EIO=4&transport=") + (polls ? "polling" : "websocket");
  }
  [[nodiscard]] static Heard hear(std::string_view message) {
    if (message.starts_with("40")) return Heard::ready;
    if (message.starts_with("41") || message.starts_with("44") || message.starts_with('1') || has(message, "[\"error\","))
      return Heard::error;
    if (message.starts_with("42") && has(message, "[\"gap\",")) return Heard::gap;
    if (message.starts_with("42") || message.starts_with("43")) return Heard::reply;
    return message == "2" ? Heard::ping : Heard::nothing;
  }
  [[nodiscard]] std::string answer(std::string_view message, std::string_view auth) const {
    return message.starts_with('0') ? "40" + nsp_ + std::string(auth) : message == "2" ? "3" : "";
  }
  [[nodiscard]] std::string call(std::uint32_t id, std::string_view event, std::string_view data) const {
    return "42" + nsp_ + std::to_string(id) + "[\"" + std::string(event) + "\"," + std::string(data) + "]";
  }
  static void replies(std::string_view message, std::vector<std::uint32_t>& ids) {
    if (!message.starts_with("43") || message.size() < 3) return;
    const std::size_t comma = message[2] == '/' ? message.find(',') : 1;
    std::uint32_t id = 0;
    std::from_chars(message.data() + comma + 1, message.data() + message.size(), id);
    ids.push_back(id);
  }

 private:
  bool polls_;
  std::string nsp_;  // as it stands before a packet's data
};

/// The published server (peers/socketio.mjs): what a client is for stands in its query. Publications come by WebSocket.
class SocketIo final : public Dialect {
 public:
  explicit SocketIo(const Options& options) : packets_(options, "/") {}

  bool polls(Role role) const override { return packets_.polls() && role != Role::publisher; }
  std::string path(Role role) const override {
    return packets_.path(polls(role)) + "&role=" +
           (role == Role::publisher    ? "publish"
            : role == Role::subscriber ? "subscribe"
                                       : "echo");
  }
  bool ready_when_upgraded(Role) const override { return false; }
  Heard hear(Role, std::string_view message) const override { return SocketIoPackets::hear(message); }
  std::string answer(Role, std::uint32_t, std::string_view message) const override { return packets_.answer(message, {}); }
  void append_publication(std::string& out, std::string_view payload) const override {
    append_client_frame(out, Opcode::text, "42[\"publish\"," + std::string(payload) + "]");
  }
  std::string echo_text(std::size_t size) const override { return "42[\"echo\",\"" + std::string(size, 'x') + "\"]"; }
  std::string call(std::uint32_t id, std::string_view event, std::string_view data) const override {
    return packets_.call(id, event, data);
  }
  void replies(std::string_view message, std::vector<std::uint32_t>& ids) const override {
    SocketIoPackets::replies(message, ids);
  }

 private:
  SocketIoPackets packets_;
};

/// The native protocol (docs/protocol.md): a token per subscriber, an API key for the publisher, one join per connection.
class Sparc : public Dialect {
 public:
  explicit Sparc(const Options& options)
      : namespace_(options.text("namespace")),
        event_(options.text("event")),
        tenant_(options.text("tenant")),
        secret_(options.text("secret")),
        api_key_(options.text("api-key")),
        second_(options.mode() == "priority" ? options.text("second-namespace") : ""),
        filters_(static_cast<std::uint32_t>(options.number("filters"))),
        rooms_each_(200) {}

  std::string path(Role role) const override { return role == Role::echo ? "/echo" : "/ws"; }

  std::string headers(Role role, std::uint32_t index) const override {
    if (role == Role::publisher) return "Sec-WebSocket-Protocol: sparc.v1.json\r\nX-API-Key: " + api_key_ + "\r\n";
    const std::string token = "Authorization: Bearer " + this->token(role, index) + "\r\n";
    return role == Role::echo ? token : "Sec-WebSocket-Protocol: sparc.v1.json\r\n" + token;
  }

  std::string opening(Role role, std::uint32_t index) const override {
    if (role == Role::publisher || role == Role::echo) return {};
    std::string join = R"({"type":"join","id":1,"namespace":")" + namespace_ + "\"";
    if (role == Role::other_room) {
      join += ",\"rooms\":[";
      for (std::uint32_t i = 0; i < rooms_each_; ++i) {
        join += (i == 0 ? "\"zone:" : ",\"zone:") + std::to_string(index * rooms_each_ + i) + "\"";
      }
      join += "]";
    }
    if (role == Role::subscriber && filters_ > 0) {
      join += R"(,"filters":[{"type":["security","kind)" + std::to_string(index % filters_) + "\"]}]";
    }
    join += "}";
    if (second_.empty() || role != Role::subscriber) return join;
    return "[" + join + R"(,{"type":"join","id":2,"namespace":")" + second_ + "\"}]";
  }

  bool ready_when_upgraded(Role role) const override { return role == Role::echo; }

  Heard hear(Role role, std::string_view message) const override {
    if (has(message, R"("type":"error")") || has(message, R"("denied":[{)")) return Heard::error;
    if (has(message, R"("type":"gap")")) return Heard::gap;
    if (role == Role::publisher && has(message, R"("type":"welcome")")) return Heard::ready;
    const bool waits_for_two = !second_.empty() && role == Role::subscriber;
    if (has(message, waits_for_two ? R"("type":"reply","id":2,)" : R"("type":"reply","id":1,)")) return Heard::ready;
    if (has(message, R"("type":"reply")")) return Heard::reply;
    if (has(message, R"("type":"ping")")) return Heard::ping;
    return Heard::nothing;
  }

  std::string answer(Role, std::uint32_t, std::string_view message) const override {
    return has(message, R"("type":"ping")") ? R"({"type":"pong"})" : "";
  }

  void append_publication(std::string& out, std::string_view payload) const override {
    append_sparc_publication(out, namespace_, tenant_, event_, payload);
  }

  std::uint64_t announced(std::string_view message) const override { return counts_behind(message, R"("type":"gap")"); }

  std::string call(std::uint32_t id, std::string_view event, std::string_view data) const override {
    return R"({"type":"event","id":)" + std::to_string(id) + R"(,"namespace":")" + namespace_ + R"(","event":")" +
           std::string(event) + R"(","data":)" + std::string(data) + "}";
  }
  void replies(std::string_view message, std::vector<std::uint32_t>& ids) const override {
    static constexpr std::string_view reply = R"("type":"reply","id":)";
    if (has(message, R"("type":"error")")) return;
    for (std::size_t at = message.find(reply); at != std::string_view::npos; at = message.find(reply, at + 1)) {
      std::from_chars(message.data() + at + reply.size(), message.data() + message.size(), ids.emplace_back());
    }
  }

 protected:
  std::string token(Role role, std::uint32_t index) const {
    const std::string user = "u" + std::to_string(index);
    const long long now = std::time(nullptr);
    return mint_token(secret_, R"({"sub":")" + user + R"(","userId":")" + user + R"(","tenantId":")" + tenant_of(role, index) +
                                   R"(","roles":["operator"],"iat":)" + std::to_string(now) + R"(,"exp":)" +
                                   std::to_string(now + 7200) + "}");
  }

 private:
  std::string tenant_of(Role role, std::uint32_t index) const {
    if (role == Role::other_room) return "other";
    if (role == Role::other_tenant) return "other" + std::to_string(index);
    return tenant_;
  }

  std::string namespace_, event_, tenant_, secret_, api_key_, second_;
  std::uint32_t filters_;
  std::uint32_t rooms_each_;
};

/// This server's Socket.IO (docs/protocol/socketio.md): the token in CONNECT. Publications come by the native protocol.
class SparcSocketIo final : public Sparc {
 public:
  explicit SparcSocketIo(const Options& options) : Sparc(options), packets_(options, options.text("socketio-namespace")) {}

  bool polls(Role role) const override { return packets_.polls() && role != Role::publisher; }
  std::string path(Role role) const override { return role == Role::publisher ? Sparc::path(role) : packets_.path(polls(role)); }
  std::string headers(Role role, std::uint32_t index) const override {
    return role == Role::publisher ? Sparc::headers(role, index) : "";
  }
  std::string opening(Role, std::uint32_t) const override { return {}; }
  bool ready_when_upgraded(Role) const override { return false; }
  Heard hear(Role role, std::string_view message) const override {
    return role == Role::publisher ? Sparc::hear(role, message) : SocketIoPackets::hear(message);
  }
  std::string answer(Role role, std::uint32_t index, std::string_view message) const override {
    if (role == Role::publisher) return Sparc::answer(role, index, message);
    return packets_.answer(message, message.starts_with('0') ? R"({"token":")" + token(role, index) + "\"}" : "");
  }
  std::uint64_t announced(std::string_view message) const override { return counts_behind(message, "[\"gap\","); }
  std::string call(std::uint32_t id, std::string_view event, std::string_view data) const override {
    return packets_.call(id, event, data);
  }
  void replies(std::string_view message, std::vector<std::uint32_t>& ids) const override {
    SocketIoPackets::replies(message, ids);
  }

 private:
  SocketIoPackets packets_;
};

}  // namespace

void append_sparc_publication(std::string& out, std::string_view ns, std::string_view tenant, std::string_view event,
                              std::string_view payload) {
  std::string text = R"({"type":"publish","namespace":")";
  text.append(ns).append(R"(","room":"tenant:)").append(tenant).append(R"(","event":")").append(event);
  text.append(R"(","data":)").append(payload).append("}");
  append_client_frame(out, Opcode::text, text);
}

std::unique_ptr<Dialect> make_dialect(const Options& options) {
  const std::string name = options.text("dialect");
  if (name == "plain") return std::make_unique<Plain>();
  if (name == "raw-floor") return std::make_unique<RawFloor>();
  if (name == "socketio") return std::make_unique<SocketIo>(options);
  if (name == "sparc-socketio") return std::make_unique<SparcSocketIo>(options);
  if (name == "sparc") return std::make_unique<Sparc>(options);
  give_up("unknown dialect " + name);
}

}  // namespace bench
