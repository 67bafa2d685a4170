// A server that says anything, and an application that asks for anything: the client's connection answers every request once,
// keeps within its bounds and never reaches a state from which it does not come back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "client/connection_machine.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace {

using namespace sparc;
using namespace sparc::client;

void check(bool holds) {
  if (!holds) std::abort();
}

class Driver {
 public:
  explicit Driver(bool asks_token)
      : machine_({.host_field = "h", .token = "jwt", .asks_token = asks_token, .reconnect_attempts = 4}, entropy_) {
    now_.monotonic_ms = 1'000;
    protocol::Subscribe wants;
    wants.ns = "alerts";
    check(machine_.configure(now_, wants));
    machine_.connect(now_);
    settle();
  }

  void step(std::uint8_t what, std::string_view text) {
    switch (what % 12) {
      case 0: machine_.on_open(now_, link_); break;
      case 1: say(accept()); break;
      case 2: frame(text); break;
      case 3: say(text); break;
      case 4:
        open_.erase(link_);
        machine_.on_lost(now_, link_, "lost");
        break;
      case 5: advance(text.empty() ? 1 : std::int64_t{static_cast<std::uint8_t>(text[0])} * 500); break;
      case 6: ask(); break;
      case 7:
        frame(
            R"({"type":"welcome","connectionId":"c","tenantId":"t","pingInterval":30000,"pingTimeout":5000,"maxPayload":4096})");
        break;
      case 8:
        frame(R"({"type":"reply","id":)" + std::to_string(text.size()) +
              R"(,"data":{"rooms":[],"position":{"epoch":"e","offset":1}}})");
        break;
      case 9:
        machine_.on_token(now_, text.empty() ? std::expected<std::string, std::string>(std::unexpected("none")) : "token");
        break;
      case 10: text.empty() ? machine_.reconnect(now_) : machine_.connect(now_); break;
      case 11: link_ = link_ > 1 && !text.empty() ? link_ - 1 : newest_; break;
    }
    settle();
  }
  void finish() {
    machine_.disconnect(now_);
    settle();
    check(answers_ == asked_);
    check(open_.empty());
    check(machine_.state() == State::disconnected);
  }

 private:
  void ask() {
    protocol::Event event{"alerts", "acknowledge", "{}", {}, {}};
    protocol::Subscribe wants;
    wants.ns = "alerts";
    wants.rooms = {"camera:7"};
    ++asked_;
    asked_ % 2 == 0 ? machine_.request(now_, asked_, event, 5'000) : machine_.subscribe(now_, asked_, wants);
  }
  void advance(std::int64_t ms) {
    now_.monotonic_ms += ms;
    machine_.on_tick(now_);
  }
  void say(std::string_view bytes) { machine_.on_bytes(now_, link_, bytes); }
  void frame(std::string_view json) {
    std::string out;
    ws::append_text_frame(out, json);
    say(out);
  }
  std::string accept() {
    const std::string& head = heads_[link_];
    constexpr std::string_view field = "Sec-WebSocket-Key: ";
    const auto begin = head.find(field);
    if (begin == std::string::npos) return {};
    return ws::upgrade_response(head.substr(begin + field.size(), 24), "sparc.v1.json", "");
  }
  void settle() {
    for (auto& action : machine_.take_actions()) {
      if (const auto* opened = std::get_if<action::Open>(&action)) {
        link_ = newest_ = opened->link;
        open_[link_] = true;
      } else if (const auto* sent = std::get_if<action::Send>(&action)) {
        check(open_.contains(sent->link));
        if (heads_[sent->link].empty()) heads_[sent->link] = sent->bytes;
      } else if (const auto* closed = std::get_if<action::Close>(&action)) {
        check(open_.erase(closed->link) == 1);
      } else if (std::get_if<action::Answered>(&action) != nullptr) {
        ++answers_;
      }
    }
    check(answers_ <= asked_);
  }

  SeededEntropy entropy_{1};
  Now now_;
  ConnectionMachine machine_;
  LinkId link_ = 0, newest_ = 0;
  std::map<LinkId, bool> open_;
  std::map<LinkId, std::string> heads_;
  OpId asked_ = 0, answers_ = 0;
};

}  // namespace

/// A step is one byte for what happens and one for the length of the text that follows.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Driver driver(data[0] % 2 == 1);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  while (rest.size() >= 2) {
    const auto what = static_cast<std::uint8_t>(rest[0]);
    const std::size_t length = std::min<std::size_t>(static_cast<std::uint8_t>(rest[1]), rest.size() - 2);
    driver.step(what, rest.substr(2, length));
    rest.remove_prefix(2 + length);
  }
  driver.finish();
  return 0;
}
