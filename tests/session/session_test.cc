#include "session/session.h"

#include <gtest/gtest.h>

namespace sparc::session {
namespace {

protocol::Request leave(std::int64_t id, std::string ns) { return {id, protocol::Leave{std::move(ns)}}; }

TEST(Session, RequestsOfANamespaceWaitBehindOneThatWaitsAndOthersGoOn) {
  Session session;
  const Limits limits;
  auto first = leave(1, "alerts"), second = leave(2, "alerts"), other = leave(3, "video");
  EXPECT_EQ(session.arrive(first, limits), Turn::now);
  session.begin_wait("alerts");
  EXPECT_EQ(session.arrive(second, limits), Turn::parked);
  EXPECT_EQ(session.arrive(other, limits), Turn::now);
  EXPECT_FALSE(session.unpark().has_value());
  session.end_wait("alerts");
  const auto next = session.unpark();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->id, 2);
  EXPECT_FALSE(session.has_parked());
}

TEST(Session, AnAuthParksEverythingButPongs) {
  Session session;
  const Limits limits;
  session.begin_wait("");
  auto request = leave(1, "alerts");
  protocol::Request pong{std::nullopt, protocol::Pong{}};
  EXPECT_EQ(session.arrive(request, limits), Turn::parked);
  EXPECT_EQ(session.arrive(pong, limits), Turn::now);
  session.end_wait("");
  EXPECT_TRUE(session.unpark().has_value());
}

TEST(Session, ParkedRequestsOfOneNamespaceKeepTheirOrder) {
  Session session;
  const Limits limits;
  session.begin_wait("a");
  for (std::int64_t id = 1; id <= 4; ++id) {
    auto request = leave(id, "a");
    EXPECT_EQ(session.arrive(request, limits), Turn::parked);
  }
  session.end_wait("a");
  for (std::int64_t id = 1; id <= 4; ++id) EXPECT_EQ(session.unpark()->id, id);
}

TEST(Session, AnIdInFlightIsADuplicateUntilItIsAnswered) {
  Session session;
  const Limits limits;
  auto one = leave(7, "a"), two = leave(7, "a"), three = leave(7, "a");
  EXPECT_EQ(session.arrive(one, limits), Turn::now);
  EXPECT_EQ(session.arrive(two, limits), Turn::duplicate);
  session.answered(7);
  EXPECT_EQ(session.arrive(three, limits), Turn::now);
  EXPECT_EQ(session.unanswered(), 1U);
}

TEST(Session, MoreThanTheBoundsIsFullOrBusy) {
  Limits limits;
  limits.connection_parked_frames_max = 2;
  limits.connection_requests_max = 4;
  Session session;
  session.begin_wait("a");
  auto request = [&](std::int64_t id) {
    auto r = leave(id, "a");
    return session.arrive(r, limits);
  };
  EXPECT_EQ(request(1), Turn::parked);
  EXPECT_EQ(request(2), Turn::parked);
  EXPECT_EQ(request(3), Turn::full);
  EXPECT_EQ(request(4), Turn::full);
  EXPECT_EQ(request(5), Turn::busy) << "what was refused still counts until it is answered";
}

}  // namespace
}  // namespace sparc::session
