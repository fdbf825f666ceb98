// Goal:   a flush or compaction drops what nobody can see and keeps everything that somebody can.
// Method: chosen histories with their exact outcome; (key_space_test.cc does it at random).
#include "engine/storage/retention.h"

#include "engine/base/coding.h"
#include "engine/storage/memtable.h"
#include "tests/engine/storage/model.h"

namespace kyrodb::engine {
namespace {

class RetentionTest : public StorageTest {
 protected:
  // What is left of the versions of one key, as "LSN=" or "LSN-", new to old.
  std::string Retained(const std::vector<std::pair<Lsn, EntryKind>>& versions,
                       const RetentionPolicy& policy, bool is_oldest) {
    const auto table = std::make_shared<MemTable>();
    for (const auto& [lsn, kind] : versions) table->Add(lsn, kind, "k", "");
    const uint64_t file_number = next_file_++;
    RunWriterOptions options;
    options.file_number = file_number;
    auto writer = RunWriter::Create(*disk_, Path(file_number), options);
    EXPECT_TRUE(writer.ok());
    const auto iterator = NewMemTableIterator(table);
    const absl::Status status = WriteRetained(*iterator, policy, is_oldest, **writer);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE((*writer)->Finish().ok());
    const auto run = Open(file_number);
    EXPECT_TRUE(run.ok());
    std::string retained;
    const auto rest = (*run)->NewIterator();
    for (rest->SeekToFirst(); rest->Valid(); rest->Next()) {
      absl::StrAppendFormat(&retained, "%s%u%s", retained.empty() ? "" : " ", rest->lsn(),
                            rest->kind() == EntryKind::kPut ? "=" : "-");
    }
    return retained;
  }

  static constexpr EntryKind kPut = EntryKind::kPut;
  static constexpr EntryKind kDelete = EntryKind::kDelete;
  uint64_t next_file_ = 1;
};

TEST_F(RetentionTest, WithoutOldReadersOnlyTheNewestVersionStays) {
  EXPECT_EQ(Retained({{1, kPut}, {3, kPut}, {5, kPut}}, {.snapshots = {9}}, false), "5=");
  EXPECT_EQ(Retained({{1, kPut}, {3, kPut}, {5, kPut}}, {.snapshots = {}}, false), "5=");
}

TEST_F(RetentionTest, EachSnapshotKeepsTheVersionThatItSees) {
  const std::vector<std::pair<Lsn, EntryKind>> versions = {
      {1, kPut}, {3, kPut}, {5, kPut}, {7, kPut}};
  EXPECT_EQ(Retained(versions, {.snapshots = {3, 9}}, false), "7= 3=");
  EXPECT_EQ(Retained(versions, {.snapshots = {4, 9}}, false), "7= 3=");
  EXPECT_EQ(Retained(versions, {.snapshots = {2, 6, 9}}, false), "7= 5= 1=");
  EXPECT_EQ(Retained(versions, {.snapshots = {7, 9}}, false), "7=");
}

TEST_F(RetentionTest, VersionsNewerThanTheLastPublishedLsnAllStay) {
  EXPECT_EQ(Retained({{1, kPut}, {3, kPut}, {5, kPut}, {7, kPut}}, {.snapshots = {3}}, false),
            "7= 5= 3=");
}

TEST_F(RetentionTest, ADeleteStaysWhileThereMayBeSomethingBelow) {
  const RetentionPolicy policy{.snapshots = {9}, .tombstone_floor = 9};
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}}, policy, false), "3-");
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}}, policy, true), "");
  EXPECT_EQ(Retained({{3, kDelete}}, policy, true), "");
}

TEST_F(RetentionTest, ADeleteThatHidesAVersionOfAReaderStays) {
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}}, {.snapshots = {2, 9}, .tombstone_floor = 9}, true),
            "3- 1=");
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}, {5, kPut}},
                     {.snapshots = {2, 4, 9}, .tombstone_floor = 9}, true),
            "5= 3- 1=");
}

TEST_F(RetentionTest, DeletesAboveTheFloorStay) {
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}}, {.snapshots = {9}, .tombstone_floor = 2}, true),
            "3-");
  EXPECT_EQ(Retained({{1, kPut}, {3, kDelete}}, {.snapshots = {9}, .tombstone_floor = 3}, true),
            "");
}

TEST_F(RetentionTest, ADeleteThatAnOlderReaderMustMeetAsAConflictStays) {
  // The reader at 2 sees no version; when it writes the key it must learn that 5 came before it.
  EXPECT_EQ(Retained({{3, kPut}, {5, kDelete}}, {.snapshots = {2, 9}, .tombstone_floor = 9}, true),
            "5-");
  EXPECT_EQ(Retained({{3, kPut}, {5, kDelete}}, {.snapshots = {5, 9}, .tombstone_floor = 9}, true),
            "");
}

TEST_F(RetentionTest, OldDeletesAtTheBottomOfAKeyGoTogether) {
  EXPECT_EQ(Retained({{1, kDelete}, {3, kDelete}, {5, kPut}},
                     {.snapshots = {4, 9}, .tombstone_floor = 9}, true),
            "5=");
}

TEST_F(RetentionTest, AnExpiredPutGoesAsADeleteWhenNoReaderSeesItAnyMore) {
  const auto expiring = [&](Lsn lsn, WallMicros expiry, WallMicros expired_until,
                            std::vector<Lsn> snapshots) {
    const auto table = std::make_shared<MemTable>();
    table->Add(1, EntryKind::kPut, "k", "below");
    std::string value;
    PutFixed64(&value, static_cast<uint64_t>(expiry));
    table->Add(lsn, EntryKind::kExpiringPut, "k", value + "v");
    const uint64_t file_number = next_file_++;
    RunWriterOptions options;
    options.file_number = file_number;
    auto writer = RunWriter::Create(*disk_, Path(file_number), options);
    EXPECT_TRUE(writer.ok());
    const auto iterator = NewMemTableIterator(table);
    EXPECT_TRUE(WriteRetained(*iterator,
                              {.snapshots = std::move(snapshots),
                               .tombstone_floor = kLsnMax,
                               .expired_until = expired_until},
                              /*is_oldest=*/true, **writer)
                    .ok());
    EXPECT_TRUE((*writer)->Finish().ok());
    std::string retained;
    const auto rest = (*Open(file_number))->NewIterator();
    for (rest->SeekToFirst(); rest->Valid(); rest->Next()) {
      absl::StrAppendFormat(&retained, "%u:%d ", rest->lsn(), static_cast<int>(rest->kind()));
    }
    return retained;
  };
  EXPECT_EQ(expiring(3, 100, 99, {9}), "3:2 ");
  EXPECT_EQ(expiring(3, 100, 100, {9}), "");
  // Somebody sees what is below: the delete has to hide it from the others.
  EXPECT_EQ(expiring(3, 100, 100, {2, 9}), "3:0 1:1 ");
  EXPECT_EQ(expiring(3, 100, 99, {2, 9}), "3:2 1:1 ");
}

TEST_F(RetentionTest, OfTwoWritesOfOneCommitTheLaterStays) {
  EXPECT_EQ(Retained({{3, kPut}, {3, kDelete}}, {.snapshots = {9}}, false), "3-");
}

}  // namespace
}  // namespace kyrodb::engine
