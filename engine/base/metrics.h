// Counters, gauges and histograms, and their text form for Prometheus.
// Source: the Prometheus text exposition format, version 0.0.4.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb {

// Only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Goes up and down.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Counts observations in buckets that double: 1, 2, 4, … 2^39, +Inf.
class Histogram {
 public:
  static constexpr int kBucketCount = 41;
  void Observe(uint64_t value);
  uint64_t count() const;
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  // The upper bound of the bucket in which the `quantile` (0..1) observation lies; 0 when empty,
  // 2^64-1 in the last bucket.
  uint64_t Quantile(double quantile) const;
  uint64_t bucket(int index) const { return buckets_[index].load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> buckets_[kBucketCount] = {};
  std::atomic<uint64_t> sum_{0};
};

// Owns metrics by name. Names follow Prometheus: `kyro_wal_sync_micros`, with the unit last;
// counters end in `_total`. Asking twice for a name gives the same metric; a name has one kind and
// is made of letters, digits, `_` and `:` (checked).
//
// Thread-safety:  all methods may be called from any thread.
// Lifetime:       a returned reference is valid as long as the registry.
class MetricsRegistry {
 public:
  Counter& counter(absl::string_view name, absl::string_view help);
  Gauge& gauge(absl::string_view name, absl::string_view help);
  Histogram& histogram(absl::string_view name, absl::string_view help);

  // All metrics in Prometheus' text format, sorted by name.
  std::string PrometheusText() const;

  struct Sample {
    std::string name;
    double value;
  };
  // Counters and gauges by value, histograms as `_count` and `_sum`, sorted by name.
  std::vector<Sample> Samples() const;

 private:
  struct Entry {
    std::string help;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  Entry& FindOrAdd(absl::string_view name, absl::string_view help)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb
