// Services ask clients: step by step on one shard.

#include "protocol/json_scan.h"
#include "shard/node.h"

namespace sparc::shard {
namespace {

namespace json = protocol::json;

ConnectionId joined(Node& node, const std::string& user, const std::string& tenant = "t", const std::string& more = {}) {
  const ConnectionId id = node.connect(user, tenant);
  node.say(id, R"({"type":"join","namespace":"alerts")" + more + "}");
  (void)node.messages(id);
  return id;
}

std::string public_id_of(Node& node, const std::string& user) {
  std::string found;
  node.shard->for_each_client([&](const ClientInfo& client) {
    if (client.user_id == user) found = client.id;
  });
  return found;
}

/// What an ask has come to.
struct Outcome {
  std::optional<std::expected<std::vector<Answered>, Fault>> all;

  [[nodiscard]] const ClientAnswer* of(std::string_view user) const {
    if (!all || !*all) return nullptr;
    for (const auto& [client, answer] : **all) {
      if (client.user_id == user) return &answer;
    }
    return nullptr;
  }
  [[nodiscard]] std::string data_of(std::string_view user) const {
    const ClientAnswer* answer = of(user);
    return answer != nullptr ? answer->data : "nobody asked";
  }
  [[nodiscard]] std::optional<Code> code_of(std::string_view user) const {
    const ClientAnswer* answer = of(user);
    return answer != nullptr && answer->fault ? std::optional(answer->fault->code) : std::nullopt;
  }
  [[nodiscard]] std::size_t asked() const { return all && *all ? (*all)->size() : 0; }
};

AskRequest to_rooms(std::vector<std::string> rooms, std::string ns = "alerts") {
  AskRequest request;
  request.what.ns = std::move(ns);
  request.what.event = "confirm";
  request.what.rooms = std::move(rooms);
  request.what.data = R"({"zone":"north"})";
  return request;
}

AskRequest to_client(std::string connection) {
  AskRequest request = to_rooms({});
  request.connection = std::move(connection);
  return request;
}

std::shared_ptr<Outcome> ask(Node& node, AskRequest request, const ServiceIdentity* asker = nullptr) {
  auto out = std::make_shared<Outcome>();
  node.shard->ask(std::move(request), asker, [out](auto answers) {
    EXPECT_FALSE(out->all) << "an ask is answered once";
    out->all = std::move(answers);
  });
  node.turn();
  return out;
}

std::string call_id_of(const std::vector<std::string>& messages) {
  std::string id;
  for (const std::string& message : messages) {
    if (has(message, R"("type":"invoke")")) (void)json::read_string(json::find(message, "callId"), id);
  }
  EXPECT_FALSE(id.empty()) << "nothing was asked";
  return id;
}

void answer(Node& node, ConnectionId client, const std::string& call_id, const std::string& rest) {
  node.say(client, R"({"type":"result","callId":")" + call_id + "\"" + rest + "}");
}

TEST(Asks, AClientIsAskedAndItsAnswerComesBack) {
  Node node(socketio_settings());
  const ConnectionId client = joined(node, "u");
  const auto out = ask(node, to_client(public_id_of(node, "u")));
  EXPECT_FALSE(out->all) << "it has not answered";
  const auto messages = node.messages(client);
  ASSERT_EQ(messages.size(), 1U);
  const std::string call_id = call_id_of(messages);
  EXPECT_EQ(messages.front(), R"({"type":"invoke","callId":")" + call_id +
                                  R"(","namespace":"alerts","event":"confirm","data":{"zone":"north"},"deadlineMs":5000})");
  answer(node, client, call_id, R"(,"id":9,"data":{"ok":1.0})");
  EXPECT_EQ(out->data_of("u"), R"({"ok":1.0})");
  EXPECT_EQ(node.messages(client), std::vector<std::string>{R"({"type":"reply","id":9,"data":{}})"});
  EXPECT_EQ(node.shard->counters().asked.get(), 1U);
  EXPECT_EQ(node.shard->counters().asked_unanswered.get(), 0U);
}

TEST(Asks, EveryMemberOfTheRoomsIsAskedOnceAndNobodyElse) {
  Node node(socketio_settings());
  const ConnectionId both = joined(node, "both", "t", R"(,"rooms":["camera:1","camera:2"])");
  const ConnectionId one = joined(node, "one", "t", R"(,"rooms":["camera:2"])");
  const ConnectionId none = joined(node, "none");
  const ConnectionId foreign = joined(node, "foreign", "other", R"(,"rooms":["camera:1"])");
  const auto out = ask(node, to_rooms({"tenant:t/camera:1", "tenant:t/camera:2"}));
  const auto asked = node.messages(both);
  EXPECT_EQ(asked.size(), 1U);
  answer(node, both, call_id_of(asked), R"(,"data":"both")");
  EXPECT_FALSE(out->all) << "one has not answered yet";
  answer(node, one, call_id_of(node.messages(one)), R"(,"error":{"code":"FORBIDDEN","message":"not mine"})");
  EXPECT_EQ(out->asked(), 2U);
  EXPECT_EQ(out->data_of("both"), "\"both\"");
  EXPECT_EQ(out->code_of("one"), Code::FORBIDDEN);
  EXPECT_EQ(out->of("one")->fault->message, "not mine");
  EXPECT_TRUE(node.messages(none).empty());
  EXPECT_TRUE(node.messages(foreign).empty());
}

TEST(Asks, WhomTheEventWouldNotReachIsNotAsked) {
  Node node(socketio_settings());
  const ConnectionId narrowed = joined(node, "narrowed", "t", R"(,"topics":["another:event"])");
  const ConnectionId excepted = joined(node, "excepted");
  const ConnectionId asked = joined(node, "asked");
  AskRequest request = to_rooms({"tenant:t"});
  request.what.except = {public_id_of(node, "excepted")};
  const auto out = ask(node, std::move(request));
  answer(node, asked, call_id_of(node.messages(asked)), "");
  EXPECT_EQ(out->asked(), 1U);
  EXPECT_EQ(out->data_of("asked"), "") << "understood, nothing to say";
  EXPECT_TRUE(node.messages(narrowed).empty());
  EXPECT_TRUE(node.messages(excepted).empty());
}

TEST(Asks, AnAskOfNobodyIsAnsweredAtOnce) {
  Node node(socketio_settings());
  EXPECT_EQ(ask(node, to_rooms({"tenant:t"}))->all.value().value().size(), 0U);
  EXPECT_EQ(ask(node, to_client("no-such-connection"))->all.value().value().size(), 0U);
  (void)joined(node, "u");
  AskRequest elsewhere = to_client(public_id_of(node, "u"));
  elsewhere.what.ns = "video";
  EXPECT_EQ(ask(node, std::move(elsewhere))->all.value().value().size(), 0U) << "it has not joined that namespace";
}

TEST(Asks, WhoDoesNotAnswerInTimeIsToldAboutAndItsLateAnswerIsIgnored) {
  Node node(socketio_settings());
  const ConnectionId prompt = joined(node, "prompt");
  const ConnectionId late = joined(node, "late");
  AskRequest request = to_rooms({"tenant:t"});
  request.timeout_ms = 700;
  const auto out = ask(node, std::move(request));
  answer(node, prompt, call_id_of(node.messages(prompt)), R"(,"data":1)");
  const std::string call_id = call_id_of(node.messages(late));
  node.advance(699);
  EXPECT_FALSE(out->all);
  node.advance(1);
  EXPECT_EQ(out->data_of("prompt"), "1");
  EXPECT_EQ(out->code_of("late"), Code::TIMEOUT);
  answer(node, late, call_id, R"(,"data":2)");
  EXPECT_EQ(node.shard->counters().ask_timeouts.get(), 1U);
  EXPECT_EQ(node.shard->counters().late_answers.get(), 1U);
  EXPECT_TRUE(node.messages(late).empty()) << "an answer that comes too late is nobody's fault";
}

TEST(Asks, WhoLeavesWithoutAnAnswerIsToldAboutAtOnce) {
  Node node(socketio_settings());
  const ConnectionId client = joined(node, "u");
  const auto out = ask(node, to_rooms({"tenant:t"}));
  EXPECT_FALSE(out->all);
  node.shard->on_closed(client, "gone");
  EXPECT_EQ(out->code_of("u"), Code::UNAVAILABLE);
}

TEST(Asks, OnlyTheClientThatWasAskedCanAnswer) {
  Node node(socketio_settings());
  const ConnectionId asked = joined(node, "asked");
  const ConnectionId other = joined(node, "other");
  const auto out = ask(node, to_client(public_id_of(node, "asked")));
  const std::string call_id = call_id_of(node.messages(asked));
  answer(node, other, call_id, R"(,"data":"forged")");
  for (const char* id : {"0", "", "-1", "99999999999999999999999", "1x"}) answer(node, asked, id, R"(,"data":"nonsense")");
  EXPECT_FALSE(out->all);
  answer(node, asked, call_id, R"(,"data":"its own")");
  EXPECT_EQ(out->data_of("asked"), "\"its own\"");
}

TEST(Asks, AKeyOfATenantAsksThatTenantAlone) {
  Node node(socketio_settings());
  const ConnectionId own = joined(node, "own", "t");
  const ConnectionId foreign = joined(node, "foreign", "other");
  ServiceIdentity key;
  key.tenant_id = "t";
  EXPECT_EQ(ask(node, to_rooms({"tenant:other"}), &key)->all.value().error().code, Code::FORBIDDEN);
  EXPECT_EQ(ask(node, to_rooms({"system"}), &key)->all.value().error().code, Code::FORBIDDEN);
  EXPECT_EQ(ask(node, to_client(public_id_of(node, "foreign")), &key)->asked(), 0U) << "it does not exist for that key";
  AskRequest named = to_client(public_id_of(node, "foreign"));
  named.what.tenant = "other";
  EXPECT_EQ(ask(node, std::move(named), &key)->all.value().error().code, Code::FORBIDDEN);
  EXPECT_TRUE(node.messages(foreign).empty());
  const auto out = ask(node, to_client(public_id_of(node, "own")), &key);
  answer(node, own, call_id_of(node.messages(own)), R"(,"data":1)");
  EXPECT_EQ(out->data_of("own"), "1");
}

TEST(Asks, WrongAsksAreRefusedWithWhatIsAllowed) {
  Node node(socketio_settings());
  AskRequest slow = to_rooms({"tenant:t"});
  slow.timeout_ms = 60'001;
  EXPECT_EQ(ask(node, std::move(slow))->all.value().error().message, "\"timeoutMs\" must be 1 to 60000 (limits.ask_ms_max)");
  EXPECT_EQ(ask(node, to_rooms({"tenant:t"}, "alarms"))->all.value().error().code, Code::UNKNOWN_NAMESPACE);
  EXPECT_EQ(ask(node, to_rooms({"camera:1"}))->all.value().error().code, Code::BAD_REQUEST);
  AskRequest nameless = to_client("x");
  nameless.what.event = "";
  EXPECT_EQ(ask(node, std::move(nameless))->all.value().error().code, Code::BAD_REQUEST);
}

TEST(Asks, MoreClientsThanAnAskMayReachAreNotAskedAtAll) {
  Settings settings = socketio_settings();
  settings.limits.ask_clients_max = 2;
  settings.limits.asked_clients_max = 3;
  Node node(std::move(settings));
  std::vector<ConnectionId> clients;
  for (const char* user : {"a", "b", "c"})
    clients.push_back(joined(node, user, "t", R"(,"rooms":["camera:)" + std::string(user) + "\"]"));
  const Fault fault = ask(node, to_rooms({"tenant:t"}))->all.value().error();
  EXPECT_EQ(fault.code, Code::BAD_REQUEST);
  EXPECT_EQ(fault.message, "more than 2 clients would be asked (limits.ask_clients_max); name smaller rooms");
  for (const ConnectionId id : clients) EXPECT_TRUE(node.messages(id).empty());
  const auto two = ask(node, to_rooms({"tenant:t/camera:a", "tenant:t/camera:b"}));
  EXPECT_FALSE(two->all);
  const auto refused = ask(node, to_rooms({"tenant:t/camera:b", "tenant:t/camera:c"}));
  EXPECT_EQ(refused->all.value().error().code, Code::UNAVAILABLE) << "too many have not answered";
  EXPECT_TRUE(has(refused->all.value().error().message, "limits.asked_clients_max"));
  EXPECT_GT(refused->all.value().error().retry_after_ms, 0);
  EXPECT_EQ(node.asks.refused(), 2U);
  answer(node, clients[0], call_id_of(node.messages(clients[0])), "");
  answer(node, clients[1], call_id_of(node.messages(clients[1])), "");
  EXPECT_EQ(two->asked(), 2U);
  EXPECT_FALSE(ask(node, to_rooms({"tenant:t/camera:c"}))->all) << "there is room again";
}

TEST(Asks, AnswersBeyondTheirBytesAreReplacedByAnError) {
  Settings settings = socketio_settings();
  settings.limits.ask_answer_bytes_max = 20;
  Node node(std::move(settings));
  const ConnectionId first = joined(node, "first");
  const ConnectionId second = joined(node, "second");
  const auto out = ask(node, to_rooms({"tenant:t"}));
  answer(node, first, call_id_of(node.messages(first)), R"(,"data":"twelve bytes")");
  answer(node, second, call_id_of(node.messages(second)), R"(,"data":"and others")");
  EXPECT_EQ(out->data_of("first"), "\"twelve bytes\"");
  EXPECT_EQ(out->code_of("second"), Code::PAYLOAD_TOO_LARGE);
  EXPECT_TRUE(has(out->of("second")->fault->message, "limits.ask_answer_bytes_max"));
}

TEST(Asks, WhatClientsSayIsBoundedAlsoWhereItIsAnErrorAndOverAllAsks) {
  Settings settings = socketio_settings();
  settings.limits.ask_answer_bytes_max = 20;
  settings.limits.asks_node_bytes_max = 30;
  Node node(std::move(settings));
  const ConnectionId first = joined(node, "first");
  const ConnectionId second = joined(node, "second");
  const auto loud = ask(node, to_client(public_id_of(node, "first")));
  answer(node, first, call_id_of(node.messages(first)), R"(,"error":{"code":"X","message":"more than twenty bytes of it"})");
  EXPECT_EQ(loud->code_of("first"), Code::PAYLOAD_TOO_LARGE);
  EXPECT_TRUE(has(loud->of("first")->fault->message, "limits.ask_answer_bytes_max"));
  const auto one = ask(node, to_rooms({"tenant:t"}));
  const auto another = ask(node, to_rooms({"tenant:t"}));
  const auto to_first = node.messages(first);
  const auto to_second = node.messages(second);
  answer(node, first, call_id_of({to_first[0]}), R"(,"data":"sixteen bytes.")");
  answer(node, first, call_id_of({to_first[1]}), R"(,"data":"sixteen bytes.")");
  answer(node, second, call_id_of({to_second[0]}), "");
  answer(node, second, call_id_of({to_second[1]}), "");
  EXPECT_EQ(one->data_of("first"), "\"sixteen bytes.\"");
  EXPECT_EQ(another->code_of("first"), Code::PAYLOAD_TOO_LARGE);
  EXPECT_TRUE(has(another->of("first")->fault->message, "limits.asks_node_bytes_max"));
  const auto after = ask(node, to_client(public_id_of(node, "first")));
  answer(node, first, call_id_of(node.messages(first)), R"(,"data":"sixteen bytes.")");
  EXPECT_EQ(after->data_of("first"), "\"sixteen bytes.\"") << "what was told makes room";
}

TEST(Asks, OneServiceDoesNotTakeTheRoomOfAll) {
  Settings settings = socketio_settings();
  settings.limits.service_asked_clients_max = 1;
  Node node(std::move(settings));
  const ConnectionId client = joined(node, "u");
  ServiceIdentity greedy, other;
  greedy.name = "greedy";
  other.name = "other";
  const auto first = ask(node, to_rooms({"tenant:t"}), &greedy);
  const std::string call_id = call_id_of(node.messages(client));
  const Fault fault = ask(node, to_rooms({"tenant:t"}), &greedy)->all.value().error();
  EXPECT_EQ(fault.code, Code::UNAVAILABLE);
  EXPECT_TRUE(has(fault.message, "limits.service_asked_clients_max"));
  EXPECT_FALSE(ask(node, to_rooms({"tenant:t"}), &other)->all);
  answer(node, client, call_id, "");
  EXPECT_TRUE(first->all);
  EXPECT_FALSE(ask(node, to_rooms({"tenant:t"}), &greedy)->all) << "there is room again";
}

TEST(Asks, AClientIsNotGivenMoreQuestionsThanItMayLeaveOpen) {
  Settings settings = socketio_settings();
  settings.limits.connection_asked_max = 2;
  Node node(std::move(settings));
  const ConnectionId client = joined(node, "u");
  const auto first = ask(node, to_rooms({"tenant:t"}));
  const auto second = ask(node, to_rooms({"tenant:t"}));
  const auto third = ask(node, to_rooms({"tenant:t"}));
  EXPECT_EQ(third->code_of("u"), Code::UNAVAILABLE);
  EXPECT_TRUE(has(third->of("u")->fault->message, "limits.connection_asked_max"));
  const auto messages = node.messages(client);
  ASSERT_EQ(messages.size(), 2U);
  answer(node, client, call_id_of(messages), "");
  EXPECT_FALSE(first->all);
  EXPECT_TRUE(second->all);
  EXPECT_FALSE(ask(node, to_rooms({"tenant:t"}))->all);
}

TEST(Asks, WhoLeavesTheNamespaceLeavesItsQuestions) {
  Node node(socketio_settings());
  const ConnectionId client = joined(node, "u");
  node.say(client, R"({"type":"join","namespace":"video"})");
  AskRequest about_video = to_rooms({"tenant:t"}, "video");
  const auto of_alerts = ask(node, to_rooms({"tenant:t"}));
  const std::string call_id = call_id_of(node.messages(client));
  const auto of_video = ask(node, std::move(about_video));
  node.say(client, R"({"type":"leave","namespace":"alerts"})");
  EXPECT_EQ(of_alerts->code_of("u"), Code::UNAVAILABLE);
  EXPECT_FALSE(of_video->all) << "it is still there";
  answer(node, client, call_id, R"(,"data":"too late")");
  EXPECT_EQ(node.shard->counters().late_answers.get(), 1U);
}

TEST(Asks, MembersOfPublicRoomsOfEveryTenantAreAskedByWhoMayReachThem) {
  Node node(socketio_settings());
  const ConnectionId one = joined(node, "one", "t", R"(,"rooms":["system"])");
  const ConnectionId two = joined(node, "two", "other", R"(,"rooms":["system"])");
  const auto out = ask(node, to_rooms({"system"}));
  answer(node, one, call_id_of(node.messages(one)), R"(,"data":1)");
  answer(node, two, call_id_of(node.messages(two)), R"(,"data":2)");
  EXPECT_EQ(out->data_of("one"), "1");
  EXPECT_EQ(out->data_of("two"), "2");
}

TEST(Asks, SeveralQuestionsOfOneTurnAreNoReasonToCloseAClient) {
  Settings settings = socketio_settings();
  settings.limits.control_lane_bytes_max = 4'000;
  Node node(std::move(settings));
  const ConnectionId client = joined(node, "u");
  std::vector<std::shared_ptr<Outcome>> outs;
  for (int i = 0; i < 4; ++i) {
    AskRequest request = to_rooms({"tenant:t"});
    request.what.data = '"' + std::string(1'500, 'x') + '"';
    outs.push_back(std::make_shared<Outcome>());
    node.shard->ask(std::move(request), nullptr, [out = outs.back()](auto answers) { out->all = std::move(answers); });
  }
  node.turn();
  EXPECT_EQ(node.shard->counters().slow_consumers.get(), 0U);
  EXPECT_EQ(node.messages(client).size(), 2U);
  EXPECT_FALSE(outs.front()->all);
  EXPECT_EQ(outs.back()->code_of("u"), Code::UNAVAILABLE);
}

TEST(Asks, WhoDoesNotReadIsNotAskedButToldAbout) {
  Settings settings = socketio_settings();
  settings.limits.control_lane_bytes_max = 400;
  Node node(std::move(settings));
  const ConnectionId client = joined(node, "u");
  node.drain(client, 0);
  std::vector<std::shared_ptr<Outcome>> outs;
  for (int i = 0; i < 10; ++i) outs.push_back(ask(node, to_client(public_id_of(node, "u"))));
  EXPECT_FALSE(outs.front()->all);
  EXPECT_EQ(outs.back()->code_of("u"), Code::UNAVAILABLE);
  node.drain(client, SIZE_MAX);
  EXPECT_EQ(node.shard->counters().slow_consumers.get(), 0U) << "a question closes nobody";
  EXPECT_FALSE(node.messages(client).empty());
}

TEST(Asks, AnUnaskedAnswerCostsPointsAndAnAwaitedOneDoesNot) {
  Settings settings = socketio_settings();
  settings.limits.connection_messages = {2, 1'000'000};
  Node node(std::move(settings));
  const ConnectionId client = joined(node, "u");
  for (int i = 0; i < 20; ++i) {
    const auto out = ask(node, to_client(public_id_of(node, "u")));
    answer(node, client, call_id_of(node.messages(client)), R"(,"data":1)");
    EXPECT_EQ(out->data_of("u"), "1");
  }
  for (int i = 0; i < 3; ++i) answer(node, client, "1", R"(,"data":1)");
  const auto messages = node.messages(client);
  ASSERT_FALSE(messages.empty());
  EXPECT_TRUE(has(messages.back(), "RATE_LIMITED"));
}

// Socket.IO.

ConnectionId connected_socket(Node& node) {
  const ConnectionId id = open_websocket(node);
  (void)node.messages(id);
  return id;
}

TEST(Asks, ASocketIoClientIsAskedByAnEventWithAnAcknowledgementId) {
  Node node(socketio_settings());
  const ConnectionId client = connected_socket(node);
  const auto out = ask(node, to_rooms({"tenant:t"}));
  EXPECT_EQ(node.messages(client), std::vector<std::string>{R"(42/alerts,1["confirm",{"zone":"north"}])"});
  node.say(client, R"(43/alerts,7["an acknowledgement of nothing"])");
  EXPECT_FALSE(out->all);
  node.say(client, R"(43/alerts,1[{"ok":true},2,"three"])");
  EXPECT_EQ(out->data_of("u"), R"({"ok":true})");
  EXPECT_EQ(out->of("u")->more_args, R"(2,"three")");
  node.say(client, R"(43/alerts,1["again"])");
  const auto silent = ask(node, to_rooms({"tenant:t"}));
  EXPECT_EQ(node.messages(client), std::vector<std::string>{R"(42/alerts,2["confirm",{"zone":"north"}])"});
  node.say(client, "43/alerts,2[]");
  EXPECT_EQ(silent->data_of("u"), "");
}

TEST(Asks, WhatAViewDoesNotShowIsNotAskedThroughIt) {
  Settings settings = socketio_settings();
  protocol::ViewOutput row;
  row.ns = "alerts";
  row.event = "confirm";
  row.to = "please-confirm";
  settings.views.front().outputs.push_back(row);
  row.event = "hidden";
  row.when = protocol::Condition{"/zone", protocol::Condition::Operator::equal, "\"south\""};
  settings.views.front().outputs.push_back(row);
  Node node(std::move(settings));
  const ConnectionId client = connected_socket(node);
  const auto shown = ask(node, to_rooms({"tenant:t"}));
  EXPECT_EQ(node.messages(client), std::vector<std::string>{R"(42/alerts,1["please-confirm",{"zone":"north"}])"});
  node.say(client, R"(43/alerts,1["done"])");
  EXPECT_EQ(shown->data_of("u"), "\"done\"");
  AskRequest hidden = to_rooms({"tenant:t"});
  hidden.what.event = "hidden";
  EXPECT_EQ(ask(node, std::move(hidden))->code_of("u"), Code::NO_HANDLER);
  EXPECT_TRUE(node.messages(client).empty());
}

}  // namespace
}  // namespace sparc::shard
