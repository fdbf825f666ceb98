// Goal:   a filter never denies a key that it holds, and passes few that it does not; the hash and
//         the layout, which lie on disk, do not change.
// Method: random keys of several counts and sizes; the share of absent keys that pass is measured
//         against the table in the header; fixed values of hash and words.
#include "engine/storage/blocked_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/storage/key_hash.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

TEST(KeyHashTest, IsTheOneThatLiesOnDisk) {
  EXPECT_EQ(KeyHash(""), 0x2D06800538D394C2u);
  EXPECT_EQ(KeyHash("a"), 0xE6C632B61E964E1Fu);
  EXPECT_EQ(KeyHash(absl::string_view()), KeyHash(""));
  EXPECT_EQ(KeyHash(std::string(16, 'k')), KeyHash(std::string(16, 'k')));
  EXPECT_NE(KeyHash(std::string(16, 'k')), KeyHash(std::string(17, 'k')));
}

TEST(BlockedFilterTest, SizesAreWholeBlocks) {
  EXPECT_EQ(FilterWordCount(0), 8u);
  EXPECT_EQ(FilterWordCount(1), 8u);
  EXPECT_EQ(FilterWordCount(51), 8u);
  EXPECT_EQ(FilterWordCount(52), 16u);
  EXPECT_EQ(FilterWordCount(1000000), 156256u);
  EXPECT_EQ(FilterWordCount(512, 16), 128u);
}

TEST(BlockedFilterTest, TheLayoutIsFixed) {
  std::vector<uint64_t> words(16);
  AddToFilter(words, 0x80000000'00000001);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(words[i], 0u) << i;
  // Block 1 of 2; bit i is the top six bits of the salt.
  const std::vector<uint64_t> second(words.begin() + 8, words.end());
  EXPECT_EQ(second, (std::vector<uint64_t>{uint64_t{1} << 39, uint64_t{1} << 33, uint64_t{1} << 48,
                                           uint64_t{1} << 9, uint64_t{1} << 5, uint64_t{1} << 53,
                                           uint64_t{1} << 40, uint64_t{1} << 57}));
}

TEST(BlockedFilterTest, AFilterWithoutWordsKnowsNothing) {
  EXPECT_TRUE(FilterView().MayContain(KeyHash("anything")));
}

TEST(BlockedFilterTest, AnEmptyFilterDeniesEverything) {
  const std::vector<uint64_t> words = BuildFilter({});
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_FALSE(FilterView(words).MayContain(KeyHash(absl::StrCat(i))));
  }
}

TEST(BlockedFilterTest, EveryKeyThatWasAddedPasses) {
  Random random(TestSeed());
  for (const size_t count : {1, 2, 51, 52, 1000, 40000}) {
    std::vector<uint64_t> hashes;
    for (size_t i = 0; i < count; ++i) hashes.push_back(KeyHash(absl::StrCat(random.Next())));
    for (const double bits : {0.1, 4.0, 10.0, 16.0}) {
      const std::vector<uint64_t> words = BuildFilter(hashes, bits);
      for (const uint64_t hash : hashes) ASSERT_TRUE(FilterView(words).MayContain(hash));
    }
  }
}

TEST(BlockedFilterTest, ManyFiltersAnswerAsEachByItself) {
  Random random(TestSeed());
  std::vector<std::vector<uint64_t>> words;
  std::vector<FilterView> filters;
  for (size_t i = 0; i < kFiltersAtOnceMax; ++i) {
    std::vector<uint64_t> hashes;
    // Every key is in about half of the filters; some filters know nothing.
    for (uint64_t key = 0; key < 2000; ++key) {
      if (random.Uniform(2) == 0) hashes.push_back(KeyHash(absl::StrCat(key)));
    }
    words.push_back(BuildFilter(hashes));
    filters.push_back(random.Uniform(8) == 0 ? FilterView() : FilterView(words.back()));
  }
  uint64_t denied_count = 0;
  for (uint64_t key = 0; key < 4000; ++key) {
    const uint64_t hash = KeyHash(absl::StrCat(key));
    const size_t count = random.Uniform(kFiltersAtOnceMax + 1);
    const uint64_t which = WhichMayContain({filters.data(), count}, hash);
    for (size_t i = 0; i < kFiltersAtOnceMax; ++i) {
      // The definition, bit by bit.
      bool expected = i < count;
      const uint64_t* const block = filters[i].BlockFor(hash);
      for (uint64_t word = 0; block != nullptr && word < kFilterBlockWords; ++word) {
        const uint32_t bit = FilterView::BitOf(static_cast<uint32_t>(hash), word);
        expected = expected && (block[word] >> bit & 1) != 0;
      }
      ASSERT_EQ((which >> i & 1) != 0, expected) << key << " " << i;
      if (i < count && !expected) ++denied_count;
    }
  }
  EXPECT_GT(denied_count, 1000u);
}

TEST(BlockedFilterTest, FewAbsentKeysPass) {
  Random random(TestSeed());
  constexpr size_t kKeys = 200000;
  constexpr size_t kProbes = 400000;
  std::vector<uint64_t> hashes;
  uint64_t key = random.Next();
  // Keys that differ in few bits, as ids do: the hash has to spread them.
  for (size_t i = 0; i < kKeys; ++i) {
    hashes.push_back(KeyHash({reinterpret_cast<const char*>(&key), sizeof(key)}));
    ++key;
  }
  const struct {
    double bits;
    double share;
  } expected[] = {{8, 0.030}, {10, 0.011}, {12, 0.0042}, {16, 0.001}};
  for (const auto& [bits, share] : expected) {
    const std::vector<uint64_t> words = BuildFilter(hashes, bits);
    size_t passed = 0;
    uint64_t absent = key;
    for (size_t i = 0; i < kProbes; ++i, ++absent) {
      if (FilterView(words).MayContain(
              KeyHash({reinterpret_cast<const char*>(&absent), sizeof(absent)}))) {
        ++passed;
      }
    }
    const double measured = static_cast<double>(passed) / kProbes;
    RecordProperty(absl::StrCat("share_at_", bits), absl::StrCat(measured));
    EXPECT_LT(measured, 1.1 * share) << bits;
    EXPECT_GT(measured, 0.5 * share) << bits;
  }
}

}  // namespace
}  // namespace kyrodb::engine
