#include "engine/storage/position_hash.h"

#include <algorithm>

namespace kyrodb::engine {

std::vector<HashBucket> BuildPositionHash(std::span<const uint64_t> hashes) {
  const uint64_t bucket_count = hashes.empty() ? 0 : hashes.size() * 4 / (kHashBucketKeys * 3) + 1;
  std::vector<HashBucket> buckets(bucket_count, HashBucket{});
  for (uint64_t position = 0; position < hashes.size(); ++position) {
    uint64_t at = HashBucketOf(hashes[position], bucket_count);
    while (buckets[at].count == kHashBucketKeys) {
      buckets[at].went_on = 1;
      at = at + 1 == bucket_count ? 0 : at + 1;
    }
    HashBucket& bucket = buckets[at];
    bucket.tags[bucket.count] = static_cast<uint8_t>(hashes[position]);
    bucket.positions[bucket.count] = static_cast<uint32_t>(position);
    ++bucket.count;
  }
  return buckets;
}

uint32_t MatchingPlaces(const HashBucket& bucket, uint64_t hash) {
  const auto tag = static_cast<uint8_t>(hash);
  const uint32_t count = std::min<uint32_t>(bucket.count, kHashBucketKeys);
  uint32_t places = 0;
  // Without a branch: the compiler compares all tags at once.
  for (uint32_t i = 0; i < kHashBucketKeys; ++i) {
    places |= static_cast<uint32_t>(bucket.tags[i] == tag) << i;
  }
  return places & ((1u << count) - 1);
}

}  // namespace kyrodb::engine
