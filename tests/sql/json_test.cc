// Goal:   documents become PostgreSQL's canonical jsonb, and nothing else is taken for JSON.
// Method: examples; random documents, whose canonical form must be a fixed point and keep what the
//         document says; damaged documents.
#include "sql/types/json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

constexpr uint64_t kSeed = 7;

std::string RandomJson(Random& random, int depth) {
  switch (random.Uniform(depth > 4 ? 4 : 6)) {
    case 0:
      return "null";
    case 1:
      return random.OneIn(2) ? "true" : " false ";
    case 2:
      return absl::StrCat(random.OneIn(2) ? "-" : "", random.Uniform(1000),
                          random.OneIn(2) ? absl::StrCat(".", random.Uniform(1000)) : "",
                          random.OneIn(3) ? absl::StrCat("e", random.Uniform(9)) : "",
                          random.OneIn(5) ? "" : " ");
    case 3:
      return random.OneIn(3) ? "\"\\u00e9\\n\\\\\"" : absl::StrCat("\"s", random.Uniform(9), "\"");
    case 4: {
      std::string out = "[";
      for (uint64_t n = random.Uniform(4); n > 0; --n) {
        absl::StrAppend(&out, out.size() > 1 ? "," : "", RandomJson(random, depth + 1));
      }
      return out + "]";
    }
    default: {
      std::string out = "{";
      for (uint64_t n = random.Uniform(4); n > 0; --n) {
        absl::StrAppend(&out, out.size() > 1 ? " , " : "", "\"",
                        std::string(1 + random.Uniform(3), 'k'), random.Uniform(3),
                        "\" :", RandomJson(random, depth + 1));
      }
      return out + "}";
    }
  }
}

TEST(JsonTest, RandomDocumentsHaveOneCanonicalForm) {
  Random random(kSeed);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = RandomJson(random, 0);
    const absl::StatusOr<std::string> canonical = CanonicalJson(text);
    ASSERT_TRUE(canonical.ok()) << text << ": " << canonical.status() << ", seed " << kSeed;
    ASSERT_EQ(*CanonicalJson(*canonical), *canonical) << text;
    const Json a = *ParseJson(text);
    ASSERT_TRUE(JsonContains(a, *ParseJson(*canonical))) << text;
    ASSERT_TRUE(std::is_sorted(a.members.begin(), a.members.end(), [](auto& x, auto& y) {
      return x.key.size() != y.key.size() ? x.key.size() < y.key.size() : x.key < y.key;
    }));
  }
}

TEST(JsonTest, TruncatedDocumentsAreRefused) {
  Random random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    std::string text = RandomJson(random, 0);
    if (text[0] != '{' && text[0] != '[' && text[0] != '"') continue;
    text.resize(random.Uniform(text.size()));
    const absl::StatusOr<Json> json = ParseJson(text);
    ASSERT_FALSE(json.ok()) << text;
    ASSERT_EQ(SqlStateOf(json.status()), "22P02") << text;
  }
}

TEST(JsonTest, DeepDocumentsAreRefusedNotCrashedOn) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_EQ(SqlStateOf(ParseJson(text).status()), "54001");
  }
}

TEST(JsonTest, SurrogatesMakeOneCharacter) {
  EXPECT_EQ(ParseJson("\"\\ud83d\\udc0e\"")->text, "🐎");
  EXPECT_EQ(SqlStateOf(ParseJson("\"\\ud83d\"").status()), "22P02");
  EXPECT_EQ(SqlStateOf(ParseJson("\"\\udc0e\"").status()), "22P02");
}

TEST(JsonTest, ContainmentLooksIntoObjectsAndArrays) {
  const auto contains = [](const char* a, const char* b) {
    return JsonContains(*ParseJson(a), *ParseJson(b));
  };
  EXPECT_TRUE(contains("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":2}}"));
  EXPECT_FALSE(contains("{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2}}"));
  EXPECT_TRUE(contains("[1,[2,3]]", "[[3]]"));
  EXPECT_FALSE(contains("[1,2]", "[[1]]"));
  EXPECT_TRUE(contains("[1.0]", "[1]"));
  EXPECT_FALSE(contains("\"1\"", "1"));
}

}  // namespace
}  // namespace kyrodb::sql
