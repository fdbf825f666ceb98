// From single-precision sums to the value of the SQL operator. One place, so that an index and
// `Distance` give the same number bit by bit.
#pragma once

#include <algorithm>
#include <cmath>

#include "vector/metric.h"

namespace kyrodb::vector::kernels {

// `sum` is the sum of squared differences for kL2 and the dot product otherwise; the squared
// lengths matter to kCosine only.
inline double DistanceFromSum(Metric metric, float sum, float squared_length_a,
                              float squared_length_b) {
  switch (metric) {
    case Metric::kL2:
      return std::sqrt(static_cast<double>(sum));
    case Metric::kInnerProduct:
      return -static_cast<double>(sum);
    case Metric::kCosine:
      break;
  }
  const double similarity =
      static_cast<double>(sum) /
      std::sqrt(static_cast<double>(squared_length_a) * static_cast<double>(squared_length_b));
  // Rounding may leave [-1, 1]; NaN passes through the clamp.
  return 1.0 - std::clamp(similarity, -1.0, 1.0);
}

}  // namespace kyrodb::vector::kernels
