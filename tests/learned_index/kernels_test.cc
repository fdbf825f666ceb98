// Goal:   every vector unit gives the same answers for whole look-ups, singly and in batches.
// Method: all distributions, keys present and absent; bounds are compared with those of the
//         portable unit, positions with std::lower_bound.

#include "learned_index/model/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "learned_index/distributions.h"
#include "learned_index/model/segment_fitter.h"
#include "tests/learned_index/bound_check.h"
#include "tests/learned_index/units.h"

namespace kyrodb::learned_index::model {
namespace {

class KernelsTest : public testing::TestWithParam<Unit> {};

TEST_P(KernelsTest, LookUpsAgreeWithThePortableUnit) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << "this CPU does not have the unit";
  const Kernels& kernels = KernelsOf(GetParam());
  const Kernels& portable = KernelsOf(Unit::kPortable);
  for (const Distribution distribution : kDistributions) {
    for (const uint32_t epsilon : {1u, 8u, 16u, 100u}) {
      SCOPED_TRACE(testing::Message() << NameOf(distribution) << ", epsilon " << epsilon);
      const std::vector<uint64_t> keys = MakeKeys(distribution, 10'000, epsilon);
      SegmentFitter fitter(epsilon);
      for (const uint64_t key : keys) fitter.Add(key);
      const SegmentTable segments = fitter.Finish();
      const Router router(segments);
      const View view(segments, router);

      const std::vector<uint64_t> probes = ProbesAround(keys);
      std::vector<SearchBound> bounds(probes.size());
      std::vector<uint64_t> searched(probes.size());
      kernels.find_batch(view, probes, bounds);
      kernels.search_batch(keys.data(), bounds, probes, searched);
      for (size_t i = 0; i < probes.size(); ++i) {
        const uint64_t probe = probes[i];
        const auto expected =
            static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), probe) - keys.begin());
        const SearchBound bound = kernels.find(view, probe);
        ASSERT_EQ(bound.begin, portable.find(view, probe).begin) << probe;
        ASSERT_EQ(bound.end, portable.find(view, probe).end) << probe;
        ASSERT_EQ(bounds[i].begin, bound.begin) << probe;
        ASSERT_EQ(bounds[i].end, bound.end) << probe;
        ASSERT_EQ(searched[i], expected) << probe;
      }
    }
  }
}

TEST_P(KernelsTest, TreesCountWhatStandsAtOrBeforeAKey) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << "this CPU does not have the unit";
  const Kernels& kernels = KernelsOf(GetParam());
  for (const Distribution distribution : kDistributions) {
    for (const uint64_t size : {0u, 1u, 16u, 17u, 272u, 273u, 10'000u}) {
      SCOPED_TRACE(testing::Message() << NameOf(distribution) << ", " << size << " keys");
      const std::vector<uint64_t> keys = MakeKeys(distribution, size, 1);
      const TreeLevels tree(HugePageVector<uint64_t>(keys.begin(), keys.end()));
      const std::vector<uint64_t> probes = ProbesAround(keys);
      std::vector<uint64_t> counts(probes.size());
      kernels.count_in_tree_batch(tree.view(), probes, counts);
      for (size_t i = 0; i < probes.size(); ++i) {
        const auto expected = static_cast<uint64_t>(
            std::upper_bound(keys.begin(), keys.end(), probes[i]) - keys.begin());
        ASSERT_EQ(kernels.count_in_tree(tree.view(), probes[i]), expected) << probes[i];
        ASSERT_EQ(counts[i], expected) << probes[i];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, KernelsTest, testing::ValuesIn(kUnits), UnitName());

}  // namespace
}  // namespace kyrodb::learned_index::model
