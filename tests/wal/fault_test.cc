// Goal: when the disk fails, no acknowledged commit is lost, the error says what is known, and the
// log is read-only afterwards; when it is merely full, nothing is half done and the log goes on.
// Method: the n-th write, sync or growth fails, once or for ever, for every n of a workload; then
// the power goes too, and a recovery is compared with what every caller was told.
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/base/forwarding_file_system.h"
#include "tests/wal/shaped_disk.h"
#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

using Survivors = MemoryFileSystem::Survivors;

class FaultTest : public LogFixture {
 protected:
  enum class Answer { kAcknowledged, kUnknown, kRefused };

  // Appends with rotations in between, notes each answer, and checks that the errors are the right
  // ones in the right order.
  void Work(Log& log, FaultFileSystem& faulty, bool disk_full) {
    answers_.clear();
    bool poisoned = false;
    for (int i = 0; i < 25; ++i) {
      // Recognisable wherever it turns up.
      const std::string record = absl::StrCat("record ", i, std::string(200 + 37 * (i % 7), '.'));
      if (i % 9 == 8) {
        const absl::Status rotated = log.RotateSegment();
        if (!rotated.ok() && !disk_full) poisoned = true;
      }
      const absl::StatusOr<Lsn> lsn = log.Append(record);
      if (lsn.ok()) {
        ASSERT_FALSE(poisoned) << "a poisoned log took a commit";
        answers_[record] = Answer::kAcknowledged;
        acknowledged_[*lsn] = record;
      } else if (absl::IsUnavailable(lsn.status())) {
        ASSERT_THAT(lsn.status(), StatusIs(absl::StatusCode::kUnavailable, "outcome unknown"));
        ASSERT_FALSE(poisoned) << "only one group's outcome may be unknown";
        answers_[record] = Answer::kUnknown;
        poisoned = true;
      } else if (absl::IsResourceExhausted(lsn.status())) {
        ASSERT_TRUE(disk_full) << lsn.status();
        answers_[record] = Answer::kRefused;
      } else {
        ASSERT_THAT(lsn.status(), StatusIs(absl::StatusCode::kFailedPrecondition, "read-only"));
        ASSERT_TRUE(poisoned);
        answers_[record] = Answer::kRefused;
      }
      ASSERT_EQ(log.status().ok(), !poisoned);
      ASSERT_GE(faulty.failure_count(), poisoned ? 1u : 0u);
    }
  }

  void CheckDisk(Survivors survivors) {
    std::unique_ptr<MemoryFileSystem> left = disk_->CrashCopy(survivors, 7);
    const absl::StatusOr<Replayed> found = TryRecover(left.get());
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_FALSE(found->result.damage.has_value()) << found->result.damage->ToStatus();
    for (const auto& [lsn, record] : acknowledged_) {
      ASSERT_TRUE(found->records.contains(lsn)) << "acknowledged lsn " << lsn << " is lost";
      ASSERT_EQ(found->records.at(lsn), record);
    }
    for (const auto& [lsn, record] : found->records) {
      ASSERT_TRUE(answers_.contains(record)) << "lsn " << lsn << " was never written";
      ASSERT_NE(answers_.at(record), Answer::kRefused) << "refused, and there: " << record;
    }
    // And it opens and goes on.
    LogOptions options = TestOptions(left.get());
    absl::StatusOr<std::unique_ptr<Log>> log = Log::Open(options, found->result);
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_TRUE((*log)->Append("after").ok());
  }

  // Returns how often the fault struck.
  uint64_t Sweep(Fault::Kind kind, bool forever, uint64_t prefill_chunk_bytes) {
    uint64_t struck = 0;
    for (uint64_t at = 0; at < 500; ++at) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(kind), " at ", at, " forever ", forever,
                                " prefill ", prefill_chunk_bytes));
      disk_ = NewDisk();
      acknowledged_.clear();
      answers_.clear();
      std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
      options_ = TestOptions(faulty.get());
      options_.segment_bytes = 4096;
      options_.prefill_chunk_bytes = prefill_chunk_bytes;
      faulty->SetFault({.kind = kind, .at = at, .forever = forever});
      const bool disk_full = kind == Fault::Kind::kDiskFull;
      absl::StatusOr<std::unique_ptr<Log>> log = Log::Open(options_, RecoveryResult());
      if (!log.ok()) {
        EXPECT_EQ(log.status().code(),
                  disk_full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable)
            << log.status();
      } else {
        Work(**log, *faulty, disk_full);
        if (disk_full && !testing::Test::HasFailure()) {
          // Space comes back: the same log goes on as if nothing had been.
          faulty->ClearFault();
          const absl::StatusOr<Lsn> lsn = (*log)->Append("space again");
          EXPECT_TRUE(lsn.ok()) << lsn.status();
          answers_["space again"] = Answer::kAcknowledged;
          acknowledged_[lsn.value_or(0)] = "space again";
        }
      }
      for (const Survivors survivors : {Survivors::kNone, Survivors::kAll, Survivors::kRandom}) {
        CheckDisk(survivors);
        if (testing::Test::HasFailure()) return struck;
      }
      if (faulty->failure_count() == 0) break;
      struck += faulty->failure_count();
    }
    return struck;
  }

  std::map<Lsn, std::string> acknowledged_;
  std::map<std::string, Answer> answers_;
};

TEST_F(FaultTest, AnyFailedWriteMayLeaveTheOutcomeUnknownButLosesNothing) {
  for (const uint64_t prefill : {0, 700}) {
    EXPECT_GT(Sweep(Fault::Kind::kWriteError, false, prefill), 20u);
    EXPECT_GT(Sweep(Fault::Kind::kWriteError, true, prefill), 20u);
  }
}

TEST_F(FaultTest, AnyFailedSyncIsNeverRetriedAndLosesNothing) {
  for (const uint64_t prefill : {0, 700}) {
    EXPECT_GT(Sweep(Fault::Kind::kSyncError, false, prefill), 20u);
    EXPECT_GT(Sweep(Fault::Kind::kSyncError, true, prefill), 20u);
  }
}

TEST_F(FaultTest, AnyShortWriteLosesNothing) {
  for (const uint64_t prefill : {0, 700}) {
    EXPECT_GT(Sweep(Fault::Kind::kShortWrite, false, prefill), 20u);
    EXPECT_GT(Sweep(Fault::Kind::kShortWrite, true, prefill), 20u);
  }
}

TEST_F(FaultTest, AFullDiskRefusesCleanlyAndTheLogGoesOn) {
  for (const uint64_t prefill : {0, 700}) {
    EXPECT_GT(Sweep(Fault::Kind::kDiskFull, false, prefill), 20u);
    EXPECT_GT(Sweep(Fault::Kind::kDiskFull, true, prefill), 20u);
  }
}

TEST_F(FaultTest, WhatAFailedSyncLeftInTheCacheIsWrittenAgainBeforeItIsShown) {
  std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
  options_ = TestOptions(faulty.get());
  {
    auto log = Log::Open(options_, RecoveryResult()).value();
    ASSERT_TRUE(log->Append("a").ok());
    faulty->SetFault({.kind = Fault::Kind::kSyncError});
    ASSERT_FALSE(log->Append("b").ok());
    faulty->ClearFault();
  }
  // The process opens again without a power loss: the cache shows "b", the device does not have it.
  const Replayed found = TryRecover(faulty.get()).value();
  ASSERT_EQ(found.ToString(), "1:a 2:b");
  auto log = Log::Open(options_, found.result).value();
  Crash();
  EXPECT_EQ(Found(), "1:a 2:b");
}

TEST_F(FaultTest, AFailedOpeningLeavesTheLogAsItWas) {
  Open();
  Append("a");
  Append("b");
  Crash();
  std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
  options_ = TestOptions(faulty.get());
  options_.prefill_chunk_bytes = 500;
  for (const Fault::Kind kind : {Fault::Kind::kWriteError, Fault::Kind::kSyncError,
                                 Fault::Kind::kDiskFull, Fault::Kind::kShortWrite}) {
    for (uint64_t at = 0;; ++at) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(kind), " at ", at));
      std::unique_ptr<MemoryFileSystem> copy = disk_->CrashCopy(Survivors::kAll, 0);
      faulty = NewFaultFileSystem(copy.get());
      options_.file_system = faulty.get();
      const Replayed found = TryRecover(copy.get()).value();
      faulty->SetFault({.kind = kind, .at = at});
      const auto log = Log::Open(options_, found.result);
      for (uint64_t seed = 0; seed < 4; ++seed) {
        const auto left = copy->CrashCopy(seed == 0 ? Survivors::kNone : Survivors::kRandom, seed);
        const Replayed again = TryRecover(left.get()).value();
        ASSERT_EQ(again.ToString(), "1:a 2:b");
      }
      if (faulty->failure_count() == 0) {
        EXPECT_TRUE(log.ok());
        EXPECT_GT(at, 1u);
        break;
      }
    }
  }
}

TEST_F(FaultTest, SmallCommitsGoOnWhileTheDiskIsFull) {
  ShapedDisk shaped(disk_.get());
  options_ = TestOptions(&shaped);
  options_.segment_bytes = 256 << 10;
  options_.prefill_chunk_bytes = 64 << 10;
  options_.disk_full_record_bytes_max = 1000;
  auto log = Log::Open(options_, RecoveryResult()).value();
  shaped.SetCapacity(1 << 20);
  const std::string large(20'000, 'x');
  absl::StatusOr<Lsn> lsn = 1;
  Lsn last = 0;
  while ((lsn = log->Append(large)).ok()) last = *lsn;
  EXPECT_THAT(lsn.status(),
              StatusIs(absl::StatusCode::kResourceExhausted, "disk_full_record_bytes_max"));
  EXPECT_TRUE(log->status().ok());
  // A chunk of zeros is left: many small ones fit, and a large one does not eat it.
  for (int i = 0; i < 50; ++i) {
    lsn = log->Append("a delete");
    ASSERT_TRUE(lsn.ok()) << i << " " << lsn.status();
    ASSERT_EQ(*lsn, ++last);
    ASSERT_TRUE(absl::IsResourceExhausted(log->Append(large).status()));
  }
  // In the end even they do not fit any more; nothing breaks.
  int small_count = 50;
  while ((lsn = log->Append("a delete")).ok()) {
    last = *lsn;
    ASSERT_LT(++small_count, 100'000);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(lsn.status()));
  EXPECT_TRUE(log->status().ok());
  EXPECT_TRUE(log->WriteSyncMarker().ok() || absl::IsResourceExhausted(log->WriteSyncMarker()));
  // Dropping old segments gives space back.
  const Lsn keep_from = log->segments().back().begin_lsn;
  ASSERT_GT(keep_from, 1u);
  ASSERT_TRUE(log->DropSegmentsBefore(keep_from).ok());
  lsn = log->Append(large);
  ASSERT_TRUE(lsn.ok()) << lsn.status();
  EXPECT_EQ(*lsn, last + 1);
  Crash();
  const Replayed found = TryRecover(disk_.get(), keep_from).value();
  EXPECT_FALSE(found.result.damage.has_value());
  EXPECT_EQ(found.result.last_lsn, last + 1);
}

// Refuses to remove one file.
class StubbornDisk : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  absl::Status Remove(absl::string_view path) override {
    if (path == stays) return absl::UnavailableError("it stays");
    return ForwardingFileSystem::Remove(path);
  }
  std::string stays;
};

TEST_F(FaultTest, ASegmentThatCannotGoKeepsThoseAfterIt) {
  StubbornDisk stubborn(disk_.get());
  options_ = TestOptions(&stubborn);
  auto log = Log::Open(options_, RecoveryResult()).value();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(log->Append("record").ok());
    ASSERT_TRUE(log->RotateSegment().ok());
  }
  ASSERT_TRUE(log->Append("last").ok());
  stubborn.stays = log->segments()[1].path;
  EXPECT_TRUE(absl::IsUnavailable(log->DropSegmentsBefore(4)));
  // Only the one before it went: the log has no hole.
  EXPECT_EQ(log->oldest_lsn(), 2u);
  EXPECT_FALSE(log->DropSegmentsBefore(4).ok());
  EXPECT_EQ(log->oldest_lsn(), 2u);
  stubborn.stays = "";
  EXPECT_TRUE(log->DropSegmentsBefore(4).ok());
  EXPECT_EQ(log->oldest_lsn(), 4u);
  Crash();
  const Replayed found = TryRecover(disk_.get(), 4).value();
  EXPECT_FALSE(found.result.damage.has_value());
  EXPECT_EQ(found.result.last_lsn, 5u);
}

TEST_F(FaultTest, AFullDiskWithoutZerosAheadLeavesNoHalfFrame) {
  for (uint64_t capacity = 200; capacity < 900; capacity += 7) {
    SCOPED_TRACE(capacity);
    disk_ = NewDisk();
    ShapedDisk shaped(disk_.get());
    options_ = TestOptions(&shaped);
    auto log = Log::Open(options_, RecoveryResult()).value();
    shaped.SetCapacity(capacity);
    // Ends in zeros: cut short it would look complete, were the rest read as a hole.
    const std::string record = "x" + std::string(149, '\0');
    Lsn last = 0;
    while (last < 10) {
      const absl::StatusOr<Lsn> lsn = log->Append(record);
      if (!lsn.ok()) {
        ASSERT_TRUE(absl::IsResourceExhausted(lsn.status())) << lsn.status();
        break;
      }
      last = *lsn;
    }
    ASSERT_LT(last, 10u);
    for (const Survivors survivors : {Survivors::kNone, Survivors::kAll}) {
      const auto left = disk_->CrashCopy(survivors, 0);
      const Replayed found = TryRecover(left.get()).value();
      ASSERT_EQ(found.result.last_lsn, last);
      ASSERT_EQ(found.result.torn_bytes, 0u) << "something of the refused commit is left";
    }
    shaped.SetCapacity(1 << 20);
    ASSERT_EQ(log->Append("b").value(), last + 1);
    Crash();
    ASSERT_EQ(TryRecover(disk_.get())->records.at(last + 1), "b");
  }
}

}  // namespace
}  // namespace kyrodb::wal
