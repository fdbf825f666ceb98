// Goal:   a call finds the overload that PostgreSQL would choose; LIKE matches what it says.
// Method: resolution by types over the real registry; LIKE against a naive matcher on random input;
//         order and identity of random values against each other.
#include "sql/functions/function.h"

#include <cmath>

#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "sql/error.h"
#include "sql/functions/md5.h"

namespace kyrodb::sql {
namespace {

constexpr uint64_t kSeed = 11;

std::string Resolve(absl::string_view op, std::vector<TypeId> types) {
  const absl::StatusOr<const ScalarFunction*> found = ResolveOperator(op, types, 1);
  if (!found.ok()) return SqlStateOf(found.status());
  std::string text;
  for (const TypeId id : (*found)->parameters) text += BaseTypeName(id) + " ";
  return text + "-> " + BaseTypeName((*found)->result.id);
}

TEST(FunctionTest, OperatorsTakeTheNearestTypes) {
  EXPECT_EQ(Resolve("+", {TypeId::kInteger, TypeId::kInteger}), "integer integer -> integer");
  EXPECT_EQ(Resolve("+", {TypeId::kInteger, TypeId::kBigint}), "bigint bigint -> bigint");
  EXPECT_EQ(Resolve("+", {TypeId::kBigint, TypeId::kDouble}),
            "double precision double precision -> double precision");
  EXPECT_EQ(Resolve("+", {TypeId::kInteger, kUnknownId}), "integer integer -> integer");
  EXPECT_EQ(Resolve("=", {kUnknownId, kUnknownId}), "text text -> boolean");
  EXPECT_EQ(Resolve("=", {TypeId::kTimestamptz, kUnknownId}),
            "timestamp with time zone timestamp with time zone -> boolean");
  EXPECT_EQ(Resolve("<->", {TypeId::kVector, kUnknownId}), "vector vector -> double precision");
  EXPECT_EQ(Resolve("||", {kUnknownId, kUnknownId}), "text text -> text");
  EXPECT_EQ(Resolve("->", {TypeId::kJsonb, kUnknownId}), "jsonb text -> jsonb");
  EXPECT_EQ(Resolve("->", {TypeId::kJsonb, TypeId::kInteger}), "jsonb integer -> jsonb");
  EXPECT_EQ(Resolve("+", {TypeId::kText, TypeId::kInteger}), "42883");
  EXPECT_EQ(Resolve("=", {TypeId::kBoolean, TypeId::kInteger}), "42883");
}

TEST(FunctionTest, EveryNameHasTheOverloadsItPromises) {
  for (const std::string& name : FunctionRegistry::Get().names()) {
    for (const ScalarFunction& function : FunctionRegistry::Get().FindScalar(name)) {
      EXPECT_NE(function.implementation, nullptr) << name;
      EXPECT_FALSE(function.variadic && function.parameters.empty()) << name;
      std::vector<TypeId> types = function.parameters;
      for (TypeId& id : types) {
        if (id == kAnyId) id = TypeId::kText;
        if (id == kAnyElementId) id = TypeId::kInteger;
        if (id == kAnyArrayId) id = ArrayOf(TypeId::kInteger);
      }
      EXPECT_TRUE(ResolveFunction(name, types, 0).ok()) << name;
    }
  }
}

bool NaiveLike(absl::string_view text, absl::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (size_t i = 0; i <= text.size(); ++i) {
      if (NaiveLike(text.substr(i), pattern.substr(1))) return true;
    }
    return false;
  }
  if (pattern[0] == '\\')
    pattern.remove_prefix(1);
  else if (pattern[0] == '_')
    return !text.empty() && NaiveLike(text.substr(1), pattern.substr(1));
  return !text.empty() && text[0] == pattern[0] && NaiveLike(text.substr(1), pattern.substr(1));
}

TEST(FunctionTest, LikeAgreesWithANaiveMatcher) {
  Random random(kSeed);
  int matched = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    std::string pattern;
    for (uint64_t n = random.Uniform(10); n > 0; --n) text.push_back("ab%"[random.Uniform(3)]);
    for (uint64_t n = random.Uniform(8); n > 0; --n) {
      const char c = "ab_%\\"[random.Uniform(5)];
      pattern.push_back(c);
      if (c == '\\') pattern.push_back("ab_%\\"[random.Uniform(5)]);
    }
    bool valid = true;
    const bool actual = MatchLike(text, pattern, '\\', false, &valid);
    ASSERT_TRUE(valid);
    ASSERT_EQ(actual, NaiveLike(text, pattern))
        << text << " LIKE " << pattern << ", seed " << kSeed;
    matched += actual ? 1 : 0;
  }
  EXPECT_GT(matched, 1000);
}

TEST(FunctionTest, IdentityIsEqualExactlyWhenValuesAre) {
  Random random(kSeed);
  const std::vector<double> doubles = {0.0, -0.0, 1.5, std::nan(""), -std::nan(""), HUGE_VAL, -1};
  for (const double a : doubles) {
    for (const double b : doubles) {
      std::string x;
      std::string y;
      AppendIdentity(TypeId::kDouble, Value(a), &x);
      AppendIdentity(TypeId::kDouble, Value(b), &y);
      EXPECT_EQ(x == y, CompareValues(TypeId::kDouble, Value(a), Value(b)) == 0) << a << " " << b;
    }
  }
  for (int i = 0; i < 5000; ++i) {
    const auto text = [&random] {
      std::string out;
      for (uint64_t n = random.Uniform(3); n > 0; --n) out.push_back("a\0b"[random.Uniform(3)]);
      return Value(out);
    };
    const Value a = text();
    const Value b = text();
    std::string x;
    std::string y;
    AppendIdentity(TypeId::kText, a, &x);
    AppendIdentity(TypeId::kText, b, &y);
    ASSERT_EQ(x == y, CompareValues(TypeId::kText, a, b) == 0);
  }
}

TEST(FunctionTest, Md5IsThatOfTheStandard) {
  EXPECT_EQ(Md5Hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Md5Hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(
      Md5Hex("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
      "57edf4a22be3c955ac49da2e2107b67a");
}

}  // namespace
}  // namespace kyrodb::sql
