// Runs tests/vectors/native.json, which the implementations in other languages run too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/as_json.h"
#include "protocol/native/request_writer.h"

namespace sparc::protocol::native::testing {
namespace {

using nlohmann::json;

json load() {
  std::ifstream in(SPARC_VECTORS);
  return json::parse(in).at("vectors");
}

bool is_binary(const json& vector) { return vector.contains("hex"); }
std::string message_of(const json& vector) {
  return is_binary(vector) ? unhex(vector.at("hex").get<std::string>()) : vector.at("text").get<std::string>();
}

std::vector<Decoded> decode(Decoder& decoder, const json& vector) {
  const std::string message = message_of(vector);
  if (!is_binary(vector)) return decoder.text(message);
  std::vector<Decoded> out;
  out.push_back(decoder.binary(message));
  return out;
}

void expect_frame(const Decoded& decoded, const json& expected) {
  if (!expected.contains("error") || expected.contains("type")) {
    ASSERT_TRUE(decoded) << decoded.error().fault.message;
    EXPECT_EQ(as_json(*decoded), expected);
    return;
  }
  const json& error = expected.at("error");
  ASSERT_FALSE(decoded) << as_json(*decoded);
  EXPECT_EQ(name_of(decoded.error().fault.code), error.at("code").get<std::string>());
  EXPECT_THAT(decoded.error().fault.message, ::testing::HasSubstr(error.at("mentions").get<std::string>()));
  EXPECT_EQ(decoded.error().id.has_value(), error.contains("id"));
  if (decoded.error().id && error.contains("id")) {
    EXPECT_EQ(*decoded.error().id, error.at("id").get<std::int64_t>());
  }
}

TEST(Vectors, EveryMessageOfAClientDecodesAsItsVectorSays) {
  Decoder decoder;
  int count = 0;
  for (const auto& vector : load()) {
    if (vector.at("direction") != "client") continue;
    SCOPED_TRACE(vector.at("name").get<std::string>());
    ++count;
    const auto decoded = decode(decoder, vector);
    const auto& frames = vector.at("frames");
    ASSERT_EQ(decoded.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) expect_frame(decoded[i], frames[i]);
  }
  EXPECT_GT(count, 90);
}

TEST(Vectors, EncodingARequestGivesItsCanonicalMessage) {
  Decoder decoder;
  int count = 0;
  for (const auto& vector : load()) {
    if (vector.at("direction") != "client" || !vector.value("canonical", false)) continue;
    SCOPED_TRACE(vector.at("name").get<std::string>());
    ++count;
    const auto decoded = decode(decoder, vector);
    ASSERT_TRUE(decoded.at(0));
    std::string message;
    if (is_binary(vector)) {
      append_binary_request(message, *decoded[0]);
    } else {
      append_request(message, *decoded[0]);
    }
    EXPECT_EQ(message, message_of(vector));
  }
  EXPECT_GT(count, 30);
}

TEST(Vectors, EveryMessageOfAServerDecodesAsItsVectorSaysAndEncodesCanonically) {
  PushDecoder decoder;
  int count = 0;
  for (const auto& vector : load()) {
    if (vector.at("direction") != "server") continue;
    SCOPED_TRACE(vector.at("name").get<std::string>());
    ++count;
    const std::string message = message_of(vector);
    const auto decoded = is_binary(vector) ? decoder.binary(message) : decoder.text(message);
    if (vector.value("invalid", false)) {
      EXPECT_FALSE(decoded);
      continue;
    }
    ASSERT_TRUE(decoded) << decoded.error();
    const auto& frames = vector.at("frames");
    ASSERT_EQ(decoded->size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(as_json((*decoded)[i]), frames[i]);
    if (vector.value("canonical", false)) {
      EXPECT_EQ(rendered(decoded->front()), message);
    }
  }
  EXPECT_GT(count, 30);
}

}  // namespace
}  // namespace sparc::protocol::native::testing
