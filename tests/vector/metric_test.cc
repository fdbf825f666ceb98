// Goal:   `Distance` is what pgvector's operators give, and bad vectors are named.
// Method: values worked out by hand or taken from pgvector's documentation of each operator.
#include "vector/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace kyrodb::vector {
namespace {

using Floats = std::vector<float>;
using testing::HasSubstr;

double Of(Metric metric, const Floats& a, const Floats& b) { return Distance(metric, a, b); }

TEST(MetricTest, L2TakesTheSquareRoot) {
  EXPECT_EQ(Of(Metric::kL2, {0, 0}, {3, 4}), 5);
  EXPECT_EQ(Of(Metric::kL2, {1, 2}, {3, 4}), std::sqrt(8.0));  // in double precision
  EXPECT_EQ(Of(Metric::kL2, {3e38f}, {-3e38f}), std::numeric_limits<double>::infinity());
}

TEST(MetricTest, InnerProductIsNegative) {
  EXPECT_EQ(Of(Metric::kInnerProduct, {1, 2}, {3, 4}), -11);
  EXPECT_EQ(Of(Metric::kInnerProduct, {1, 2}, {-3, 0}), 3);
}

TEST(MetricTest, CosineIsOneMinusSimilarity) {
  EXPECT_EQ(Of(Metric::kCosine, {1, 2}, {2, 4}), 0);
  EXPECT_EQ(Of(Metric::kCosine, {1, 0}, {0, 2}), 1);
  EXPECT_EQ(Of(Metric::kCosine, {1, 1}, {-1, -1}), 2);
  // Rounding never leaves [0, 2].
  for (int i = 1; i < 200; ++i) {
    const Floats v = {static_cast<float>(i) * 0.1f, 0.7f, static_cast<float>(i) * 1e-3f};
    EXPECT_GE(Of(Metric::kCosine, v, v), 0);
  }
}

TEST(MetricTest, CosineOfAZeroVectorIsNan) {
  EXPECT_TRUE(std::isnan(Of(Metric::kCosine, {0, 0}, {1, 2})));
  EXPECT_TRUE(std::isnan(Of(Metric::kCosine, {1, 2}, {0, 0})));
  EXPECT_TRUE(std::isnan(Of(Metric::kCosine, {0, 0}, {0, 0})));
}

TEST(MetricTest, NamesRoundTripWithoutCase) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    EXPECT_EQ(ParseMetric(MetricName(metric)), metric);
  }
  EXPECT_EQ(ParseMetric("Cosine"), Metric::kCosine);
  EXPECT_EQ(ParseMetric("l1"), std::nullopt);
  EXPECT_EQ(ParseMetric(""), std::nullopt);
}

TEST(MetricTest, CheckVectorNamesWhatIsWrong) {
  EXPECT_TRUE(CheckVector(Floats{1, 2, 3}, 3).ok());
  const absl::Status wrong_size = CheckVector(Floats{1, 2, 3}, 384);
  EXPECT_EQ(wrong_size.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong_size.message()),
              HasSubstr("vector has 3 dimensions, expected 384"));
  const absl::Status nan = CheckVector(Floats{1, std::nanf("")}, 2);
  EXPECT_EQ(nan.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(nan.message()), HasSubstr("element 2 is nan"));
  const absl::Status infinite = CheckVector(Floats{-std::numeric_limits<float>::infinity()}, 1);
  EXPECT_EQ(infinite.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(infinite.message()), HasSubstr("element 1 is -inf"));
}

}  // namespace
}  // namespace kyrodb::vector
