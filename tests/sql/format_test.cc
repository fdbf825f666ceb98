// Goal:   values print and read exactly as PostgreSQL and pgvector print and read them.
// Method: fixed examples taken from PostgreSQL's documentation and pgvector's regression suite;
//         random values that must survive a round trip through their text.
#include "sql/format.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sql/error.h"
#include "sql/types/date_time.h"
#include "sql/types/type.h"

namespace kyrodb::sql {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSeed = 20261120;

// The error of reading `text`, as "SQLSTATE message".
std::string ParseError(const Type& type, absl::string_view text) {
  const absl::StatusOr<Value> value = ParseValue(type, text);
  if (value.ok()) return "no error";
  return SqlStateOf(value.status()) + " " + std::string(value.status().message());
}

TEST(FormatTest, DoublesPrintShortAndWithExponentOnlyWhereItHelps) {
  EXPECT_EQ(FormatDouble(0), "0");
  EXPECT_EQ(FormatDouble(-0.0), "-0");
  EXPECT_EQ(FormatDouble(1), "1");
  EXPECT_EQ(FormatDouble(100), "100");
  EXPECT_EQ(FormatDouble(0.1), "0.1");
  EXPECT_EQ(FormatDouble(0.0001), "0.0001");
  EXPECT_EQ(FormatDouble(0.00001), "1e-05");
  EXPECT_EQ(FormatDouble(123456789012345), "123456789012345");
  EXPECT_EQ(FormatDouble(1e15), "1e+15");
  EXPECT_EQ(FormatDouble(1.5e300), "1.5e+300");
  EXPECT_EQ(FormatDouble(std::nan("")), "NaN");
  EXPECT_EQ(FormatDouble(HUGE_VAL), "Infinity");
  EXPECT_EQ(FormatDouble(-HUGE_VAL), "-Infinity");
}

TEST(FormatTest, FloatsOfVectorsTurnToExponentsAtAMillion) {
  EXPECT_EQ(FormatFloat(100000.0f), "100000");
  EXPECT_EQ(FormatFloat(1000000.0f), "1e+06");
  EXPECT_EQ(FormatFloat(1.5e38f), "1.5e+38");
  EXPECT_EQ(FormatFloat(0.1f), "0.1");
  EXPECT_EQ(FormatFloat(-0.0f), "-0");
}

TEST(FormatTest, RandomDoublesSurviveTheirText) {
  Random random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t bits = random.Next();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isnan(value)) continue;
    const std::string text = FormatDouble(value);
    const absl::StatusOr<Value> back = ParseValue(kDoubleType, text);
    ASSERT_TRUE(back.ok()) << text << ": " << back.status() << ", seed " << kSeed;
    ASSERT_EQ(std::get<double>(*back), value) << text << ", seed " << kSeed;
  }
}

TEST(FormatTest, RandomIntegersSurviveTheirTextUpToTheLimits) {
  Random random(kSeed);
  for (int i = 0; i < 5000; ++i) {
    const auto value = static_cast<int64_t>(random.Next() >> random.Uniform(64));
    const absl::StatusOr<Value> back =
        ParseValue(kBigintType, FormatValue(kBigintType, Value(value)));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(std::get<int64_t>(*back), value);
  }
  EXPECT_EQ(std::get<int64_t>(*ParseValue(kBigintType, "-9223372036854775808")),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ParseError(kBigintType, "9223372036854775808"),
            "22003 value \"9223372036854775808\" is out of range for type bigint");
  EXPECT_EQ(ParseError(kIntegerType, "2147483648"),
            "22003 value \"2147483648\" is out of range for type integer");
  EXPECT_EQ(std::get<int64_t>(*ParseValue(kIntegerType, "-2147483648")), -2147483648LL);
  EXPECT_EQ(ParseError(kBigintType, "99999999999999999999999999"),
            "22003 value \"99999999999999999999999999\" is out of range for type bigint");
  for (const char* bad : {"", " ", "-", "+", "1 2", "1.0", "0x10", "abc", "--1"}) {
    EXPECT_EQ(ParseError(kBigintType, bad),
              std::string("22P02 invalid input syntax for type bigint: \"") + bad + "\"");
  }
}

TEST(FormatTest, RandomTimesSurviveTheirText) {
  Random random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    // Years -4000 to 294000 or so, and everything near today.
    const auto micros = static_cast<int64_t>(random.Next() % 4000000000000000000u) -
                        (random.OneIn(10) ? 200000000000000000 : 0);
    const std::string text = FormatTimestamptz(micros);
    const absl::StatusOr<int64_t> back = ParseTimestamptz(text);
    ASSERT_TRUE(back.ok()) << text << ": " << back.status();
    ASSERT_EQ(*back, micros) << text;
  }
}

TEST(FormatTest, TimesAreReadInEveryIsoForm) {
  const int64_t ten = 1795168800000000;  // 2026-11-20 10:00:00 UTC
  for (const char* text :
       {"2026-11-20 10:00:00+00", "2026-11-20T10:00:00Z", "2026-11-20 10:00", "2026-11-20 10:00:00",
        " 2026-11-20 12:00:00+02 ", "2026-11-20 12:30:00+02:30", "2026-11-20 07:00:00 -03",
        "2026-11-20 10:00:00 UTC", "2026-11-20 10:00:00.000"}) {
    const absl::StatusOr<int64_t> micros = ParseTimestamptz(text);
    ASSERT_TRUE(micros.ok()) << text << ": " << micros.status();
    EXPECT_EQ(*micros, ten) << text;
  }
  EXPECT_EQ(*ParseTimestamptz("2026-11-20 10:00:00.1234567"), ten + 123457);
  EXPECT_EQ(*ParseTimestamptz("2026-11-20 24:00:00"), *ParseTimestamptz("2026-11-21"));
  for (const char* bad : {"", "2026", "2026-11", "2026-11-20T", "2026-11-20 10",
                          "2026-11-20 10:00:00 Mars", "2026-11-20 10:00:00+"}) {
    EXPECT_THAT(ParseError(kTimestamptzType, bad), HasSubstr("22007 invalid input syntax")) << bad;
  }
  for (const char* bad : {"20.11.2026", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32",
                          "2026-01-01 25:00:00", "2026-01-01 10:60:00"}) {
    EXPECT_THAT(ParseError(kTimestamptzType, bad), HasSubstr("22008 ")) << bad;
  }
  EXPECT_THAT(ParseError(kTimestamptzType, "999999-01-01"), HasSubstr("22008 timestamp out of"));
  EXPECT_EQ(FormatTimestamp(kTimestampInfinity), "infinity");
}

TEST(FormatTest, BooleansAreReadInEverySpelling) {
  for (const char* yes : {"t", "true", "TRUE", "tru", "y", "yes", "on", "1", " true "}) {
    EXPECT_TRUE(std::get<bool>(*ParseValue(kBooleanType, yes))) << yes;
  }
  for (const char* no : {"f", "false", "n", "no", "off", "of", "0"}) {
    EXPECT_FALSE(std::get<bool>(*ParseValue(kBooleanType, no))) << no;
  }
  for (const char* bad : {"", "o", "2", "maybe", "truee"}) {
    EXPECT_THAT(ParseError(kBooleanType, bad), HasSubstr("22P02")) << bad;
  }
}

TEST(FormatTest, BytesSurviveTheirText) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string text = FormatValue(kByteaType, Value(all));
  EXPECT_EQ(text.substr(0, 8), "\\x000102");
  EXPECT_EQ(std::get<std::string>(*ParseValue(kByteaType, text)), all);
  EXPECT_EQ(std::get<std::string>(*ParseValue(kByteaType, "a\\\\b\\101")), "a\\bA");
}

TEST(FormatTest, RandomVectorsSurviveTheirText) {
  Random random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> vector(1 + random.Uniform(20));
    for (float& element : vector) {
      do {
        const auto bits = static_cast<uint32_t>(random.Next());
        std::memcpy(&element, &bits, sizeof(element));
      } while (!std::isfinite(element));
    }
    const std::string text = FormatValue(kVectorType, Value(vector));
    const absl::StatusOr<Value> back = ParseValue(kVectorType, text);
    ASSERT_TRUE(back.ok()) << text << ": " << back.status();
    ASSERT_EQ(std::get<std::vector<float>>(*back), vector) << text;
  }
}

TEST(FormatTest, BadVectorsAreRefusedInPgvectorsWords) {
  EXPECT_EQ(ParseError(kVectorType, "[1,2"),
            "22P02 invalid input syntax for type vector: \"[1,2\"");
  EXPECT_EQ(ParseError(kVectorType, "[]"), "22000 vector must have at least 1 dimension");
  EXPECT_EQ(ParseError(kVectorType, "[nan]"), "22000 NaN not allowed in vector");
  EXPECT_EQ(ParseError(kVectorType, "[-inf]"), "22000 infinite value not allowed in vector");
  EXPECT_EQ(ParseError(kVectorType, "[1e39]"), "22003 \"1e39\" is out of range for type vector");
  EXPECT_EQ(ParseError({TypeId::kVector, 3}, "[1,2]"), "22000 expected 3 dimensions, not 2");
  std::string big = "[1";
  for (uint32_t i = 0; i < engine::kVectorDimensionsMax; ++i) big += ",1";
  EXPECT_EQ(ParseError(kVectorType, big + "]"),
            "54000 vector cannot have more than 16000 dimensions");
}

TEST(FormatTest, RandomBytesAreReadOrRefusedButNeverCrash) {
  Random random(kSeed);
  const absl::string_view alphabet = "[](){}0123456789.,-+eE\"\\x: \tnatruefls\xC3\xA9:TZ";
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (uint64_t n = random.Uniform(24); n > 0; --n) {
      text.push_back(random.OneIn(20) ? static_cast<char>(random.Next())
                                      : alphabet[random.Uniform(alphabet.size())]);
    }
    for (const Type& type : {kBooleanType,
                             kSmallintType,
                             kIntegerType,
                             kBigintType,
                             kRealType,
                             kDoubleType,
                             kNumericType,
                             kDateType,
                             kTimeType,
                             kTimestampType,
                             kTimestamptzType,
                             kIntervalType,
                             kByteaType,
                             kUuidType,
                             kJsonbType,
                             kBitType,
                             kVarbitType,
                             kVectorType,
                             kHalfvecType,
                             kSparsevecType,
                             Type{ArrayOf(TypeId::kInteger), 0},
                             Type{ArrayOf(TypeId::kText), 0},
                             Type{ArrayOf(TypeId::kNumeric), 0}}) {
      const absl::StatusOr<Value> value = ParseValue(type, text);
      if (!value.ok()) continue;
      // What was read prints to a text that reads back to the same text.
      const std::string printed = FormatValue(type, *value);
      const absl::StatusOr<Value> again = ParseValue(type, printed);
      ASSERT_TRUE(again.ok()) << text << " -> " << printed << ": " << again.status();
      ASSERT_EQ(FormatValue(type, *again), printed) << text;
    }
  }
}

TEST(FormatTest, LiteralsKeepQuotesAndTypes) {
  EXPECT_EQ(QuoteLiteral(kTextType, Value("it's")), "'it''s'");
  EXPECT_EQ(QuoteLiteral(kIntegerType, Value(int64_t{-5})), "-5");
  EXPECT_EQ(QuoteLiteral(kDoubleType, Value(2.0)), "2.0");
  EXPECT_EQ(QuoteLiteral(kVectorType, Value(std::vector<float>{1, 2})), "'[1,2]'::vector");
  EXPECT_EQ(QuoteLiteral(kTextType, Value(Null{})), "NULL");
}

}  // namespace
}  // namespace kyrodb::sql
