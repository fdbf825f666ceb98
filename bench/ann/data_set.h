// Vectors to index, queries, and the exact answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vector/metric.h"

namespace kyrodb::bench {

struct DataSet {
  std::string name;
  vector::Metric metric = vector::Metric::kL2;
  size_t dimensions = 0;
  std::vector<float> base, queries;
  // The numbers of the `truth_width` nearest base vectors of each query, nearest first.
  size_t truth_width = 0;
  std::vector<uint32_t> truth;
  // The group that each base vector and each query belongs to, for correlated filters; may be
  // empty.
  std::vector<uint32_t> base_groups, query_groups;

  size_t base_count() const { return base.size() / dimensions; }
  size_t query_count() const { return queries.size() / dimensions; }
  const float* base_row(size_t i) const { return &base[i * dimensions]; }
  const float* query(size_t i) const { return &queries[i * dimensions]; }
};

// The `k` nearest base vectors of each query among those for which `matches` (empty: all) is true,
// by comparing with every one. Fewer than k are filled up with ~0.
std::vector<uint32_t> ExactNeighbors(const DataSet& data, size_t k,
                                     const std::vector<std::vector<uint32_t>>& matching_of_query);

// Computes `truth`, 100 wide, for the first `query_count` queries and drops the others.
void FillTruth(DataSet& data, size_t query_count);

// Assigns every vector and query to one of `group_count` groups of near ones.
void FillGroups(DataSet& data, size_t group_count);

// An ANN-Benchmarks file (.hdf5: train, test, neighbors; the metric in the attribute `distance` or
// in the file's name), or base vectors in .fvecs or .fbin, of which some become queries.
absl::StatusOr<DataSet> LoadDataSet(const std::string& path);

// `sift-like`: histograms of gradients, 128 small whole numbers, L2. `lsa-like`: topics of words,
// 256 dimensions, cosine. Both from a seed, the same on every machine.
absl::StatusOr<DataSet> GenerateDataSet(absl::string_view name, size_t count, uint64_t seed);

// What one run of a system with one setting found, in the layout of ANN-Benchmarks' results.
struct RunResult {
  std::string system, setting;
  double build_seconds = 0, search_seconds = 0, index_kilobytes = 0;
  std::vector<uint32_t> neighbors;  // `k` for each query
  std::vector<float> distances;
};
absl::Status WriteResult(const std::string& path, const DataSet& data, size_t k,
                         const RunResult& result);

}  // namespace kyrodb::bench
