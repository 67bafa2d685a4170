// A session driven by bytes. An operation is a letter, and for those that carry text a length and so many bytes. Every poll is
// answered exactly once, and behind the end nothing happens but refusals.

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "protocol/socketio/engine.h"

namespace {

using namespace sparc::protocol::socketio;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr EngineSettings hasty{
    .ping_interval_ms = 250, .ping_timeout_ms = 200, .upgrade_timeout_ms = 400, .close_timeout_ms = 300, .max_payload_bytes = 60};

struct Driver {
  explicit Driver(Engine::Transport transport) : engine(transport, hasty, 0) {}

  void operator()(const AnswerPoll& a) {
    require(open.erase(a.poll) == 1);
    require(a.status == 200 || a.status == 400 || a.status == 413);
    require(a.status != 200 || !a.body.empty());
  }
  void operator()(const DeliverMessage& /*message*/) { require(!over); }
  void operator()(const SendPing& /*ping*/) { require(!over); }
  void operator()(const SendToProbe& /*text*/) { require(!over && probe); }
  void operator()(const CloseProbe& /*close*/) {
    require(!over && probe);
    probe = false;
  }
  void operator()(const Upgraded& /*upgraded*/) {
    require(!over && probe);
    probe = false;
    websocket = true;
  }
  void operator()(const EngineClosed& closed) {
    require(!over && !closed.reason.empty());
    over = true;
  }

  void settle() {
    for (const EngineAction& action : engine.take_actions()) std::visit(*this, action);
    require(engine.closed() == over);
    require(open.size() == (engine.writable() ? 1U : 0U));
    require(engine.upgrading() == probe || over);
    require((engine.transport() == Engine::Transport::websocket) == websocket);
    require(!over || (open.empty() && !probe));
  }

  Engine engine;
  std::set<PollId> open;
  bool probe = false;
  bool websocket = false;
  bool over = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool websocket = data[0] == 'w';
  Driver driver(websocket ? Engine::Transport::websocket : Engine::Transport::polling);
  driver.websocket = websocket;
  Engine& engine = driver.engine;
  std::int64_t now = 0;
  PollId next = 1;
  std::size_t at = 1;
  while (at < size) {
    const char operation = static_cast<char>(data[at++]);
    std::string_view text;
    if (std::string_view("PpTB").find(operation) != std::string_view::npos && at < size) {
      const std::size_t length = std::min<std::size_t>(data[at] % 64, size - at - 1);
      text = std::string_view(reinterpret_cast<const char*>(data) + at + 1, length);
      at += 1 + length;
    }
    switch (operation) {
      case 'G':
        driver.open.insert(next);
        engine.on_get(next++);
        break;
      case 'P':
        driver.open.insert(next);
        engine.on_post(next++, text.starts_with('8') ? "application/octet-stream" : "text/plain", text);
        break;
      case 'O':
        driver.open.insert(next);
        engine.on_post_overlap(next++);
        break;
      case 'A':
        if (!driver.open.empty()) {
          const PollId poll = *driver.open.begin();
          driver.open.clear();
          engine.on_poll_aborted(poll);
        }
        break;
      case 'W':
        if (engine.writable()) require(driver.open.erase(engine.take_poll()) == 1);
        break;
      case 'U': driver.probe = engine.on_probe_opened(now) || driver.probe; break;
      case 'p': engine.on_probe_text(text); break;
      case 'X':
        engine.on_probe_closed();
        driver.probe = false;
        break;
      case 'T': engine.on_text(text); break;
      case 'B': engine.on_binary(text); break;
      case 'D': engine.on_websocket_closed(); break;
      case 'C': engine.close("forced close", now); break;
      case 'J': now = std::max(now, std::min(engine.deadline(), now + 1'000)); [[fallthrough]];
      default:
        now += operation == 'J' ? 0 : static_cast<unsigned char>(operation);
        engine.on_time(now);
        require(engine.deadline() > now);
    }
    driver.settle();
  }
  return 0;
}
