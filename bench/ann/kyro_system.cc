#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/ann/system.h"
#include "vector/hnsw_index.h"

namespace kyrodb::bench {
namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "ann_bench: %s\n", status.ToString().c_str());
  std::exit(1);
}

class LabelsOf final : public vector::LabelFilter {
 public:
  explicit LabelsOf(const Filter& filter) : filter_(filter) {}
  bool Matches(uint64_t label) const override { return filter_.Matches(label); }
  std::optional<uint64_t> match_count() const override { return filter_.matching.size(); }
  std::span<const uint64_t> matching_labels() const override { return filter_.matching; }

 private:
  const Filter& filter_;
};

class KyroSystem final : public AnnSystem {
 public:
  explicit KyroSystem(const std::string& text) : text_(text) {
    options_.m = 16;
    options_.ef_construction = 200;
    for (const absl::string_view part : absl::StrSplit(text, ',')) {
      const std::vector<std::string> sides = absl::StrSplit(part, '=');
      size_t number = 0;
      if (sides.size() == 2 && absl::SimpleAtoi(sides[1], &number)) {
        (sides[0] == "m" ? options_.m : options_.ef_construction) = number;
        continue;
      }
      const std::vector<std::string> names = absl::StrSplit(part, '/');
      const auto quantization = vector::ParseQuantization(names[0]);
      const auto rescore = vector::ParseRescore(names.size() > 1 ? names[1] : "sq12");
      if (!quantization || !rescore) Check(absl::InvalidArgumentError(text));
      options_.quantization = *quantization;
      options_.rescore = *rescore;
    }
  }
  std::string name() const override { return absl::StrCat("kyrodb ", text_); }
  void Build(const DataSet& data) override {
    auto created = vector::CreateHnswIndex(data.metric, data.dimensions, options_);
    Check(created.status());
    index_ = std::move(created).value();
    dimensions_ = data.dimensions;
    std::vector<uint64_t> labels(data.base_count());
    std::iota(labels.begin(), labels.end(), 0);
    Check(index_->AddMany(labels, data.base, 1));
  }
  std::vector<size_t> efforts() const override {
    return {10, 12, 14, 17, 20, 25, 32, 40, 50, 64, 80, 100, 130, 170, 220, 300, 400, 600, 800};
  }
  void SetEffort(size_t effort) override { ef_ = effort; }
  bool Search(const float* query, size_t k, const Filter* filter,
              std::vector<uint32_t>& found) override {
    std::optional<LabelsOf> labels;
    if (filter != nullptr) labels.emplace(*filter);
    const auto neighbors =
        index_->Search({query, dimensions_},
                       {.k = k, .ef = ef_, .filter = filter == nullptr ? nullptr : &*labels});
    found.clear();
    for (const vector::Neighbor& neighbor : *neighbors) {
      found.push_back(static_cast<uint32_t>(neighbor.label));
    }
    return true;
  }
  double memory_bytes() const override { return static_cast<double>(index_->memory_bytes()); }

 private:
  const std::string text_;
  vector::HnswOptions options_;
  std::unique_ptr<vector::VectorIndex> index_;
  size_t dimensions_ = 0, ef_ = 64;
};

}  // namespace

std::unique_ptr<AnnSystem> MakeKyro(const std::string& options) {
  return std::make_unique<KyroSystem>(options);
}

}  // namespace kyrodb::bench
