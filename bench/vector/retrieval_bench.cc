// How good `embed()` is at finding a text again: the short description of a package is the query,
// its own long description, among all of them, is the answer to find. BM25 over the same words runs
// beside it as the measure of what exact wording gives.
//
//   retrieval_bench --translation FILE [--packages FILE] [--queries 3000] [--out JSON]
//
// Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/report/report.h"
#include "bench/vector/package_texts.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "vector/flat_index.h"
#include "vector/hashbag.h"

namespace kyrodb::bench {
namespace {

constexpr uint64_t kSeed = 42;
constexpr size_t kDepth = 100;  // ranks beyond this count as not found

// Processor time of this thread: what other work on the machine takes does not count.
double Seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<std::string> Words(absl::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool upper = byte >= 'A' && byte <= 'Z';
    if (upper || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 128) {
      word.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

// An inverted file in memory with the usual parameters.
class Bm25 {
 public:
  explicit Bm25(const std::vector<PackageText>& texts) {
    double total = 0;
    for (uint32_t document = 0; document < texts.size(); ++document) {
      absl::flat_hash_map<std::string, float> counts;
      const std::vector<std::string> words = Words(texts[document].body);
      for (const std::string& word : words) ++counts[word];
      for (const auto& [word, count] : counts) postings_[word].push_back({document, count});
      lengths_.push_back(static_cast<double>(words.size()));
      total += lengths_.back();
    }
    mean_length_ = total / static_cast<double>(texts.size());
  }

  // The documents with the best scores, best first.
  std::vector<uint32_t> Search(absl::string_view query) const {
    constexpr double kK1 = 1.2, kB = 0.75;
    std::vector<double> scores(lengths_.size(), 0);
    const double count = static_cast<double>(lengths_.size());
    for (const std::string& word : Words(query)) {
      const auto found = postings_.find(word);
      if (found == postings_.end()) continue;
      const double frequency = static_cast<double>(found->second.size());
      const double rarity = std::log(1 + (count - frequency + 0.5) / (frequency + 0.5));
      for (const auto& [document, occurrences] : found->second) {
        const double norm = kK1 * (1 - kB + kB * lengths_[document] / mean_length_);
        scores[document] += rarity * occurrences * (kK1 + 1) / (occurrences + norm);
      }
    }
    std::vector<uint32_t> order;
    for (uint32_t document = 0; document < scores.size(); ++document) {
      if (scores[document] > 0) order.push_back(document);
    }
    const size_t depth = std::min(kDepth, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(depth), order.end(),
                      [&](uint32_t a, uint32_t b) {
                        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                      });
    order.resize(depth);
    return order;
  }

 private:
  absl::flat_hash_map<std::string, std::vector<std::pair<uint32_t, float>>> postings_;
  std::vector<double> lengths_;
  double mean_length_ = 0;
};

// Where in `ranking` the answer was, over many queries.
struct Score {
  double first = 0, first_ten = 0, reciprocal = 0, queries = 0;
  void Add(const std::vector<uint32_t>& ranking, uint32_t answer) {
    ++queries;
    const auto found = std::find(ranking.begin(), ranking.end(), answer);
    if (found == ranking.end()) return;
    const double rank = static_cast<double>(found - ranking.begin()) + 1;
    first += rank == 1;
    first_ten += rank <= 10;
    reciprocal += 1 / rank;
  }
  void Report(bench::Report& report, absl::string_view system) const {
    constexpr absl::string_view kCase = "title to description";
    report.Add(kCase, system, "recall@1", "fraction", first / queries);
    report.Add(kCase, system, "recall@10", "fraction", first_ten / queries);
    report.Add(kCase, system, "mrr", "fraction", reciprocal / queries);
  }
};

absl::Status Run(absl::string_view translation, absl::string_view packages, size_t query_count,
                 bench::Report& report) {
  KYRO_ASSIGN_OR_RETURN(const std::vector<PackageText> texts,
                        LoadPackageTexts(translation, packages));
  if (texts.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(translation, " holds no long descriptions"));
  }
  report.AddFlag("documents", absl::StrCat(texts.size()));
  report.AddFlag("queries", absl::StrCat(query_count));
  std::printf("%zu documents\n", texts.size());

  double started = Seconds();
  const Bm25 bm25(texts);
  std::printf("bm25: indexed in %.1f s\n", Seconds() - started);

  for (const size_t dimensions : {size_t{256}, size_t{384}}) {
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<vector::Embedder> embedder,
                          vector::CreateHashbagEmbedder({.dimensions = dimensions}));
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<vector::VectorIndex> index,
                          vector::CreateFlatIndex(vector::Metric::kCosine, dimensions));
    double embedding_seconds = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      started = Seconds();
      KYRO_ASSIGN_OR_RETURN(const std::vector<float> vector, embedder->Embed(texts[i].body));
      embedding_seconds += Seconds() - started;
      KYRO_RETURN_IF_ERROR(index->Add(i, vector));
    }
    const double micros = embedding_seconds / static_cast<double>(texts.size()) * 1e6;

    Random random(kSeed);
    Score ours, theirs;
    for (size_t q = 0; q < query_count; ++q) {
      const uint32_t answer = static_cast<uint32_t>(random.Uniform(texts.size()));
      const std::string& query = texts[answer].title;
      KYRO_ASSIGN_OR_RETURN(const std::vector<float> vector, embedder->Embed(query));
      KYRO_ASSIGN_OR_RETURN(const std::vector<vector::Neighbor> neighbors,
                            index->Search(vector, {.k = kDepth}));
      std::vector<uint32_t> ranking;
      for (const vector::Neighbor& neighbor : neighbors) {
        ranking.push_back(static_cast<uint32_t>(neighbor.label));
      }
      ours.Add(ranking, answer);
      if (dimensions == 256) theirs.Add(bm25.Search(query), answer);
    }
    const std::string system =
        dimensions == 256 ? "kyrodb" : absl::StrCat("kyrodb ", embedder->name());
    ours.Report(report, system);
    report.Add("title to description", system, "embed", "us/document", micros);
    if (dimensions == 256) {
      theirs.Report(report, "bm25");
      for (const absl::string_view metric : {"recall@1", "recall@10", "mrr"}) {
        report.Compare("title to description", metric, "kyrodb", "bm25", Better::kHigher);
      }
    }
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  std::string translation, packages, out;
  size_t query_count = 3000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--translation") {
      translation = value;
    } else if (flag == "--packages") {
      packages = value;
    } else if (flag == "--out") {
      out = value;
    } else if (flag != "--queries" || !absl::SimpleAtoi(value, &query_count) || query_count == 0) {
      translation.clear();
      break;
    }
  }
  if (translation.empty() || argc % 2 == 0) {
    std::fprintf(stderr,
                 "usage: %s --translation FILE [--packages FILE] [--queries N] [--out JSON]\n"
                 "FILE: apt's Translation-en and Packages, not compressed\n",
                 argv[0]);
    return 2;
  }
  bench::Report report("retrieval", kSeed);
  if (const absl::Status status = Run(translation, packages, query_count, report); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  return bench::Finish(report, out);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) { return kyrodb::bench::Main(argc, argv); }
