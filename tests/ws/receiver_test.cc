// RFC 6455 sections 5 and 8: what arrives as what, at every cut of the bytes (recorder.h tries them all).

#include "ws/receiver.h"

#include <gtest/gtest.h>

#include "ws/recorder.h"

namespace sparc::ws {
namespace {

constexpr Link client{.role = Role::client};
constexpr Link server_deflate{.compression = Compression::deflate};

TEST(Rfc6455Section5_7, TheExamplesArriveAsTheyAreMeant) {
  EXPECT_EQ(receive(wire({0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}), client), Events{"text:Hello"});
  EXPECT_EQ(receive(wire({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58})), Events{"text:Hello"});
  EXPECT_EQ(receive(wire({0x01, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o'}), client), Events{"text:Hello"});
  EXPECT_EQ(receive(wire({0x89, 0x05, 'H', 'e', 'l', 'l', 'o'}), client), Events{"ping:Hello"});
  EXPECT_EQ(receive(wire({0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58})), Events{"pong:Hello"});
  const std::string small(256, 'b'), large(65'536, 'c');
  EXPECT_EQ(receive(wire({0x82, 0x7e, 0x01, 0x00}) + small, client), Events{"binary:" + small});
  EXPECT_EQ(receive(wire({0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}) + large, client), Events{"binary:" + large});
}

TEST(Rfc6455Section5_2, PayloadsOfEveryKindOfLengthArriveInBothRoles) {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 65'535u, 65'536u}) {
    const std::string payload(size, 'x');
    EXPECT_EQ(receive(masked(0x81, payload)), Events{"text:" + payload}) << size;
    std::string header = size < 126 ? wire({0x82, static_cast<int>(size)})
                                    : wire({0x82, 126, static_cast<int>(size >> 8), static_cast<int>(size & 0xff)});
    if (size == 65'536) header = wire({0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0});
    EXPECT_EQ(receive(header + payload, client), Events{"binary:" + payload}) << size;
  }
}

TEST(Rfc6455Section5_1, AServerTakesOnlyMaskedFramesAndAClientOnlyUnmaskedOnes) {
  EXPECT_EQ(receive(wire({0x81, 0x01, 'a'})), Events{"fault:1002:unmasked frame from a client"});
  EXPECT_EQ(receive(masked(0x81, "a"), client), Events{"fault:1002:masked frame from a server"});
}

TEST(Rfc6455Section5_2, ReservedBitsWithoutAnExtensionCloseWith1002) {
  for (const int first : {0xc1, 0xa1, 0x91, 0xf1, 0xc9, 0x99}) {
    EXPECT_EQ(receive(masked(first, "a")), Events{"fault:1002:reserved bit without an extension"}) << first;
  }
}

TEST(Rfc6455Section5_2, ReservedOpcodesCloseWith1002) {
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    EXPECT_EQ(receive(masked(0x80 | opcode, "a")), Events{"fault:1002:reserved opcode"}) << opcode;
  }
}

TEST(Rfc6455Section5_4, ControlFramesBetweenFragmentsAreDeliveredAtOnce) {
  const std::string bytes =
      masked(0x01, "one ") + masked(0x89, "alive?") + masked(0x00, "two ") + masked(0x8a, "") + masked(0x80, "three");
  EXPECT_EQ(receive(bytes), (Events{"ping:alive?", "pong:", "text:one two three"}));
}

TEST(Rfc6455Section5_4, SeveralControlFramesWithinAMessageKeepTheirOwnPayloads) {
  EXPECT_EQ(receive(masked(0x01, "a") + masked(0x89, "first") + masked(0x8a, "no") + masked(0x89, "third") + masked(0x80, "b")),
            (Events{"ping:first", "pong:no", "ping:third", "text:ab"}));
}

TEST(Rfc6455Section5_4, EmptyFragmentsAreFragments) {
  EXPECT_EQ(receive(masked(0x02, "") + masked(0x00, "") + masked(0x80, "")), Events{"binary:"});
  EXPECT_EQ(receive(masked(0x01, "") + masked(0x00, "x") + masked(0x80, "")), Events{"text:x"});
}

TEST(Rfc6455Section5_4, AContinuationWithoutAMessageClosesWith1002) {
  EXPECT_EQ(receive(masked(0x80, "a")), Events{"fault:1002:continuation without a message"});
  EXPECT_EQ(receive(masked(0x81, "a") + masked(0x80, "b")), (Events{"text:a", "fault:1002:continuation without a message"}));
  EXPECT_EQ(receive(masked(0x01, "a") + masked(0x80, "b") + masked(0x00, "c")),
            (Events{"text:ab", "fault:1002:continuation without a message"}));
}

TEST(Rfc6455Section5_4, AMessageWithinAnotherClosesWith1002) {
  EXPECT_EQ(receive(masked(0x01, "a") + masked(0x81, "b")), Events{"fault:1002:new message within a fragmented one"});
  EXPECT_EQ(receive(masked(0x02, "a") + masked(0x01, "b")), Events{"fault:1002:new message within a fragmented one"});
}

TEST(Rfc6455Section5_5, AFragmentedControlFrameClosesWith1002) {
  for (const int first : {0x08, 0x09, 0x0a}) EXPECT_EQ(receive(masked(first, "")), Events{"fault:1002:fragmented control frame"});
}

TEST(Rfc6455Section5_5, AControlFrameHas125BytesAtMost) {
  const std::string most(125, 'p');
  EXPECT_EQ(receive(masked(0x89, most)), Events{"ping:" + most});
  for (const int first : {0x88, 0x89, 0x8a}) {
    EXPECT_EQ(receive(masked(first, most + "p")), Events{"fault:1002:control frame above 125 bytes"});
  }
}

TEST(Rfc6455Section8_1, TextThatIsNotUtf8ClosesWith1007) {
  const Events fault{"fault:1007:text is not UTF-8"};
  for (const std::string& text : {std::string("\xc0\xaf"), std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80"),
                                  std::string("ab\x80"), std::string("\xe2\x82")}) {
    EXPECT_EQ(receive(masked(0x81, text)), fault);
    EXPECT_EQ(receive(masked(0x01, text.substr(0, 1)) + masked(0x80, text.substr(1))), fault);
    EXPECT_EQ(receive(masked(0x82, text)), Events{"binary:" + text}) << "binary messages hold any bytes";
  }
}

TEST(Rfc6455Section8_1, ACharacterMayBeCutBetweenFragmentsAtEachByte) {
  const std::string text = "Zürich 東京 🚨";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(receive(masked(0x01, text.substr(0, cut)) + masked(0x89, "") + masked(0x80, text.substr(cut))),
              (Events{"ping:", "text:" + text}));
  }
}

TEST(Rfc6455Section8_1, InvalidTextIsRefusedBeforeItsFrameHasEnded) {
  std::string bytes = masked(0x01, "abc\xff" + std::string(100, 'x')).substr(0, 10);  // 6 of header, 4 of payload
  EXPECT_EQ(receive(bytes), Events{"fault:1007:text is not UTF-8"});
}

TEST(Rfc6455Section6_2, MessagesInOneInputAreDeliveredInOrder) {
  EXPECT_EQ(receive(masked(0x81, "a") + masked(0x82, "b") + masked(0x89, "c") + masked(0x81, "") + masked(0x81, "d")),
            (Events{"text:a", "binary:b", "ping:c", "text:", "text:d"}));
}

TEST(Receiver, AWholeMessageIsAViewOfTheInput) {
  class Where final : public ReceiverHandler {
   public:
    Flow on_message(MessageType, std::string_view payload) override {
      at = payload.data();
      return Flow::go_on;
    }
    Flow on_ping(std::string_view) override { return Flow::go_on; }
    Flow on_pong(std::string_view) override { return Flow::go_on; }
    void on_close(std::uint16_t, std::string_view) override {}
    const char* at = nullptr;
  } where;
  const ReceiverOptions options;
  Receiver receiver(Role::server, Compression::none, options);
  std::string input = masked(0x81, "no copy");
  ASSERT_EQ(receiver.feed(input, where).status, Receiver::Status::more);
  EXPECT_EQ(where.at, input.data() + 6);
  EXPECT_FALSE(receiver.partial());
}

TEST(Rfc6455Section10_4, TheSizeLimitHoldsForAFrameAndForAMessage) {
  const Link ten{.message_bytes_max = 10};
  EXPECT_EQ(receive(masked(0x81, "0123456789"), ten), Events{"text:0123456789"});
  EXPECT_EQ(receive(masked(0x81, "0123456789x"), ten), Events{"fault:1009:frame exceeds the message size limit"});
  EXPECT_EQ(receive(masked(0x01, "01234") + masked(0x80, "56789"), ten), Events{"text:0123456789"});
  EXPECT_EQ(receive(masked(0x01, "01234") + masked(0x80, "56789x"), ten), Events{"fault:1009:message exceeds the size limit"});
  EXPECT_EQ(receive(masked(0x89, "control frames do not count") + masked(0x81, "0123456789"), ten),
            (Events{"ping:control frames do not count", "text:0123456789"}));
}

TEST(Rfc6455Section10_4, ATooLargeMessageIsRefusedByItsHeader) {
  const std::string header = wire({0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4});  // 1 GiB announced
  EXPECT_EQ(receive(header), Events{"fault:1009:frame exceeds the message size limit"});
}

TEST(Rfc6455Section10_4, FragmentsAreCounted) {
  const Link three{.message_fragments_max = 3};
  const std::string begin = masked(0x01, "") + masked(0x00, "");
  EXPECT_EQ(receive(begin + masked(0x80, "x") + begin + masked(0x80, "y"), three), (Events{"text:x", "text:y"}));
  EXPECT_EQ(receive(begin + masked(0x00, ""), three), Events{"partial"});
  EXPECT_EQ(receive(begin + masked(0x00, "") + masked(0x80, ""), three), Events{"fault:1009:message has too many fragments"});
}

TEST(Receiver, StopLeavesTheRestToTheCaller) {
  const ReceiverOptions options;
  Receiver receiver(Role::server, Compression::none, options);
  Recorder recorder;
  recorder.stop_always = true;
  std::string input = masked(0x81, "a") + masked(0x01, "b") + masked(0x89, "p") + masked(0x80, "c") + masked(0x81, "d");
  std::span<char> rest(input);
  std::size_t stops = 0;
  while (true) {
    const Receiver::Fed fed = receiver.feed(rest, recorder);
    rest = rest.subspan(fed.consumed);
    if (fed.status == Receiver::Status::more) break;
    ASSERT_EQ(fed.status, Receiver::Status::stopped);
    ++stops;
    EXPECT_EQ(recorder.events.size(), stops);
  }
  EXPECT_EQ(recorder.events, (Events{"text:a", "ping:p", "text:bc", "text:d"}));
  EXPECT_TRUE(rest.empty());
}

TEST(Rfc7692Section6, Rsv1MayStandOnTheFirstFrameOfAMessageOnly) {
  EXPECT_EQ(receive(masked(0xc9, "a"), server_deflate), Events{"fault:1002:compressed control frame"});
  EXPECT_EQ(receive(masked(0x01, "a") + masked(0xc0, "b"), server_deflate), Events{"fault:1002:RSV1 on a continuation frame"});
  EXPECT_EQ(receive(masked(0xa1, "a"), server_deflate), Events{"fault:1002:reserved bit without an extension"});
  EXPECT_EQ(receive(masked(0x81, "plain"), server_deflate), Events{"text:plain"}) << "a message need not be compressed";
}

}  // namespace
}  // namespace sparc::ws
