// That the simulator's model sees what is wrong: an invariant that cannot fail holds always.

#include <gtest/gtest.h>

#include "sim/world.h"

namespace sparc::sim {
namespace {

struct Scene {
  Model model{1};
  Seat seat;
  Scene() {
    model.entries_max[alerts] = 100;
    seat.name = "c";
    seat.tenant = "t1";
    seat.joined = 1;
    seat.rooms["tenant:t1"] = {{0, 1, never, never, true}};
    seat.wishes = {{{}, 0, never}};
    seat.at = {"e", 0};
    seat.eras = {{"e", 0}};
    seat.alive = true;
  }
  std::size_t publish(std::string tenant, std::uint64_t offset) {
    ++model.now;
    Pub pub;
    pub.tenant = tenant;
    pub.rooms = {"tenant:" + tenant};
    pub.event = "e";
    pub.data = "{}";
    pub.numbered = offset != 0;
    const std::size_t index = model.add(std::move(pub)).index;
    if (offset != 0) model.placed("p" + std::to_string(index), {"e", offset});
    return index;
  }
  void get(std::size_t index, std::uint64_t offset, std::string room = "tenant:t1") {
    const std::string id = "p" + std::to_string(index);
    protocol::native::EventPush event;
    event.id = id;
    event.room = room;
    event.event = "e";
    event.data = "{}";
    event.offset = offset;
    model.on_event(seat, event);
  }
};

TEST(Model, SeesAnEventOfAnotherTenant) {
  Scene s;
  const auto foreign = s.publish("t2", 1);
  EXPECT_THROW(s.get(foreign, 1, "tenant:t2"), Violation);
}

TEST(Model, SeesARoomThatIsNotHeldOrWasLetGoBefore) {
  Scene s;
  s.seat.rooms["tenant:t1"].back().gone = 1;
  const auto late = s.publish("t1", 1);
  EXPECT_THROW(s.get(late, 1), Violation);
}

TEST(Model, SeesDuplicatesAndSteppingBack) {
  Scene s;
  const auto one = s.publish("t1", 1), two = s.publish("t1", 2);
  s.get(two, 2);
  EXPECT_THROW(s.get(two, 2), Violation);
  EXPECT_THROW(s.get(one, 1), Violation);
  EXPECT_THROW(s.model.on_position(s.seat, {"e", 1}), Violation);
}

TEST(Model, SeesALossUnlessAGapCoversIt) {
  Scene s;
  (void)s.publish("t1", 1);
  const auto two = s.publish("t1", 2);
  s.get(two, 2);
  EXPECT_THROW(s.model.check(s.seat), Violation);
  s.seat.trimmed.push_back({"e", 1, 1, s.model.now});
  s.model.entries_max[alerts] = 1;
  EXPECT_NO_THROW(s.model.check(s.seat));
}

TEST(Model, SeesARecoveryRefusedWithoutReason) {
  Scene s;
  (void)s.publish("t1", 1);
  s.seat.eras.clear();
  s.seat.recovery = Seat::Recovery{{"e", 1}, false, s.model.now, false};
  EXPECT_THROW(s.model.check(s.seat), Violation);
  s.model.forgotten.push_back(s.model.now);
  EXPECT_NO_THROW(s.model.check(s.seat));
}

TEST(Simulator, ASeedGivesTheSameRunTwice) {
  auto run = [](std::uint64_t seed) {
    std::string lines;
    World world(Plan::of(seed), [&](const std::string& line) { lines += line + '\n'; });
    world.run();
    return lines;
  };
  for (const std::uint64_t seed : {3ULL, 8ULL, 21ULL}) EXPECT_EQ(run(seed), run(seed));
}

}  // namespace
}  // namespace sparc::sim
