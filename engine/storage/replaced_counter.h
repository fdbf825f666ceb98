// Counts, while a run is written, how many of its keys stand in older runs too: what they hold
// there is dead. An estimate from the runs' filters: about one key in a hundred too many.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/storage/key_hash.h"
#include "engine/storage/run.h"

namespace kyrodb::engine {

// Thread-safety:  one thread at a time.
// Cost:           a hash and a line of each filter a key; nothing without older runs.
class ReplacedCounter {
 public:
  explicit ReplacedCounter(std::vector<std::shared_ptr<const Run>> older)
      : older_(std::move(older)) {}

  // One key of the new run; call it once a key.
  void Add(absl::string_view key) {
    if (older_.empty()) return;
    const uint64_t hash = KeyHash(key);
    for (const auto& run : older_) {
      if (!run->PassesFilter(hash)) continue;
      ++count_;
      return;
    }
  }
  uint64_t count() const { return count_; }

 private:
  const std::vector<std::shared_ptr<const Run>> older_;
  uint64_t count_ = 0;
};

}  // namespace kyrodb::engine
