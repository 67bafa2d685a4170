// Several clients on one connection: what the server is asked for, and who is told what.
#include "client/shared_connection.h"

#include <gmock/gmock.h>

#include "fake_server.h"

namespace sparc::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecordingMember final : public Member {
 public:
  void on_message(const Message& message) override { lines.push_back(message.event + " " + message.room); }
  void on_stale(const websocket::Stale& stale) override { lines.push_back("stale " + stale.reason); }
  void on_connected() override { lines.push_back("connected"); }
  void on_late() override { lines.push_back("late"); }
  void on_ended(const action::Ended& ended) override { lines.push_back(ended.will_retry ? "ended" : "ended for good"); }
  void on_refused(const Failure& failure) override { lines.push_back("refused " + failure.code); }
  bool on_asked(const action::Asked& asked) override {
    if (asked.question.event != answers) return false;
    lines.push_back("asked " + asked.question.event + " " + asked.question.data + " " + asked.call_id);
    return true;
  }
  void on_rooms_lost(const std::vector<std::string>& rooms, const std::string& code) override {
    lines.push_back("lost " + rooms.front() + " " + code);
  }
  void on_problem(const Failure& failure) override { lines.push_back("problem " + failure.code); }
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
  std::string answers;  // the event of questions that it takes
};

class SharedConnectionTest : public testing::Test, protected Transports {
 protected:
  void open(LinkId link) override { last = link; }
  void send(LinkId link, std::string bytes) override { peers[link].feed(bytes); }
  void close(LinkId link) override { closed.push_back(link); }
  void ask_token() override { ADD_FAILURE() << "the token is fixed"; }

  void welcome() {
    connection.on_open(now, last);
    connection.on_bytes(now, last, peers[last].accepts());
    say(std::string(welcome_frame));
  }
  void say(const std::string& json) { connection.on_bytes(now, last, text_frame(json)); }
  void joined(int id, const std::string& rooms = R"("tenant:t1")", const std::string& more = "") {
    say(R"({"type":"reply","id":)" + std::to_string(id) + R"(,"data":{"rooms":[)" + rooms +
        R"(],"topics":{"incidents":["incident:*"]},"fields":{"priority":["priority"]},"recovered":true)" + more + "}}");
  }
  void reply(int id, const std::string& rooms = "") {
    say(R"({"type":"reply","id":)" + std::to_string(id) + R"(,"data":{"rooms":[)" + rooms + "]}}");
  }
  void refuse(int id, const std::string& code) {
    say(R"({"type":"error","id":)" + std::to_string(id) + R"(,"error":{"code":")" + code + R"(","message":"no"}})");
  }
  void event(const std::string& name, const std::string& room, const std::string& data = "{}") {
    say(R"({"type":"event","namespace":"alerts","room":")" + room + R"(","event":")" + name + R"(","data":)" + data + "}");
  }
  std::vector<std::string> sent() { return peers[last].take(); }
  void enter(const std::shared_ptr<RecordingMember>& member, const std::string& ns = "alerts", Interest interest = {}) {
    connection.enter(now, member, ns, std::move(interest));
  }
  void subscribe(const RecordingMember& member, std::vector<std::string> rooms) {
    protocol::Subscribe choice;
    choice.rooms = std::move(rooms);
    change(member, std::move(choice));
  }
  void change(const RecordingMember& member, protocol::Subscribe choice) {
    choice.ns = "alerts";
    connection.subscribe(now, member, std::move(choice),
                         [&](auto answer) { answers.push_back(answer ? "granted" : answer.error().code); });
  }
  void unsubscribe(const RecordingMember& member, std::vector<std::string> rooms) {
    connection.unsubscribe(now, member, std::move(rooms),
                           [&](auto answer) { answers.push_back(answer ? "left" : answer.error().code); });
  }
  /// Both in `alerts`, with nothing under way.
  void begin() {
    enter(one);
    welcome();
    joined(1);
    enter(other);
    (void)one->take();
    (void)other->take();
    (void)sent();
  }

  Now now{1'000'000, 0};
  SeededEntropy entropy{1};
  LinkId last = 0;
  std::map<LinkId, FakePeer> peers;
  std::vector<LinkId> closed;
  std::vector<std::string> answers;
  std::shared_ptr<RecordingMember> one = std::make_shared<RecordingMember>();
  std::shared_ptr<RecordingMember> other = std::make_shared<RecordingMember>();
  SharedConnection connection{{.host_field = "h", .token = "jwt"}, entropy, *this};
};

TEST_F(SharedConnectionTest, joins_a_namespace_once_for_all_of_its_clients) {
  enter(one);
  enter(other);
  welcome();
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"join","id":1,"namespace":"alerts","topics":null,"filters":null})"));
  joined(1);
  EXPECT_THAT(one->take(), ElementsAre("connected"));
  EXPECT_THAT(other->take(), ElementsAre("connected"));
  EXPECT_THAT(sent(), IsEmpty());
}

TEST_F(SharedConnectionTest, leaves_a_namespace_with_its_last_client_and_ends_with_the_last_of_all) {
  begin();
  const auto video = std::make_shared<RecordingMember>();
  enter(video, "video");
  EXPECT_THAT(sent(), ElementsAre(HasSubstr(R"("namespace":"video")")));
  connection.exit(now, *one);
  EXPECT_THAT(sent(), IsEmpty());
  connection.exit(now, *other);
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"leave","namespace":"alerts"})"));
  connection.exit(now, *video);
  EXPECT_THAT(closed, ElementsAre(1U));
  EXPECT_EQ(peers[1].close_code, 1000);
  EXPECT_TRUE(connection.empty());
  EXPECT_THAT(one->take(), IsEmpty()) << "who left is told nothing";
}

TEST_F(SharedConnectionTest, tells_events_of_a_room_to_those_who_asked_for_it) {
  begin();
  subscribe(*one, {"camera:7"});
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"subscribe","id":2,"namespace":"alerts","rooms":["camera:7"]})"));
  reply(2, R"("camera:7")");
  subscribe(*other, {"tenant:t1/camera:7"});
  EXPECT_THAT(sent(), IsEmpty()) << "it is held already";
  EXPECT_THAT(answers, ElementsAre("granted", "granted"));
  unsubscribe(*one, {"camera:7"});
  EXPECT_THAT(sent(), IsEmpty()) << "the other client still wants it";
  event("alert:created", "camera:7");
  event("alert:created", "tenant:t1");
  EXPECT_THAT(one->take(), ElementsAre("alert:created tenant:t1"));
  EXPECT_THAT(other->take(), ElementsAre("alert:created camera:7", "alert:created tenant:t1"));
  unsubscribe(*other, {"camera:7"});
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"unsubscribe","id":3,"namespace":"alerts","rooms":["camera:7"]})"));
}

TEST_F(SharedConnectionTest, sends_the_union_of_topics_and_narrows_on_its_side) {
  begin();
  protocol::Subscribe choice;
  choice.topics = {protocol::Choice<std::string>::Kind::list, {"incidents"}};
  change(*one, choice);
  EXPECT_THAT(sent(), IsEmpty()) << "the other one wants everything";
  event("alert:created", "tenant:t1");
  EXPECT_THAT(one->take(), IsEmpty());
  EXPECT_THAT(other->take(), ElementsAre("alert:created tenant:t1"));
  connection.exit(now, *other);
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"subscribe","id":2,"namespace":"alerts","topics":["incidents"]})"));
}

TEST_F(SharedConnectionTest, makes_each_change_of_what_the_ones_before_led_to) {
  begin();
  subscribe(*one, {"camera:7", "secret:1"});
  subscribe(*other, {"camera:7"});
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"subscribe","id":2,"namespace":"alerts","rooms":["camera:7","secret:1"]})"));
  refuse(2, "FORBIDDEN");
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"subscribe","id":3,"namespace":"alerts","rooms":["camera:7"]})"));
  reply(3, R"("camera:7")");
  EXPECT_THAT(answers, ElementsAre("FORBIDDEN", "granted"));
  event("alert:created", "camera:7");
  EXPECT_THAT(one->take(), IsEmpty());
  EXPECT_THAT(other->take(), ElementsAre("alert:created camera:7"));
}

TEST_F(SharedConnectionTest, joins_again_with_everything_that_was_granted) {
  begin();
  subscribe(*one, {"camera:7"});
  reply(2, R"("camera:7")");
  connection.on_lost(now, last, "reset");
  EXPECT_THAT(one->take(), ElementsAre("ended"));
  now.monotonic_ms += 400;
  connection.on_tick(now);
  welcome();
  EXPECT_THAT(sent(), ElementsAre(HasSubstr(R"("rooms":["camera:7"])")));
  joined(3, R"("tenant:t1")", R"(,"denied":[{"room":"camera:7","code":"FORBIDDEN"}])");
  EXPECT_THAT(one->take(), ElementsAre("connected", "lost camera:7 FORBIDDEN", "stale not_recovered"));
  EXPECT_THAT(other->take(), ElementsAre("ended", "connected", "stale not_recovered"));
}

TEST_F(SharedConnectionTest, gives_up_a_room_that_was_left_while_the_join_was_on_its_way) {
  Interest interest;
  interest.rooms = {"camera:7"};
  enter(one, "alerts", interest);
  enter(other);
  welcome();
  (void)sent();
  connection.exit(now, *one);
  joined(1, R"("tenant:t1","camera:7")");
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"unsubscribe","id":2,"namespace":"alerts","rooms":["camera:7"]})",
                                  R"({"type":"subscribe","id":3,"namespace":"alerts","topics":null,"filters":null})"));
}

TEST_F(SharedConnectionTest, lets_a_client_in_without_a_room_that_it_may_not_hold_any_more) {
  begin();
  connection.exit(now, *other);
  Interest interest;
  interest.rooms = {"camera:9"};
  enter(other, "alerts", interest);
  EXPECT_THAT(sent(), ElementsAre(HasSubstr(R"("rooms":["camera:9"])")));
  refuse(2, "FORBIDDEN");
  EXPECT_THAT(other->take(), ElementsAre("lost camera:9 FORBIDDEN", "connected"));
}

TEST_F(SharedConnectionTest, tells_the_clients_of_a_refused_namespace_and_no_others) {
  enter(one);
  enter(other, "video");
  welcome();
  joined(1);
  refuse(2, "FORBIDDEN");
  EXPECT_THAT(one->take(), ElementsAre("connected"));
  EXPECT_THAT(other->take(), ElementsAre("refused FORBIDDEN"));
  EXPECT_FALSE(connection.has(*other));
  EXPECT_THAT(closed, IsEmpty());
}

TEST_F(SharedConnectionTest, takes_away_evicted_rooms_from_those_who_held_them) {
  begin();
  subscribe(*one, {"camera:7"});
  reply(2, R"("camera:7")");
  say(R"({"type":"evicted","namespace":"alerts","rooms":["camera:7"],"code":"FORBIDDEN"})");
  EXPECT_THAT(one->take(), ElementsAre("lost camera:7 FORBIDDEN"));
  EXPECT_THAT(other->take(), IsEmpty());
  EXPECT_TRUE(connection.interest(*one)->rooms.empty());
}

TEST_F(SharedConnectionTest, answers_everybody_when_the_connection_ends_for_good) {
  begin();
  subscribe(*one, {"camera:7"});
  subscribe(*other, {"camera:8"});
  std::vector<std::string> replies;
  connection.request(now, *one, {"", "acknowledge", "{}", {}, {}}, 5'000,
                     [&](auto answer) { replies.push_back(answer ? *answer : answer.error().code); });
  std::string out;
  ws::append_close_frame(out, 4010, "revoked");
  connection.on_bytes(now, last, out);
  EXPECT_THAT(answers, ElementsAre("UNAVAILABLE", "UNAVAILABLE"));
  EXPECT_THAT(replies, ElementsAre("UNAVAILABLE"));
  EXPECT_THAT(one->take(), ElementsAre("ended for good"));
  EXPECT_TRUE(connection.empty());
}

void ask(const std::string& event, const std::string& call_id, const std::function<void(const std::string&)>& say) {
  say(R"({"type":"invoke","callId":")" + call_id + R"(","namespace":"alerts","event":")" + event +
      R"(","data":{"n":1},"deadlineMs":5000})");
}

TEST_F(SharedConnectionTest, puts_a_question_to_the_first_client_that_answers_such) {
  begin();
  const auto speak = [&](const std::string& text) { say(text); };
  one->answers = "first";
  other->answers = "second";
  ask("second", "17", speak);
  EXPECT_THAT(one->take(), IsEmpty());
  EXPECT_THAT(other->take(), ElementsAre(R"(asked second {"n":1} 17)"));
  EXPECT_THAT(sent(), IsEmpty()) << "it has not answered yet";
  connection.answer_ask(now, last, "17", R"({"ok":1.0})");
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"result","callId":"17","data":{"ok":1.0}})"));
  ask("first", "18", speak);
  EXPECT_THAT(one->take(), ElementsAre(R"(asked first {"n":1} 18)"));
  connection.answer_ask(now, last, "18", std::unexpected(Failure{"FORBIDDEN", "no"}));
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"result","callId":"18","error":{"code":"FORBIDDEN","message":"no"}})"));
}

TEST_F(SharedConnectionTest, answers_a_question_that_none_of_its_clients_takes) {
  begin();
  const auto speak = [&](const std::string& text) { say(text); };
  ask("third", "19", speak);
  EXPECT_THAT(sent(), ElementsAre(HasSubstr(R"("callId":"19","error":{"code":"NO_HANDLER")")));
  connection.answer_ask(now, last + 7, "20", "1");
  EXPECT_THAT(sent(), IsEmpty()) << "a question went with the transport that it came by";
}

TEST_F(SharedConnectionTest, an_answer_that_the_server_would_not_take_does_not_end_the_connection) {
  begin();
  connection.answer_ask(now, last, "17", '"' + std::string(5'000, 'x') + '"');
  EXPECT_THAT(sent(), ElementsAre(HasSubstr(R"("callId":"17","error":{"code":"PAYLOAD_TOO_LARGE")")));
  connection.answer_ask(now, last, "18", std::unexpected(Failure{"", "no code"}));
  EXPECT_THAT(sent(), ElementsAre(R"({"type":"result","callId":"18","error":{"code":"INTERNAL","message":"no code"}})"));
}

TEST_F(SharedConnectionTest, tells_a_client_that_waits_for_too_long_and_goes_on) {
  enter(one);
  now.monotonic_ms += 10'000;
  connection.on_tick(now);
  EXPECT_THAT(one->take(), ElementsAre("ended", "late"));
  EXPECT_TRUE(connection.has(*one));
}

}  // namespace
}  // namespace sparc::client
