// How rare common words are: inverse document frequencies that need no training.
#pragma once

#include <cstdint>
#include <span>

namespace kyrodb::vector::embedding {

// Words that share a weight, separated by spaces.
struct WordGroup {
  // ln(documents / documents with the word), in eighths, rounded.
  uint8_t inverse_frequency_eighths;
  const char* words;
};

// From the most frequent words to the least; no word is in two groups.
std::span<const WordGroup> CommonWords();

// The weight of a word that is in no group, in eighths.
inline constexpr uint8_t kRareWordEighths = 64;

}  // namespace kyrodb::vector::embedding
