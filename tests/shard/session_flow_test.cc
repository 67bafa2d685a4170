// The life of a native connection as a transcript: who it is, what waits for that, how long it lasts, how it ends.

#include <gmock/gmock.h>

#include "shard/node.h"

namespace sparc::shard {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view next_secret = "the secret that comes behind it, of 32 bytes";

auto error(std::string_view code) {
  return AllOf(StartsWith(R"({"type":"error")"), HasSubstr("\"code\":\"" + std::string(code) + '"'));
}
auto reply(int id) { return StartsWith(R"({"type":"reply","id":)" + std::to_string(id) + ","); }
auto frame(std::string_view type) { return StartsWith("{\"type\":\"" + std::string(type) + '"'); }

class Flow : public Node {
 public:
  explicit Flow(Settings settings = test_settings()) : Node(std::move(settings)) {}

  [[nodiscard]] std::string token(const std::string& user, std::int64_t lifetime_s = 3'600, std::string_view secret = node_secret,
                                  std::string_view kid = {}) const {
    return auth::sign_hs256(secret, auth::claims_json(auth::UserClaims{user, "t", {}, {}, lifetime_s}, now), kid);
  }
  void say_auth(ConnectionId id, int request, const std::string& with) {
    say(id, R"({"type":"auth","id":)" + std::to_string(request) + R"(,"token":")" + with + "\"}");
  }
  /// The peer's answer to a close frame.
  void answer_close(ConnectionId id) {
    std::string bytes;
    ws::append_masked_close_frame(bytes, 1000, {}, 7);
    give(id, std::move(bytes));
  }
  [[nodiscard]] bool is_closed(ConnectionId id) const { return std::ranges::find(closed, id) != closed.end(); }

  // Host
  bool refresh_keys() override { return fetches_keys; }
  void client_event(ClientEvent event) override { events.push_back(std::move(event)); }

  bool fetches_keys = false;
  std::vector<ClientEvent> events;
};

TEST(Identity, AFirstAuthFrameIsAnsweredByWelcomeAndReplyAndThenByWhatCameBehindIt) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws");
  EXPECT_THAT(node.messages(id), IsEmpty());
  node.say(id, R"([{"type":"auth","id":1,"token":")" + node.token("u") + R"("},{"type":"join","id":2,"namespace":"alerts"}])");
  EXPECT_THAT(node.messages(id), ElementsAre(frame("welcome"), reply(1), reply(2)));
}

TEST(Identity, AnyOtherFirstFrameIsRefusedAndClosesTheConnection) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  EXPECT_THAT(node.messages(id), ElementsAre(error("UNAUTHENTICATED"), StartsWith("close 1008 ")));
}

TEST(Identity, WhoSaysNothingInTimeIsClosedWithAReasonAndLetGoWithoutAnAnswer) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws");
  (void)node.messages(id);
  node.advance(9'999);
  EXPECT_THAT(node.messages(id), IsEmpty());
  node.advance(1);
  EXPECT_THAT(node.messages(id), ElementsAre(error("UNAUTHENTICATED"), StartsWith("close 1008 ")));
  node.advance(4'999);
  EXPECT_FALSE(node.is_closed(id));
  node.advance(1);
  EXPECT_TRUE(node.is_closed(id));
}

TEST(Identity, ATokenOfAKeyThatIsBeingFetchedWaitsAndTheFramesBehindItToo) {
  for (const bool comes : {true, false}) {
    Flow node;
    node.fetches_keys = true;
    const ConnectionId id = node.connect_to("/ws");
    (void)node.messages(id);
    node.say_auth(id, 1, node.token("u", 3'600, next_secret, "next"));
    node.say(id, R"({"type":"join","id":2,"namespace":"alerts"})");
    EXPECT_THAT(node.messages(id), IsEmpty());
    auth::KeySetBuilder keys;
    ASSERT_TRUE(keys.add_secret(auth::KeyPurpose::user, comes ? next_secret : node_secret, comes ? "next" : "first"));
    node.shard->keys_changed(keys.build());
    node.turn();
    if (comes) {
      EXPECT_THAT(node.messages(id), ElementsAre(frame("welcome"), reply(1), reply(2)));
    } else {
      EXPECT_THAT(node.messages(id), ElementsAre(error("UNAUTHENTICATED"), StartsWith("close 1008 ")));
    }
  }
}

TEST(Identity, AnExpiryIsAnnouncedAndARefreshInPlaceMovesIt) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws?token=" + node.token("u", 100));
  (void)node.messages(id);
  node.advance(40'000);
  node.say(id, R"({"type":"pong"})");
  EXPECT_THAT(node.messages(id), testing::Contains(AllOf(frame("token_expiring"), HasSubstr("\"expiresIn\":60"))));
  node.say_auth(id, 1, node.token("u", 70));
  EXPECT_THAT(node.messages(id), ElementsAre(reply(1)));
  node.advance(10'000);
  node.say(id, R"({"type":"pong"})");
  EXPECT_THAT(node.messages(id), testing::Contains(frame("token_expiring"))) << "once for each token";
  for (int i = 0; i < 7; ++i) {
    node.advance(10'000);
    node.say(id, R"({"type":"pong"})");
  }
  const auto got = node.messages(id);
  EXPECT_THAT(got, testing::Not(testing::Contains(frame("token_expiring"))));
  EXPECT_THAT(got, testing::Contains(StartsWith("close 4002 ")));
}

TEST(Identity, ARefreshThatFailsOrNamesAnotherUserIsAnErrorAndTheOldIdentityGoesOn) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws?token=" + node.token("u"));
  (void)node.messages(id);
  node.say_auth(id, 1, node.token("other"));
  node.say_auth(id, 2, node.token("u", 3'600, next_secret));
  node.say(id, R"({"type":"join","id":3,"namespace":"alerts"})");
  EXPECT_THAT(node.messages(id),
              ElementsAre(AllOf(error("FORBIDDEN"), HasSubstr("\"id\":1")),
                          AllOf(error("UNAUTHENTICATED"), HasSubstr("\"id\":2")), AllOf(reply(3), HasSubstr("user:u"))));
}

TEST(ClientEvents, AnEventIsAnsweredOnceUnderItsIdWithTheVerifiedIdentityAndNotBehindAClose) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws?token=" + node.token("u"));
  node.say(id, R"({"type":"join","id":1,"namespace":"video"})");
  (void)node.messages(id);
  node.say(id, R"({"type":"event","id":2,"namespace":"video","event":"stream:start","data":{"cameraId":"7","userId":"forged"}})");
  node.say(id, R"({"type":"event","id":2,"namespace":"video","event":"stream:stop","data":{}})");
  EXPECT_THAT(node.messages(id), ElementsAre(error("BAD_REQUEST"))) << "its id is in flight";
  ASSERT_EQ(node.events.size(), 1U);
  EXPECT_EQ(node.events[0].name, "video:stream:start");
  EXPECT_THAT(node.events[0].data,
              AllOf(HasSubstr(R"("cameraId":"7")"), HasSubstr(R"("userId":"u")"), testing::Not(HasSubstr("forged"))));
  node.shard->answer_event(id, 2, {R"({"ok":1.0})", {}});
  node.turn();
  EXPECT_THAT(node.messages(id), ElementsAre(R"({"type":"reply","id":2,"data":{"ok":1.0}})"));
  node.say(id, R"({"type":"event","id":3,"namespace":"video","event":"stream:start","data":{}})");
  node.answer_close(id);
  node.shard->answer_event(id, 3, {"3", {}});
  node.turn();
  EXPECT_THAT(node.messages(id), ElementsAre(StartsWith("close 1000")));
}

TEST(Drain, EachIsToldItsMomentServedUntilThenAndClosedWith1012) {
  Flow node;
  const ConnectionId id = node.connect_to("/ws?token=" + node.token("u"));
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)node.messages(id);
  node.shard->drain(4'000);
  node.turn();
  EXPECT_THAT(node.messages(id), ElementsAre(AllOf(frame("reconnect"), HasSubstr("\"afterMs\":"), HasSubstr("drain"))));
  EXPECT_FALSE(node.shard->on_open({})) << "nobody new";
  (void)node.publish("alerts", {"tenant:t"}, "late", "1");
  node.turn();
  EXPECT_THAT(node.messages(id), ElementsAre(HasSubstr("\"late\"")));
  EXPECT_FALSE(node.shard->drained());
  node.advance(4'000);
  EXPECT_THAT(node.messages(id), ElementsAre(StartsWith("close 1012 ")));
  node.answer_close(id);
  EXPECT_TRUE(node.is_closed(id));
  node.shard->on_closed(id, "gone");
  EXPECT_TRUE(node.shard->drained());
}

}  // namespace
}  // namespace sparc::shard
