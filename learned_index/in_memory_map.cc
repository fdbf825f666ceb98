#include "learned_index/in_memory_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/status.h"
#include "learned_index/model/map_cells.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {
namespace {

using Form = InMemoryMapForm;

constexpr uint64_t kTimedKeyCountMin = 1u << 16;

// Rounds of both forms in turn, and look-ups between two readings of the clock. The median of many
// short slices counts: a slice that the system interrupted stands at the end, and so do those in
// which a form brings its model back into the caches that the other one has used in its turn.
constexpr int kTimedRounds = 5;
constexpr uint64_t kSliceLookUps = 2048;
uint64_t SliceCount(uint64_t key_count) {
  return std::clamp<uint64_t>(key_count / 256 / kSliceLookUps, 2, 32);
}

const model::MapKernels& KernelsOf(Form form) {
  const model::Kernels& kernels = model::BestKernels();
  return form == Form::kDense    ? kernels.dense
         : form == Form::kGapped ? kernels.gapped
                                 : kernels.tree;
}

// How long slices of a form took, in nanoseconds.
struct Times {
  std::vector<int64_t> one_by_one;
  std::vector<int64_t> batched;
};

// Looks up random keys in both ways.
void Time(const InMemoryMap& map, std::span<const uint64_t> keys, std::span<const uint64_t> values,
          const Clock& clock, Random* random, Times* times) {
  const uint64_t slice_count = SliceCount(keys.size());
  std::vector<uint64_t> probes(slice_count * kSliceLookUps);
  std::vector<uint64_t> expected_sums(slice_count);
  std::vector<const uint64_t*> found(kSliceLookUps);
  for (const bool is_batched : {false, true}) {
    // All before the first slice: choosing keys at random drives the model out of the caches.
    for (size_t i = 0; i < probes.size(); ++i) {
      const uint64_t position = random->Uniform(keys.size());
      probes[i] = keys[position];
      uint64_t& sum = expected_sums[i / kSliceLookUps];
      sum = values[position] + (i % kSliceLookUps == 0 ? 0 : sum);
    }
    for (uint64_t i = 0; i < slice_count; ++i) {
      const auto slice =
          std::span<const uint64_t>(probes).subspan(i * kSliceLookUps, kSliceLookUps);
      uint64_t sum = 0;
      const int64_t start = clock.SteadyNanos();
      if (is_batched) {
        map.FindBatch(slice, found);
        for (const uint64_t* const value : found) sum += *value;
      } else {
        for (const uint64_t probe : slice) sum += *map.Find(probe);
      }
      const int64_t nanos = clock.SteadyNanos() - start;
      KYRO_CHECK(sum == expected_sums[i]);
      (is_batched ? times->batched : times->one_by_one).push_back(nanos);
    }
  }
}

double Median(std::vector<int64_t>* nanos) {
  const auto middle = nanos->begin() + static_cast<ptrdiff_t>(nanos->size() / 2);
  std::nth_element(nanos->begin(), middle, nanos->end());
  return static_cast<double>(*middle);
}

// The time of one form as a part of the time of another.
struct Ratios {
  double one_by_one;
  double batched;
  // Both counted alike: the geometric mean.
  double mean() const { return std::sqrt(one_by_one * batched); }
};

Ratios Compare(const InMemoryMap& challenger, const InMemoryMap& holder,
               std::span<const uint64_t> keys, std::span<const uint64_t> values,
               const Clock& clock) {
  Random random(keys.size());
  Times ours;
  Times theirs;
  for (int round = 0; round < kTimedRounds; ++round) {
    Time(challenger, keys, values, clock, &random, &ours);
    Time(holder, keys, values, clock, &random, &theirs);
  }
  return {.one_by_one = Median(&ours.one_by_one) / Median(&theirs.one_by_one),
          .batched = Median(&ours.batched) / Median(&theirs.batched)};
}

}  // namespace

absl::string_view NameOf(InMemoryMapForm form) {
  return form == Form::kDense ? "dense" : form == Form::kGapped ? "gapped" : "tree";
}

InMemoryMap::InMemoryMap(InMemoryMapForm form, uint64_t key_count, bool has_top, Cells cells,
                         model::SegmentTable segments, model::TreeLevels tree)
    : form_(form),
      key_count_(key_count),
      has_top_(has_top),
      cells_(std::move(cells)),
      segments_(std::move(segments)),
      router_(segments_),
      tree_(std::move(tree)),
      view_{.model = model::View(segments_, router_), .tree = tree_.view(), .cells = cells_.data()},
      kernels_(&KernelsOf(form)) {}

InMemoryMap InMemoryMap::BuildForm(InMemoryMapForm form, std::span<const uint64_t> keys,
                                   std::span<const uint64_t> values,
                                   const model::SegmentTable& segments) {
  const uint64_t key_count = keys.size();
  const bool has_top = !keys.empty() && keys.back() == kTopKey;
  const uint64_t top_value = has_top ? values.back() : 0;
  if (has_top) keys = keys.first(keys.size() - 1);
  model::SegmentTable table;
  if (form == Form::kDense) table = segments;
  if (form == Form::kGapped) table = model::GappedSegments(segments);
  Cells cells = form == Form::kGapped ? model::GappedCells(table, keys, values)
                                      : model::DenseCells(keys, values);
  cells[cells.size() - kCellSlices] = top_value;
  return InMemoryMap(form, key_count, has_top, std::move(cells), std::move(table),
                     form == Form::kTree ? model::TreeOfCells(keys) : model::TreeLevels());
}

absl::StatusOr<InMemoryMap> InMemoryMap::Build(std::span<const uint64_t> keys,
                                               std::span<const uint64_t> values,
                                               const InMemoryMapOptions& options) {
  KYRO_CHECK(keys.size() == values.size());
  RecursiveModelIndexBuilder builder({.epsilon = options.epsilon});
  // The top key stands beside the model; where it is out of order, the builder refuses it.
  const bool has_top = !keys.empty() && keys.back() == kTopKey &&
                       (keys.size() == 1 || keys[keys.size() - 2] != kTopKey);
  for (const uint64_t key : keys.first(keys.size() - (has_top ? 1 : 0))) {
    KYRO_RETURN_IF_ERROR(builder.Add(key));
  }
  KYRO_ASSIGN_OR_RETURN(const RecursiveModelIndex model, builder.Finish());
  const model::SegmentTable& segments = model.segments_;

  const auto build = [&](Form form) { return BuildForm(form, keys, values, segments); };
  if (options.form.has_value()) return build(*options.form);
  if (options.clock == nullptr || keys.size() < kTimedKeyCountMin) {
    return build(segments.size() > 1 + keys.size() / 50 ? Form::kTree : Form::kGapped);
  }
  // A form has to earn its memory: gapped cells a twentieth of the time, a tree a tenth, or a
  // seventh in one of the two ways to look up, for a model shall not be much slower in either.
  InMemoryMap best = build(Form::kDense);
  InMemoryMap gapped = build(Form::kGapped);
  const Ratios of_gapped = Compare(gapped, best, keys, values, *options.clock);
  if (of_gapped.mean() < 0.95) best = std::move(gapped);
  gapped.cells_ = {};
  InMemoryMap tree = build(Form::kTree);
  const Ratios of_tree = Compare(tree, best, keys, values, *options.clock);
  const bool takes_tree =
      of_tree.mean() < 0.9 || std::min(of_tree.one_by_one, of_tree.batched) < 0.86;
  if (takes_tree) best = std::move(tree);
  return best;
}

void InMemoryMap::FindBatch(std::span<const uint64_t> keys,
                            std::span<const uint64_t*> values) const {
  KYRO_CHECK(values.size() >= keys.size());
  kernels_->find_batch(view_, keys, values);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == kTopKey) [[unlikely]]
      values[i] = TopValue();
  }
}

std::optional<InMemoryMap::Entry> InMemoryMap::LowerBound(uint64_t key) const {
  std::array<Entry, 1> entry;
  if (Scan(key, entry) == 0) return std::nullopt;
  return entry[0];
}

uint64_t InMemoryMap::Scan(uint64_t key, std::span<Entry> entries) const {
  // The search for `key` begins in a cell to whose right `key` would stand, or, where dense cells
  // are predicted, a few cells off. Left of a cell whose first key is smaller there is nothing.
  uint64_t index = key == kTopKey ? cells_.size() : kernels_->start(view_, key) * kCellWords;
  while (index > 0 && index < cells_.size() && cells_[index] >= key) index -= kCellWords;
  uint64_t count = 0;
  for (; index < cells_.size() && count < entries.size(); index += kCellWords) {
    const uint64_t* const cell = &cells_[index];
    for (uint64_t i = 0; i < kCellSlices && count < entries.size(); ++i) {
      if (cell[i] >= key && cell[i] != kTopKey) {
        entries[count++] = {.key = cell[i], .value = cell[i + kCellSlices]};
      }
    }
  }
  if (has_top_ && count < entries.size()) entries[count++] = {.key = kTopKey, .value = *TopValue()};
  return count;
}

uint64_t InMemoryMap::index_bytes() const {
  return form_ == Form::kTree ? tree_.size_bytes() : segments_.size_bytes() + router_.size_bytes();
}

uint64_t InMemoryMap::size_bytes() const {
  return sizeof(*this) + cells_.capacity() * sizeof(uint64_t) + segments_.size_bytes() +
         router_.size_bytes() + tree_.size_bytes();
}

}  // namespace kyrodb::learned_index
