// Goal:   large values lie apart from their runs: merges refer to them instead of writing them
// anew,
//         the dead ones give their space back, readers keep what they see, and damage to a value
//         file is named and stays with the values that it hit.
// Method: a key space whose values are mostly large, on a disk in memory that counts what is
//         written; bit flips and cuts of a value file, each answer compared with what was written.
//         (Random histories with large values are in key_space_test.cc.)
#include "engine/storage/value_file.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/iterator.h"
#include "engine/storage/key_space.h"
#include "engine/storage/value_check.h"
#include "engine/storage/value_file_writer.h"
#include "tests/base/forwarding_file_system.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// Counts the bytes that are written.
class CountingFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, ForwardingFileSystem::Create(path));
    return std::make_unique<File>(std::move(file), &written_bytes_);
  }
  uint64_t TakeWrittenBytes() { return std::exchange(written_bytes_, 0); }

 private:
  class File final : public WritableFile {
   public:
    File(std::unique_ptr<WritableFile> base, uint64_t* count)
        : base_(std::move(base)), count_(count) {}
    absl::Status Write(uint64_t offset, absl::string_view bytes) override {
      *count_ += bytes.size();
      return base_->Write(offset, bytes);
    }
    absl::Status Sync() override { return base_->Sync(); }
    absl::Status Truncate(uint64_t size_bytes) override { return base_->Truncate(size_bytes); }
    absl::Status Close() override { return base_->Close(); }

   private:
    const std::unique_ptr<WritableFile> base_;
    uint64_t* const count_;
  };
  uint64_t written_bytes_ = 0;
};

class ValueFileTest : public StorageTest {
 protected:
  ValueFileTest() {
    context_.value_files = &values_;
    context_.large_value_bytes =
        &knobs_.Define({.name = "large", .default_value = 1000, .max = 1 << 30});
    context_.value_dead_percent = &knobs_.Define({.name = "dead", .default_value = 50, .max = 100});
    context_.value_file_bytes_min =
        &knobs_.Define({.name = "min", .default_value = 0, .max = 1 << 30});
    MakeSpace({});
  }

  void MakeSpace(std::vector<std::shared_ptr<const Run>> runs) {
    space_ = std::make_unique<KeySpace>(7, context_, std::move(runs));
  }
  // A value that says which it is, of `size` bytes.
  static std::string ValueOfRow(int row, Lsn lsn, size_t size) {
    std::string value = absl::StrCat("row ", row, " of commit ", lsn, " ");
    while (value.size() < size) value.push_back(static_cast<char>('a' + value.size() % 26));
    return value;
  }
  static std::string Key(int row) { return absl::StrFormat("key%06d", row); }
  // Writes rows [begin, end) and flushes them.
  void WriteRows(int begin, int end, size_t size) {
    ++lsn_;
    for (int row = begin; row < end; ++row) {
      expected_[Key(row)] = ValueOfRow(row, lsn_, size);
      space_->Apply(lsn_, EntryKind::kPut, Key(row), expected_[Key(row)]);
    }
    Flush();
  }
  void Flush() {
    space_->Freeze();
    const auto frozen = space_->version()->frozen;
    const uint64_t number = next_file_++;
    auto run = space_->WriteFlush(frozen, Path(number), number, Policy());
    ASSERT_TRUE(run.ok()) << run.status();
    space_->InstallFlush(*run, frozen);
  }
  void Compact(std::vector<std::shared_ptr<const Run>> runs) {
    const uint64_t number = next_file_++;
    auto run = space_->WriteCompaction(runs, Path(number), number, Policy());
    ASSERT_TRUE(run.ok()) << run.status();
    space_->InstallCompaction(*run, runs);
  }
  void CompactAll() { Compact(space_->version()->runs); }
  RetentionPolicy Policy() const { return {.snapshots = {lsn_}, .tombstone_floor = lsn_}; }

  void ExpectRows() {
    std::string value;
    for (const auto& [key, expected] : expected_) {
      const absl::StatusOr<Lsn> found = space_->Get(key, kLsnMax - 1, &value);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_GT(*found, 0u) << key;
      ASSERT_TRUE(value == expected) << key;
    }
    for (const bool reverse : {false, true}) {
      std::map<std::string, std::string> scanned;
      const auto rows = space_->NewIterator({}, kLsnMax - 1, ScanOptions{.reverse = reverse});
      for (; rows->Valid(); rows->Next()) {
        scanned[std::string(rows->key())] = std::string(rows->value());
      }
      ASSERT_TRUE(rows->status().ok()) << rows->status();
      ASSERT_TRUE(scanned == expected_);
    }
    std::vector<absl::string_view> keys;
    for (const auto& [key, expected] : expected_) keys.push_back(key);
    size_t count = 0;
    ASSERT_TRUE(space_
                    ->MultiGet(keys, kLsnMax - 1,
                               [&](size_t index, Lsn, absl::string_view found) {
                                 ++count;
                                 EXPECT_TRUE(found == expected_.at(std::string(keys[index])));
                               })
                    .ok());
    ASSERT_EQ(count, expected_.size());
  }
  // What a check says about all value files.
  std::vector<std::string> Findings() {
    std::vector<std::string> findings;
    const auto runs = space_->version()->runs;
    for (const ValueFileUse& use : ValueFileUses(runs)) {
      EXPECT_TRUE(CheckValueFile(use, runs, [&](const absl::Status& status) {
                    findings.emplace_back(status.message());
                  }).ok());
    }
    return findings;
  }
  std::vector<std::string> Files() { return *disk_->List("."); }
  void Set(const char* knob, int64_t value) { ASSERT_TRUE(knobs_.Set(knob, value).ok()); }

  CountingFileSystem counting_{disk_.get()};
  KnobRegistry knobs_;
  ObsoleteFiles obsolete_;
  ValueFileSet values_{counting_, "values-", pool_, metrics_};
  StorageContext context_{counting_, pool_, metrics_, obsolete_};
  std::unique_ptr<KeySpace> space_;
  std::map<std::string, std::string> expected_;
  Lsn lsn_ = 0;
  uint64_t next_file_ = 1;
};

TEST_F(ValueFileTest, OnlyLargeValuesLieApart) {
  ++lsn_;
  expected_ = {{"a", std::string(999, 'a')},
               {"b", std::string(1000, 'b')},
               {"c", ""},
               {"d", std::string(20000, 'd')}};
  for (const auto& [key, value] : expected_) space_->Apply(lsn_, EntryKind::kPut, key, value);
  Flush();
  const SpaceStatistics statistics = space_->statistics();
  EXPECT_EQ(statistics.value_file_count, 1u);
  EXPECT_EQ(statistics.value_bytes, 21000u);
  EXPECT_EQ(statistics.value_dead_bytes, 0u);
  EXPECT_THAT(Files(), ElementsAre(Path(1), "values-1"));
  ExpectRows();
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ValueFileTest, WithoutLargeValuesThereIsNoFile) {
  WriteRows(0, 100, 100);
  EXPECT_THAT(Files(), ElementsAre(Path(1)));
  ExpectRows();
}

TEST_F(ValueFileTest, AMergeWritesFarFewerBytesThanTheValues) {
  constexpr int kRows = 400;
  for (int round = 0; round < 4; ++round) WriteRows(round * 100, (round + 1) * 100, 8192);
  const uint64_t flushed = counting_.TakeWrittenBytes();
  EXPECT_GT(flushed, kRows * 8192u);
  CompactAll();
  const uint64_t merged = counting_.TakeWrittenBytes();
  EXPECT_LT(merged, flushed / 50) << "a merge rewrote values";
  EXPECT_EQ(space_->statistics().value_file_count, 4u);
  ExpectRows();
  EXPECT_THAT(Findings(), IsEmpty());

  // The same with values in the runs, for comparison.
  Set("large", 0);
  MakeSpace({});
  expected_.clear();
  for (int round = 0; round < 4; ++round) WriteRows(round * 100, (round + 1) * 100, 8192);
  counting_.TakeWrittenBytes();
  CompactAll();
  EXPECT_GT(counting_.TakeWrittenBytes(), kRows * 8192u);
}

TEST_F(ValueFileTest, DeadValuesGiveTheirSpaceBack) {
  WriteRows(0, 100, 5000);
  WriteRows(0, 40, 5000);
  CompactAll();
  // Of the first file 40 % is dead: it stays.
  EXPECT_EQ(space_->statistics().value_file_count, 2u);
  EXPECT_EQ(space_->statistics().value_dead_bytes, 40 * 5000u);
  EXPECT_THAT(space_->RunsToCollect(), IsEmpty());
  EXPECT_THAT(Findings(), IsEmpty());
  WriteRows(0, 100, 5000);
  CompactAll();
  // Nothing refers to the first two any more.
  EXPECT_EQ(space_->statistics().value_file_count, 1u);
  EXPECT_EQ(space_->statistics().value_dead_bytes, 0u);
  ASSERT_TRUE(obsolete_.RemoveAll(*disk_).ok());
  EXPECT_THAT(Files(), SizeIs(2));
  ExpectRows();

  // More than half of a file is dead: collecting moves the rest and gives the file up.
  WriteRows(0, 70, 2000);
  CompactAll();
  EXPECT_EQ(space_->statistics().value_file_count, 2u);
  ASSERT_THAT(space_->RunsToCollect(), SizeIs(1));
  counting_.TakeWrittenBytes();
  Compact(space_->RunsToCollect());
  EXPECT_LT(counting_.TakeWrittenBytes(), 31 * 5000u + (64 << 10)) << "only what lived was moved";
  EXPECT_EQ(space_->statistics().value_dead_bytes, 0u);
  EXPECT_THAT(space_->RunsToCollect(), IsEmpty());
  ASSERT_TRUE(obsolete_.RemoveAll(*disk_).ok());
  EXPECT_THAT(Files(), SizeIs(3)) << "a run, what was moved, and the values that were new";
  ExpectRows();
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ValueFileTest, SmallFilesAreJoined) {
  Set("min", 1 << 20);
  for (int round = 0; round < 4; ++round) WriteRows(round * 10, round * 10 + 10, 2000);
  EXPECT_EQ(space_->statistics().value_file_count, 4u);
  CompactAll();
  EXPECT_EQ(space_->statistics().value_file_count, 1u);
  ExpectRows();
}

TEST_F(ValueFileTest, AFileStaysForItsLastReader) {
  WriteRows(0, 50, 5000);
  const std::map<std::string, std::string> before = expected_;
  auto reader = space_->NewIterator({}, lsn_);
  WriteRows(0, 50, 3000);
  // The reader's snapshot is not told: only its iterator keeps the runs.
  CompactAll();
  EXPECT_THAT(obsolete_.Take(), testing::Not(testing::Contains("values-1")));
  std::map<std::string, std::string> seen;
  for (; reader->Valid(); reader->Next()) {
    seen[std::string(reader->key())] = std::string(reader->value());
  }
  EXPECT_TRUE(reader->status().ok()) << reader->status();
  EXPECT_TRUE(seen == before);
  reader.reset();
  EXPECT_THAT(obsolete_.Take(), testing::Contains("values-1"));
  ExpectRows();
}

TEST_F(ValueFileTest, ADroppedSpaceGivesItsValueFilesBack) {
  WriteRows(0, 10, 5000);
  space_->MarkAllObsolete();
  space_.reset();
  EXPECT_THAT(obsolete_.Take(), testing::UnorderedElementsAre(Path(1), "values-1"));
}

TEST_F(ValueFileTest, APoolSmallerThanAValueServesAll) {
  pool_.SetCapacity(16 * kPageBytes);
  WriteRows(0, 60, 3 * kPageBytes + 17);
  ++lsn_;
  expected_["huge"] = ValueOfRow(7, lsn_, 40 * kPageBytes);
  space_->Apply(lsn_, EntryKind::kPut, "huge", expected_["huge"]);
  Flush();
  ExpectRows();
  EXPECT_LE(pool_.used_bytes(), pool_.capacity_bytes() + pool_.capacity_bytes() / 32 + kPageBytes);
}

TEST_F(ValueFileTest, WhatExpiresIsKnownWithoutReadingTheValue) {
  ++lsn_;
  std::string stored;
  PutFixed64(&stored, 1000);
  stored += std::string(5000, 'x');
  for (int row = 0; row < 10; ++row) {
    space_->Apply(lsn_, EntryKind::kExpiringPut, Key(row), stored);
  }
  Flush();
  std::string value;
  std::optional<WallMicros> expiry;
  EXPECT_EQ(*space_->Get(Key(3), lsn_, &value, /*now=*/999, &expiry), lsn_);
  EXPECT_EQ(value, std::string(5000, 'x'));
  EXPECT_EQ(expiry, 1000);
  EXPECT_EQ(*space_->Get(Key(3), lsn_, &value, /*now=*/1000), 0u);
  EXPECT_THAT(Findings(), IsEmpty());
  // A value that cannot be read does not keep a merge from dropping it.
  const auto runs = space_->version()->runs;
  std::string bytes = *ReadFile(*disk_, "values-1");
  ASSERT_TRUE(disk_->Remove("values-1").ok());
  ASSERT_TRUE(WriteFileSynced(*disk_, "values-1", std::string(bytes.size(), 'z')).ok());
  RetentionPolicy policy = Policy();
  policy.expired_until = 1000;
  const auto merged = space_->WriteCompaction(runs, Path(9), 9, policy);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(*merged, nullptr);
}

TEST_F(ValueFileTest, ARunWithoutItsValueFileDoesNotOpen) {
  WriteRows(0, 10, 5000);
  space_.reset();
  ASSERT_TRUE(disk_->Remove("values-1").ok());
  const auto run = Run::Open(*disk_, Path(1), 1, pool_, metrics_, 0, &values_);
  EXPECT_EQ(run.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("values-1"));
  // Without asking for values it can be looked at.
  const auto alone = Run::Open(*disk_, Path(1), 1, pool_, metrics_);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(*(*alone)->LatestLsn(Key(3)), 1u);
  EXPECT_EQ((*alone)->Get(Key(3), kLsnMax).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ValueFileTest, AnotherNumberANewerVersionAndNonsenseAreRefused) {
  WriteRows(0, 10, 5000);
  space_.reset();
  const std::string good = *ReadFile(*disk_, "values-1");
  const auto open = [&](const std::string& bytes, uint64_t number) {
    disk_->Remove("x").IgnoreError();
    EXPECT_TRUE(WriteFileSynced(*disk_, "x", bytes).ok());
    return ValueFile::Open(*disk_, "x", number, pool_, metrics_).status();
  };
  EXPECT_TRUE(open(good, 1).ok());
  EXPECT_EQ(open(good, 2).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(open(good, 2).message()), HasSubstr("number 1, expected 2"));
  std::string newer = good;
  const size_t trailer = newer.size() - kValueFileTrailerBytes;
  newer[trailer] = 77;
  const uint32_t crc = Crc32c(newer.substr(trailer, 4) + newer.substr(trailer + 8, 8));
  std::memcpy(newer.data() + trailer + 4, &crc, sizeof(crc));
  EXPECT_EQ(open(newer, 1).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(open(newer, 1).message()),
              HasSubstr("version 77, this program reads up to version 1"));
  for (size_t size = 0; size < good.size(); size += 501) {
    const absl::Status status = open(good.substr(0, size), 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(std::string(status.message()), StartsWith("x: offset "));
  }
  // Counts that do not fit, with right checksums.
  for (const uint64_t value_bytes : {uint64_t{0}, ~uint64_t{0}, uint64_t{1} << 63, uint64_t{7}}) {
    std::string wrong = good;
    const size_t footer = wrong.size() - kValueFileTailBytes;
    std::memcpy(wrong.data() + footer + 16, &value_bytes, 8);
    const uint32_t sum = Crc32c(absl::string_view(wrong).substr(footer, 28));
    std::memcpy(wrong.data() + footer + 28, &sum, 4);
    EXPECT_EQ(open(wrong, 1).code(), absl::StatusCode::kDataLoss) << value_bytes;
  }
}

TEST_F(ValueFileTest, DamageIsNamedAndStaysWithTheValuesThatItHit) {
  WriteRows(0, 200, 1500);
  const uint64_t size = disk_->OpenForRead("values-1").value()->size_bytes();
  space_.reset();
  const std::string good = *ReadFile(*disk_, "values-1");
  Random random(TestSeed());
  uint64_t refused = 0, failed = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bytes = good;
    const uint64_t bit = random.Uniform(size * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    ASSERT_TRUE(disk_->Remove("values-1").ok());
    ASSERT_TRUE(WriteFileSynced(*disk_, "values-1", bytes).ok());
    const auto run = Run::Open(*disk_, Path(1), 1, pool_, metrics_, 0, &values_);
    if (!run.ok()) {
      ++refused;
      EXPECT_EQ(run.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(run.status().message()), HasSubstr("values-1: offset "));
      continue;
    }
    MakeSpace({*run});
    uint64_t hit = 0;
    for (const auto& [key, expected] : expected_) {
      std::string value;
      const absl::StatusOr<Lsn> found = space_->Get(key, kLsnMax - 1, &value);
      if (found.ok()) {
        ASSERT_TRUE(value == expected) << "a wrong answer, bit " << bit;
        continue;
      }
      ++hit;
      EXPECT_EQ(found.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(found.status().message()), HasSubstr("values-1: offset "));
      EXPECT_EQ(*space_->LatestLsn(key), 1u) << "keys and versions are whole";
    }
    EXPECT_LE(hit, 5u) << "the damage spreads";
    failed += hit;
    if (hit > 0) {
      EXPECT_THAT(Findings(), SizeIs(1));
      const auto rows = space_->NewIterator({}, kLsnMax - 1);
      while (rows->Valid()) rows->Next();
      EXPECT_EQ(rows->status().code(), absl::StatusCode::kDataLoss);
    }
    space_.reset();
  }
  EXPECT_GT(failed, 0u);
  EXPECT_LT(refused, 20u);
}

TEST_F(ValueFileTest, ACheckNoticesReferencesThatCannotBe) {
  // A run that refers to another's values, twice to the same and once past the end of one.
  WriteRows(0, 3, 5000);
  const auto write = [&](uint64_t number, std::vector<ApartValue> places) {
    auto writer = RunWriter::Create(*disk_, Path(number), {.file_number = number});
    ASSERT_TRUE(writer.ok());
    int row = 0;
    for (const ApartValue& place : places) {
      ASSERT_TRUE((*writer)->AddApart(Key(++row), 1, EntryKind::kPut, place).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  };
  write(20, {{.file_number = 1, .offset = 0, .size_bytes = 5000},
             {.file_number = 1, .offset = 4999, .size_bytes = 5000}});
  auto run = Run::Open(*disk_, Path(20), 20, pool_, metrics_, 0, &values_);
  ASSERT_TRUE(run.ok()) << run.status();
  MakeSpace({*run});
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("values-1: offset 4999: a value begins within")));

  write(21, {{.file_number = 1, .offset = 14000, .size_bytes = 1001}});
  run = Run::Open(*disk_, Path(21), 21, pool_, metrics_, 0, &values_);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto found = (*run)->Get(Key(1), kLsnMax);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("which does not hold it"));

  write(22, {{.file_number = 1, .offset = 0, .size_bytes = 15001}});
  EXPECT_EQ(Run::Open(*disk_, Path(22), 22, pool_, metrics_, 0, &values_).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kyrodb::engine
