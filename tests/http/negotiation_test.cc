#include <gtest/gtest.h>

#include "http/accept.h"
#include "http/authorization.h"
#include "http/cookies.h"

namespace sparc::http {
namespace {

TEST(Rfc9110Section12_5_1, TheMostSpecificRangeDecides) {
  auto accepts = [](std::string_view accept, std::string_view type) {
    const Header headers[] = {{"accept", accept}};
    return accepts_type(headers, type);
  };
  EXPECT_TRUE(accepts_type({}, "application/json"));
  EXPECT_TRUE(accepts("application/json", "application/json"));
  EXPECT_TRUE(accepts("text/html, Application/JSON;q=0.1", "application/json"));
  EXPECT_TRUE(accepts("*/*", "application/json"));
  EXPECT_TRUE(accepts("application/*", "application/json"));
  EXPECT_FALSE(accepts("text/*", "application/json"));
  EXPECT_FALSE(accepts("text/html", "application/json"));
  EXPECT_FALSE(accepts("*/*, application/json;q=0", "application/json"));
  EXPECT_TRUE(accepts("*/*;q=0, application/*;level=1;q=0.5", "application/json"));
  EXPECT_FALSE(accepts("application/json ; Q=0.000", "application/json"));
  EXPECT_FALSE(accepts("", "application/json"));
}

TEST(Rfc9110Section12_5_3, ACodingIsTakenWhereItIsNamed) {
  auto accepts = [](std::string_view value) {
    const Header headers[] = {{"Accept-Encoding", value}};
    return accepts_coding(headers, "gzip");
  };
  EXPECT_FALSE(accepts_coding({}, "gzip"));
  EXPECT_TRUE(accepts("br, GZIP"));
  EXPECT_TRUE(accepts("*"));
  EXPECT_FALSE(accepts("*, gzip;q=0"));
  EXPECT_FALSE(accepts("br"));
  EXPECT_FALSE(accepts("xgzip"));
}

TEST(Authorization, ATokenInTheQueryComesBeforeOneInAHeaderThatBeforeACookie) {
  Request request;
  request.query = "a=b&token=of+query%2e";
  request.headers = {{"Authorization", "Bearer of-header"}, {"Cookie", "jwt=of-cookie"}};
  EXPECT_EQ(token_of(request, "jwt"), "of query.");
  request.query = "token=";
  EXPECT_EQ(token_of(request, "jwt"), "of-header");
  request.headers[0].value = "Basic dXNlcjpwYXNzd29yZA==";  // a proxy's own
  EXPECT_EQ(token_of(request, "jwt"), "of-cookie");
  EXPECT_EQ(token_of(request, ""), "");
  EXPECT_EQ(token_of(request, "another"), "");
}

TEST(Rfc6265Section5_4, ACookieIsFoundByItsExactName) {
  const Header headers[] = {{"Cookie", "a=1; session=\"x y\";b = 2 ;empty="}, {"cookie", "late=3"}};
  EXPECT_EQ(cookie(headers, "a"), "1");
  EXPECT_EQ(cookie(headers, "session"), "x y");
  EXPECT_EQ(cookie(headers, "b"), "2");
  EXPECT_EQ(cookie(headers, "empty"), "");
  EXPECT_EQ(cookie(headers, "late"), "3");
  EXPECT_EQ(cookie(headers, "A"), std::nullopt);
  EXPECT_EQ(cookie(headers, "sess"), std::nullopt);
  EXPECT_EQ(cookie({}, "a"), std::nullopt);
}

}  // namespace
}  // namespace sparc::http
