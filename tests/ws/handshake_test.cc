#include "ws/handshake.h"

#include <gtest/gtest.h>

namespace sparc::ws {
namespace {

/// The request of RFC 6455 section 1.2.
std::vector<Header> example() {
  return {{"Host", "server.example.com"},   {"Upgrade", "websocket"},
          {"Connection", "Upgrade"},        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
          {"Origin", "http://example.com"}, {"Sec-WebSocket-Protocol", "chat, superchat"},
          {"Sec-WebSocket-Version", "13"}};
}

std::vector<Header> without(std::string_view name) {
  auto headers = example();
  std::erase_if(headers, [&](const Header& header) { return header.name == name; });
  return headers;
}
std::vector<Header> with(std::string_view name, std::string_view value) {
  auto headers = without(name);
  headers.push_back({name, value});
  return headers;
}
std::vector<Header> twice(std::string_view name) {
  auto headers = example();
  headers.push_back({name, *find_header(headers, name)});
  return headers;
}

int status_of(const std::vector<Header>& headers, std::string_view method = "GET", int minor = 1) {
  const auto upgrade = check_upgrade({method, 1, minor, headers});
  return upgrade ? 101 : upgrade.error().status;
}

TEST(Rfc6455Section1_3, TheExampleKeyHasTheExampleAnswer) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Rfc6455Section4_2_1, TheExampleRequestIsAnUpgrade) {
  const auto headers = example();
  const auto upgrade = check_upgrade({"GET", 1, 1, headers});
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(upgrade->protocols, (std::vector<std::string_view>{"chat", "superchat"}));
  EXPECT_EQ(upgrade->origin, "http://example.com");
  EXPECT_TRUE(upgrade->extensions.empty());
}

TEST(Rfc6455Section4_2_1, TokensAreFoundInListsWhateverTheirCase) {
  EXPECT_EQ(status_of(with("Connection", "keep-alive, UPGRADE")), 101);
  EXPECT_EQ(status_of(with("Upgrade", "h2c, WebSocket")), 101);
  auto headers = with("Connection", "keep-alive");
  headers.push_back({"connection", "upgrade"});
  EXPECT_EQ(status_of(headers), 101);
}

TEST(Rfc6455Section4_2_1, EachRequirementIsChecked) {
  EXPECT_EQ(status_of(example(), "POST"), 405);
  EXPECT_EQ(status_of(example(), "GET", 0), 400);
  EXPECT_EQ(status_of(without("Host")), 400);
  EXPECT_EQ(status_of(without("Upgrade")), 426);
  EXPECT_EQ(status_of(with("Upgrade", "websockets")), 426);
  EXPECT_EQ(status_of(without("Connection")), 400);
  EXPECT_EQ(status_of(with("Connection", "keep-alive")), 400);
  EXPECT_EQ(status_of(without("Sec-WebSocket-Version")), 400);
  EXPECT_EQ(status_of(without("Sec-WebSocket-Key")), 400);
  EXPECT_EQ(status_of(with("Sec-WebSocket-Extensions", "permessage-deflate;")), 400);
  for (const std::string_view name : {"Host", "Sec-WebSocket-Key", "Origin"}) EXPECT_EQ(status_of(twice(name)), 400) << name;
}

TEST(Rfc6455Section4_4, AnotherVersionIsAnsweredWith426) {
  for (const std::string_view version : {"8", "7", "0", "14", "013", "13, 8", "x"}) {
    EXPECT_EQ(status_of(with("Sec-WebSocket-Version", version)), 426) << version;
  }
  EXPECT_EQ(status_of(twice("Sec-WebSocket-Version")), 426);
}

TEST(Rfc6455Section4_2_1, TheKeyIs16BytesInBase64) {
  for (const std::string_view key :
       {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZWU=", "dGhlIHNhbXBsZSBub25jZW==x",
        "dGhlIHNhbXBsZSBub2 jZQ==", "dGhlIHNhbXBsZSBub2-jZQ==", "dGhlIHNhbXBsZSBub25jZQ==AAAA"}) {
    EXPECT_EQ(status_of(with("Sec-WebSocket-Key", key)), 400) << key;
  }
}

TEST(Rfc6455Section4_1, SubprotocolsAreDistinctTokens) {
  EXPECT_EQ(status_of(without("Sec-WebSocket-Protocol")), 101);
  EXPECT_EQ(status_of(with("Sec-WebSocket-Protocol", "sparc.v1.json, bearer.eyJhbGciOiJIUzI1NiJ9.e30.x_y-z")), 101);
  for (const std::string_view list :
       {"", ",", "a b", "a, a", "a;b", "a(b)", "p0,p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11,p12,p13,p14,p15,p16"}) {
    EXPECT_EQ(status_of(with("Sec-WebSocket-Protocol", list)), 400) << list;
  }
  auto headers = example();
  headers.push_back({"Sec-WebSocket-Protocol", "third"});
  const auto upgrade = check_upgrade({"GET", 1, 1, headers});
  EXPECT_EQ(upgrade->protocols.size(), 3u);
  EXPECT_EQ(upgrade->first_protocol(), upgrade->protocols.front());
  EXPECT_EQ(check_upgrade({"GET", 1, 1, without("Sec-WebSocket-Protocol")})->first_protocol(), "");
}

TEST(Rfc6455Section4_2_2, TheResponseHasItsFieldsInOrder) {
  EXPECT_EQ(upgrade_response("dGhlIHNhbXBsZSBub25jZQ==", "chat", ""),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: chat\r\n\r\n");
  EXPECT_EQ(upgrade_response("dGhlIHNhbXBsZSBub25jZQ==", "", "permessage-deflate"),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
}

ClientHandshake client_example() {
  return {.host = "server.example.com:3100",
          .target = "/ws?x=1",
          .key = "dGhlIHNhbXBsZSBub25jZQ==",
          .protocols = {"sparc.v1.json", "bearer.t"},
          .extensions = std::string(deflate_offer),
          .headers = {{"Origin", "https://a"}}};
}

TEST(Rfc6455Section4_1, TheClientWritesItsRequest) {
  EXPECT_EQ(upgrade_request(client_example()),
            "GET /ws?x=1 HTTP/1.1\r\n"
            "Host: server.example.com:3100\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: sparc.v1.json, bearer.t\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
            "Origin: https://a\r\n\r\n");
}

TEST(Rfc6455Section4_1, PartsThatWouldBreakTheRequestAreRefused) {
  auto refused = [](auto change) {
    ClientHandshake handshake = client_example();
    change(handshake);
    return !upgrade_request(handshake);
  };
  EXPECT_TRUE(refused([](auto& h) { h.host = ""; }));
  EXPECT_TRUE(refused([](auto& h) { h.host = "a\r\nX: y"; }));
  EXPECT_TRUE(refused([](auto& h) { h.target = "ws"; }));
  EXPECT_TRUE(refused([](auto& h) { h.target = "/a b"; }));
  EXPECT_TRUE(refused([](auto& h) { h.target = "/a#b"; }));
  EXPECT_TRUE(refused([](auto& h) { h.target = "/a\n"; }));
  EXPECT_TRUE(refused([](auto& h) { h.key = "short"; }));
  EXPECT_TRUE(refused([](auto& h) { h.protocols = {"a b"}; }));
  EXPECT_TRUE(refused([](auto& h) { h.extensions = "x\r\n"; }));
  EXPECT_TRUE(refused([](auto& h) { h.headers = {{"X", "a\r\nY: b"}}; }));
  EXPECT_TRUE(refused([](auto& h) { h.headers = {{"X Y", "a"}}; }));
}

TEST(Rfc6455Section4_1, KeysAre16RandomBytesInBase64) {
  SeededEntropy entropy(1);
  const std::string a = make_key(entropy), b = make_key(entropy);
  EXPECT_EQ(a.size(), 24u);
  EXPECT_TRUE(a.ends_with("=="));
  EXPECT_NE(a, b);
}

TEST(Rfc6455Section4_1, TheClientChecksTheResponse) {
  const std::vector<Header> good = {{"Upgrade", "WebSocket"},
                                    {"Connection", "upgrade"},
                                    {"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
                                    {"Sec-WebSocket-Protocol", "sparc.v1.json"},
                                    {"Sec-WebSocket-Extensions", deflate_offer}};
  const auto upgrade = check_response(client_example(), 101, good);
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->protocol, "sparc.v1.json");
  EXPECT_TRUE(upgrade->deflate);
  EXPECT_FALSE(check_response(client_example(), 200, good));
  auto changed = [&](std::size_t index, std::string_view value) {
    auto headers = good;
    headers[index].value = value;
    return check_response(client_example(), 101, headers).has_value();
  };
  EXPECT_FALSE(changed(0, "h2c"));
  EXPECT_FALSE(changed(1, "close"));
  EXPECT_FALSE(changed(2, "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  EXPECT_FALSE(changed(3, "other"));
  EXPECT_FALSE(changed(4, "permessage-deflate"));
  EXPECT_TRUE(changed(1, "keep-alive, Upgrade"));
  auto plain = client_example();
  plain.extensions.clear();
  EXPECT_FALSE(check_response(plain, 101, good)) << "an extension that was not offered";
  auto bare = good;
  bare.resize(3);
  const auto none = check_response(client_example(), 101, bare);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->protocol.empty());
  EXPECT_FALSE(none->deflate);
}

}  // namespace
}  // namespace sparc::ws
