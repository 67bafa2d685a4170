// Who gets a client event, what its client is answered, and what waits: transcripts as in service_router_world.h.

#include "service_router_world.h"

namespace sparc::broker {
namespace {

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

}  // namespace
}  // namespace sparc::broker
