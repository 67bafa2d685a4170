// RFC 6455 sections 5.5.1 and 7.4: close frames.

#include <gtest/gtest.h>

#include "ws/recorder.h"

namespace sparc::ws {
namespace {

std::string close_frame(int code, std::string_view reason) {
  return masked(0x88, wire({code >> 8, code & 0xff}) + std::string(reason));
}

TEST(Rfc6455Section7_4, EachCodeThatMayBeSentIsTakenAndNoOther) {
  auto allowed = [](int code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
  };
  for (int code = 0; code <= 65'535; ++code) {
    const Events expected =
        allowed(code) ? Events{"close:" + std::to_string(code) + ":"} : Events{"fault:1002:close code that may not be sent"};
    ASSERT_EQ(receive_pieces({}, {close_frame(code, "")}), expected) << code;
  }
}

TEST(Rfc6455Section7_1_5, AnEmptyCloseFrameHasNoStatus) { EXPECT_EQ(receive(masked(0x88, "")), Events{"close:1005:"}); }

TEST(Rfc6455Section5_5_1, ACloseFrameWithHalfACodeClosesWith1002) {
  EXPECT_EQ(receive(masked(0x88, "\x03")), Events{"fault:1002:close frame with half a code"});
}

TEST(Rfc6455Section5_5_1, AReasonIsUtf8) {
  EXPECT_EQ(receive(close_frame(1000, "Zürich schließt")), Events{"close:1000:Zürich schließt"});
  EXPECT_EQ(receive(close_frame(1000, "\xc3")), Events{"fault:1007:close reason is not UTF-8"});
}

TEST(Rfc6455Section5_5_1, WhatFollowsACloseFrameIsNotRead) {
  EXPECT_EQ(receive(close_frame(1001, "bye") + masked(0x81, "late") + "nonsense"), Events{"close:1001:bye"});
}

TEST(Rfc6455Section5_5_1, ACloseFrameMayComeWithinAMessage) {
  EXPECT_EQ(receive(masked(0x01, "unfinished") + close_frame(1000, "")), Events{"close:1000:"});
}

}  // namespace
}  // namespace sparc::ws
