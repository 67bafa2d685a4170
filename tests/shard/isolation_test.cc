#include <set>

#include "shard/node.h"

namespace sparc::shard {
namespace {

struct Member {
  ConnectionId id;
  std::string user, tenant;
  std::size_t foreign_attempts = 0;
};

/// Every tenant has the same users and the same rooms; everybody also asks for what is not theirs, in every way a name can say it.
class IsolationWorld {
 public:
  explicit IsolationWorld(std::uint64_t seed) : random_(seed) {}

  void run() {
    for (int i = 0; i < 12; ++i) connect();
    for (int i = 0; i < 150; ++i) {
      const std::uint64_t what = random_.below(10);
      if (what < 5) broadcast();
      if (what >= 5 && what < 9) join(members_[random_.below(members_.size())]);
      if (what == 9) hostile(members_[random_.below(members_.size())]);
      collect();
    }
  }
  std::size_t delivered = 0, refused = 0, foreign = 0;

 private:
  std::string tenant() { return "t" + std::to_string(random_.below(4)); }
  std::string room() {
    static const char* rooms[] = {"camera:1", "camera:2", "zone:1"};
    return rooms[random_.below(3)];
  }
  void connect() {
    Member member;
    member.user = "u" + std::to_string(random_.below(3));
    member.tenant = tenant();
    member.id = node_.connect(member.user, member.tenant);
    members_.push_back(member);
    join(members_.back());
  }
  void join(Member& member) {
    const std::string ns = random_.below(2) == 0 ? "alerts" : "video";
    node_.say(member.id, "{\"type\":\"join\",\"id\":" + std::to_string(++request_) + ",\"namespace\":\"" + ns +
                             "\",\"rooms\":[\"" + room() + "\"]}");
  }
  void hostile(Member& member) {
    const std::string other = tenant();
    const std::string names[] = {
        "tenant:" + other, "tenant:" + other + "/camera:1",       "tenant:" + other + "/user:u1", "user:u1",
        "role:admin",      "tenant:" + other + "/tenant:" + other};
    for (const std::string& name : names) {
      for (const char* type : {"join", "subscribe", "unsubscribe"}) {
        node_.say(member.id, "{\"type\":\"" + std::string(type) + "\",\"id\":" + std::to_string(++request_) +
                                 ",\"namespace\":\"alerts\",\"rooms\":[\"" + name + "\"]}");
      }
      node_.say(member.id, "{\"type\":\"presence\",\"id\":" + std::to_string(++request_) +
                               ",\"namespace\":\"alerts\",\"room\":\"" + name + "\"}");
    }
    node_.say(member.id, "{\"type\":\"history\",\"id\":" + std::to_string(++request_) + ",\"namespace\":\"alerts\"}");
    ++member.foreign_attempts;
  }
  void broadcast() {
    const std::string of = tenant();
    const std::string names[] = {"tenant:" + of, "tenant:" + of + "/" + room(),
                                 "tenant:" + of + "/user:u" + std::to_string(random_.below(3))};
    (void)node_.publish(random_.below(2) == 0 ? "alerts" : "video", {names[random_.below(3)]}, "e", "{\"of\":\"<" + of + ">\"}");
    node_.turn();
  }
  void collect() {
    for (Member& member : members_) {
      for (const std::string& message : node_.messages(member.id)) {
        for (int t = 0; t < 4; ++t) {
          const std::string mark = "<t" + std::to_string(t) + ">";
          if (!has(message, mark)) continue;
          ++delivered;
          if (mark != "<" + member.tenant + ">") ++foreign;
          EXPECT_EQ(mark, "<" + member.tenant + ">") << member.user << " of " << member.tenant << " got " << message;
        }
        refused += has(message, "FORBIDDEN") ? 1 : 0;
      }
    }
  }

  SeededEntropy random_;
  Node node_;
  std::vector<Member> members_;
  std::int64_t request_ = 0;
};

TEST(Isolation, GeneratesTenantsRoomsJoinsAndBroadcastsAndFindsNoCrossTenantDelivery) {
  std::size_t delivered = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    IsolationWorld world(seed);
    world.run();
    EXPECT_EQ(world.foreign, 0U) << "seed " << seed;
    delivered += world.delivered;
    refused += world.refused;
  }
  EXPECT_GT(delivered, 1'000U) << "the test has to see deliveries to mean anything";
  EXPECT_GT(refused, 100U);
}

TEST(Isolation, AnUnsubscribeThatNamesAnotherTenantTakesNothingFromTheOwn) {
  Node node;
  const ConnectionId id = node.connect("u", "t1");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts","rooms":["camera:1"]})");
  node.say(id, R"({"type":"unsubscribe","id":2,"namespace":"alerts","rooms":["tenant:t2/camera:1"]})");
  EXPECT_TRUE(has(node.messages(id).back(), "camera:1"));
}

}  // namespace
}  // namespace sparc::shard
