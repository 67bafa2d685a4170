#include "ws/extension.h"

#include <gtest/gtest.h>

namespace sparc::ws {
namespace {

std::expected<std::vector<Extension>, std::string_view> parse(std::string_view value) {
  const Header headers[] = {{"Host", "x"}, {"sec-websocket-extensions", value}};
  return parse_extensions(headers);
}

/// The response to an offer; "declined", or what is wrong with its syntax.
std::string answer(std::string_view offer, int window_bits = 12) {
  const auto offers = parse(offer);
  if (!offers) return std::string(offers.error());
  const auto agreement = accept_deflate(*offers, window_bits);
  return agreement ? agreement->response : "declined";
}

const std::string accepted = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

TEST(Rfc7692Section7_1, TheServerDemandsNoContextTakeoverOfBothSides) {
  EXPECT_EQ(answer("permessage-deflate"), accepted);
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits"), accepted);
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=8"), accepted);
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"), accepted);
  EXPECT_EQ(answer("Permessage-Deflate ;client_no_context_takeover"), accepted);
}

TEST(Rfc7692Section7_1_2_1, AWindowAtLeastAsLargeAsOursIsAnsweredWithOurs) {
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=12"), accepted + "; server_max_window_bits=12");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=15"), accepted + "; server_max_window_bits=12");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=\"13\""), accepted + "; server_max_window_bits=12");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=15", 15), accepted + "; server_max_window_bits=15");
}

TEST(Rfc7692Section7_1_2_1, ASmallerWindowIsDeclinedAndTheNextOfferTaken) {
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=11"), "declined");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=8, permessage-deflate"), accepted);
}

TEST(Rfc7692Section7_1, AnOfferWithAParameterThatIsNotDefinedIsDeclined) {
  for (const std::string_view offer :
       {"permessage-deflate; unknown", "permessage-deflate; unknown=1", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=012", "permessage-deflate; server_max_window_bits=+12",
        "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=abc",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=13; server_max_window_bits=13",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10", "permessage-bzip2", "x-webkit-deflate-frame"}) {
    EXPECT_EQ(answer(offer), "declined") << offer;
  }
}

TEST(Rfc6455Section9_1, ExtensionsAreAListOfTokensWithParameters) {
  const auto list = parse("foo, bar; baz=2 ;  qux=\"a\\b\",, permessage-deflate");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[0].name, "foo");
  ASSERT_EQ((*list)[1].parameters.size(), 2u);
  EXPECT_EQ((*list)[1].parameters[0].value, "2");
  EXPECT_EQ((*list)[1].parameters[1].value, "ab");
  EXPECT_EQ(answer("foo, bar; baz=2, permessage-deflate"), accepted);
}

TEST(Rfc6455Section9_1, ALineMayBeSplitIntoSeveral) {
  const Header headers[] = {{"Sec-WebSocket-Extensions", "foo"}, {"SEC-WEBSOCKET-EXTENSIONS", "permessage-deflate"}};
  const auto list = parse_extensions(headers);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), 2u);
  EXPECT_TRUE(parse_extensions(Headers{})->empty());
}

TEST(Rfc6455Section9_1, ALineThatDoesNotFollowTheGrammarIsAnError) {
  for (const std::string_view value : {"", ",", ";", "foo;", "foo; =1", "foo; a=", "foo bar", "foo; a=\"b c\"", "foo; a=\"b",
                                       "foo; a=\"\"", "foo; a=\"b\\", "\"foo\"", "foo=1", "foo; a b", "f\xc3\xbc"}) {
    EXPECT_FALSE(parse(value)) << value;
  }
}

TEST(Rfc6455Section9_1, ExtensionsAndTheirParametersAreBounded) {
  std::string list = "e0", parameters = "e";
  for (std::size_t i = 1; i < extensions_max; ++i) list += ",e" + std::to_string(i);
  for (std::size_t i = 0; i < extension_parameters_max; ++i) parameters += ";p";
  EXPECT_TRUE(parse(list));
  EXPECT_FALSE(parse(list + ",e"));
  EXPECT_TRUE(parse(parameters));
  EXPECT_FALSE(parse(parameters + ";p"));
}

TEST(Rfc7692Section5_1, TheClientTakesOnlyAResponseThatItsOfferAllows) {
  auto check = [](std::string_view value) {
    const auto result = check_deflate_response(*parse(value));
    return result ? (*result ? "on" : "off") : "failed";
  };
  EXPECT_STREQ(check(accepted), "on");
  EXPECT_STREQ(check("permessage-deflate; server_no_context_takeover"), "on");
  EXPECT_STREQ(check(accepted + "; server_max_window_bits=10"), "on");
  EXPECT_STREQ(check("permessage-deflate"), "failed");
  EXPECT_STREQ(check(accepted + "; client_max_window_bits=10"), "failed");
  EXPECT_STREQ(check(accepted + "; server_max_window_bits"), "failed");
  EXPECT_STREQ(check(accepted + "; unknown"), "failed");
  EXPECT_STREQ(check(accepted + ", " + accepted), "failed");
  EXPECT_STREQ(check("permessage-bzip2"), "failed");
  EXPECT_EQ(check_deflate_response({}), false);
}

TEST(Rfc7692Section5, TheOfferOfTheClientIsAcceptedByTheServer) { EXPECT_EQ(answer(deflate_offer), accepted); }

}  // namespace
}  // namespace sparc::ws
