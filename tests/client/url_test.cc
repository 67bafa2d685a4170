#include "client/url.h"

#include <gtest/gtest.h>

namespace sparc::client {
namespace {

TEST(Url, means_the_servers_path_and_the_schemes_port_where_none_is_said) {
  const auto plain = parse_url("ws://localhost").value();
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "localhost");
  EXPECT_EQ(plain.port, 80);
  EXPECT_EQ(plain.host_field, "localhost");
  EXPECT_EQ(plain.target, "/ws");
  const auto secure = parse_url("wss://api.example.com/").value();
  EXPECT_TRUE(secure.tls);
  EXPECT_EQ(secure.port, 443);
  EXPECT_EQ(secure.target, "/ws");
  EXPECT_EQ(parse_url("https://api.example.com:443").value().host_field, "api.example.com");
}

TEST(Url, keeps_port_path_and_query) {
  const auto url = parse_url("ws://10.0.0.1:3100/realtime?x=1").value();
  EXPECT_EQ(url.port, 3100);
  EXPECT_EQ(url.host_field, "10.0.0.1:3100");
  EXPECT_EQ(url.target, "/realtime?x=1");
  EXPECT_EQ(parse_url("ws://h?x=1").value().target, "/ws?x=1");
}

TEST(Url, takes_addresses_of_ip_version_6_in_brackets) {
  const auto url = parse_url("ws://[::1]:3100").value();
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 3100);
  EXPECT_EQ(url.host_field, "[::1]:3100");
}

TEST(Url, says_what_is_wrong) {
  for (const char* url :
       {"", "localhost:3100", "ftp://h", "ws://", "ws://:3100", "ws://h:", "ws://h:0", "ws://h:65536", "ws://h:1x", "ws://[::1",
        "ws://[::1]3100", "ws://user:secret@h", "ws://h/#top", "ws://h/a b", "ws://h/\r\nX: y"}) {
    const auto parsed = parse_url(url);
    ASSERT_FALSE(parsed.has_value()) << url;
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace sparc::client
