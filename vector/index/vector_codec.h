// What is kept of a vector, and how near a query is to it: up to three rows a vector, from coarse
// to fine.
//
//   walk   1 or 4 bits a dimension, or absent: what a walk compares
//   base   floats, half floats, or 8 bits a dimension: what a graph is built over, and what a walk
//          compares when there is no walk row
//   rest   the 4 bits below the 8 of the base, or the floats themselves, or absent: what the last
//          few candidates are ranked by
//
// Vectors other than plain floats are centred on the mean of a sample and, where that loses less,
// rotated (rotation.h). Each vector has a scale of its own, so one far out costs only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vector/code_kernels.h"
#include "vector/hnsw_index.h"
#include "vector/index/rotation.h"
#include "vector/metric.h"

namespace kyrodb::vector::index {

// A query with all that is computed once for it; reused from search to search.
struct PreparedQuery {
  std::vector<float> floats;    // centred and rotated; of plain floats a copy
  std::vector<int8_t> values;   // the same in signed bytes
  std::vector<float> original;  // as the caller gave it
  std::vector<float> scratch;   // for decoding
  CodeQuery walk, base;
  // What turns a rank into a distance that can be compared between pairs: the squared length.
  float offset = 0;
  double mean_product = 0;   // kInnerProduct: the product with the mean
  float squared_length = 0;  // kCosine, of `original`
};

struct RowBytes {
  size_t walk = 0, base = 0, rest = 0;
};

// Thread-safety:  immutable.
class VectorCodec {
 public:
  // What training finds out, and what is saved.
  struct Parameters {
    std::vector<float> mean;  // empty: zero
    bool rotated = false;
  };
  // Looks at `sample`, rows of `dimensions` floats, for the mean and whether to rotate.
  static Parameters Train(Metric metric, size_t dimensions, const HnswOptions& options,
                          std::span<const float* const> sample);
  VectorCodec(Metric metric, size_t dimensions, const HnswOptions& options, Parameters parameters);

  Metric metric() const { return metric_; }
  size_t dimensions() const { return dimensions_; }
  const Parameters& parameters() const { return parameters_; }
  const RowBytes& row_bytes() const { return row_bytes_; }
  bool has_walk() const { return row_bytes_.walk != 0; }
  // Whether `Distance` is the distance between the vectors as they were given, bit by bit.
  bool exact() const { return exact_; }

  // False for a vector without a direction, under kCosine: its distance to everything is NaN.
  bool HasDirection(std::span<const float> vector) const;

  void Encode(std::span<const float> vector, uint8_t* walk, uint8_t* base, uint8_t* rest) const;
  void Prepare(std::span<const float> vector, PreparedQuery& query) const;
  // A query at distance `radius` from a stored vector, in the direction of `noise` (of length one).
  void PrepareNear(const uint8_t* base, const uint8_t* rest, float radius,
                   std::span<const float> noise, PreparedQuery& query) const;
  // A stored vector as a query over base rows.
  void PrepareStored(const uint8_t* base, PreparedQuery& query) const;

  // Ranks, smaller is nearer; comparable for one query.
  CodeKernels::Score score_walk() const { return score_walk_; }
  CodeKernels::Score score_base() const { return score_base_; }
  // The distance as the caller knows it, from the finest rows there are.
  double Distance(PreparedQuery& query, const uint8_t* base, const uint8_t* rest) const;

 private:
  // Centres and rotates into `out`; normalises under kCosine.
  void Transform(std::span<const float> vector, bool is_query, float* out) const;
  // From `query.floats` on.
  void FinishQuery(PreparedQuery& query) const;
  void PrepareCodes(PreparedQuery& query, float factor) const;
  // What the rows hold, centred and rotated.
  void Decode(const uint8_t* base, const uint8_t* rest, float* values) const;
  void EncodeWalk(const float* values, float squared_length, uint8_t* walk) const;
  void EncodeBytes(const float* values, float squared_length, uint8_t* base, uint8_t* rest) const;

  const Metric metric_;
  const size_t dimensions_;
  const Quantization quantization_;
  const Parameters parameters_;
  std::unique_ptr<const Rotation> rotation_;
  RowBytes row_bytes_;
  bool exact_ = false;
  bool rest_is_floats_ = false;
  CodeKernels::Score score_walk_ = nullptr, score_base_ = nullptr;
};

}  // namespace kyrodb::vector::index
