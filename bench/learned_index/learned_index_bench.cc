// The in-memory map against absl::btree_map, the same cells under a tree that learns nothing, and
// std::lower_bound over sorted arrays: look-ups of random present keys, each fetching its value.
//
// Rounds are interleaved: every system answers the same probes, in random order of systems, before
// the next round begins, so that a noisy neighbour meets all of them. Time is the thread's CPU
// time. `lookup` is throughput: independent look-ups overlap in the CPU. `dependent lookup` is
// latency: each probe waits for the value of the one before. Every answer is checked through the
// sum of the values. "kyrodb" is the map in the form that it chose by timing itself at build.
//
//   learned_index_bench [--keys N] [--lookups N] [--rounds N] [--seed N] [--epsilon N]
//                       [--cases a,b,…] [--output FILE]

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "bench/report/report.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "learned_index/distributions.h"
#include "learned_index/in_memory_map.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {
namespace {

struct Flags {
  uint64_t keys = 10'000'000;
  uint64_t lookups = 1'000'000;
  uint64_t rounds = 7;
  uint64_t seed = 1;
  uint64_t epsilon = 16;
  std::string cases = "dense_with_gaps,uniform,lognormal,regimes,clustered,outliers,snowflake";
  std::string output;
};

using Map = absl::btree_map<uint64_t, uint64_t>;

double CpuNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Runs `lookups` and returns nanoseconds a probe; ends the program when the answer is wrong.
double Measure(uint64_t probe_count, uint64_t expected_sum,
               const std::function<uint64_t()>& lookups) {
  const double start = CpuNanoseconds();
  const uint64_t sum = lookups();
  const double elapsed = CpuNanoseconds() - start;
  KYRO_CHECK(sum == expected_sum);
  return elapsed / static_cast<double>(probe_count);
}

// A part of the look-ups is enough for chains, which take five times as long.
constexpr uint64_t kChainShare = 4;

void RunCase(Distribution distribution, const Flags& flags, bench::Report* report) {
  const std::string name = NameOf(distribution);
  absl::FPrintF(stderr, "%s: making keys …\n", name);
  const std::vector<uint64_t> keys = MakeKeys(distribution, flags.keys, flags.seed);
  std::vector<uint64_t> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) values[i] = SplitMix64(keys[i]);

  // The B-tree gets its keys in random order, as an index that lives does; one that is loaded in
  // order, its best case, is measured too.
  Random random(flags.seed);
  Map loaded;
  for (size_t i = 0; i < keys.size(); ++i) loaded.emplace_hint(loaded.end(), keys[i], values[i]);
  std::vector<uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0u);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Uniform(i)]);
  Map map;
  for (const uint32_t i : order) map.emplace(keys[i], values[i]);
  order = {};

  const auto epsilon = static_cast<uint32_t>(flags.epsilon);
  const auto build = [&](const InMemoryMapOptions& options) {
    auto built = InMemoryMap::Build(keys, values, options);
    KYRO_CHECK(built.ok());
    return *std::move(built);
  };
  const double build_start = CpuNanoseconds();
  const InMemoryMap chosen = build({.epsilon = epsilon, .clock = &Clock::System()});
  const double build_ns = CpuNanoseconds() - build_start;
  const InMemoryMap dense = build({.epsilon = epsilon, .form = InMemoryMapForm::kDense});
  const InMemoryMap gapped = build({.epsilon = epsilon, .form = InMemoryMapForm::kGapped});
  const InMemoryMap tree = build({.epsilon = epsilon, .form = InMemoryMapForm::kTree});

  std::vector<uint64_t> probes(flags.lookups);
  std::vector<const uint64_t*> found(flags.lookups);
  uint64_t expected_sum = 0;
  uint64_t expected_chain_sum = 0;
  const std::span<const uint64_t> chain =
      std::span(probes).first((probes.size() + kChainShare - 1) / kChainShare);

  using Lookups = std::function<uint64_t()>;
  const auto one_by_one = [&](const InMemoryMap& searched) -> Lookups {
    return [&] {
      uint64_t sum = 0;
      for (const uint64_t probe : probes) sum += *searched.Find(probe);
      return sum;
    };
  };
  const auto batched = [&](const InMemoryMap& searched) -> Lookups {
    return [&] {
      searched.FindBatch(probes, found);
      uint64_t sum = 0;
      for (const uint64_t* const value : found) sum += *value;
      return sum;
    };
  };
  const auto in_b_tree = [&](const Map& searched) -> Lookups {
    return [&] {
      uint64_t sum = 0;
      for (const uint64_t probe : probes) sum += searched.find(probe)->second;
      return sum;
    };
  };
  // Adds to a probe what is zero, but that the CPU cannot know before the value has arrived.
  volatile uint64_t nothing = 0;
  const uint64_t mask = nothing;
  const auto next_probe = [mask](uint64_t probe, uint64_t value) { return probe + (value & mask); };
  const auto chained = [&](const InMemoryMap& searched) -> Lookups {
    return [&] {
      uint64_t sum = 0;
      uint64_t value = 0;
      for (const uint64_t probe : chain) {
        value = *searched.Find(next_probe(probe, value));
        sum += value;
      }
      return sum;
    };
  };
  const Lookups chained_in_b_tree = [&] {
    uint64_t sum = 0;
    uint64_t value = 0;
    for (const uint64_t probe : chain) {
      value = map.find(next_probe(probe, value))->second;
      sum += value;
    }
    return sum;
  };
  const Lookups binary_search = [&] {
    uint64_t sum = 0;
    for (const uint64_t probe : probes) {
      const auto at = std::lower_bound(keys.begin(), keys.end(), probe);
      sum += values[static_cast<size_t>(at - keys.begin())];
    }
    return sum;
  };

  struct System {
    std::string name;
    bool is_chain;
    Lookups lookups;
    std::vector<double> samples = {};
  };
  std::vector<System> systems = {
      {"kyrodb", false, one_by_one(chosen)},
      {"kyrodb batched", false, batched(chosen)},
      {"kyrodb dense", false, one_by_one(dense)},
      {"kyrodb dense batched", false, batched(dense)},
      {"kyrodb gapped", false, one_by_one(gapped)},
      {"kyrodb gapped batched", false, batched(gapped)},
      {"static 16-ary tree", false, one_by_one(tree)},
      {"static 16-ary tree batched", false, batched(tree)},
      {"absl::btree_map", false, in_b_tree(map)},
      {"absl::btree_map loaded in order", false, in_b_tree(loaded)},
      {"std::lower_bound", false, binary_search},
      {"kyrodb", true, chained(chosen)},
      {"static 16-ary tree", true, chained(tree)},
      {"absl::btree_map", true, chained_in_b_tree},
  };

  // Round 0 warms up and is not counted.
  for (uint64_t round = 0; round <= flags.rounds; ++round) {
    expected_sum = 0;
    for (size_t i = 0; i < probes.size(); ++i) {
      const uint64_t position = random.Uniform(keys.size());
      probes[i] = keys[position];
      expected_sum += values[position];
      if (i < chain.size()) expected_chain_sum = expected_sum;
    }
    std::vector<size_t> turns(systems.size());
    std::iota(turns.begin(), turns.end(), size_t{0});
    for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random.Uniform(i)]);
    for (const size_t turn : turns) {
      System& system = systems[turn];
      const double ns = system.is_chain ? Measure(chain.size(), expected_chain_sum, system.lookups)
                                        : Measure(probes.size(), expected_sum, system.lookups);
      if (round > 0) system.samples.push_back(ns);
    }
    absl::FPrintF(stderr, "\r%s: round %u of %u ", name, round, flags.rounds);
  }
  absl::FPrintF(stderr, "\n");

  constexpr const char* kThroughput = "lookup";
  constexpr const char* kLatency = "dependent lookup";
  for (const System& system : systems) {
    report->Add(name, system.name, system.is_chain ? kLatency : kThroughput, "ns", system.samples);
  }
  const auto key_count = static_cast<double>(keys.size());
  const auto add_sizes = [&](const std::string& system, const InMemoryMap& built) {
    report->Add(name, system, "index", "bytes/key",
                static_cast<double>(built.index_bytes()) / key_count);
    report->Add(name, system, "memory", "bytes/key",
                static_cast<double>(built.size_bytes()) / key_count);
  };
  report->Add(name, "kyrodb", absl::StrCat("form: ", NameOf(chosen.form())), "number",
              static_cast<double>(chosen.form()));
  report->Add(name, "kyrodb", "build and choice", "ns/key", build_ns / key_count);
  report->Add(name, "kyrodb", "segments", "count", static_cast<double>(chosen.segment_count()));
  add_sizes("kyrodb", chosen);
  add_sizes("kyrodb dense", dense);
  add_sizes("kyrodb gapped", gapped);
  add_sizes("static 16-ary tree", tree);
  for (const char* const ours : {"kyrodb", "kyrodb batched"}) {
    const bool is_batched = absl::string_view(ours) != "kyrodb";
    for (const char* const peer :
         {"absl::btree_map", "absl::btree_map loaded in order", "std::lower_bound",
          is_batched ? "static 16-ary tree batched" : "static 16-ary tree"}) {
      report->Compare(name, kThroughput, ours, peer, bench::Better::kLower);
    }
  }
  for (const char* const peer : {"absl::btree_map", "static 16-ary tree"}) {
    report->Compare(name, kLatency, "kyrodb", peer, bench::Better::kLower);
  }
}

int Main(int argc, char** argv) {
  Flags flags;
  const std::map<std::string, uint64_t*> numbers = {{"--keys", &flags.keys},
                                                    {"--lookups", &flags.lookups},
                                                    {"--rounds", &flags.rounds},
                                                    {"--seed", &flags.seed},
                                                    {"--epsilon", &flags.epsilon}};
  const std::map<std::string, std::string*> texts = {{"--cases", &flags.cases},
                                                     {"--output", &flags.output}};
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    const bool has_value = std::string(argv[i]).find('=') != std::string::npos;
    const char* const value = has_value ? parts.second.c_str() : i + 1 < argc ? argv[++i] : nullptr;
    const auto number = numbers.find(parts.first);
    const auto text = texts.find(parts.first);
    const bool is_number = number != numbers.end();
    if ((!is_number && text == texts.end()) || value == nullptr ||
        (is_number && !absl::SimpleAtoi(value, number->second))) {
      absl::FPrintF(stderr,
                    "cannot use \"%s\"\nusage: learned_index_bench [--keys N] [--lookups N] "
                    "[--rounds N] [--seed N] [--epsilon N] [--cases a,b] [--output FILE]\n",
                    argv[i]);
      return 2;
    }
    if (!is_number) *text->second = value;
  }
  if (flags.keys < 1 || flags.keys > kKeyCountMax || flags.lookups < 1 || flags.rounds < 1 ||
      flags.epsilon < 1 || flags.epsilon > kEpsilonMax) {
    absl::FPrintF(stderr,
                  "keys, lookups, rounds and epsilon must be at least 1; keys at most %u, "
                  "epsilon at most %u\n",
                  kKeyCountMax, kEpsilonMax);
    return 2;
  }

  bench::Report report("learned_index", flags.seed);
  for (const auto& [name, value] : numbers) {
    if (name != "--seed") report.AddFlag(name.substr(2), absl::StrCat(*value));
  }
  report.AddFlag("cases", flags.cases);
  for (const absl::string_view wanted : absl::StrSplit(flags.cases, ',', absl::SkipEmpty())) {
    const auto* const found =
        std::find_if(std::begin(kDistributions), std::end(kDistributions),
                     [&](Distribution distribution) { return NameOf(distribution) == wanted; });
    if (found == std::end(kDistributions)) {
      absl::FPrintF(stderr, "no case \"%s\"; there are:", wanted);
      for (const Distribution distribution : kDistributions) {
        absl::FPrintF(stderr, " %s", NameOf(distribution));
      }
      absl::FPrintF(stderr, "\n");
      return 2;
    }
    RunCase(*found, flags, &report);
  }
  return bench::Finish(report, flags.output);
}

}  // namespace
}  // namespace kyrodb::learned_index

int main(int argc, char** argv) { return kyrodb::learned_index::Main(argc, argv); }
