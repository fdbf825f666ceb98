// Goal:   a model survives its bytes; damaged bytes are refused; bytes with a valid checksum but
//         impossible or hostile content are refused or safe: `Find` stays inside the run.
// Method: round trips over all distributions; every truncation and every single-bit flip; fields
//         and whole files replaced by random values under a recomputed checksum.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "learned_index/recursive_model_index.h"
#include "tests/learned_index/bound_check.h"

namespace kyrodb::learned_index {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSeed = 7;

std::string EncodedModelOf(const std::vector<uint64_t>& keys, uint32_t epsilon = 16) {
  const auto index = RecursiveModelIndex::Train(keys, {.epsilon = epsilon});
  EXPECT_TRUE(index.ok()) << index.status();
  std::string bytes;
  index->Encode(&bytes);
  return bytes;
}

// Makes the checksum right again after the bytes were tampered with.
std::string Resealed(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  PutFixed32(&bytes, Crc32c(bytes));
  return bytes;
}

void Overwrite32(std::string* bytes, size_t offset, uint32_t value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

// A decoded model may be useless, but every bound must be a range of the run.
void ExpectFindStaysInside(const RecursiveModelIndex& index, Random* random) {
  std::vector<uint64_t> probes = {0, 1, ~uint64_t{0}, uint64_t{1} << 63};
  for (int i = 0; i < 200; ++i) probes.push_back(random->Next() >> random->Uniform(64));
  std::vector<SearchBound> bounds(probes.size());
  index.FindBatch(probes, bounds);
  for (size_t i = 0; i < probes.size(); ++i) {
    const SearchBound bound = index.Find(probes[i]);
    ASSERT_LE(bound.begin, bound.end) << probes[i];
    ASSERT_LE(bound.end, index.key_count()) << probes[i];
    ASSERT_EQ(bound.begin, bounds[i].begin);
    ASSERT_EQ(bound.end, bounds[i].end);
  }
}

TEST(CodecTest, RoundTripKeepsEveryBound) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    const std::vector<uint64_t> keys = MakeKeys(distribution, 20'000, kSeed);
    const auto original = RecursiveModelIndex::Train(keys, {.epsilon = 5});
    ASSERT_TRUE(original.ok());
    std::string bytes = "prefix";
    original->Encode(&bytes);
    const auto decoded = RecursiveModelIndex::Decode(absl::string_view(bytes).substr(6));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->key_count(), original->key_count());
    EXPECT_EQ(decoded->epsilon(), 5u);
    EXPECT_EQ(decoded->segment_count(), original->segment_count());
    EXPECT_EQ(decoded->depth(), original->depth());
    EXPECT_EQ(decoded->bound_width_max(), original->bound_width_max());
    for (const uint64_t probe : ProbesAround(keys)) {
      ASSERT_EQ(decoded->Find(probe).begin, original->Find(probe).begin) << probe;
      ASSERT_EQ(decoded->Find(probe).end, original->Find(probe).end) << probe;
    }
  }
}

TEST(CodecTest, TheEmptyModelRoundTrips) {
  const auto decoded = RecursiveModelIndex::Decode(EncodedModelOf({}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->key_count(), 0u);
  EXPECT_EQ(decoded->Find(17).end, 0u);
}

// The format is what stands in files: a change here needs a new version and its history.
TEST(CodecTest, BytesOfASmallModelAreFixed) {
  std::string expected;
  for (const uint32_t word : {0x494D524Bu, 1u, 1u, 1u, 16u, 0u, 0u, 0u})
    PutFixed32(&expected, word);
  PutFixed64(&expected, 42);
  PutFixed32(&expected, 0);
  PutFixed32(&expected, 0);
  PutFixed32(&expected, Crc32c(expected));
  EXPECT_EQ(EncodedModelOf({42}), expected);
}

TEST(CodecTest, EveryTruncationIsDataLoss) {
  const std::string bytes = EncodedModelOf(MakeKeys(Distribution::kClustered, 500, kSeed));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = RecursiveModelIndex::Decode(absl::string_view(bytes).substr(0, size));
    ASSERT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(RecursiveModelIndex::Decode(bytes + '\0').status().code(), absl::StatusCode::kDataLoss);
}

TEST(CodecTest, EveryBitFlipIsDataLoss) {
  const std::string bytes = EncodedModelOf(MakeKeys(Distribution::kClustered, 2'000, kSeed), 4);
  ASSERT_GT(bytes.size(), 1000u);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(RecursiveModelIndex::Decode(flipped).status().code(), absl::StatusCode::kDataLoss)
        << bit;
  }
}

TEST(CodecTest, ANewerVersionIsRefusedPolitely) {
  std::string bytes = EncodedModelOf({1, 2, 3});
  Overwrite32(&bytes, 4, 2);
  const auto decoded = RecursiveModelIndex::Decode(Resealed(bytes));
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(decoded.status().message(), HasSubstr("version 2"));
}

TEST(CodecTest, ContradictionsUnderAValidChecksumAreDataLoss) {
  const std::string bytes = EncodedModelOf(MakeKeys(Distribution::kClustered, 2'000, kSeed), 4);
  ASSERT_GT(LoadFixed32(bytes.data() + 12), 3u);  // Segments.
  struct Change {
    const char* what;
    size_t offset;
    uint32_t value;
    const char* message;
  };
  const Change changes[] = {
      {"magic", 0, 1, "magic number"},
      {"no keys", 8, 0, "segments for 0 keys"},
      {"fewer keys than positions", 8, 1000, "impossible"},
      {"one segment more", 12, LoadFixed32(bytes.data() + 12) + 1, "bytes of segments"},
      {"huge segment count", 12, 0xFFFFFFFF, "bytes of segments"},
      {"epsilon 0", 16, 0, "epsilon 0"},
      {"epsilon too large", 16, kEpsilonMax + 1, "epsilon 65537"},
      {"error above epsilon", 20, 5, "errors +5"},
      {"error below epsilon", 24, 4, "-4"},
      {"reserved", 28, 1, "segments for"},
      {"first position", 32 + 8, 1, "segment 0 is impossible"},
      {"position repeats", 32 + 16 + 8, 0, "segment 1 is impossible"},
      {"first key falls", 32 + 2 * 16 + 4, 0, "segment 2 is impossible"},
      {"slope negative", 32 + 12, 0xBF800000, "slope -1"},
      {"slope infinite", 32 + 12, 0x7F800000, "slope inf"},
      {"slope no number", 32 + 12, 0x7FC00000, "slope nan"},
  };
  for (const Change& change : changes) {
    std::string tampered = bytes;
    Overwrite32(&tampered, change.offset, change.value);
    const auto decoded = RecursiveModelIndex::Decode(Resealed(tampered));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << change.what;
    EXPECT_THAT(decoded.status().message(), HasSubstr(change.message)) << change.what;
  }
}

TEST(CodecTest, TamperedModelsUnderAValidChecksumAreRefusedOrSafe) {
  const std::string bytes = EncodedModelOf(MakeKeys(Distribution::kOutliers, 5'000, kSeed), 2);
  Random random(kSeed);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string tampered = bytes;
    for (uint64_t i = 0; i <= random.Uniform(3); ++i) {
      const size_t word =
          random.OneIn(2) ? 2 + random.Uniform(5) : random.Uniform(bytes.size() / 4 - 1);
      Overwrite32(&tampered, word * 4, static_cast<uint32_t>(random.Next() >> random.Uniform(64)));
    }
    const auto decoded = RecursiveModelIndex::Decode(Resealed(tampered));
    if (!decoded.ok()) {
      ASSERT_NE(decoded.status().code(), absl::StatusCode::kInternal);
      continue;
    }
    ++accepted;
    ASSERT_NO_FATAL_FAILURE(ExpectFindStaysInside(*decoded, &random)) << "round " << round;
  }
  EXPECT_GT(accepted, 100);  // Otherwise this test would show nothing about `Find`.
}

}  // namespace
}  // namespace kyrodb::learned_index
