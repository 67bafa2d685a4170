#include "ws/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sparc::ws {
namespace {

/// Judges each code point by the definition of RFC 3629, to have something to compare with.
bool reference_valid(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80             ? 1
                               : (lead & 0xe0) == 0xc0 ? 2
                               : (lead & 0xf0) == 0xe0 ? 3
                               : (lead & 0xf8) == 0xf0 ? 4
                                                       : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      point = (point << 6) | (byte & 0x3fu);
    }
    static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

std::string encode(std::uint32_t point) {
  auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), byte(0x80 | (point & 0x3f))};
  if (point < 0x10000) return {byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 0x3f)), byte(0x80 | (point & 0x3f))};
  return {byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 0x3f)), byte(0x80 | (point >> 6 & 0x3f)),
          byte(0x80 | (point & 0x3f))};
}

TEST(Rfc3629, EveryCodePointButTheSurrogatesIsValidInItsShortestForm) {
  for (std::uint32_t point = 0; point <= 0x110010; ++point) {
    const bool expected = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    ASSERT_EQ(valid_utf8(encode(point)), expected) << std::hex << point;
  }
}

TEST(Rfc3629, EveryPairOfBytesIsJudgedAsTheDefinitionSays) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      for (const std::string& behind : {std::string{}, std::string("\x80"), std::string("\x80\x80"), std::string("a")}) {
        const std::string text = std::string{static_cast<char>(a), static_cast<char>(b)} + behind;
        ASSERT_EQ(valid_utf8(text), reference_valid(text)) << a << ' ' << b << ' ' << behind.size();
      }
    }
  }
}

TEST(Rfc3629, OverlongFormsSurrogatesAndWhatLiesAboveAreRefused) {
  for (const std::string& text :
       {std::string("\xc0\x80", 2), std::string("\xc1\xbf"), std::string("\xe0\x9f\xbf"), std::string("\xed\xa0\x80"),
        std::string("\xf0\x8f\xbf\xbf"), std::string("\xf4\x90\x80\x80"), std::string("\xf5\x80\x80\x80"), std::string("\xff"),
        std::string("\x80"), std::string("\xe2\x82")}) {
    EXPECT_FALSE(valid_utf8(text));
  }
}

TEST(Utf8Validator, TextCutAtAnyByteIsValidInPieces) {
  const std::string text = "security zone: Zürich, 東京, 🚨 and a tail of plain ASCII that fills some words";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Validator validator;
    ASSERT_TRUE(validator.feed(std::string_view(text).substr(0, cut))) << cut;
    ASSERT_TRUE(validator.feed(std::string_view(text).substr(cut))) << cut;
    EXPECT_TRUE(validator.complete());
  }
}

TEST(Utf8Validator, RefusesAtTheFirstByteThatNoTextCouldHave) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {{"\xed\xa0\x80", 1},     {"\xf4\x90\x80\x80", 1},
                                                                  {"\xf0\x80\x80\x80", 1}, {"\xe2\x82(", 2},
                                                                  {"abc\xff", 3},          {std::string("\xc0\x80"), 0}};
  for (const auto& [text, good] : cases) {
    Utf8Validator validator;
    for (std::size_t i = 0; i < good; ++i) ASSERT_TRUE(validator.feed(text.substr(i, 1)));
    EXPECT_FALSE(validator.feed(text.substr(good, 1)));
  }
}

TEST(Utf8Validator, AnInvalidByteIsFoundAtEveryDistanceFromTheBeginning) {
  for (std::size_t at = 0; at < 70; ++at) {
    std::string text(70, 'x');
    EXPECT_TRUE(valid_utf8(text));
    text[at] = '\xfe';
    EXPECT_FALSE(valid_utf8(text)) << at;
  }
}

TEST(Utf8Prefix, CutsNoCharacter) {
  const std::string text = "aü€🚨";  // 1 + 2 + 3 + 4 bytes
  const std::vector<std::size_t> expected = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t most = 0; most < expected.size(); ++most) EXPECT_EQ(utf8_prefix(text, most), expected[most]) << most;
}

}  // namespace
}  // namespace sparc::ws
