// Goal:   every key is found at its position, and few others are looked at.
// Method: random and colliding hashes; the walk that a run makes.
#include "engine/storage/position_hash.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

// The positions that a look-up would compare keys at.
std::vector<uint32_t> Candidates(const std::vector<HashBucket>& buckets, uint64_t hash) {
  std::vector<uint32_t> positions;
  uint64_t at = HashBucketOf(hash, buckets.size());
  for (size_t step = 0; step < buckets.size(); ++step) {
    const HashBucket& bucket = buckets[at];
    for (uint32_t places = MatchingPlaces(bucket, hash); places != 0; places &= places - 1) {
      positions.push_back(bucket.positions[__builtin_ctz(places)]);
    }
    if (bucket.went_on == 0) break;
    at = (at + 1) % buckets.size();
  }
  return positions;
}

TEST(PositionHashTest, EveryKeyIsAmongItsCandidatesAndFewOthersAre) {
  Random random(TestSeed());
  for (const uint64_t count : {1, 2, 11, 12, 13, 100, 5000, 100000}) {
    std::vector<uint64_t> hashes(count);
    for (uint64_t& hash : hashes) hash = random.Next();
    const std::vector<HashBucket> buckets = BuildPositionHash(hashes);
    EXPECT_LE(buckets.size() * kHashBucketKeys, count * 4 / 3 + 2 * kHashBucketKeys);
    uint64_t compared = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const std::vector<uint32_t> candidates = Candidates(buckets, hashes[i]);
      EXPECT_TRUE(std::find(candidates.begin(), candidates.end(), i) != candidates.end());
      compared += candidates.size();
    }
    if (count >= 5000) {
      EXPECT_LT(compared, count * 11 / 10);
    }
  }
}

TEST(PositionHashTest, KeysThatAllCollideAreFoundToo) {
  for (const uint64_t hash : {uint64_t{0}, ~uint64_t{0}, uint64_t{0x8000000000000000}}) {
    const std::vector<uint64_t> hashes(500, hash);
    const std::vector<HashBucket> buckets = BuildPositionHash(hashes);
    EXPECT_EQ(Candidates(buckets, hash).size(), 500u);
  }
}

TEST(PositionHashTest, ABucketOfNonsenseIsReadWithinItsBounds) {
  HashBucket bucket;
  std::fill_n(reinterpret_cast<uint8_t*>(&bucket), sizeof(bucket), 0xFF);
  EXPECT_EQ(MatchingPlaces(bucket, 0xFF), (1u << kHashBucketKeys) - 1);
  EXPECT_EQ(MatchingPlaces(bucket, 0xFE), 0u);
  EXPECT_TRUE(BuildPositionHash({}).empty());
}

}  // namespace
}  // namespace kyrodb::engine
