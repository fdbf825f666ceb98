// KyroDB embedded as a key-value store against Debian's RocksDB, LMDB, LevelDB and SQLite: one
// process, the same rows and the same order of look-ups, round by round in turn, every answer
// checked. Keys have 16 random bytes, values 100.
//
// What one thread reads is compared by its CPU time, which other load on the machine disturbs less;
// wall time stands beside it. What background threads take part in is compared by wall time and
// by the CPU time of all threads.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/kv/store.h"
#include "bench/kv/workbench.h"
#include "bench/kv/workloads.h"

namespace kyrodb::bench {

void Check(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", std::string(what).c_str(), status.ToString().c_str());
  std::exit(1);
}

namespace {

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.directory);
  Workbench bench(flags);
  for (const auto& [name, value] : {std::pair<const char*, uint64_t>{"keys", flags.keys},
                                    {"memtable rows", flags.memtable_rows},
                                    {"gets", flags.gets},
                                    {"scans", flags.scans},
                                    {"operations", flags.operations},
                                    {"rounds", flags.rounds},
                                    {"load rounds", flags.load_rounds},
                                    {"key bytes", kKeyBytes},
                                    {"value bytes", kValueBytes}}) {
    bench.report.AddFlag(name, absl::StrCat(value));
  }
  bench.report.AddFlag("groups", flags.groups.empty() ? "all" : absl::StrJoin(flags.groups, ","));
  bench.report.AddFlag("cases", flags.cases.empty() ? "all" : flags.cases);
  bench.report.AddFlag("systems",
                       flags.systems.empty() ? "all" : absl::StrJoin(flags.systems, ","));
  using Run = void (*)(Workbench&);
  for (const auto& [group, run] : {std::pair<const char*, Run>{"reads", RunReads},
                                   {"loads", RunLoads},
                                   {"mixes", RunMixes},
                                   {"large", RunLarge}}) {
    if (!bench.WantsGroup(group)) continue;
    run(bench);
    bench.Save();
  }
  std::filesystem::remove_all(flags.directory);
  return Finish(bench.report, flags.output);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) {
  kyrodb::bench::Flags flags;
  CLI::App app("key-value work against RocksDB, LMDB, LevelDB and SQLite");
  app.add_option("--keys", flags.keys, "rows in each store")->check(CLI::Range(100, 100000000));
  app.add_option("--memtable-rows", flags.memtable_rows, "rows written after the runs");
  app.add_option("--gets", flags.gets, "look-ups in a round")->check(CLI::Range(64, 100000000));
  app.add_option("--cold-gets", flags.cold_gets, "the same without the page cache");
  app.add_option("--scans", flags.scans, "scans in a round")->check(CLI::Range(1, 100000000));
  app.add_option("--commits", flags.commits, "single synced commits in a round")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--operations", flags.operations, "of a mixed workload in a round")
      ->check(CLI::Range(100, 100000000));
  app.add_option("--rounds", flags.rounds, "measured rounds")->check(CLI::Range(1, 1000));
  app.add_option("--load-rounds", flags.load_rounds, "measured rounds of loads")
      ->check(CLI::Range(1, 1000));
  app.add_option("--seed", flags.seed, "of keys and order");
  app.add_option("--groups", flags.groups, "of cases: reads, loads, mixes, large (default all)")
      ->delimiter(',')
      ->check(CLI::IsMember({"reads", "loads", "mixes", "large"}));
  app.add_option("--cases", flags.cases, "a part of the names of cases, as \"YCSB\" (default all)");
  app.add_option("--systems", flags.systems,
                 "of kyrodb, rocksdb-{default,block-cache,mapped,plain}, lmdb, leveldb, sqlite; "
                 "beginnings of names will do (default all)")
      ->delimiter(',');
  app.add_option("--directory", flags.directory, "where the stores lie; emptied first");
  app.add_option("--output", flags.output, "JSON file (default build/bench/kv.json)");
  CLI11_PARSE(app, argc, argv);
  return kyrodb::bench::Run(flags);
}
