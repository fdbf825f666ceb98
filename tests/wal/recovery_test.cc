// Goal: recovery cuts what was never acknowledged, reports what was and is gone, and is never
// fooled by bytes of another time, place or database.
// Method: logs are written, their files changed by hand (cut, flipped, copied, removed), and
// recovered; one case flips every bit of a small log.
#include "wal/recovery.h"

#include "engine/base/clock.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "tests/wal/wal_fixture.h"
#include "wal/frames/frame.h"

namespace kyrodb::wal {
namespace {

class RecoveryTest : public LogFixture {
 protected:
  void Flip(const std::string& path, uint64_t offset, int bit = 0) {
    std::string bytes = Bytes(path);
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << bit));
    ReplaceFile(disk_.get(), path, bytes);
  }
  std::string File(size_t index) { return SegmentFiles(disk_.get()).at(index); }
};

TEST_F(RecoveryTest, ATornTailIsCutAndReported) {
  Open();
  Append("a");
  Append("bbbb");
  log_.reset();
  std::string bytes = Bytes(File(0));
  bytes.resize(bytes.size() - 2);
  ReplaceFile(disk_.get(), File(0), bytes);
  const Replayed found = TryRecover(disk_.get()).value();
  EXPECT_EQ(found.ToString(), "1:a");
  EXPECT_EQ(found.result.torn_bytes, 94u);
  EXPECT_EQ(found.result.torn_file, File(0));
  EXPECT_EQ(found.result.torn_offset, 88u + 93u);
}

TEST_F(RecoveryTest, TheTailIsCutOnceAndStaysCut) {
  Open();
  Append("a");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());  // so that the new epoch begins after "a"
  Append("b");
  Append("c");
  log_.reset();
  const std::string whole = Bytes(File(0));
  ReplaceFile(disk_.get(), File(0), whole.substr(0, whole.size() - 94));
  Open();
  EXPECT_EQ(replayed_.ToString(), "1:a");
  EXPECT_EQ(Append("other b"), 2u);
  log_.reset();
  // Even when the bytes of the dead timeline come back.
  ReplaceFile(disk_.get(), File(0), whole);
  EXPECT_EQ(Found(), "1:a 2:other b");
  Open();
  EXPECT_EQ(Append("other c"), 3u);
  Crash();
  EXPECT_EQ(Found(), "1:a 2:other b 3:other c");
}

TEST_F(RecoveryTest, ADamagedFrameBeforeAnAcknowledgedOneIsReportedAndStopsTheReplay) {
  Open();
  Append("a");
  Append("b");
  Append("c");
  log_.reset();
  Flip(File(0), 88 + 93 + 92);  // the "b"
  const Replayed found = TryRecover(disk_.get()).value();
  EXPECT_EQ(found.ToString(), "1:a lost[2,3)");
  EXPECT_EQ(found.result.damage->file, File(0));
  EXPECT_EQ(found.result.damage->offset, 88u + 93u);
  EXPECT_THAT(found.result.damage->ToStatus(), StatusIs(absl::StatusCode::kDataLoss, "offset 181"));
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss, "lsn 2 to 2"));
}

TEST_F(RecoveryTest, DamageToTheVeryLastFrameIsReportedOnceAMarkerFollows) {
  Open();
  Append("a");
  Append("b");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  log_.reset();
  Flip(File(0), 88 + 93 + 92);
  EXPECT_EQ(Found(), "1:a lost[2,3)");
}

TEST_F(RecoveryTest, DamageBeforeTheCheckpointIsNoMatter) {
  Open();
  for (const char* record : {"a", "b", "c"}) Append(record);
  Close();
  Flip(File(0), 88 + 92);
  EXPECT_EQ(Found(1), "lost[1,2)");
  EXPECT_EQ(Found(2), "2:b 3:c");
}

TEST_F(RecoveryTest, ALostMarkerDoesNoHarm) {
  Open();
  Append("a");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  Append("b");
  log_.reset();
  Flip(File(0), 88 + 93 + 30);
  EXPECT_EQ(Found(), "1:a 2:b");
}

TEST_F(RecoveryTest, AMissingSegmentInTheMiddleIsDamage) {
  Open();
  for (const char* record : {"a", "b", "c", "d"}) {
    Append(record);
    ASSERT_TRUE(log_->RotateSegment().ok());
  }
  log_.reset();
  ASSERT_TRUE(disk_->Remove(File(2)).ok());
  EXPECT_EQ(Found(), "1:a 2:b lost[3,4)");
  EXPECT_EQ(Found(4), "4:d");
}

TEST_F(RecoveryTest, MissingSegmentsAtTheBeginningMatterOnlyPastTheCheckpoint) {
  Open();
  for (const char* record : {"a", "b", "c"}) {
    Append(record);
    ASSERT_TRUE(log_->RotateSegment().ok());
  }
  log_.reset();
  ASSERT_TRUE(disk_->Remove(File(0)).ok());
  EXPECT_EQ(Found(1), "lost[1,2)");
  EXPECT_EQ(Found(2), "2:b 3:c");
}

TEST_F(RecoveryTest, AMissingEpochIsDamage) {
  for (const char* record : {"a", "b", "c"}) {
    Open();
    Append(record);
    Close();
  }
  ASSERT_TRUE(disk_->Remove(File(1)).ok());
  EXPECT_EQ(Found(), "1:a lost[2,3)");
}

TEST_F(RecoveryTest, ASegmentFromAnotherCopyOfTheDatabaseIsNotTakenForOurs) {
  Open();
  Append("a");
  ASSERT_TRUE(log_->RotateSegment().ok());
  log_.reset();
  // Two copies of the directory live on; then a file of one gets into the other.
  const std::string path = JoinPath(kDirectory, "wal-0000000000000003.log");
  std::unique_ptr<MemoryFileSystem> copy = disk_->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  Open();
  Append("b");
  ASSERT_TRUE(log_->RotateSegment().ok());
  Append("c");
  Close();
  std::swap(disk_, copy);
  Open();
  Append("B");
  Close();
  std::swap(disk_, copy);
  ReplaceFile(disk_.get(), path, ReadFile(*copy, path).value());
  EXPECT_THAT(Found(), testing::HasSubstr("lost["));
}

TEST_F(RecoveryTest, AnotherDatabasesLogIsRefused) {
  Open();
  Append("a");
  Close();
  const auto result =
      Recover({.file_system = disk_.get(), .directory = kDirectory, .database_id = 7},
              [](Lsn, absl::string_view) { return absl::OkStatus(); });
  EXPECT_THAT(result.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        "belongs to database 1234567890abcdef, not to "
                                        "0000000000000007"));
}

TEST_F(RecoveryTest, ANewerFormatIsRefusedWithBothVersions) {
  Open();
  Close();
  std::string bytes = Bytes(File(0));
  bytes[8] = 9;
  const uint32_t crc = Crc32c(absl::string_view(bytes).substr(8, 80));
  std::memcpy(bytes.data() + 4, &crc, sizeof(crc));
  ReplaceFile(disk_.get(), File(0), bytes);
  EXPECT_THAT(TryRecover(disk_.get()).status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                         "version 9 at offset 0 is newer than 2"));
}

// The same frames as version 1 wrote them: without the time.
std::string AsVersion1(const std::string& bytes) {
  std::string older;
  uint64_t hash = 0;
  for (size_t at = 0; at < bytes.size();) {
    const FrameHeader header = DecodeFrameHeader(absl::string_view(bytes).substr(at));
    if (hash == 0) hash = header.prev_hash;
    std::string frame =
        bytes.substr(at, kFramePrefixBytes) +
        bytes.substr(at + kFrameHeaderBytes, header.frame_bytes() - kFrameHeaderBytes);
    const uint32_t payload_bytes = header.payload_bytes - 8;
    const auto offset = static_cast<uint32_t>(older.size());
    frame[8] = 1;
    std::memcpy(frame.data() + 12, &payload_bytes, 4);
    std::memcpy(frame.data() + 20, &offset, 4);
    std::memcpy(frame.data() + 64, &hash, 8);
    const uint32_t crc = Crc32c(absl::string_view(frame).substr(8));
    std::memcpy(frame.data() + 4, &crc, 4);
    hash = FrameHash(DecodeFrameHeader(frame), frame);
    older += frame;
    at += header.frame_bytes();
  }
  return older;
}

TEST_F(RecoveryTest, LogsOfVersion1AreRead) {
  Open();
  Append("a");
  Append("");
  Append("c");
  Close();
  const std::string older = AsVersion1(Bytes(File(0)));
  EXPECT_EQ(older.size() + 5 * 8, Bytes(File(0)).size());
  ReplaceFile(disk_.get(), File(0), older);
  EXPECT_EQ(Found(), "1:a 2: 3:c");
  const auto timed = RecoverTimed(
      {.file_system = disk_.get(), .directory = kDirectory, .database_id = kDatabaseId},
      [](Lsn, int64_t wall_micros, absl::string_view) {
        EXPECT_EQ(wall_micros, 0);
        return absl::OkStatus();
      });
  EXPECT_TRUE(timed.ok()) << timed.status();
  Open();
  EXPECT_EQ(replayed_.result.torn_bytes, 0u);
  EXPECT_EQ(Append("d"), 4u);
  Crash();
  EXPECT_EQ(Found(), "1:a 2: 3:c 4:d");
  // A damaged one is found out as ever.
  std::string damaged = older;
  damaged[kFramePrefixBytes + kFramePrefixBytes + 4] ^= 1;  // the "a"
  ReplaceFile(disk_.get(), File(0), damaged);
  EXPECT_EQ(Found(), "lost[1,2)");
}

TEST_F(RecoveryTest, RecordsBearTheTimeAtWhichTheyWereWrittenFirst) {
  ManualClock clock(1000);
  options_.clock = &clock;
  Open();
  Append("a");
  clock.AdvanceMicros(500);
  Append("b");
  clock.AdvanceMicros(500);
  const auto times = [&] {
    std::vector<int64_t> found;
    const auto result = RecoverTimed(
        {.file_system = disk_.get(), .directory = kDirectory, .database_id = kDatabaseId},
        [&](Lsn, int64_t wall_micros, absl::string_view) {
          found.push_back(wall_micros);
          return absl::OkStatus();
        });
    EXPECT_TRUE(result.ok()) << result.status();
    return found;
  };
  EXPECT_EQ(times(), (std::vector<int64_t>{1000, 1500}));
  // "b" is written again by the next opening.
  Crash();
  Open();
  ASSERT_GT(log_->segments().back().end_lsn, log_->segments().back().begin_lsn);
  EXPECT_EQ(times(), (std::vector<int64_t>{1000, 1500}));
}

TEST_F(RecoveryTest, AFrameInsideARecordIsNotAFrame) {
  Open();
  Append("a");
  Append("b");
  Append(Bytes(File(0)));
  Append("tail");
  log_.reset();
  // Losing the tail makes recovery search the record's bytes for frames? It must not even find one
  // when the frame around them is torn.
  std::string bytes = Bytes(File(0));
  bytes.resize(bytes.size() - 98);
  ReplaceFile(disk_.get(), File(0), bytes);
  EXPECT_EQ(Found(), "1:a 2:b");
}

TEST_F(RecoveryTest, ACallbackErrorEndsTheRecovery) {
  Open();
  Append("a");
  Append("b");
  Close();
  int calls = 0;
  const auto result =
      Recover({.file_system = disk_.get(), .directory = kDirectory, .database_id = kDatabaseId},
              [&](Lsn, absl::string_view) {
                ++calls;
                return absl::InvalidArgumentError("bad record");
              });
  EXPECT_THAT(result.status(), StatusIs(absl::StatusCode::kInvalidArgument, "bad record"));
  EXPECT_EQ(calls, 1);
}

TEST_F(RecoveryTest, AReadErrorIsNeitherATornTailNorDamage) {
  Open();
  Append("a");
  Append("b");
  Close();
  std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
  for (uint64_t at = 0;; ++at) {
    faulty->SetFault({.kind = Fault::Kind::kReadError, .at = at});
    const absl::StatusOr<Replayed> found = TryRecover(faulty.get());
    if (faulty->failure_count() == 0) {
      EXPECT_GT(at, 2u);
      EXPECT_EQ(found->ToString(), "1:a 2:b");
      break;
    }
    EXPECT_EQ(found.status().code(), absl::StatusCode::kUnavailable) << at;
  }
}

TEST_F(RecoveryTest, StrangeFilesInTheDirectoryAreLeftAlone) {
  Open();
  Append("a");
  Close();
  for (const char* name : {"wal-1.log", "wal-00000000000000zz.log", "run-1", "wal-", "CURRENT"}) {
    ASSERT_TRUE(WriteFileSynced(*disk_, JoinPath(kDirectory, name), "?").ok());
  }
  Open();
  EXPECT_EQ(Append("b"), 2u);
  Close();
  EXPECT_EQ(Found(), "1:a 2:b");
  EXPECT_TRUE(disk_->Exists("/db/wal-1.log").value());
}

TEST_F(RecoveryTest, AnUnreadableSegmentIsKeptUntilItsNeighboursAreDropped) {
  Open();
  Append("a");
  Close();
  const std::string junk = JoinPath(kDirectory, "wal-00000000000000aa.log");
  ASSERT_TRUE(WriteFileSynced(*disk_, junk, std::string(3000, '#')).ok());
  ASSERT_TRUE(disk_->SyncDirectory(kDirectory).ok());
  Open();
  EXPECT_EQ(replayed_.result.torn_bytes, 3000u);
  EXPECT_EQ(Append("b"), 2u);
  EXPECT_TRUE(disk_->Exists(junk).value());
  ASSERT_TRUE(log_->DropSegmentsBefore(2).ok());
  EXPECT_FALSE(disk_->Exists(junk).value());
  Close();
  EXPECT_EQ(Found(2), "2:b");
}

TEST_F(RecoveryTest, EveryFlippedBitInAcknowledgedDataIsReported) {
  // Two epochs, three segments, markers, a record with zeros, and a re-logged survivor.
  Open();
  Append("alpha");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  Append(std::string(20, '\0'));
  ASSERT_TRUE(log_->RotateSegment().ok());
  Append("gamma");
  log_.reset();
  Open();
  Append("delta");
  Close();
  const std::map<Lsn, std::string> whole = TryRecover(disk_.get())->records;
  ASSERT_EQ(whole.size(), 4u);

  uint64_t flips = 0, reported = 0;
  for (const std::string& path : SegmentFiles(disk_.get())) {
    const std::string original = Bytes(path);
    for (size_t offset = 0; offset < original.size(); ++offset) {
      for (int bit = 0; bit < 8; ++bit) {
        ReplaceFile(disk_.get(), path, original);
        Flip(path, offset, bit);
        const absl::StatusOr<Replayed> found = TryRecover(disk_.get());
        ASSERT_TRUE(found.ok()) << path << " " << offset << " " << found.status();
        // Either nothing is lost, or the loss is reported and what is given is a true prefix.
        if (found->result.damage.has_value()) {
          ++reported;
          ASSERT_EQ(found->result.damage->begin_lsn, found->last_lsn() + 1);
          for (const auto& [lsn, record] : found->records) ASSERT_EQ(record, whole.at(lsn));
        } else {
          ASSERT_EQ(found->records, whole) << path << " " << offset << " bit " << bit;
        }
        ++flips;
      }
    }
    ReplaceFile(disk_.get(), path, original);
  }
  // Frames with records make up the greater part.
  EXPECT_GT(reported, flips / 4);
  RecordProperty("flips", static_cast<int>(flips));
}

TEST_F(RecoveryTest, EveryTruncationGivesAPrefixOrAReport) {
  Open();
  for (int i = 0; i < 4; ++i) {
    Append(std::string(static_cast<size_t>(11 * i), 'x'));
    if (i == 1) {
      ASSERT_TRUE(log_->RotateSegment().ok());
    }
  }
  Close();
  const std::map<Lsn, std::string> whole = TryRecover(disk_.get())->records;
  const std::vector<std::string> files = SegmentFiles(disk_.get());
  for (const std::string& path : files) {
    const std::string original = Bytes(path);
    for (size_t size = 0; size < original.size(); ++size) {
      ReplaceFile(disk_.get(), path, original.substr(0, size));
      const Replayed found = TryRecover(disk_.get()).value();
      for (const auto& [lsn, record] : found.records) ASSERT_EQ(record, whole.at(lsn));
      // A first segment cut short is damage, for the second one knows better. Losing only its last
      // bytes of marker or the whole end of the last segment cannot be told from a torn tail.
      if (path == files.front()) {
        ASSERT_TRUE(found.result.damage.has_value() || found.records == whole) << size;
      }
    }
    ReplaceFile(disk_.get(), path, original);
  }
}

TEST_F(RecoveryTest, ArbitraryBytesNeverCrashIt) {
  Random random(11);
  Open();
  for (int i = 0; i < 5; ++i) Append(std::string(100, 'x'));
  Close();
  const std::string original = Bytes(File(0));
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = original;
    for (uint64_t n = random.Uniform(6); n > 0; --n) {
      const size_t at = random.Uniform(bytes.size());
      switch (random.Uniform(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.Next());
          break;
        case 1:
          bytes.resize(at + 1);
          break;
        case 2:
          bytes.insert(at, std::string(random.Uniform(50), static_cast<char>(random.Next())));
          break;
        default:
          bytes.insert(at, original.substr(0, random.Uniform(original.size())));
      }
    }
    ReplaceFile(disk_.get(), File(0), bytes);
    const absl::StatusOr<Replayed> found = TryRecover(disk_.get());
    if (found.ok()) {
      for (const auto& [lsn, record] : found->records) ASSERT_EQ(record, std::string(100, 'x'));
    }
  }
}

}  // namespace
}  // namespace kyrodb::wal
