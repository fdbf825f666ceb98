// Goal: numeric's arithmetic is exact, its text and bytes lose nothing, and its bytes sort as the
// numbers do.
// Method: random numbers of few and many digits against 128-bit integers and against algebra (a
// quotient times its divisor, a root squared); fixed cases where PostgreSQL's choice of digits
// matters are in sqllogic/numeric.slt.
#include "sql/types/decimal.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

constexpr uint64_t kSeed = 20261120;

// A number with up to `digits` decimal digits, the point anywhere in or around them.
std::string RandomText(Random& random, uint64_t digits) {
  std::string text = random.OneIn(2) ? "-" : "";
  const uint64_t count = 1 + random.Uniform(digits);
  const uint64_t point = random.Uniform(count + 1);
  for (uint64_t i = 0; i < count; ++i) {
    if (i == point) text += i == 0 ? "0." : ".";
    text += random.OneIn(3) ? '0' : static_cast<char>('0' + random.Uniform(10));
  }
  return text;
}

Decimal Number(absl::string_view text) { return *Decimal::Parse(text); }

TEST(DecimalTest, IntegersComputeAs128BitsDo) {
  Random random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const auto x = static_cast<int64_t>(random.Next() >> random.Uniform(64));
    const auto y =
        static_cast<int64_t>(random.Next() >> random.Uniform(64)) * (random.OneIn(2) ? 1 : -1);
    const Decimal a(x);
    const Decimal b(y);
    const auto equals = [&](const Decimal& result, Wide expected) {
      ASSERT_EQ(result.ToText(), Decimal(expected).ToText()) << x << " " << y;
    };
    equals(Add(a, b), static_cast<Wide>(x) + y);
    equals(Subtract(a, b), static_cast<Wide>(x) - y);
    equals(Multiply(a, b), static_cast<Wide>(x) * y);
    ASSERT_EQ(Compare(a, b), x < y ? -1 : (x > y ? 1 : 0));
    if (y == 0) continue;
    equals(*Quotient(a, b), static_cast<Wide>(x) / y);
    equals(*Modulo(a, b), static_cast<Wide>(x) % y);
    Wide back = 0;
    ASSERT_TRUE(Multiply(a, b).ToWide(&back));
    ASSERT_TRUE(back == static_cast<Wide>(x) * y);
  }
}

TEST(DecimalTest, TextAndBytesLoseNothing) {
  Random random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const Decimal number = Number(RandomText(random, random.OneIn(20) ? 400 : 30));
    const std::string text = number.ToText();
    ASSERT_EQ(Number(text).ToText(), text);
    const Decimal back = Decimal::FromBytes(number.ToBytes());
    ASSERT_EQ(back.ToText(), text);
    ASSERT_EQ(back.ToBytes(), number.ToBytes());
  }
}

TEST(DecimalTest, BytesSortAsNumbersDo) {
  Random random(kSeed);
  std::vector<Decimal> numbers = {Decimal::NaN(), Decimal::Infinity(true), Decimal::Infinity(false),
                                  Decimal()};
  for (int i = 0; i < 400; ++i) {
    numbers.push_back(Number(RandomText(random, random.OneIn(2) ? 6 : 30)));
    numbers.push_back(numbers.back().Rounded(static_cast<int>(random.Uniform(6))));
    numbers.push_back(numbers.back().Negated());
  }
  const auto ordered = [](const Decimal& number) {
    const std::string bytes = number.ToBytes();
    return bytes.substr(0, bytes.size() - 2);
  };
  for (const Decimal& a : numbers) {
    for (const Decimal& b : numbers) {
      const int order = ordered(a).compare(ordered(b));
      ASSERT_EQ(order < 0 ? -1 : (order > 0 ? 1 : 0), Compare(a, b))
          << a.ToText() << " " << b.ToText();
      // The sum of what is between them says the same, where there is one.
      if (!a.is_finite() || !b.is_finite()) continue;
      const Decimal difference = Subtract(a, b);
      ASSERT_EQ(Compare(a, b), difference.is_zero() ? 0 : (difference.negative() ? -1 : 1));
    }
  }
}

TEST(DecimalTest, QuotientsAndRootsAreRoundedRight) {
  Random random(kSeed);
  const Decimal two(int64_t{2});
  for (int i = 0; i < 3000; ++i) {
    const Decimal a = Number(RandomText(random, 40));
    const Decimal b = Number(RandomText(random, 40));
    const int scale = static_cast<int>(random.Uniform(30));
    if (!b.is_zero()) {
      // |a / b - q| is at most half a unit of the last place: |2(a - q b)| <= |b| 10^-scale.
      const Decimal q = DivideTo(a, b, scale, true);
      ASSERT_EQ(q.scale(), scale);
      Decimal unit(int64_t{1});
      for (int s = 0; s < scale; ++s) unit = Multiply(unit, Number("0.1"));
      const Decimal error = Multiply(two, Subtract(a, Multiply(q, b))).Absolute();
      ASSERT_LE(Compare(error, Multiply(b.Absolute(), unit)), 0)
          << a.ToText() << " / " << b.ToText();
    }
    const Decimal root = SquareRootTo(a.Absolute(), scale);
    Decimal unit(int64_t{1});
    for (int s = 0; s < scale; ++s) unit = Multiply(unit, Number("0.1"));
    const Decimal half = Multiply(unit, Number("0.51"));
    const Decimal above = Add(root, half);
    const Decimal below = Subtract(root, half);
    ASSERT_GE(Compare(Multiply(above, above), a.Absolute()), 0) << a.ToText();
    if (!below.negative()) {
      ASSERT_LE(Compare(Multiply(below, below), a.Absolute()), 0) << a.ToText();
    }
  }
}

TEST(DecimalTest, RoundingGoesAwayFromZero) {
  Random random(kSeed);
  for (int i = 0; i < 5000; ++i) {
    const Decimal number = Number(RandomText(random, 25));
    const int scale = static_cast<int>(random.Uniform(12)) - 4;
    const Decimal rounded = number.Rounded(scale);
    const Decimal cut = number.Truncated(scale);
    ASSERT_LE(Compare(cut.Absolute(), number.Absolute()), 0);
    ASSERT_GE(Compare(rounded.Absolute(), cut.Absolute()), 0);
    // At a scale that shows everything nothing changes.
    ASSERT_EQ(Compare(number.Rounded(number.minimal_scale()), number), 0);
  }
  EXPECT_EQ(Number("2.5").Rounded(0).ToText(), "3");
  EXPECT_EQ(Number("-2.5").Rounded(0).ToText(), "-3");
  EXPECT_EQ(Number("9999.99995").Rounded(4).ToText(), "10000.0000");
  EXPECT_EQ(Number("5").Rounded(-1).ToText(), "10");
  EXPECT_EQ(Number("49").Rounded(-2).ToText(), "0");
}

TEST(DecimalTest, AnyBytesAreSomeNumber) {
  Random random(kSeed);
  for (int i = 0; i < 50000; ++i) {
    std::string bytes;
    for (uint64_t n = random.Uniform(16); n > 0; --n) {
      bytes.push_back(static_cast<char>(random.OneIn(2) ? random.Uniform(8) : random.Next()));
    }
    const Decimal number = Decimal::FromBytes(bytes);
    // Weights beyond the type's range would print gigabytes.
    if (number.weight() < 100 && number.scale() < 1000) {
      EXPECT_FALSE(number.ToText().empty());
    }
    Compare(number, Number("1.5"));
  }
}

TEST(DecimalTest, LogarithmAndExponentialUndoEachOther) {
  Random random(kSeed);
  for (int i = 0; i < 60; ++i) {
    const Decimal x = Number(RandomText(random, 12)).Absolute();
    if (x.is_zero()) continue;
    const absl::StatusOr<Decimal> logarithm = Logarithm(x.WithScale(std::max(x.scale(), 40)));
    ASSERT_TRUE(logarithm.ok());
    const absl::StatusOr<Decimal> back = Exponential(*logarithm);
    ASSERT_TRUE(back.ok()) << back.status();
    const Decimal error = Subtract(*back, x).Absolute();
    EXPECT_LE(Compare(error, Multiply(x, Number("1e-25"))), 0) << x.ToText();
  }
}

}  // namespace
}  // namespace kyrodb::sql
