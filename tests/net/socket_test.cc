#include "net/socket.h"

#include <gtest/gtest.h>
#include <sys/uio.h>
#include <map>

#include <algorithm>

#include "harness.h"

namespace sparc::net {
namespace {

using Log = std::vector<std::string>;

TEST(Sockets, BytesGoBothWays) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(3);
  peer->send("hello");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(3) == "hello"; }));
  const SendResult sent = driver.sockets.send(3, "world");
  EXPECT_EQ(sent.taken, 5U);
  EXPECT_EQ(sent.status, SendStatus::ready);
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->received == "world"); }));
  EXPECT_EQ(driver.sockets.counters().bytes_received, 5U);
  EXPECT_EQ(driver.sockets.counters().bytes_sent, 5U);
  EXPECT_TRUE(driver.last_peer.is_loopback());
}

TEST(Sockets, WhatThePeerSentBeforeItClosedComesBeforeTheEnd) {
  Sockets::Options options;
  options.receive_bytes = 4096;
  Driver driver(options);
  driver.listen();
  const std::string sent = pattern(100'000);  // many buffers, and everything is there before the first event
  Peer peer(driver.acceptor->address());
  ASSERT_EQ(peer.send(sent), sent.size());
  peer.close();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_TRUE(driver.bytes(0) == sent);
  EXPECT_EQ(driver.closed[0].first, CloseReason::ended);
  EXPECT_EQ(driver.log.back(), "closed 0");
  EXPECT_FALSE(driver.sockets.is_open(0));
  EXPECT_EQ(driver.sockets.live(), 0U);
}

TEST(Sockets, AShortReadFollowedByTheEndNeedsNoFurtherEvent) {
  Driver driver;
  driver.listen();
  Peer peer(driver.acceptor->address());
  peer.send("last words");
  peer.close();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.log, (Log{"bytes 0", "end 0", "closed 0"}));
}

TEST(Sockets, AReaderThatIsSlowBlocksTheSenderAndEachBlockIsFollowedByOneWritable) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  const std::string sent = pattern(8 << 20);
  std::size_t at = 0;
  int blocks = 0, writables = 0;
  const auto push = [&] {
    while (at < sent.size()) {
      const SendResult result = driver.sockets.send(0, sent.data() + at, std::min<std::size_t>(sent.size() - at, 1 << 20));
      at += result.taken;
      if (result.status != SendStatus::ready) {
        EXPECT_EQ(result.status, SendStatus::blocked);
        ++blocks;
        return;
      }
    }
  };
  driver.writable_hook = [&](std::uint32_t) {
    EXPECT_EQ(++writables, blocks) << "once after each block";
    push();
  };
  push();
  ASSERT_EQ(blocks, 1);
  const auto calls = driver.sockets.counters().sends;
  const SendResult refused = driver.sockets.send(0, "more");
  EXPECT_EQ(refused.taken, 0U);
  EXPECT_EQ(refused.status, SendStatus::blocked);
  EXPECT_EQ(driver.sockets.counters().sends, calls) << "a blocked connection costs no system call";
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->received.size() == sent.size()); }));
  EXPECT_TRUE(peer->received == sent);
  // A block reported after the last byte went out may still owe its event.
  ASSERT_TRUE(driver.until([&] { return writables == blocks; }));
  EXPECT_GT(blocks, 1);
}

TEST(Sockets, SeveralPiecesLeaveInOrderAndAreCountedTogether) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  std::string a = "one,", b, c = "two,", d = pattern(6 << 20);
  const auto piece = [](std::string& s) { return iovec{s.data(), s.size()}; };
  const std::vector<iovec> pieces{piece(a), piece(b), piece(c), piece(d)};
  const SendResult result = driver.sockets.sendv(0, pieces);
  EXPECT_EQ(result.status, SendStatus::blocked);
  EXPECT_GT(result.taken, 8U);
  EXPECT_LT(result.taken, d.size());
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->received.size() >= result.taken); }));
  EXPECT_TRUE(peer->received == (a + c + d).substr(0, result.taken));
}

TEST(Sockets, AResetByThePeerIsReportedAsOne) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  peer->reset();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.closed[0].first, CloseReason::reset);
  EXPECT_FALSE(driver.closed[0].second.empty());
}

TEST(Sockets, OurResetReachesThePeerAndIsNotReportedToUs) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.sockets.reset(0);
  EXPECT_FALSE(driver.sockets.is_open(0));
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->error == ECONNRESET); }));
  EXPECT_EQ(driver.closings, 0);
}

TEST(Sockets, CloseInsideACallbackEndsTheConnectionWithoutAnotherCallback) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) {
    driver.sockets.send(slot, "bye");
    driver.sockets.close(slot);
    EXPECT_FALSE(driver.sockets.is_open(slot));
    EXPECT_EQ(driver.sockets.send(slot, "too late").status, SendStatus::closed);
  };
  peer->send("x");
  peer->finish();
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->ended); }));
  EXPECT_EQ(peer->received, "bye");
  EXPECT_EQ(driver.log, (Log{"bytes 0"}));
}

TEST(Sockets, AStaleEventNeverReachesTheNextConnectionOfItsSlot) {
  Driver driver;
  driver.listen();
  auto a = driver.connect_peer(0);
  auto b = driver.connect_peer(1);
  std::vector<std::unique_ptr<Peer>> fresh;
  int first_fd = -1;
  driver.accept_hook = [&](Fd fd) { first_fd = fd.release(); };
  fresh.push_back(std::make_unique<Peer>(driver.acceptor->address()));
  ASSERT_TRUE(driver.until([&] { return first_fd >= 0; }));
  // Both have an event in the same wait. Whichever is first gives the other's slot to a connection that nobody wrote to.
  std::uint32_t served = 99;
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) {
    ASSERT_EQ(served, 99U) << "the event of the closed connection reached slot " << slot;
    served = slot;
    driver.sockets.close(1 - slot);
    ASSERT_TRUE(driver.sockets.open(1 - slot, Fd(first_fd)).has_value());
  };
  a->send("x");
  b->send("x");
  for (int turn = 0; turn < 3; ++turn) driver.loop->run_once(driver, 0);
  ASSERT_NE(served, 99U);
  EXPECT_EQ(driver.log.size(), 1U);
  EXPECT_TRUE(driver.sockets.is_open(1 - served));
}

TEST(Sockets, ADescriptorKeepsItsNumberUntilTheEndOfTheTurn) {
  Driver driver;
  driver.listen();
  int fd = -1;
  driver.accept_hook = [&](Fd accepted) {
    fd = accepted.get();
    ASSERT_TRUE(driver.sockets.open(0, std::move(accepted)).has_value());
  };
  Peer peer(driver.acceptor->address());
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) {
    driver.sockets.close(slot);
    const Fd other(::open("/dev/null", O_RDONLY));
    EXPECT_NE(other.get(), fd);
  };
  peer.send("x");
  ASSERT_TRUE(driver.until([&] { return fd >= 0 && !driver.sockets.is_open(0); }));
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "closed once the turn is over";
}

TEST(Sockets, ASlotIsFreeFromTheBeginOfItsClosedCallback) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  Fd spare;
  driver.accept_hook = [&](Fd fd) { spare = std::move(fd); };
  Peer second(driver.acceptor->address());
  ASSERT_TRUE(driver.until([&] { return static_cast<bool>(spare); }));
  driver.closed_hook = [&](std::uint32_t slot) { EXPECT_TRUE(driver.sockets.open(slot, std::move(spare)).has_value()); };
  peer->close();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  second.send("second");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "second"; }));
}

TEST(Sockets, WhoSendsMuchIsReadOnInTheSameTurnButNotForEver) {
  Sockets::Options options;
  options.receive_bytes = 1024;
  options.turn_bytes = 8 * 1024;
  Driver driver(options);
  driver.listen();
  auto greedy = driver.connect_peer(0);
  const std::string much = pattern(20 * 1024);
  ASSERT_EQ(greedy->send(much), much.size());
  std::map<int, std::size_t> bytes_of_turn;
  driver.bytes_hook = [&](std::uint32_t, std::string_view view) { bytes_of_turn[driver.turns] += view.size(); };
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0).size() == much.size(); }));
  EXPECT_TRUE(driver.bytes(0) == much);
  EXPECT_EQ(bytes_of_turn.begin()->second, 8 * 1024U);
  for (const auto& [turn, bytes] : bytes_of_turn) EXPECT_LE(bytes, 8 * 1024U) << "turn " << turn;
}

TEST(Sockets, AFullReceiveBufferIsContinuedInTheNextTurnSoThatOthersGetTheirs) {
  Sockets::Options options;
  options.receive_bytes = 1024;
  options.turn_bytes = 1024;
  Driver driver(options);
  driver.listen();
  auto greedy = driver.connect_peer(0);
  auto modest = driver.connect_peer(1);
  const std::string much = pattern(20 * 1024);
  ASSERT_EQ(greedy->send(much), much.size());
  modest->send("small");
  std::vector<int> turn_of_greedy;
  int turn_of_modest = -1;
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view view) {
    EXPECT_LE(view.size(), 1024U);
    if (slot == 0) turn_of_greedy.push_back(driver.turns);
    if (slot == 1) turn_of_modest = driver.turns;
  };
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0).size() == much.size(); }));
  EXPECT_TRUE(driver.bytes(0) == much);
  EXPECT_EQ(std::adjacent_find(turn_of_greedy.begin(), turn_of_greedy.end()), turn_of_greedy.end()) << "one buffer a turn";
  EXPECT_LE(turn_of_modest, turn_of_greedy[1]);
}

TEST(Sockets, NothingIsDeliveredWhileReadingIsPausedAndNothingIsLost) {
  Sockets::Options options;
  options.receive_bytes = 1024;
  Driver driver(options);
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.sockets.pause_reading(0);
  const std::string sent = pattern(10'000);
  peer->send(sent);
  peer->finish();
  for (int turn = 0; turn < 3; ++turn) driver.loop->run_once(driver, 0);
  EXPECT_TRUE(driver.log.empty());
  // From now on every delivery pauses, and the owner resumes after the turn.
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view) { driver.sockets.pause_reading(slot); };
  driver.end_hook = [&] { driver.sockets.resume_reading(0); };
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_TRUE(driver.bytes(0) == sent);
  EXPECT_EQ(driver.closed[0].first, CloseReason::ended);
}

TEST(Sockets, ResumingWithoutAPauseOrWithoutBytesIsHarmless) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.sockets.resume_reading(0);
  driver.sockets.pause_reading(0);
  driver.sockets.resume_reading(0);
  driver.sockets.resume_reading(77);
  peer->send("x");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "x"; }));
}

TEST(Sockets, AResetIsReportedEvenWhileReadingIsPaused) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.sockets.pause_reading(0);
  peer->send("unread");
  driver.loop->run_once(driver, 100);
  peer->reset();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.closed[0].first, CloseReason::reset);
  EXPECT_TRUE(driver.bytes(0).empty());
}

TEST(Sockets, APeerThatHasFinishedSendingStillGetsItsAnswer) {
  Driver driver;
  driver.at_end = AtEnd::keep;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.end_of_peer_hook = [&](std::uint32_t slot) {
    driver.sockets.send(slot, "answer");
    driver.sockets.shutdown_write(slot);
    driver.sockets.close(slot);
  };
  peer->send("question");
  peer->finish();
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->ended); }));
  EXPECT_EQ(peer->received, "answer");
  EXPECT_EQ(driver.log, (Log{"bytes 0", "end 0"}));
}

TEST(Sockets, AKeptConnectionWhosePeerIsGoneIsReportedWhenSendingFails) {
  Driver driver;
  driver.at_end = AtEnd::keep;
  driver.listen();
  auto peer = driver.connect_peer(0);
  peer->close();
  ASSERT_TRUE(driver.until([&] { return !driver.log.empty(); }));
  EXPECT_EQ(driver.log, (Log{"end 0"}));
  driver.sockets.send(0, "to nobody");
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.closed[0].first, CloseReason::reset);
}

TEST(Sockets, AfterOurSideHasFinishedThePeersBytesStillArrive) {
  Driver driver;
  driver.listen();
  auto peer = driver.connect_peer(0);
  driver.sockets.send(0, "last");
  driver.sockets.shutdown_write(0);
  EXPECT_EQ(driver.sockets.send(0, "after the last").status, SendStatus::closed);
  ASSERT_TRUE(driver.until([&] { return (peer->receive(), peer->ended); }));
  EXPECT_EQ(peer->received, "last");
  peer->send("late");
  peer->close();
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.bytes(0), "late");
  EXPECT_EQ(driver.closed[0].first, CloseReason::ended);
}

/// A connection of which only the sender knows that it is broken: the write side is shut behind the table's back.
int break_sending(Driver& driver, std::uint32_t slot, std::unique_ptr<Peer>& peer) {
  int fd = -1;
  driver.accept_hook = [&driver, slot, &fd](Fd accepted) {
    fd = accepted.get();
    EXPECT_TRUE(driver.sockets.open(slot, std::move(accepted)).has_value());
  };
  peer = std::make_unique<Peer>(driver.acceptor->address());
  EXPECT_TRUE(driver.until([&] { return fd >= 0; }));
  driver.accept_hook = nullptr;
  ::shutdown(fd, SHUT_WR);
  return fd;
}

TEST(Sockets, AFailedSendIsReportedOnceInTheNextTurnBehindWhatThePeerHadSent) {
  Driver driver;
  driver.listen();
  std::unique_ptr<Peer> peer;
  break_sending(driver, 0, peer);
  peer->send("before the end");
  EXPECT_EQ(driver.sockets.send(0, "x").status, SendStatus::closed);
  EXPECT_EQ(driver.sockets.send(0, "y").status, SendStatus::closed);
  EXPECT_TRUE(driver.log.empty()) << "send never calls back";
  driver.loop->run_once(driver, -1);
  EXPECT_EQ(driver.log, (Log{"bytes 0", "closed 0"}));
  EXPECT_EQ(driver.closed[0].first, CloseReason::reset);
  driver.loop->run_once(driver, 0);
  EXPECT_EQ(driver.closings, 1);
}

TEST(Sockets, AFailedConnectionThatTheOwnerClosesFirstIsNotReported) {
  Driver driver;
  driver.listen();
  std::unique_ptr<Peer> peer;
  break_sending(driver, 0, peer);
  EXPECT_EQ(driver.sockets.send(0, "x").status, SendStatus::closed);
  driver.sockets.close(0);
  driver.connect_peer(0)->send("y");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "y"; }));
  EXPECT_TRUE(driver.closed.empty() || driver.closed[0].first == CloseReason::ended);
}

TEST(Sockets, AFailureIsNotReportedToAConnectionThatGotBothTheSlotAndTheDescriptor) {
  Driver driver;
  driver.listen();
  std::unique_ptr<Peer> peer;
  const int fd = break_sending(driver, 0, peer);
  Fd next;
  driver.accept_hook = [&](Fd accepted) { next = std::move(accepted); };
  Peer second(driver.acceptor->address());
  ASSERT_TRUE(driver.until([&] { return static_cast<bool>(next); }));
  EXPECT_EQ(driver.sockets.send(0, "x").status, SendStatus::closed);
  driver.sockets.close(0);
  ASSERT_EQ(::dup3(next.get(), fd, O_CLOEXEC), fd);
  next.reset();
  ASSERT_TRUE(driver.sockets.open(0, Fd(fd)).has_value());
  second.send("y");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "y"; }));
  EXPECT_EQ(driver.closings, 0);
}

TEST(Sockets, AnOutgoingConnectionIsReportedAndThenCarriesBytes) {
  Driver driver;
  driver.listen();
  ASSERT_TRUE(driver.sockets.connect(5, driver.acceptor->address()));
  EXPECT_TRUE(driver.log.empty()) << "never within the call";
  ASSERT_TRUE(driver.until([&] { return !driver.log.empty() && driver.accepted == 1; }));
  EXPECT_EQ(driver.log, (Log{"connected 5"}));
  driver.bytes_hook = [&](std::uint32_t slot, std::string_view view) {
    if (slot == 0) driver.sockets.send(0, std::string(view) + " back");
  };
  driver.sockets.send(5, "there");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(5) == "there back"; }));
}

TEST(Sockets, WhatIsSentBeforeAnOutgoingConnectionStandsBlocksUntilItDoes) {
  Driver driver;
  driver.listen();
  ASSERT_TRUE(driver.sockets.connect(5, driver.acceptor->address()));
  EXPECT_EQ(driver.sockets.send(5, "early").status, SendStatus::blocked);
  driver.writable_hook = [&](std::uint32_t slot) { driver.sockets.send(slot, "now"); };
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "now"; }));
  EXPECT_EQ(driver.log, (Log{"connected 5", "writable 5", "bytes 0"}));
}

TEST(Sockets, AnOutgoingConnectionThatNobodyTakesIsReported) {
  Driver driver;
  const Address nobody = driver.listen().address();
  driver.acceptor->close();
  ASSERT_TRUE(driver.sockets.connect(5, nobody));
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));
  EXPECT_EQ(driver.closed[5].first, CloseReason::connect_failed);
  EXPECT_EQ(driver.closed[5].second, "Connection refused");
  EXPECT_EQ(driver.log, (Log{"closed 5"}));
}

TEST(Sockets, AnOutgoingConnectionCanBeGivenUpAtAnyTime) {
  Driver driver;
  driver.listen();
  ASSERT_TRUE(driver.sockets.connect(5, driver.acceptor->address()));
  driver.sockets.close(5);
  ASSERT_TRUE(driver.until([&] { return driver.closings == 1; }));  // the accepted side sees the end
  EXPECT_EQ(driver.log.back(), "closed 0");
  EXPECT_FALSE(driver.closed.contains(5));
}

TEST(Sockets, TheTableGrowsWithoutDisturbingOpenConnections) {
  Driver driver;
  driver.listen();
  auto low = driver.connect_peer(0);
  auto high = driver.connect_peer(5'000);
  low->send("low");
  high->send("high");
  ASSERT_TRUE(driver.until([&] { return driver.bytes(0) == "low" && driver.bytes(5'000) == "high"; }));
  EXPECT_EQ(driver.sockets.live(), 2U);
}

TEST(Sockets, TheTableClosesWhatIsOpenWhenItGoes) {
  auto driver = std::make_unique<Driver>();
  driver->listen();
  auto peer = driver->connect_peer(0);
  driver.reset();
  peer->receive();
  EXPECT_TRUE(peer->ended);
}

}  // namespace
}  // namespace sparc::net
