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

/// Socket.IO 4 over WebSocket (Engine.IO 4): `0` open, `40` connect, `42[…]` event, `2`/`3` heartbeat.
class SocketIo final : public Dialect {
 public:
  std::string path(Role role) const override {
    return std::string("/socket.io/?EIO=4&transport=websocket&role=") + (role == Role::publisher    ? "publish"
                                                                         : role == Role::subscriber ? "subscribe"
                                                                                                    : "echo");
  }
  bool ready_when_upgraded(Role) const override { return false; }
  Heard hear(Role, std::string_view message) const override {
    if (message.starts_with("40")) return Heard::ready;
    if (message.starts_with("44")) return Heard::error;
    if (message.starts_with("42")) return Heard::reply;
    return Heard::ping;
  }
  std::string answer(Role, std::string_view message) const override {
    return message.starts_with('0') ? "40" : message == "2" ? "3" : "";
  }
  void append_publication(std::string& out, std::string_view payload) const override {
    append_client_frame(out, Opcode::text, "42[\"publish\"," + std::string(payload) + "]");
  }
  std::string echo_text(std::size_t size) const override { return "42[\"echo\",\"" + std::string(size, 'x') + "\"]"; }
};

/// The native protocol (docs/protocol.md): a token per subscriber, an API key for the publisher, one join per connection.
class Sparc final : public Dialect {
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
    const long long now = std::time(nullptr);
    const std::string claims = R"({"sub":"u)" + std::to_string(index) + R"(","userId":"u)" + std::to_string(index) +
                               R"(","tenantId":")" + tenant_of(role, index) + R"(","roles":["operator"],"iat":)" +
                               std::to_string(now) + R"(,"exp":)" + std::to_string(now + 7200) + "}";
    const std::string token = "Authorization: Bearer " + mint_token(secret_, claims) + "\r\n";
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

  std::string answer(Role, std::string_view message) const override {
    return has(message, R"("type":"ping")") ? R"({"type":"pong"})" : "";
  }

  void append_publication(std::string& out, std::string_view payload) const override {
    append_sparc_publication(out, namespace_, tenant_, event_, payload);
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

}  // namespace

void append_sparc_publication(std::string& out, std::string_view ns, std::string_view tenant, std::string_view event,
                              std::string_view payload) {
  std::string text = R"({"type":"publish","namespace":")";
  text.append(ns).append(R"(","room":"tenant:)").append(tenant).append(R"(","event":")").append(event);
  text.append(R"(","data":)").append(payload).append("}");
  append_client_frame(out, Opcode::text, text);
}

std::uint64_t announced_in(std::string_view message) {
  static constexpr std::string_view key = "\"count\":";
  std::uint64_t sum = 0;
  for (std::size_t at = message.find(R"("type":"gap")"); at != std::string_view::npos;
       at = message.find(R"("type":"gap")", at + 1)) {
    const std::size_t count = message.find(key, at);
    if (count == std::string_view::npos) continue;
    std::uint64_t value = 0;
    std::from_chars(message.data() + count + key.size(), message.data() + message.size(), value);
    sum += value;
  }
  return sum;
}

std::unique_ptr<Dialect> make_dialect(const Options& options) {
  const std::string name = options.text("dialect");
  if (name == "plain") return std::make_unique<Plain>();
  if (name == "raw-floor") return std::make_unique<RawFloor>();
  if (name == "socketio") return std::make_unique<SocketIo>();
  if (name == "sparc") return std::make_unique<Sparc>(options);
  give_up("unknown dialect " + name);
}

}  // namespace bench
