// Instances and clients that go, calls from within calls, bounds: transcripts as in service_router_world.h.

#include "service_router_world.h"

namespace sparc::broker {
namespace {

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
  EXPECT_THAT(world.handle(1, {"a:*", "b:*", std::string(257, 'x'), "", "c"}),
              testing::HasSubstr("limits.service_node_patterns_max"));
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
