// Client events to services, as transcripts: what instances get and what clients are answered.
// A line "1<-7" means that instance 1 was given request 7; "7=…" what the client was answered.

#include "broker/memory/service_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sparc::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

struct Options {
  std::string group = "video";
  std::string tenant;
  bool retryable = false;
  bool local = false;
};

class World : public ServiceRouter::Out {
 public:
  explicit World(Limits limits = {}) : router(limits, *this, entropy_) {}

  /// What forbade some of them.
  std::string handle(InstanceId instance, std::vector<std::string> events, const Options& options = {}) {
    const auto refused =
        router.handle(instance, options.group, options.tenant, std::move(events), options.retryable, options.local, now());
    return refused ? refused->message : std::string{};
  }
  /// A request of a connection; its number is the client's id.
  int send(std::uint64_t connection, const std::string& event = "video:start", const std::string& tenant = "acme") {
    router.accept(call(connection, event, tenant, true), now());
    return request_;
  }
  int send_quietly(std::uint64_t connection, const std::string& event = "video:start") {
    router.accept(call(connection, event, "acme", false), now());
    return request_;
  }
  ServiceCall call(std::uint64_t connection, const std::string& event, const std::string& tenant, bool wants_reply) {
    ++request_;
    return {{}, event, "data of " + std::to_string(request_), {"bytes"}, tenant, connection, 3, wants_reply, request_};
  }
  void result(InstanceId instance, int request, const std::string& data = {}) {
    router.result(instance, id(instance, request), {data, {}}, now());
  }
  void fault(InstanceId instance, int request, Code code) {
    router.result(instance, id(instance, request), {{}, Fault{code, "no", 0}}, now());
  }
  void at(std::int64_t ms) {
    ms_ = ms;
    router.on_tick(now());
  }
  [[nodiscard]] Now now() const { return {ms_, 0}; }
  [[nodiscard]] std::string id(InstanceId instance, int request) const { return ids_.at({instance, request}); }
  [[nodiscard]] const ServiceCall& given(InstanceId instance, int request) const { return given_.at({instance, request}); }
  [[nodiscard]] std::uint32_t deadline_ms(InstanceId instance, int request) const { return deadlines_.at({instance, request}); }
  Lines lines() { return std::exchange(lines_, {}); }

  void invoke(InstanceId instance, const ServiceCall& call, std::uint32_t deadline_ms) override {
    const std::pair key{instance, static_cast<int>(call.request)};
    ids_[key] = call.id;
    given_[key] = call;
    deadlines_[key] = deadline_ms;
    lines_.push_back(std::to_string(instance) + "<-" + std::to_string(call.request));
    if (on_invoke) on_invoke(instance, call);
  }
  void answer(const ServiceCall& call, ServiceAnswer answer) override {
    EXPECT_EQ(call.shard, 3);
    EXPECT_TRUE(call.data.empty() && call.attachments.empty());
    const std::string text = answer.fault          ? std::string(name_of(answer.fault->code))
                             : answer.data.empty() ? "nothing"
                                                   : answer.data;
    lines_.push_back(std::to_string(call.request) + "=" + text);
    if (on_answer) on_answer(call);
  }

 private:
  SeededEntropy entropy_{7};
  int request_ = 0;
  std::int64_t ms_ = 1'000;
  Lines lines_;
  std::map<std::pair<InstanceId, int>, std::string> ids_;
  std::map<std::pair<InstanceId, int>, ServiceCall> given_;
  std::map<std::pair<InstanceId, int>, std::uint32_t> deadlines_;

 public:
  std::function<void(InstanceId, const ServiceCall&)> on_invoke;
  std::function<void(const ServiceCall&)> on_answer;
  ServiceRouter router;
};

Limits one_in_flight() {
  Limits limits;
  limits.service_in_flight_max = 1;
  return limits;
}

// --- who gets an event ---

TEST(ServiceRouter, EachGroupThatHandlesAnEventGetsItOnce) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.handle(3, {"video:start"}, {.group = "audit"});
  world.handle(4, {"video:stop"}, {.group = "other"});
  const int request = world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "3<-1"));
  EXPECT_EQ(world.given(1, request).data, "data of 1");
  EXPECT_THAT(world.given(1, request).attachments, ElementsAre("bytes"));
  EXPECT_EQ(world.given(1, request).connection, 10U);
  EXPECT_EQ(world.deadline_ms(1, request), 5'000U);
}

TEST(ServiceRouter, CallIdsNameTheEventAndTheGroupAndAreNoOtherRoutersIds) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  const int first = world.send(10), second = world.send(10);
  const std::set<std::string> ids{world.id(1, first), world.id(2, first), world.id(1, second), world.id(2, second)};
  EXPECT_EQ(ids.size(), 4U);

  SeededEntropy other_entropy(8);
  ServiceRouter other({}, world, other_entropy);
  other.handle(1, "video", {}, {"video:start"}, false, false, world.now());
  other.accept(world.call(10, "video:start", "acme", true), world.now());
  EXPECT_FALSE(ids.contains(world.id(1, 3)));
}

TEST(ServiceRouter, PatternsMatchAndAnInstanceThatMatchesTwiceGetsTheEventOnce) {
  World world;
  world.handle(1, {"video:*", "video:start", "*:start"});
  world.send(10);
  world.send(10, "video:stop");
  world.send(10, "alerts:stop");
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1<-2", "3=NO_HANDLER"));
}

TEST(ServiceRouter, AHandlerOfATenantGetsThatTenantsEventsOnly) {
  World world;
  world.handle(1, {"video:*"}, {.tenant = "acme"});
  world.handle(2, {"video:start"}, {.group = "any"});
  world.send(10, "video:start", "globex");
  world.send(11, "video:start", "");
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "2<-2"));
  world.send(12, "video:stop", "globex");
  world.send(13, "video:stop", "");
  world.send(14, "video:stop", "acme");
  EXPECT_THAT(world.lines(), ElementsAre("3=NO_HANDLER", "4=NO_HANDLER", "1<-5"));
}

TEST(ServiceRouter, ATenantsInstanceAndOneOfAnyTenantAreOneGroup) {
  World world;
  world.handle(1, {"video:start"}, {.tenant = "acme"});
  world.handle(2, {"video:start"});
  world.send(10);
  world.send(11);
  world.send(12, "video:start", "globex");
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-2", "2<-3"));
}

TEST(ServiceRouter, ALocalInstanceIsPreferredWhileItHasRoom) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.local = true});
  world.send(10);
  world.send(11);
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "1<-2"));
  world.result(2, 1);
  world.result(1, 2);
  world.send(12);
  EXPECT_THAT(world.lines(), ElementsAre("1=nothing", "2=nothing", "2<-3"));
}

TEST(ServiceRouter, EventsOfOneConnectionGoToOneInstanceWhileItLives) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.handle(3, {"video:start"}, {.group = "audit"});
  world.send(10);
  world.send(11);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "3<-1", "2<-2", "3<-2"));
  world.handle(4, {"video:start"}, {.local = true});
  for (int i = 0; i < 3; ++i) world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-3", "3<-3", "1<-4", "3<-4", "1<-5", "3<-5"));
  world.router.gone(1, world.now());
  (void)world.lines();
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("4<-6", "3<-6"));
}

TEST(ServiceRouter, ANewConnectionGoesToTheInstanceWithTheFewestInFlight) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.send(10);
  world.send(10);
  world.send(11);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1<-2", "2<-3"));
  world.send(12);
  EXPECT_THAT(world.lines(), ElementsAre("2<-4"));
  world.result(1, 1);
  world.result(1, 2);
  (void)world.lines();
  world.send(13);
  EXPECT_THAT(world.lines(), ElementsAre("1<-5"));
}

TEST(ServiceRouter, InstancesThatAreEquallyIdleTakeTurns) {
  World world;
  for (InstanceId instance = 1; instance <= 3; ++instance) world.handle(instance, {"video:start"});
  std::map<InstanceId, int> given;
  world.on_invoke = [&](InstanceId instance, const ServiceCall& call) {
    ++given[instance];
    world.router.result(instance, call.id, {}, world.now());
  };
  for (std::uint64_t connection = 10; connection < 40; ++connection) world.send(connection);
  EXPECT_EQ(given, (std::map<InstanceId, int>{{1, 10}, {2, 10}, {3, 10}}));
}

TEST(ServiceRouter, AnEventThatTheConnectionsInstanceDoesNotHandleGoesToOneThatDoes) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start", "video:stop"});
  world.send(10);
  world.send(10, "video:stop");
  world.send(10);
  world.send(10, "video:stop");
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-2", "1<-3", "2<-4"));
}

TEST(ServiceRouter, HandlingAgainAddsEvents) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(1, {"video:stop"});
  world.send(10);
  world.send(10, "video:stop");
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1<-2"));
  EXPECT_EQ(world.router.counters().instances, 1U);
  EXPECT_EQ(world.router.counters().handlers, 2U);
}

// --- answers ---

TEST(ServiceRouter, TheFirstDefinedResultIsTheAnswerAtOnce) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  world.send(10);
  (void)world.lines();
  world.result(2, 1, "{\"ok\":true}");
  EXPECT_THAT(world.lines(), ElementsAre("1={\"ok\":true}"));
  world.result(1, 1, "{\"late\":true}");
  EXPECT_THAT(world.lines(), IsEmpty());
  EXPECT_EQ(world.router.counters().late_results, 0U);
  EXPECT_EQ(world.router.counters().events, 0U);
}

TEST(ServiceRouter, AnErrorOfAnyGroupIsTheAnswerAtOnce) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  world.send(10);
  (void)world.lines();
  world.fault(2, 1, Code::FORBIDDEN);
  EXPECT_THAT(world.lines(), ElementsAre("1=FORBIDDEN"));
  world.result(1, 1, "{}");
  EXPECT_THAT(world.lines(), IsEmpty());
}

TEST(ServiceRouter, ResultsWithoutDataAnswerWhenAllGroupsHaveReturned) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  world.send(10);
  world.send(10);
  (void)world.lines();
  world.result(1, 1);
  world.result(1, 2);
  EXPECT_THAT(world.lines(), IsEmpty());
  world.result(2, 1);
  world.result(2, 2, "7");
  EXPECT_THAT(world.lines(), ElementsAre("1=nothing", "2=7"));
}

TEST(ServiceRouter, WithoutAnyGroupTheAnswerIsNoHandlerAtOnce) {
  World world;
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1=NO_HANDLER"));
  EXPECT_EQ(world.router.counters().connections, 0U);
  EXPECT_EQ(world.router.next_due_ms(), INT64_MAX);
}

TEST(ServiceRouter, WithoutAReplyByTheDeadlineTheAnswerIsTimeout) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  world.send(10);
  world.result(2, 1);
  EXPECT_EQ(world.router.next_due_ms(), 6'000);
  world.at(5'999);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-1"));
  world.at(6'000);
  EXPECT_THAT(world.lines(), ElementsAre("1=TIMEOUT"));
  EXPECT_EQ(world.router.counters().in_flight, 0U);
}

TEST(ServiceRouter, AnAnsweredEventDoesNotTimeOutTheClientAgain) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"}, {.group = "audit"});
  world.send(10);
  world.result(1, 1, "1");
  (void)world.lines();
  world.at(6'000);
  EXPECT_THAT(world.lines(), IsEmpty());
  EXPECT_EQ(world.router.counters().events, 0U);
}

TEST(ServiceRouter, WhoWantsNoReplyGetsNoneAndTheEventGoesItsWay) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.send_quietly(10);
  world.send_quietly(10);
  world.send_quietly(10, "nobody:handles");
  world.send_quietly(10);
  world.result(1, 1, "{}");
  world.fault(1, 2, Code::INTERNAL);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1<-2", "1<-4"));
  world.at(6'000);
  world.send_quietly(10);
  world.router.gone(1, world.now());
  EXPECT_THAT(world.lines(), ElementsAre("1<-5"));
}

TEST(ServiceRouter, LateAndForeignResultsAreIgnoredAndCounted) {
  World world(one_in_flight());
  world.handle(1, {"video:start"}, {.retryable = true});
  world.handle(2, {"video:start"});
  world.send(10);
  const std::string id = world.id(1, 1);
  (void)world.lines();
  const std::string garbage[] = {"",
                                 "x",
                                 id + "0",
                                 id + ".0",
                                 id.substr(0, id.size() - 1),
                                 id.substr(0, 17),
                                 id + " ",
                                 id.substr(0, 17) + "18446744073709551616.0",
                                 id.substr(0, 17) + "1.9",
                                 id.substr(0, 17) + "-1.0"};
  std::uint64_t late = 0;
  for (const std::string& call_id : garbage) {
    world.router.result(1, call_id, {"1", {}}, world.now());
    EXPECT_EQ(world.router.counters().late_results, ++late) << call_id;
  }
  world.router.result(2, id, {"1", {}}, world.now());  // another instance's
  EXPECT_EQ(world.router.counters().late_results, ++late);
  EXPECT_THAT(world.lines(), IsEmpty());
  world.result(1, 1, "1");
  world.result(1, 1, "2");  // over
  EXPECT_EQ(world.router.counters().late_results, ++late);
  EXPECT_THAT(world.lines(), ElementsAre("1=1"));

  world.send(10);
  world.router.gone(1, world.now());
  world.result(1, 2, "1");  // of an instance that went; 2 has it now
  EXPECT_EQ(world.router.counters().late_results, ++late);
  world.at(6'000);
  world.result(2, 2, "1");  // after the deadline
  EXPECT_EQ(world.router.counters().late_results, ++late);
  EXPECT_THAT(world.lines(), ElementsAre("1<-2", "2<-2", "2=TIMEOUT"));
}

TEST(ServiceRouter, AResultThatComesAfterTheDeadlineIsLateBeforeAnyTick) {
  World world;
  world.handle(1, {"video:start"});
  world.send(10);
  (void)world.lines();
  world.router.result(1, world.id(1, 1), {"1", {}}, {6'000, 0});
  EXPECT_THAT(world.lines(), ElementsAre("1=TIMEOUT"));
  EXPECT_EQ(world.router.counters().late_results, 1U);
}

// --- in flight, and waiting ---

TEST(ServiceRouter, AnInstanceHasAtMost256InFlightAndTheRestWaitsInOrder) {
  World world;
  world.handle(1, {"video:start"});
  for (int i = 0; i < 258; ++i) world.send(10);
  EXPECT_EQ(world.lines().size(), 256U);
  EXPECT_EQ(world.router.counters().in_flight, 256U);
  EXPECT_EQ(world.router.counters().waiting, 2U);
  world.result(1, 100, "{}");
  EXPECT_THAT(world.lines(), ElementsAre("100={}", "1<-257"));
  world.result(1, 7, "{}");
  EXPECT_THAT(world.lines(), ElementsAre("7={}", "1<-258"));
}

TEST(ServiceRouter, AnEventThatWaitedIsGivenWhatIsLeftOfItsTime) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);
  world.at(4'750);
  world.result(1, 1);
  EXPECT_EQ(world.deadline_ms(1, 2), 1'250U);
}

TEST(ServiceRouter, AnEventIsNeverStartedAfterItsDeadline) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);
  world.at(1'010);
  world.send(10);
  (void)world.lines();
  world.at(6'000);  // frees the instance for the third, whose time is not over; the second's is
  EXPECT_THAT(world.lines(), ElementsAre("1=TIMEOUT", "2=TIMEOUT", "1<-3"));
  EXPECT_EQ(world.deadline_ms(1, 3), 10U);
  EXPECT_EQ(world.router.counters().expired_unstarted, 1U);
  EXPECT_EQ(world.router.counters().timeouts, 2U);
}

TEST(ServiceRouter, AResultThatFreesAnInstanceTooLateStartsNothing) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);
  (void)world.lines();
  world.router.result(1, world.id(1, 1), {"1", {}}, {6'000, 0});
  EXPECT_THAT(world.lines(), ElementsAre("1=TIMEOUT", "2=TIMEOUT"));
}

TEST(ServiceRouter, TheInFlightOfAnInstanceIsThatOfAllItsGroups) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.handle(1, {"video:start"}, {.group = "audit"});
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1"));
  const std::string first = world.id(1, 1);
  world.result(1, 1);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1"));
  EXPECT_NE(world.id(1, 1), first);
  world.result(1, 1);
  EXPECT_THAT(world.lines(), ElementsAre("1=nothing"));
}

TEST(ServiceRouter, AFullQueueIsUnavailableForThatGroupAlone) {
  Limits limits = one_in_flight();
  limits.service_queue_entries_max = 2;
  World world(limits);
  world.handle(1, {"video:start"});
  for (int i = 0; i < 3; ++i) world.send(10);
  world.handle(2, {"video:start"}, {.group = "audit"});
  (void)world.lines();
  world.send(11);
  EXPECT_THAT(world.lines(), ElementsAre("4=UNAVAILABLE", "2<-4"));
  EXPECT_EQ(world.router.counters().refused_queue_full, 1U);
  world.result(2, 4, "1");
  EXPECT_THAT(world.lines(), IsEmpty());  // it is answered already
  world.result(1, 1);
  world.send(12);
  EXPECT_THAT(world.lines(), ElementsAre("1=nothing", "1<-2", "2<-5"));
}

TEST(ServiceRouter, TheBytesThatWaitForAGroupAreBounded) {
  Limits limits = one_in_flight();
  limits.service_queue_bytes_max = 30;
  World world(limits);
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);  // 9 bytes of data and 5 of attachments
  world.send(10);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "4=UNAVAILABLE"));
  world.result(1, 1);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1=nothing", "1<-2"));
}

// --- instances that go ---

TEST(ServiceRouter, UnstartedEventsOfAnInstanceThatDiesMoveToAnother) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);
  world.send(10);
  world.handle(2, {"video:start"});
  (void)world.lines();
  world.router.gone(1, world.now());
  EXPECT_THAT(world.lines(), ElementsAre("1=UNAVAILABLE", "2<-2"));
  world.result(2, 2);
  EXPECT_THAT(world.lines(), ElementsAre("2=nothing", "2<-3"));
  EXPECT_EQ(world.router.counters().moved, 2U);
  EXPECT_EQ(world.router.counters().lost_with_instance, 1U);
}

TEST(ServiceRouter, StartedEventsOfARetryableHandlerAreSentAgainUnderTheSameId) {
  World world;
  world.handle(1, {"video:start"}, {.retryable = true});
  world.handle(2, {"video:start"});
  world.send(10);
  world.send(10);
  world.at(3'000);
  (void)world.lines();
  world.router.gone(1, world.now());
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "2<-2"));
  EXPECT_EQ(world.id(2, 1), world.id(1, 1));
  EXPECT_EQ(world.id(2, 2), world.id(1, 2));
  EXPECT_EQ(world.given(2, 1).data, "data of 1");
  EXPECT_THAT(world.given(2, 1).attachments, ElementsAre("bytes"));
  EXPECT_EQ(world.deadline_ms(2, 1), 3'000U);
  world.router.gone(2, world.now());  // whose handler is not retryable
  EXPECT_THAT(world.lines(), ElementsAre("1=UNAVAILABLE", "2=UNAVAILABLE"));
  EXPECT_EQ(world.router.counters().resent, 2U);
}

TEST(ServiceRouter, TheNewestDeclarationHoldsAndSeveralHandlersMustAgreeOnRetryable) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(1, {"video:start"}, {.retryable = true});
  world.handle(2, {"video:stop"}, {.retryable = true});
  world.handle(2, {"video:*"});
  world.handle(3, {"video:start", "video:stop"});
  world.send(10);
  world.router.gone(1, world.now());
  world.router.gone(3, world.now());
  world.send(11, "video:stop");
  world.handle(4, {"video:stop"});
  world.router.gone(2, world.now());
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-1", "2<-2", "1=UNAVAILABLE", "2=UNAVAILABLE"));
}

TEST(ServiceRouter, AGroupWhoseLastInstanceWentKeepsItsPlaceForAWhile) {
  World world;
  world.handle(1, {"video:start"});
  world.at(2'000);
  world.router.gone(1, world.now());
  EXPECT_EQ(world.router.next_due_ms(), 12'000);
  world.at(11'999);
  world.send(10);
  world.send(11);
  world.send(10);
  EXPECT_THAT(world.lines(), IsEmpty());
  world.at(13'000);  // the place is gone, what waits has time left
  EXPECT_EQ(world.router.counters().handlers, 0U);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("4=NO_HANDLER"));
  world.handle(2, {"video:*"});
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "2<-2", "2<-3"));
  EXPECT_EQ(world.deadline_ms(2, 1), 3'999U);
}

TEST(ServiceRouter, EventsOfAGroupWithoutInstancesWaitUntilTheirDeadline) {
  World world;
  world.handle(1, {"video:start"});
  world.router.gone(1, world.now());
  world.send(10);
  EXPECT_EQ(world.router.counters().waiting, 1U);
  world.at(5'999);
  EXPECT_THAT(world.lines(), IsEmpty());
  world.at(6'000);
  EXPECT_THAT(world.lines(), ElementsAre("1=TIMEOUT"));
  EXPECT_EQ(world.router.counters().waiting, 0U);
  world.at(11'000);
  EXPECT_EQ(world.router.counters().groups, 0U);
  EXPECT_EQ(world.router.next_due_ms(), INT64_MAX);
}

TEST(ServiceRouter, WhatWaitsForAGroupIsTakenInOrderWhateverTheEventsAreCalled) {
  World world(one_in_flight());
  world.handle(1, {"video:start", "video:stop"});
  world.router.gone(1, world.now());
  world.send(10, "video:stop");
  world.send(10, "video:start");
  world.send(10, "video:stop");
  world.handle(2, {"video:start", "video:stop"});
  world.result(2, 1);
  world.result(2, 2);
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "1=nothing", "2<-2", "2=nothing", "2<-3"));
}

TEST(ServiceRouter, AnInstanceThatComesTakesOnlyWhatItHandles) {
  World world;
  world.handle(1, {"video:start", "video:stop"});
  world.router.gone(1, world.now());
  world.send(10, "video:stop");
  world.send(10, "video:start");
  world.handle(2, {"video:start"});
  EXPECT_THAT(world.lines(), ElementsAre("2<-2"));
  world.handle(3, {"video:stop"}, {.tenant = "globex"});
  EXPECT_THAT(world.lines(), IsEmpty());
  world.handle(4, {"video:stop"}, {.tenant = "acme"});
  EXPECT_THAT(world.lines(), ElementsAre("4<-1"));
}

TEST(ServiceRouter, AQueueWithoutInstancesIsBoundedToo) {
  Limits limits;
  limits.service_queue_entries_max = 1;
  World world(limits);
  world.handle(1, {"video:start"});
  world.router.gone(1, world.now());
  world.send(10);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("2=UNAVAILABLE"));
}

TEST(ServiceRouter, AnInstanceNumberThatIsUsedAgainIsAnotherInstance) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.send(10);
  world.router.gone(1, world.now());
  world.handle(1, {"video:start"});
  (void)world.lines();
  world.result(1, 1, "1");
  EXPECT_THAT(world.lines(), IsEmpty());
  EXPECT_EQ(world.router.counters().late_results, 1U);
}

TEST(ServiceRouter, AnInstanceThatIsNotKnownMayGo) {
  World world;
  world.router.gone(9, world.now());
  EXPECT_THAT(world.lines(), IsEmpty());
}

// --- clients that go ---

TEST(ServiceRouter, AnswersToAClientThatLeftAreDropped) {
  World world;
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(10);
  world.router.connection_gone(10);
  (void)world.lines();
  world.result(1, 1, "1");
  world.at(6'000);
  EXPECT_THAT(world.lines(), IsEmpty());
  EXPECT_EQ(world.router.counters().answers_dropped, 2U);
  EXPECT_EQ(world.router.counters().answered, 0U);
}

TEST(ServiceRouter, TheInstanceOfAClientThatLeftIsForgotten) {
  World world;
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.send(10);
  world.router.connection_gone(10);
  EXPECT_EQ(world.router.counters().connections, 0U);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-2"));
  world.result(1, 1, "1");  // of the client that left
  world.result(2, 2, "2");
  EXPECT_THAT(world.lines(), ElementsAre("2=2"));
}

TEST(ServiceRouter, WhatAClientThatLeftHadSentStaysInOrder) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  for (int i = 0; i < 4; ++i) world.send(10);
  world.router.connection_gone(10);
  world.handle(2, {"video:start"});
  world.handle(3, {"video:start"});
  world.router.gone(1, world.now());
  world.result(2, 2);
  world.result(2, 3);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2<-2", "2<-3", "2<-4"));
}

// --- calls from within calls ---

TEST(ServiceRouter, AnInstanceMayAnswerWhileItIsInvoked) {
  World world(one_in_flight());
  world.handle(1, {"video:start"});
  world.on_invoke = [&](InstanceId instance, const ServiceCall& call) {
    world.router.result(instance, call.id, {"1", {}}, world.now());
    EXPECT_EQ(call.data, "data of " + std::to_string(call.request));
  };
  world.send(10);
  world.send(10);
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1=1", "1<-2", "2=1"));
  EXPECT_EQ(world.router.counters().events, 0U);
}

TEST(ServiceRouter, AnInstanceThatGoesWhileItIsInvokedLosesThatEventAndTheRestMoves) {
  World world;
  world.handle(1, {"video:start"});
  world.router.gone(1, world.now());
  world.send(10);
  world.send(10);
  world.on_invoke = [&](InstanceId instance, const ServiceCall& call) {
    if (instance == 2) {
      world.handle(3, {"video:start"});
      world.router.gone(2, world.now());
      EXPECT_EQ(call.data, "data of 1");
    }
  };
  world.handle(2, {"video:start"});
  EXPECT_THAT(world.lines(), ElementsAre("2<-1", "1=UNAVAILABLE", "3<-2"));
  EXPECT_EQ(world.router.counters().invoked, 2U);
}

TEST(ServiceRouter, AClientMaySendOrLeaveWhileItIsAnswered) {
  World world;
  world.handle(1, {"video:start"});
  world.send(10);
  world.send(11);
  world.send(10);
  world.on_answer = [&](const ServiceCall& call) {
    if (call.request == 1) world.send(12);
    if (call.request == 2) world.router.connection_gone(10);
  };
  world.result(1, 1, "1");
  world.at(6'000);  // the answer to the third is due with that to the second
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "1<-2", "1<-3", "1=1", "1<-4", "2=TIMEOUT", "4=TIMEOUT"));
  EXPECT_EQ(world.router.counters().answered, 3U);
  EXPECT_EQ(world.router.counters().answers_dropped, 1U);
}

// --- bounds ---

TEST(ServiceRouter, AnInstanceHandlesABoundedNumberOfEvents) {
  World world({.service_handlers_max = 2});
  EXPECT_THAT(world.handle(1, {"a", "b", "c", "a"}), testing::HasSubstr("limits.service_handlers_max"));
  EXPECT_EQ(world.router.counters().handlers_refused, 1U);
  world.send(10, "b");
  world.send(10, "c");
  EXPECT_THAT(world.lines(), ElementsAre("1<-1", "2=NO_HANDLER"));
}

TEST(ServiceRouter, HandlersAreBoundedAndThoseWithoutInstancesMakeRoom) {
  World world({.service_node_handlers_max = 2});
  EXPECT_EQ(world.handle(1, {"a", "b"}), "");
  EXPECT_THAT(world.handle(2, {"c"}, {.group = "other"}), testing::HasSubstr("limits.service_node_handlers_max"));
  EXPECT_EQ(world.router.counters().handlers_refused, 1U);
  EXPECT_EQ(world.router.counters().groups, 1U);
  EXPECT_EQ(world.router.counters().instances, 1U);
  world.router.gone(1, world.now());
  world.handle(2, {"c"}, {.group = "other"});
  world.send(10, "c");
  EXPECT_THAT(world.lines(), ElementsAre("2<-1"));
  EXPECT_EQ(world.router.counters().handlers, 2U);
}

TEST(ServiceRouter, PatternsAndTheLengthOfNamesAreBounded) {
  World world({.service_node_patterns_max = 1});
  EXPECT_THAT(world.handle(1, {"a:*", "b:*", std::string(257, 'x'), "", "c"}), testing::HasSubstr("limits.service_node_patterns_max"));
  world.handle(2, {"a"}, {.group = std::string(257, 'g')});
  world.handle(3, {"a"}, {.group = ""});
  EXPECT_EQ(world.router.counters().handlers_refused, 5U);
  EXPECT_EQ(world.router.counters().handlers, 2U);
  EXPECT_EQ(world.router.counters().instances, 1U);
}

TEST(ServiceRouter, TheLongestIdleConnectionIsForgottenBeyondTheBound) {
  World world({.service_clients_max = 2});
  world.handle(1, {"video:start"});
  world.handle(2, {"video:start"});
  world.send(10);  // to 1
  world.send(11);  // to 2
  world.send(12);  // to 1: none is idle
  EXPECT_EQ(world.router.counters().connections, 3U);
  for (const auto& [instance, request] : {std::pair<InstanceId, int>{1, 1}, {2, 2}, {1, 3}}) world.result(instance, request);
  (void)world.lines();
  world.send(13);  // to 2, and 10 is forgotten
  world.send(10);  // to 1 anew, and 11 is forgotten
  world.send(12);
  EXPECT_THAT(world.lines(), ElementsAre("2<-4", "1<-5", "1<-6"));
  EXPECT_EQ(world.router.counters().connections_forgotten, 2U);
  EXPECT_EQ(world.router.counters().connections, 3U);
}

TEST(ServiceRouter, WhatIsOverLeavesNothingBehind) {
  World world;
  world.handle(1, {"video:*"});
  world.send(10);
  world.result(1, 1);
  world.router.connection_gone(10);
  world.router.gone(1, world.now());
  world.at(11'000);
  const auto now = world.router.counters();
  EXPECT_EQ(now.groups + now.handlers + now.instances + now.connections + now.events + now.in_flight + now.waiting, 0U);
}

}  // namespace
}  // namespace sparc::broker
