#include <gtest/gtest.h>

#include "base/codes.h"
#include "base/json_text.h"
#include "base/pattern.h"

namespace sparc {
namespace {

TEST(JsonText, ControlCharactersQuotesAndBackslashesAreEscaped) {
  EXPECT_EQ(json_string(std::string_view("a\"b\\c\n\t\x01z", 9)), R"("a\"b\\c\n\t\u0001z")");
  EXPECT_EQ(json_string("Zürich"), "\"Zürich\"");
}

TEST(JsonText, TimesAreIso8601InUtcWithMilliseconds) {
  auto iso = [](std::int64_t ms) {
    std::string out;
    append_iso_time(out, ms);
    return out;
  };
  EXPECT_EQ(iso(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso(1'767'225'600'000), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(iso(1'709'210'096'789), "2024-02-29T12:34:56.789Z");
  EXPECT_EQ(iso(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Pattern, AStarStandsForAnyRunOfCharactersAndEverythingElseForItself) {
  EXPECT_TRUE(matches_pattern("security:*", "security:event"));
  EXPECT_TRUE(matches_pattern("security:*", "security:"));
  EXPECT_FALSE(matches_pattern("security:*", "security"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("a*b*c", "a--b--b--c"));
  EXPECT_FALSE(matches_pattern("a*b*c", "a--b--b--"));
  EXPECT_FALSE(matches_pattern("camera:?", "camera:7"));
}

TEST(Codes, EachCodeHasTheCloseCodeOfTheTable) {
  EXPECT_EQ(name_of(Code::SLOW_CONSUMER), "SLOW_CONSUMER");
  EXPECT_EQ(close_code_of(Code::SLOW_CONSUMER), 4008);
  EXPECT_EQ(close_code_of(Code::NO_HANDLER), 0);
  EXPECT_EQ(retry_of(Code::TOKEN_EXPIRED), Retry::after_new_token);
}

}  // namespace
}  // namespace sparc
