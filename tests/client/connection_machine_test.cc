// The client's connection as transcripts: what the server says, what the client answers and tells.
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

MachineOptions with_token_function() { return {.host_field = "h", .asks_token = true}; }

TEST(ConnectionMachine, opens_with_its_token_and_joins_what_was_configured_after_the_welcome) {
  World world;
  world.configure("alerts");
  world.machine.connect(world.now);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 1"));
  world.open();
  EXPECT_THAT(world.peers[1].head, AllOf(HasSubstr("GET /ws HTTP/1.1\r\n"), HasSubstr("Authorization: Bearer jwt-1\r\n"),
                                         HasSubstr("Sec-WebSocket-Protocol: sparc.v1.json\r\n")));
  world.welcome();
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"join","id":1,"namespace":"alerts"})"));
  EXPECT_THAT(world.told(), ElementsAre("connected"));
  EXPECT_FALSE(world.machine.joined("alerts"));
  world.join_reply(1);
  EXPECT_THAT(world.told(), ElementsAre("joined alerts"));
  EXPECT_TRUE(world.machine.joined("alerts"));
  EXPECT_EQ(*world.machine.position("alerts"), (Position{"x7", 41}));
}

TEST(ConnectionMachine, tells_the_same_whatever_the_pieces_in_which_bytes_arrive) {
  std::string frames = text_frame(welcome_frame);
  frames += text_frame(R"({"type":"reply","id":1,"data":{"rooms":[],"recovered":false,"position":{"epoch":"x","offset":3}}})");
  frames += text_frame(
      R"([{"type":"ping"},{"type":"event","namespace":"alerts","event":"alert:created","offset":4,"data":{"a":1.0}}])");
  std::vector<Lines> transcripts;
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    World world;
    world.configure("alerts");
    world.machine.connect(world.now);
    world.settle();
    world.machine.on_open(world.now, 1);
    world.settle();
    const std::string all = world.peers[1].accepts() + frames;
    const std::size_t at = all.size() - frames.size() + cut;
    world.bytes(1, all.substr(0, at));
    world.bytes(1, all.substr(at));
    transcripts.push_back(world.told());
    EXPECT_THAT(world.sent(), ElementsAre(HasSubstr("join"), HasSubstr("pong"))) << cut;
  }
  for (const auto& transcript : transcripts) EXPECT_EQ(transcript, transcripts.front());
  EXPECT_THAT(transcripts.front(), ElementsAre("connecting", "open 1", "connected", "joined alerts", "alert:created 4"));
}

TEST(ConnectionMachine, stops_where_a_fixed_token_is_refused) {
  World world;
  world.machine.connect(world.now);
  world.settle();
  world.open();
  world.say(R"({"type":"error","error":{"code":"UNAUTHENTICATED","message":"bad signature"}})");
  world.close(1008, "bad signature");
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 1", "close 1", "ended 1008 for good", "failed"));
  EXPECT_EQ(world.machine.next_deadline(), INT64_MAX);
}

TEST(ConnectionMachine, asks_the_function_again_where_its_token_is_refused) {
  World world(with_token_function());
  world.machine.connect(world.now);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("connecting", "ask token"));
  world.machine.on_token(world.now, "old");
  world.settle();
  world.open();
  world.close(1008);
  EXPECT_EQ(world.retry_in_ms, 0);
  world.advance(0);
  EXPECT_THAT(world.told(), ElementsAre("open 1", "close 1", "ended 1008 retry", "ask token"));
  world.machine.on_token(world.now, "new");
  world.settle();
  world.open();
  EXPECT_THAT(world.peers[2].head, HasSubstr("Bearer new\r\n"));
  world.close(1008);
  EXPECT_GT(world.machine.next_deadline(), world.now.monotonic_ms) << "the second refusal in a row waits";
}

TEST(ConnectionMachine, counts_a_function_that_gives_no_token_as_a_failed_attempt) {
  World world(with_token_function());
  world.machine.connect(world.now);
  world.machine.on_token(world.now, std::unexpected("away"));
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("connecting", "ask token", "ended 0 retry"));
}

TEST(ConnectionMachine, recovers_by_position_after_a_loss) {
  World world;
  world.begin();
  world.event(42);
  world.say(R"({"type":"position","namespace":"alerts","epoch":"x7","offset":44})");
  world.lose();
  EXPECT_THAT(world.told(), ElementsAre("alert:created 42", "ended 0 retry", "reconnecting"));
  EXPECT_EQ(world.retry_in_ms, 400) << "what the welcome advised";
  world.advance(400);
  world.open();
  world.welcome();
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"join","id":2,"namespace":"alerts","recover":{"epoch":"x7","offset":44}})"));
  world.join_reply(2, R"("recovered":true,"position":{"epoch":"x7","offset":44},"until":46)");
  world.event(45);
  world.event(46);
  EXPECT_THAT(world.told(), ElementsAre("open 2", "connected", "joined alerts", "alert:created 45", "alert:created 46"));
  EXPECT_EQ(*world.machine.position("alerts"), (Position{"x7", 46}));
}

TEST(ConnectionMachine, tells_stale_where_the_server_cannot_recover) {
  World world;
  world.begin();
  world.lose();
  world.advance(400);
  world.open();
  world.welcome();
  world.join_reply(2, R"("recovered":false,"position":{"epoch":"y1","offset":5})");
  world.event(6);
  EXPECT_THAT(world.told(), ElementsAre("ended 0 retry", "reconnecting", "open 2", "connected", "joined alerts",
                                        "stale alerts not_recovered", "alert:created 6"));
  EXPECT_EQ(*world.machine.position("alerts"), (Position{"y1", 6}));
}

TEST(ConnectionMachine, moves_its_position_by_numbered_events_and_position_frames_only) {
  World world;
  world.begin();
  world.say(R"({"type":"event","namespace":"alerts","event":"alert:pulse","id":"v","data":{}})");
  EXPECT_EQ(world.machine.position("alerts")->offset, 41U);
  world.event(50);
  world.say(R"({"type":"position","namespace":"alerts","epoch":"x7","offset":48})");
  EXPECT_EQ(world.machine.position("alerts")->offset, 50U) << "never back within an epoch";
  world.say(R"({"type":"position","namespace":"alerts","epoch":"z2","offset":1})");
  EXPECT_EQ(*world.machine.position("alerts"), (Position{"z2", 1}));
  world.event(2);
  EXPECT_THAT(world.told(), ElementsAre("alert:pulse v", "alert:created 50", "alert:created 2"));
}

TEST(ConnectionMachine, drops_the_numbered_event_that_it_had_as_a_provisional_one) {
  World world;
  world.begin();
  world.say(R"({"type":"gap","namespace":"alerts","count":0,"reason":"broker"})");
  world.say(R"({"type":"event","namespace":"alerts","event":"alert:created","id":"p42","provisional":true,"data":{}})");
  world.say(R"({"type":"event","namespace":"alerts","event":"alert:created","id":"p42","provisional":true,"data":{}})");
  world.event(42);
  world.event(43);
  EXPECT_THAT(world.told(), ElementsAre("stale alerts broker", "alert:created p42", "alert:created 43"));
  EXPECT_EQ(world.machine.position("alerts")->offset, 43U);
}

TEST(ConnectionMachine, repairs_a_gap_from_history_before_it_tells_what_came_behind) {
  World world;
  world.begin();
  world.say(R"({"type":"gap","namespace":"alerts","count":2,"from":42,"to":43,"reason":"dropped"})");
  world.event(44);
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"history","id":2,"namespace":"alerts","since":{"epoch":"x7","offset":41}})"));
  world.say(R"({"type":"reply","id":2,"data":{"events":[)"
            R"({"namespace":"alerts","event":"alert:created","id":"p42","offset":42,"data":{}}],)"
            R"("position":{"epoch":"x7","offset":42},"complete":false,"recovered":true}})");
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"history","id":3,"namespace":"alerts","since":{"epoch":"x7","offset":42}})"));
  world.say(R"({"type":"reply","id":3,"data":{"events":[)"
            R"({"namespace":"alerts","event":"alert:created","id":"p43","offset":43,"data":{}},)"
            R"({"namespace":"alerts","event":"alert:created","id":"p44","offset":44,"data":{}}],)"
            R"("position":{"epoch":"x7","offset":44},"complete":true,"recovered":true}})");
  EXPECT_THAT(world.told(),
              ElementsAre("alert:created 42", "alert:created 43", "stale alerts dropped repaired", "alert:created 44"));
}

TEST(ConnectionMachine, tells_stale_and_goes_on_where_a_repair_fails) {
  World world;
  world.begin();
  const std::string gap = R"({"type":"gap","namespace":"alerts","count":2,"from":42,"to":43,"reason":"dropped"})";
  world.say(gap);
  world.event(44);
  world.say(R"({"type":"error","id":2,"error":{"code":"RATE_LIMITED","message":"later"}})");
  EXPECT_THAT(world.told(), ElementsAre("stale alerts dropped", "alert:created 44"));
  world.say(gap);
  world.lose();
  EXPECT_THAT(world.told(), ElementsAre("stale alerts dropped", "ended 0 retry", "reconnecting"));
}

TEST(ConnectionMachine, asks_no_history_for_what_was_trimmed_or_has_expired) {
  World world;
  world.begin();
  world.say(R"({"type":"gap","namespace":"alerts","count":2,"from":42,"to":43,"reason":"trimmed"})");
  world.say(R"({"type":"gap","namespace":"alerts","count":1,"from":44,"to":44,"reason":"expired"})");
  world.say(R"({"type":"gap","namespace":"alerts","room":"camera:7","count":8,"reason":"dropped"})");
  EXPECT_THAT(world.told(), ElementsAre("stale alerts trimmed", "stale alerts expired", "stale alerts dropped"));
  EXPECT_THAT(world.sent(), IsEmpty());
}

TEST(ConnectionMachine, refreshes_its_token_in_place) {
  World world(with_token_function());
  world.configure("alerts");
  world.machine.connect(world.now);
  world.machine.on_token(world.now, "one");
  world.settle();
  world.open();
  world.welcome();
  world.join_reply(1);
  (void)world.told();
  (void)world.sent();
  world.say(R"({"type":"token_expiring","expiresIn":60})");
  EXPECT_THAT(world.told(), ElementsAre("ask token"));
  world.machine.on_token(world.now, "two");
  world.settle();
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"auth","id":2,"token":"two"})"));
  world.say(R"({"type":"reply","id":2,"data":{}})");
  EXPECT_THAT(world.told(), IsEmpty());
  world.say(R"({"type":"token_expiring","expiresIn":60})");
  world.machine.on_token(world.now, "stranger's");
  world.settle();
  world.say(R"({"type":"error","id":3,"error":{"code":"FORBIDDEN","message":"another user"}})");
  EXPECT_THAT(world.told(), ElementsAre("ask token", "problem FORBIDDEN")) << "the old identity goes on";
}

TEST(ConnectionMachine, answers_pings_and_takes_silence_for_a_loss) {
  World world;
  world.begin();
  world.say(R"({"type":"ping"})");
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"pong"})"));
  world.advance(34'999);
  EXPECT_THAT(world.told(), IsEmpty());
  world.advance(1);
  EXPECT_THAT(world.told(), ElementsAre("close 1", "ended 0 retry", "reconnecting"));
}

TEST(ConnectionMachine, gives_up_an_attempt_that_takes_too_long) {
  World world;
  world.machine.connect(world.now);
  world.settle();
  world.advance(9'999);
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 1"));
  world.advance(1);
  EXPECT_THAT(world.told(), ElementsAre("close 1", "ended 0 retry"));
}

TEST(ConnectionMachine, answers_each_request_once) {
  World world;
  world.begin({"video"});
  protocol::Event start{"video", "stream:start", R"({"cameraId":"7"})", {}, {}};
  for (OpId op = 1; op <= 4; ++op) world.machine.request(world.now, op, start, 5'000);
  world.settle();
  EXPECT_EQ(world.sent().front(),
            R"({"type":"event","id":2,"namespace":"video","event":"stream:start","data":{"cameraId":"7"}})");
  world.say(R"({"type":"reply","id":2,"data":{"url":"x"}})");
  world.say(R"({"type":"reply","id":2,"data":{"url":"again"}})");
  world.say(R"({"type":"error","id":3,"error":{"code":"NO_HANDLER","message":"nobody"}})");
  world.advance(5'000);
  EXPECT_THAT(world.told(),
              ElementsAre(R"(answer 1 {"url":"x"})", "answer 2 NO_HANDLER", "answer 3 TIMEOUT", "answer 4 TIMEOUT"));
}

TEST(ConnectionMachine, sends_subscriptions_again_on_the_next_connection_but_events_never) {
  World world;
  world.begin();
  protocol::Subscribe wants;
  wants.ns = "alerts";
  wants.rooms = {"camera:7"};
  world.machine.subscribe(world.now, 1, wants);
  world.machine.request(world.now, 2, {"alerts", "acknowledge", "{}", {}, {}}, 5'000);
  world.settle();
  (void)world.sent();
  world.lose();
  EXPECT_THAT(world.told(), ElementsAre("answer 2 UNAVAILABLE", "ended 0 retry", "reconnecting"));
  world.advance(400);
  world.open();
  world.welcome();
  EXPECT_THAT(world.sent(), ElementsAre(HasSubstr("join")));
  world.join_reply(4, R"("recovered":true)");
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"subscribe","id":2,"namespace":"alerts","rooms":["camera:7"]})"));
  world.say(R"({"type":"reply","id":2,"data":{"rooms":["camera:7"]}})");
  EXPECT_THAT(world.told(), ElementsAre("open 2", "connected", "joined alerts", R"(answer 1 {"rooms":["camera:7"]})"));
}

TEST(ConnectionMachine, refuses_by_itself_what_the_server_would_close_for) {
  World world;
  world.begin();
  const protocol::Event large{"alerts", "note", "\"" + std::string(5'000, 'x') + "\"", {}, {}};
  world.machine.request(world.now, 1, large, 5'000);
  EXPECT_EQ(world.machine.send(world.now, large).error().code, "PAYLOAD_TOO_LARGE");
  world.machine.request(world.now, 2, {"video", "stream:start", {}, {}, {}}, 5'000);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("answer 1 PAYLOAD_TOO_LARGE", "answer 2 UNKNOWN_NAMESPACE"));
  EXPECT_THAT(world.sent(), IsEmpty());
}

TEST(ConnectionMachine, forgets_a_namespace_that_is_forbidden_and_tries_again_where_the_refusal_passes) {
  World world;
  world.configure("alerts");
  world.configure("video");
  world.machine.connect(world.now);
  world.settle();
  world.open();
  world.welcome();
  (void)world.told();
  (void)world.sent();
  world.say(R"({"type":"error","id":1,"error":{"code":"FORBIDDEN","message":"no role"}})");
  world.say(R"({"type":"error","id":2,"error":{"code":"RATE_LIMITED","message":"later","retryAfterMs":700}})");
  EXPECT_THAT(world.told(), ElementsAre("refused alerts FORBIDDEN", "problem RATE_LIMITED"));
  EXPECT_THAT(world.advance_to_deadline(), AllOf(Ge(700), Le(5'701)));
  EXPECT_THAT(world.sent(), ElementsAre(R"({"type":"join","id":3,"namespace":"video"})"));
}

TEST(ConnectionMachine, tells_no_event_of_a_namespace_that_was_left_and_joined_again_before_its_reply) {
  World world;
  world.begin();
  world.machine.leave(world.now, "alerts");
  world.configure("alerts");
  EXPECT_THAT(world.sent(),
              ElementsAre(R"({"type":"leave","namespace":"alerts"})", R"({"type":"join","id":2,"namespace":"alerts"})"));
  world.event(42);
  world.join_reply(2);
  world.event(43);
  EXPECT_THAT(world.told(), ElementsAre("joined alerts", "alert:created 43"));
}

TEST(ConnectionMachine, ends_a_connection_that_does_not_speak_the_protocol) {
  World world;
  world.begin();
  world.say(R"({"type":"event","namespace":)");
  EXPECT_THAT(world.told(), ElementsAre("close 1", "ended 0 retry", "reconnecting"));
  EXPECT_EQ(world.peers[1].close_code, 1002);
}

TEST(ConnectionMachine, disconnects_in_order_and_answers_what_waits) {
  World world;
  world.begin();
  world.machine.request(world.now, 1, {"alerts", "acknowledge", "{}", {}, {}}, 5'000);
  world.machine.disconnect(world.now);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("close 1", "answer 1 UNAVAILABLE", "ended 1000 for good", "disconnected"));
  EXPECT_EQ(world.peers[1].close_code, 1000);
  world.machine.connect(world.now);
  world.settle();
  EXPECT_THAT(world.told(), ElementsAre("connecting", "open 2"));
}

TEST(ConnectionMachine, tells_of_rooms_that_were_taken_away) {
  World world;
  world.begin();
  world.say(R"({"type":"evicted","namespace":"alerts","rooms":["camera:7"],"code":"FORBIDDEN"})");
  EXPECT_THAT(world.told(), ElementsAre("evicted camera:7 FORBIDDEN"));
}

}  // namespace
}  // namespace sparc::client
