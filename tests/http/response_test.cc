#include "http/response.h"

#include <gtest/gtest.h>

#include "http/response_parser.h"

namespace sparc::http {
namespace {

std::string text(const Reply& reply) {
  std::string out;
  append_reply(out, reply);
  return out;
}

TEST(Response, HasItsFieldsAndItsBody) {
  const Header extra[] = {{"Retry-After", "3"}, {"Cache-Control", "no-store"}};
  EXPECT_EQ(text({.status = 503, .content_type = "application/json", .headers = extra, .body = "{}"}),
            "HTTP/1.1 503 Service Unavailable\r\n"
            "Content-Type: application/json\r\n"
            "Retry-After: 3\r\n"
            "Cache-Control: no-store\r\n"
            "Content-Length: 2\r\n"
            "Connection: keep-alive\r\n\r\n{}");
  EXPECT_EQ(text({.connection = Connection::close}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(Rfc9110Section8_6, SomeAnswersHaveNoBody) {
  EXPECT_EQ(text({.status = 204, .body = "dropped"}), "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(text({.body = "four", .body_kind = BodyKind::left_out}),
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n");
}

TEST(Response, AFieldCannotBringAnotherLineIn) {
  std::string out;
  for (const Header& bad :
       {Header{"X", "a\r\nSet-Cookie: b"}, Header{"X", "a\nb"}, Header{"X", "a\rb"}, Header{"X", std::string_view("a\0b", 3)},
        Header{"X: y", "a"}, Header{"X\r\n", "a"}, Header{"", "a"}, Header{"X", "\x7f"}}) {
    EXPECT_FALSE(valid_header(bad));
    EXPECT_FALSE(append_header(out, bad));
    EXPECT_EQ(text({.headers = {&bad, 1}}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
  }
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(text({.content_type = "text/plain\r\nX: y"}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(Response, ItsFramingIsNotTheCallersToSet) {
  const Header extra[] = {{"content-length", "99"}, {"Transfer-Encoding", "chunked"}, {"connection", "close"}};
  EXPECT_EQ(text({.headers = extra, .body = "x"}), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx");
}

TEST(Response, WhatIsWrittenIsReadBack) {
  ResponseParser parser({});
  const std::string bytes = text({.status = 202, .content_type = "text/plain", .body = "queued"});
  ASSERT_EQ(parser.feed(bytes).status, ResponseParser::Status::response);
  EXPECT_EQ(parser.response().status, 202);
  EXPECT_EQ(parser.response().body, "queued");
}

TEST(Response, ARefusalIsAnErrorDocumentAndCloses) {
  std::string out;
  append_refusal(out, {413, "the body is too large"});
  EXPECT_EQ(out,
            "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nContent-Length: 72\r\nConnection: close\r\n\r\n"
            R"({"error":{"code":"PAYLOAD_TOO_LARGE","message":"the body is too large"}})");
  out.clear();
  append_refusal(out, {431, "the head is too large"});
  EXPECT_TRUE(out.ends_with(R"({"error":{"code":"BAD_REQUEST","message":"the head is too large"}})"));
  out.clear();
  append_continue(out);
  EXPECT_EQ(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(Response, EveryStatusThatWeRefuseWithHasItsPhrase) {
  for (const int status : {400, 405, 408, 413, 417, 426, 429, 431, 500, 501, 503, 505}) {
    EXPECT_NE(reason_of(static_cast<std::uint16_t>(status)), "Unknown");
  }
  EXPECT_EQ(reason_of(299), "Unknown");
}

}  // namespace
}  // namespace sparc::http
