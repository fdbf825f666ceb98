// Text to vector: the interface that `embed()` stands on.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::vector {

// A function from text to vectors of one dimension, such that texts alike lie near under cosine.
//
// Shape:          every vector has `dimensions()` finite elements and length 1 (Euclidean), also
//                 that of an empty text: no cosine distance between two embeddings is ever NaN.
// Errors:         `Embed` fails only where the implementation says so (a model that runs out of
//                 memory, say); never because of what the text contains, which may be any bytes.
// Thread-safety:  all methods may be called from any thread.
class Embedder {
 public:
  virtual ~Embedder() = default;
  // Identifies the function: two embedders with the same name give the same vectors.
  virtual absl::string_view name() const = 0;
  virtual size_t dimensions() const = 0;
  virtual absl::StatusOr<std::vector<float>> Embed(absl::string_view text) const = 0;
};

}  // namespace kyrodb::vector
