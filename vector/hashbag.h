// The embedder that is always there: no training, no file, no network, the same on every machine.
//
// A text is the weighted bag of its words (lower-cased runs of letters and digits; bytes above 127
// count as letters) and of the character 4-grams of `<word>`. Every feature owns a random direction
// of signs, drawn from its hash; the text is the sum of its features' directions times
// (1 + ln count) x idf^0.75, scaled to length 1. Rare words count more: document frequencies of
// common English and software words are built in, unknown words count as rare.
//
// It knows words and their spellings, not meanings: "editing" lies near "editor", "car" does not
// lie near "automobile". bench/vector/retrieval_bench.cc measures what that is worth.
//
// Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009);
// Achlioptas, "Database-friendly random projections" (2003).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "vector/embedder.h"

namespace kyrodb::vector {

struct HashbagOptions {
  // 8 to 4096.
  size_t dimensions = 256;
  // Draws the directions: only vectors of the same seed can be compared.
  uint64_t seed = 0;
};

// Name: `hashbag<dimensions>` and, when the seed is not 0, `-<seed>`. `InvalidArgument` when
// `dimensions` is out of range. Arithmetic is on integers up to the last scaling, so vectors are
// equal bit by bit on every machine. A text without any word gives one fixed unit vector, nearly
// orthogonal to all others and equal to that of every other such text.
//
// Cost:  some 10 microseconds for 60 words; no tables beyond the built-in frequencies.
absl::StatusOr<std::unique_ptr<Embedder>> CreateHashbagEmbedder(const HashbagOptions& options = {});

}  // namespace kyrodb::vector
