// When and how a connection is made again: backoff, close codes, HTTP refusals, drain.
#include <gmock/gmock.h>

#include "machine_world.h"

namespace sparc::client {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

struct CloseCase {
  std::uint16_t code;
  bool retries;
};
class Closes : public testing::TestWithParam<CloseCase> {};

TEST_P(Closes, are_retried_as_their_code_says) {
  World world;
  world.begin();
  world.advance(6'000);
  world.close(GetParam().code);
  const auto code = std::to_string(GetParam().code);
  if (GetParam().retries) {
    EXPECT_THAT(world.told(), ElementsAre("close 1", "ended " + code + " retry", "reconnecting"));
  } else {
    EXPECT_THAT(world.told(), ElementsAre("close 1", "ended " + code + " for good", "failed"));
    EXPECT_EQ(world.machine.next_deadline(), INT64_MAX);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Closes,
                         testing::Values(CloseCase{1000, true}, CloseCase{1001, true}, CloseCase{1008, false},
                                         CloseCase{1009, false}, CloseCase{1011, true}, CloseCase{1012, true},
                                         CloseCase{1013, true}, CloseCase{4000, false}, CloseCase{4001, false},
                                         CloseCase{4002, false}, CloseCase{4003, false}, CloseCase{4004, false},
                                         CloseCase{4005, true}, CloseCase{4006, false}, CloseCase{4007, true},
                                         CloseCase{4008, true}, CloseCase{4010, false}, CloseCase{4999, true}),
                         [](const auto& tested) { return "code_" + std::to_string(tested.param.code); });

TEST(Reconnect, takes_an_expired_token_for_a_reason_to_ask_for_another_at_once) {
  World world({.host_field = "h", .asks_token = true});
  world.machine.connect(world.now);
  world.machine.on_token(world.now, "one");
  world.settle();
  world.open();
  world.welcome();
  (void)world.told();
  world.close(4002);
  EXPECT_EQ(world.retry_in_ms, 0);
  world.advance(0);
  EXPECT_THAT(world.told(), ElementsAre("close 1", "ended 4002 retry", "reconnecting", "ask token"));
}

TEST(Reconnect, comes_back_at_once_after_slow_consumer_unless_that_happens_in_a_row) {
  World world;
  world.begin();
  world.advance(6'000);
  world.close(4008);
  EXPECT_EQ(world.retry_in_ms, 0);
  world.advance(0);
  world.open();
  world.welcome();
  EXPECT_THAT(world.sent(), ElementsAre(HasSubstr(R"("recover":{"epoch":"x7","offset":41})")));
  world.close(4008);
  EXPECT_GT(world.retry_in_ms, 0);
}

TEST(Reconnect, waits_as_long_as_the_error_before_the_close_said) {
  World world;
  world.begin();
  world.say(R"({"type":"error","error":{"code":"RATE_LIMITED","message":"too many","retryAfterMs":2500}})");
  world.close(4007);
  EXPECT_EQ(world.retry_in_ms, 2'500);
}

TEST(Reconnect, waits_by_chance_below_a_ceiling_that_doubles_up_to_a_minute) {
  World world({.host_field = "h", .reconnect_attempts = 0}, 7);
  world.machine.connect(world.now);
  world.settle();
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 40; ++i) {
    world.lose("refused");
    waits.push_back(world.retry_in_ms);
    world.advance(world.retry_in_ms);
  }
  std::int64_t ceiling = 5'000;
  std::int64_t longest = 0;
  for (const auto wait : waits) {
    EXPECT_THAT(wait, AllOf(Ge(0), Le(ceiling)));
    ceiling = std::min<std::int64_t>(60'000, ceiling * 2);
    longest = std::max(longest, wait);
  }
  EXPECT_GT(longest, 40'000);
  SeededEntropy same(7);
  (void)ws::make_key(same);  // drawn by the transport before its wait
  EXPECT_EQ(waits.front(), static_cast<std::int64_t>(same.below(5'001)));
}

TEST(Reconnect, gives_up_after_its_attempts_and_begins_anew_when_asked) {
  World world({.host_field = "h", .reconnect_attempts = 3});
  world.machine.connect(world.now);
  world.settle();
  for (int i = 0; i < 3; ++i) {
    world.lose();
    world.advance(world.retry_in_ms);
  }
  (void)world.told();
  world.lose();
  EXPECT_THAT(world.told(), ElementsAre("ended 0 for good", "failed"));
  world.machine.connect(world.now);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 5"));
}

TEST(Reconnect, does_not_happen_where_it_is_switched_off) {
  World world({.host_field = "h", .auto_reconnect = false});
  world.begin();
  world.lose();
  EXPECT_THAT(world.told(), ElementsAre("ended 0 for good", "disconnected"));
}

void answer(World& world, const std::string& response) {
  world.machine.on_open(world.now, world.link);
  world.settle();
  world.bytes(world.link, response);
}

TEST(Reconnect, adds_its_own_spread_to_what_a_refused_handshake_says) {
  World world;
  world.machine.connect(world.now);
  world.settle();
  answer(world, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 1", "close 1", "ended 503 retry"));
  EXPECT_THAT(world.retry_in_ms, AllOf(Ge(3'000), Le(8'000)));
}

TEST(Reconnect, takes_a_wrong_path_for_a_mistake_unless_the_server_was_there_before) {
  const std::string not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  World world;
  world.machine.connect(world.now);
  world.settle();
  answer(world, not_found);
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 1", "close 1", "ended 404 for good", "failed"));

  World known;
  known.begin();
  known.lose();
  known.advance(400);
  answer(known, not_found);
  EXPECT_EQ(known.told().back(), "ended 404 retry");
}

// Drain.

void drain(World& world) {
  world.say(R"({"type":"reconnect","afterMs":1800,"reason":"drain"})");
  world.advance(1'799);
  EXPECT_THAT(world.told(), IsEmpty());
  world.event(42);
  world.advance(1);
  EXPECT_THAT(world.told(), ElementsAre("alert:created 42", "open 2"));
}

TEST(Drain, recovers_on_the_next_connection_before_it_leaves_the_old_one) {
  World world;
  world.begin();
  drain(world);
  world.open();
  world.welcome();
  EXPECT_THAT(world.sent(2), ElementsAre(R"({"type":"join","id":2,"namespace":"alerts","recover":{"epoch":"x7","offset":42}})"));
  world.event(43, 1);
  EXPECT_THAT(world.told(), ElementsAre("alert:created 43")) << "the old one is served until then";
  world.join_reply(2, R"("recovered":true,"position":{"epoch":"x7","offset":42},"until":43)");
  EXPECT_THAT(world.told(), ElementsAre("joined alerts", "close 1"));
  EXPECT_EQ(world.peers[1].close_code, 1000);
  world.event(43);
  world.event(44);
  EXPECT_THAT(world.told(), ElementsAre("alert:created 44"));
  EXPECT_EQ(world.machine.state(), State::connected);
}

TEST(Drain, tells_an_unnumbered_event_once_that_both_connections_bring) {
  World world;
  world.begin();
  drain(world);
  const std::string pulse = R"({"type":"event","namespace":"alerts","event":"alert:pulse","id":"v1","data":{}})";
  world.open();
  world.welcome();
  world.say(pulse, 1);
  world.machine.request(world.now, 1, {"alerts", "acknowledge", "{}", {}, {}}, 5'000);
  world.settle();
  world.join_reply(2, R"("recovered":true)");
  world.say(pulse, 2);
  EXPECT_THAT(world.told(), ElementsAre("alert:pulse v1", "joined alerts"));
}

TEST(Drain, keeps_the_old_connection_until_its_requests_are_answered) {
  World world;
  world.begin();
  world.machine.request(world.now, 1, {"alerts", "acknowledge", "{}", {}, {}}, 5'000);
  drain(world);
  world.open();
  world.welcome();
  world.join_reply(3, R"("recovered":true)");
  EXPECT_THAT(world.told(), ElementsAre("joined alerts"));
  world.machine.request(world.now, 2, {"alerts", "acknowledge", "{}", {}, {}}, 5'000);
  world.settle();
  EXPECT_THAT(world.sent(2), ElementsAre(HasSubstr("join"), HasSubstr(R"("id":4)"))) << "new ones take the new connection";
  world.say(R"({"type":"reply","id":2,"data":{}})", 1);
  EXPECT_THAT(world.told(), ElementsAre("answer 1 {}", "close 1"));
}

TEST(Drain, goes_on_with_the_next_connection_where_the_old_one_ends_first) {
  World world;
  world.begin();
  drain(world);
  world.open();
  world.welcome();
  world.close(1012, "drain", 1);
  EXPECT_THAT(world.told(), ElementsAre("close 1", "ended 1012 retry", "reconnecting", "connected"));
  world.join_reply(2, R"("recovered":true)");
  world.event(43);
  EXPECT_THAT(world.told(), ElementsAre("joined alerts", "alert:created 43"));
}

TEST(Drain, waits_for_its_moment_where_the_server_closes_before) {
  World world;
  world.begin();
  world.say(R"({"type":"reconnect","afterMs":1800,"reason":"drain"})");
  world.advance(300);
  world.close(1012);
  EXPECT_EQ(world.retry_in_ms, 1'500);
}

TEST(Drain, tries_again_where_the_next_connection_fails_while_the_old_one_is_there) {
  World world;
  world.begin();
  drain(world);
  world.lose("refused", 2);
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_EQ(world.machine.state(), State::connected);
  world.advance(5'000);
  EXPECT_THAT(world.told(), ElementsAre("open 3"));
}

TEST(Drain, holds_changes_of_rooms_back_until_the_next_connection_has_joined) {
  World world;
  world.begin();
  drain(world);
  protocol::Subscribe wants;
  wants.ns = "alerts";
  wants.rooms = {"camera:7"};
  world.machine.subscribe(world.now, 1, wants);
  world.settle();
  EXPECT_THAT(world.sent(1), IsEmpty());
  world.open();
  world.welcome();
  world.join_reply(3, R"("recovered":true)");
  EXPECT_THAT(world.sent(2),
              ElementsAre(HasSubstr("join"), R"({"type":"subscribe","id":2,"namespace":"alerts","rooms":["camera:7"]})"));
}

}  // namespace
}  // namespace sparc::client
