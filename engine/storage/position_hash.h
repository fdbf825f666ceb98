// Where a key stands in a run, by its hash: for keys that their first eight bytes do not tell
// apart.
//
// Layout: buckets of 64 bytes: twelve tags (the low eight bits of a key's hash), a byte that counts
// the tags in use, a byte that is 1 when keys of this bucket went on to the next one, two zero
// bytes, twelve 32-bit positions. A key belongs to bucket (hash >> 32) * bucket_count >> 32, or,
// where that was full, to the next ones in the circle.
// Source: the tags side by side are from Abseil's "Swiss tables" (M. Kulukundis, CppCon 2017).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kyrodb::engine {

inline constexpr uint64_t kHashBucketBytes = 64;
inline constexpr uint32_t kHashBucketKeys = 12;

struct HashBucket {
  uint8_t tags[kHashBucketKeys];
  uint8_t count;
  uint8_t went_on;
  uint8_t zeros[2];
  uint32_t positions[kHashBucketKeys];
};
static_assert(sizeof(HashBucket) == kHashBucketBytes);

// The buckets for keys with these hashes; key i stands at position i. Three of four places are
// used. At most 2^32 - 1 keys.
std::vector<HashBucket> BuildPositionHash(std::span<const uint64_t> hashes);

inline uint64_t HashBucketOf(uint64_t hash, uint64_t bucket_count) {
  return (hash >> 32) * bucket_count >> 32;
}

// Which places of `bucket` have the tag of `hash`, a bit each. Total: any bytes are a bucket.
uint32_t MatchingPlaces(const HashBucket& bucket, uint64_t hash);

}  // namespace kyrodb::engine
