#include "protocol/native/push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prefixes.h"
#include "protocol/native/replies.h"

namespace sparc::protocol::native {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Push, AnEventViewsTheMessageItCameIn) {
  PushDecoder decoder;
  const std::string message = R"({"type":"event","namespace":"alerts","event":"x","data":{"a":1.0}})";
  const auto decoded = decoder.text(message);
  const auto& event = std::get<EventPush>(decoded->front());
  EXPECT_EQ(event.data, R"({"a":1.0})");
  EXPECT_GE(event.data.data(), message.data());
  EXPECT_LT(event.data.data(), message.data() + message.size());
}

TEST(Push, NamesWithEscapesLiveUntilTheNextCall) {
  PushDecoder decoder;
  std::string message = "[";
  for (int i = 0; i < 100; ++i)
    message += R"({"type":"event","namespace":"a\"b","room":"r\u00e9)" + std::to_string(i) + R"(","event":"x\\y"},)";
  message.back() = ']';
  const auto decoded = decoder.text(message);
  ASSERT_EQ(decoded->size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    const auto& event = std::get<EventPush>((*decoded)[i]);
    EXPECT_EQ(event.ns, "a\"b");
    EXPECT_EQ(event.room, "ré" + std::to_string(i));
    EXPECT_EQ(event.event, "x\\y");
  }
}

TEST(Push, AFaultSaysWhichFrameAndField) {
  PushDecoder decoder;
  EXPECT_EQ(decoder.text(R"({"type":"position","namespace":"a","epoch":"e"})").error(),
            "position: \"offset\" is missing; it must be an integer of 0 or more");
}

TEST(Push, WithoutTheCheckInvalidJsonIsReadWithinItsBounds) {
  PushDecoder decoder(JsonCheck::skip);
  const std::string message =
      R"([{"type":"event","namespace":"a\u00e9","event":"x","data":{"a":[1,"]}\""]},"args":[1,2]},{"type":"evicted","namespace":"a","rooms":["x"],"code":"F"}])";
  ASSERT_TRUE(decoder.text(message));
  for (std::size_t length = 0; length <= message.size(); ++length) {
    const std::vector<char> exact(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length));
    (void)decoder.text(std::string_view(exact.data(), exact.size()));
    for (const char wrong : {'"', '\\', '{', ']', ',', ':'}) {
      std::vector<char> broken(message.begin(), message.end());
      if (length < broken.size()) broken[length] = wrong;
      (void)decoder.text(std::string_view(broken.data(), broken.size()));
    }
  }
}

TEST(Push, EveryPrefixOfAMessageIsRefused) {
  PushDecoder decoder;
  const std::string text =
      R"([{"type":"event","namespace":"a\u00e9","event":"x","offset":4,"data":{"a":[1,"]}\""]}},{"type":"position","namespace":"a","epoch":"e","offset":4}])";
  ASSERT_TRUE(decoder.text(text));
  for_each_prefix(text, [&](std::string_view prefix) { EXPECT_FALSE(decoder.text(prefix)) << prefix; });
  const std::string header = R"({"type":"event","namespace":"v","event":"x","data":1,"attachments":[4,4]})";
  const std::string binary = std::string(3, '\0') + static_cast<char>(header.size()) + header + "12345678";
  ASSERT_TRUE(decoder.binary(binary));
  for_each_prefix(binary, [&](std::string_view prefix) { EXPECT_FALSE(decoder.binary(prefix)) << prefix.size(); });
}

TEST(Push, KnownCodesHaveTheirValue) {
  EXPECT_EQ(code_named("SLOW_CONSUMER"), Code::SLOW_CONSUMER);
  EXPECT_EQ(code_named("TEAPOT"), std::nullopt);
}

TEST(Replies, AJoinReplySaysEverythingOfTheProtocol) {
  const auto reply = read_join_reply(
      R"({"rooms":["tenant:t1","user:u1"],"topics":{"incidents":["incident:*"]},"fields":{"type":["type","alertType"]},"recovered":true,)"
      R"("position":{"epoch":"x7","offset":41},"until":44,"denied":[{"room":"camera:7","code":"FORBIDDEN"}]})");
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_THAT(reply->rooms, ElementsAre("tenant:t1", "user:u1"));
  EXPECT_THAT(reply->topics, ElementsAre(Pair("incidents", ElementsAre("incident:*"))));
  EXPECT_THAT(reply->fields, ElementsAre(Pair("type", ElementsAre("type", "alertType"))));
  EXPECT_TRUE(reply->recovered);
  EXPECT_EQ(reply->position, (Position{"x7", 41}));
  EXPECT_EQ(reply->until, 44U);
  EXPECT_THAT(reply->denied, ElementsAre(Pair("camera:7", "FORBIDDEN")));
  EXPECT_FALSE(read_join_reply(R"({"rooms":[1]})"));
  EXPECT_FALSE(read_join_reply(R"({"rooms":[],"position":{"epoch":"x","offset":-1}})"));
}

TEST(Replies, APublicationIsNumberedQueuedOrNeither) {
  EXPECT_EQ(read_publish_reply(R"({"epoch":"x7","offset":45})")->position, (Position{"x7", 45}));
  EXPECT_TRUE(read_publish_reply(R"({"queued":true})")->queued);
  EXPECT_FALSE(read_publish_reply("{}")->position);
  EXPECT_FALSE(read_publish_reply(R"({"epoch":"x7"})"));
}

TEST(Replies, AHistoryHoldsEvents) {
  const auto reply = read_history_reply(
      R"({"events":[{"type":"event","namespace":"alerts","room":"r\n","event":"x","timestamp":"t","id":"p","offset":3,"data":1.0}],)"
      R"("position":{"epoch":"x7","offset":3},"complete":false,"recovered":false})");
  ASSERT_TRUE(reply) << reply.error();
  ASSERT_EQ(reply->events.size(), 1U);
  EXPECT_EQ(reply->events[0].room, "r\n");
  EXPECT_EQ(reply->events[0].data, "1.0");
  EXPECT_EQ(reply->position, (Position{"x7", 3}));
  EXPECT_FALSE(reply->complete);
  EXPECT_FALSE(reply->recovered);
  EXPECT_FALSE(read_history_reply(R"({"events":[1]})"));
}

TEST(Replies, EachEventOfAHistoryHasItsOwnAttachmentsAndTogetherTheyAreAll) {
  const auto event = [](int offset, const std::string& lengths) {
    return R"({"type":"event","namespace":"n","event":"x","offset":)" + std::to_string(offset) + R"(,"data":1)" + lengths + "}";
  };
  const std::string data = "{\"events\":[" + event(1, R"(,"attachments":[2])") + "," + event(2, "") + "," +
                           event(3, R"(,"attachments":[1,0])") + R"(],"position":{"epoch":"x7","offset":3}})";
  const auto reply = read_history_reply(data, "abc");
  ASSERT_TRUE(reply) << reply.error();
  ASSERT_EQ(reply->events.size(), 3U);
  EXPECT_EQ(reply->events[0].attachments, std::vector<std::string_view>{"ab"});
  EXPECT_TRUE(reply->events[1].attachments.empty());
  EXPECT_EQ(reply->events[2].attachments, (std::vector<std::string_view>{"c", ""}));
  EXPECT_FALSE(read_history_reply(data, "ab"));
  EXPECT_FALSE(read_history_reply(data, "abcd"));
}

}  // namespace
}  // namespace sparc::protocol::native
