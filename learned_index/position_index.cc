#include "learned_index/position_index.h"

#include <algorithm>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::learned_index {
namespace {

// Rounds of both kinds over the sample; the best of each counts, because what disturbs a round
// only ever makes it longer.
constexpr int kTimedRounds = 4;

// Answers the sample once and returns how long that took.
template <typename Index>
int64_t TimeOf(const Index& index, const model::LookUpSample& sample, const Clock& clock) {
  const int64_t start = clock.SteadyNanos();
  const uint64_t right = sample.CountRightAnswers([&](uint64_t key) { return index.Find(key); });
  const int64_t end = clock.SteadyNanos();
  KYRO_CHECK(right == sample.probe_count());
  return end - start;
}

}  // namespace

absl::string_view NameOf(PositionIndexKind kind) {
  return kind == PositionIndexKind::kRecursiveModel ? "recursive model" : "search tree";
}

absl::StatusOr<PositionIndex> PositionIndex::Train(std::span<const uint64_t> keys,
                                                   const PositionIndexOptions& options) {
  PositionIndexBuilder builder(options);
  for (const uint64_t key : keys) KYRO_RETURN_IF_ERROR(builder.Add(key));
  return builder.Finish();
}

void PositionIndex::FindBatch(std::span<const uint64_t> keys, std::span<SearchBound> bounds) const {
  std::visit([&](const auto& index) { index.FindBatch(keys, bounds); }, index_);
}

void PositionIndex::Encode(std::string* out) const {
  std::visit([&](const auto& index) { index.Encode(out); }, index_);
}

absl::StatusOr<PositionIndex> PositionIndex::Decode(absl::string_view bytes) {
  if (StaticSearchTree::IsOneOf(bytes)) {
    KYRO_ASSIGN_OR_RETURN(StaticSearchTree tree, StaticSearchTree::Decode(bytes));
    return PositionIndex(std::move(tree));
  }
  KYRO_ASSIGN_OR_RETURN(RecursiveModelIndex model, RecursiveModelIndex::Decode(bytes));
  return PositionIndex(std::move(model));
}

uint64_t PositionIndex::key_count() const {
  return std::visit([](const auto& index) { return index.key_count(); }, index_);
}

uint64_t PositionIndex::bound_width_max() const {
  return std::visit([](const auto& index) { return index.bound_width_max(); }, index_);
}

uint64_t PositionIndex::segment_count() const {
  const RecursiveModelIndex* const model = std::get_if<RecursiveModelIndex>(&index_);
  return model != nullptr ? model->segment_count()
                          : std::get<StaticSearchTree>(index_).cell_count();
}

uint64_t PositionIndex::size_bytes() const {
  return std::visit([](const auto& index) { return index.size_bytes(); }, index_);
}

PositionIndexBuilder::PositionIndexBuilder(const PositionIndexOptions& options)
    : options_(options), model_(TrainOptions{.epsilon = options.epsilon}) {}

absl::Status PositionIndexBuilder::Add(uint64_t key) {
  KYRO_RETURN_IF_ERROR(model_.Add(key));
  if (options_.kind != PositionIndexKind::kRecursiveModel) tree_.Add(key);
  if (options_.clock != nullptr && !options_.kind.has_value()) sample_.Add(key);
  return absl::OkStatus();
}

absl::StatusOr<PositionIndex> PositionIndexBuilder::Finish() {
  absl::StatusOr<RecursiveModelIndex> model = model_.Finish();
  StaticSearchTree tree = tree_.Finish();
  sample_.Finish();
  // What exhausts the model does not exhaust the tree.
  const bool is_too_large = absl::IsResourceExhausted(model.status()) && tree.key_count() > 0;
  if (!is_too_large && !model.ok()) return model.status();
  const bool takes_tree = options_.kind.has_value()
                              ? *options_.kind == PositionIndexKind::kSearchTree
                              : is_too_large || PrefersTree(*model, tree);
  if (takes_tree) return PositionIndex(std::move(tree));
  return PositionIndex(*std::move(model));
}

bool PositionIndexBuilder::PrefersTree(const RecursiveModelIndex& model,
                                       const StaticSearchTree& tree) {
  if (options_.clock == nullptr || model.key_count() < kTimedKeyCountMin) {
    return model.segment_count() > 1 + model.key_count() / 50;
  }
  int64_t model_nanos = INT64_MAX;
  int64_t tree_nanos = INT64_MAX;
  // Round 0 warms up.
  for (int round = 0; round <= kTimedRounds; ++round) {
    const int64_t of_model = TimeOf(model, sample_, *options_.clock);
    const int64_t of_tree = TimeOf(tree, sample_, *options_.clock);
    if (round == 0) continue;
    model_nanos = std::min(model_nanos, of_model);
    tree_nanos = std::min(tree_nanos, of_tree);
  }
  return tree_nanos < model_nanos - model_nanos / 10;
}

}  // namespace kyrodb::learned_index
