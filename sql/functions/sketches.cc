// Sketches: answers about many values in little memory, with a known error.
// Source: Flajolet et al., "HyperLogLog" (2007); Dunning, "The t-digest" (2019); Metwally et al.,
// "Efficient computation of frequent and top-k elements" (2005, SpaceSaving).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/types/json_build.h"

namespace kyrodb::sql {
namespace {

// The same on every machine: answers must not depend on where they are computed.
uint64_t Hash(absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

// Exact while few values are seen; then 2^14 registers, whose standard error is 0.81 %.
class DistinctCount : public Accumulator {
 public:
  explicit DistinctCount(TypeId id) : id_(id) {}
  bool Add(FunctionContext&, Arguments a) override {
    identity_.clear();
    AppendIdentity(id_, *a[0], &identity_);
    const uint64_t hash = Hash(identity_);
    if (registers_.empty()) {
      few_.insert(hash);
      if (few_.size() <= kFewMax) return true;
      registers_.assign(size_t{1} << kBits, 0);
      for (const uint64_t one : few_) Count(one);
      few_.clear();
      return true;
    }
    Count(hash);
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    if (registers_.empty()) {
      *result = static_cast<int64_t>(few_.size());
      return true;
    }
    const auto m = static_cast<double>(registers_.size());
    double sum = 0;
    double zeros = 0;
    for (const uint8_t rank : registers_) {
      sum += std::ldexp(1.0, -rank);
      if (rank == 0) ++zeros;
    }
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && zeros > 0) estimate = m * std::log(m / zeros);
    *result = static_cast<int64_t>(std::llround(estimate));
    return true;
  }
  uint64_t bytes() const override { return registers_.size() + few_.size() * 16; }

 private:
  static constexpr int kBits = 14;
  static constexpr size_t kFewMax = 1024;
  void Count(uint64_t hash) {
    const uint64_t rest = (hash << kBits) | (uint64_t{1} << (kBits - 1));
    uint8_t& rank = registers_[hash >> (64 - kBits)];
    rank = std::max(rank, static_cast<uint8_t>(__builtin_clzll(rest) + 1));
  }
  TypeId id_;
  std::string identity_;
  absl::flat_hash_set<uint64_t> few_;
  std::vector<uint8_t> registers_;
};

// Centroids that are small where a percentile is extreme; at most about 2 * kCompression of them.
class ApproximatePercentile : public Accumulator {
 public:
  bool Add(FunctionContext& context, Arguments a) override {
    if (!has_fraction_) {
      fraction_ = AsDouble(a[1]);
      has_fraction_ = true;
      if (!(fraction_ >= 0 && fraction_ <= 1)) {
        return context.Fail(
            sqlstate::kNumericValueOutOfRange,
            absl::StrCat("percentile value ", fraction_, " is not between 0 and 1"));
      }
    }
    const double x = AsDouble(a[0]);
    if (std::isnan(x)) return true;
    least_ = buffer_.empty() && centroids_.empty() ? x : std::min(least_, x);
    greatest_ = buffer_.empty() && centroids_.empty() ? x : std::max(greatest_, x);
    buffer_.push_back({x, 1});
    if (buffer_.size() >= kBuffered) Merge();
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    Merge();
    if (centroids_.empty()) {
      *result = Null{};
      return true;
    }
    double total = 0;
    for (const Centroid& centroid : centroids_) total += centroid.weight;
    const double wanted = fraction_ * total;
    // A centroid's mean stands in the middle of its weight; between two the line decides.
    double before = 0;
    double left_at = 0;
    double left = least_;
    for (const Centroid& centroid : centroids_) {
      const double at = before + centroid.weight / 2;
      if (wanted <= at) {
        const double share = at > left_at ? (wanted - left_at) / (at - left_at) : 1;
        *result = left + (centroid.mean - left) * share;
        return true;
      }
      before += centroid.weight;
      left_at = at;
      left = centroid.mean;
    }
    const double share = total > left_at ? (wanted - left_at) / (total - left_at) : 1;
    *result = left + (greatest_ - left) * share;
    return true;
  }
  uint64_t bytes() const override {
    return (centroids_.size() + buffer_.size()) * sizeof(Centroid);
  }

 private:
  struct Centroid {
    double mean;
    double weight;
  };
  static constexpr double kCompression = 200;
  static constexpr size_t kBuffered = 2048;

  void Merge() {
    buffer_.insert(buffer_.end(), centroids_.begin(), centroids_.end());
    centroids_.clear();
    if (buffer_.empty()) return;
    std::sort(buffer_.begin(), buffer_.end(),
              [](const Centroid& x, const Centroid& y) { return x.mean < y.mean; });
    double total = 0;
    for (const Centroid& centroid : buffer_) total += centroid.weight;
    const auto scale = [](double q) {
      return kCompression / (2 * std::numbers::pi) * std::asin(2 * std::clamp(q, 0.0, 1.0) - 1);
    };
    double before = 0;
    Centroid current = buffer_[0];
    double begin = scale(0);
    for (size_t i = 1; i < buffer_.size(); ++i) {
      const Centroid& next = buffer_[i];
      if (scale((before + current.weight + next.weight) / total) - begin <= 1) {
        const double weight = current.weight + next.weight;
        current.mean += (next.mean - current.mean) * next.weight / weight;
        current.weight = weight;
      } else {
        centroids_.push_back(current);
        before += current.weight;
        begin = scale(before / total);
        current = next;
      }
    }
    centroids_.push_back(current);
    buffer_.clear();
  }

  bool has_fraction_ = false;
  double fraction_ = 0;
  double least_ = 0;
  double greatest_ = 0;
  std::vector<Centroid> centroids_;
  std::vector<Centroid> buffer_;
};

// The k most frequent values with their counts, which may be too high by at most the count of the
// least frequent counter that was given away.
class TopK : public Accumulator {
 public:
  explicit TopK(const Type& type) : type_(type) {}
  bool Add(FunctionContext& context, Arguments a) override {
    if (k_ == 0) {
      k_ = AsInt(a[1]);
      if (k_ < 1 || k_ > 10000) {
        return context.Fail(sqlstate::kInvalidParameterValue,
                            absl::StrCat("topk takes 1 to 10000 values, not ", k_));
      }
      capacity_ = static_cast<size_t>(std::max<int64_t>(256, 16 * k_));
    }
    std::string identity;
    AppendIdentity(type_.id, *a[0], &identity);
    const auto found = counters_.find(identity);
    if (found != counters_.end()) {
      ++found->second.count;
      return true;
    }
    int64_t inherited = floor_;
    if (counters_.size() >= 2 * capacity_) Shrink(&inherited);
    counters_.emplace(std::move(identity), Counter{*a[0], inherited + 1});
    return true;
  }
  bool Finish(FunctionContext&, Value* result) override {
    std::vector<const Counter*> order;
    for (const auto& [identity, counter] : counters_) order.push_back(&counter);
    const auto before = [this](const Counter* x, const Counter* y) {
      if (x->count != y->count) return x->count > y->count;
      return CompareValues(type_.id, x->value, y->value) < 0;
    };
    const size_t shown = std::min(order.size(), static_cast<size_t>(std::max<int64_t>(k_, 0)));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown),
                      order.end(), before);
    std::string out = "[";
    for (size_t i = 0; i < shown; ++i) {
      absl::StrAppend(&out, i > 0 ? ", " : "", "{\"count\": ", order[i]->count, ", \"value\": ");
      AppendJson(ToJson(type_, order[i]->value), &out);
      out.push_back('}');
    }
    out.push_back(']');
    *result = std::move(out);
    return true;
  }
  uint64_t bytes() const override { return counters_.size() * 96; }

 private:
  struct Counter {
    Value value;
    int64_t count = 0;
  };
  // Keeps the most frequent half; newcomers take over the greatest count that was dropped.
  void Shrink(int64_t* inherited) {
    std::vector<int64_t> counts;
    for (const auto& [identity, counter] : counters_) counts.push_back(counter.count);
    std::nth_element(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(capacity_),
                     counts.end());
    floor_ = counts[capacity_];
    absl::erase_if(counters_, [this](const auto& item) { return item.second.count <= floor_; });
    *inherited = floor_;
  }

  Type type_;
  int64_t k_ = 0;
  size_t capacity_ = 0;
  int64_t floor_ = 0;
  absl::flat_hash_map<std::string, Counter> counters_;
};

}  // namespace

void AddSketches(std::vector<AggregateFunction>* out) {
  out->push_back({.name = "approx_count_distinct",
                  .parameters = {kAnyId},
                  .result = kBigintType,
                  .create_typed = [](std::span<const Type> types) -> std::unique_ptr<Accumulator> {
                    return std::make_unique<DistinctCount>(types[0].id);
                  }});
  out->push_back({.name = "approx_percentile",
                  .parameters = {TypeId::kDouble, TypeId::kDouble},
                  .result = kDoubleType,
                  .create = []() -> std::unique_ptr<Accumulator> {
                    return std::make_unique<ApproximatePercentile>();
                  }});
  out->push_back({.name = "topk",
                  .parameters = {kAnyId, TypeId::kInteger},
                  .result = kJsonbType,
                  .create_typed = [](std::span<const Type> types) -> std::unique_ptr<Accumulator> {
                    return std::make_unique<TopK>(types[0]);
                  }});
}

}  // namespace kyrodb::sql
