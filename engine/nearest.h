// The question and the answer of a nearest-neighbour search.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

struct NearestRequest {
  ObjectId table = 0;
  ObjectId index = 0;
  std::span<const float> query;
  // How many rows to return; exactly as many come back as match, up to this.
  size_t limit = 10;
  // Candidates that the graph walk keeps; larger is slower and more exact.
  size_t ef_search = 100;
  // Scans every row exactly instead of walking the graph.
  bool exact = false;
};

struct NearestNeighbor {
  std::string key;
  std::string row;
  // As the SQL operator gives it: `<->` L2, `<#>` negative inner product, `<=>` 1 - cosine.
  double distance = 0;
};

struct NearestStatistics {
  // "graph + tail", or "exact scan" with the reason after a colon.
  std::string plan;
  uint64_t candidates = 0;    // rows looked at by the filter
  uint64_t filtered_out = 0;  // of those, refused by it
  uint64_t tail_scanned = 0;  // rows not in the graph yet, compared exactly
  uint64_t ef = 0;            // effort of the last walk; 0 without one
  uint64_t widened = 0;       // how often the search was repeated with more candidates
};

struct NearestAnswer {
  std::vector<NearestNeighbor> neighbors;  // ascending by distance
  NearestStatistics statistics;
};

// Decides whether a row may be in the answer.
using RowFilter =
    absl::FunctionRef<absl::StatusOr<bool>(absl::string_view key, absl::string_view row)>;

}  // namespace kyrodb::engine
