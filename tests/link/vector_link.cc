#include "vector/metric.h"

int main() {
  return kyrodb::vector::ParseMetric(kyrodb::vector::MetricName(kyrodb::vector::Metric::kL2)) ==
                 kyrodb::vector::Metric::kL2
             ? 0
             : 1;
}
