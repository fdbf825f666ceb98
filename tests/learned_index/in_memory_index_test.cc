// Goal:   model and last mile together answer as a sorted array does, singly and in batches.
// Method: all distributions, present and absent probes, against std::lower_bound.

#include "learned_index/in_memory_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "tests/learned_index/bound_check.h"

namespace kyrodb::learned_index {
namespace {

TEST(InMemoryIndexTest, AnswersAsASortedArrayDoes) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    for (const uint64_t count : {0u, 1u, 63u, 64u, 65u, 30'000u}) {
      const std::vector<uint64_t> keys = MakeKeys(distribution, count, 9);
      const auto index = InMemoryIndex::Build(keys);
      ASSERT_TRUE(index.ok()) << index.status();
      EXPECT_EQ(index->key_count(), keys.size());
      const std::vector<uint64_t> probes = ProbesAround(keys);
      std::vector<uint64_t> positions(probes.size());
      index->LowerBoundBatch(probes, positions);
      for (size_t i = 0; i < probes.size(); ++i) {
        const auto expected = static_cast<uint64_t>(
            std::lower_bound(keys.begin(), keys.end(), probes[i]) - keys.begin());
        ASSERT_EQ(index->LowerBound(probes[i]), expected) << probes[i];
        ASSERT_EQ(positions[i], expected) << probes[i];
        const bool is_present = expected < keys.size() && keys[expected] == probes[i];
        ASSERT_EQ(index->Position(probes[i]).has_value(), is_present) << probes[i];
        if (is_present) {
          ASSERT_EQ(*index->Position(probes[i]), expected);
        }
      }
    }
  }
}

TEST(InMemoryIndexTest, UnsortedKeysAreRefused) {
  const std::vector<uint64_t> keys = {3, 2};
  EXPECT_EQ(InMemoryIndex::Build(keys).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace kyrodb::learned_index
