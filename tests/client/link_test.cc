// RFC 6455 as the client lives it: one transport, from the handshake to the close, at every cut of what the server says.

#include "client/link.h"

#include <gtest/gtest.h>

#include "client/fake_server.h"

namespace sparc::client {
namespace {

class Told final : public LinkEvents {
 public:
  void on_upgraded() override { upgrades += 1; }
  ws::Flow on_message(ws::MessageType, std::string_view payload) override {
    messages.emplace_back(payload);
    return ws::Flow::go_on;
  }
  int upgrades = 0;
  std::vector<std::string> messages;
};

struct Outcome {
  std::optional<LinkEnd> end;
  std::vector<std::string> messages;
  std::vector<std::string> answers;  // what the server reads: texts, and pongs
  std::uint16_t close_code = 0;      // of the client's close frame
};

/// The server accepts and says `frames`, cut at `cut` from the beginning of its answer.
Outcome outcome_at_cut(const std::string& frames, std::size_t cut, const std::string& head = {}) {
  SeededEntropy entropy(1);
  Link link({.host = "h", .target = "/ws", .protocols = {"sparc.v1.json"}}, 1'000, entropy);
  FakePeer peer;
  peer.feed(link.opening().value());
  const std::string all = (head.empty() ? peer.accepts() : head) + frames;
  Outcome outcome;
  Told told;
  for (const std::string& piece : {all.substr(0, cut), all.substr(std::min(cut, all.size()))}) {
    std::string out;
    outcome.end = link.feed(piece, out, told);
    if (!out.empty()) peer.feed(out);
    if (outcome.end) break;
  }
  outcome.messages = told.messages;
  outcome.answers = peer.take();
  outcome.close_code = peer.close_code;
  return outcome;
}

Outcome outcome_of(const std::string& frames, const std::string& head = {}) {
  Outcome whole = outcome_at_cut(frames, 0, head);
  for (std::size_t cut = 1; cut < 200 + frames.size(); ++cut) {
    const Outcome parts = outcome_at_cut(frames, cut, head);
    EXPECT_EQ(parts.messages, whole.messages) << "cut at " << cut;
    EXPECT_EQ(parts.answers, whole.answers) << "cut at " << cut;
    EXPECT_EQ(parts.close_code, whole.close_code) << "cut at " << cut;
    EXPECT_EQ(parts.end.has_value(), whole.end.has_value()) << "cut at " << cut;
    EXPECT_EQ(parts.end.value_or(LinkEnd{}).reason, whole.end.value_or(LinkEnd{}).reason) << "cut at " << cut;
  }
  return whole;
}

TEST(Rfc6455Section4_1, AnAnswerThatDoesNotAcceptTheHandshakeEndsTheClient) {
  const Outcome other = outcome_of(
      "", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
  ASSERT_TRUE(other.end);
  EXPECT_EQ(other.end->kind, LinkEnd::Kind::fault);
  const Outcome refused = outcome_of("", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(refused.end);
  EXPECT_EQ(refused.end->kind, LinkEnd::Kind::refused);
  EXPECT_EQ(refused.end->code, 503);
  EXPECT_EQ(refused.end->retry_after_ms, 7'000);
}

TEST(Rfc6455Section5_1, AMaskedFrameOfAServerIsAnsweredWith1002) {
  std::string frame;
  ws::append_masked_frame(frame, ws::Opcode::text, "a", 7);
  const Outcome out = outcome_of(frame);
  ASSERT_TRUE(out.end);
  EXPECT_EQ(out.end->kind, LinkEnd::Kind::fault);
  EXPECT_EQ(out.close_code, 1002);
}

TEST(Rfc6455Section5_3, EachFrameOfAClientHasAMaskOfItsOwn) {
  SeededEntropy entropy(1);
  Link link({.host = "h", .target = "/ws"}, 1'000, entropy);
  std::string first, second;
  link.append_text(first, "the same text");
  link.append_text(second, "the same text");
  EXPECT_TRUE(first[1] & second[1] & 0x80);
  EXPECT_NE(first.substr(2, 4), second.substr(2, 4));
  EXPECT_EQ(first.find("the same"), std::string::npos);
}

TEST(Rfc6455Section5_4, FragmentsWithAPingBetweenAreOneMessage) {
  std::string frames = std::string("\x01\x03one", 5);
  ws::append_ping_frame(frames, "between");
  frames += std::string("\x80\x04 two", 6);
  const Outcome out = outcome_of(frames);
  EXPECT_EQ(out.messages, std::vector<std::string>{"one two"});
  EXPECT_EQ(out.answers, std::vector<std::string>{"pong between"});
  EXPECT_FALSE(out.end);
}

TEST(Rfc6455Section5_5_1, ACloseIsAnsweredWithItsCodeAndEndsTheClient) {
  std::string frames;
  ws::append_close_frame(frames, 1012, "drain");
  const Outcome out = outcome_of(frames + text_frame("late"));
  ASSERT_TRUE(out.end);
  EXPECT_EQ(out.end->kind, LinkEnd::Kind::closed);
  EXPECT_EQ(out.end->code, 1012);
  EXPECT_EQ(out.end->reason, "drain");
  EXPECT_EQ(out.close_code, 1012);
  EXPECT_TRUE(out.messages.empty());
}

TEST(Rfc6455Section7_1_5, ACloseWithoutACodeIsToldAs1005) {
  const Outcome out = outcome_of(std::string("\x88\x00", 2));
  ASSERT_TRUE(out.end);
  EXPECT_EQ(out.end->code, 1005);
}

TEST(Rfc6455Section8_1, TextOfAServerThatIsNotUtf8IsAnsweredWith1007) {
  const Outcome out = outcome_of(text_frame("\xc3\x28"));
  ASSERT_TRUE(out.end);
  EXPECT_EQ(out.close_code, 1007);
}

TEST(Rfc6455Section10_4, AMessageAboveTheClientsLimitIsAnsweredWith1009) {
  const Outcome out = outcome_of(text_frame(std::string(1'001, 'x')));
  ASSERT_TRUE(out.end);
  EXPECT_EQ(out.close_code, 1009);
}

}  // namespace
}  // namespace sparc::client
