// docs/protocol.md against the tables it repeats.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "base/codes.h"
#include "protocol/native/codec.h"
#include "protocol/native/push.h"

namespace sparc::protocol::native {
namespace {

std::string document() {
  std::ifstream in(SPARC_PROTOCOL_DOCUMENT);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Document, TheTableOfCodesIsTheOneInTheCode) {
  const std::string text = document();
#define SPARC_CODE(name, close, retry, meaning) Code::name,
  for (const Code code : {
#include "base/codes.def"
       }) {
#undef SPARC_CODE
    const std::string close = close_code_of(code) == 0 ? "" : std::to_string(close_code_of(code));
    const std::string row = "| `" + std::string(name_of(code)) + "` | " + close + " | " + std::string(name_of(retry_of(code))) +
                            " | " + std::string(description_of(code)) + " |\n";
    EXPECT_THAT(text, ::testing::HasSubstr(row));
  }
}

TEST(Document, ItsExamplesAreFramesThatTheDecoderOfTheirSideAccepts) {
  const std::set<std::string> of_clients{"auth", "join",    "leave", "subscribe", "unsubscribe", "presence", "history",
                                         "pong", "publish", "ask",   "handle",    "result",      "watch"};
  const std::set<std::string> of_servers{"welcome", "reply",  "error",          "position",  "gap", "ping",
                                         "evicted", "invoke", "token_expiring", "reconnect", "hook"};
  std::set<std::string> seen;
  std::ifstream in(SPARC_PROTOCOL_DOCUMENT);
  Decoder decoder;
  PushDecoder pushes;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("{\"type\":")) continue;
    const std::string type = nlohmann::json::parse(line).at("type");
    const auto request = decoder.text(line);
    const auto push = pushes.text(line);
    seen.insert(type);
    // Both sides send events; a server's id is a string, a client's an integer.
    if (of_clients.contains(type)) {
      EXPECT_TRUE(request[0]) << line << request[0].error().fault.message;
    } else if (of_servers.contains(type)) {
      EXPECT_TRUE(push && !std::holds_alternative<UnknownPush>(push->front())) << line;
    } else {
      EXPECT_EQ(type, "event");
      EXPECT_TRUE(request[0] || push) << line;
    }
  }
  EXPECT_EQ(seen.size(), of_clients.size() + of_servers.size() + 1);
}

}  // namespace
}  // namespace sparc::protocol::native
