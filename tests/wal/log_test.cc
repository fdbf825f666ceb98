// Goal: a log gives back what was committed, refuses what it must and goes on when it may.
// Method: short scripts over one log on an in-memory disk: open, append, crash, recover, compare.
#include "wal/log.h"

#include <new>
#include <thread>
#include <vector>

#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

class LogTest : public LogFixture {};

TEST_F(LogTest, AnEmptyLogHasNothingAndBeginsWithOne) {
  Open();
  EXPECT_EQ(log_->last_lsn(), 0u);
  EXPECT_EQ(log_->oldest_lsn(), 1u);
  EXPECT_EQ(Append("a"), 1u);
  EXPECT_EQ(log_->last_lsn(), 1u);
}

TEST_F(LogTest, CommitsSurviveAPowerLoss) {
  Open();
  Append("a");
  Append("");
  Append(std::string(1, '\0'));
  Crash();
  EXPECT_EQ(Found(), absl::StrCat("1:a 2: 3:", std::string(1, '\0')));
}

TEST_F(LogTest, LsnsGoOnAfterReopening) {
  Open();
  Append("a");
  Close();
  Open();
  EXPECT_EQ(Append("b"), 2u);
  Crash();
  Open();
  EXPECT_EQ(Append("c"), 3u);
  Crash();
  EXPECT_EQ(Found(), "1:a 2:b 3:c");
}

TEST_F(LogTest, EveryOpeningBeginsANewSegmentAndEpoch) {
  Open();
  const uint64_t epoch = log_->epoch();
  Append("a");
  Close();
  Open();
  EXPECT_EQ(log_->epoch(), epoch + 1);
  EXPECT_EQ(SegmentFiles(disk_.get()).size(), 2u);
}

TEST_F(LogTest, ReplayStartsAtTheCheckpoint) {
  Open();
  for (const char* record : {"a", "b", "c"}) Append(record);
  Crash();
  EXPECT_EQ(Found(2), "2:b 3:c");
  EXPECT_EQ(Found(4), "");
  Open(3);
  EXPECT_EQ(Append("d"), 4u);
}

TEST_F(LogTest, ALogThatEndsBeforeTheCheckpointGoesOnAfterIt) {
  Open();
  Append("a");
  Close();
  Open(10);
  EXPECT_EQ(log_->last_lsn(), 9u);
  EXPECT_EQ(Append("j"), 10u);
  Crash();
  EXPECT_EQ(Found(10), "10:j");
}

TEST_F(LogTest, ManySegmentsReadLikeOne) {
  Open();
  std::string expected;
  for (int i = 1; i <= 60; ++i) {
    Append(std::string(700, static_cast<char>('a' + i % 26)));
    absl::StrAppend(&expected, i == 1 ? "" : " ", i, ":",
                    std::string(700, static_cast<char>('a' + i % 26)));
  }
  EXPECT_GT(log_->segments().size(), 4u);
  Crash();
  EXPECT_EQ(Found(), expected);
}

TEST_F(LogTest, ARecordLargerThanASegmentGetsOneOfItsOwn) {
  Open();
  Append("a");
  Append(std::string(50'000, 'x'));
  Append("b");
  Crash();
  Open();
  EXPECT_EQ(replayed_.records.at(2).size(), 50'000u);
  EXPECT_EQ(replayed_.records.at(3), "b");
}

TEST_F(LogTest, ARecordAboveTheLimitIsRefusedAndTheLogGoesOn) {
  Open();
  EXPECT_THAT(log_->Append(std::string(kRecordBytesMax + 1, 'x')).status(),
              StatusIs(absl::StatusCode::kResourceExhausted, "67108864"));
  EXPECT_EQ(Append("a"), 1u);
  Crash();
  EXPECT_EQ(Found(), "1:a");
}

TEST_F(LogTest, OptionsOutOfRangeAreRefusedByName) {
  options_.segment_bytes = 1000;
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, "segment_bytes is 1000"));
  options_ = TestOptions(disk_.get());
  options_.interval_ms = -1;
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, "interval_ms (-1)"));
  options_ = TestOptions(disk_.get());
  options_.group_record_count_max = 0;
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kInvalidArgument, "group_record_count_max"));
}

// A request that can be refused and that notes when it is applied.
class NotedRequest : public CommitRequest {
 public:
  NotedRequest(std::string record, std::vector<std::string>* applied)
      : record_(std::move(record)), applied_(applied) {}
  absl::Status Prepare(Lsn, std::span<CommitRequest* const>) override {
    return record_ == "bad" ? absl::AbortedError("conflict") : absl::OkStatus();
  }
  absl::string_view record() const override { return record_; }
  void Apply(Lsn lsn) override { applied_->push_back(absl::StrCat(lsn, ":", record_)); }

 private:
  const std::string record_;
  std::vector<std::string>* const applied_;
};

TEST_F(LogTest, ARefusedCommitGetsNoLsnAndIsNotApplied) {
  Open();
  std::vector<std::string> applied;
  NotedRequest a("a", &applied), bad("bad", &applied), b("b", &applied);
  EXPECT_EQ(log_->Commit(&a).value(), 1u);
  EXPECT_THAT(log_->Commit(&bad).status(), StatusIs(absl::StatusCode::kAborted, "conflict"));
  EXPECT_EQ(log_->Commit(&b).value(), 2u);
  EXPECT_THAT(applied, testing::ElementsAre("1:a", "2:b"));
  Crash();
  EXPECT_EQ(Found(), "1:a 2:b");
}

// Memory runs out where it says.
class StarvedRequest : public NotedRequest {
 public:
  enum Where { kPrepare, kApply };
  explicit StarvedRequest(Where where) : NotedRequest("starved", nullptr), where_(where) {}
  absl::Status Prepare(Lsn lsn, std::span<CommitRequest* const> unapplied) override {
    if (where_ == kPrepare) throw std::bad_alloc();
    return NotedRequest::Prepare(lsn, unapplied);
  }
  void Apply(Lsn) override { throw std::bad_alloc(); }

 private:
  const Where where_;
};

TEST_F(LogTest, ACommitWithoutMemoryIsRefusedAloneAndTheLogGoesOn) {
  Open();
  Append("a");
  StarvedRequest starved(StarvedRequest::kPrepare);
  EXPECT_THAT(log_->Commit(&starved).status(),
              StatusIs(absl::StatusCode::kResourceExhausted, "out of memory"));
  // From many threads, so that it also meets groups that others lead.
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 50; ++j) {
        if (i == 0) {
          StarvedRequest request(StarvedRequest::kPrepare);
          EXPECT_THAT(log_->Commit(&request).status(),
                      StatusIs(absl::StatusCode::kResourceExhausted, "out of memory"));
        } else {
          EXPECT_TRUE(log_->Append("b").ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log_->last_lsn(), 151u);
  bool ran = false;
  log_->RunExclusive([&](Lsn) { ran = true; });
  EXPECT_TRUE(ran);
  // The caller hears of memory that ran out in its own function, and holds nobody up.
  EXPECT_THROW(log_->RunExclusive([](Lsn) { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_EQ(Append("c"), 152u);
}

TEST_F(LogTest, ACommitThatCannotBeAppliedMakesTheLogReadOnlyAndIsThereAfterReopening) {
  Open();
  Append("a");
  StarvedRequest starved(StarvedRequest::kApply);
  EXPECT_THAT(log_->Commit(&starved).status(),
              StatusIs(absl::StatusCode::kUnavailable, "outcome unknown"));
  EXPECT_EQ(log_->last_lsn(), 1u) << "what is not applied is not visible";
  EXPECT_THAT(log_->Append("b").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "out of memory"));
  bool ran = false;
  log_->RunExclusive([&](Lsn last_lsn) { ran = last_lsn == 1; });
  EXPECT_TRUE(ran);
  Crash();
  EXPECT_EQ(Found(), "1:a 2:starved");
}

TEST_F(LogTest, FullModeSyncsBeforeItAnswers) {
  Open();
  Append("a");
  EXPECT_EQ(log_->synced_lsn(), 1u);
  EXPECT_EQ(log_->visible_lsn(), 1u);
}

TEST_F(LogTest, IntervalModeAnswersBeforeTheSyncAndSaysWhatIsDurable) {
  options_.sync_mode = SyncMode::kInterval;
  Open();
  Append("a");
  EXPECT_EQ(log_->last_lsn(), 1u);
  EXPECT_EQ(log_->synced_lsn(), 0u);
  EXPECT_EQ(log_->visible_lsn(), 0u);
  ASSERT_TRUE(log_->Sync().ok());
  EXPECT_EQ(log_->synced_lsn(), 1u);
  EXPECT_EQ(log_->visible_lsn(), 1u);
  Append("b");
  Crash();
  EXPECT_EQ(Found(), "1:a");
}

TEST_F(LogTest, IntervalModeSyncsByItselfInTheBackground) {
  options_.sync_mode = SyncMode::kInterval;
  options_.interval_ms = 1;
  Open();
  Append("a");
  EXPECT_TRUE(log_->WaitForVisible(1, absl::Now() + absl::Seconds(30)));
  EXPECT_EQ(log_->synced_lsn(), 1u);
  Crash();
  EXPECT_EQ(Found(), "1:a");
}

TEST_F(LogTest, OffModeIsDurableAfterClose) {
  options_.sync_mode = SyncMode::kOff;
  Open();
  Append("a");
  EXPECT_EQ(log_->visible_lsn(), 1u);
  Close();
  Crash();
  EXPECT_EQ(Found(), "1:a");
  Open();
  Append("b");
  Crash();
  EXPECT_EQ(Found(), "1:a");
}

TEST_F(LogTest, AnIdleLogWritesASyncMarkerByItself) {
  Open();
  Append("a");
  EXPECT_EQ(TryRecover(disk_.get())->result.synced_lsn, 0u);
  options_.idle_marker_ms = 1;
  Crash();
  Open();
  Append("b");
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (TryRecover(disk_.get())->result.synced_lsn < 2 && absl::Now() < deadline) {
    log_->WaitForVisible(99, absl::Now() + absl::Milliseconds(1));
  }
  EXPECT_EQ(TryRecover(disk_.get())->result.synced_lsn, 2u);
}

TEST_F(LogTest, AMarkerIsWrittenOnlyWhenItSaysSomethingNew) {
  Open();
  Append("a");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  const uint64_t operations = disk_->operation_count();
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  EXPECT_EQ(disk_->operation_count(), operations);
}

TEST_F(LogTest, ACleanCloseLeavesNothingToWriteAgain) {
  Open();
  Append("a");
  Close();
  Open();
  EXPECT_EQ(replayed_.result.synced_lsn, 1u);
  EXPECT_EQ(replayed_.result.torn_bytes, 0u);
}

TEST_F(LogTest, RotationStartsAFileOnlyWhenThereIsARecord) {
  Open();
  ASSERT_TRUE(log_->RotateSegment().ok());
  EXPECT_EQ(log_->segments().size(), 1u);
  Append("a");
  ASSERT_TRUE(log_->RotateSegment().ok());
  ASSERT_TRUE(log_->RotateSegment().ok());
  EXPECT_EQ(log_->segments().size(), 2u);
  Append("b");
  Crash();
  EXPECT_EQ(Found(), "1:a 2:b");
}

TEST_F(LogTest, DroppedSegmentsAreGoneAndNothingElse) {
  Open();
  for (const char* record : {"a", "b", "c"}) {
    Append(record);
    ASSERT_TRUE(log_->RotateSegment().ok());
  }
  ASSERT_TRUE(log_->DropSegmentsBefore(1).ok());
  EXPECT_EQ(log_->oldest_lsn(), 1u);
  ASSERT_TRUE(log_->DropSegmentsBefore(3).ok());
  EXPECT_EQ(log_->oldest_lsn(), 3u);
  EXPECT_EQ(SegmentFiles(disk_.get()).size(), 2u);
  ASSERT_TRUE(log_->DropSegmentsBefore(1000).ok());
  EXPECT_EQ(SegmentFiles(disk_.get()).size(), 1u);
  Append("d");
  Crash();
  EXPECT_EQ(Found(4), "4:d");
}

TEST_F(LogTest, SizeCountsFramesOfAllLiveSegments) {
  Open();
  const uint64_t empty = log_->size_bytes();
  Append(std::string(1000, 'x'));
  EXPECT_EQ(log_->size_bytes(), empty + 1092);
  Crash();
  Open();
  EXPECT_GE(log_->size_bytes(), 2 * 1084u);
  ASSERT_TRUE(log_->RotateSegment().ok());
  ASSERT_TRUE(log_->DropSegmentsBefore(2).ok());
  EXPECT_EQ(log_->size_bytes(), empty);
}

TEST_F(LogTest, ZerosAreWrittenAheadOfTheFrames) {
  options_.prefill_chunk_bytes = 1024;
  Open();
  EXPECT_GE(Bytes(SegmentFiles(disk_.get())[0]).size(), 1024u);
  for (int i = 0; i < 40; ++i) {
    Append(std::string(333, 'x'));
    const SegmentInfo current = log_->segments().back();
    const uint64_t room = Bytes(current.path).size() - current.size_bytes;
    // A chunk here, or the next segment stands ready.
    EXPECT_TRUE(room >= 1024 || SegmentFiles(disk_.get()).back() != current.path) << i;
  }
  Crash();
  Open();
  EXPECT_EQ(replayed_.last_lsn(), 40u);
  EXPECT_EQ(replayed_.result.torn_bytes, 0u);
}

TEST_F(LogTest, ExclusiveFunctionsSeeTheLastLsn) {
  Open();
  Append("a");
  Lsn seen = 0;
  log_->RunExclusive([&](Lsn last_lsn) { seen = last_lsn; });
  EXPECT_EQ(seen, 1u);
}

TEST_F(LogTest, AClosedLogRefusesCommits) {
  Open();
  ASSERT_TRUE(log_->Close().ok());
  EXPECT_THAT(log_->Append("a").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "closed"));
}

TEST_F(LogTest, MetricsCountWhatHappened) {
  MetricsRegistry metrics;
  options_.metrics = &metrics;
  Open();
  Append("a");
  Append("b");
  EXPECT_EQ(metrics.counter("kyro_wal_commits_total", "").value(), 2u);
  EXPECT_EQ(metrics.counter("kyro_wal_frames_total", "").value(), 2u);
  EXPECT_EQ(metrics.counter("kyro_wal_syncs_total", "").value(), 2u);
  EXPECT_EQ(metrics.counter("kyro_wal_bytes_total", "").value(), 2 * 93u);
  EXPECT_EQ(metrics.histogram("kyro_wal_commits_per_sync", "").sum(), 2u);
}

TEST_F(LogTest, RandomWorkloadsReadBackLikeTheModel) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    disk_ = NewDisk();
    options_ = TestOptions(nullptr);
    options_.segment_bytes = 4096 + random.Uniform(20'000);
    options_.prefill_chunk_bytes = random.OneIn(2) ? 1 + random.Uniform(5000) : 0;
    std::map<Lsn, std::string> model;
    Lsn dropped_before = 1;
    Open();
    for (int step = 0; step < 120; ++step) {
      switch (random.Uniform(12)) {
        case 0:
          ASSERT_TRUE(log_->RotateSegment().ok());
          break;
        case 1:
          ASSERT_TRUE(log_->WriteSyncMarker().ok());
          break;
        case 2:
          if (random.OneIn(3)) {
            dropped_before = std::max(dropped_before, 1 + random.Uniform(log_->last_lsn() + 1));
            ASSERT_TRUE(log_->DropSegmentsBefore(dropped_before).ok());
          }
          break;
        case 3:
          if (random.OneIn(2)) Close();
          Crash();
          Open(dropped_before);
          break;
        default: {
          // Sizes around the disk's sectors and pages.
          const uint64_t size =
              random.OneIn(4) ? random.Uniform(9000) : 512 * random.Uniform(4) + random.Uniform(7);
          std::string record(size, static_cast<char>('a' + random.Uniform(26)));
          const Lsn lsn = Append(record);
          ASSERT_EQ(lsn, std::max<Lsn>(model.empty() ? 1 : model.rbegin()->first + 1, 1));
          model[lsn] = std::move(record);
        }
      }
    }
    Crash();
    const Replayed found = TryRecover(disk_.get(), dropped_before).value();
    ASSERT_FALSE(found.result.damage.has_value());
    model.erase(model.begin(), model.lower_bound(dropped_before));
    ASSERT_EQ(found.records, model);
  }
}

TEST_F(LogTest, DroppedSegmentsGoToTheArchiveWhichStaysWithinItsLimit) {
  options_.archive_directory = "/archive";
  Open();
  std::map<Lsn, std::string> written;
  const auto fill = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const std::string record = absl::StrCat("record ", i, std::string(1000, 'x'));
      written[Append(record)] = record;
    }
    ASSERT_TRUE(log_->RotateSegment().ok());
  };
  fill(30);
  EXPECT_FALSE(disk_->Exists("/archive").value());
  const Lsn keep_from = log_->segments().back().begin_lsn;
  ASSERT_TRUE(log_->DropSegmentsBefore(keep_from, /*archive_bytes_max=*/1 << 20).ok());
  EXPECT_EQ(log_->segments().size(), 1u);
  EXPECT_GT(disk_->List("/archive").value().size(), 2u);
  Append("after");
  // What was moved survives, and is the log when it is put back.
  Crash();
  EXPECT_EQ(Found(keep_from), absl::StrCat(keep_from, ":after"));
  const std::vector<std::string> archived = disk_->List("/archive").value();
  for (const std::string& name : archived) {
    ASSERT_TRUE(disk_->Link(JoinPath("/archive", name), JoinPath(kDirectory, name)).ok());
  }
  written[keep_from] = "after";
  EXPECT_EQ(TryRecover(disk_.get())->records, written);

  // The oldest go first.
  Open(keep_from);
  fill(30);
  const size_t before = disk_->List("/archive").value().size();
  ASSERT_TRUE(log_->DropSegmentsBefore(log_->segments().back().begin_lsn, 20'000).ok());
  const std::vector<std::string> left = disk_->List("/archive").value();
  EXPECT_LT(left.size(), before);
  EXPECT_GT(left.size(), 0u);
  uint64_t bytes = 0;
  for (const std::string& name : left) bytes += Bytes(JoinPath("/archive", name)).size();
  EXPECT_LE(bytes, 20'000u);
  EXPECT_LT(left.back(), SegmentFiles(disk_.get()).back().substr(4));
  fill(1);
  ASSERT_TRUE(log_->DropSegmentsBefore(log_->segments().back().begin_lsn).ok());
  EXPECT_EQ(disk_->List("/archive").value(), left) << "without a limit nothing is archived";
}

TEST_F(LogTest, DurableSegmentsNameAllThatIsCommitted) {
  options_.sync_mode = SyncMode::kOff;
  Open();
  Append("a");
  ASSERT_TRUE(log_->RotateSegment().ok());
  Append("b");
  const std::vector<SegmentInfo> segments = log_->DurableSegments().value();
  EXPECT_EQ(log_->synced_lsn(), 2u);
  ASSERT_EQ(segments.size(), 2u);
  const std::string last = Bytes(segments[1].path).substr(0, segments[1].size_bytes);
  Append("c");
  ReplaceFile(disk_.get(), segments[1].path, last);
  EXPECT_EQ(Found(), "1:a 2:b");
}

}  // namespace
}  // namespace kyrodb::wal
