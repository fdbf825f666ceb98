// The learned index against absl::btree_map and against std::lower_bound over the same keys:
// independent look-ups of random present keys, each fetching its 8-byte value.
//
// Rounds are interleaved: every system answers the same probes, in random order of systems, before
// the next round begins, so that a noisy neighbour meets all of them. Time is the thread's CPU
// time. Independent look-ups overlap in the CPU: this is throughput, not latency. Every answer is
// checked through the sum of the values.
//
//   learned_index_bench [--keys N] [--lookups N] [--rounds N] [--seed N] [--epsilon N]
//                       [--cases a,b,…] [--output FILE]

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/report/report.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "learned_index/distributions.h"
#include "learned_index/in_memory_index.h"
#include "learned_index/lower_bound.h"

namespace kyrodb::learned_index {
namespace {

struct Flags {
  uint64_t keys = 10'000'000;
  uint64_t lookups = 1'000'000;
  uint64_t rounds = 5;
  uint64_t seed = 1;
  uint64_t epsilon = 16;
  std::string cases = "dense_with_gaps,uniform,lognormal,clustered,outliers";
  std::string output;
};

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

void RunCase(Distribution distribution, const Flags& flags, bench::Report* report) {
  const std::string name = NameOf(distribution);
  absl::FPrintF(stderr, "%s: making keys …\n", name);
  const std::vector<uint64_t> keys = MakeKeys(distribution, flags.keys, flags.seed);
  std::vector<uint64_t> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) values[i] = SplitMix64(keys[i]);

  // The map gets its keys in random order, as an index that lives does; one that is loaded in
  // order, its best case, is measured too.
  Random random(flags.seed);
  absl::btree_map<uint64_t, uint64_t> loaded;
  for (size_t i = 0; i < keys.size(); ++i) loaded.emplace_hint(loaded.end(), keys[i], values[i]);
  std::vector<uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0u);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Uniform(i)]);
  absl::btree_map<uint64_t, uint64_t> map;
  for (const uint32_t i : order) map.emplace(keys[i], values[i]);
  order = {};

  std::vector<double> build_ns;
  std::unique_ptr<InMemoryIndex> index;
  for (uint64_t round = 0; round < flags.rounds; ++round) {
    const double start = CpuNanoseconds();
    auto built = InMemoryIndex::Build(keys, {.epsilon = static_cast<uint32_t>(flags.epsilon)});
    build_ns.push_back((CpuNanoseconds() - start) / static_cast<double>(keys.size()));
    KYRO_CHECK(built.ok());
    index = std::make_unique<InMemoryIndex>(*std::move(built));
  }
  const RecursiveModelIndex& model = index->model();

  std::vector<uint64_t> probes(flags.lookups);
  std::vector<uint64_t> positions(flags.lookups);
  const auto sum_of_map = [&](const absl::btree_map<uint64_t, uint64_t>& searched) {
    uint64_t sum = 0;
    for (const uint64_t probe : probes) sum += searched.find(probe)->second;
    return sum;
  };
  const std::vector<std::pair<std::string, std::function<uint64_t()>>> systems = {
      {"kyrodb",
       [&] {
         uint64_t sum = 0;
         for (const uint64_t probe : probes) sum += values[index->LowerBound(probe)];
         return sum;
       }},
      {"kyrodb batched",
       [&] {
         index->LowerBoundBatch(probes, positions);
         uint64_t sum = 0;
         for (const uint64_t position : positions) sum += values[position];
         return sum;
       }},
      {"absl::btree_map", [&] { return sum_of_map(map); }},
      {"absl::btree_map loaded in order", [&] { return sum_of_map(loaded); }},
      {"std::lower_bound",
       [&] {
         uint64_t sum = 0;
         for (const uint64_t probe : probes) {
           const auto at = std::lower_bound(keys.begin(), keys.end(), probe);
           sum += values[static_cast<size_t>(at - keys.begin())];
         }
         return sum;
       }},
  };

  std::vector<std::vector<double>> samples(systems.size());
  // Round 0 warms up and is not counted.
  for (uint64_t round = 0; round <= flags.rounds; ++round) {
    uint64_t expected_sum = 0;
    for (uint64_t& probe : probes) {
      const uint64_t position = random.Uniform(keys.size());
      probe = keys[position];
      expected_sum += values[position];
    }
    std::vector<size_t> turns(systems.size());
    std::iota(turns.begin(), turns.end(), size_t{0});
    for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random.Uniform(i)]);
    for (const size_t turn : turns) {
      const double ns = Measure(probes.size(), expected_sum, systems[turn].second);
      if (round > 0) samples[turn].push_back(ns);
    }
    absl::FPrintF(stderr, "\r%s: round %u of %u ", name, round, flags.rounds);
  }
  absl::FPrintF(stderr, "\n");

  for (size_t i = 0; i < systems.size(); ++i) {
    report->Add(name, systems[i].first, "lookup", "ns", samples[i]);
  }
  const auto key_count = static_cast<double>(keys.size());
  report->Add(name, "kyrodb", "build", "ns/key", build_ns);
  report->Add(name, "kyrodb", "model", "bytes/key",
              static_cast<double>(model.size_bytes()) / key_count);
  report->Add(name, "kyrodb", "segments", "count", static_cast<double>(model.segment_count()));
  report->Add(name, "kyrodb", "depth", "models", static_cast<double>(model.depth()));
  report->Add(name, "kyrodb", "bound_width_max", "positions",
              static_cast<double>(model.bound_width_max()));
  for (const char* const ours : {"kyrodb", "kyrodb batched"}) {
    for (const char* const peer :
         {"absl::btree_map", "absl::btree_map loaded in order", "std::lower_bound"}) {
      report->Compare(name, "lookup", ours, peer, bench::Better::kLower);
    }
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
