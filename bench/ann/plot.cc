#include "bench/ann/plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace kyrodb::bench {
namespace {

constexpr double kLeft = 80, kTop = 40, kWidth = 620, kHeight = 420;
constexpr double kRecallMin = 0.7;
constexpr const char* kColors[] = {"#0b6e4f", "#c84c09", "#2f4b7c", "#a05195",
                                   "#8a6d00", "#d45087", "#008080", "#555555"};

double X(double recall) {
  return kLeft + kWidth * (std::max(recall, kRecallMin) - kRecallMin) / (1 - kRecallMin);
}

}  // namespace

double RateAt(const Curve& curve, double recall) {
  // The fastest way to each recall: a point counts when none at least as fast finds more.
  std::vector<CurvePoint> points = curve.points;
  std::sort(points.begin(), points.end(), [](const CurvePoint& a, const CurvePoint& b) {
    return a.queries_per_second > b.queries_per_second;
  });
  const CurvePoint* below = nullptr;
  for (const CurvePoint& point : points) {
    if (point.recall >= recall) {
      if (below == nullptr || point.recall == below->recall) return point.queries_per_second;
      const double part = (recall - below->recall) / (point.recall - below->recall);
      return std::exp(std::log(below->queries_per_second) * (1 - part) +
                      std::log(point.queries_per_second) * part);
    }
    if (below == nullptr || point.recall > below->recall) below = &point;
  }
  return 0;
}

std::string PlotSvg(const std::string& title, const std::vector<Curve>& curves) {
  double low = 1e12, high = 1;
  for (const Curve& curve : curves) {
    for (const CurvePoint& point : curve.points) {
      if (point.recall < kRecallMin) continue;
      low = std::min(low, point.queries_per_second);
      high = std::max(high, point.queries_per_second);
    }
  }
  const double log_low = std::floor(std::log10(low)), log_high = std::ceil(std::log10(high));
  const auto y = [&](double rate) {
    return kTop + kHeight * (log_high - std::log10(rate)) / std::max(1.0, log_high - log_low);
  };
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"520\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"960\" height=\"520\" "
      "fill=\"white\"/>\n<text x=\"%g\" y=\"24\" font-size=\"16\">%s</text>\n",
      kLeft, title);
  for (int tick = 0; tick <= 6; ++tick) {
    const double recall = kRecallMin + (1 - kRecallMin) * tick / 6;
    svg += absl::StrFormat(
        "<line x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\" stroke=\"#ddd\"/><text x=\"%g\" y=\"%g\" "
        "text-anchor=\"middle\">%.2f</text>\n",
        X(recall), X(recall), kTop, kTop + kHeight, X(recall), kTop + kHeight + 18, recall);
  }
  for (double decade = log_low; decade <= log_high; ++decade) {
    const double at = y(std::pow(10, decade));
    svg += absl::StrFormat(
        "<line x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\" stroke=\"#ddd\"/><text x=\"%g\" y=\"%g\" "
        "text-anchor=\"end\">%g</text>\n",
        kLeft, kLeft + kWidth, at, at, kLeft - 6, at + 4, std::pow(10, decade));
  }
  svg += absl::StrFormat(
      "<text x=\"%g\" y=\"%g\">recall@10 to the right, queries per second of one "
      "thread upwards</text>\n",
      kLeft, kTop + kHeight + 42);
  for (size_t i = 0; i < curves.size(); ++i) {
    const char* const color = kColors[i % std::size(kColors)];
    std::string path;
    for (const CurvePoint& point : curves[i].points) {
      if (point.recall < kRecallMin) continue;
      path += absl::StrFormat("%s%.1f %.1f ", path.empty() ? "M" : "L", X(point.recall),
                              y(point.queries_per_second));
    }
    const double at = kTop + 20 * static_cast<double>(i) + 10;
    svg += absl::StrFormat(
        "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n<rect x=\"%g\" y=\"%g\" "
        "width=\"14\" height=\"4\" fill=\"%s\"/><text x=\"%g\" y=\"%g\">%s</text>\n",
        path, color, kLeft + kWidth + 16, at - 6, color, kLeft + kWidth + 36, at, curves[i].system);
  }
  return svg + "</svg>\n";
}

}  // namespace kyrodb::bench
