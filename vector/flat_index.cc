#include "vector/flat_index.h"

#include <atomic>
#include <new>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "vector/index/exact_scan.h"
#include "vector/index/save_stream.h"

namespace kyrodb::vector {
namespace {

constexpr absl::string_view kMagic = "KYROFLAT";
constexpr uint32_t kVersion = 1;

// Rows live in blocks that never move, so growing copies nothing. Row i is label labels_[i]; a
// removed row is overwritten by the last one.
class FlatIndex final : public VectorIndex {
 public:
  FlatIndex(Metric metric, size_t dimensions) : VectorIndex(metric, dimensions) {}

  absl::string_view kind() const override { return "flat"; }

  absl::Status Remove(uint64_t label) override {
    absl::MutexLock writer(&writer_mutex_);
    absl::WriterMutexLock lock(&mutex_);
    const auto found = rows_by_label_.find(label);
    if (found == rows_by_label_.end()) {
      return absl::NotFoundError(absl::StrFormat("label %d is not in the index", label));
    }
    const size_t row = found->second, last = labels_.size() - 1;
    rows_by_label_.erase(found);
    if (row != last) {
      std::copy_n(Row(last), dimensions(), MutableRow(row));
      labels_[row] = labels_[last];
      squared_lengths_[row] = squared_lengths_[last];
      rows_by_label_[labels_[row]] = row;
    }
    labels_.pop_back();
    squared_lengths_.pop_back();
    blocks_.resize((last + kBlockRows - 1) / kBlockRows);
    return absl::OkStatus();
  }

  bool Contains(uint64_t label) const override {
    absl::ReaderMutexLock lock(&mutex_);
    return rows_by_label_.contains(label);
  }

  size_t size() const override {
    absl::ReaderMutexLock lock(&mutex_);
    return labels_.size();
  }

  size_t removed_count() const override { return 0; }

  size_t memory_bytes() const override {
    absl::ReaderMutexLock lock(&mutex_);
    return sizeof(*this) + blocks_.size() * kBlockRows * dimensions() * sizeof(float) +
           blocks_.capacity() * sizeof(blocks_[0]) + labels_.capacity() * sizeof(labels_[0]) +
           squared_lengths_.capacity() * sizeof(float) +
           rows_by_label_.capacity() * (sizeof(*rows_by_label_.begin()) + 1);
  }

  absl::Status Save(absl::FunctionRef<absl::Status(absl::string_view)> sink) const override {
    // Writers are kept out by their own mutex, so searches need not wait for the sink, and this
    // lock for reading is never contended by one of them.
    absl::MutexLock writer(&writer_mutex_);
    index::SaveStream stream(sink, kMagic, kVersion);
    size_t count;
    {
      absl::ReaderMutexLock lock(&mutex_);
      count = labels_.size();
    }
    stream.buffer()->push_back(static_cast<char>(metric()));
    PutFixed32(stream.buffer(), static_cast<uint32_t>(dimensions()));
    PutFixed64(stream.buffer(), count);
    for (size_t row = 0; row < count && stream.ok(); ++row) {
      {
        absl::ReaderMutexLock lock(&mutex_);
        PutFixed64(stream.buffer(), labels_[row]);
        stream.PutFloats({Row(row), dimensions()});
      }
      stream.FlushIfFull();
    }
    return stream.Finish();
  }

  // Reads the body of the format; only for an index that nobody else has seen yet.
  absl::Status LoadRows(ByteReader& reader, uint64_t count) {
    std::vector<float> row(dimensions());
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t label = reader.Fixed64();
      if (!index::ReadFloats(reader, dimensions(), row.data())) {
        return absl::DataLossError(absl::StrFormat(
            "flat index: row %d of %d is cut short or holds NaN or infinity", i, count));
      }
      if (absl::Status added = AddChecked(label, row); absl::IsAlreadyExists(added)) {
        return absl::DataLossError(
            absl::StrFormat("flat index: row %d has label %d again", i, label));
      } else if (!added.ok()) {
        return added;
      }
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kBlockRows = 256;

  const float* Row(size_t row) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return blocks_[row / kBlockRows].get() + row % kBlockRows * dimensions();
  }
  float* MutableRow(size_t row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return blocks_[row / kBlockRows].get() + row % kBlockRows * dimensions();
  }

  absl::Status AddChecked(uint64_t label, std::span<const float> vector) override {
    absl::MutexLock writer(&writer_mutex_);
    absl::WriterMutexLock lock(&mutex_);
    const size_t row = labels_.size();
    if (rows_by_label_.contains(label)) {
      return absl::AlreadyExistsError(absl::StrFormat("label %d is in the index already", label));
    }
    try {
      // Whatever throws leaves the row count, and so the index, as it was.
      if (row == blocks_.size() * kBlockRows) {
        blocks_.push_back(std::make_unique<float[]>(kBlockRows * dimensions()));
      }
      labels_.reserve(row + 1 <= labels_.capacity() ? 0 : 2 * row + 16);
      squared_lengths_.reserve(row + 1 <= squared_lengths_.capacity() ? 0 : 2 * row + 16);
      rows_by_label_.emplace(label, row);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("out of memory at %d vectors of %d dimensions", row, dimensions()));
    }
    std::copy(vector.begin(), vector.end(), MutableRow(row));
    labels_.push_back(label);
    squared_lengths_.push_back(BestKernels().dot(vector.data(), vector.data(), vector.size()));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Neighbor>> SearchChecked(std::span<const float> vector,
                                                      const SearchParameters& parameters,
                                                      SearchStatistics& statistics) const override {
    const index::Query query(metric(), vector);
    statistics.exact = true;
    try {
      absl::ReaderMutexLock lock(&mutex_);
      index::ExactScan scan(query, parameters.k);
      for (size_t row = 0; row < labels_.size(); ++row) {
        if (parameters.filter != nullptr && !parameters.filter->Matches(labels_[row])) {
          ++statistics.filtered_count;
          continue;
        }
        scan.Offer(labels_[row], Row(row), squared_lengths_[row]);
      }
      std::vector<Neighbor> neighbors = scan.TakeSorted();
      statistics.distance_count = scan.distance_count();
      return neighbors;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("out of memory for %d neighbours", parameters.k));
    }
  }

  // Held by writers for their whole call, before `mutex_`.
  mutable absl::Mutex writer_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<float[]>> blocks_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> labels_ ABSL_GUARDED_BY(mutex_);
  std::vector<float> squared_lengths_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, size_t> rows_by_label_ ABSL_GUARDED_BY(mutex_);
};

absl::Status CheckDimensions(size_t dimensions) {
  if (dimensions >= 1 && dimensions <= kDimensionsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "a vector index of %d dimensions, expected 1 to %d", dimensions, kDimensionsMax));
}

}  // namespace

absl::StatusOr<std::unique_ptr<VectorIndex>> CreateFlatIndex(Metric metric, size_t dimensions) {
  KYRO_RETURN_IF_ERROR(CheckDimensions(dimensions));
  return std::make_unique<FlatIndex>(metric, dimensions);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> LoadFlatIndex(absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const absl::string_view body, index::OpenEnvelope(bytes, kMagic, kVersion));
  ByteReader reader(body);
  const uint8_t metric = reader.Fixed8();
  const uint32_t dimensions = reader.Fixed32();
  const uint64_t count = reader.Fixed64();
  if (!reader.ok() || metric > static_cast<uint8_t>(Metric::kCosine) || dimensions < 1 ||
      dimensions > kDimensionsMax ||
      count > reader.rest().size() / (8 + 4 * uint64_t{dimensions})) {
    return absl::DataLossError(
        absl::StrFormat("flat index: header names metric %d, %d dimensions, %d rows in %d bytes",
                        metric, dimensions, count, bytes.size()));
  }
  auto index = std::make_unique<FlatIndex>(static_cast<Metric>(metric), dimensions);
  KYRO_RETURN_IF_ERROR(index->LoadRows(reader, count));
  if (!reader.rest().empty()) {
    return absl::DataLossError(absl::StrFormat("flat index: %d bytes follow the last of %d rows",
                                               reader.rest().size(), count));
  }
  return index;
}

}  // namespace kyrodb::vector
