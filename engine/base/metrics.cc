#include "engine/base/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/status.h"

namespace kyrodb {
namespace {

// The inclusive upper bound of every bucket but the last, which has none.
uint64_t BucketBound(int index) { return uint64_t{1} << index; }

bool IsMetricName(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':';
  });
}

}  // namespace

void Histogram::Observe(uint64_t value) {
  const int index =
      value <= 1 ? 0 : std::min(static_cast<int>(std::bit_width(value - 1)), kBucketCount - 1);
  buckets_[index].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t count = 0;
  for (int i = 0; i < kBucketCount; ++i) count += bucket(i);
  return count;
}

uint64_t Histogram::Quantile(double quantile) const {
  uint64_t counts[kBucketCount];
  uint64_t total = 0;
  for (int i = 0; i < kBucketCount; ++i) total += counts[i] = bucket(i);
  if (total == 0) return 0;
  // Which observation is asked for, from 1; written so that NaN asks for the first.
  const double fraction = quantile > 0 ? std::min(quantile, 1.0) : 0.0;
  const auto rank =
      static_cast<uint64_t>(std::max(1.0, std::ceil(fraction * static_cast<double>(total))));
  uint64_t passed = 0;
  for (int i = 0; i < kBucketCount - 1; ++i) {
    passed += counts[i];
    if (passed >= rank) return BucketBound(i);
  }
  return std::numeric_limits<uint64_t>::max();
}

Counter& MetricsRegistry::counter(absl::string_view name, absl::string_view help) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = FindOrAdd(name, help);
  KYRO_CHECK(!entry.gauge && !entry.histogram);  // one name, one kind
  if (!entry.counter) entry.counter = std::make_unique<Counter>();
  return *entry.counter;
}

Gauge& MetricsRegistry::gauge(absl::string_view name, absl::string_view help) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = FindOrAdd(name, help);
  KYRO_CHECK(!entry.counter && !entry.histogram);
  if (!entry.gauge) entry.gauge = std::make_unique<Gauge>();
  return *entry.gauge;
}

Histogram& MetricsRegistry::histogram(absl::string_view name, absl::string_view help) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = FindOrAdd(name, help);
  KYRO_CHECK(!entry.counter && !entry.gauge);
  if (!entry.histogram) entry.histogram = std::make_unique<Histogram>();
  return *entry.histogram;
}

MetricsRegistry::Entry& MetricsRegistry::FindOrAdd(absl::string_view name, absl::string_view help) {
  KYRO_CHECK(IsMetricName(name));
  Entry& entry = entries_[std::string(name)];
  if (entry.help.empty()) entry.help = std::string(help);
  return entry;
}

std::string MetricsRegistry::PrometheusText() const {
  absl::MutexLock lock(&mutex_);
  std::string out;
  for (const auto& [name, entry] : entries_) {
    const char* const type = entry.counter ? "counter" : entry.gauge ? "gauge" : "histogram";
    absl::StrAppend(&out, "# HELP ", name, " ",
                    absl::StrReplaceAll(entry.help, {{"\\", "\\\\"}, {"\n", "\\n"}}), "\n# TYPE ",
                    name, " ", type, "\n");
    if (entry.counter) absl::StrAppend(&out, name, " ", entry.counter->value(), "\n");
    if (entry.gauge) absl::StrAppend(&out, name, " ", entry.gauge->value(), "\n");
    if (entry.histogram) {
      // The count is summed from what was read, so that it agrees with the buckets even while
      // others observe.
      uint64_t count = 0;
      for (int i = 0; i < Histogram::kBucketCount; ++i) {
        count += entry.histogram->bucket(i);
        absl::StrAppend(&out, name, "_bucket{le=\"");
        if (i < Histogram::kBucketCount - 1) {
          absl::StrAppend(&out, BucketBound(i));
        } else {
          absl::StrAppend(&out, "+Inf");
        }
        absl::StrAppend(&out, "\"} ", count, "\n");
      }
      absl::StrAppend(&out, name, "_sum ", entry.histogram->sum(), "\n", name, "_count ", count,
                      "\n");
    }
  }
  return out;
}

std::vector<MetricsRegistry::Sample> MetricsRegistry::Samples() const {
  std::vector<Sample> samples;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, entry] : entries_) {
      if (entry.counter) samples.push_back({name, static_cast<double>(entry.counter->value())});
      if (entry.gauge) samples.push_back({name, static_cast<double>(entry.gauge->value())});
      if (entry.histogram) {
        samples.push_back(
            {absl::StrCat(name, "_count"), static_cast<double>(entry.histogram->count())});
        samples.push_back(
            {absl::StrCat(name, "_sum"), static_cast<double>(entry.histogram->sum())});
      }
    }
  }
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return samples;
}

}  // namespace kyrodb
