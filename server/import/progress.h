// How far a long job is, for a person who waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb::server {

// On a terminal one line that redraws itself, `[=====>    ] 48 %  12,345 rows  9,876/s  3 s left`;
// elsewhere a plain line every few seconds, or nothing.
//
// Thread-safety:  one thread at a time.
class Progress {
 public:
  enum class Style { kNone, kLines, kBar };
  Progress(std::ostream* out, Style style, std::string label, std::string unit)
      : out_(out), style_(style), label_(std::move(label)), unit_(std::move(unit)) {}

  // `done` of `total` (0: not known) parts of the job, in any measure; `count` units so far.
  void Update(uint64_t done, uint64_t total, uint64_t count);
  // The last word, with the whole time.
  void Finish(uint64_t count);

 private:
  double Seconds() const;
  void Draw(uint64_t done, uint64_t total, uint64_t count, bool last);

  std::ostream* out_;
  Style style_;
  std::string label_;
  std::string unit_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double drawn_at_ = 0;
};

// 1234567 as "1,234,567".
std::string Grouped(uint64_t number);

}  // namespace kyrodb::server
