// What every benchmark writes: one JSON file of one shape (DESIGN.md, section 6), so that a script
// can compare any two runs, and the same facts as a table for the person who is watching.
//
//   bench::Report report("learned_index", seed);
//   report.AddFlag("keys", absl::StrCat(key_count));
//   report.Add("uniform", "kyrodb", "lookup", "ns", our_samples);
//   report.Add("uniform", "absl::btree_map", "lookup", "ns", peer_samples);
//   report.Compare("uniform", "lookup", "kyrodb", "absl::btree_map", Better::kLower);
//   return bench::Finish(report, output_path);   // from main
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kyrodb::bench {

// Which direction of a metric is the good one: nanoseconds are kLower, rows per second kHigher.
enum class Better { kLower, kHigher };

// The middle and the ends of repeated measurements; all zero when there are none.
struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
  uint64_t repetitions = 0;
};
Summary Summarize(std::span<const double> samples);

// The machine under the benchmark, from /proc/cpuinfo; "unknown" and 0 where that cannot be read.
struct Machine {
  std::string cpu;
  uint64_t cores = 0;
  // The widest vector unit that this project has kernels for: "avx512", "avx2" or "portable".
  std::string simd;
};
Machine ThisMachine();

// The commit of the working directory, short, with "-dirty" when tracked files differ from it;
// "unknown" outside a repository.
std::string ThisCommit();

// Collects the results of one benchmark program.
//
// Units:          whatever `unit` says; ratios have none, and > 1 always means that ours is better.
// Order:          results and ratios come out in the order in which they went in.
// Errors:         only `Write` fails; `Compare` over a result that was never added ends the
//                 process: that is a bug in the benchmark.
// Thread-safety:  one thread at a time.
class Report {
 public:
  // `name` names the JSON file: build/bench/<name>.json.
  Report(absl::string_view name, uint64_t seed);

  // Records a setting that the results depend on.
  void AddFlag(absl::string_view name, absl::string_view value);

  // Records the repetitions of one measurement. `system` is "kyrodb" or the peer's name with its
  // version or configuration. Adding the same (case, system, metric) again replaces it.
  void Add(absl::string_view case_name, absl::string_view system, absl::string_view metric,
           absl::string_view unit, std::span<const double> samples);
  // The same for a value that was measured once.
  void Add(absl::string_view case_name, absl::string_view system, absl::string_view metric,
           absl::string_view unit, double value);

  // Records how much better the median of `ours` is than that of `peer` and returns that ratio.
  double Compare(absl::string_view case_name, absl::string_view metric, absl::string_view ours,
                 absl::string_view peer, Better better);

  const std::string& name() const { return name_; }
  // The JSON text, ending in a newline.
  std::string Json() const;
  // Results and ratios as aligned text.
  std::string Table() const;
  // Writes `Json()` to `path`, making missing parent folders.
  absl::Status Write(absl::string_view path) const;

 private:
  struct Result {
    std::string case_name, system, metric, unit;
    Summary summary;
  };
  struct Ratio {
    std::string case_name, metric, ours, peer;
    double ratio;
    bool higher_is_better;
  };
  const Result* Lookup(absl::string_view case_name, absl::string_view system,
                       absl::string_view metric) const;

  std::string name_;
  uint64_t seed_;
  std::string commit_;
  Machine machine_;
  std::vector<std::pair<std::string, std::string>> flags_;
  std::vector<Result> results_;
  std::vector<Ratio> ratios_;
};

// Where a benchmark writes when it is not told: "build/bench/<name>.json".
std::string DefaultOutputPath(absl::string_view name);

// Prints the table, writes the JSON to `path` (or to the default when empty), says where it went.
// Returns an exit code for main.
int Finish(const Report& report, absl::string_view path);

}  // namespace kyrodb::bench
