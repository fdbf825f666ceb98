#include "tests/engine/memory/starvation.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "engine/check.h"
#include "gtest/gtest.h"
#include "tests/engine/memory/allocation_faults.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr int kExitFine = 0;
constexpr int kExitComplaint = 3;
constexpr unsigned kHangSeconds = 60;
constexpr char kLaterTable[] = "plain";

std::string LaterKey() { return EncodeRowId(1'000'000); }

void Complain(Worker::Notes* notes, absl::string_view complaint) {
  const size_t size = std::min(complaint.size(), sizeof(notes->complaint) - 1);
  std::memcpy(notes->complaint, complaint.data(), size);
  _exit(kExitComplaint);
}

}  // namespace

Contents ContentsOf(Database& database) {
  Contents contents;
  const std::unique_ptr<Transaction> transaction = database.Begin();
  for (const auto& table : transaction->catalog()->tables()) {
    contents[table->name] = absl::StrCat(table->indexes.size(), " indexes");
    for (const auto& [key, value] : ScanAll(*transaction, table->id)) {
      contents[absl::StrCat(table->name, "/", key)] = value;
    }
  }
  return contents;
}

absl::Status Worker::Commit(const std::function<absl::Status()>& commit) {
  notes_->attempted.fetch_add(1);
  KYRO_RETURN_IF_ERROR(commit());
  notes_->acknowledged.fetch_add(1);
  const SparedAllocations spared;
  if (states_ != nullptr) states_->push_back(ContentsOf(*database_));
  return absl::OkStatus();
}

absl::Status Worker::Commit(Transaction& transaction) {
  notes_->attempted.fetch_add(1);
  KYRO_RETURN_IF_ERROR(transaction.Commit().status());
  notes_->acknowledged.fetch_add(1);
  const SparedAllocations spared;
  if (states_ != nullptr) states_->push_back(ContentsOf(*database_));
  return absl::OkStatus();
}

void Worker::Expect(bool holds, const char* complaint) {
  if (holds) return;
  if (states_ == nullptr) Complain(notes_, complaint);
  ADD_FAILURE() << complaint;  // nothing has failed here: the test itself is wrong
}

Starvation::Starvation() : posix_(NewPosixFileSystem()) {
  const char* const parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  std::string pattern = absl::StrCat(parent, "/kyro_memory_XXXXXX");
  KYRO_CHECK(mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  busy_ = directory_ + "/busy";
  template_ = directory_ + "/template";
  copy_ = directory_ + "/copy";
  void* const shared = mmap(nullptr, sizeof(Worker::Notes), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  KYRO_CHECK(shared != MAP_FAILED);
  notes_ = new (shared) Worker::Notes();
}

Starvation::~Starvation() {
  std::filesystem::remove_all(directory_);
  munmap(notes_, sizeof(Worker::Notes));
}

OpenOptions Starvation::Options(bool background) const {
  OpenOptions options = QuietOptions(posix_.get());
  options.background = background;
  if (background) {
    options.knobs.emplace_back("write_buffer_bytes", 1 << 16);
    options.knobs.emplace_back("run_count_max", 2);
  }
  return options;
}

absl::StatusOr<std::unique_ptr<Database>> Starvation::OpenTemplate() {
  return Database::Open(busy_, Options(/*background=*/false));
}

void Starvation::TakeTemplate() {
  std::filesystem::copy(busy_, template_, std::filesystem::copy_options::recursive);
  has_template_ = true;
}

void Starvation::TakeNothing() { has_template_ = false; }

void Starvation::CopyTemplate() const {
  std::filesystem::remove_all(copy_);
  std::filesystem::create_directory(copy_);
  if (!has_template_) return;
  std::filesystem::copy(template_, copy_ + "/db", std::filesystem::copy_options::recursive);
}

std::vector<Contents> Starvation::DryRun(const Work& work) {
  CopyTemplate();
  std::vector<Contents> states;
  new (notes_) Worker::Notes();
  absl::StatusOr<std::unique_ptr<Database>> opened =
      Database::Open(copy_ + "/db", Options(/*background=*/false));
  EXPECT_TRUE(opened.ok()) << opened.status();
  if (!opened.ok()) return states;
  Worker worker(opened->get(), copy_, posix_.get(), notes_, &states);
  if (work.prepare) work.prepare(worker);
  states.push_back(ContentsOf(**opened));
  if (work.run) {
    FailAllocations(~uint64_t{0}, /*forever=*/false);
    const absl::Status status = work.run(worker);
    StopFailingAllocations();
    EXPECT_TRUE(status.ok()) << status;
  }
  return states;
}

void Starvation::RunChild(const Work& work, bool opening, uint64_t at, bool forever,
                          const std::vector<Contents>& states) {
  alarm(kHangSeconds);
  if (std::getenv("KYRO_MEMORY_TALK") == nullptr) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);  // "terminate called …" a thousand times
  } else {
    std::set_terminate([] {
      void* frames[64];
      backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);  // for addr2line
      std::abort();
    });
  }
  const auto run_starved = [&](const std::function<absl::Status()>& work_on) {
    absl::Status status;
    bool escaped = false;
    FailAllocations(at, forever);
    try {
      status = work_on();
    } catch (const std::bad_alloc&) {
      escaped = true;
    }
    notes_->has_failed = StopFailingAllocations() > 0;
    notes_->allocation_count = AllocationCount();
    if (escaped) Complain(notes_, "std::bad_alloc left the engine");
    notes_->is_refused = !status.ok();
    notes_->is_unknown = absl::IsUnavailable(status);
    if (status.ok() || absl::IsUnavailable(status)) return status;
    // In the worst case there was not even memory for the message. What comes after an unknown
    // outcome is refused as read-only.
    if (!absl::IsFailedPrecondition(status) &&
        (!absl::IsResourceExhausted(status) ||
         !(absl::StrContains(status.message(), "out of memory") ||
           absl::StrContains(status.message(), "bad_alloc") || status.message().empty()))) {
      Complain(notes_, absl::StrCat("wrong error: ", status.ToString()));
    }
    notes_->is_unknown = absl::IsFailedPrecondition(status);
    return status;
  };

  absl::StatusOr<std::unique_ptr<Database>> opened = absl::UnknownError("");
  if (opening) {
    OpenOptions options = Options(/*background=*/false);
    const std::string path = copy_ + "/db";
    run_starved([&] {
      opened = Database::Open(path, std::move(options));
      return opened.status();
    }).IgnoreError();
    // Nothing of the attempt may be in the way of the next.
    if (!opened.ok()) opened = Database::Open(copy_ + "/db", Options(/*background=*/false));
    if (!opened.ok()) Complain(notes_, absl::StrCat("second open: ", opened.status().ToString()));
    if (has_template_ && ContentsOf(**opened) != states[0]) {
      Complain(notes_, "wrong rows after opening");
    }
    _exit(kExitFine);
  }

  opened = Database::Open(copy_ + "/db", Options(work.background));
  if (!opened.ok()) Complain(notes_, absl::StrCat("open: ", opened.status().ToString()));
  Worker worker(opened->get(), copy_, posix_.get(), notes_, nullptr);
  if (work.prepare) work.prepare(worker);
  run_starved([&] { return work.run(worker); }).IgnoreError();

  // Memory is there again: the same database must answer, and go on unless it said otherwise.
  Database& database = **opened;
  const uint64_t acknowledged = notes_->acknowledged;
  const Contents contents = ContentsOf(database);
  const bool is_next = notes_->is_unknown && notes_->attempted > acknowledged &&
                       contents == states[acknowledged + 1];
  if (contents != states[acknowledged] && !is_next) {
    Complain(notes_, absl::StrCat("wrong rows in the same process: ", contents.size(),
                                  " after commit ", acknowledged));
  }
  if (database.writable().ok()) {
    const std::unique_ptr<Transaction> transaction = database.Begin();
    const auto table = transaction->catalog()->FindTable(kLaterTable);
    absl::Status status = transaction->Put(table->id, LaterKey(), "later");
    if (status.ok()) status = transaction->Commit().status();
    if (!status.ok()) Complain(notes_, absl::StrCat("later commit: ", status.ToString()));
    notes_->is_later_in = true;
    status = database.Checkpoint();
    if (!status.ok()) Complain(notes_, absl::StrCat("later checkpoint: ", status.ToString()));
  } else if (!absl::IsFailedPrecondition(database.writable())) {
    Complain(notes_, absl::StrCat("wrong error: ", database.writable().ToString()));
  }
  _exit(kExitFine);
}

void Starvation::Verify(const Work& work, bool is_ended, const std::vector<Contents>& states) {
  absl::StatusOr<std::unique_ptr<Database>> opened =
      Database::Open(copy_ + "/db", Options(/*background=*/false));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->recovery().damage, "");
  if (!states.empty()) {
    Contents contents = ContentsOf(**opened);
    const std::string later = absl::StrCat(kLaterTable, "/", LaterKey());
    const bool is_later_in = contents.erase(later) > 0;
    EXPECT_TRUE(is_later_in || !notes_->is_later_in) << "the later commit is lost";
    const uint64_t acknowledged = notes_->acknowledged;
    const bool may_be_next = notes_->attempted > acknowledged && (is_ended || notes_->is_unknown);
    EXPECT_TRUE(contents == states[acknowledged] ||
                (may_be_next && contents == states[acknowledged + 1]))
        << contents.size() << " entries, " << states[acknowledged].size()
        << " after the acknowledged commit number " << acknowledged;
  }
  if (work.verify) {
    Worker worker(opened->get(), copy_, posix_.get(), notes_, nullptr);
    work.verify(worker);
  }
  opened->reset();
  const absl::StatusOr<CheckReport> report = CheckDirectory(
      copy_ + "/db", {.file_system = posix_.get()},
      [](absl::string_view line) { EXPECT_FALSE(absl::StartsWith(line, "problem: ")) << line; });
  EXPECT_TRUE(report.ok()) << report.status();
}

Starvation::Outcome Starvation::RunOnce(const Work& work, bool opening, uint64_t at, bool forever,
                                        const std::vector<Contents>& states) {
  CopyTemplate();
  new (notes_) Worker::Notes();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) RunChild(work, opening, at, forever, states);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  Outcome outcome;
  if (WIFEXITED(status)) {
    EXPECT_EQ(WEXITSTATUS(status), kExitFine) << notes_->complaint;
    outcome.failed_any = notes_->has_failed;
  } else {
    EXPECT_EQ(WTERMSIG(status), SIGABRT) << (WTERMSIG(status) == SIGALRM ? "it hangs" : "it broke");
    EXPECT_TRUE(work.may_end) << "it should not end the process";
    outcome = {.failed_any = true, .is_ended = true};
  }
  Verify(work, outcome.is_ended, states);
  return outcome;
}

void Starvation::SweepAll(const Work& work, bool opening) {
  const bool is_long = std::getenv("KYRO_LONG") != nullptr;
  // Of every so many allocations one fails; later ones ever more seldom.
  const uint64_t dense_until = is_long ? 400 : 0;
  const uint64_t share = is_long ? 60 : 3;
  const char* const given = std::getenv("KYRO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device()();
  std::printf("KYRO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  std::vector<Contents> states;
  if (has_template_) states = DryRun(work);
  uint64_t run_count = 0, ended_count = 0, refused_count = 0;
  for (const bool forever : {false, true}) {
    for (uint64_t at = 0;;) {
      SCOPED_TRACE(absl::StrCat("allocation ", at, forever ? " and all later fail" : " fails"));
      const Outcome outcome = RunOnce(work, opening, at, forever, states);
      if (::testing::Test::HasFailure()) return;
      if (!outcome.failed_any) break;
      ++run_count;
      ended_count += outcome.is_ended ? 1 : 0;
      refused_count += notes_->is_refused ? 1 : 0;
      at += at < dense_until ? 1 : 1 + random.Uniform(2 * (at / share) + 1);
    }
  }
  std::printf("%llu children starved: %llu were told so, %llu ended, of %llu allocations\n",
              static_cast<unsigned long long>(run_count),
              static_cast<unsigned long long>(refused_count),
              static_cast<unsigned long long>(ended_count),
              static_cast<unsigned long long>(notes_->allocation_count.load()));
  EXPECT_GT(run_count, 2u);
}

void Starvation::Sweep(const Work& work) { SweepAll(work, /*opening=*/false); }

void Starvation::SweepOpening() { SweepAll(Work{}, /*opening=*/true); }

}  // namespace kyrodb::engine
