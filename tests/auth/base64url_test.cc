#include "auth/base64url.h"

#include <gtest/gtest.h>

#include <array>

namespace sparc::auth {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out;
  append_base64url(out, bytes);
  return out;
}

TEST(Base64Url, TheExamplesOfRfc4648Section10ComeOutWithoutPadding) {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : rows) {
    EXPECT_EQ(encoded(plain), text);
    EXPECT_EQ(base64url_decode(text), plain);
  }
  EXPECT_EQ(encoded("\xfb\xff\xbf"), "-_-_");
}

TEST(Base64Url, EveryByteAtEveryPlaceSurvives) {
  for (std::size_t size = 1; size <= 6; ++size) {
    for (int value = 0; value < 256; ++value) {
      for (std::size_t place = 0; place < size; ++place) {
        std::string bytes(size, 'x');
        bytes[place] = static_cast<char>(value);
        ASSERT_EQ(base64url_decode(encoded(bytes)), bytes);
      }
    }
  }
}

TEST(Base64Url, NoOtherCharacterIsAcceptedAtAnyPlace) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    if (alphabet.find(c) != std::string_view::npos) continue;
    for (std::string text : {"AAAA", "AAA", "AA"}) {
      for (char& place : text) {
        const char kept = std::exchange(place, c);
        EXPECT_FALSE(base64url_decode(text)) << value;
        place = kept;
      }
    }
  }
}

TEST(Base64Url, AValueHasOneSpelling) {
  EXPECT_FALSE(base64url_decode("Zh"));   // bits behind the one byte
  EXPECT_FALSE(base64url_decode("Zm9"));  // bits behind the two
  EXPECT_FALSE(base64url_decode("Zg=="));
  EXPECT_FALSE(base64url_decode("A"));  // no bytes have five characters' worth of bits
  EXPECT_FALSE(base64url_decode("AAAAA"));
}

TEST(Base64Url, ABufferThatIsTooSmallIsNotWrittenTo) {
  std::array<char, 2> buffer{'a', 'b'};
  EXPECT_FALSE(base64url_decode("Zm9v", std::span(buffer)));
  EXPECT_EQ(buffer[0], 'a');
  EXPECT_EQ(base64url_decode("Zm8", std::span(buffer)), 2U);
}

}  // namespace
}  // namespace sparc::auth
