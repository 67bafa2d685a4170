#include "net/acceptor.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "harness.h"

namespace sparc::net {
namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  ::getsockopt(fd, level, name, &value, &length);
  return value;
}

ListenOptions at_port_of(const Acceptor& acceptor, ListenOptions::Port sharing) {
  ListenOptions options{.host = "127.0.0.1"};
  options.port = acceptor.address().port();
  options.sharing = sharing;
  return options;
}

TEST(Acceptor, ASecondServerOnThePortIsToldThatItIsTaken) {
  Driver first, second;
  first.listen();
  const auto opened = Acceptor::open(*second.loop, second, at_port_of(*first.acceptor, ListenOptions::Port::first));
  ASSERT_FALSE(opened);
  const std::string port = std::to_string(first.acceptor->address().port());
  EXPECT_EQ(opened.error().message, "cannot listen on 127.0.0.1:" + port + ": port " + port +
                                        " is already in use by another process; stop that process or choose another port");
}

TEST(Acceptor, AForeignHolderThatWouldShareThePortIsStillAnError) {
  const Fd foreign(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ASSERT_EQ(::setsockopt(foreign.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  sockaddr_storage address{};
  socklen_t length = Address::parse("127.0.0.1")->to_sockaddr(address);
  ASSERT_EQ(::bind(foreign.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(foreign.get(), 1), 0);
  length = sizeof address;
  ::getsockname(foreign.get(), reinterpret_cast<sockaddr*>(&address), &length);
  Driver driver;
  ListenOptions options{.host = "127.0.0.1"};
  options.port = Address::from_sockaddr(reinterpret_cast<const sockaddr&>(address)).port();
  const auto opened = Acceptor::open(*driver.loop, driver, options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("already in use"), std::string::npos);
}

TEST(Acceptor, OtherShardsJoinThePortAndConnectionsAreSpreadOverThem) {
  Driver first, second;
  first.listen();
  second.listen(at_port_of(*first.acceptor, ListenOptions::Port::join));
  std::vector<std::unique_ptr<Peer>> peers;
  // The kernel hashes the source port: that 200 connections all go to one of two listeners has odds of 2^-199.
  for (int i = 0; i < 200; ++i) peers.push_back(std::make_unique<Peer>(first.acceptor->address()));
  ASSERT_TRUE(first.until([&] {
    second.loop->run_once(second, 0);
    return first.accepted + second.accepted == 200;
  }));
  EXPECT_GT(first.accepted, 0);
  EXPECT_GT(second.accepted, 0);
  EXPECT_EQ(first.acceptor->counters().accepted + second.acceptor->counters().accepted, 200U);
}

TEST(Acceptor, AcceptedSocketsInheritWhatTheListenerWasGiven) {
  Driver driver;
  ListenOptions options{.host = "127.0.0.1"};
  options.notsent_bytes = 12'345;
  driver.listen(options);
  Fd accepted;
  driver.accept_hook = [&](Fd fd) { accepted = std::move(fd); };
  Peer peer(driver.acceptor->address());
  ASSERT_TRUE(driver.until([&] { return static_cast<bool>(accepted); }));
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT), 12'345);
  EXPECT_NE(::fcntl(accepted.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Acceptor, Ipv6ListenersTakeIpv4PeersAndShowThemAsSuch) {
  Driver driver;
  driver.listen({.host = "::"});
  EXPECT_NE(driver.acceptor->address().port(), 0);
  Peer v6(Address::parse("::1", driver.acceptor->address().port()).value());
  ASSERT_TRUE(driver.until([&] { return driver.accepted == 1; }));
  EXPECT_EQ(driver.last_peer.ip().text(), "::1");
  Peer v4(Address::parse("127.0.0.1", driver.acceptor->address().port()).value());
  ASSERT_TRUE(driver.until([&] { return driver.accepted == 2; }));
  EXPECT_EQ(driver.last_peer.ip().text(), "127.0.0.1");
}

TEST(Acceptor, AnAddressThatCannotBeUsedIsNamedInTheError) {
  Driver driver;
  auto opened = Acceptor::open(*driver.loop, driver, {.host = "example.org"});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("'example.org'"), std::string::npos);
  opened = Acceptor::open(*driver.loop, driver, {.host = "192.0.2.1"});  // reserved for documentation, RFC 5737
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("no interface of this machine"), std::string::npos);
}

TEST(Acceptor, WhilePausedNewConnectionsWait) {
  Driver driver;
  driver.listen();
  driver.acceptor->pause();
  Peer peer(driver.acceptor->address());
  EXPECT_TRUE(peer.connected());
  for (int turn = 0; turn < 3; ++turn) driver.loop->run_once(driver, 0);
  EXPECT_EQ(driver.accepted, 0);
  driver.acceptor->resume();
  EXPECT_TRUE(driver.until([&] { return driver.accepted == 1; }));
}

TEST(Acceptor, AnAcceptorThatIsClosedGivesItsPortBackAtOnce) {
  Driver driver, next;
  driver.listen();
  const ListenOptions same = at_port_of(*driver.acceptor, ListenOptions::Port::first);
  auto peer = driver.connect_peer(0);
  driver.acceptor->close();
  EXPECT_FALSE(driver.acceptor->listening());
  EXPECT_FALSE(Peer(driver.acceptor->address()).connected());
  EXPECT_TRUE(Acceptor::open(*next.loop, next, same).has_value()) << "open connections do not hold the port";
  peer->send("still here");
  EXPECT_TRUE(driver.until([&] { return driver.bytes(0) == "still here"; }));
}

TEST(Acceptor, ItMayBePausedOrClosedInsideItsCallback) {
  Driver driver;
  driver.listen();
  driver.accept_hook = [&](Fd) { driver.acceptor->pause(); };
  Peer a(driver.acceptor->address()), b(driver.acceptor->address()), c(driver.acceptor->address());
  ASSERT_TRUE(driver.until([&] { return driver.accepted == 1; }));
  driver.loop->run_once(driver, 0);
  EXPECT_EQ(driver.accepted, 1);
  driver.accept_hook = [&](Fd) { driver.acceptor->close(); };
  driver.acceptor->resume();
  ASSERT_TRUE(driver.until([&] { return driver.accepted == 2; }));
  driver.loop->run_once(driver, 0);
  EXPECT_EQ(driver.accepted, 2);
}

/// Lowers the limit of descriptors to what is open, and restores it.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest_free.get());
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Acceptor, WithoutDescriptorsPeersAreRefusedAtOnceAndServedAgainLater) {
  Driver driver;
  driver.listen();
  Peer a(driver.acceptor->address()), b(driver.acceptor->address());
  {
    NoDescriptors limit;
    ASSERT_TRUE(driver.until([&] { return driver.acceptor->counters().refused == 2; }));
  }
  EXPECT_EQ(driver.accepted, 0);
  a.receive();
  b.receive();
  EXPECT_TRUE(a.ended || a.error == ECONNRESET);
  EXPECT_TRUE(b.ended || b.error == ECONNRESET);
  Peer c(driver.acceptor->address());
  EXPECT_TRUE(driver.until([&] { return driver.accepted == 1; }));
}

TEST(Acceptor, WithoutEvenTheSpareDescriptorTheLoopDoesNotSpinAndTriesAgain) {
  Driver driver;
  driver.listen();
  Peer peer(driver.acceptor->address());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;  // the spare cannot be reopened after it was given up, as if another thread had taken it
  ::setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_TRUE(driver.until([&] { return driver.acceptor->counters().failed >= 1; }));
  const auto failures = driver.acceptor->counters().failed;
  for (int turn = 0; turn < 50; ++turn) driver.loop->run_once(driver, 0);
  EXPECT_LE(driver.acceptor->counters().failed, failures + 1) << "a turn without a pause would fail each time";
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(driver.until([&] { return driver.accepted == 1; }));
}

}  // namespace
}  // namespace sparc::net
