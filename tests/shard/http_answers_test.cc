#include "shard/node.h"

namespace sparc::shard {
namespace {

/// Answers every request at once.
class Answering final : public Node {
 public:
  static constexpr std::size_t answer_bytes = 10'000;
  void on_request(ConnectionId id, std::uint64_t exchange, const http::Request&) override {
    ++asked;
    shard->respond(id, exchange, std::string(answer_bytes, 'a'), true);
  }
  std::size_t asked = 0;
};

TEST(HttpAnswers, WhoDoesNotReadThemIsNotReadEitherAndLosesNone) {
  Answering node;
  Peer peer;
  peer.exempt = true;
  const ConnectionId id = *node.shard->on_open(std::move(peer));
  node.drain(id, 0);
  constexpr std::size_t requests = 500;
  std::string bytes;
  for (std::size_t i = 0; i < requests; ++i) bytes += "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  node.give(id, std::move(bytes));
  const std::size_t bound = test_settings().limits.http_answer_bytes_max / Answering::answer_bytes + 1;
  EXPECT_LE(node.asked, bound);
  EXPECT_GE(node.asked, bound - 1);
  for (int i = 0; i < 1'000 && node.sent[id.slot].size() < requests * Answering::answer_bytes; ++i) node.drain(id, 30'000);
  EXPECT_EQ(node.asked, requests);
  EXPECT_EQ(node.sent[id.slot].size(), requests * Answering::answer_bytes);
}

}  // namespace
}  // namespace sparc::shard
