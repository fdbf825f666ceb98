// hnswlib 0.6.2 as Debian ships it. It has no filter: the filtered search here is the one of its
// later versions, written over its storage: walk through everything, keep what matches.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <cmath>
#include <queue>

#include "absl/strings/str_cat.h"
#include "bench/ann/system.h"

namespace kyrodb::bench {
namespace {

using Library = hnswlib::HierarchicalNSW<float>;

class FilteringHnsw : public Library {
 public:
  using Library::Library;

  std::vector<uint32_t> SearchMatching(const float* query, size_t k, const Filter& filter) {
    hnswlib::tableint node = enterpoint_node_;
    float nearest = fstdistfunc_(query, getDataByInternalId(node), dist_func_param_);
    for (int level = maxlevel_; level > 0; --level) {
      for (bool moved = true; moved;) {
        moved = false;
        const unsigned int* list = get_linklist(node, level);
        const auto* links = reinterpret_cast<const hnswlib::tableint*>(list + 1);
        for (int i = 0; i < getListCount(const_cast<unsigned int*>(list)); ++i) {
          const float distance =
              fstdistfunc_(query, getDataByInternalId(links[i]), dist_func_param_);
          if (distance < nearest) {
            nearest = distance;
            node = links[i];
            moved = true;
          }
        }
      }
    }
    const size_t ef = std::max(ef_, k);
    hnswlib::VisitedList* visited = visited_list_pool_->getFreeVisitedList();
    std::priority_queue<std::pair<float, hnswlib::tableint>> best, open;
    visited->mass[node] = visited->curV;
    open.emplace(-nearest, node);
    if (filter.Matches(getExternalLabel(node))) best.emplace(nearest, node);
    while (!open.empty()) {
      const auto [negative, current] = open.top();
      if (best.size() >= ef && -negative > best.top().first) break;
      open.pop();
      unsigned int* list = get_linklist0(current);
      const size_t count = getListCount(list);
      const auto* links = reinterpret_cast<const hnswlib::tableint*>(list + 1);
      for (size_t i = 0; i < count; ++i) {
        if (i + 1 < count) {
          __builtin_prefetch(visited->mass + links[i + 1]);
          __builtin_prefetch(getDataByInternalId(links[i + 1]));
        }
        if (visited->mass[links[i]] == visited->curV) continue;
        visited->mass[links[i]] = visited->curV;
        const float distance = fstdistfunc_(query, getDataByInternalId(links[i]), dist_func_param_);
        if (best.size() >= ef && distance >= best.top().first) continue;
        open.emplace(-distance, links[i]);
        if (!filter.Matches(getExternalLabel(links[i]))) continue;
        best.emplace(distance, links[i]);
        if (best.size() > ef) best.pop();
      }
    }
    visited_list_pool_->releaseVisitedList(visited);
    while (best.size() > k) best.pop();
    std::vector<uint32_t> found(best.size());
    for (size_t i = best.size(); i > 0; --i, best.pop()) {
      found[i - 1] = static_cast<uint32_t>(getExternalLabel(best.top().second));
    }
    return found;
  }
};

class HnswlibSystem final : public AnnSystem {
 public:
  HnswlibSystem(size_t m, size_t ef_construction, bool post)
      : m_(m), ef_construction_(ef_construction), post_(post) {}

  std::string name() const override {
    return absl::StrCat("hnswlib 0.6.2 m=", m_, ",ef=", ef_construction_,
                        post_ ? " post-filter" : "");
  }
  void Build(const DataSet& data) override {
    dimensions_ = data.dimensions;
    // A library's inner product space over vectors of length one is its cosine.
    normalize_ = data.metric == vector::Metric::kCosine;
    if (data.metric == vector::Metric::kL2) {
      space_ = std::make_unique<hnswlib::L2Space>(dimensions_);
    } else {
      space_ = std::make_unique<hnswlib::InnerProductSpace>(dimensions_);
    }
    index_ = std::make_unique<FilteringHnsw>(space_.get(), data.base_count(), m_, ef_construction_);
    for (size_t i = 0; i < data.base_count(); ++i) {
      index_->addPoint(Prepared(data.base_row(i)), i);
    }
  }
  std::vector<size_t> efforts() const override {
    return {10, 14, 20, 28, 40, 56, 80, 110, 160, 220, 320, 450, 640, 900};
  }
  void SetEffort(size_t effort) override { ef_ = effort; }
  bool Search(const float* query, size_t k, const Filter* filter,
              std::vector<uint32_t>& found) override {
    found.clear();
    const float* const prepared = Prepared(query);
    if (filter != nullptr && !post_) {
      index_->setEf(ef_);
      found = index_->SearchMatching(prepared, k, *filter);
      return true;
    }
    size_t wanted = k;
    if (filter != nullptr) {
      // As many as the share that matches calls for, and `ef_` hundredths more.
      const double share = static_cast<double>(filter->matching.size()) /
                           static_cast<double>(index_->cur_element_count);
      wanted = static_cast<size_t>(static_cast<double>(k) / share *
                                   (1 + static_cast<double>(ef_) / 100));
      wanted = std::min<size_t>(wanted, index_->cur_element_count);
    }
    index_->setEf(std::max(wanted, filter != nullptr ? size_t{0} : ef_));
    auto nearest = index_->searchKnn(prepared, wanted);
    std::vector<uint32_t> all(nearest.size());
    for (size_t i = nearest.size(); i > 0; --i, nearest.pop()) {
      all[i - 1] = static_cast<uint32_t>(nearest.top().second);
    }
    for (const uint32_t label : all) {
      if (found.size() == k) break;
      if (filter == nullptr || filter->Matches(label)) found.push_back(label);
    }
    return true;
  }
  double memory_bytes() const override {
    double bytes = static_cast<double>(index_->max_elements_ * index_->size_data_per_element_);
    for (size_t i = 0; i < index_->cur_element_count; ++i) {
      bytes += static_cast<double>(index_->element_levels_[i]) *
               static_cast<double>(index_->size_links_per_element_);
    }
    // Pointers to upper lists, levels, a mutex each; the map of labels is left out.
    return bytes + static_cast<double>(index_->cur_element_count) * (8 + 4 + 40);
  }

 private:
  const float* Prepared(const float* vector) {
    if (!normalize_) return vector;
    buffer_.assign(vector, vector + dimensions_);
    float squared = 0;
    for (const float value : buffer_) squared += value * value;
    for (float& value : buffer_) value /= std::sqrt(squared);
    return buffer_.data();
  }

  const size_t m_, ef_construction_;
  const bool post_;
  size_t dimensions_ = 0, ef_ = 64;
  bool normalize_ = false;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  std::unique_ptr<FilteringHnsw> index_;
  std::vector<float> buffer_;
};

}  // namespace

std::unique_ptr<AnnSystem> MakeHnswlib(size_t m, size_t ef_construction, bool post) {
  return std::make_unique<HnswlibSystem>(m, ef_construction, post);
}

}  // namespace kyrodb::bench
