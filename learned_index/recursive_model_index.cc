#include "learned_index/recursive_model_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"

namespace kyrodb::learned_index {

RecursiveModelIndex::RecursiveModelIndex(uint32_t epsilon, model::SegmentTable segments)
    : key_count_(segments.key_count()),
      epsilon_(epsilon),
      segments_(std::move(segments)),
      router_(segments_),
      view_(segments_, router_),
      kernels_(&model::BestKernels()) {}

absl::StatusOr<RecursiveModelIndex> RecursiveModelIndex::Train(std::span<const uint64_t> keys,
                                                               const TrainOptions& options) {
  RecursiveModelIndexBuilder builder(options);
  for (const uint64_t key : keys) KYRO_RETURN_IF_ERROR(builder.Add(key));
  return builder.Finish();
}

void RecursiveModelIndex::FindBatch(std::span<const uint64_t> keys,
                                    std::span<SearchBound> bounds) const {
  KYRO_CHECK(bounds.size() >= keys.size());
  kernels_->find_batch(view_, keys, bounds);
}

uint64_t RecursiveModelIndex::bound_width_max() const {
  const uint64_t width = uint64_t{segments_.over()} + segments_.under() + 1;
  return std::min(width, key_count_);
}

uint64_t RecursiveModelIndex::size_bytes() const {
  return sizeof(*this) + segments_.size_bytes() + router_.size_bytes();
}

RecursiveModelIndexBuilder::RecursiveModelIndexBuilder(const TrainOptions& options)
    : options_(options), fitter_(options.epsilon) {
  if (options.epsilon < 1 || options.epsilon > kEpsilonMax) {
    status_ = absl::InvalidArgumentError(absl::StrFormat(
        "epsilon of a learned index must be in [1, %u], not %u", kEpsilonMax, options.epsilon));
  }
}

absl::Status RecursiveModelIndexBuilder::Add(uint64_t key) {
  const uint64_t position = fitter_.key_count();
  if (!status_.ok() || position == kKeyCountMax || (position > 0 && key <= fitter_.last_key()))
      [[unlikely]] {
    return Refuse(key);
  }
  fitter_.Add(key);
  return absl::OkStatus();
}

absl::Status RecursiveModelIndexBuilder::Refuse(uint64_t key) {
  if (!status_.ok()) return status_;
  const uint64_t position = fitter_.key_count();
  if (position == kKeyCountMax) {
    status_ = absl::ResourceExhaustedError(
        absl::StrFormat("a learned index covers at most %u keys", kKeyCountMax));
  } else {
    status_ = absl::InvalidArgumentError(absl::StrFormat(
        "keys of a learned index must be strictly increasing: key %u at position %u follows %u",
        key, position, fitter_.last_key()));
  }
  return status_;
}

absl::StatusOr<RecursiveModelIndex> RecursiveModelIndexBuilder::Finish() {
  if (!status_.ok()) return status_;
  model::SegmentTable segments = fitter_.Finish();
  if (segments.size() > model::Router::kSegmentCountMax) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "a learned index of %u keys needs %u segments at epsilon %u, the limit is %u: raise "
        "epsilon",
        segments.key_count(), segments.size(), options_.epsilon, model::Router::kSegmentCountMax));
  }
  return RecursiveModelIndex(options_.epsilon, std::move(segments));
}

}  // namespace kyrodb::learned_index
