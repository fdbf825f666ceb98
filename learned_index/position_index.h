// One index for a run, learned or not, whichever answers faster: the recursive model where keys
// have a shape, the static search tree where they have none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "learned_index/model/look_up_sample.h"
#include "learned_index/recursive_model_index.h"
#include "learned_index/search_bound.h"
#include "learned_index/static_search_tree.h"

namespace kyrodb::learned_index {

enum class PositionIndexKind { kRecursiveModel, kSearchTree };

// "recursive model" or "search tree".
absl::string_view NameOf(PositionIndexKind kind);

struct PositionIndexOptions {
  // The largest error of a prediction of the recursive model, in positions; see TrainOptions.
  uint32_t epsilon = 16;
  // What look-ups are timed with when the index is chosen. Without a clock, and for fewer than
  // kTimedKeyCountMin keys, which the CPU's caches hold anyway, a rule of thumb chooses: the tree
  // where a segment covers fewer than fifty keys. The rule gives the same index for the same keys.
  const Clock* clock = nullptr;
  // Takes this kind without choosing.
  std::optional<PositionIndexKind> kind;
};
inline constexpr uint64_t kTimedKeyCountMin = 1u << 16;

// Maps keys to positions. The index keeps no keys but those that its kind needs: it stays valid
// for as long as the run it was built for is not changed, and the caller owns that run. A
// default-constructed index is the index of the empty run.
//
// Shape:          keys are 1-D, strictly increasing, any length from zero to kKeyCountMax.
// Units:          positions count keys of the run, from 0; `size_bytes` counts bytes.
// Errors:         only the builder and `Decode` fail; `Find` is total.
// Thread-safety:  immutable after construction; share freely across threads.
// Cost:           that of its kind; never that of the recursive model on keys which defeat it.
class PositionIndex {
 public:
  PositionIndex() = default;
  explicit PositionIndex(RecursiveModelIndex index) : index_(std::move(index)) {}
  explicit PositionIndex(StaticSearchTree index) : index_(std::move(index)) {}

  // Builds the index of `keys`; errors are those of `PositionIndexBuilder`.
  static absl::StatusOr<PositionIndex> Train(std::span<const uint64_t> keys,
                                             const PositionIndexOptions& options = {});

  // Returns a bound in which `std::lower_bound` gives the same answer as over the whole run, for
  // every possible `key`, present or not.
  SearchBound Find(uint64_t key) const {
    const RecursiveModelIndex* const model = std::get_if<RecursiveModelIndex>(&index_);
    return model != nullptr ? model->Find(key) : std::get<StaticSearchTree>(index_).Find(key);
  }

  // Writes `Find(keys[i])` to `bounds[i]` for every i, overlapping the cache misses of many keys.
  // `bounds` is at least as long as `keys`.
  void FindBatch(std::span<const uint64_t> keys, std::span<SearchBound> bounds) const;

  // Appends the index to `out`: versioned, checksummed, little-endian; see README.md.
  void Encode(std::string* out) const;

  // Reads what `Encode` wrote, of any kind; all of `bytes` must belong to it. DataLoss when bytes
  // are damaged or contradict each other, Unimplemented when a newer version wrote them. Whatever
  // was decoded, `Find` stays inside [0, key_count()]. A caller should compare `key_count()` with
  // the run before trusting a bound.
  static absl::StatusOr<PositionIndex> Decode(absl::string_view bytes);

  PositionIndexKind kind() const {
    return index_.index() == 0 ? PositionIndexKind::kRecursiveModel
                               : PositionIndexKind::kSearchTree;
  }
  // How many keys the index was built for.
  uint64_t key_count() const;
  // The widest bound that `Find` can return.
  uint64_t bound_width_max() const;
  // How many linear segments the model has, or how many cells the tree tells apart.
  uint64_t segment_count() const;
  // The memory that the index holds.
  uint64_t size_bytes() const;

 private:
  std::variant<RecursiveModelIndex, StaticSearchTree> index_;
};

// Builds an index while a run is being written: keys are shown once, in order. Both kinds grow side
// by side, and a sample of the keys with their surroundings is kept; at the end the two answer the
// sample in turn, and the tree is taken where it is faster by more than a tenth, for it is the
// larger one. What the sample answers is checked on the way.
//
// Errors:         the first error sticks: every later `Add` and `Finish` returns it.
// Thread-safety:  one thread at a time.
// Cost:           O(1) amortised a key; one byte a key and at most 4 MiB besides the model. Timing
//                 takes a few milliseconds.
class PositionIndexBuilder {
 public:
  // An epsilon out of range is reported by the first `Add` or `Finish`.
  explicit PositionIndexBuilder(const PositionIndexOptions& options = {});

  // Shows the next key. InvalidArgument, naming position and both keys, when it is not greater
  // than the one before; ResourceExhausted after kKeyCountMax keys.
  absl::Status Add(uint64_t key);

  // Returns the index of everything added. The builder is empty and ready for another run
  // afterwards.
  absl::StatusOr<PositionIndex> Finish();

  uint64_t key_count() const { return model_.key_count(); }

 private:
  bool PrefersTree(const RecursiveModelIndex& model, const StaticSearchTree& tree);

  PositionIndexOptions options_;
  RecursiveModelIndexBuilder model_;
  StaticSearchTreeBuilder tree_;
  model::LookUpSample sample_;
};

}  // namespace kyrodb::learned_index
