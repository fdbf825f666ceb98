// Goal:   metrics count right, also from many threads, and Prometheus can read their text form.
// Method: golden text for each kind; bucket bounds at powers of two and one beside; racing threads.
#include "engine/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kyrodb {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(MetricsTest, CountersAndGaugesPrintTheirValue) {
  MetricsRegistry registry;
  registry.gauge("kyro_memtable_bytes", "Bytes in the memtable.").Set(-5);
  registry.counter("kyro_commits_total", "Commits, a\\b,\nsecond line.").Add(3);
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP kyro_commits_total Commits, a\\\\b,\\nsecond line.\n"
            "# TYPE kyro_commits_total counter\n"
            "kyro_commits_total 3\n"
            "# HELP kyro_memtable_bytes Bytes in the memtable.\n"
            "# TYPE kyro_memtable_bytes gauge\n"
            "kyro_memtable_bytes -5\n");
}

TEST(MetricsTest, HistogramPrintsCumulativeBucketsSumAndCount) {
  MetricsRegistry registry;
  Histogram& histogram = registry.histogram("kyro_sync_micros", "Sync time.");
  for (uint64_t value : {0u, 1u, 2u, 3u, 4u, 5u}) histogram.Observe(value);
  histogram.Observe(uint64_t{1} << 40);
  const std::string text = registry.PrometheusText();
  EXPECT_THAT(text, HasSubstr("# TYPE kyro_sync_micros histogram\n"
                              "kyro_sync_micros_bucket{le=\"1\"} 2\n"
                              "kyro_sync_micros_bucket{le=\"2\"} 3\n"
                              "kyro_sync_micros_bucket{le=\"4\"} 5\n"
                              "kyro_sync_micros_bucket{le=\"8\"} 6\n"));
  EXPECT_THAT(text,
              HasSubstr(absl::StrCat("kyro_sync_micros_bucket{le=\"549755813888\"} 6\n"
                                     "kyro_sync_micros_bucket{le=\"+Inf\"} 7\n"
                                     "kyro_sync_micros_sum ",
                                     15 + (uint64_t{1} << 40), "\nkyro_sync_micros_count 7\n")));
  int bucket_count = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    bucket_count += absl::StartsWith(line, "kyro_sync_micros_bucket") ? 1 : 0;
  }
  EXPECT_EQ(bucket_count, Histogram::kBucketCount);
}

TEST(MetricsTest, BucketBoundsAreInclusive) {
  for (int i = 1; i < 40; ++i) {
    Histogram histogram;
    histogram.Observe(uint64_t{1} << i);
    histogram.Observe((uint64_t{1} << i) + 1);
    EXPECT_EQ(histogram.bucket(i), 1u) << i;
    EXPECT_EQ(histogram.bucket(i + 1), 1u) << i;
  }
  Histogram histogram;
  histogram.Observe(kMax);
  EXPECT_EQ(histogram.bucket(Histogram::kBucketCount - 1), 1u);
}

TEST(MetricsTest, QuantileIsTheBoundOfTheRightBucket) {
  Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0u);
  for (int i = 0; i < 90; ++i) histogram.Observe(3);
  for (int i = 0; i < 10; ++i) histogram.Observe(1000);
  EXPECT_EQ(histogram.Quantile(0), 4u);
  EXPECT_EQ(histogram.Quantile(0.5), 4u);
  EXPECT_EQ(histogram.Quantile(0.9), 4u);
  EXPECT_EQ(histogram.Quantile(0.91), 1024u);
  EXPECT_EQ(histogram.Quantile(1), 1024u);
  EXPECT_EQ(histogram.Quantile(7), 1024u);
  EXPECT_EQ(histogram.Quantile(-1), 4u);
  EXPECT_EQ(histogram.Quantile(std::numeric_limits<double>::quiet_NaN()), 4u);
  histogram.Observe(kMax);
  EXPECT_EQ(histogram.Quantile(1), kMax);
}

TEST(MetricsTest, SamplesAreSortedAndSplitHistograms) {
  MetricsRegistry registry;
  registry.histogram("b", "").Observe(7);
  registry.counter("b_c", "").Add(2);
  registry.gauge("a", "").Set(-1);
  const std::vector<MetricsRegistry::Sample> samples = registry.Samples();
  std::vector<std::string> lines;
  for (const auto& sample : samples) lines.push_back(absl::StrCat(sample.name, "=", sample.value));
  EXPECT_EQ(lines, (std::vector<std::string>{"a=-1", "b_c=2", "b_count=1", "b_sum=7"}));
}

TEST(MetricsTest, SameNameGivesTheSameMetric) {
  MetricsRegistry registry;
  EXPECT_EQ(&registry.counter("x_total", "x"), &registry.counter("x_total", "y"));
}

TEST(MetricsTest, NothingIsLostBetweenThreads) {
  MetricsRegistry registry;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&registry] {
        for (uint64_t i = 0; i < 2000; ++i) {
          registry.counter("n_total", "").Add();
          registry.histogram("h", "").Observe(i);
          if (i % 500 == 0) registry.PrometheusText();
        }
      });
    }
  }
  EXPECT_EQ(registry.counter("n_total", "").value(), 8000u);
  EXPECT_EQ(registry.histogram("h", "").count(), 8000u);
  EXPECT_EQ(registry.histogram("h", "").sum(), 4u * (1999 * 2000 / 2));
}

TEST(MetricsDeathTest, OneNameOfTwoKindsAndBadNamesAreBugs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  MetricsRegistry registry;
  registry.counter("x_total", "");
  EXPECT_DEATH(registry.gauge("x_total", ""), "broken invariant");
  EXPECT_DEATH(registry.counter("1x", ""), "broken invariant");
  EXPECT_DEATH(registry.counter("a b", ""), "broken invariant");
}

}  // namespace
}  // namespace kyrodb
