// Distance kernels against each other and against FAISS's, and the graph against the exact scan.
//
//   kernel_bench [--count 50000] [--dimensions 256] [--out JSON]
//
// Every pair is measured alternately in this one run; the ratio is what counts.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/report/report.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "vector/flat_index.h"
#include "vector/hnsw_index.h"
#include "vector/kernels.h"

#ifdef KYRO_HAVE_FAISS
#include <faiss/utils/distances.h>
#endif

namespace kyrodb::bench {
namespace {

constexpr uint64_t kSeed = 42;

// Processor time of this thread: what other work on the machine takes does not count.
double Seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Keeps the compiler from dropping the work.
void Use(float value) { asm volatile("" : : "x"(value) : "memory"); }

struct Contender {
  std::string name;
  float (*kernel)(const float* a, const float* b, size_t size);
};

#ifdef KYRO_HAVE_FAISS
float FaissL2(const float* a, const float* b, size_t size) { return faiss::fvec_L2sqr(a, b, size); }
float FaissDot(const float* a, const float* b, size_t size) {
  return faiss::fvec_inner_product(a, b, size);
}
#endif

// Nanoseconds per distance of each contender, in turn, over rows that stay in the cache.
void RaceKernels(absl::string_view operation, const std::vector<Contender>& contenders, size_t size,
                 Report& report) {
  constexpr size_t kRows = 64, kRepetitions = 9;
  const size_t rounds = 2'000'000 / size + 1;
  Random random(kSeed);
  std::vector<float> query(size), rows(kRows * size);
  for (float& value : query) value = static_cast<float>(random.Normal());
  for (float& value : rows) value = static_cast<float>(random.Normal());
  std::vector<std::vector<double>> samples(contenders.size());
  for (size_t repetition = 0; repetition < kRepetitions; ++repetition) {
    for (size_t c = 0; c < contenders.size(); ++c) {
      const double started = Seconds();
      for (size_t round = 0; round < rounds; ++round) {
        for (size_t r = 0; r < kRows; ++r) {
          Use(contenders[c].kernel(query.data(), rows.data() + r * size, size));
        }
      }
      samples[c].push_back((Seconds() - started) / static_cast<double>(rounds * kRows) * 1e9);
    }
  }
  const std::string case_name = absl::StrCat(operation, " ", size, "d");
  for (size_t c = 0; c < contenders.size(); ++c) {
    report.Add(case_name, contenders[c].name, "time", "ns/distance", samples[c]);
  }
  std::string best = absl::StrCat(
      "kyrodb ", vector::InstructionSetName(vector::AvailableInstructionSets().back()));
  for (const Contender& contender : contenders) {
    if (contender.name != best) {
      report.Compare(case_name, "time", best, contender.name, Better::kLower);
    }
  }
}

absl::Status RaceIndexes(size_t count, size_t dimensions, Report& report) {
  Random random(kSeed);
  auto clustered = [&, centers = std::vector<std::vector<float>>()]() mutable {
    if (centers.empty()) {
      centers.assign(1000, std::vector<float>(dimensions));
      for (auto& center : centers) {
        for (float& value : center) value = static_cast<float>(random.Normal());
      }
    }
    std::vector<float> point = centers[random.Uniform(centers.size())];
    for (float& value : point) value += static_cast<float>(0.5 * random.Normal());
    return point;
  };
  KYRO_ASSIGN_OR_RETURN(const auto flat,
                        vector::CreateFlatIndex(vector::Metric::kCosine, dimensions));
  KYRO_ASSIGN_OR_RETURN(const auto hnsw,
                        vector::CreateHnswIndex(vector::Metric::kCosine, dimensions));
  double hnsw_seconds = 0;
  for (uint64_t label = 0; label < count; ++label) {
    const std::vector<float> point = clustered();
    KYRO_RETURN_IF_ERROR(flat->Add(label, point));
    const double started = Seconds();
    KYRO_RETURN_IF_ERROR(hnsw->Add(label, point));
    hnsw_seconds += Seconds() - started;
  }
  constexpr size_t kQueries = 200;
  std::vector<std::vector<float>> queries(kQueries);
  for (auto& query : queries) query = clustered();
  const std::string case_name = absl::StrCat(count, " x ", dimensions, "d cosine");
  report.Add(case_name, "kyrodb hnsw", "build", "vectors/s",
             static_cast<double>(count) / hnsw_seconds);
  report.Add(case_name, "kyrodb hnsw", "memory", "bytes/vector",
             static_cast<double>(hnsw->memory_bytes()) / static_cast<double>(count));

  std::vector<absl::flat_hash_set<uint64_t>> truth(kQueries);
  std::vector<double> flat_rates;
  for (int repetition = 0; repetition < 3; ++repetition) {
    const double started = Seconds();
    for (size_t q = 0; q < kQueries; ++q) {
      KYRO_ASSIGN_OR_RETURN(const auto found, flat->Search(queries[q], {.k = 10}));
      for (const vector::Neighbor& neighbor : found) truth[q].insert(neighbor.label);
    }
    flat_rates.push_back(kQueries / (Seconds() - started));
  }
  report.Add(case_name, "kyrodb flat", "search", "queries/s", flat_rates);
  for (const size_t ef : {16, 32, 64, 128, 256}) {
    std::vector<double> rates;
    double hits = 0, distances = 0;
    for (int repetition = 0; repetition < 5; ++repetition) {
      hits = distances = 0;
      const double started = Seconds();
      for (size_t q = 0; q < kQueries; ++q) {
        vector::SearchStatistics statistics;
        KYRO_ASSIGN_OR_RETURN(const auto found,
                              hnsw->Search(queries[q], {.k = 10, .ef = ef}, &statistics));
        for (const vector::Neighbor& neighbor : found) hits += truth[q].contains(neighbor.label);
        distances += static_cast<double>(statistics.distance_count);
      }
      rates.push_back(kQueries / (Seconds() - started));
    }
    const std::string system = absl::StrCat("kyrodb hnsw ef ", ef);
    report.Add(case_name, system, "search", "queries/s", rates);
    report.Add(case_name, system, "recall@10", "fraction", hits / (10.0 * kQueries));
    report.Add(case_name, system, "visits per ef", "distances",
               distances / kQueries / static_cast<double>(ef));
    report.Compare(case_name, "search", system, "kyrodb flat", Better::kHigher);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  size_t count = 50000, dimensions = 256;
  std::string out;
  bool usage = argc % 2 == 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--out") {
      out = value;
    } else if (flag == "--count") {
      usage |= !absl::SimpleAtoi(value, &count) || count < 1000;
    } else if (flag == "--dimensions") {
      usage |= !absl::SimpleAtoi(value, &dimensions) || dimensions == 0;
    } else {
      usage = true;
    }
  }
  if (usage) {
    std::fprintf(stderr, "usage: %s [--count N (>= 1000)] [--dimensions D] [--out JSON]\n",
                 argv[0]);
    return 2;
  }
  Report report("vector_kernels", kSeed);
  report.AddFlag("count", absl::StrCat(count));
  report.AddFlag("dimensions", absl::StrCat(dimensions));
  std::vector<Contender> l2, dot;
  for (const vector::InstructionSet set : vector::AvailableInstructionSets()) {
    const std::string name = absl::StrCat("kyrodb ", vector::InstructionSetName(set));
    l2.push_back({name, vector::KernelsFor(set).squared_l2});
    dot.push_back({name, vector::KernelsFor(set).dot});
  }
#ifdef KYRO_HAVE_FAISS
  l2.push_back({"faiss 1.7.3", FaissL2});
  dot.push_back({"faiss 1.7.3", FaissDot});
#endif
  for (const size_t size : {size_t{64}, size_t{100}, size_t{256}, size_t{768}}) {
    RaceKernels("l2", l2, size, report);
    RaceKernels("dot", dot, size, report);
  }
  if (const absl::Status status = RaceIndexes(count, dimensions, report); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return Finish(report, out);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) { return kyrodb::bench::Main(argc, argv); }
