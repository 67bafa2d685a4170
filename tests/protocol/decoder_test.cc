#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/native/codec.h"

namespace sparc::protocol::native {
namespace {

using ::testing::HasSubstr;

std::string fault_of(const Decoded& decoded) { return decoded ? "accepted" : decoded.error().fault.message; }

TEST(Decoder, AMessageMayHoldAsManyFramesAsAreAllowedAndNotOneMore) {
  Decoder decoder;
  const auto message = [](std::size_t frames) {
    std::string out = "[";
    for (std::size_t i = 0; i < frames; ++i) out += std::string(i > 0 ? "," : "") + R"({"type":"pong"})";
    return out + "]";
  };
  EXPECT_EQ(decoder.text(message(256)).size(), 256U);
  const auto over = decoder.text(message(257));
  ASSERT_EQ(over.size(), 1U);
  EXPECT_THAT(fault_of(over[0]), HasSubstr("more than 256 frames"));
  EXPECT_EQ(decoder.text(message(3), 3).size(), 3U);
  EXPECT_THAT(fault_of(decoder.text(message(4), 3)[0]), HasSubstr("more than 3 frames"));
}

TEST(Decoder, AnswersStayWholeWhenTheMessageIsGoneAndAnotherIsDecoded) {
  Decoder decoder;
  auto message = std::make_unique<std::string>(R"({"type":"event","namespace":"video","event":"x","data":{"a":"b"}})");
  const auto decoded = decoder.text(*message);
  message.reset();
  (void)decoder.text(R"({"type":"leave","namespace":"something else altogether, and longer"})");
  const auto& event = std::get<Event>(decoded[0]->command);
  EXPECT_EQ(event.ns, "video");
  EXPECT_EQ(event.data, R"({"a":"b"})");
}

TEST(Decoder, EveryPrefixOfAMessageIsRefusedAndNeverRead) {
  Decoder decoder;
  const std::string message =
      R"({"type":"join","id":2,"namespace":"alerts","rooms":["a\u00e9\"b"],"filters":[{"type":["x",1.5e3]}],"recover":{"epoch":"e","offset":4}})";
  ASSERT_TRUE(decoder.text(message)[0]);
  for (std::size_t length = 0; length < message.size(); ++length) {
    const std::vector<char> exact(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length));  // its end is watched
    const auto decoded = decoder.text(std::string_view(exact.data(), exact.size()));
    ASSERT_EQ(decoded.size(), 1U);
    EXPECT_FALSE(decoded[0]) << length;
  }
}

TEST(Decoder, EveryPrefixOfABinaryMessageIsRefused) {
  Decoder decoder;
  const std::string header = R"({"type":"event","namespace":"v","event":"x","attachments":[4,4]})";
  const std::string message = std::string(3, '\0') + static_cast<char>(header.size()) + header + "12345678";
  ASSERT_TRUE(decoder.binary(message)) << fault_of(decoder.binary(message));
  for (std::size_t length = 0; length < message.size(); ++length) {
    const std::vector<char> exact(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(decoder.binary(std::string_view(exact.data(), exact.size()))) << length;
  }
}

TEST(Decoder, MessagesLargerThanTheKeptMemoryDecodeBetweenSmallOnes) {
  Decoder decoder;
  const std::string data = "\"" + std::string(1'000'000, 'x') + "\"";
  const auto large = decoder.text(R"({"type":"event","namespace":"v","event":"x","data":)" + data + "}");
  ASSERT_TRUE(large[0]);
  EXPECT_EQ(std::get<Event>(large[0]->command).data, data);
  EXPECT_TRUE(decoder.text(R"({"type":"pong"})")[0]);
}

TEST(Decoder, AListHasAtMost1024Items) {
  Decoder decoder;
  const auto message = [](std::size_t rooms) {
    std::string out = R"({"type":"join","namespace":"a","rooms":[)";
    for (std::size_t i = 0; i < rooms; ++i) out += std::string(i > 0 ? "," : "") + "\"r\"";
    return out + "]}";
  };
  EXPECT_TRUE(decoder.text(message(1024))[0]);
  EXPECT_FALSE(decoder.text(message(1025))[0]);
}

TEST(Decoder, AFaultRepeatsNoMoreThanTheBeginningOfWhatWasSent) {
  Decoder decoder;
  const auto decoded = decoder.text(R"({"type":")" + std::string(100'000, 'x') + "é\"}");
  ASSERT_FALSE(decoded[0]);
  EXPECT_LT(fault_of(decoded[0]).size(), 300U);
  EXPECT_THAT(fault_of(decoded[0]), HasSubstr("…"));
}

TEST(Decoder, ValidJsonIsAnyOneValue) {
  Decoder decoder;
  for (const char* text : {"1", " \"x\" ", "null", "[]", "{\"a\":[1,2.50]}", "123456789012345678901234567890"}) {
    EXPECT_TRUE(decoder.valid_json(text)) << text;
  }
  for (const char* text : {"", " ", "1 2", "{", "tru", "[1,]", "{\"a\"}", "\"\x01\"", "\xff", "\"\xc3\"", "01", "NaN", "'a'"}) {
    EXPECT_FALSE(decoder.valid_json(text)) << text;
  }
}

TEST(Decoder, AnArgumentsPlaceholdersMustNameAttachmentsHoweverDeep) {
  Decoder decoder;
  const auto message = [](std::string_view arguments) {
    const std::string header =
        R"({"type":"publish","namespace":"v","room":"r","event":"x",)" + std::string(arguments) + R"(,"attachments":[1]})";
    return std::string(3, '\0') + static_cast<char>(header.size()) + header + "a";
  };
  EXPECT_TRUE(
      decoder.binary(message(R"("data":[[{"b":{"_placeholder":true,"num":0}}]],"args":[{"_placeholder":false,"num":7}])")));
  EXPECT_FALSE(decoder.binary(message(R"("data":[[{"b":{"_placeholder":true,"num":1}}]])")));
  EXPECT_FALSE(decoder.binary(message(R"("data":1,"args":[2,{"num":-1,"_placeholder":true}])")));
  EXPECT_FALSE(decoder.binary(message(R"("data":{"_placeholder":true,"num":"0"})")));
  EXPECT_FALSE(decoder.binary(message(R"("data":{"_placeholder":true})")));
  // One attachment is not multiplied by naming it again.
  EXPECT_FALSE(decoder.binary(message(R"("data":{"_placeholder":true,"num":0},"args":[{"_placeholder":true,"num":0}])")));
}

}  // namespace
}  // namespace sparc::protocol::native
