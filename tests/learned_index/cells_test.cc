// Goal:   on every vector unit the last mile over cells gives the answer of std::lower_bound within
//         the bound and reads no cell but those that cover it.
// Method: every bound and every probe over small arrays of cells, with distinct and with equal
//         slices and a padded last cell; wide bounds at random; cells between unreadable pages,
//         which a stray read cannot survive; words full of values that would mislead a search.

#include "learned_index/cells.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/model/kernels.h"
#include "tests/learned_index/units.h"

namespace kyrodb::learned_index {
namespace {

std::vector<uint64_t> CellsOf(const std::vector<uint64_t>& slices) {
  const uint64_t cell_count = (slices.size() + kCellSlices - 1) / kCellSlices;
  std::vector<uint64_t> cells(cell_count * kCellWords, ~uint64_t{0});
  for (uint64_t i = 0; i < cell_count * kCellSlices; ++i) {
    if (i < slices.size()) cells[CellIndexOf(i)] = slices[i];
    cells[CellIndexOf(i) + kCellSlices] = i % 3;
  }
  return cells;
}

class CellsUnitTest : public testing::TestWithParam<model::Unit> {
 protected:
  void SetUp() override {
    if (!model::IsSupported(GetParam())) GTEST_SKIP() << "this CPU does not have the unit";
  }

  void Expect(const std::vector<uint64_t>& slices, const uint64_t* cells, SearchBound bound,
              uint64_t probe) {
    const auto at = [&](uint64_t i) { return slices.begin() + static_cast<ptrdiff_t>(i); };
    const auto expected = static_cast<uint64_t>(
        std::lower_bound(at(bound.begin), at(bound.end), probe) - slices.begin());
    ASSERT_EQ(model::KernelsOf(GetParam()).search_cells(cells, bound, probe), expected)
        << "probe " << probe << " in [" << bound.begin << ", " << bound.end << ")";
  }

  void ExpectEveryBoundAndProbe(const std::vector<uint64_t>& slices) {
    const std::vector<uint64_t> cells = CellsOf(slices);
    std::vector<uint64_t> probes = {0, ~uint64_t{0}};
    for (const uint64_t slice : slices) {
      probes.insert(probes.end(), {slice - 1, slice, slice + 1});
    }
    std::sort(probes.begin(), probes.end());
    probes.erase(std::unique(probes.begin(), probes.end()), probes.end());
    for (uint64_t begin = 0; begin <= slices.size(); ++begin) {
      for (uint64_t end = begin; end <= slices.size(); ++end) {
        for (const uint64_t probe : probes) {
          ASSERT_NO_FATAL_FAILURE(Expect(slices, cells.data(), {begin, end}, probe));
        }
      }
    }
  }
};

TEST_P(CellsUnitTest, EveryBoundAndProbeOfSmallArrays) {
  for (const uint64_t size : {0, 1, 7, 8, 9, 16, 37, 70}) {
    std::vector<uint64_t> slices;
    // Around the middle, so that signed and unsigned comparisons differ.
    for (uint64_t i = 0; i < size; ++i) slices.push_back((uint64_t{1} << 63) - 40 + 2 * i);
    SCOPED_TRACE(size);
    ASSERT_NO_FATAL_FAILURE(ExpectEveryBoundAndProbe(slices));
  }
}

TEST_P(CellsUnitTest, TheEndsOfTheUniverseAreSlicesToo) {
  std::vector<uint64_t> slices = {0, 1, 2};
  for (uint64_t i = 8; i > 0; --i) slices.push_back(~uint64_t{0} - (i - 1));
  ASSERT_NO_FATAL_FAILURE(ExpectEveryBoundAndProbe(slices));
}

TEST_P(CellsUnitTest, TheFirstOfEqualSlicesIsFound) {
  std::vector<uint64_t> slices;
  for (uint64_t i = 0; i < 60; ++i) slices.push_back(i / 20 * 5);
  ASSERT_NO_FATAL_FAILURE(ExpectEveryBoundAndProbe(slices));
}

TEST_P(CellsUnitTest, WideBoundsAreSearchedToo) {
  Random random(3);
  std::vector<uint64_t> slices(20'003);
  for (uint64_t& slice : slices) slice = random.Next();
  std::sort(slices.begin(), slices.end());
  const std::vector<uint64_t> cells = CellsOf(slices);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t begin = random.Uniform(slices.size() + 1);
    const uint64_t end = begin + random.Uniform(slices.size() + 1 - begin);
    const uint64_t probe = random.OneIn(2) ? random.Next() : slices[random.Uniform(slices.size())];
    ASSERT_NO_FATAL_FAILURE(Expect(slices, cells.data(), {begin, end}, probe));
  }
}

TEST_P(CellsUnitTest, NoCellOutsideTheBoundIsRead) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char* const area =
      static_cast<char*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(area), MAP_FAILED);
  ASSERT_EQ(mprotect(area + page, page, PROT_READ | PROT_WRITE), 0);
  // The readable page lies in the middle of a larger array of cells.
  const uint64_t in_page = page / kCellBytes * kCellSlices;
  std::vector<uint64_t> slices(3 * in_page);
  for (uint64_t i = 0; i < slices.size(); ++i) slices[i] = 10 * i;
  const auto* const cells = reinterpret_cast<const uint64_t*>(area);
  auto* const writable = reinterpret_cast<uint64_t*>(area);
  for (uint64_t i = in_page; i < 2 * in_page; ++i) {
    writable[CellIndexOf(i)] = slices[i];
    writable[CellIndexOf(i) + kCellSlices] = 0;
  }
  for (uint64_t width = 0; width <= in_page; ++width) {
    for (uint64_t probe = 0; probe <= slices.back() + 1; probe += 5) {
      ASSERT_NO_FATAL_FAILURE(Expect(slices, cells, {in_page, in_page + width}, probe));
      ASSERT_NO_FATAL_FAILURE(Expect(slices, cells, {2 * in_page - width, 2 * in_page}, probe));
    }
  }
  munmap(area, 3 * page);
}

TEST_P(CellsUnitTest, ABatchGivesTheAnswersOfSingleSearches) {
  Random random(11);
  std::vector<uint64_t> slices(5'000);
  for (uint64_t i = 0; i < slices.size(); ++i) slices[i] = 3 * i + 1;
  const std::vector<uint64_t> cells = CellsOf(slices);
  const model::Kernels& kernels = model::KernelsOf(GetParam());
  for (const size_t count :
       {size_t{0}, size_t{1}, size_t{11}, size_t{12}, size_t{13}, size_t{200}}) {
    std::vector<SearchBound> bounds(count);
    std::vector<uint64_t> probes(count), positions(count);
    for (size_t i = 0; i < count; ++i) {
      bounds[i].begin = random.Uniform(slices.size() - 40);
      bounds[i].end = bounds[i].begin + random.Uniform(41);
      probes[i] = random.Uniform(3 * slices.size());
    }
    kernels.search_cells_batch(cells.data(), bounds, probes, positions);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(positions[i], kernels.search_cells(cells.data(), bounds[i], probes[i])) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CellsUnitTest, testing::ValuesIn(model::kUnits), UnitName());

TEST(CellsTest, TheDispatchedFunctionsSearchCells) {
  const std::vector<uint64_t> slices = {2, 4, 6, 8, 10, 12, 14, 16, 18, 20};
  const std::vector<uint64_t> cells = CellsOf(slices);
  const SearchBound bound = {1, 10};
  PrefetchCells(cells.data(), bound);
  EXPECT_EQ(LowerBoundCells(cells.data(), bound, 17), 8u);
  const SearchBound bounds[] = {bound, {3, 4}};
  const uint64_t probes[] = {1, 100};
  uint64_t positions[2];
  LowerBoundCellsBatch(cells.data(), bounds, probes, positions);
  EXPECT_EQ(positions[0], 1u);
  EXPECT_EQ(positions[1], 4u);
}

}  // namespace
}  // namespace kyrodb::learned_index
