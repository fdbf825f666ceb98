// Compiled without contraction of multiply and add (see CMakeLists.txt): the few operations on
// floating point below then round alike on every machine.
#include "vector/hashbag.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/base/random.h"
#include "vector/embedding/word_frequencies.h"
#include "vector/kernels.h"

namespace kyrodb::vector {
namespace {

constexpr size_t kDimensionsMin = 8;
constexpr size_t kHashbagDimensionsMax = 4096;
constexpr size_t kGramBytes = 4;
// Weights are integers: this many units are a weight of 1.
constexpr double kUnit = 1024;
// What each gram of a word of n grams weighs, over the word, times sqrt(n). Measured on titles
// against descriptions (bench/vector/retrieval_bench.cc): recall@10 is .684 at 0.5, .707 at 1, .718
// at 1.4 and .717 at 2.
constexpr double kGramShare = 1.75;

constexpr bool IsWordByte(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c >= 128;
}

// FNV-1a, finished by splitmix64 so that all bits depend on all bytes.
uint64_t HashBytes(absl::string_view bytes, uint64_t seed) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  }
  return SplitMix64(hash ^ seed);
}

// 1 + ln count; from 8 on by whole doublings, so that no logarithm is computed.
double CountWeight(uint64_t count) {
  constexpr double kWeights[] = {0, 1, 1.693147, 2.098612, 2.386294, 2.609438, 2.791759, 2.945910};
  if (count < 8) return kWeights[count];
  return 3.079442 + 0.693147 * (63 - __builtin_clzll(count) - 3);
}

class Hashbag final : public Embedder {
 public:
  explicit Hashbag(const HashbagOptions& options)
      : dimensions_(options.dimensions),
        word_seed_(SplitMix64(options.seed)),
        gram_seed_(SplitMix64(word_seed_)),
        name_(absl::StrCat("hashbag", options.dimensions,
                           options.seed == 0 ? "" : absl::StrCat("-", options.seed))) {
    for (const embedding::WordGroup& group : embedding::CommonWords()) {
      for (const absl::string_view word : absl::StrSplit(group.words, ' ')) {
        eighths_by_word_.emplace(word, group.inverse_frequency_eighths);
      }
    }
  }

  absl::string_view name() const override { return name_; }
  size_t dimensions() const override { return dimensions_; }

  absl::StatusOr<std::vector<float>> Embed(absl::string_view text) const override {
    Sums sums(*this);
    std::string lower(text);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    absl::flat_hash_map<absl::string_view, uint64_t> counts;
    std::vector<absl::string_view> words;  // distinct, in the order of the text
    for (size_t begin = 0; begin < lower.size();) {
      if (!IsWordByte(static_cast<unsigned char>(lower[begin]))) {
        ++begin;
        continue;
      }
      size_t end = begin + 1;
      while (end < lower.size() && IsWordByte(static_cast<unsigned char>(lower[end]))) ++end;
      const absl::string_view word = absl::string_view(lower).substr(begin, end - begin);
      if (counts[word]++ == 0) words.push_back(word);
      begin = end;
    }
    for (const absl::string_view word : words) AddWord(word, counts[word], sums);
    if (words.empty()) sums.Add(HashBytes("", word_seed_), static_cast<int32_t>(kUnit));
    return sums.Normalized();
  }

 private:
  // Adds up directions of signs in integers.
  class Sums {
   public:
    explicit Sums(const Hashbag& owner)
        : kernels_(BestKernels()),
          signs_((owner.dimensions_ + 63) / 64),
          block_(owner.dimensions_),
          total_(owner.dimensions_) {}

    void Add(uint64_t feature, int32_t weight) {
      for (size_t i = 0; i < signs_.size(); ++i) signs_[i] = SplitMix64(feature + i * kStride);
      kernels_.add_signed(signs_.data(), weight, block_.size(), block_.data());
      // A weight is below 2^18, so this many of them stay within 31 bits.
      if (++pending_ == (1 << 12)) Fold();
    }

    std::vector<float> Normalized() {
      Fold();
      double squares = 0;
      for (const int64_t sum : total_) {
        squares += static_cast<double>(sum) * static_cast<double>(sum);
      }
      // Two texts' features could cancel out only in every dimension at once; then any direction
      // is as good as another.
      if (squares == 0) {
        total_[0] = 1;
        squares = 1;
      }
      const double length = std::sqrt(squares);
      std::vector<float> vector(total_.size());
      for (size_t i = 0; i < vector.size(); ++i) {
        vector[i] = static_cast<float>(static_cast<double>(total_[i]) / length);
      }
      return vector;
    }

   private:
    static constexpr uint64_t kStride = 0xD1342543DE82EF95u;
    void Fold() {
      for (size_t i = 0; i < total_.size(); ++i) total_[i] += block_[i];
      std::fill(block_.begin(), block_.end(), 0);
      pending_ = 0;
    }

    const Kernels& kernels_;
    std::vector<uint64_t> signs_;
    std::vector<int32_t> block_;
    std::vector<int64_t> total_;
    int pending_ = 0;
  };

  void AddWord(absl::string_view word, uint64_t count, Sums& sums) const {
    const auto common = eighths_by_word_.find(word);
    const double inverse_frequency =
        (common != eighths_by_word_.end() ? common->second : embedding::kRareWordEighths) / 8.0;
    // To the power of 3/4, by operations that round alike everywhere: the full weight lets the
    // noise of a few rare words drown the rest (recall@10 .718 against .730).
    const double rarity = inverse_frequency / std::sqrt(std::sqrt(inverse_frequency));
    const double weight = kUnit * CountWeight(count) * rarity;
    sums.Add(HashBytes(word, word_seed_), static_cast<int32_t>(weight));

    std::string framed;
    framed.reserve(word.size() + 2);
    framed.push_back('<');
    framed.append(word.data(), word.size());
    framed.push_back('>');
    if (framed.size() < kGramBytes) return;
    const size_t gram_count = framed.size() - kGramBytes + 1;
    const int32_t gram_weight = std::max(
        1, static_cast<int32_t>(weight * kGramShare / std::sqrt(static_cast<double>(gram_count))));
    for (size_t i = 0; i < gram_count; ++i) {
      sums.Add(HashBytes(absl::string_view(framed).substr(i, kGramBytes), gram_seed_), gram_weight);
    }
  }

  const size_t dimensions_;
  const uint64_t word_seed_;
  const uint64_t gram_seed_;
  const std::string name_;
  absl::flat_hash_map<absl::string_view, uint8_t> eighths_by_word_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Embedder>> CreateHashbagEmbedder(const HashbagOptions& options) {
  if (options.dimensions < kDimensionsMin || options.dimensions > kHashbagDimensionsMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("hashbag has %d dimensions, expected %d to %d", options.dimensions,
                        kDimensionsMin, kHashbagDimensionsMax));
  }
  return std::make_unique<Hashbag>(options);
}

}  // namespace kyrodb::vector
