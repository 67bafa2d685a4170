// Messages that a proxy in front and this server could frame differently: all of them are refused.

#include <gtest/gtest.h>

#include "http/requests.h"

namespace sparc::http {
namespace {

int status_of(const std::string& head_and_body) {
  const Events events = parse(head_and_body);
  if (events.empty()) return -1;
  return events.back().starts_with("refused ") ? std::stoi(events.back().substr(8)) : 200;
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

TEST(Rfc9112Section6_3, ContentLengthWithTransferEncodingIsRefused) {
  EXPECT_EQ(status_of(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")), 400);
}

TEST(Rfc9112Section6_3, ContentLengthStandsOnceAndIsANumber) {
  EXPECT_EQ(status_of(post("Content-Length: 1\r\n", "a")), 200);
  EXPECT_EQ(status_of(post("Content-Length: 1\r\nContent-Length: 1\r\n", "a")), 400);
  EXPECT_EQ(status_of(post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab")), 400);
  for (const std::string value :
       {"1, 1", "+1", "-1", "0x1", "1 1", "", "1a", "18446744073709551616", "99999999999999999999999", "1.0", "\"1\""}) {
    EXPECT_EQ(status_of(post("Content-Length: " + value + "\r\n", "a")), 400) << value;
  }
}

TEST(Rfc9112Section6_1, TheOnlyTransferCodingIsChunked) {
  EXPECT_EQ(status_of(post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n")), 200);
  for (const std::string value : {"gzip", "chunked, chunked", "gzip, chunked", "chunked, identity", "identity", "xchunked",
                                  "chunked;x", "\"chunked\"", ""}) {
    EXPECT_GE(status_of(post("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n")), 400) << value;
  }
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(status_of(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
}

TEST(Rfc9112Section5_1, NoSpaceMayStandBeforeTheColonOrInAName) {
  EXPECT_EQ(status_of(post("Content-Length : 1\r\n", "a")), 400);
  EXPECT_EQ(status_of(post("Content-Length\t: 1\r\n", "a")), 400);
  EXPECT_EQ(status_of(post("Transfer Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of(post("X\xc3\xbc: 1\r\n")), 400);
  EXPECT_EQ(status_of(post("X(1): 1\r\n")), 400);
  EXPECT_EQ(status_of(post(": 1\r\n")), 400);
  EXPECT_EQ(status_of(post("no-colon\r\n")), 400);
}

TEST(Rfc9112Section5_2, AFoldedLineIsRefused) {
  EXPECT_EQ(status_of(post("X: a\r\n b\r\n")), 400);
  EXPECT_EQ(status_of(post("X: a\r\n\tb\r\n")), 400);
  EXPECT_EQ(status_of(post("Transfer-Encoding:\r\n chunked\r\n")), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400);
}

TEST(Rfc9112Section2_2, LinesEndWithCrLfAndNothingElse) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: h\n\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\n\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200) << "one empty line before is skipped";
  EXPECT_EQ(status_of("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
}

TEST(Rfc9110Section5_5, ControlCharactersAreRefusedEverywhere) {
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\r' || c == '\n') continue;
    EXPECT_EQ(status_of(post("X: a" + std::string(1, static_cast<char>(c)) + "b\r\n")), 400) << c;
    EXPECT_EQ(status_of("GET /" + std::string(1, static_cast<char>(c)) + " HTTP/1.1\r\nHost: h\r\n\r\n"), 400) << c;
  }
  for (std::size_t at = 0; at < 24; ++at) {
    for (const char c : {'\0', '\x01', '\x1f', '\x7f'}) {
      std::string value(24, '\xc3');
      EXPECT_EQ(parse_pieces({}, {post("X: " + value + "\r\n")}), Events{"POST / "});
      value[at] = c;
      EXPECT_EQ(parse_pieces({}, {post("X: " + value + "\r\n")}), Events{"refused 400 control character in the head"}) << at;
    }
  }
  EXPECT_EQ(status_of(post("X: tab\tand \xc3\xbc\r\n")), 200);
}

TEST(Rfc9112Section3_2, HostStandsOnceAndIsOne) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
  for (const std::string host : {"a b", "a/b", "user@a", "a?b", "a#b", "a,b\\", "a\xc3\xbc", "<a>"}) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"), 400) << host;
  }
  for (const std::string host : {"a.example", "a:3100", "[2001:db8::1]:80", "127.0.0.1", ""}) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"), 200) << host;
  }
}

TEST(Rfc9112Section9, WhatIsRefusedIsNotFollowedByAnotherRequest) {
  EXPECT_EQ(parse(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: h\r\n\r\n"))
                .size(),
            1u);
}

}  // namespace
}  // namespace sparc::http
