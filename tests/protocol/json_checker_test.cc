#include "protocol/json_checker.h"

#include <gtest/gtest.h>

#include <string>
#include "base/prefixes.h"

#include "protocol/json_scan.h"

namespace sparc::protocol {
namespace {

/// A long integer in front sends the rest through the grammar instead of simdjson: both must say the same.
constexpr std::string_view long_integer = "123456789012345678901234567890";

bool valid(std::string_view text) { return JsonChecker().fault(text).empty(); }
bool valid_behind_a_long_integer(std::string_view text) {
  return valid("[" + std::string(long_integer) + "," + std::string(text) + "]");
}

TEST(JsonChecker, TheGrammarForLongIntegersRefusesWhatSimdjsonRefuses) {
  for (const char* text : {"{}",
                           "[]",
                           "[[]]",
                           "{\"a\":{}}",
                           "[1,2,[3,{\"b\":[]}]]",
                           "\"\\u00e9\\n\\\"\"",
                           "true",
                           "false",
                           "null",
                           "-0",
                           "1e5",
                           "1E+5",
                           "1.5e-5",
                           "0",
                           "1e-999",
                           " [ 1 , 2 ] ",
                           "{\"a\" : 1 , \"b\" : [ ] }",
                           "\"\\ud83d\\udeaa\"",
                           "18446744073709551616",
                           "-9223372036854775809",
                           "1.7976931348623157e308"}) {
    EXPECT_TRUE(valid(text)) << text;
    EXPECT_TRUE(valid_behind_a_long_integer(text)) << text;
  }
  for (const char* text : {"{",
                           "}",
                           "[1,]",
                           "[,1]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\" 1}",
                           "{1:2}",
                           "[1 2]",
                           "tru",
                           "truex",
                           "nul",
                           "01",
                           "-",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x1",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "[1}",
                           "{\"a\":1]",
                           "1e309",
                           "-1e309",
                           "[\"a\":1]",
                           "\"a\"\"b\"",
                           "1.7976931348623159e308",
                           "123456789012345678901234567890x"}) {
    EXPECT_FALSE(valid(text)) << text;
    EXPECT_FALSE(valid_behind_a_long_integer(text)) << text;
  }
}

TEST(JsonChecker, TextBehindALongIntegerIsRefused) {
  EXPECT_TRUE(valid(long_integer));
  EXPECT_TRUE(valid(" " + std::string(long_integer) + " \n"));
  EXPECT_FALSE(valid(std::string(long_integer) + " 1"));
  EXPECT_FALSE(valid(std::string(long_integer) + "]"));
  EXPECT_FALSE(valid("[" + std::string(long_integer)));
}

TEST(JsonChecker, NestingHasTheSameBoundOnBothWays) {
  const auto nested = [](std::size_t depth, std::string_view inner) {
    return std::string(depth, '[') + std::string(inner) + std::string(depth, ']');
  };
  EXPECT_TRUE(valid(nested(json_depth_max, "1")));
  EXPECT_TRUE(valid(nested(json_depth_max, long_integer)));
  EXPECT_FALSE(valid(nested(json_depth_max + 1, "1")));
  EXPECT_FALSE(valid(nested(json_depth_max + 1, long_integer)));
  EXPECT_FALSE(valid(nested(100'000, "1")));
  for (const std::string_view empty : {"[]", "{}", "[ ]"}) {
    EXPECT_TRUE(valid(nested(json_depth_max - 1, empty))) << empty;
    EXPECT_FALSE(valid(nested(json_depth_max, empty))) << empty;
    EXPECT_FALSE(valid(nested(json_depth_max, std::string("1e400,") + std::string(empty)))) << empty;
    EXPECT_FALSE(valid(nested(json_depth_max, std::string(long_integer) + "," + std::string(empty)))) << empty;
  }
}

TEST(JsonChecker, EveryPrefixOfADocumentIsRefusedOnBothWays) {
  for (const std::string& text :
       {std::string(R"({"a":[1,-2.5e3,true,null,"\ud83d\udeaa\n"],"b":{"c":"é🔒"}})"),
        "{\"a\":[" + std::string(long_integer) + R"(,-2.5e3,false,"\ud83d\udeaa\n"],"b":{"c":"é🔒"}})"}) {
    EXPECT_TRUE(valid(text));
    for_each_prefix(text, [](std::string_view prefix) { EXPECT_FALSE(valid(prefix)) << prefix; });
  }
}

TEST(JsonScan, AWalkerShowsEachMemberByteForByte) {
  const std::string text = R"( { "a" : [1, {"]":"}"}] , "b\"c":"\\" ,"d":-1.50 } )";
  json::Walker walker(json::trimmed(text));
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.key, R"("a")");
  EXPECT_EQ(walker.value, R"([1, {"]":"}"}])");
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.key, R"("b\"c")");
  EXPECT_EQ(walker.value, R"("\\")");
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.value, "-1.50");
  EXPECT_FALSE(walker.next());
}

TEST(JsonScan, StringsAreUnescapedAndHalvesOfPairsRefused) {
  std::string out;
  ASSERT_TRUE(json::read_string(R"("a\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00z")", out));
  EXPECT_EQ(out, "a\"\\/\b\f\n\r\té€😀z");
  EXPECT_FALSE(json::read_string(R"("\ud83d")", out));
  EXPECT_FALSE(json::read_string(R"("\ude00")", out));
  EXPECT_FALSE(json::read_string(R"("\ude00\ude00")", out));
  EXPECT_FALSE(json::read_string(R"("\ud83d\u0041")", out));
  EXPECT_FALSE(json::read_string("7", out));
}

TEST(JsonScan, FindFollowsPointersAndTakesTheLastOfEqualKeys) {
  const std::string_view text = R"({"a":{"b/c":[10,{"d~e":"x"}]},"a2":1,"a2":2,"":5})";
  EXPECT_EQ(json::find(text, "a2"), "2");
  EXPECT_EQ(json::find(text, "/a/b~1c/0"), "10");
  EXPECT_EQ(json::find(text, "/a/b~1c/1/d~0e"), "\"x\"");
  EXPECT_EQ(json::find(text, "/a/b~1c/00"), "");
  EXPECT_EQ(json::find(text, "/a/b~1c/2"), "");
  EXPECT_EQ(json::find(text, "/a2/x"), "");
  EXPECT_EQ(json::find(text, "/"), "5");
  EXPECT_EQ(json::find("[1]", "a"), "");
}

}  // namespace
}  // namespace sparc::protocol
