#include <gtest/gtest.h>

#include "base/prefixes.h"
#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {
namespace {

PacketDecoder standard(const DecoderLimits& limits = {}) { return {Parser::standard, limits}; }

Packet decoded(std::string_view text) {
  auto packet = standard().text(text);
  EXPECT_TRUE(packet && *packet) << text;
  return packet && *packet ? std::move(**packet) : Packet{};
}

std::string fault(std::string_view text) {
  const auto packet = standard().text(text);
  EXPECT_FALSE(packet) << text;
  return packet ? "" : packet.error();
}

TEST(PacketDecoder, AConnectMayCarryAnObject) {
  EXPECT_EQ(decoded("0").type, PacketType::connect);
  EXPECT_EQ(decoded("0").nsp, "/");
  EXPECT_EQ(decoded("0").data, "");
  EXPECT_EQ(decoded(R"(0{"token":"123"})").data, R"({"token":"123"})");
  EXPECT_EQ(decoded("0/custom,").nsp, "/custom");
  EXPECT_EQ(decoded("0/random").nsp, "/random");
  EXPECT_EQ(decoded(R"(0/custom,{"token":"abc"})").data, R"({"token":"abc"})");
  for (const char* text : {"0[]", "0[1]", "0\"a\"", "0null", "0true", "0{", "0{}{}"}) EXPECT_EQ(fault(text), "invalid payload");
}

TEST(PacketDecoder, ADisconnectCarriesNothing) {
  EXPECT_EQ(decoded("1").type, PacketType::disconnect);
  EXPECT_EQ(decoded("1/custom").nsp, "/custom");
  EXPECT_EQ(decoded("1/custom,").nsp, "/custom");
  EXPECT_EQ(fault("1{}"), "invalid payload");
}

TEST(PacketDecoder, AnEventIsAnArrayBehindANamespaceAndAnId) {
  const Packet plain = decoded(R"(2["message",1,"2",{"3":[true]}])");
  EXPECT_EQ(plain.type, PacketType::event);
  EXPECT_EQ(plain.nsp, "/");
  EXPECT_FALSE(plain.id);
  EXPECT_EQ(plain.data, R"(["message",1,"2",{"3":[true]}])");
  const Packet full = decoded(R"(2/admin,456["a"])");
  EXPECT_EQ(full.nsp, "/admin");
  EXPECT_EQ(full.id, 456U);
  EXPECT_EQ(full.data, R"(["a"])");
  EXPECT_EQ(decoded(R"(2 [ "a" ] )").data, R"([ "a" ])");
}

TEST(PacketDecoder, AnEventsNameIsANumberOrATextThatIsNotReserved) {
  EXPECT_EQ(decoded(R"(2[1,"a"])").data, R"([1,"a"])");
  for (const char* text : {"2", "2[]", "2{}", "2[null]", "2[true]", "2[{}]", "2[[]]", "2\"a\"", "2[\"connect\"]",
                           "2[\"connect_error\"]", "2[\"disconnect\"]", "2[\"disconnecting\"]", "2[\"newListener\"]",
                           "2[\"removeListener\"]", "2[\"\\u0063onnect\"]", "2[\"a\"", "2[\"a\"]x", "2abc[\"a\"]"})
    EXPECT_EQ(fault(text), "invalid payload") << text;
  EXPECT_EQ(decoded(R"(2["Connect"])").data, R"(["Connect"])");
}

TEST(PacketDecoder, AnAcknowledgementIsAnArray) {
  const Packet packet = decoded(R"(3/nsp,12["ok",{}])");
  EXPECT_EQ(packet.type, PacketType::ack);
  EXPECT_EQ(packet.id, 12U);
  EXPECT_EQ(decoded("30[]").id, 0U);
  for (const char* text : {"31", "31{}", "31\"a\""}) EXPECT_EQ(fault(text), "invalid payload");
}

TEST(PacketDecoder, AConnectErrorIsATextOrAnObject) {
  EXPECT_EQ(decoded(R"(4{"message":"no"})").type, PacketType::connect_error);
  EXPECT_EQ(decoded(R"(4"no")").data, R"("no")");
  EXPECT_EQ(fault("4[1]"), "invalid payload");
}

TEST(PacketDecoder, ATypeThatIsNoneIsNamed) {
  EXPECT_EQ(fault("9"), "unknown packet type 9");
  EXPECT_EQ(fault("7[\"a\"]"), "unknown packet type 7");
  EXPECT_EQ(fault("abc"), "unknown packet type NaN");
  EXPECT_EQ(fault(""), "unknown packet type NaN");
}

TEST(PacketDecoder, AttachmentsFollowInOrder) {
  auto decoder = standard();
  const auto header = decoder.text(R"(52-/admin,789["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  ASSERT_TRUE(header);
  EXPECT_FALSE(*header);
  const auto first = decoder.binary("\x01\x02\x03");
  ASSERT_TRUE(first);
  EXPECT_FALSE(*first);
  const auto packet = decoder.binary("\x04");
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->type, PacketType::event);
  EXPECT_EQ((*packet)->nsp, "/admin");
  EXPECT_EQ((*packet)->id, 789U);
  EXPECT_EQ((*packet)->attachments, (std::vector<std::string>{"\x01\x02\x03", "\x04"}));
  // The next packet is one of its own.
  EXPECT_TRUE(decoder.text(R"(2["a"])"));
  ASSERT_FALSE(*decoder.text(R"(61-0[{"_placeholder":true,"num":0}])"));
  EXPECT_EQ((*decoder.binary("x"))->type, PacketType::ack);
}

TEST(PacketDecoder, AnAttachmentThatIsNotReferredToIsKept) {
  auto decoder = standard();
  ASSERT_TRUE(decoder.text(R"(51-["a"])"));
  EXPECT_EQ((*decoder.binary("x"))->attachments.size(), 1U);
}

TEST(PacketDecoder, CountsOfAttachmentsAreChecked) {
  for (const char* text : {"5[\"a\"]", "5-[\"a\"]", "5x-[\"a\"]", "5-1-[\"a\"]", "50-[\"a\"]", "500-[\"a\"]", "51", "5",
                           "51.0-[\"a\"]", "51e1-[\"a\"]", "5 1-[\"a\"]", "50x1-[\"a\"]", "60-[\"a\"]"})
    EXPECT_EQ(fault(text), "Illegal attachments") << text;
  for (const char* text : {"511-[\"a\"]", "599999999999999999999999-[\"a\"]", "518446744073709551617-[\"a\"]"})
    EXPECT_EQ(fault(text), "too many attachments") << text;
  EXPECT_TRUE(standard().text("510-[\"a\"]"));
  EXPECT_TRUE(standard({.attachments_max = 11}).text("511-[\"a\"]"));
}

TEST(PacketDecoder, APlaceholderNamesOneAttachmentOfItsOwn) {
  const auto with = [](std::string_view placeholder) { return fault("52-[\"a\"," + std::string(placeholder) + "]"); };
  for (const char* placeholder :
       {R"({"_placeholder":true,"num":2})", R"({"_placeholder":true,"num":-1})", R"({"_placeholder":true})",
        R"({"_placeholder":true,"num":"0"})", R"({"_placeholder":true,"num":"splice"})", R"({"_placeholder":true,"num":0.5})",
        R"({"_placeholder":true,"num":99999999999999999999})", R"({"_placeholder":true,"num":null})",
        R"({"_placeholder":true,"num":{"valueOf":1}})", R"({"_placeholder":true,"num":0,"more":[1]})",
        R"({"\u005fplaceholder":true,"num":7})", R"([[{"b":{"num":2,"_placeholder":true}}]])",
        R"({"_placeholder":true,"num":0},{"_placeholder":true,"num":0})"})
    EXPECT_EQ(with(placeholder), "illegal attachments") << placeholder;
}

TEST(PacketDecoder, APlaceholderWithoutAttachmentsIsRefused) {
  EXPECT_EQ(fault(R"(2["a",{"_placeholder":true,"num":0}])"), "illegal attachments");
  EXPECT_EQ(decoded(R"(2["a",{"_placeholder":false,"num":0},"_placeholder"])").attachments.size(), 0U);
}

TEST(PacketDecoder, TextAmongAttachmentsIsRefused) {
  auto decoder = standard();
  ASSERT_TRUE(decoder.text("51-[\"a\"]"));
  EXPECT_EQ(decoder.text("2[\"b\"]").error(), "got plaintext data when reconstructing a packet");
}

TEST(PacketDecoder, ABinaryMessageOutOfPlaceIsRefused) {
  auto decoder = standard();
  EXPECT_EQ(decoder.binary("x").error(), "got binary data when not reconstructing a packet");
  ASSERT_TRUE(decoder.text("51-[\"a\"]"));
  ASSERT_TRUE(decoder.binary("x"));
  EXPECT_FALSE(decoder.binary("x"));
}

TEST(PacketDecoder, BytesOfAPacketAreBounded) {
  const DecoderLimits limits{.bytes_max = 20};
  EXPECT_TRUE(standard(limits).text("2[\"" + std::string(15, 'a') + "\"]"));
  EXPECT_EQ(standard(limits).text("2[\"" + std::string(16, 'a') + "\"]").error(), "packet too large");
  auto decoder = standard(limits);
  ASSERT_TRUE(decoder.text("52-[\"a\"]"));  // 8 bytes
  EXPECT_TRUE(decoder.binary("123456"));
  EXPECT_EQ(decoder.binary("1234567").error(), "packet too large");
}

TEST(PacketDecoder, NamespacesAreShortPlainText) {
  EXPECT_EQ(decoded("0/" + std::string(255, 'n')).nsp.size(), 256U);
  EXPECT_EQ(fault("0/" + std::string(256, 'n')), "invalid namespace");
  EXPECT_EQ(fault("0/a\nb,"), "invalid namespace");
  EXPECT_EQ(fault("0/\xff,"), "invalid namespace");
  EXPECT_EQ(decoded("0/chat?token=1,").nsp, "/chat?token=1");
  EXPECT_EQ(decoded("0/__proto__,").nsp, "/__proto__");
}

TEST(PacketDecoder, IdsAreWhatJavaScriptCanCount) {
  EXPECT_EQ(decoded("29007199254740991[\"a\"]").id, packet_id_max);
  EXPECT_EQ(decoded("2007[\"a\"]").id, 7U);
  for (const char* text : {"29007199254740992[\"a\"]", "218446744073709551616[\"a\"]", "299999999999999999999999999[\"a\"]"})
    EXPECT_EQ(fault(text), "invalid packet id") << text;
}

TEST(PacketDecoder, DepthOfJsonIsBounded) {
  const auto nested = [](std::size_t depth) {
    return "2[\"a\"," + std::string(depth, '[') + "1" + std::string(depth, ']') + "]";
  };
  EXPECT_TRUE(standard().text(nested(63)));
  EXPECT_EQ(fault(nested(64)), "invalid payload");
  EXPECT_EQ(fault(nested(400'000)), "invalid payload");
}

TEST(PacketDecoder, JsonIsCheckedWhole) {
  for (const char* text : {"2[\"a\",nul]", "2[\"a\",01]", "2[\"a\",\"\\ud800\"]", "2[\"a\",\"\xff\"]", "2[\"a\",1e999]",
                           "2[\"a\",]", "2[\"a\"]]", "2['a']", "2[\"a\",NaN]"})
    EXPECT_EQ(fault(text), "invalid payload") << text;
}

TEST(PacketDecoder, EveryPrefixOfAPacketIsRefusedAndWaitsForNoAttachment) {
  for (const std::string_view text : {R"(2["a",{"b":[1,"\u00e9"]}])", R"(2/alerts,12["a"])", R"(3/alerts,7[{"x":null}])",
                                      R"(52-/alerts,12["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])",
                                      R"(61-3[{"_placeholder":true,"num":0}])"}) {
    ASSERT_TRUE(standard().text(text)) << text;
    for_each_prefix(text, [](std::string_view prefix) { EXPECT_FALSE(standard().text(prefix)) << prefix; });
  }
  for_each_prefix(R"(0/alerts,{"token":"t"})", [](std::string_view prefix) {
    const auto packet = standard().text(prefix);
    EXPECT_TRUE(!packet || (*packet)->data.empty()) << prefix << ": a namespace may be short, an object is whole";
  });
}

TEST(SplitEvent, NameFirstAndFurtherArguments) {
  EventParts parts = split_event(R"(["a\"b"])");
  EXPECT_EQ(parts.name, "a\"b");
  EXPECT_EQ(parts.first, "");
  EXPECT_EQ(parts.more, "");
  parts = split_event(R"([ "a" , {"x":[1,2]} ])");
  EXPECT_EQ(parts.first, R"({"x":[1,2]})");
  EXPECT_EQ(parts.more, "");
  parts = split_event(R"([ 12 ,"]", [3] , {"c":"]"} ])");
  EXPECT_EQ(parts.name, "12");
  EXPECT_EQ(parts.first, R"("]")");
  EXPECT_EQ(parts.more, R"([3] , {"c":"]"})");
}

}  // namespace
}  // namespace sparc::protocol::socketio
