// A searcher under test: KyroDB and its peers behind one face.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/ann/data_set.h"

namespace kyrodb::bench {

// Which base vectors may be found, by number.
struct Filter {
  std::vector<uint64_t> bits;      // a bit for each base vector
  std::vector<uint64_t> matching;  // their numbers
  bool Matches(uint64_t i) const { return (bits[i / 64] >> (i % 64) & 1) != 0; }
};

class AnnSystem {
 public:
  virtual ~AnnSystem() = default;
  virtual std::string name() const = 0;
  // On one thread.
  virtual void Build(const DataSet& data) = 0;
  // What is asked for in turn, from quick to thorough.
  virtual std::vector<size_t> efforts() const = 0;
  virtual void SetEffort(size_t effort) = 0;
  // The numbers of the k nearest; `filter` may be null. Returns false when it cannot filter.
  virtual bool Search(const float* query, size_t k, const Filter* filter,
                      std::vector<uint32_t>& found) = 0;
  virtual double memory_bytes() const = 0;
};

// `options` as in "rabitq", "sq8/none", "sq8/sq12,m=16,ef=200".
std::unique_ptr<AnnSystem> MakeKyro(const std::string& options);
// HNSW of hnswlib; with `post` filters are applied to what an unfiltered search finds.
std::unique_ptr<AnnSystem> MakeHnswlib(size_t m, size_t ef_construction, bool post);
// `hnsw`, `ivfflat`, `ivfpq`; null without FAISS.
std::unique_ptr<AnnSystem> MakeFaiss(const std::string& kind);

}  // namespace kyrodb::bench
