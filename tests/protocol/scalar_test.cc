#include "protocol/scalar.h"

#include <gtest/gtest.h>

namespace sparc::protocol {
namespace {

TEST(Scalar, NumbersHaveOneShortestFormHoweverTheyAreWritten) {
  for (const char* one : {"1", "1.0", "1e0", "10e-1", "0.1e1", "1.000E+00"}) EXPECT_EQ(scalar_of(one), "n1") << one;
  for (const char* zero : {"0", "-0", "0.0", "0e9", "-0.000e-5"}) EXPECT_EQ(scalar_of(zero), "n0") << zero;
  EXPECT_EQ(scalar_of("-1.50"), "n-1.5");
  EXPECT_EQ(scalar_of("0.05"), "n0.05");
  EXPECT_EQ(scalar_of("5e-2"), "n0.05");
  EXPECT_EQ(scalar_of("1200"), "n1200");
  EXPECT_EQ(scalar_of("1.2e3"), "n1200");
  EXPECT_EQ(scalar_of("12.5e-30"), "n1.25e-29");
  EXPECT_EQ(scalar_of("1e30"), "n1e30");
  EXPECT_EQ(scalar_of("1e-99999999999999999999"), scalar_of("1e-88888888888888888888"));
}

TEST(Scalar, LongIntegersAreComparedExactly) {
  EXPECT_NE(scalar_of("9007199254740993"), scalar_of("9007199254740992"));
  EXPECT_EQ(scalar_of("123456789012345678901234567890"), "n123456789012345678901234567890");
}

TEST(Scalar, AStringIsNeverANumber) {
  EXPECT_EQ(scalar_of("\"1\""), "s1");
  EXPECT_EQ(scalar_of(R"("caf\u00e9")"), "scafé");
  EXPECT_EQ(scalar_of("\"\""), "s");
}

TEST(Scalar, OtherValuesHaveNone) {
  for (const char* raw : {"true", "null", "{}", "[1]", ""}) EXPECT_TRUE(scalar_of(raw).empty()) << raw;
}

TEST(Scalar, WritingAScalarGivesJsonWithTheSameScalar) {
  for (const char* raw : {"1e30", "-0.05", "\"a\\\"b\"", "120", "\"\"", "1.25e-29", "12345678901234567890.5"}) {
    std::string text;
    append_scalar(text, scalar_of(raw));
    EXPECT_EQ(scalar_of(text), scalar_of(raw)) << raw;
  }
}

}  // namespace
}  // namespace sparc::protocol
