#include "http/request_parser.h"

#include <gtest/gtest.h>

#include "http/requests.h"

namespace sparc::http {
namespace {

const std::string upgrade_head =
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

TEST(Rfc9112Section3, ARequestHasItsParts) {
  RequestParser parser({});
  const std::string input =
      "POST /api/v1/broadcast?dry=1&x HTTP/1.1\r\nHost: example.com:3100\r\nX-API-Key:  k \t\r\nContent-Length: "
      "2\r\nx-empty:\r\n\r\n{}";
  const RequestParser::Fed fed = parser.feed(input);
  ASSERT_EQ(fed.status, RequestParser::Status::request);
  EXPECT_EQ(fed.consumed, input.size());
  const Request& request = parser.request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/api/v1/broadcast?dry=1&x");
  EXPECT_EQ(request.path, "/api/v1/broadcast");
  EXPECT_EQ(request.query, "dry=1&x");
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(request.http_minor, 1);
  EXPECT_TRUE(request.keep_alive);
  EXPECT_FALSE(request.upgrade);
  EXPECT_EQ(request.headers.size(), 4u);
  EXPECT_EQ(request.header("x-api-key"), "k");
  EXPECT_EQ(request.header("HOST"), "example.com:3100");
  EXPECT_EQ(request.header("X-Empty"), "");
  EXPECT_EQ(request.header("x-none"), std::nullopt);
}

TEST(Rfc9112Section9_3, PipelinedRequestsComeOneByOne) {
  const std::string input =
      "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "\r\nGET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(parse(input), (Events{"GET /a ", "POST /b abc", "GET /c +close"}));
  RequestParser parser({});
  EXPECT_EQ(parser.feed(input).consumed, input.find("POST")) << "it stops behind each request";
  EXPECT_FALSE(parser.within_request());
}

TEST(Rfc9112Section9_3, KeepAliveFollowsTheVersionAndConnection) {
  auto event = [](std::string version, std::string connection) {
    const std::string field = connection.empty() ? "" : "Connection: " + connection + "\r\n";
    return parse("GET / HTTP/" + version + "\r\nHost: h\r\n" + field + "\r\n");
  };
  EXPECT_EQ(event("1.1", ""), Events{"GET / "});
  EXPECT_EQ(event("1.1", "Close"), Events{"GET / +close"});
  EXPECT_EQ(event("1.1", "keep-alive, close"), Events{"GET / +close"});
  EXPECT_EQ(event("1.0", ""), Events{"GET / +close"});
  EXPECT_EQ(event("1.0", "Keep-Alive"), Events{"GET / "});
  EXPECT_EQ(event("1.0", "keep-alive, close"), Events{"GET / +close"});
}

TEST(Rfc9112Section7_1, AChunkedBodyIsJoined) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(parse(head + "3\r\nabc\r\nA;name=\"v\"\r\n0123456789\r\n0\r\n\r\n"), Events{"POST /x abc0123456789"});
  EXPECT_EQ(parse(head + "0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), (Events{"POST /x ", "GET / "}));
  EXPECT_EQ(parse(head + "1\r\na\r\n000\r\nX-Trailer: dropped\r\nY:\r\n\r\n"), Events{"POST /x a"});
  EXPECT_EQ(parse(head + "1\r\na\r\n0\r\n"), Events{"within"});
}

TEST(Rfc9112Section7_1, AChunkThatIsNotWrittenAsTheGrammarSaysIsRefused) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body : {"\r\n",
                                 "g\r\n",
                                 "-1\r\n",
                                 "0x3\r\nabc\r\n",
                                 " 3\r\nabc\r\n",
                                 "3\nabc\r\n0\r\n\r\n",
                                 "3\r\nabcd\r\n",
                                 "3\r\nabc\n0\r\n\r\n",
                                 "3\r\nabc0\r\n\r\n",
                                 "3;a\nb\r\nabc\r\n",
                                 "3;a\x01\r\nabc\r\n",
                                 "3\rabc",
                                 "0\r\n\n",
                                 "0\r\n folded\r\n\r\n",
                                 "0\r\nno colon\r\n\r\n",
                                 "0\r\nX: a\nY: b\r\n\r\n",
                                 "10000000000000003\r\nabc",
                                 "3,\r\nabc\r\n",
                                 "3 \r\nabc\r\n",
                                 "3 ;a\r\nabc\r\n"}) {
    EXPECT_EQ(parse(head + body), Events{"refused 400 invalid chunk"}) << body;
  }
}

TEST(RequestParser, TheBodyIsLimited) {
  const RequestLimits ten{.body_bytes_max = 10};
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\n";
  const Events refused{"refused 413 the body is too large"};
  EXPECT_EQ(parse(head + "Content-Length: 10\r\n\r\n0123456789", ten), Events{"POST /x 0123456789"});
  EXPECT_EQ(parse(head + "Content-Length: 11\r\n\r\n", ten), refused) << "before any of the body has come";
  EXPECT_EQ(parse(head + "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", ten), refused) << "and instead of 100";
  EXPECT_EQ(parse(head + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", ten), Events{"POST /x 0123456789"});
  EXPECT_EQ(parse(head + "Transfer-Encoding: chunked\r\n\r\nb\r\n", ten), refused);
  EXPECT_EQ(parse(head + "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n", ten), refused);
  EXPECT_EQ(parse(head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", ten), refused);
}

TEST(RequestParser, ChunkFramingIsLimited) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(parse(head + "1;" + std::string(40'000, 'e')), Events{"refused 400 too much chunk framing"});
  EXPECT_EQ(parse(head + "0\r\nX: " + std::string(40'000, 't')), Events{"refused 400 too much chunk framing"});
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "1\r\na\r\n";
  EXPECT_EQ(parse(head + many + "0\r\n\r\n"), Events{"POST /x " + std::string(20'000, 'a')}) << "small chunks are allowed";
}

TEST(RequestParser, TheHeadIsLimited) {
  const RequestLimits small{.head_bytes_max = 64};
  const Events refused{"refused 431 the head is too large"};
  const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\nX: ", end = "\r\n\r\n";
  const std::string fits = begin + std::string(64 - begin.size() - end.size(), 'x') + end;
  ASSERT_EQ(fits.size(), 64u);
  EXPECT_EQ(parse(fits, small), Events{"GET / "});
  EXPECT_EQ(parse(begin + std::string(64 - begin.size() - end.size() + 1, 'x') + end, small), refused);
  EXPECT_EQ(parse(std::string(65, 'G'), small), refused);
  EXPECT_EQ(parse(fits + fits, small), (Events{"GET / ", "GET / "})) << "each request has its own";
}

TEST(RequestParser, TheNumberOfFieldsIsLimited) {
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 1; i < 100; ++i) head += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(parse(head + "\r\n"), Events{"GET / "});
  EXPECT_EQ(parse(head + "One-More: y\r\n\r\n"), Events{"refused 431 too many header fields"});
}

TEST(Rfc9110Section10_1_1, AnExpectationOf100IsReportedOnceTheHeadIsThere) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
  EXPECT_EQ(parse(head), (Events{"continue?", "within"}));
  EXPECT_EQ(parse(head + "abc"), (Events{"continue?", "POST /x abc"}));
  EXPECT_EQ(parse("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"), Events{"POST /x "});
  EXPECT_EQ(parse("POST /x HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na"), Events{"POST /x a+close"});
  EXPECT_EQ(parse("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n"),
            Events{"refused 417 the only expectation is 100-continue"});
}

TEST(Rfc9110Section7_8, AnUpgradeStopsBehindItsHead) {
  EXPECT_EQ(parse(upgrade_head + "\x81\x80 frames"), Events{"GET /ws +upgrade:\x81\x80 frames"});
  RequestParser parser({});
  ASSERT_EQ(parser.feed(upgrade_head).status, RequestParser::Status::upgrade);
  EXPECT_TRUE(parser.request().upgrade);
}

TEST(Rfc9110Section7_8, AnythingElseThatNamesAnUpgradeIsAnOrdinaryRequest) {
  EXPECT_EQ(parse("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), Events{"GET /ws "});
  EXPECT_EQ(parse("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"), Events{"GET /ws "});
  EXPECT_EQ(parse("POST /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), Events{"POST /ws "});
  EXPECT_EQ(parse("GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\na"),
            Events{"GET /ws a"});
  EXPECT_EQ(parse("GET /ws HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), Events{"GET /ws +close"});
}

TEST(Rfc9112Section3_2, TheTargetHasOneOfItsForms) {
  auto path_of = [](std::string line) {
    RequestParser parser({});
    return parser.feed(line + " HTTP/1.1\r\nHost: h\r\n\r\n").status == RequestParser::Status::request
               ? std::string(parser.request().path)
               : "refused " + std::to_string(parser.refusal().status);
  };
  EXPECT_EQ(path_of("GET /a/b%20c"), "/a/b%20c");
  EXPECT_EQ(path_of("GET http://h/a?q"), "/a");
  EXPECT_EQ(path_of("GET http://h"), "/");
  EXPECT_EQ(path_of("OPTIONS *"), "*");
  EXPECT_EQ(path_of("GET *"), "refused 400");
  EXPECT_EQ(path_of("GET a"), "refused 400");
  EXPECT_EQ(path_of("GET /a#b"), "refused 400");
  EXPECT_EQ(path_of("GET /\xc3\xbc"), "refused 400");
  EXPECT_EQ(path_of("GET /a b"), "refused 400");
  EXPECT_EQ(path_of("CONNECT h:443"), "refused 501");
}

TEST(Rfc9112Section2_3, OnlyVersions1_0And1_1AreSpoken) {
  for (const std::string version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"}) {
    EXPECT_EQ(parse("GET / " + version + "\r\nHost: h\r\n\r\n"), Events{"refused 505 only HTTP/1.0 and HTTP/1.1 are spoken"})
        << version;
  }
  EXPECT_EQ(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Events{"refused 505 only HTTP/1.0 and HTTP/1.1 are spoken"});
  for (const std::string line :
       {"GET /", "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/1.1 ", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTPS/1.1",
        "GET /  HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "/ HTTP/1.1", "GET HTTP/1.1"}) {
    const Events events = parse(line + "\r\nHost: h\r\n\r\n");
    ASSERT_EQ(events.size(), 1u) << line;
    EXPECT_TRUE(events[0].starts_with("refused 400") || events[0].starts_with("refused 505")) << line << ": " << events[0];
  }
}

TEST(RequestParser, AnUnknownMethodIsNotImplemented) {
  EXPECT_EQ(parse("BREW / HTTP/1.1\r\nHost: h\r\n\r\n"), Events{"refused 501 unknown method"});
}

TEST(RequestParser, ALargeBodyIsNotKeptForTheNextRequest) {
  RequestParser parser({});
  const std::string large = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'b');
  ASSERT_EQ(parser.feed(large).status, RequestParser::Status::request);
  EXPECT_EQ(parser.request().body.size(), 500'000u);
  ASSERT_EQ(parser.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, RequestParser::Status::request);
  EXPECT_TRUE(parser.request().body.empty());
}

}  // namespace
}  // namespace sparc::http
