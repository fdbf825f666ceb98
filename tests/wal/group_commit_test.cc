// Goal: many threads share frames and syncs without losing, reordering or doubling a commit, and
// conflicts inside one group are seen; a sync holds up nobody who need not wait for it.
// Method: threads commit increments of shared registers with optimistic validation on a disk whose
// sync takes time, beside checkpoints, rotations, drops and a cursor; the result is compared with
// the log. Runs under ThreadSanitizer.
#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/wal/shaped_disk.h"
#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

constexpr size_t kRegisterCount = 4;

// What the commits work on: the leader applies, everybody reads.
struct Registers {
  std::array<std::atomic<uint64_t>, kRegisterCount> values{};
  std::atomic<Lsn> applied{0};
  std::atomic<int64_t> prepared_not_applied{0};
};

// Adds one to a register that still has the value that the caller saw.
class Increment : public CommitRequest {
 public:
  Increment(Registers* registers, size_t index)
      : registers_(registers), index_(index), seen_(registers->values[index].load()) {}

  absl::Status Prepare(Lsn lsn, std::span<CommitRequest* const> unapplied) override {
    uint64_t value = registers_->values[index_].load();
    for (CommitRequest* earlier : unapplied) {
      // Perhaps it is applied by now, so this is said, not added.
      const auto* other = static_cast<Increment*>(earlier);
      if (other->index_ == index_) value = other->seen_ + 1;
    }
    const Lsn applied = registers_->applied.load();
    EXPECT_LT(applied, lsn);
    EXPECT_LE(lsn, applied + unapplied.size() + 1);
    if (value != seen_) return absl::AbortedError("conflict");
    record_ = absl::StrCat(index_, "=", seen_ + 1);
    registers_->prepared_not_applied.fetch_add(1);
    return absl::OkStatus();
  }
  absl::string_view record() const override { return record_; }
  void Apply(Lsn lsn) override {
    EXPECT_EQ(registers_->applied.load() + 1, lsn);
    registers_->values[index_].store(seen_ + 1);
    registers_->applied.store(lsn);
    registers_->prepared_not_applied.fetch_sub(1);
  }

 private:
  Registers* const registers_;
  const size_t index_;
  const uint64_t seen_;
  std::string record_;
};

class GroupCommitTest : public LogFixture {
 protected:
  ShapedDisk shaped_{disk_.get()};
};

TEST_F(GroupCommitTest, ManyThreadsShareSyncsAndNothingIsLost) {
  constexpr int kThreadCount = 8;
  constexpr int kCommitCount = 100;
  MetricsRegistry metrics;
  shaped_.SetSyncTime(absl::Microseconds(200));
  options_ = TestOptions(&shaped_);
  options_.metrics = &metrics;
  options_.segment_bytes = 64 << 10;
  options_.prefill_chunk_bytes = 4096;
  options_.idle_marker_ms = 1;
  auto log = Log::Open(options_, RecoveryResult()).value();
  Registers registers;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> conflict_count{0};

  std::vector<std::thread> threads;
  for (int t = 0; t < kThreadCount; ++t) {
    threads.emplace_back([&, t] {
      Lsn last = 0;
      for (int i = 0; i < kCommitCount;) {
        Increment request(&registers, static_cast<size_t>(i + t) % kRegisterCount);
        const absl::StatusOr<Lsn> lsn = log->Commit(&request);
        if (absl::IsAborted(lsn.status())) {
          conflict_count.fetch_add(1);
          continue;
        }
        ASSERT_TRUE(lsn.ok()) << lsn.status();
        ASSERT_GT(*lsn, last);
        ASSERT_GE(log->synced_lsn(), *lsn);
        ASSERT_GE(registers.applied.load(), *lsn);
        last = *lsn;
        ++i;
      }
    });
  }
  std::vector<std::string> followed;
  std::thread follower([&] {
    Cursor cursor(log.get(), 1);
    while (followed.size() < kThreadCount * kCommitCount) {
      const auto entry = cursor.NextBefore(absl::Now() + absl::Seconds(60));
      ASSERT_TRUE(entry.ok()) << entry.status();
      ASSERT_TRUE(entry->has_value()) << "no news for a minute";
      ASSERT_EQ((*entry)->lsn, followed.size() + 1);
      followed.emplace_back((*entry)->record);
    }
  });
  std::thread disturber([&] {
    for (int round = 0; !stop.load(); ++round) {
      log->RunExclusive([&](Lsn last_lsn) {
        EXPECT_EQ(registers.prepared_not_applied.load(), 0);
        EXPECT_EQ(registers.applied.load(), last_lsn);
      });
      EXPECT_TRUE(log->Sync().ok());
      if (round % 8 == 0) {
        EXPECT_TRUE(log->RotateSegment().ok());
        EXPECT_TRUE(log->DropSegmentsBefore(1).ok());
      }
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop.store(true);
  disturber.join();
  follower.join();

  constexpr uint64_t kTotal = kThreadCount * kCommitCount;
  EXPECT_EQ(log->last_lsn(), kTotal);
  uint64_t sum = 0;
  for (const auto& value : registers.values) sum += value.load();
  EXPECT_EQ(sum, kTotal) << "an update was lost";
  EXPECT_GT(conflict_count.load(), 0u) << "nothing was contended, the test tests nothing";
  const Histogram& per_sync = metrics.histogram("kyro_wal_commits_per_sync", "");
  const double mean = static_cast<double>(per_sync.sum()) / static_cast<double>(per_sync.count());
  RecordProperty("commits_per_sync", absl::StrCat(mean));
  EXPECT_GT(mean, 1.2);

  Crash();
  const Replayed found = TryRecover(disk_.get()).value();
  std::vector<std::string> logged;
  for (const auto& [lsn, record] : found.records) logged.push_back(record);
  EXPECT_EQ(logged, followed);
  log.reset();
}

// Does what it is told at each step.
class ScriptedRequest : public CommitRequest {
 public:
  std::function<absl::Status(std::span<CommitRequest* const>)> on_prepare;
  std::function<void()> on_apply;

  absl::Status Prepare(Lsn, std::span<CommitRequest* const> unapplied) override {
    return on_prepare == nullptr ? absl::OkStatus() : on_prepare(unapplied);
  }
  absl::string_view record() const override { return "scripted"; }
  void Apply(Lsn) override {
    if (on_apply != nullptr) on_apply();
  }
};

TEST_F(GroupCommitTest, TheNextGroupIsSyncedWhileOneIsAppliedButNotAppliedBeforeIt) {
  std::atomic<int> sync_count{0};
  shaped_.SetSyncHook([&] { sync_count.fetch_add(1); });
  options_ = TestOptions(&shaped_);
  auto log = Log::Open(options_, RecoveryResult()).value();
  sync_count = 0;
  std::vector<std::string> order;
  ScriptedRequest first, second;
  absl::Notification first_applies;
  first.on_apply = [&] {
    first_applies.Notify();
    // Ends only if the second commit gets to its sync before the first is applied and answered.
    while (sync_count.load() < 2) std::this_thread::yield();
    order.push_back("first");
  };
  second.on_prepare = [&](std::span<CommitRequest* const> unapplied) {
    EXPECT_EQ(unapplied.size(), 1u);
    EXPECT_EQ(unapplied[0], &first);
    return absl::OkStatus();
  };
  second.on_apply = [&] { order.push_back("second"); };
  std::thread first_thread([&] { EXPECT_EQ(log->Commit(&first).value(), 1u); });
  first_applies.WaitForNotification();
  EXPECT_EQ(log->Commit(&second).value(), 2u);
  first_thread.join();
  EXPECT_EQ(order, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(log->visible_lsn(), 2u);
}

TEST_F(GroupCommitTest, ARequestIsNotAnsweredWhileAnotherIsPreparedAgainstIt) {
  options_ = TestOptions(&shaped_);
  auto log = Log::Open(options_, RecoveryResult()).value();
  ScriptedRequest first, second;
  absl::Notification first_applies, second_prepares, first_applied;
  std::atomic<bool> first_answered{false};
  first.on_apply = [&] {
    first_applies.Notify();
    second_prepares.WaitForNotification();
    first_applied.Notify();
  };
  second.on_prepare = [&](std::span<CommitRequest* const> unapplied) {
    EXPECT_EQ(unapplied.size(), 1u);
    second_prepares.Notify();
    first_applied.WaitForNotification();
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::yield();
      EXPECT_FALSE(first_answered.load());
    }
    return absl::OkStatus();
  };
  std::thread first_thread([&] {
    EXPECT_TRUE(log->Commit(&first).ok());
    first_answered.store(true);
  });
  first_applies.WaitForNotification();
  EXPECT_TRUE(log->Commit(&second).ok());
  first_thread.join();
}

TEST_F(GroupCommitTest, InIntervalModeCommitsGoOnBesideTheSync) {
  absl::Notification sync_begins, sync_may_end;
  std::atomic<bool> armed{false};
  shaped_.SetSyncHook([&] {
    if (!armed.exchange(false)) return;
    sync_begins.Notify();
    sync_may_end.WaitForNotification();
  });
  options_ = TestOptions(&shaped_);
  options_.sync_mode = SyncMode::kInterval;
  auto log = Log::Open(options_, RecoveryResult()).value();
  ASSERT_TRUE(log->Append("a").ok());
  armed.store(true);
  std::thread syncer([&] { EXPECT_TRUE(log->Sync().ok()); });
  sync_begins.WaitForNotification();
  EXPECT_EQ(log->Append("b").value(), 2u);
  EXPECT_EQ(log->Append("c").value(), 3u);
  EXPECT_EQ(log->synced_lsn(), 0u);
  // Going on in another segment needs everything to be durable: it waits.
  std::thread rotator([&] { EXPECT_TRUE(log->RotateSegment().ok()); });
  sync_may_end.Notify();
  syncer.join();
  EXPECT_GE(log->synced_lsn(), 1u);
  rotator.join();
  EXPECT_EQ(log->synced_lsn(), 3u);
  Crash();
  EXPECT_EQ(Found(), "1:a 2:b 3:c");
}

TEST_F(GroupCommitTest, ASyncThatFailsBesideCommitsPoisonsTheLog) {
  std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(&shaped_);
  options_ = TestOptions(faulty.get());
  options_.sync_mode = SyncMode::kInterval;
  auto log = Log::Open(options_, RecoveryResult()).value();
  ASSERT_TRUE(log->Append("a").ok());
  faulty->SetFault({.kind = Fault::Kind::kSyncError});
  EXPECT_THAT(log->Sync(), StatusIs(absl::StatusCode::kUnavailable, "sync"));
  EXPECT_EQ(log->synced_lsn(), 0u);
  EXPECT_THAT(log->Append("b").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "read-only"));
  // The system tells of the failure only once; the log must not believe the next answer.
  EXPECT_FALSE(log->RotateSegment().ok());
  EXPECT_FALSE(log->Sync().ok());
  EXPECT_EQ(log->synced_lsn(), 0u);
}

TEST_F(GroupCommitTest, AGroupEndsAtItsLimits) {
  constexpr int kThreadCount = 8;
  MetricsRegistry metrics;
  shaped_.SetSyncTime(absl::Milliseconds(1));
  options_ = TestOptions(&shaped_);
  options_.metrics = &metrics;
  options_.group_record_count_max = 3;
  auto log = Log::Open(options_, RecoveryResult()).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreadCount; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) ASSERT_TRUE(log->Append("x").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Histogram& per_sync = metrics.histogram("kyro_wal_commits_per_sync", "");
  EXPECT_EQ(per_sync.sum(), kThreadCount * 20u);
  EXPECT_LE(per_sync.Quantile(1.0), 4u);  // the bucket that holds 3
  EXPECT_GE(per_sync.count(), kThreadCount * 20u / 3);
}

TEST_F(GroupCommitTest, AFailureAnswersEveryThreadAndLosesNoAcknowledgedCommit) {
  for (uint64_t at = 2; at < 40; at += 3) {
    SCOPED_TRACE(at);
    disk_ = NewDisk();
    ShapedDisk slow(disk_.get());
    slow.SetSyncTime(absl::Microseconds(100));
    std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(&slow);
    options_ = TestOptions(faulty.get());
    auto log = Log::Open(options_, RecoveryResult()).value();
    faulty->SetFault({.kind = Fault::Kind::kSyncError, .at = at});
    absl::Mutex mutex;
    std::map<Lsn, std::string> acknowledged;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0;; ++i) {
          const std::string record = absl::StrCat(t, "/", i);
          const absl::StatusOr<Lsn> lsn = log->Append(record);
          if (!lsn.ok()) {
            EXPECT_TRUE(absl::IsUnavailable(lsn.status()) ||
                        absl::IsFailedPrecondition(lsn.status()))
                << lsn.status();
            return;
          }
          absl::MutexLock lock(&mutex);
          acknowledged[*lsn] = record;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(log->status().ok());
    disk_ = disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
    EXPECT_EQ(TryRecover(disk_.get())->records, acknowledged);
    log.reset();
  }
}

}  // namespace
}  // namespace kyrodb::wal
