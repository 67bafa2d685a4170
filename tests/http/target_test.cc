#include "http/target.h"

#include <gtest/gtest.h>

namespace sparc::http {
namespace {

std::string split(std::string_view target) {
  const auto parts = split_target(target);
  return parts ? std::string(parts->path) + "|" + std::string(parts->query) : "none";
}

TEST(Rfc9112Section3_2, ATargetIsAPathAndAQuery) {
  EXPECT_EQ(split("/"), "/|");
  EXPECT_EQ(split("/a?b=c?d"), "/a|b=c?d");
  EXPECT_EQ(split("/a?"), "/a|");
  EXPECT_EQ(split("*"), "*|");
  EXPECT_EQ(split("HTTP://host:80/a?b"), "/a|b");
  EXPECT_EQ(split("https://host"), "/|");
  EXPECT_EQ(split("http://host?q"), "/|q");
  for (const std::string_view bad :
       {"", "a", "?q", "http://", "http:///a", "http://user@host/", "ftp://host/", "/a#b", "/a b", "/\x7f", "/\xff", "**"}) {
    EXPECT_EQ(split(bad), "none") << bad;
  }
}

TEST(Rfc9110Section7_2, AHostIsNamedWithoutItsPort) {
  EXPECT_EQ(host_name("example.com"), "example.com");
  EXPECT_EQ(host_name("example.com:3100"), "example.com");
  EXPECT_EQ(host_name("[::1]"), "[::1]");
  EXPECT_EQ(host_name("[::1]:3100"), "[::1]");
  EXPECT_EQ(host_name(""), "");
}

TEST(Rfc3986Section2_1, PercentEncodingIsDecodedStrictly) {
  EXPECT_EQ(percent_decode("a%20b%C3%bc+c"), "a b\xc3\xbc+c");
  EXPECT_EQ(percent_decode("a+b", Plus::space), "a b");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  for (const std::string_view bad : {"%", "%4", "%zz", "a%2", "%%41", "%+1"}) EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
}

TEST(Rfc3986Section2_3, WhatIsEncodedIsDecodedToItself) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a-Z_0.~/ü"), "a-Z_0.~%2F%C3%BC");
}

TEST(Query, ParametersAreFoundByTheirDecodedName) {
  EXPECT_EQ(query_value("token=abc%2Bd&x=1", "token"), "abc+d");
  EXPECT_EQ(query_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(query_value("%61=1", "a"), "1");
  EXPECT_EQ(query_value("&&flag&x=", "flag"), "");
  EXPECT_EQ(query_value("x=a=b", "x"), "a=b");
  EXPECT_EQ(query_value("xtoken=1", "token"), std::nullopt);
  EXPECT_EQ(query_value("token=%zz", "token"), std::nullopt);
  EXPECT_EQ(query_value("", "token"), std::nullopt);
}

TEST(Query, ParametersAreListedInOrderAndBounded) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(query_parameters("b=2&a=1+x&bad=%z&c"), (Pairs{{"b", "2"}, {"a", "1 x"}, {"c", ""}}));
  EXPECT_EQ(query_parameters("a&b&c", 2), (Pairs{{"a", ""}, {"b", ""}}));
}

}  // namespace
}  // namespace sparc::http
