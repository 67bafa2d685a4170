#pragma once
// A connection machine, its server and its clock; what it tells becomes lines of a transcript.

#include "client/connection_machine.h"
#include "fake_server.h"

namespace sparc::client {

class World {
 public:
  explicit World(MachineOptions options = {.host_field = "h", .token = "jwt-1"}, std::uint64_t seed = 1)
      : entropy(seed), machine(std::move(options), entropy) {
    now.monotonic_ms = 1'000'000;
  }

  /// Connects, with the namespaces given joined at position (x7, 41).
  void begin(const std::vector<std::string>& namespaces = {"alerts"}) {
    for (const auto& ns : namespaces) configure(ns);
    machine.connect(now);
    settle();
    open();
    welcome();
    for (std::size_t i = 0; i < namespaces.size(); ++i) join_reply(static_cast<int>(i) + 1);
    (void)told();
    (void)sent();
  }
  void configure(const std::string& ns) {
    protocol::Subscribe wants;
    wants.ns = ns;
    ASSERT_TRUE(machine.configure(now, wants));
    settle();
  }
  /// The transport that was asked for last is made and its handshake accepted.
  void open() {
    machine.on_open(now, link);
    settle();
    bytes(link, peers[link].accepts());
  }
  void welcome() { say(std::string(welcome_frame)); }
  void join_reply(int id, std::string_view more = R"("recovered":false,"position":{"epoch":"x7","offset":41})") {
    say(R"({"type":"reply","id":)" + std::to_string(id) + R"(,"data":{"rooms":["tenant:t1"],)" + std::string(more) + "}}");
  }
  void event(std::uint64_t offset, LinkId from = 0) {
    const auto number = std::to_string(offset);
    say(R"({"type":"event","namespace":"alerts","room":"tenant:t1","event":"alert:created","timestamp":"t","id":"p)" + number +
            R"(","offset":)" + number + R"(,"data":{}})",
        from);
  }
  void say(const std::string& json, LinkId from = 0) { bytes(from == 0 ? link : from, text_frame(json)); }
  void close(std::uint16_t code, std::string_view reason = "because", LinkId from = 0) {
    std::string out;
    ws::append_close_frame(out, code, reason);
    bytes(from == 0 ? link : from, out);
  }
  void lose(std::string_view detail = "reset", LinkId from = 0) {
    machine.on_lost(now, from == 0 ? link : from, detail);
    settle();
  }
  void bytes(LinkId from, std::string_view data) {
    machine.on_bytes(now, from, data);
    settle();
  }
  void advance(std::int64_t ms) {
    now.monotonic_ms += ms;
    machine.on_tick(now);
    settle();
  }
  /// To the machine's next deadline; returns how far that was.
  std::int64_t advance_to_deadline() {
    const std::int64_t wait = machine.next_deadline() - now.monotonic_ms;
    advance(wait);
    return wait;
  }
  void settle() {
    for (auto& action : machine.take_actions()) record(action);
  }
  std::vector<std::string> told() { return std::exchange(lines_, {}); }
  std::vector<std::string> sent(LinkId from = 0) { return peers[from == 0 ? link : from].take(); }

  SeededEntropy entropy;
  Now now;
  ConnectionMachine machine;
  LinkId link = 0;  // the newest transport
  std::map<LinkId, FakePeer> peers;
  std::int64_t retry_in_ms = -1;  // of the last end that will be retried

 private:
  static std::string name(State state) {
    constexpr std::string_view names[] = {"disconnected", "connecting", "connected", "reconnecting", "failed"};
    return std::string(names[static_cast<std::size_t>(state)]);
  }
  void record(const Action& action) {
    if (const auto* opened = std::get_if<action::Open>(&action)) {
      link = opened->link;
      lines_.push_back("open " + std::to_string(link));
    } else if (const auto* out = std::get_if<action::Send>(&action)) {
      peers[out->link].feed(out->bytes);
    } else if (const auto* closed = std::get_if<action::Close>(&action)) {
      lines_.push_back("close " + std::to_string(closed->link));
    } else if (std::get_if<action::AskToken>(&action) != nullptr) {
      lines_.push_back("ask token");
    } else if (const auto* changed = std::get_if<action::StateChanged>(&action)) {
      lines_.push_back(name(changed->to));
    } else if (const auto* ended = std::get_if<action::Ended>(&action)) {
      if (ended->will_retry) retry_in_ms = ended->retry_in_ms;
      lines_.push_back("ended " + std::to_string(ended->end.code) + (ended->will_retry ? " retry" : " for good"));
    } else if (const auto* joined = std::get_if<action::Joined>(&action)) {
      lines_.push_back("joined " + joined->ns);
    } else if (const auto* refused = std::get_if<action::JoinRefused>(&action)) {
      lines_.push_back("refused " + refused->ns + " " + refused->failure.code);
    } else if (const auto* delivered = std::get_if<action::Delivered>(&action)) {
      const auto& message = delivered->message;
      lines_.push_back(message.event + " " + (message.offset != 0 ? std::to_string(message.offset) : message.id));
    } else if (const auto* stale = std::get_if<action::Stale>(&action)) {
      lines_.push_back("stale " + stale->stale.namespace_ + " " + stale->stale.reason +
                       (stale->stale.repaired ? " repaired" : ""));
    } else if (const auto* evicted = std::get_if<action::Evicted>(&action)) {
      lines_.push_back("evicted " + evicted->rooms.front() + " " + evicted->code);
    } else if (const auto* answered = std::get_if<action::Answered>(&action)) {
      lines_.push_back("answer " + std::to_string(answered->op) + " " +
                       (answered->answer ? *answered->answer : answered->answer.error().code));
    } else if (const auto* problem = std::get_if<action::Problem>(&action)) {
      lines_.push_back("problem " + problem->failure.code);
    }
  }
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

}  // namespace sparc::client
