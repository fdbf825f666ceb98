#include "sql/parse/keywords.h"

#include <array>
#include <cstddef>

namespace kyrodb::sql {
namespace {

constexpr KeywordInfo kKeywords[] = {
    {"", KeywordCategory::kUnreserved, true},
#define KYRO_KEYWORD(enumerator, text, category, bare_label) \
  {text, KeywordCategory::category, bare_label},
#include "sql/parse/keywords.inc"
#undef KYRO_KEYWORD
};

constexpr size_t kKeywordCount = sizeof(kKeywords) / sizeof(kKeywords[0]);
constexpr size_t kLongestKeyword = 17;  // current_timestamp
constexpr size_t kSlotCount = 2048;

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr size_t SlotOf(absl::string_view word) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : word) {
    hash = (hash ^ static_cast<uint8_t>(ToLower(c))) * 16777619U;
  }
  return (hash ^ (hash >> 15)) % kSlotCount;
}

// Open addressing over a table that is a quarter full: most misses end at their first slot.
constexpr std::array<uint16_t, kSlotCount> BuildSlots() {
  std::array<uint16_t, kSlotCount> slots{};
  for (size_t i = 1; i < kKeywordCount; ++i) {
    size_t slot = SlotOf(kKeywords[i].text);
    while (slots[slot] != 0) slot = (slot + 1) % kSlotCount;
    slots[slot] = static_cast<uint16_t>(i);
  }
  return slots;
}

constexpr std::array<uint16_t, kSlotCount> kSlots = BuildSlots();

bool EqualsFolded(absl::string_view word, absl::string_view lower) {
  if (word.size() != lower.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (ToLower(word[i]) != lower[i]) return false;
  }
  return true;
}

}  // namespace

Keyword FindKeyword(absl::string_view word) {
  if (word.size() > kLongestKeyword) return Keyword::kNotKeyword;
  for (size_t slot = SlotOf(word); kSlots[slot] != 0; slot = (slot + 1) % kSlotCount) {
    if (EqualsFolded(word, kKeywords[kSlots[slot]].text)) return static_cast<Keyword>(kSlots[slot]);
  }
  return Keyword::kNotKeyword;
}

const KeywordInfo& InfoOf(Keyword keyword) { return kKeywords[static_cast<size_t>(keyword)]; }

}  // namespace kyrodb::sql
