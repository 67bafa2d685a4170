// The server that Engine.IO's conformance suite expects: it echoes every message.

#include "conformance/engine_io_server.h"

namespace {

using namespace sparc::conformance;

class Echo final : public Application {
 public:
  void on_open(Session& /*session*/, std::int64_t /*now_ms*/) override {}
  void on_message(Session& session, bool binary, std::string_view data, std::int64_t /*now_ms*/) override {
    if (binary) {
      session.send_binary(data);
    } else {
      session.send_text("4" + std::string(data));
    }
  }
  void on_closed(Session& /*session*/) override {}
  std::int64_t on_time(std::int64_t /*now_ms*/) override { return sparc::net::no_deadline; }
};

}  // namespace

int main(int count, char** arguments) {
  Echo echo;
  return serve("/engine.io/", echo, {arguments, static_cast<std::size_t>(count)});
}
