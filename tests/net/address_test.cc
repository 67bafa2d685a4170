#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <unordered_set>

namespace sparc::net {
namespace {

Address address(std::string_view ip, std::uint16_t port = 0) { return Address::parse(ip, port).value(); }

TEST(Address, NumericAddressesOfBothFamiliesAreReadAndWritten) {
  EXPECT_EQ(address("10.0.0.1", 3100).to_string(), "10.0.0.1:3100");
  EXPECT_EQ(address("2001:DB8::1", 443).to_string(), "[2001:db8::1]:443");
  EXPECT_EQ(address("[::1]").ip().text(), "::1");
  EXPECT_EQ(Address().to_string(), "[::]:0");
}

TEST(Address, EverythingElseIsRefused) {
  for (std::string_view text :
       {"", "localhost", "10.0.0", "10.0.0.256", "10.0.0.1 ", "010.0.0.1x", "[10.0.0.1]", "[::1", "::1]", ":::", "fe80::1%lo"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("10.0.0.1\0x", 10)));
}

TEST(Address, AnIpv4PeerOfADualStackListenerIsTheSamePeer) {
  EXPECT_EQ(address("::ffff:10.0.0.1", 7), address("10.0.0.1", 7));
  EXPECT_TRUE(address("::ffff:10.0.0.1").is_v4());
  EXPECT_EQ(std::hash<Address>{}(address("::ffff:10.0.0.1")), std::hash<Address>{}(address("10.0.0.1")));
}

TEST(Address, KernelAddressesGoThereAndBack) {
  for (const Address& a : {address("192.0.2.7", 65535), address("2001:db8::7", 1), Address()}) {
    sockaddr_storage storage;
    EXPECT_EQ(a.to_sockaddr(storage), a.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)), a);
  }
}

TEST(Address, LoopbackIsTheWholeNetworkOfIpv4AndOneAddressOfIpv6) {
  for (std::string_view ip : {"127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.9"})
    EXPECT_TRUE(address(ip).is_loopback()) << ip;
  for (std::string_view ip : {"128.0.0.1", "10.127.0.1", "::2", "::", "::127.0.0.1"})
    EXPECT_FALSE(address(ip).is_loopback()) << ip;
}

TEST(Address, TheSourceOfAnIpv6PeerIsItsSubscriberNetwork) {
  EXPECT_EQ(address("2001:db8:1:2:3:4:5:6", 9).ip().source(), address("2001:db8:1:2::").ip());
  EXPECT_EQ(address("192.0.2.7", 9).ip().source(), address("192.0.2.7").ip());
}

TEST(Cidr, ANetworkContainsWhatSharesItsPrefix) {
  struct Case {
    std::string_view network, inside, outside;
  };
  for (const Case& c : {Case{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"}, Case{"192.0.2.128/25", "192.0.2.200", "192.0.2.127"},
                        Case{"192.0.2.4/31", "192.0.2.5", "192.0.2.6"}, Case{"192.0.2.1", "192.0.2.1", "192.0.2.0"},
                        Case{"0.0.0.0/0", "203.0.113.9", "::1"}, Case{"fd00::/8", "fdff::1", "fe00::"},
                        Case{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"}, Case{"::1", "::1", "127.0.0.1"},
                        Case{"::ffff:10.1.0.0/16", "10.1.2.3", "10.2.0.0"}}) {
    const auto network = Cidr::parse(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_TRUE(network->contains(address(c.inside))) << c.network;
    EXPECT_FALSE(network->contains(address(c.outside))) << c.network;
  }
  EXPECT_TRUE(Cidr::parse("::/0")->contains(address("10.0.0.1")));
}

TEST(Cidr, AMistypedNetworkIsRefusedAndTheErrorNamesIt) {
  for (std::string_view text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "proxy", "", "/8"}) {
    const auto network = Cidr::parse(text);
    ASSERT_FALSE(network) << text;
    EXPECT_NE(network.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(Cidr, AListContainsWhatAnyOfItsNetworksContains) {
  const std::vector<Cidr> list{*Cidr::parse("10.0.0.0/8"), *Cidr::parse("::1")};
  EXPECT_TRUE(contains(list, address("::1")));
  EXPECT_TRUE(contains(list, address("10.2.3.4")));
  EXPECT_FALSE(contains(list, address("11.2.3.4")));
  EXPECT_FALSE(contains({}, address("10.2.3.4")));
}

}  // namespace
}  // namespace sparc::net
