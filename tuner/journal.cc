#include "tuner/journal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"

namespace kyrodb::tuner {
namespace {

bool Repeats(const Decision& newest, const Decision& decision) {
  const bool may_repeat = decision.verdict == Verdict::kHeld ||
                          decision.verdict == Verdict::kAdvised ||
                          decision.verdict == Verdict::kFailed;
  return may_repeat && newest.verdict == decision.verdict && newest.mode == decision.mode &&
         newest.action == decision.action &&
         // The sums in the reason of an advice differ from window to window; the advice does not.
         (decision.verdict == Verdict::kAdvised || newest.reason == decision.reason) &&
         newest.before == decision.before && newest.after == decision.after &&
         newest.detail == decision.detail;
}

}  // namespace

absl::string_view ModeName(Mode mode) {
  switch (mode) {
    case Mode::kOff:
      return "off";
    case Mode::kObserve:
      return "observe";
    case Mode::kAuto:
      return "auto";
  }
  return "unknown";
}

absl::StatusOr<Mode> ParseMode(absl::string_view name) {
  for (const Mode mode : {Mode::kOff, Mode::kObserve, Mode::kAuto}) {
    if (name == ModeName(mode)) return mode;
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("tuner mode is \"%s\", expected off, observe or auto", name));
}

absl::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHeld:
      return "held";
    case Verdict::kAdvised:
      return "advised";
    case Verdict::kPending:
      return "pending";
    case Verdict::kKept:
      return "kept";
    case Verdict::kReverted:
      return "reverted";
    case Verdict::kInconclusive:
      return "inconclusive";
    case Verdict::kFailed:
      return "failed";
  }
  return "unknown";
}

Journal::Journal(size_t capacity, Sink sink) : capacity_(capacity), sink_(std::move(sink)) {
  KYRO_CHECK(capacity >= 1);
}

uint64_t Journal::Append(Decision decision) {
  {
    absl::MutexLock lock(&mutex_);
    if (!rows_.empty() && Repeats(rows_.back(), decision)) {
      ++rows_.back().repeated;
      return rows_.back().id;
    }
    decision.id = next_id_++;
    if (rows_.size() == capacity_) rows_.pop_front();
    rows_.push_back(decision);
  }
  if (sink_) sink_(decision);
  return decision.id;
}

void Journal::Conclude(uint64_t id, Verdict verdict,
                       std::optional<double> observed_micros_per_operation, std::string detail) {
  Decision concluded;
  {
    absl::MutexLock lock(&mutex_);
    // Ids have no gaps, so the row's place follows from its id.
    if (rows_.empty() || id < rows_.front().id || id > rows_.back().id) return;
    Decision& row = rows_[id - rows_.front().id];
    row.verdict = verdict;
    row.observed_micros_per_operation = observed_micros_per_operation;
    row.detail = std::move(detail);
    concluded = row;
  }
  if (sink_) sink_(concluded);
}

std::vector<Decision> Journal::Last(size_t count_max) const {
  absl::MutexLock lock(&mutex_);
  const size_t count = std::min(count_max, rows_.size());
  return {rows_.end() - static_cast<std::ptrdiff_t>(count), rows_.end()};
}

uint64_t Journal::count() const {
  absl::MutexLock lock(&mutex_);
  return next_id_ - 1;
}

}  // namespace kyrodb::tuner
