#include "http/forwarded.h"

#include <gtest/gtest.h>

namespace sparc::http {
namespace {

using List = std::vector<std::string>;

TEST(XForwardedFor, TheClientIsAsManyHopsAwayAsThereAreTrustedProxies) {
  const Header headers[] = {{"X-Forwarded-For", "6.6.6.6, 1.1.1.1"}, {"x-forwarded-for", "2.2.2.2"}};
  EXPECT_EQ(client_address(headers, "9.9.9.9", 0), "9.9.9.9");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 1), "2.2.2.2");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 2), "1.1.1.1");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 3), "6.6.6.6");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 9), "6.6.6.6") << "fewer entries: the farthest";
  EXPECT_EQ(client_address({}, "9.9.9.9", 2), "9.9.9.9");
}

TEST(XForwardedFor, NothingBehindAnEntryThatIsNoAddressIsBelieved) {
  const Header headers[] = {{"X-Forwarded-For", "1.1.1.1, unknown, 3.3.3.3"}};
  EXPECT_EQ(client_address(headers, "9.9.9.9", 1), "3.3.3.3");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 3), "3.3.3.3");
}

TEST(XForwardedFor, TheOtherFieldIsNotRead) {
  const Header headers[] = {{"Forwarded", "for=6.6.6.6"}, {"X-Forwarded-For", "1.1.1.1"}};
  EXPECT_EQ(client_address(headers, "9.9.9.9", 1), "1.1.1.1");
  EXPECT_EQ(client_address(headers, "9.9.9.9", 1, ForwardedField::forwarded), "6.6.6.6");
}

TEST(Rfc7239Section4, NodesAreReadFromTheirElements) {
  const Header headers[] = {
      {"Forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:DB8:cafe::17]:4711\""},
      {"Forwarded", "proto=https, for=_hidden, for=\"unknown\" ; host=\"a,b;for=1.2.3.4\", for=198.51.100.17:80"}};
  EXPECT_EQ(forwarded_addresses(headers, ForwardedField::forwarded),
            (List{"192.0.2.60", "2001:db8:cafe::17", "", "", "", "198.51.100.17"}));
}

TEST(Forwarded, AddressesAreWrittenInOneWay) {
  EXPECT_EQ(address_of_node("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(address_of_node("1.2.3.4:80"), "1.2.3.4");
  EXPECT_EQ(address_of_node("[::1]"), "::1");
  EXPECT_EQ(address_of_node("[::1]:65535"), "::1");
  EXPECT_EQ(address_of_node("2001:DB8:0::1"), "2001:db8::1");
  for (const std::string_view bad :
       {"", "a", "1.2.3", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:x", "[::1", "[::1]x", "[1.2.3.4]", "::1]", "01.2.3.4"}) {
    EXPECT_EQ(address_of_node(bad), std::nullopt) << bad;
  }
}

TEST(Forwarded, OnlyTheNearestHopsAreKept) {
  std::string list;
  for (int i = 0; i < 100; ++i) list += "10.0.0." + std::to_string(i) + ",";
  const Header headers[] = {{"X-Forwarded-For", list}};
  const List addresses = forwarded_addresses(headers, ForwardedField::x_forwarded_for);
  ASSERT_EQ(addresses.size(), forwarded_hops_max);
  EXPECT_EQ(addresses.back(), "10.0.0.99");
}

}  // namespace
}  // namespace sparc::http
