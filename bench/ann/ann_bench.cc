// Nearest neighbour search as ANN-Benchmarks measures it: recall of the ten nearest against queries
// per second of one thread, KyroDB's graph beside hnswlib's and FAISS's indexes, over the same data
// in the same run. Filtered searches, build times and memory stand beside it.
//
// Systems take turns, effort by effort and round by round, and a round's time is the thread's CPU
// time: other load on the machine then disturbs all alike. A rate is the median over rounds.
#include <CLI/CLI.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "bench/ann/plot.h"
#include "bench/ann/system.h"
#include "bench/report/report.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

constexpr size_t kNeighbors = 10;
constexpr double kTargets[] = {0.90, 0.95, 0.99};

struct Flags {
  std::vector<std::string> files;
  std::vector<std::string> generated = {"sift-like", "lsa-like"};
  std::vector<std::string> options = {"rabitq"};
  std::string faiss = "hnsw,ivfflat,ivfpq";
  std::string output, results;
  size_t count = 100000, base_max = 0, queries = 1000, rounds = 3;
  size_t m = 16, ef_construction = 200;
  uint64_t seed = 1;
  bool filters = true, quick = false;
};

double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Contender {
  std::unique_ptr<AnnSystem> system;
  double build_seconds = 0;
};

double Recall(const std::vector<uint32_t>& found, const uint32_t* truth) {
  size_t hits = 0, expected = 0;
  for (size_t i = 0; i < kNeighbors; ++i) {
    if (truth[i] == ~uint32_t{0}) break;
    ++expected;
    hits += std::find(found.begin(), found.end(), truth[i]) != found.end();
  }
  return expected == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(expected);
}

// Every system's curve. `filters[q % size]` is query q's filter; none: unfiltered.
std::vector<Curve> Measure(const DataSet& data, std::vector<Contender>& contenders, size_t rounds,
                           const std::vector<uint32_t>& truth, size_t truth_width,
                           const std::vector<Filter>& filters,
                           const std::vector<uint32_t>& filter_of_query) {
  std::vector<Curve> curves;
  std::vector<std::map<size_t, std::vector<double>>> seconds(contenders.size());
  std::vector<std::map<size_t, double>> recalls(contenders.size());
  std::vector<size_t> done(contenders.size(), 0);
  std::vector<uint32_t> found;
  for (size_t round = 0; round < rounds; ++round) {
    size_t steps = 0;
    for (const Contender& contender : contenders) {
      steps = std::max(steps, contender.system->efforts().size());
    }
    for (size_t step = 0; step < steps; ++step) {
      for (size_t c = 0; c < contenders.size(); ++c) {
        AnnSystem& system = *contenders[c].system;
        const std::vector<size_t> efforts = system.efforts();
        if (step >= efforts.size()) continue;
        // Beyond nearly everything found there is nothing to learn.
        if (round > 0 && recalls[c].find(efforts[step]) == recalls[c].end()) continue;
        if (round == 0 && step > 0 && recalls[c].count(efforts[step - 1]) == 0) continue;
        if (round == 0 && step > 0 && recalls[c][efforts[step - 1]] > 0.997) continue;
        system.SetEffort(efforts[step]);
        double recall = 0;
        bool able = true;
        const double begin = ThreadSeconds();
        for (size_t q = 0; q < data.query_count() && able; ++q) {
          const Filter* const filter = filters.empty() ? nullptr : &filters[filter_of_query[q]];
          able = system.Search(data.query(q), kNeighbors, filter, found);
          if (round == 0) recall += Recall(found, &truth[q * truth_width]);
        }
        const double end = ThreadSeconds();
        if (!able) continue;
        seconds[c][efforts[step]].push_back(end - begin);
        if (round == 0) {
          recalls[c][efforts[step]] = recall / static_cast<double>(data.query_count());
        }
      }
    }
  }
  for (size_t c = 0; c < contenders.size(); ++c) {
    Curve curve{contenders[c].system->name(), {}};
    for (const auto& [effort, samples] : seconds[c]) {
      curve.points.push_back({effort, recalls[c][effort],
                              static_cast<double>(data.query_count()) / Summarize(samples).median});
    }
    curves.push_back(curve);
  }
  return curves;
}

void ReportCurves(const std::string& name, const std::vector<Curve>& curves, Report& report) {
  for (const Curve& curve : curves) {
    for (const CurvePoint& point : curve.points) {
      std::printf("%-28s %-36s %5zu  recall %.4f  %9.0f queries/s\n", name.c_str(),
                  curve.system.c_str(), point.effort, point.recall, point.queries_per_second);
    }
  }
  for (const double target : kTargets) {
    const std::string metric = absl::StrFormat("queries/s at recall %.2f", target);
    for (const Curve& curve : curves) {
      report.Add(name, curve.system, metric, "1/s", RateAt(curve, target));
    }
    for (size_t ours = 0; ours < curves.size(); ++ours) {
      if (!absl::StartsWith(curves[ours].system, "kyrodb")) continue;
      for (const Curve& peer : curves) {
        if (absl::StartsWith(peer.system, "kyrodb") || RateAt(peer, target) == 0 ||
            RateAt(curves[ours], target) == 0) {
          continue;
        }
        report.Compare(name, metric, curves[ours].system, peer.system, Better::kHigher);
      }
    }
  }
}

void SavePlot(const Flags& flags, const std::string& name, const std::vector<Curve>& curves) {
  const std::filesystem::path folder =
      std::filesystem::path(flags.output.empty() ? DefaultOutputPath("ann") : flags.output)
          .parent_path();
  std::filesystem::create_directories(folder);
  std::ofstream(folder /
                absl::StrCat("ann-", absl::StrReplaceAll(name, {{" ", "-"}, {"%", ""}}), ".svg"))
      << PlotSvg(name, curves);
}

Filter MakeFilter(size_t count, const std::function<bool(size_t)>& matches) {
  Filter filter;
  filter.bits.resize(count / 64 + 1, 0);
  for (size_t i = 0; i < count; ++i) {
    if (!matches(i)) continue;
    filter.bits[i / 64] |= uint64_t{1} << (i % 64);
    filter.matching.push_back(i);
  }
  return filter;
}

void RunFilters(const Flags& flags, DataSet& data, std::vector<Contender>& contenders,
                Report& report) {
  const auto run = [&](const std::string& label, const std::vector<Filter>& filters,
                       const std::vector<uint32_t>& filter_of_query) {
    // The truth of each query among what its own filter lets pass.
    std::vector<std::vector<uint32_t>> matching(data.query_count());
    for (size_t q = 0; q < data.query_count(); ++q) {
      const std::vector<uint64_t>& passing = filters[filter_of_query[q]].matching;
      matching[q].assign(passing.begin(), passing.end());
    }
    const std::vector<uint32_t> truth = ExactNeighbors(data, kNeighbors, matching);
    const std::string name = absl::StrCat(data.name, " ", label);
    const std::vector<Curve> curves =
        Measure(data, contenders, flags.rounds, truth, kNeighbors, filters, filter_of_query);
    ReportCurves(name, curves, report);
    SavePlot(flags, name, curves);
  };
  for (const int percent : {1, 10, 50}) {
    std::vector<Filter> filters;
    Random random(flags.seed + static_cast<uint64_t>(percent));
    for (int f = 0; f < 4; ++f) {
      filters.push_back(MakeFilter(data.base_count(), [&](size_t) {
        return random.Uniform(100) < static_cast<uint64_t>(percent);
      }));
    }
    std::vector<uint32_t> filter_of_query;
    for (uint32_t q = 0; q < data.query_count(); ++q) filter_of_query.push_back(q % 4);
    run(absl::StrCat(percent, "% at random"), filters, filter_of_query);
  }
  FillGroups(data, 25);
  std::vector<Filter> groups;
  for (uint32_t g = 0; g < 25; ++g) {
    groups.push_back(
        MakeFilter(data.base_count(), [&](size_t i) { return data.base_groups[i] == g; }));
  }
  run("4% like the query", groups, data.query_groups);
}

void RunDataSet(const Flags& flags, DataSet& data, Report& report) {
  if (flags.base_max != 0 && data.base_count() > flags.base_max) {
    data.base.resize(flags.base_max * data.dimensions);
    FillTruth(data, flags.queries);
  }
  if (data.query_count() > flags.queries) data.queries.resize(flags.queries * data.dimensions);
  std::printf("%s: %zu vectors of %zu dimensions, %zu queries\n", data.name.c_str(),
              data.base_count(), data.dimensions, data.query_count());
  std::vector<Contender> contenders;
  for (const std::string& options : flags.options) contenders.push_back({MakeKyro(options)});
  contenders.push_back({MakeHnswlib(flags.m, flags.ef_construction, false)});
#if defined(KYRO_HAVE_FAISS)
  for (const std::string kind : {"hnsw", "ivfflat", "ivfpq"}) {
    if (absl::StrContains(flags.faiss, kind)) contenders.push_back({MakeFaiss(kind)});
  }
#endif
  const std::string hnswlib = contenders[flags.options.size()].system->name();
  for (Contender& contender : contenders) {
    const double begin = ThreadSeconds();
    contender.system->Build(data);
    contender.build_seconds = ThreadSeconds() - begin;
    const std::string name = contender.system->name();
    const double megabytes = contender.system->memory_bytes() / 1e6;
    std::printf("%-36s built in %.1f s, %.1f MB\n", name.c_str(), contender.build_seconds,
                megabytes);
    report.Add(data.name, name, "build", "s", contender.build_seconds);
    report.Add(data.name, name, "memory", "MB", megabytes);
  }
  for (const std::string& options : flags.options) {
    const std::string ours = MakeKyro(options)->name();
    report.Compare(data.name, "build", ours, hnswlib, Better::kLower);
    report.Compare(data.name, "memory", ours, hnswlib, Better::kLower);
  }
  const std::vector<Curve> curves =
      Measure(data, contenders, flags.rounds, data.truth, data.truth_width, {}, {});
  ReportCurves(data.name, curves, report);
  SavePlot(flags, data.name, curves);
  if (!flags.results.empty()) {
    std::filesystem::create_directories(flags.results);
    for (size_t c = 0; c < contenders.size(); ++c) {
      for (const CurvePoint& point : curves[c].points) {
        RunResult result;
        result.system = curves[c].system;
        result.setting = absl::StrCat("ef=", point.effort);
        result.build_seconds = contenders[c].build_seconds;
        result.search_seconds = static_cast<double>(data.query_count()) / point.queries_per_second;
        result.index_kilobytes = contenders[c].system->memory_bytes() / 1024;
        contenders[c].system->SetEffort(point.effort);
        std::vector<uint32_t> found;
        for (size_t q = 0; q < data.query_count(); ++q) {
          contenders[c].system->Search(data.query(q), kNeighbors, nullptr, found);
          found.resize(kNeighbors, 0);
          for (const uint32_t i : found) {
            result.neighbors.push_back(i);
            const double distance = vector::Distance(data.metric, {data.query(q), data.dimensions},
                                                     {data.base_row(i), data.dimensions});
            result.distances.push_back(static_cast<float>(distance));
          }
        }
        const std::string file = absl::StrReplaceAll(
            absl::StrCat(data.name, " ", result.system, " ", result.setting, ".hdf5"),
            {{" ", "_"}, {"/", "-"}});
        const absl::Status written =
            WriteResult(absl::StrCat(flags.results, "/", file), data, kNeighbors, result);
        if (!written.ok()) std::fprintf(stderr, "%s\n", written.ToString().c_str());
      }
    }
  }
  if (!flags.filters) return;
  contenders.resize(flags.options.size() + 1);
  // The peer's other way, over the same graph built again.
  contenders.push_back({MakeHnswlib(flags.m, flags.ef_construction, true)});
  contenders.back().system->Build(data);
  RunFilters(flags, data, contenders, report);
}

int Run(const Flags& flags) {
  Report report("ann", flags.seed);
  report.AddFlag("rounds", absl::StrCat(flags.rounds));
  report.AddFlag("queries", absl::StrCat(flags.queries));
  report.AddFlag("generated vectors", absl::StrCat(flags.count));
  report.AddFlag("kyrodb", absl::StrJoin(flags.options, " "));
  const auto run = [&](absl::StatusOr<DataSet> data) {
    if (!data.ok()) {
      std::fprintf(stderr, "ann_bench: %s\n", data.status().ToString().c_str());
      return false;
    }
    RunDataSet(flags, *data, report);
    return true;
  };
  for (const std::string& file : flags.files) {
    if (!run(LoadDataSet(file))) return 1;
  }
  for (const std::string& name : flags.generated) {
    if (name != "none" && !run(GenerateDataSet(name, flags.count, flags.seed))) return 1;
  }
  return Finish(report, flags.output);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) {
  kyrodb::bench::Flags flags;
  CLI::App app("recall against queries per second: KyroDB, hnswlib, FAISS");
  app.add_option("--data", flags.files, "ANN-Benchmarks .hdf5, .fvecs or .fbin files");
  app.add_option("--generated", flags.generated, "sift-like, lsa-like or none")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--count", flags.count, "vectors of generated sets")->capture_default_str();
  app.add_option("--base-max", flags.base_max, "use no more base vectors than that");
  app.add_option("--queries", flags.queries, "queries at most")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "repetitions")->capture_default_str();
  app.add_option("--kyro", flags.options, "our settings: rabitq, sq8/none, sq4,m=12,ef=100")
      ->capture_default_str();
  app.add_option("--faiss", flags.faiss, "kinds, separated by commas, or none")
      ->capture_default_str();
  app.add_option("--m", flags.m, "of hnswlib")->capture_default_str();
  app.add_option("--ef-construction", flags.ef_construction, "of hnswlib")->capture_default_str();
  app.add_option("--seed", flags.seed, "seed")->capture_default_str();
  app.add_flag("--filters,!--no-filters", flags.filters, "filtered searches too");
  app.add_option("--results", flags.results, "a folder for ANN-Benchmarks result files");
  app.add_option("--out", flags.output, "JSON file");
  CLI11_PARSE(app, argc, argv);
  if (flags.files.empty()) {
    const char* const judges = std::getenv("KYRO_JUDGES");
    const std::string file = std::string(judges == nullptr ? "../shared/judges" : judges) +
                             "/ann/mnist-784-euclidean.hdf5";
    if (std::filesystem::exists(file)) flags.files.push_back(file);
  }
  return kyrodb::bench::Run(flags);
}
