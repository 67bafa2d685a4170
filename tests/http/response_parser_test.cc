#include "http/response_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sparc::http {
namespace {

std::string read_pieces(const std::vector<std::string_view>& pieces, ResponseParser::Body body, const ResponseLimits& limits) {
  ResponseParser parser(limits, body);
  auto describe = [&](ResponseParser::Status status, std::string rest) {
    if (status == ResponseParser::Status::refused) return "refused " + std::string(parser.refusal().detail);
    std::string out = std::to_string(parser.response().status) + " " + std::string(parser.response().body);
    if (!parser.response().keep_alive) out += "+close";
    return status == ResponseParser::Status::switched ? out + "+switched:" + rest : out;
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto fed = parser.feed(pieces[i]);
    if (fed.status == ResponseParser::Status::more) continue;
    std::string rest(pieces[i].substr(fed.consumed));
    for (std::size_t k = i + 1; k < pieces.size(); ++k) rest += pieces[k];
    return describe(fed.status, rest);
  }
  return describe(parser.finish(), "");
}

/// `status body`, the same at every cut of the input, which ends with the connection.
std::string read(const std::string& input, ResponseParser::Body body = ResponseParser::Body::expected,
                 const ResponseLimits& limits = {}) {
  const std::string_view all = input;
  const std::string whole = read_pieces({all}, body, limits);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(read_pieces({all.substr(0, cut), all.substr(cut)}, body, limits), whole) << "cut at " << cut;
  }
  return whole;
}

TEST(Rfc9112Section6_3, TheBodyOfAResponseEndsByLengthChunksOrConnection) {
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "200 {}");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), "200 {}");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\nto the end"), "200 to the end+close");
  EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\n"), "204 ");
  EXPECT_EQ(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), "304 ");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ResponseParser::Body::none), "200 ");
  EXPECT_EQ(read("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"), "200 a+close");
  EXPECT_EQ(read("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"), "404 ");
}

TEST(Rfc9110Section15_2, InterimResponsesAreSkipped) {
  EXPECT_EQ(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
                 "1\r\n\r\na"),
            "200 a");
  std::string many;
  for (int i = 0; i < 17; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(read(many), "refused too many interim responses");
}

TEST(Rfc6455Section4_1, BehindA101TheBytesAreOfTheNewProtocol) {
  EXPECT_EQ(read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01z"),
            "101 +switched:\x81\x01z");
}

TEST(ResponseParser, ItsHeadersCanBeLookedUp) {
  ResponseParser parser({});
  ASSERT_EQ(parser.feed("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").status,
            ResponseParser::Status::response);
  EXPECT_EQ(parser.response().header("retry-after"), "7");
  EXPECT_EQ(parser.response().reason, "Service Unavailable");
}

TEST(ResponseParser, WhatIsNotAResponseIsRefused) {
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "refused the connection ended within the response");
  EXPECT_EQ(read("HTTP/1.1 2"), "refused the connection ended within the response");
  EXPECT_EQ(read(""), "refused the connection ended within the response");
  EXPECT_TRUE(read("HTTP/2.0 200 OK\r\n\r\n").starts_with("refused"));
  EXPECT_TRUE(read("HTTP/1.1 20 OK\r\n\r\n").starts_with("refused"));
  EXPECT_TRUE(read("HTTP/1.1 999 Odd\r\n\r\n").starts_with("refused"));
  EXPECT_TRUE(read("SSH-2.0-OpenSSH\r\n\r\n").starts_with("refused"));
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n").starts_with("refused"));
}

TEST(ResponseParser, ItsBodyAndHeadAreLimited) {
  const ResponseLimits limits{.head_bytes_max = 100, .body_bytes_max = 10};
  const auto expected = ResponseParser::Body::expected;
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", expected, limits), "refused the body is too large");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\n0123456789x", expected, limits), "refused the body is too large");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\n0123456789", expected, limits), "200 0123456789+close");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nX: " + std::string(100, 'x'), expected, limits), "refused the head is too large");
}

}  // namespace
}  // namespace sparc::http
