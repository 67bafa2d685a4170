#include "auth/authorizer.h"

#include <gmock/gmock.h>

#include <map>

namespace sparc::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Outcome = Decision::Outcome;

/// Answers at once what it knows; what it does not know, later.
class Owners final : public OwnershipSource {
 public:
  std::map<std::string, Owner> known;
  std::vector<std::string> asked;
  std::optional<Owner> owner(std::string_view camera, std::string_view tenant, Ticket ticket) override {
    asked.push_back(std::string(camera) + '@' + std::string(tenant) + '#' + std::to_string(ticket));
    const auto found = known.find(std::string(camera));
    if (found == known.end()) return std::nullopt;
    return found->second;
  }
};

Identity operator_of_t1() {
  Identity identity;
  identity.user_id = "u1";
  identity.tenant_id = "t1";
  identity.organization_id = "o1";
  identity.roles = {"not an id", "operator"};
  return identity;
}

Identity viewer_of_t1() {
  Identity identity = operator_of_t1();
  identity.roles = {"viewer"};
  return identity;
}

Authorizer authorizer(PolicyConfig config = {}, OwnershipSource* source = nullptr) {
  return {*Policy::make(std::move(config)), source};
}

void expect_denied(const Decision& decision, Code code, std::string_view text = {}) {
  EXPECT_EQ(decision.outcome, Outcome::deny);
  EXPECT_FALSE(decision.allowed());
  EXPECT_EQ(decision.fault.code, code);
  EXPECT_THAT(decision.fault.message, HasSubstr(std::string(text)));
}

TEST(Authorizer, OnesOwnIdentityRoomsAreHeldAlready) {
  Authorizer auth = authorizer();
  for (const char* room : {"tenant:t1", "org:o1", "user:u1", "role:operator"}) {
    EXPECT_EQ(auth.check_room(operator_of_t1(), "alerts", room, 1).outcome, Outcome::held) << room;
  }
}

TEST(Authorizer, AnothersIdentityRoomsAreForbiddenWhateverTheRulesSay) {
  PolicyConfig config;
  config.rooms = {{"*", "*"}, {"*", "tenant:*"}, {"*", "role:*"}};
  Authorizer auth = authorizer(config);
  for (const char* room : {"tenant:t2", "tenant:t11", "tenant:", "tenant:*", "org:o2", "org:", "user:u2", "user:", "role:admin",
                           "role:", "role:not an id"}) {
    expect_denied(auth.check_room(operator_of_t1(), "alerts", room, 1), Code::FORBIDDEN, room);
  }
}

TEST(Authorizer, WhoHasNoOrganizationHoldsNoOrganizationsRoom) {
  Identity identity = operator_of_t1();
  identity.organization_id.clear();
  expect_denied(authorizer().check_room(identity, "alerts", "org:", 1), Code::FORBIDDEN);
}

TEST(Authorizer, AnAnonymousIdentityHasNoUserRoom) {
  Identity identity = operator_of_t1();
  identity.anonymous = true;
  expect_denied(authorizer().check_room(identity, "alerts", "user:u1", 1), Code::FORBIDDEN);
  EXPECT_EQ(authorizer().check_room(identity, "alerts", "tenant:t1", 1).outcome, Outcome::held);
}

TEST(Authorizer, PublicRoomsAreOpenAndRoomsWithoutRuleAreNot) {
  Authorizer auth = authorizer();
  EXPECT_EQ(auth.check_room(viewer_of_t1(), "alerts", "announcements", 1).outcome, Outcome::allow);
  EXPECT_EQ(auth.check_room(viewer_of_t1(), "alerts", "zone:north", 1).outcome, Outcome::allow);
  expect_denied(auth.check_room(viewer_of_t1(), "alerts", "lobby", 1), Code::FORBIDDEN, "lobby");
}

TEST(Authorizer, ARoomRuleMayAskForARole) {
  PolicyConfig config;
  config.rooms = {{"alerts", "vault:*", {"admin", "operator"}}};
  Authorizer auth = authorizer(config);
  EXPECT_TRUE(auth.check_room(operator_of_t1(), "alerts", "vault:1", 1).allowed());
  expect_denied(auth.check_room(viewer_of_t1(), "alerts", "vault:1", 1), Code::FORBIDDEN, "one of the roles admin, operator");
  expect_denied(auth.check_room(operator_of_t1(), "video", "vault:1", 1), Code::FORBIDDEN, "No room rule");
}

TEST(Authorizer, NamespacesAreForEverybodyUnlessARuleAsksForARole) {
  PolicyConfig config;
  config.namespaces = {{"monitoring", {"admin"}}, {"internal-*", {"operator"}}};
  Authorizer auth = authorizer(config);
  EXPECT_TRUE(auth.check_join_namespace(viewer_of_t1(), "alerts").allowed());
  EXPECT_TRUE(auth.check_join_namespace(operator_of_t1(), "internal-x").allowed());
  expect_denied(auth.check_join_namespace(viewer_of_t1(), "internal-x"), Code::FORBIDDEN, "internal-x needs role operator");
  expect_denied(auth.check_join_namespace(operator_of_t1(), "monitoring"), Code::FORBIDDEN, "needs role admin");
}

TEST(Authorizer, WithoutOwnershipCamerasAreEverybodysAndNobodyIsAsked) {
  Owners owners;
  Authorizer auth = authorizer({}, &owners);
  EXPECT_EQ(auth.check_room(viewer_of_t1(), "video", "camera:7", 1).outcome, Outcome::allow);
  EXPECT_EQ(auth.check_event(viewer_of_t1(), "video", "stream:start", "7", 1).outcome, Outcome::allow);
  EXPECT_EQ(auth.check_event(viewer_of_t1(), "video", "stream:start", "", 1).outcome, Outcome::allow);
  EXPECT_FALSE(auth.needs_camera("video", "stream:start"));
  EXPECT_THAT(owners.asked, IsEmpty());
}

TEST(Authorizer, TheOwnerIsAskedForTheCameraOfTheRoomInTheOwnTenant) {
  Owners owners;
  PolicyConfig config{.ownership = OwnershipMode::required};
  config.rooms = {{"video", "feed-*-hd", {}, true}};
  Authorizer auth = authorizer(config, &owners);
  const Decision decision = auth.check_room(viewer_of_t1(), "video", "camera:7", 41);
  EXPECT_EQ(decision.outcome, Outcome::pending);
  EXPECT_EQ(decision.camera, "7");
  EXPECT_FALSE(decision.allowed());
  EXPECT_EQ(auth.check_room(viewer_of_t1(), "alerts", "stream:cam-9", 42).camera, "cam-9");
  EXPECT_EQ(auth.check_room(viewer_of_t1(), "video", "feed-12-hd", 43).camera, "12");
  EXPECT_THAT(owners.asked, ElementsAre("7@t1#41", "cam-9@t1#42", "12@t1#43"));
}

TEST(Authorizer, AnswersMeanWhatTheModeSays) {
  struct Row {
    OwnershipMode mode;
    Owner answer;
    std::optional<Code> refused;
  };
  const Row rows[] = {
      {OwnershipMode::required, Owner::own, {}},
      {OwnershipMode::required, Owner::other, Code::FORBIDDEN},
      {OwnershipMode::required, Owner::unknown, Code::FORBIDDEN},
      {OwnershipMode::required, Owner::unavailable, Code::UNAVAILABLE},
      {OwnershipMode::if_known, Owner::own, {}},
      {OwnershipMode::if_known, Owner::other, Code::FORBIDDEN},
      {OwnershipMode::if_known, Owner::unknown, {}},
      {OwnershipMode::if_known, Owner::unavailable, Code::UNAVAILABLE},
      {OwnershipMode::off, Owner::other, {}},
  };
  for (const Row& row : rows) {
    Owners owners;
    owners.known["7"] = row.answer;
    Authorizer auth = authorizer({.ownership = row.mode}, &owners);
    for (const Decision& decision :
         {auth.check_room(viewer_of_t1(), "video", "camera:7", 1),
          auth.check_event(viewer_of_t1(), "video", "stream:start", "7", 1), auth.settle(row.answer, "7")}) {
      if (row.refused) {
        expect_denied(decision, *row.refused);
      } else {
        EXPECT_EQ(decision.outcome, Outcome::allow);
      }
    }
  }
}

TEST(Authorizer, ACameraWithoutOwnerIsRefusedWithTheKeyAndTheSettingToMendIt) {
  Authorizer auth = authorizer({.ownership = OwnershipMode::required});
  const Decision decision = auth.settle(Owner::unknown, "7");
  expect_denied(decision, Code::FORBIDDEN, "camera:7:tenant");
  expect_denied(decision, Code::FORBIDDEN, "WEBSOCKET_CAMERA_OWNERSHIP");
  expect_denied(auth.settle(Owner::other, "7"), Code::FORBIDDEN, "Unauthorized camera access");
}

TEST(Authorizer, WithoutASourceAnOwnershipThatIsAskedForIsUnavailable) {
  Authorizer auth = authorizer({.ownership = OwnershipMode::required});
  expect_denied(auth.check_room(viewer_of_t1(), "video", "camera:7", 1), Code::UNAVAILABLE);
}

TEST(Authorizer, ACameraIdThatIsNoneReachesNoKey) {
  Owners owners;
  Authorizer auth = authorizer({.ownership = OwnershipMode::if_known}, &owners);
  for (const char* room : {"camera:", "camera:7:x", "camera:a b", "camera:*"}) {
    expect_denied(auth.check_room(viewer_of_t1(), "video", room, 1), Code::BAD_REQUEST);
  }
  expect_denied(auth.check_event(viewer_of_t1(), "video", "stream:start", "", 1), Code::BAD_REQUEST);
  EXPECT_THAT(owners.asked, IsEmpty());
}

TEST(Authorizer, RecordingNeedsAdminOrOperatorInVideo) {
  Authorizer auth = authorizer();
  Identity admin = operator_of_t1();
  admin.roles = {"admin"};
  for (const char* event : {"recording:start", "recording:stop"}) {
    EXPECT_TRUE(auth.check_event(operator_of_t1(), "video", event, "7", 1).allowed());
    EXPECT_TRUE(auth.check_event(admin, "video", event, "7", 1).allowed());
    expect_denied(auth.check_event(viewer_of_t1(), "video", event, "7", 1), Code::FORBIDDEN,
                  "Insufficient permissions for recording");
    EXPECT_TRUE(auth.check_event(viewer_of_t1(), "alerts", event, "7", 1).allowed());
  }
  EXPECT_TRUE(auth.check_event(viewer_of_t1(), "video", "anything:else", "", 1).allowed());
}

TEST(Authorizer, EventsOnAnothersCameraAreRefusedAfterTheRole) {
  Owners owners;
  owners.known["7"] = Owner::other;
  Authorizer auth = authorizer({.ownership = OwnershipMode::if_known}, &owners);
  for (const char* event : {"stream:start", "stream:stop", "recording:start", "recording:stop", "recording:pause"}) {
    EXPECT_TRUE(auth.needs_camera("video", event)) << event;
    expect_denied(auth.check_event(operator_of_t1(), "video", event, "7", 1), Code::FORBIDDEN, "Unauthorized camera access");
  }
  owners.asked.clear();
  expect_denied(auth.check_event(viewer_of_t1(), "video", "recording:start", "7", 1), Code::FORBIDDEN, "recording");
  EXPECT_THAT(owners.asked, IsEmpty());
  EXPECT_FALSE(auth.needs_camera("alerts", "stream:start"));
}

TEST(Authorizer, AnEventRuleOfConfigurationNamesItsRoles) {
  PolicyConfig config;
  config.events = {{"*", "door:*", {"guard"}, false, ""}};
  Authorizer auth = authorizer(config);
  expect_denied(auth.check_event(viewer_of_t1(), "access", "door:open", "", 1), Code::FORBIDDEN,
                "Event door:open needs role guard");
}

TEST(Authorizer, AReloadedPolicyDecidesFromThenOn) {
  Authorizer auth = authorizer();
  EXPECT_TRUE(auth.check_room(viewer_of_t1(), "alerts", "zone:1", 1).allowed());
  auth.set_policy(*Policy::make({.shipped_rules = false}));
  EXPECT_FALSE(auth.check_room(viewer_of_t1(), "alerts", "zone:1", 1).allowed());
}

}  // namespace
}  // namespace sparc::auth
