// Recall against queries per second, as an SVG picture.
#pragma once

#include <string>
#include <vector>

namespace kyrodb::bench {

struct CurvePoint {
  size_t effort = 0;
  double recall = 0;
  double queries_per_second = 0;
};
struct Curve {
  std::string system;
  std::vector<CurvePoint> points;
};

// Queries per second at `recall`, between the measured points that enclose it; what the first point
// that reaches it has, when no slower point has less recall; 0 when none reaches it.
double RateAt(const Curve& curve, double recall);

// Rates on a logarithmic axis, recall from .7 to 1.
std::string PlotSvg(const std::string& title, const std::vector<Curve>& curves);

}  // namespace kyrodb::bench
