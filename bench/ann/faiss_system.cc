// FAISS 1.7.3 as Debian ships it: HNSW, inverted lists of floats, and inverted lists of
// product-quantised codes read by fast scan, with the floats to rank what they find.
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/FaissException.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "bench/ann/system.h"

namespace kyrodb::bench {
namespace {

class FaissSystem final : public AnnSystem {
 public:
  explicit FaissSystem(const std::string& kind) : kind_(kind) {}
  std::string name() const override { return absl::StrCat("faiss 1.7.3 ", kind_); }
  void Build(const DataSet& data) override {
    dimensions_ = data.dimensions;
    normalize_ = data.metric == vector::Metric::kCosine;
    const faiss::MetricType metric =
        data.metric == vector::Metric::kL2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
    const int d = static_cast<int>(dimensions_);
    const int64_t count = static_cast<int64_t>(data.base_count());
    const size_t lists = static_cast<size_t>(4 * std::sqrt(static_cast<double>(count)));
    if (kind_ == "hnsw") {
      auto index = std::make_unique<faiss::IndexHNSWFlat>(d, 16, metric);
      index->hnsw.efConstruction = 200;
      hnsw_ = index.get();
      index_ = std::move(index);
    } else {
      coarse_ = std::make_unique<faiss::IndexFlat>(d, metric);
      if (kind_ == "ivfflat") {
        auto index =
            std::make_unique<faiss::IndexIVFFlat>(coarse_.get(), dimensions_, lists, metric);
        ivf_ = index.get();
        index_ = std::move(index);
      } else {
        auto index = std::make_unique<faiss::IndexIVFPQFastScan>(coarse_.get(), dimensions_, lists,
                                                                 dimensions_ / 4, 4, metric);
        fast_scan_ = index.get();
        codes_ = std::move(index);
        auto refine = std::make_unique<faiss::IndexRefineFlat>(codes_.get());
        refine->k_factor = 10;
        index_ = std::move(refine);
      }
    }
    std::vector<float> base = data.base;
    for (size_t i = 0; normalize_ && i < data.base_count(); ++i) Normalize(&base[i * dimensions_]);
    index_->train(count, base.data());
    index_->add(count, base.data());
  }
  std::vector<size_t> efforts() const override {
    if (kind_ == "hnsw") return {10, 14, 20, 28, 40, 56, 80, 110, 160, 220, 320, 450, 640};
    return {1, 2, 3, 5, 7, 10, 15, 22, 32, 48, 70, 100, 150};
  }
  void SetEffort(size_t effort) override {
    if (hnsw_ != nullptr) hnsw_->hnsw.efSearch = static_cast<int>(effort);
    if (ivf_ != nullptr) ivf_->nprobe = effort;
    if (fast_scan_ != nullptr) fast_scan_->nprobe = effort;
  }
  bool Search(const float* query, size_t k, const Filter* filter,
              std::vector<uint32_t>& found) override {
    if (filter != nullptr) return false;
    query_.assign(query, query + dimensions_);
    if (normalize_) Normalize(query_.data());
    distances_.resize(k);
    labels_.resize(k);
    index_->search(1, query_.data(), static_cast<int64_t>(k), distances_.data(), labels_.data());
    found.clear();
    for (const int64_t label : labels_) {
      if (label >= 0) found.push_back(static_cast<uint32_t>(label));
    }
    return true;
  }
  double memory_bytes() const override {
    const double count = static_cast<double>(index_->ntotal);
    const double floats = static_cast<double>(dimensions_) * 4;
    if (kind_ == "hnsw") return count * (floats + 2 * 16 * 4 + 1.1 * 16 * 4);
    return count * (floats + 8 + (kind_ == "ivfpq" ? floats / 32 : 0));
  }

 private:
  void Normalize(float* vector) const {
    float squared = 0;
    for (size_t i = 0; i < dimensions_; ++i) squared += vector[i] * vector[i];
    for (size_t i = 0; i < dimensions_; ++i) vector[i] /= std::sqrt(squared);
  }

  const std::string kind_;
  size_t dimensions_ = 0;
  bool normalize_ = false;
  std::unique_ptr<faiss::IndexFlat> coarse_;
  std::unique_ptr<faiss::Index> codes_, index_;
  faiss::IndexHNSWFlat* hnsw_ = nullptr;
  faiss::IndexIVFFlat* ivf_ = nullptr;
  faiss::IndexIVFPQFastScan* fast_scan_ = nullptr;
  std::vector<float> query_, distances_;
  std::vector<int64_t> labels_;
};

}  // namespace

std::unique_ptr<AnnSystem> MakeFaiss(const std::string& kind) {
  return std::make_unique<FaissSystem>(kind);
}

}  // namespace kyrodb::bench
