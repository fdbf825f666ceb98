#include "server/import/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kyrodb::server {
namespace {

constexpr double kBarInterval = 0.1;
constexpr double kLineInterval = 5;
constexpr int kBarWidth = 30;

}  // namespace

std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return digits;
}

double Progress::Seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Progress::Update(uint64_t done, uint64_t total, uint64_t count) {
  if (style_ == Style::kNone) return;
  const double now = Seconds();
  if (now - drawn_at_ < (style_ == Style::kBar ? kBarInterval : kLineInterval)) return;
  drawn_at_ = now;
  Draw(done, total, count, false);
}

void Progress::Draw(uint64_t done, uint64_t total, uint64_t count, bool last) {
  const double seconds = std::max(Seconds(), 1e-6);
  const double part =
      total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  std::string text = absl::StrCat(label_, "  ");
  if (style_ == Style::kBar && total > 0) {
    const int filled = static_cast<int>(part * kBarWidth);
    absl::StrAppend(
        &text, "[", std::string(static_cast<size_t>(filled), '='), filled < kBarWidth ? ">" : "",
        std::string(static_cast<size_t>(std::max(0, kBarWidth - filled - 1)), ' '), "] ");
  }
  if (total > 0) absl::StrAppendFormat(&text, "%3.0f %%  ", part * 100);
  absl::StrAppendFormat(&text, "%s %s  %s/s", Grouped(count), unit_,
                        Grouped(static_cast<uint64_t>(static_cast<double>(count) / seconds)));
  if (last) {
    absl::StrAppendFormat(&text, "  in %.1f s", seconds);
  } else if (part > 0.01) {
    absl::StrAppendFormat(&text, "  %.0f s left", seconds / part - seconds);
  }
  if (style_ == Style::kBar) {
    *out_ << '\r' << text << "\033[K";
    if (last) *out_ << '\n';
  } else {
    *out_ << text << '\n';
  }
  out_->flush();
}

void Progress::Finish(uint64_t count) {
  if (style_ != Style::kNone) Draw(1, 1, count, true);
}

}  // namespace kyrodb::server
