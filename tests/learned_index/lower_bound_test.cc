// Goal:   on every vector unit the last mile gives the answer of std::lower_bound within the
//         bound and reads nothing outside it.
// Method: every bound and every probe over small arrays at all eight alignments; wide bounds at
//         random; arrays of exact size, so that AddressSanitizer sees a stray read, and the same
//         between unreadable pages, which a stray vector read cannot survive.

#include "learned_index/lower_bound.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/model/kernels.h"
#include "tests/learned_index/units.h"

namespace kyrodb::learned_index {
namespace {

class LowerBoundUnitTest : public testing::TestWithParam<model::Unit> {
 protected:
  void SetUp() override {
    if (!model::IsSupported(GetParam())) GTEST_SKIP() << "this CPU does not have the unit";
  }

  void Expect(const uint64_t* keys, SearchBound bound, uint64_t probe) {
    const auto expected =
        static_cast<uint64_t>(std::lower_bound(keys + bound.begin, keys + bound.end, probe) - keys);
    ASSERT_EQ(model::KernelsOf(GetParam()).search(keys, bound, probe), expected)
        << "probe " << probe << " in [" << bound.begin << ", " << bound.end << ")";
  }
};

TEST_P(LowerBoundUnitTest, EveryBoundAndProbeOfSmallArraysAtEveryAlignment) {
  constexpr uint64_t kSize = 41;
  for (size_t shift = 0; shift < 8; ++shift) {
    // Large values, so that signed and unsigned comparisons differ.
    std::vector<uint64_t> storage(shift + kSize);
    uint64_t* const keys = storage.data() + shift;
    for (uint64_t i = 0; i < kSize; ++i) keys[i] = (uint64_t{1} << 63) - 40 + 2 * i;
    for (uint64_t begin = 0; begin <= kSize; ++begin) {
      for (uint64_t end = begin; end <= kSize; ++end) {
        for (uint64_t probe = keys[0] - 1; probe <= keys[kSize - 1] + 1; ++probe) {
          ASSERT_NO_FATAL_FAILURE(Expect(keys, {begin, end}, probe));
        }
        ASSERT_NO_FATAL_FAILURE(Expect(keys, {begin, end}, 0));
        ASSERT_NO_FATAL_FAILURE(Expect(keys, {begin, end}, ~uint64_t{0}));
      }
    }
  }
}

TEST_P(LowerBoundUnitTest, WideBoundsAreSearchedToo) {
  Random random(3);
  std::vector<uint64_t> keys(20'000);
  for (uint64_t& key : keys) key = random.Next();
  std::sort(keys.begin(), keys.end());
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t begin = random.Uniform(keys.size() + 1);
    const uint64_t end = begin + random.Uniform(keys.size() + 1 - begin);
    const uint64_t probe = random.OneIn(2) ? random.Next() : keys[random.Uniform(keys.size())];
    ASSERT_NO_FATAL_FAILURE(Expect(keys.data(), {begin, end}, probe));
  }
}

TEST_P(LowerBoundUnitTest, NothingOutsideTheBoundIsRead) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char* const area =
      static_cast<char*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(area), MAP_FAILED);
  ASSERT_EQ(mprotect(area + page, page, PROT_READ | PROT_WRITE), 0);
  auto* const readable = reinterpret_cast<uint64_t*>(area + page);
  const uint64_t in_page = page / sizeof(uint64_t);
  for (uint64_t i = 0; i < in_page; ++i) readable[i] = 10 * i;
  for (uint64_t width = 0; width <= 40; ++width) {
    // The bound ends where the page ends, and begins where it begins, although the array that it
    // belongs to is larger and badly aligned.
    for (uint64_t before = 0; before < 8; ++before) {
      const uint64_t* const keys = readable - 100 - before;
      const SearchBound at_begin = {100 + before, 100 + before + width};
      const SearchBound at_end = {100 + before + in_page - width, 100 + before + in_page};
      for (uint64_t probe = 0; probe < 10 * width + 10; probe += 5) {
        ASSERT_NO_FATAL_FAILURE(Expect(keys, at_begin, probe));
        ASSERT_NO_FATAL_FAILURE(Expect(keys, at_end, readable[in_page - 1] - probe));
      }
    }
  }
  munmap(area, 3 * page);
}

INSTANTIATE_TEST_SUITE_P(All, LowerBoundUnitTest, testing::ValuesIn(model::kUnits), UnitName());

TEST(LowerBoundTest, TheDispatchedKernelsAreThoseOfTheWidestSupportedUnit) {
  model::Unit widest = model::Unit::kPortable;
  ASSERT_TRUE(model::IsSupported(widest));
  for (const model::Unit unit : model::kUnits) {
    if (model::IsSupported(unit)) widest = unit;
  }
  EXPECT_EQ(&model::BestKernels(), &model::KernelsOf(widest));
}

TEST(LowerBoundTest, ABatchGivesTheAnswersOfSingleSearches) {
  Random random(11);
  std::vector<uint64_t> keys(5'000);
  for (uint64_t i = 0; i < keys.size(); ++i) keys[i] = 3 * i + 1;
  for (const size_t count :
       {size_t{0}, size_t{1}, size_t{11}, size_t{12}, size_t{13}, size_t{200}}) {
    std::vector<SearchBound> bounds(count);
    std::vector<uint64_t> probes(count), positions(count);
    for (size_t i = 0; i < count; ++i) {
      bounds[i].begin = random.Uniform(keys.size() - 40);
      bounds[i].end = bounds[i].begin + random.Uniform(41);
      probes[i] = random.Uniform(3 * keys.size());
    }
    LowerBoundBatch(keys.data(), bounds, probes, positions);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(positions[i], LowerBound(keys.data(), bounds[i], probes[i])) << i;
    }
  }
}

}  // namespace
}  // namespace kyrodb::learned_index
