// What an idle native connection in one namespace costs in user space, part by part, against the budget of docs/architecture.md.
// The measured figure (RSS, allocator included) is `bench/run --only idle`.

#include <gtest/gtest.h>

#include <cstdio>

#include "hub/hub.h"
#include "net/socket.h"
#include "session/session.h"
#include "shard/connection.h"

namespace sparc {
namespace {

constexpr std::size_t allocation(std::size_t bytes) { return (bytes + 8 + 15) / 16 * 16 < 32 ? 32 : (bytes + 8 + 15) / 16 * 16; }

TEST(MemoryBudget, AnIdleNativeConnectionFitsItsKibibyte) {
  constexpr std::size_t rooms = 3;  // its tenant's, its own, one role's
  struct Row {
    const char* what;
    std::size_t bytes;
  };
  const Row rows[] = {
      {"net: table entry of the socket", 16},
      {"connection: phase, receiver, timers, address", sizeof(shard::Connection) + 8},
      {"session: identity, buckets", allocation(sizeof(session::Session))},
      {"role names", allocation(sizeof(std::string))},
      {"namespace state", allocation(sizeof(session::NamespaceState))},
      {"memberships", rooms * sizeof(hub::Membership)},
      {"members in classes of the shared rooms", (rooms - 1) * sizeof(hub::Member)},
      {"user room: room, class, member, index entry",
       allocation(sizeof(hub::Room)) + allocation(sizeof(hub::Group)) + 2 * allocation(8) + 9},
      {"fan-out: hot entry, id of the slot, timer", 24 + 8 + sizeof(std::uint64_t) * 4},
  };
  std::size_t total = 0;
  for (const Row& row : rows) {
    std::printf("%5zu B  %s\n", row.bytes, row.what);
    total += row.bytes;
  }
  std::printf("%5zu B  in all\n", total);
  EXPECT_LE(total, 1'024U);
}

}  // namespace
}  // namespace sparc
