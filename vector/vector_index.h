// Labelled vectors and their nearest neighbours: the one interface behind which the exact scan
// (flat_index.h) and the graph (hnsw_index.h) live. tests/vector/index_conformance.h holds every
// implementation to what is promised here.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vector/metric.h"

namespace kyrodb::vector {

struct Neighbor {
  uint64_t label = 0;
  // What `Distance(metric, query, vector)` gives: exactly, where an index keeps the vectors; up to
  // the rounding of what it keeps, where it keeps codes.
  double distance = 0;
  bool operator==(const Neighbor&) const = default;
};

// The order of results: nearer first, equal distances by label, NaN after everything.
inline bool NeighborLess(const Neighbor& a, const Neighbor& b) {
  const bool a_nan = std::isnan(a.distance), b_nan = std::isnan(b.distance);
  if (a_nan != b_nan) return b_nan;
  if (!a_nan && a.distance != b.distance) return a.distance < b.distance;
  return a.label < b.label;
}

// Which labels a search may return.
//
// Thread-safety:  `Matches` is called by the searching thread, with the index locked for reading:
//                 it must not call the index.
// Cost:           called for every vector that a search looks at, and for each label of the index
//                 when the search turns exact: keep it near a hash look-up.
class LabelFilter {
 public:
  virtual ~LabelFilter() = default;
  virtual bool Matches(uint64_t label) const = 0;
  // How many labels match, when that is known (an estimate will do): the search then chooses
  // between graph and exact scan without sampling.
  virtual std::optional<uint64_t> match_count() const { return std::nullopt; }
  // The labels that match, if they are few and at hand, each once: an exact scan then looks at
  // these and asks about no other. Empty: not known. Labels that are not in the index do no harm.
  virtual std::span<const uint64_t> matching_labels() const { return {}; }
};

struct SearchParameters {
  // How many neighbours are wanted; 0 gives none.
  size_t k = 10;
  // Effort: how many candidates a graph keeps while it walks; more is slower and finds more. At
  // least k is used. Exact indexes ignore it.
  size_t ef = 64;
  // nullptr: every label matches. Borrowed for the call.
  const LabelFilter* filter = nullptr;
};

// What one search did, for EXPLAIN and for tests.
struct SearchStatistics {
  // Vectors whose distance to the query was computed.
  uint64_t distance_count = 0;
  // Labels that were refused by the filter.
  uint64_t filtered_count = 0;
  // Whether the answer comes from an exact scan (always for a flat index).
  bool exact = false;
};

// A set of vectors of one dimension under one metric, each with a label of the caller's.
//
// Order:          results by `NeighborLess`. min(k, matching labels in the index) results always:
//                 where a graph walk ends short, an exact scan over the matching labels follows.
// Errors:         `InvalidArgument` for a wrong dimension or for NaN/infinite elements, naming the
//                 values; the index is unchanged after an error. `ResourceExhausted` when memory or
//                 the index's limit on vectors is exhausted.
// Thread-safety:  all methods may be called from any thread. Writers (`Add`, `Remove`, `Save`) wait
//                 for each other. `Search` runs beside one of them: it sees every `Add` and
//                 `Remove` that returned before it began, and may or may not see one that runs.
class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  Metric metric() const { return metric_; }
  size_t dimensions() const { return dimensions_; }
  // `flat`, `hnsw`.
  virtual absl::string_view kind() const = 0;

  // Adds a vector. `AlreadyExists` when `label` is in the index: remove it first to replace it. A
  // zero vector is welcome under every metric; under `kCosine` it is found after all others, with
  // distance NaN.
  absl::Status Add(uint64_t label, std::span<const float> vector);
  // Adds several vectors, which lie one after another, on up to `thread_count` threads. Stops at
  // the first error, with an unspecified part of the others added. The order of `labels` is no
  // order of adding: with more than one thread a graph may come out different each time.
  virtual absl::Status AddMany(std::span<const uint64_t> labels, std::span<const float> vectors,
                               size_t thread_count);
  // Takes `label` out: no later search returns it. `NotFound` when it is not there.
  virtual absl::Status Remove(uint64_t label) = 0;
  virtual bool Contains(uint64_t label) const = 0;

  // The nearest neighbours of `query`, all distinct. Fills `statistics` when not null.
  absl::StatusOr<std::vector<Neighbor>> Search(std::span<const float> query,
                                               const SearchParameters& parameters,
                                               SearchStatistics* statistics = nullptr) const;

  // Measures how many of the ten nearest walks of different effort find: by searches near vectors
  // of its own, drawn at random, against exact scans. Worth calling again when the index has grown
  // by a half. Costs about a hundred scans; searches and writers go on.
  virtual void Calibrate() {}
  // The least effort (`SearchParameters::ef`) that found `recall` of the ten nearest when it was
  // last measured, or the greatest that was tried; nullopt before. For more neighbours ask for as
  // many more.
  virtual std::optional<size_t> EffortFor(double /*recall*/) const { return std::nullopt; }

  // Labels in the index.
  virtual size_t size() const = 0;
  // Removed vectors that still take space (and, in a graph, time): rebuild the index when they are
  // more than about a third.
  virtual size_t removed_count() const = 0;
  // Heap bytes held.
  virtual size_t memory_bytes() const = 0;

  // Hands the serialised index to `sink` piece by piece (about 1 MiB each); stops at and returns
  // the first error of `sink`. Searches go on meanwhile, writers wait. The format has a version and
  // a checksum; vector/README.md gives it byte by byte. `LoadFlatIndex` and `LoadHnswIndex` read
  // it.
  virtual absl::Status Save(
      absl::FunctionRef<absl::Status(absl::string_view bytes)> sink) const = 0;

 protected:
  VectorIndex(Metric metric, size_t dimensions) : metric_(metric), dimensions_(dimensions) {}

 private:
  // As the public ones, with arguments that have been checked; `parameters.k` > 0.
  virtual absl::Status AddChecked(uint64_t label, std::span<const float> vector) = 0;
  virtual absl::StatusOr<std::vector<Neighbor>> SearchChecked(
      std::span<const float> query, const SearchParameters& parameters,
      SearchStatistics& statistics) const = 0;

  const Metric metric_;
  const size_t dimensions_;
};

}  // namespace kyrodb::vector
