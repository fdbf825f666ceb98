// Goal: a cursor gives every durable record once, in order, and never one that may vanish.
// Method: cursors follow logs through appends, rotations, crashes, drops and damage.
#include "wal/cursor.h"

#include <filesystem>
#include <thread>

#include "engine/base/posix_file_system.h"
#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

class CursorTest : public LogFixture {
 protected:
  // Everything that the cursor gives now: "1:a 2:b", or the error.
  static std::string Drain(Cursor& cursor) {
    std::vector<std::string> parts;
    while (true) {
      const auto entry = cursor.Next();
      if (!entry.ok()) {
        parts.push_back(entry.status().ToString());
        break;
      }
      if (!entry->has_value()) break;
      parts.push_back(absl::StrCat((*entry)->lsn, ":", (*entry)->record));
    }
    return absl::StrJoin(parts, " ");
  }
};

TEST_F(CursorTest, GivesWhatIsThereAndThenWhatComes) {
  Open();
  Cursor cursor(log_.get(), 1);
  EXPECT_EQ(Drain(cursor), "");
  Append("a");
  Append("b");
  EXPECT_EQ(Drain(cursor), "1:a 2:b");
  EXPECT_EQ(cursor.position(), 3u);
  Append("c");
  ASSERT_TRUE(log_->WriteSyncMarker().ok());
  ASSERT_TRUE(log_->RotateSegment().ok());
  Append("d");
  EXPECT_EQ(Drain(cursor), "3:c 4:d");
}

TEST_F(CursorTest, StartsAnywhere) {
  Open();
  for (const char* record : {"a", "b", "c", "d"}) {
    Append(record);
    if (*record == 'b') {
      ASSERT_TRUE(log_->RotateSegment().ok());
    }
  }
  const std::vector<std::string> expected = {
      "1:a 2:b 3:c 4:d", "1:a 2:b 3:c 4:d", "2:b 3:c 4:d", "3:c 4:d", "4:d", ""};
  for (Lsn from = 0; from < expected.size(); ++from) {
    Cursor cursor(log_.get(), from);
    EXPECT_EQ(Drain(cursor), expected[from]) << from;
  }
}

TEST_F(CursorTest, ReadsOnlyTheLiveTimelineOfOlderEpochs) {
  Open();
  Append("a");
  Append("b");
  log_.reset();
  const std::string whole = Bytes(SegmentFiles(disk_.get())[0]);
  // "b" is torn, cut, and written differently in a new epoch; then its old bytes come back.
  ReplaceFile(disk_.get(), SegmentFiles(disk_.get())[0], whole.substr(0, whole.size() - 1));
  Open();
  Append("B");
  ReplaceFile(disk_.get(), SegmentFiles(disk_.get())[0], whole);
  Cursor here(log_.get(), 1);
  EXPECT_EQ(Drain(here), "1:a 2:B");
  Crash(MemoryFileSystem::Survivors::kAll);
  Open();
  Append("c");
  Cursor there(log_.get(), 1);
  EXPECT_EQ(Drain(there), "1:a 2:B 3:c");
}

TEST_F(CursorTest, NeverGivesARecordThatMayVanish) {
  options_.sync_mode = SyncMode::kInterval;
  Open();
  Cursor cursor(log_.get(), 1);
  Append("a");
  EXPECT_EQ(Drain(cursor), "");
  ASSERT_TRUE(log_->Sync().ok());
  Append("b");
  EXPECT_EQ(Drain(cursor), "1:a");
}

TEST_F(CursorTest, SaysWhatIsTheOldestWhenTheWantedOneWasDropped) {
  Open();
  for (const char* record : {"a", "b", "c"}) {
    Append(record);
    ASSERT_TRUE(log_->RotateSegment().ok());
  }
  Cursor before(log_.get(), 1);
  ASSERT_TRUE(log_->DropSegmentsBefore(3).ok());
  EXPECT_THAT(Drain(before), testing::HasSubstr("NOT_FOUND: lsn 1 is no longer in the log, the "
                                                "oldest that is available is 3"));
  EXPECT_THAT(Drain(before), testing::HasSubstr("NOT_FOUND"));
  Cursor after(log_.get(), 3);
  EXPECT_EQ(Drain(after), "3:c");
  // Everything dropped: the next one is the oldest.
  ASSERT_TRUE(log_->DropSegmentsBefore(100).ok());
  Cursor late(log_.get(), 3);
  EXPECT_THAT(Drain(late), testing::HasSubstr("oldest that is available is 4"));
}

TEST_F(CursorTest, ReportsDamage) {
  Open();
  Append("a");
  Append("b");
  Append("c");
  const std::string path = SegmentFiles(disk_.get())[0];
  std::string bytes = Bytes(path);
  bytes[88 + 93 + 92] ^= 1;  // the "b"
  ReplaceFile(disk_.get(), path, bytes);
  Cursor cursor(log_.get(), 1);
  EXPECT_THAT(Drain(cursor), testing::AllOf(testing::StartsWith("1:a DATA_LOSS"),
                                            testing::HasSubstr("lsn 2 is damaged")));
}

TEST_F(CursorTest, WaitsForTheNextRecord) {
  Open();
  Cursor cursor(log_.get(), 1);
  EXPECT_FALSE(cursor.NextBefore(absl::Now())->has_value());
  std::thread writer([&] { Append("a"); });
  const auto entry = cursor.NextBefore(absl::Now() + absl::Seconds(60));
  writer.join();
  ASSERT_TRUE(entry.ok() && entry->has_value());
  EXPECT_EQ((*entry)->record, "a");
}

TEST_F(CursorTest, FollowsARealFileWhileItGrows) {
  const std::string directory = absl::StrCat(testing::TempDir(), "/kyro_wal_cursor_",
                                             testing::UnitTest::GetInstance()->random_seed(), "_",
                                             absl::ToUnixNanos(absl::Now()));
  std::filesystem::create_directories(directory);
  const std::unique_ptr<FileSystem> posix = NewPosixFileSystem();
  options_ = TestOptions(posix.get());
  options_.directory = directory;
  options_.segment_bytes = 32 << 10;
  options_.prefill_chunk_bytes = 4096;
  auto log = Log::Open(options_, RecoveryResult()).value();
  Cursor cursor(log.get(), 1);
  for (Lsn lsn = 1; lsn <= 300; ++lsn) {
    const std::string record(lsn * 3, static_cast<char>('a' + lsn % 26));
    ASSERT_EQ(log->Append(record).value(), lsn);
    const auto entry = cursor.Next();
    ASSERT_TRUE(entry.ok() && entry->has_value()) << lsn << " " << entry.status();
    ASSERT_EQ((*entry)->record, record);
  }
  ASSERT_TRUE(log->Close().ok());
  log.reset();
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace kyrodb::wal
