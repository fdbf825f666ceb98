// Goal:   tail hits and ghost misses are exactly the hits a smaller cache would lose and the
//         misses a larger one would save.
// Method: run plain LRU caches of three sizes over one random access string beside it.
#include "tuner/ghost_lru.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "engine/base/random.h"

namespace kyrodb::tuner {
namespace {

// The obvious LRU: a list of pages, searched.
class PlainLru {
 public:
  explicit PlainLru(size_t capacity) : capacity_(capacity) {}
  bool Access(uint32_t page) {
    const auto found = std::find(pages_.begin(), pages_.end(), page);
    const bool hit = found != pages_.end();
    if (hit) pages_.erase(found);
    pages_.push_front(page);
    if (pages_.size() > capacity_) pages_.pop_back();
    return hit;
  }

 private:
  size_t capacity_;
  std::deque<uint32_t> pages_;
};

TEST(GhostLruTest, OutcomesAreThoseOfASmallerAndALargerCache) {
  constexpr uint32_t kPages = 200, kCapacity = 60, kGhost = 15;
  GhostLru cache(kPages, kCapacity, kGhost);
  PlainLru smaller(kCapacity - kGhost), equal(kCapacity), larger(kCapacity + kGhost);
  Random random(7);
  int outcomes[4] = {};
  for (int i = 0; i < 50000; ++i) {
    // The minimum of two draws prefers low pages.
    const auto page =
        static_cast<uint32_t>(std::min(random.Uniform(kPages), random.Uniform(kPages)));
    const bool smaller_hit = smaller.Access(page);
    const bool hit = equal.Access(page);
    const bool larger_hit = larger.Access(page);
    const auto expected = smaller_hit  ? GhostLru::Outcome::kMainHit
                          : hit        ? GhostLru::Outcome::kTailHit
                          : larger_hit ? GhostLru::Outcome::kGhostMiss
                                       : GhostLru::Outcome::kMiss;
    ASSERT_EQ(cache.Access(page), expected) << "access " << i << " of page " << page;
    ++outcomes[static_cast<int>(expected)];
  }
  for (const int count : outcomes) EXPECT_GT(count, 500);
}

TEST(GhostLruTest, ShrinkingEvictsTheOldestAndRemembersThem) {
  GhostLru cache(100, 10, 4);
  for (uint32_t page = 0; page < 10; ++page) cache.Access(page);
  cache.SetCapacity(6);
  EXPECT_EQ(cache.resident_count(), 6u);
  EXPECT_EQ(cache.Access(9), GhostLru::Outcome::kMainHit);
  EXPECT_EQ(cache.Access(3), GhostLru::Outcome::kGhostMiss);
}

TEST(GhostLruTest, GrowingLeavesRoomThatIsFilledBeforeAnythingIsEvicted) {
  GhostLru cache(100, 4, 2);
  for (uint32_t page = 0; page < 4; ++page) cache.Access(page);
  cache.SetCapacity(8);
  for (uint32_t page = 4; page < 8; ++page) cache.Access(page);
  EXPECT_EQ(cache.resident_count(), 8u);
  EXPECT_EQ(cache.Access(0), GhostLru::Outcome::kTailHit);
}

TEST(GhostLruTest, ACacheOfNothingMissesEverything) {
  GhostLru cache(10, 0, 0);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(cache.Access(static_cast<uint32_t>(i % 3)), GhostLru::Outcome::kMiss);
  }
}

}  // namespace
}  // namespace kyrodb::tuner
