// Goal:   each kind of fault fails the operations it names, at the place asked for, once or for
//         ever, with the code of the real error and the effect that the header states.
// Method: every kind over a disk in memory, whose crash copies show what reached the device.
#include "engine/base/fault_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/memory_file_system.h"
#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Fault::Kind;

class FaultFileSystemTest : public ::testing::Test {
 protected:
  std::string Get(absl::string_view path) {
    const absl::StatusOr<std::string> bytes = ReadFile(*memory_, path);
    return bytes.ok() ? *bytes : bytes.status().ToString();
  }

  std::unique_ptr<MemoryFileSystem> memory_ = NewMemoryFileSystem();
  std::unique_ptr<FaultFileSystem> faults_ = NewFaultFileSystem(memory_.get());
};

TEST_F(FaultFileSystemTest, FailsOnceAtThePlaceAskedFor) {
  auto file = faults_->Create("a").value();
  faults_->SetFault({.kind = Kind::kWriteError, .at = 2});
  EXPECT_THAT(file->Write(0, "0"), IsOk());
  EXPECT_THAT(file->Write(1, "1"), IsOk());
  EXPECT_EQ(faults_->failure_count(), 0u);
  EXPECT_THAT(file->Write(2, "2"),
              StatusIs(absl::StatusCode::kUnavailable, "write \"a\": Input/output error"));
  EXPECT_THAT(file->Write(2, "3"), IsOk());
  EXPECT_EQ(faults_->failure_count(), 1u);
  EXPECT_EQ(Get("a"), "013");
}

TEST_F(FaultFileSystemTest, FailsForEverUntilCleared) {
  auto file = faults_->Create("a").value();
  faults_->SetFault({.kind = Kind::kWriteError, .at = 1, .forever = true});
  EXPECT_THAT(file->Write(0, "0"), IsOk());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(file->Write(1, "1").ok());
  EXPECT_EQ(faults_->failure_count(), 5u);
  faults_->ClearFault();
  EXPECT_EQ(faults_->failure_count(), 5u);
  EXPECT_THAT(file->Write(1, "2"), IsOk());
  EXPECT_EQ(Get("a"), "02");
  faults_->SetFault({.kind = Kind::kWriteError, .at = 0});
  EXPECT_EQ(faults_->failure_count(), 0u);
}

// The operations that the kinds tell apart, each against a prepared disk.
struct Operation {
  std::string name;
  std::function<absl::Status(FileSystem&, WritableFile&, RandomAccessFile&)> run;
};

std::vector<Operation> Operations() {
  return {
      {"create", [](FileSystem& fs, auto&, auto&) { return fs.Create("new").status(); }},
      {"create_directory", [](FileSystem& fs, auto&, auto&) { return fs.CreateDirectory("nd"); }},
      {"write", [](auto&, WritableFile& file, auto&) { return file.Write(0, "new bytes"); }},
      {"grow", [](auto&, WritableFile& file, auto&) { return file.Truncate(100); }},
      {"shrink", [](auto&, WritableFile& file, auto&) { return file.Truncate(1); }},
      {"rename", [](FileSystem& fs, auto&, auto&) { return fs.Rename("other", "moved"); }},
      {"link", [](FileSystem& fs, auto&, auto&) { return fs.Link("other", "linked"); }},
      {"remove", [](FileSystem& fs, auto&, auto&) { return fs.Remove("other"); }},
      {"sync", [](auto&, WritableFile& file, auto&) { return file.Sync(); }},
      {"sync_directory", [](FileSystem& fs, auto&, auto&) { return fs.SyncDirectory("/"); }},
      {"open", [](FileSystem& fs, auto&, auto&) { return fs.OpenForRead("other").status(); }},
      {"list", [](FileSystem& fs, auto&, auto&) { return fs.List("/").status(); }},
      {"exists", [](FileSystem& fs, auto&, auto&) { return fs.Exists("other").status(); }},
      {"read",
       [](auto&, auto&, RandomAccessFile& file) {
         char buffer[4];
         return file.Read(0, 4, buffer).status();
       }},
      {"close", [](auto&, WritableFile& file, auto&) { return file.Close(); }},
      {"lock", [](FileSystem& fs, auto&, auto&) { return fs.Lock("LOCK", "me").status(); }},
  };
}

// Runs every operation on its own fresh disk under `fault`; returns the names of those that fail,
// after checking the code and that a failed operation changed nothing.
std::vector<std::string> FailingOperations(Kind kind, absl::StatusCode code, bool forever) {
  std::vector<std::string> failing;
  for (const Operation& operation : Operations()) {
    const auto memory = NewMemoryFileSystem();
    const auto faults = NewFaultFileSystem(memory.get());
    EXPECT_THAT(WriteFileSynced(*faults, "other", "other bytes"), IsOk());
    const auto file = faults->Create("file").value();
    EXPECT_THAT(file->Write(0, "old bytes"), IsOk());
    const auto reader = faults->OpenForRead("other").value();
    const auto before_names = memory->List("/").value();
    faults->SetFault({.kind = kind, .at = 0, .forever = forever});
    const absl::Status status = operation.run(*faults, *file, *reader);
    EXPECT_EQ(faults->failure_count(), status.ok() ? 0u : 1u) << operation.name;
    if (status.ok()) continue;
    EXPECT_EQ(status.code(), code) << operation.name;
    failing.push_back(operation.name);
    if (kind != Kind::kShortWrite) {
      EXPECT_EQ(memory->List("/").value(), before_names);
      EXPECT_EQ(ReadFile(*memory, "file").value(), "old bytes");
      EXPECT_EQ(ReadFile(*memory, "other").value(), "other bytes");
    }
    // What comes next fails again only for ever.
    const absl::Status again = operation.run(*faults, *file, *reader);
    EXPECT_EQ(again.ok(), !forever) << operation.name << ": " << again;
  }
  return failing;
}

TEST_F(FaultFileSystemTest, EachKindFailsTheOperationsItNames) {
  for (bool forever : {false, true}) {
    EXPECT_THAT(FailingOperations(Kind::kReadError, absl::StatusCode::kUnavailable, forever),
                ElementsAre("open", "list", "exists", "read"));
    EXPECT_THAT(FailingOperations(Kind::kWriteError, absl::StatusCode::kUnavailable, forever),
                ElementsAre("create", "create_directory", "write", "grow", "shrink", "rename",
                            "link", "remove"));
    EXPECT_THAT(FailingOperations(Kind::kSyncError, absl::StatusCode::kUnavailable, forever),
                ElementsAre("sync", "sync_directory"));
    EXPECT_THAT(FailingOperations(Kind::kDiskFull, absl::StatusCode::kResourceExhausted, forever),
                ElementsAre("create", "create_directory", "write", "grow", "link"));
    EXPECT_THAT(FailingOperations(Kind::kShortWrite, absl::StatusCode::kUnavailable, forever),
                ElementsAre("write"));
  }
}

TEST_F(FaultFileSystemTest, ShortWriteLeavesTheFirstHalf) {
  auto file = faults_->Create("a").value();
  faults_->SetFault({.kind = Kind::kShortWrite, .at = 0});
  EXPECT_THAT(file->Write(3, "01234567"),
              StatusIs(absl::StatusCode::kUnavailable, "wrote 4 of 8 bytes"));
  EXPECT_EQ(Get("a"), std::string("\0\0\0", 3) + "0123");
}

TEST_F(FaultFileSystemTest, FailedSyncIsNotHealedByASecondOne) {
  auto file = faults_->Create("a").value();
  ASSERT_THAT(file->Write(0, "first"), IsOk());
  ASSERT_THAT(file->Sync(), IsOk());
  ASSERT_THAT(faults_->SyncDirectory("/"), IsOk());
  ASSERT_THAT(file->Write(5, " second"), IsOk());
  faults_->SetFault({.kind = Kind::kSyncError, .at = 0});
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kUnavailable, "sync \"a\""));
  // A writer that trusts this OK loses acknowledged bytes in the crash.
  EXPECT_THAT(file->Sync(), IsOk());
  EXPECT_EQ(Get("a"), "first second");
  const auto crashed = memory_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1);
  EXPECT_EQ(ReadFile(*crashed, "a").value(), "first");
  // Another file is not touched by it.
  ASSERT_THAT(WriteFileSynced(*faults_, "b", "whole"), IsOk());
  ASSERT_THAT(faults_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(ReadFile(*memory_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1), "b").value(),
            "whole");
}

TEST_F(FaultFileSystemTest, FailedDirectorySyncMakesNoNameDurable) {
  ASSERT_THAT(WriteFileSynced(*faults_, "a", "x"), IsOk());
  faults_->SetFault({.kind = Kind::kSyncError, .at = 0});
  EXPECT_FALSE(faults_->SyncDirectory("/").ok());
  EXPECT_THAT(memory_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1)->List("/").value(),
              IsEmpty());
  EXPECT_THAT(faults_->SyncDirectory("/"), IsOk());
  EXPECT_THAT(memory_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1)->List("/").value(),
              ElementsAre("a"));
}

TEST_F(FaultFileSystemTest, WriteFileSyncedLeavesNothingBehindWhenItFails) {
  for (Kind kind : {Kind::kDiskFull, Kind::kWriteError, Kind::kShortWrite, Kind::kSyncError}) {
    // The creation is the first operation of the first two kinds, the write the second.
    const uint64_t at = kind == Kind::kDiskFull || kind == Kind::kWriteError ? 1 : 0;
    faults_->SetFault({.kind = kind, .at = at});
    EXPECT_FALSE(WriteFileSynced(*faults_, "a", "bytes").ok());
    EXPECT_EQ(faults_->failure_count(), 1u);
    EXPECT_THAT(memory_->List("/").value(), IsEmpty());
  }
}

TEST_F(FaultFileSystemTest, FilesMayOutliveTheFileSystem) {
  auto file = faults_->Create("a").value();
  faults_.reset();
  EXPECT_THAT(file->Write(0, "x"), IsOk());
}

}  // namespace
}  // namespace kyrodb
