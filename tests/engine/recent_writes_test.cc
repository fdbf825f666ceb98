// Goal: what the table of recent writes says of a key is never older than the truth, and seldom
// newer.
// Method: random writes of random keys against a map.
#include "engine/core/recent_writes.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"

namespace kyrodb::engine {
namespace {

TEST(RecentWritesTest, IsNeverOlderThanTheTruthAndSeldomNewer) {
  constexpr Lsn kFloor = 100;
  RecentWrites recent(kFloor);
  std::map<std::pair<ObjectId, std::string>, Lsn> truth;
  Random random(5);
  uint64_t exact = 0, asked = 0;
  for (Lsn lsn = kFloor + 1; lsn < kFloor + 5000; ++lsn) {
    const auto space = static_cast<ObjectId>(1 + random.Uniform(3));
    const std::string key = absl::StrCat("key ", random.Uniform(4000));
    const auto it = truth.find({space, key});
    const Lsn written = it == truth.end() ? kFloor : it->second;
    ASSERT_GE(recent.LastWrite(space, key), written);
    ASSERT_LT(recent.LastWrite(space, key), lsn);
    ++asked;
    exact += recent.LastWrite(space, key) == written ? 1 : 0;
    recent.Note(space, key, lsn);
    truth[{space, key}] = lsn;
    ASSERT_EQ(recent.LastWrite(space, key), lsn);
  }
  EXPECT_GT(exact, asked * 9 / 10);
}

TEST(RecentWritesTest, KnowsWhenDefinitionsChangedLast) {
  RecentWrites recent(7);
  EXPECT_EQ(recent.LastDefinition(), 7u);
  recent.Note(3, "row", 8);
  EXPECT_EQ(recent.LastDefinition(), 7u);
  recent.Note(kCatalogSpace, "table", 9);
  EXPECT_EQ(recent.LastDefinition(), 9u);
  EXPECT_EQ(recent.LastWrite(kCatalogSpace, "table"), 9u);
}

}  // namespace
}  // namespace kyrodb::engine
