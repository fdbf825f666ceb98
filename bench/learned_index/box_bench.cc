// Counting the points of boxes: Z-order codes in a learned run against a packed R*-tree of
// Boost.Geometry and against a run sorted by x alone, over clustered points in two dimensions.
//
// Rounds are interleaved: every system answers the same boxes, in random order of systems, before
// the next round begins. Time is the thread's CPU time. Boxes are squares around random points of
// the data; their side is set once so that they hold as many points as the case says, on average.
// Every count is checked.
//
//   box_bench [--points N] [--boxes N] [--rounds N] [--seed N] [--scan N] [--output FILE]

#include <time.h>

#include <algorithm>
#include <boost/geometry.hpp>
#include <boost/geometry/index/rtree.hpp>
#include <boost/iterator/function_output_iterator.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report/report.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "learned_index/distributions.h"
#include "learned_index/lower_bound.h"
#include "learned_index/position_index.h"
#include "learned_index/zorder.h"

namespace kyrodb::learned_index {
namespace {

struct Flags {
  uint64_t points = 5'000'000;
  uint64_t boxes = 2'000;
  uint64_t rounds = 5;
  uint64_t seed = 1;
  uint64_t scan = 64;
  std::string output;
};

double CpuNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// A sorted run of numbers under a position index.
class Run {
 public:
  explicit Run(std::vector<uint64_t> keys) : keys_(std::move(keys)) {
    auto index = PositionIndex::Train(keys_, {.clock = &Clock::System()});
    KYRO_CHECK(index.ok());
    index_ = *std::move(index);
  }
  uint64_t LowerBound(uint64_t key) const {
    return learned_index::LowerBound(keys_.data(), index_.Find(key), key);
  }
  // The position behind the last key <= `key`.
  uint64_t UpperBound(uint64_t key) const {
    return key == ~uint64_t{0} ? keys_.size() : LowerBound(key + 1);
  }
  uint64_t key(uint64_t position) const { return keys_[position]; }
  uint64_t size() const { return keys_.size(); }
  uint64_t index_bytes() const { return index_.size_bytes(); }

 private:
  std::vector<uint64_t> keys_;
  PositionIndex index_;
};

struct Box {
  ZPoint low;
  ZPoint high;
};

uint64_t CountByZOrder(const ZCurve& curve, const Run& run, const Box& box, uint64_t scan_max) {
  const ZBox codes = *curve.BoxOf(box.low, box.high);
  uint64_t count = 0;
  VisitBox(
      curve, codes, scan_max, run.size(), [&run](uint64_t code) { return run.LowerBound(code); },
      [&](uint64_t begin, uint64_t end, bool is_inside) {
        if (is_inside) {
          count += end - begin;
          return;
        }
        for (; begin < end; ++begin) count += curve.Contains(codes, run.key(begin)) ? 1 : 0;
      });
  return count;
}

namespace geometry = boost::geometry;
using TreePoint = geometry::model::point<double, 2, geometry::cs::cartesian>;
using TreeBox = geometry::model::box<TreePoint>;
using Tree = geometry::index::rtree<TreePoint, geometry::index::rstar<16>>;

uint64_t CountByTree(const Tree& tree, const Box& box) {
  uint64_t count = 0;
  tree.query(geometry::index::intersects(
                 TreeBox(TreePoint(box.low[0], box.low[1]), TreePoint(box.high[0], box.high[1]))),
             boost::make_function_output_iterator([&](const TreePoint&) { ++count; }));
  return count;
}

// `by_x` holds x above y.
uint64_t CountByX(const Run& by_x, const Box& box) {
  uint64_t count = 0;
  const uint64_t end = by_x.UpperBound(uint64_t{box.high[0]} << 32 | ~uint32_t{0});
  for (uint64_t i = by_x.LowerBound(uint64_t{box.low[0]} << 32); i < end; ++i) {
    const auto y = static_cast<uint32_t>(by_x.key(i));
    count += y >= box.low[1] && y <= box.high[1] ? 1 : 0;
  }
  return count;
}

Box BoxAround(const GridPoint& point, uint32_t half) {
  const auto low = [half](uint32_t at) { return at - std::min(at, half); };
  const auto high = [half](uint32_t at) { return at + std::min(~uint32_t{0} - at, half); };
  return {.low = {low(point.x), low(point.y)}, .high = {high(point.x), high(point.y)}};
}

int RunAll(const Flags& flags) {
  bench::Report report("box", flags.seed);
  for (const auto& [name, value] : std::map<std::string, uint64_t>{{"points", flags.points},
                                                                   {"boxes", flags.boxes},
                                                                   {"rounds", flags.rounds},
                                                                   {"scan", flags.scan}}) {
    report.AddFlag(name, absl::StrCat(value));
  }

  // Distinct points, so that a run can hold them as keys.
  const ZCurve curve(2);
  std::vector<uint64_t> codes;
  for (const GridPoint& point : MakePoints(flags.points, flags.seed)) {
    codes.push_back(curve.Interleave({point.x, point.y}));
  }
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  std::vector<GridPoint> points;
  std::vector<TreePoint> tree_points;
  std::vector<uint64_t> x_keys;
  for (const uint64_t code : codes) {
    const ZPoint point = curve.Deinterleave(code);
    points.push_back({.x = point[0], .y = point[1]});
    tree_points.emplace_back(point[0], point[1]);
    x_keys.push_back(uint64_t{point[0]} << 32 | point[1]);
  }
  std::sort(x_keys.begin(), x_keys.end());
  const auto point_count = static_cast<double>(codes.size());
  const Run by_code(std::move(codes));
  const Run by_x(std::move(x_keys));
  const Tree tree(tree_points);
  tree_points = {};
  report.Add("all", "kyrodb Z-order", "index", "bytes/point",
             static_cast<double>(by_code.index_bytes()) / point_count);

  Random random(flags.seed);
  const uint64_t scan_max = flags.scan;
  for (const uint64_t target : {35u, 500u, 5'000u}) {
    // The half side for which boxes hold `target` points on average, from a few hundred of them.
    uint32_t half = 1;
    for (uint32_t step = 1u << 30; step > 0; step >>= 1) {
      uint64_t sum = 0;
      Random sample(flags.seed);
      // Until the sum tells that the step is too wide.
      for (int i = 0; i < 200 && sum <= 200 * target; ++i) {
        const GridPoint& point = points[sample.Uniform(points.size())];
        sum += CountByZOrder(curve, by_code, BoxAround(point, half + step), scan_max);
      }
      if (sum <= 200 * target) half += step;
    }
    std::vector<Box> boxes(flags.boxes);
    uint64_t expected = 0;
    const std::vector<std::pair<std::string, std::function<uint64_t(const Box&)>>> systems = {
        {"kyrodb Z-order",
         [&](const Box& box) { return CountByZOrder(curve, by_code, box, scan_max); }},
        {"boost R*-tree, packed", [&](const Box& box) { return CountByTree(tree, box); }},
        {"kyrodb, one column", [&](const Box& box) { return CountByX(by_x, box); }}};
    std::vector<std::vector<double>> samples(systems.size());
    const std::string name = absl::StrCat(target, " points");
    double hits = 0;
    // Round 0 warms up and is not counted.
    for (uint64_t round = 0; round <= flags.rounds; ++round) {
      for (Box& box : boxes) box = BoxAround(points[random.Uniform(points.size())], half);
      expected = 0;
      for (const Box& box : boxes) expected += CountByTree(tree, box);
      hits = static_cast<double>(expected) / static_cast<double>(boxes.size());
      std::vector<size_t> turns(systems.size());
      std::iota(turns.begin(), turns.end(), size_t{0});
      for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random.Uniform(i)]);
      for (const size_t turn : turns) {
        const double start = CpuNanoseconds();
        uint64_t count = 0;
        for (const Box& box : boxes) count += systems[turn].second(box);
        const double elapsed = CpuNanoseconds() - start;
        KYRO_CHECK(count == expected);
        if (round > 0) samples[turn].push_back(elapsed / 1e3 / static_cast<double>(boxes.size()));
      }
      absl::FPrintF(stderr, "\r%s: round %u of %u ", name, round, flags.rounds);
    }
    absl::FPrintF(stderr, "\n");
    for (size_t i = 0; i < systems.size(); ++i) {
      report.Add(name, systems[i].first, "box count", "us", samples[i]);
    }
    report.Add(name, "all", "hits", "points/box", hits);
    for (size_t i = 1; i < systems.size(); ++i) {
      report.Compare(name, "box count", systems[0].first, systems[i].first, bench::Better::kLower);
    }
  }
  return bench::Finish(report, flags.output);
}

int Main(int argc, char** argv) {
  Flags flags;
  const std::map<std::string, uint64_t*> numbers = {{"--points", &flags.points},
                                                    {"--boxes", &flags.boxes},
                                                    {"--rounds", &flags.rounds},
                                                    {"--seed", &flags.seed},
                                                    {"--scan", &flags.scan}};
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    const auto number = numbers.find(flag);
    const bool is_known = number != numbers.end() || flag == "--output";
    if (!is_known || i + 1 == argc ||
        (number != numbers.end() && (!absl::SimpleAtoi(argv[i + 1], number->second) ||
                                     *number->second < 1 || *number->second > 1'000'000'000))) {
      absl::FPrintF(stderr,
                    "cannot use \"%s\"\nusage: box_bench [--points N] [--boxes N] [--rounds N] "
                    "[--seed N] [--scan N] [--output FILE], numbers in [1, 10^9]\n",
                    flag);
      return 2;
    }
    if (number == numbers.end()) flags.output = argv[i + 1];
  }
  return RunAll(flags);
}

}  // namespace
}  // namespace kyrodb::learned_index

int main(int argc, char** argv) { return kyrodb::learned_index::Main(argc, argv); }
