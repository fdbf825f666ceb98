#include "vector/metric.h"

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "vector/kernels.h"
#include "vector/kernels/formula.h"

namespace kyrodb::vector {

absl::string_view MetricName(Metric metric) {
  switch (metric) {
    case Metric::kL2:
      return "l2";
    case Metric::kInnerProduct:
      return "inner_product";
    case Metric::kCosine:
      return "cosine";
  }
  return "unknown";
}

std::optional<Metric> ParseMetric(absl::string_view name) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    if (absl::EqualsIgnoreCase(name, MetricName(metric))) return metric;
  }
  return std::nullopt;
}

double Distance(Metric metric, std::span<const float> a, std::span<const float> b) {
  KYRO_CHECK(a.size() == b.size());
  const Kernels& kernels = BestKernels();
  const size_t size = a.size();
  if (metric == Metric::kL2) {
    return kernels::DistanceFromSum(metric, kernels.squared_l2(a.data(), b.data(), size), 0, 0);
  }
  const float dot = kernels.dot(a.data(), b.data(), size);
  if (metric == Metric::kInnerProduct) return kernels::DistanceFromSum(metric, dot, 0, 0);
  return kernels::DistanceFromSum(metric, dot, kernels.dot(a.data(), a.data(), size),
                                  kernels.dot(b.data(), b.data(), size));
}

absl::Status CheckVector(std::span<const float> vector, size_t dimensions) {
  if (vector.size() != dimensions) {
    return absl::InvalidArgumentError(
        absl::StrFormat("vector has %d dimensions, expected %d", vector.size(), dimensions));
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return absl::InvalidArgumentError(
          absl::StrFormat("vector element %d is %g, expected a finite number", i + 1, vector[i]));
    }
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::vector
