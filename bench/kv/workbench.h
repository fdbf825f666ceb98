// What the groups of cases share: flags, fresh directories, and a record of samples that turns into
// medians and ratios at the end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "bench/kv/stopwatch.h"
#include "bench/report/report.h"

namespace kyrodb::bench {

struct Flags {
  uint64_t keys = 5000000;
  uint64_t memtable_rows = 50000;  // at most a twentieth of the keys
  uint64_t gets = 300000;          // look-ups of one store in one round
  uint64_t cold_gets = 5000;       // the same with the page cache dropped
  uint64_t scans = 10000;          // of 100 rows
  uint64_t commits = 100;          // of one row, synced
  uint64_t operations = 200000;    // of one workload on one store in one round
  uint64_t rounds = 5;
  uint64_t load_rounds = 3;
  uint64_t seed = 1;
  std::string directory = "build/bench/kv";
  std::string output;
  std::vector<std::string> groups;   // of cases; empty: all
  std::string cases;                 // a part of the names of cases; empty: all
  std::vector<std::string> systems;  // beginnings of names, as "rocksdb"; empty: all
};

// Samples by case, metric and system, in the order in which they first came.
class Record {
 public:
  void Add(absl::string_view case_name, absl::string_view metric, absl::string_view unit,
           Better better, absl::string_view system, double sample);
  // The median; 0 when there is no such sample.
  double Median(absl::string_view case_name, absl::string_view metric,
                absl::string_view system) const;
  // Adds what `system` has measured in a case as that of `alias` too.
  void Alias(absl::string_view case_name, absl::string_view system, absl::string_view alias);
  // Medians of everything added since the last call, and how `ours` compares with every other
  // system.
  void Publish(absl::string_view ours, Report* report);

 private:
  struct Series {
    std::string case_name, metric, unit;
    Better better;
    std::vector<std::pair<std::string, std::vector<double>>> systems;
    std::vector<double>& Samples(absl::string_view system);
  };
  std::vector<Series> series_;
  size_t published_count_ = 0;
};

struct Workbench {
  Flags flags;
  Record record;
  Report report;
  explicit Workbench(const Flags& f) : flags(f), report("kv", f.seed) {}

  bool WantsGroup(absl::string_view group) const;
  bool WantsSystem(absl::string_view system) const;
  bool WantsCase(absl::string_view case_name) const {
    return absl::StrContains(case_name, flags.cases);
  }
  // Below `flags.directory`.
  std::string Directory(absl::string_view name) const;
  // The same, made anew and empty.
  std::string FreshDirectory(absl::string_view name) const;
  void RemoveDirectory(absl::string_view name) const;
  // Puts the samples so far into the report and writes it, so that a run that is cut short leaves
  // something behind.
  void Save();

  // CPU time of the calling thread and wall time, each per operation.
  void AddReads(absl::string_view case_name, absl::string_view system, const Spent& spent,
                uint64_t count);
  // Wall time and CPU time of the whole process, background work included, each per operation.
  void AddWork(absl::string_view case_name, absl::string_view system, const Spent& spent,
               uint64_t count);
};

// Says on stderr what is going on.
void Say(absl::string_view what);

}  // namespace kyrodb::bench
