#include "protocol/room_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparc::protocol {
namespace {

struct Case {
  std::string_view text;
  RoomKind kind;
  std::string_view tenant;
  std::string_view name;
};

TEST(RoomName, ShortAndFullNamesAreSplit) {
  for (const auto& [text, kind, tenant, name] : {
           Case{"camera:7", RoomKind::other, "", "camera:7"},
           Case{"tenant:t1", RoomKind::tenant, "t1", "tenant:t1"},
           Case{"tenant:t1/camera:7", RoomKind::other, "t1", "camera:7"},
           Case{"org:o1", RoomKind::organization, "", "org:o1"},
           Case{"tenant:t1/org:o1", RoomKind::organization, "t1", "org:o1"},
           Case{"user:a@b.c", RoomKind::user, "", "user:a@b.c"},
           Case{"tenant:t1/user:u1", RoomKind::user, "t1", "user:u1"},
           Case{"tenant:t1/role:admin", RoomKind::role, "t1", "role:admin"},
           Case{"tenant:t1/a/b", RoomKind::other, "t1", "a/b"},
           Case{"a/tenant:t1", RoomKind::other, "", "a/tenant:t1"},
           Case{"users:1", RoomKind::other, "", "users:1"},
           Case{"Tenant:t1", RoomKind::other, "", "Tenant:t1"},
           Case{"zone:größe", RoomKind::other, "", "zone:größe"},
       }) {
    const auto room = parse_room(text);
    ASSERT_TRUE(room) << text << ": " << room.error().message;
    EXPECT_EQ(room->kind, kind) << text;
    EXPECT_EQ(room->tenant, tenant) << text;
    EXPECT_EQ(room->name, name) << text;
  }
}

TEST(RoomName, NamesThatBreakARuleAreRefused) {
  for (const std::string& text : {std::string(),
                                  std::string("tenant:"),
                                  std::string("tenant:/x"),
                                  std::string("tenant:t1/"),
                                  std::string("tenant:t 1"),
                                  std::string("tenant:t1/tenant:t1"),
                                  std::string("tenant:t1/tenant:t2/x"),
                                  std::string("org:"),
                                  std::string("user:a/b"),
                                  std::string("role:a b"),
                                  std::string("tenant:t1/user:"),
                                  std::string("a\nb"),
                                  std::string("a\0b", 3),
                                  std::string("a\x7f"),
                                  std::string("a\xc2\x80"),
                                  std::string("\xff"),
                                  std::string("\xc3"),
                                  std::string("\xed\xa0\x80"),
                                  "tenant:" + std::string(129, 't'),
                                  std::string(257, 'x')}) {
    const auto room = parse_room(text);
    ASSERT_FALSE(room) << text;
    EXPECT_EQ(room.error().code, Code::BAD_REQUEST);
    EXPECT_FALSE(room.error().message.empty());
  }
}

TEST(RoomName, TheBoundIsOfTheShortName) {
  EXPECT_TRUE(parse_room(std::string(256, 'x')));
  EXPECT_TRUE(parse_room("tenant:t1/" + std::string(256, 'x')));
  EXPECT_FALSE(parse_room("tenant:t1/" + std::string(257, 'x')));
  EXPECT_TRUE(parse_room("abc", 3));
  EXPECT_FALSE(parse_room("abcd", 3));
}

TEST(RoomName, AFaultSaysWhatIsAllowed) {
  EXPECT_THAT(parse_room("user:a b").error().message, ::testing::HasSubstr("[A-Za-z0-9_.@+-]"));
  EXPECT_THAT(parse_room("a\tb").error().message, ::testing::HasSubstr("1 to 256 bytes"));
}

}  // namespace
}  // namespace sparc::protocol
