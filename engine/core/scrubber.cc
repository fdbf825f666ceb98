#include "engine/core/scrubber.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "engine/storage/run.h"
#include "engine/storage/run_check.h"
#include "engine/storage/value_use.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kReadPages = 32;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kFirstPauseSecondsMax = 60;
// How often a thread that waits looks at knobs and at a clock that may not be the system's.
constexpr absl::Duration kLookPeriod = absl::Milliseconds(200);
constexpr size_t kFindingsMax = 1000;

// Behind everybody else, for the disk and for the CPU. Where that is refused, it works as well.
void YieldToOthers() {
  constexpr int kIoPrioWhoProcess = 1;
  constexpr int kIoPrioClassIdle = 3;
  constexpr int kIoPrioClassShift = 13;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  syscall(SYS_ioprio_set, kIoPrioWhoProcess, thread, kIoPrioClassIdle << kIoPrioClassShift);
  // Not SCHED_IDLE: then Close would wait for a thread that never runs on a busy machine.
  setpriority(PRIO_PROCESS, thread, 19);
}

// The number after "offset " in an error's message; 0 without one.
uint64_t OffsetIn(absl::string_view message) {
  constexpr absl::string_view kWord = ": offset ";
  const size_t at = message.find(kWord);
  if (at == absl::string_view::npos) return 0;
  message.remove_prefix(at + kWord.size());
  uint64_t offset = 0;
  return absl::SimpleAtoi(message.substr(0, message.find(':')), &offset) ? offset : 0;
}

}  // namespace

Scrubber::Scrubber(const ScrubberContext& context)
    : context_(context),
      pages_(context.metrics->counter("kyro_scrub_pages_total",
                                      "pages of runs that were read again to verify them")),
      damaged_pages_(context.metrics->counter("kyro_scrub_damaged_pages_total",
                                              "damaged pages that scrubbing found")),
      cycles_(context.metrics->counter("kyro_scrub_cycles_total",
                                       "times that scrubbing has been through all runs")),
      failures_(context.metrics->counter("kyro_scrub_failures_total",
                                         "reads of scrubbing that the disk refused")) {
  const int64_t now = context_.clock->SteadyNanos();
  last_nanos_ = now;
  next_cycle_nanos_ =
      now + std::min(context_.pause_seconds->value(), kFirstPauseSecondsMax) * kNanosPerSecond;
}

void Scrubber::Start() {
  thread_ = std::thread([this] { RunThread(); });
}

void Scrubber::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Scrubber::RunThread() {
  YieldToOthers();
  absl::Duration wait;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping), std::min(wait, kLookPeriod))) return;
    }
    try {
      wait = Step();
    } catch (const std::bad_alloc&) {
      failures_.Add();
      wait = kLookPeriod;
    }
  }
}

absl::Duration Scrubber::Step() {
  const int64_t now = context_.clock->SteadyNanos();
  const auto rate = static_cast<double>(context_.bytes_per_second->value());
  constexpr auto kReadBytes = static_cast<double>(kReadPages * kPageBytes);
  // What was not used is not saved up: after a rest it begins slowly too.
  tokens_ += rate * static_cast<double>(now - last_nanos_) / kNanosPerSecond;
  tokens_ = std::min(tokens_, kReadBytes);
  last_nanos_ = now;
  if (rate == 0) {
    tokens_ = 0;
    return absl::InfiniteDuration();
  }
  if (!in_cycle_) {
    if (now < next_cycle_nanos_) return absl::Nanoseconds(next_cycle_nanos_ - now);
    BeginCycle();
  }
  if (tokens_ < kReadBytes) return absl::Seconds((kReadBytes - tokens_) / rate);
  const File file = NextFile();
  if (!file) {
    EndCycle();
    return absl::ZeroDuration();
  }
  const uint64_t page_count = file.page_count();
  const uint64_t end = std::min(page_ + kReadPages, page_count);
  const auto found = [&](const absl::Status& status) { Report(file.path(), status); };
  absl::Status status = file.CheckPages(page_, end, &buffer_, found);
  tokens_ -= static_cast<double>((end - page_) * kPageBytes);
  pages_.Add(end - page_);
  page_ = end;
  if (page_ == page_count) {
    if (status.ok()) status = file.CheckTail(found);
    tokens_ -= static_cast<double>(file.file_bytes() - page_count * kPageBytes);
    page_ = 0;
    ++file_;
  }
  // The disk, not the page: the next cycle tries again.
  if (!status.ok()) failures_.Add();
  return absl::ZeroDuration();
}

void Scrubber::BeginCycle() {
  files_.clear();
  file_ = 0;
  page_ = 0;
  for (const auto& space : context_.spaces->Live()) {
    const std::shared_ptr<const SpaceVersion> version = space->version();
    for (const auto& run : version->runs) files_.push_back({.run = run, .values = {}});
    for (const ValueFileUse& use : ValueFileUses(version->runs)) {
      files_.push_back({.run = {}, .values = use.file});
    }
  }
  in_cycle_ = true;
}

void Scrubber::EndCycle() {
  in_cycle_ = false;
  cycles_.Add();
  next_cycle_nanos_ = last_nanos_ + context_.pause_seconds->value() * kNanosPerSecond;
  // What a merge or a drop took away is no concern any more.
  std::vector<std::string> files;
  for (const WeakFile& file : files_) {
    if (const File held = file.lock()) files.push_back(held.path());
  }
  absl::MutexLock lock(&mutex_);
  std::erase_if(findings_, [&](const DamageFinding& finding) {
    return std::find(files.begin(), files.end(), finding.file) == files.end();
  });
}

Scrubber::File Scrubber::NextFile() {
  for (; file_ < files_.size(); ++file_, page_ = 0) {
    if (File file = files_[file_].lock()) return file;
  }
  return {};
}

const std::string& Scrubber::File::path() const {
  return run != nullptr ? run->path() : values->path();
}
uint64_t Scrubber::File::page_count() const {
  return run != nullptr ? run->checked_page_count() : values->checked_page_count();
}
uint64_t Scrubber::File::file_bytes() const {
  return run != nullptr ? run->file_bytes() : values->file_bytes();
}
absl::Status Scrubber::File::CheckPages(uint64_t begin, uint64_t end, std::string* buffer,
                                        absl::FunctionRef<void(const absl::Status&)> found) const {
  if (run != nullptr) return engine::CheckPages(*run, begin, end, buffer, found);
  return values->VerifyPages(begin, end, buffer, found);
}
absl::Status Scrubber::File::CheckTail(absl::FunctionRef<void(const absl::Status&)> found) const {
  return run != nullptr ? engine::CheckTail(*run, found) : values->VerifyTail(found);
}

void Scrubber::Report(const std::string& file, const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    for (const DamageFinding& finding : findings_) {
      if (finding.message == status.message()) return;
    }
    damaged_pages_.Add();
    if (findings_.size() == kFindingsMax) return;
    findings_.push_back({.file = file,
                         .offset = OffsetIn(status.message()),
                         .message = std::string(status.message()),
                         .found_at_micros = context_.clock->WallMicros()});
  }
  if (context_.on_damage) context_.on_damage(status.message());
}

std::vector<DamageFinding> Scrubber::findings() const {
  absl::MutexLock lock(&mutex_);
  return findings_;
}

}  // namespace kyrodb::engine
