// Goal:   every file system keeps the promises of file_system.h, so that what is tested on one of
//         them holds on the others.
// Method: one conformance suite, run over the real disk (in a private directory), the disk in
//         memory, and the fault injector without a fault; then the free functions.
#include "engine/base/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/fault_file_system.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum class Which { kPosix, kMemory, kFault };

class FileSystemTest : public ::testing::TestWithParam<Which> {
 protected:
  void SetUp() override {
    if (GetParam() == Which::kPosix) {
      std::string name = JoinPath(::testing::TempDir(), "kyro_fs_XXXXXX");
      ASSERT_NE(::mkdtemp(name.data()), nullptr);
      directory_ = name;
      file_system_ = NewPosixFileSystem();
    } else {
      memory_ = NewMemoryFileSystem();
      directory_ = "/work";
      ASSERT_THAT(memory_->CreateDirectory(directory_), IsOk());
      if (GetParam() == Which::kMemory) {
        file_system_ = std::move(memory_);
      } else {
        file_system_ = NewFaultFileSystem(memory_.get());
      }
    }
  }

  void TearDown() override {
    if (GetParam() == Which::kPosix) std::filesystem::remove_all(directory_);
  }

  std::string Path(absl::string_view name) const { return JoinPath(directory_, name); }

  void Put(absl::string_view name, absl::string_view bytes) {
    ASSERT_THAT(WriteFileSynced(*file_system_, Path(name), bytes), IsOk());
  }

  std::string Get(absl::string_view name) {
    const absl::StatusOr<std::string> bytes = ReadFile(*file_system_, Path(name));
    return bytes.ok() ? *bytes : bytes.status().ToString();
  }

  std::unique_ptr<MemoryFileSystem> memory_;
  std::unique_ptr<FileSystem> file_system_;
  std::string directory_;
};

TEST_P(FileSystemTest, WhatIsWrittenIsReadBack) {
  auto file = file_system_->Create(Path("a"));
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->Write(0, "hello world"), IsOk());
  EXPECT_THAT((*file)->Write(6, "there"), IsOk());
  EXPECT_THAT((*file)->Write(3, ""), IsOk());
  EXPECT_THAT((*file)->Sync(), IsOk());
  EXPECT_THAT((*file)->Close(), IsOk());
  EXPECT_EQ(Get("a"), "hello there");
}

TEST_P(FileSystemTest, WritesPastTheEndLeaveZeros) {
  auto file = file_system_->Create(Path("a")).value();
  ASSERT_THAT(file->Write(20000, "x"), IsOk());
  ASSERT_THAT(file->Write(2, "y"), IsOk());
  std::string expected(20001, '\0');
  expected[20000] = 'x';
  expected[2] = 'y';
  EXPECT_EQ(Get("a"), expected);
}

TEST_P(FileSystemTest, TruncateCutsAndGrowsWithZeros) {
  auto file = file_system_->Create(Path("a")).value();
  ASSERT_THAT(file->Write(0, std::string(9000, 'x')), IsOk());
  ASSERT_THAT(file->Truncate(5), IsOk());
  EXPECT_EQ(Get("a"), "xxxxx");
  ASSERT_THAT(file->Truncate(9001), IsOk());
  EXPECT_EQ(Get("a"), "xxxxx" + std::string(8996, '\0'));
  ASSERT_THAT(file->Truncate(0), IsOk());
  EXPECT_EQ(Get("a"), "");
}

TEST_P(FileSystemTest, RandomWritesMatchAString) {
  Random random(1);
  auto file = file_system_->Create(Path("a")).value();
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    if (random.OneIn(8)) {
      const auto size = static_cast<size_t>(random.Uniform(40000));
      ASSERT_THAT(file->Truncate(size), IsOk());
      expected.resize(size, '\0');
    } else {
      const auto offset = static_cast<size_t>(random.Uniform(40000));
      const std::string bytes(static_cast<size_t>(1 + random.Uniform(12000)),
                              static_cast<char>('a' + random.Uniform(26)));
      ASSERT_THAT(file->Write(offset, bytes), IsOk());
      if (expected.size() < offset + bytes.size()) expected.resize(offset + bytes.size(), '\0');
      expected.replace(offset, bytes.size(), bytes);
    }
    if (random.OneIn(5)) {
      ASSERT_THAT(file->Sync(), IsOk());
    }
    ASSERT_TRUE(Get("a") == expected) << "at step " << i;
  }
}

TEST_P(FileSystemTest, ReadIsShortOnlyAtTheEnd) {
  Put("a", "0123456789");
  auto file = file_system_->OpenForRead(Path("a")).value();
  EXPECT_EQ(file->size_bytes(), 10u);
  char buffer[16] = {};
  EXPECT_EQ(file->Read(2, 3, buffer).value(), 3u);
  EXPECT_EQ(std::string(buffer, 3), "234");
  EXPECT_EQ(file->Read(8, 16, buffer).value(), 2u);
  EXPECT_EQ(std::string(buffer, 2), "89");
  EXPECT_EQ(file->Read(10, 1, buffer).value(), 0u);
  EXPECT_EQ(file->Read(0, 0, buffer).value(), 0u);
  EXPECT_EQ(file->Read(std::numeric_limits<uint64_t>::max(), 1, buffer).value(), 0u);
}

TEST_P(FileSystemTest, OpenReadersSeeLaterWritesButTheOldSize) {
  auto writer = file_system_->Create(Path("a")).value();
  ASSERT_THAT(writer->Write(0, "one"), IsOk());
  auto reader = file_system_->OpenForRead(Path("a")).value();
  ASSERT_THAT(writer->Write(3, "two"), IsOk());
  char buffer[8];
  EXPECT_EQ(reader->Read(0, 8, buffer).value(), 6u);
  EXPECT_EQ(std::string(buffer, 6), "onetwo");
  EXPECT_EQ(reader->size_bytes(), 3u);
}

TEST_P(FileSystemTest, CreateRefusesWhatIsThere) {
  Put("a", "old");
  EXPECT_THAT(file_system_->Create(Path("a")),
              StatusIs(absl::StatusCode::kAlreadyExists, "create \"" + Path("a") + "\""));
  EXPECT_EQ(Get("a"), "old");
  ASSERT_THAT(file_system_->CreateDirectory(Path("d")), IsOk());
  EXPECT_THAT(file_system_->Create(Path("d")), StatusIs(absl::StatusCode::kAlreadyExists, "/d\""));
}

TEST_P(FileSystemTest, MissingNamesAreNotFoundAndNamed) {
  const auto not_found = absl::StatusCode::kNotFound;
  EXPECT_THAT(file_system_->Create(Path("no/a")), StatusIs(not_found, Path("no/a")));
  EXPECT_THAT(file_system_->OpenForRead(Path("a")), StatusIs(not_found, "open \"" + Path("a")));
  EXPECT_THAT(file_system_->Remove(Path("a")), StatusIs(not_found, "remove \"" + Path("a")));
  EXPECT_THAT(file_system_->Rename(Path("a"), Path("b")),
              StatusIs(not_found, "rename \"" + Path("a") + "\" to \"" + Path("b") + "\""));
  EXPECT_THAT(file_system_->List(Path("no")), StatusIs(not_found, "list \"" + Path("no")));
  EXPECT_THAT(file_system_->SyncDirectory(Path("no")), StatusIs(not_found, Path("no")));
  EXPECT_THAT(file_system_->CreateDirectory(Path("no/d")), StatusIs(not_found, Path("no/d")));
  EXPECT_THAT(file_system_->Lock(Path("no/lock"), "me"), StatusIs(not_found, Path("no/lock")));
  Put("here", "x");
  EXPECT_THAT(file_system_->Rename(Path("here"), Path("no/b")), StatusIs(not_found, "no/b"));
  EXPECT_EQ(Get("here"), "x");
}

TEST_P(FileSystemTest, FilesAndDirectoriesAreNotMistakenForEachOther) {
  Put("f", "x");
  ASSERT_THAT(file_system_->CreateDirectory(Path("d")), IsOk());
  const auto unavailable = absl::StatusCode::kUnavailable;
  EXPECT_THAT(file_system_->OpenForRead(Path("d")), StatusIs(unavailable, "directory"));
  EXPECT_THAT(file_system_->List(Path("f")), StatusIs(unavailable, "Not a directory"));
  EXPECT_THAT(file_system_->SyncDirectory(Path("f")), StatusIs(unavailable, "Not a directory"));
  EXPECT_THAT(file_system_->Create(Path("f/a")), StatusIs(unavailable, "Not a directory"));
  EXPECT_THAT(file_system_->CreateDirectory(Path("f")),
              StatusIs(absl::StatusCode::kAlreadyExists, "/f\""));
  EXPECT_THAT(file_system_->Rename(Path("f"), Path("d")), StatusIs(unavailable, "directory"));
  EXPECT_THAT(file_system_->Rename(Path("d"), Path("f")), StatusIs(unavailable, "Not a directory"));
  EXPECT_THAT(file_system_->Lock(Path("d"), "me"), StatusIs(unavailable, "directory"));
  EXPECT_EQ(file_system_->Exists(Path("f/a")).value(), false);
}

TEST_P(FileSystemTest, DirectoriesListTheirNamesSorted) {
  EXPECT_THAT(file_system_->List(directory_).value(), IsEmpty());
  Put("b", "");
  Put("a", "");
  ASSERT_THAT(file_system_->CreateDirectory(Path("c")), IsOk());
  ASSERT_THAT(file_system_->CreateDirectory(Path("c")), IsOk());
  Put("c/inner", "");
  EXPECT_THAT(file_system_->List(directory_).value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(file_system_->List(Path("c/")).value(), ElementsAre("inner"));
  EXPECT_EQ(file_system_->Exists(Path("c/inner")).value(), true);
  EXPECT_EQ(file_system_->Exists(Path("c")).value(), true);
  EXPECT_EQ(file_system_->Exists(Path("nothing")).value(), false);
  EXPECT_THAT(file_system_->SyncDirectory(directory_), IsOk());
}

TEST_P(FileSystemTest, RenameReplacesTheTarget) {
  Put("a", "new");
  Put("b", "old");
  EXPECT_THAT(file_system_->Rename(Path("a"), Path("b")), IsOk());
  EXPECT_EQ(Get("b"), "new");
  EXPECT_THAT(file_system_->List(directory_).value(), ElementsAre("b"));
  EXPECT_THAT(file_system_->Rename(Path("b"), Path("b")), IsOk());
  EXPECT_EQ(Get("b"), "new");
}

TEST_P(FileSystemTest, RenameMovesBetweenDirectories) {
  Put("a", "x");
  ASSERT_THAT(file_system_->CreateDirectory(Path("d")), IsOk());
  EXPECT_THAT(file_system_->Rename(Path("a"), Path("d/b")), IsOk());
  EXPECT_THAT(file_system_->List(directory_).value(), ElementsAre("d"));
  EXPECT_EQ(Get("d/b"), "x");
  EXPECT_THAT(file_system_->Rename(Path("d"), Path("d/e")),
              StatusIs(absl::StatusCode::kUnavailable, "Invalid argument"));
  EXPECT_THAT(file_system_->Rename(Path("d"), Path("e")), IsOk());
  EXPECT_EQ(Get("e/b"), "x");
}

TEST_P(FileSystemTest, ALinkIsTheSameFileUnderAnotherName) {
  Put("a", "x");
  ASSERT_THAT(file_system_->CreateDirectory(Path("d")), IsOk());
  ASSERT_THAT(file_system_->Link(Path("a"), Path("d/b")), IsOk());
  EXPECT_EQ(Get("d/b"), "x");
  EXPECT_THAT(file_system_->Remove(Path("a")), IsOk());
  EXPECT_EQ(Get("d/b"), "x");
  Put("c", "other");
  EXPECT_THAT(file_system_->Link(Path("c"), Path("d/b")),
              StatusIs(absl::StatusCode::kAlreadyExists, Path("d/b")));
  EXPECT_EQ(Get("d/b"), "x");
  EXPECT_THAT(file_system_->Link(Path("none"), Path("e")),
              StatusIs(absl::StatusCode::kNotFound, Path("none")));
  EXPECT_THAT(file_system_->Link(Path("c"), Path("no/e")),
              StatusIs(absl::StatusCode::kNotFound, "no"));
}

TEST_P(FileSystemTest, ACopyIsAFileOfItsOwn) {
  const std::string bytes(3'000'000, 'y');
  Put("a", bytes);
  ASSERT_THAT(CopyFileSynced(*file_system_, Path("a"), Path("b")), IsOk());
  EXPECT_EQ(Get("b"), bytes);
  ASSERT_THAT(CopyFileSynced(*file_system_, Path("a"), Path("c"), 10), IsOk());
  EXPECT_EQ(Get("c"), std::string(10, 'y'));
  EXPECT_THAT(CopyFileSynced(*file_system_, Path("a"), Path("b")),
              StatusIs(absl::StatusCode::kAlreadyExists, Path("b")));
}

TEST_P(FileSystemTest, RemoveTakesFilesAndEmptyDirectories) {
  Put("a", "x");
  EXPECT_THAT(file_system_->Remove(Path("a")), IsOk());
  EXPECT_EQ(file_system_->Exists(Path("a")).value(), false);
  ASSERT_THAT(file_system_->CreateDirectory(Path("d")), IsOk());
  Put("d/a", "x");
  EXPECT_THAT(file_system_->Remove(Path("d")),
              StatusIs(absl::StatusCode::kUnavailable, "not empty"));
  EXPECT_THAT(file_system_->Remove(Path("d/a")), IsOk());
  EXPECT_THAT(file_system_->Remove(Path("d")), IsOk());
  EXPECT_THAT(file_system_->List(directory_).value(), IsEmpty());
}

TEST_P(FileSystemTest, OpenFilesFollowRenamesAndOutliveRemoval) {
  auto writer = file_system_->Create(Path("a")).value();
  ASSERT_THAT(writer->Write(0, "one"), IsOk());
  auto reader = file_system_->OpenForRead(Path("a")).value();
  ASSERT_THAT(file_system_->Rename(Path("a"), Path("b")), IsOk());
  ASSERT_THAT(writer->Write(3, "two"), IsOk());
  EXPECT_EQ(Get("b"), "onetwo");
  ASSERT_THAT(file_system_->Remove(Path("b")), IsOk());
  Put("b", "another");
  ASSERT_THAT(writer->Write(6, "three"), IsOk());
  EXPECT_THAT(writer->Sync(), IsOk());
  char buffer[16];
  EXPECT_EQ(reader->Read(0, 16, buffer).value(), 11u);
  EXPECT_EQ(std::string(buffer, 11), "onetwothree");
  EXPECT_EQ(Get("b"), "another");
}

TEST_P(FileSystemTest, ClosedFilesRefuseEverythingButClose) {
  auto file = file_system_->Create(Path("a")).value();
  ASSERT_THAT(file->Close(), IsOk());
  EXPECT_THAT(file->Close(), IsOk());
  const auto failed = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(file->Write(0, "x"), StatusIs(failed, "closed"));
  EXPECT_THAT(file->Sync(), StatusIs(failed, "closed"));
  EXPECT_THAT(file->Truncate(1), StatusIs(failed, "closed"));
  EXPECT_EQ(Get("a"), "");
}

TEST_P(FileSystemTest, ImpossibleOffsetsAreErrors) {
  auto file = file_system_->Create(Path("a")).value();
  const uint64_t max = std::numeric_limits<uint64_t>::max();
  const auto unavailable = absl::StatusCode::kUnavailable;
  EXPECT_THAT(file->Write(max, "x"), StatusIs(unavailable, "File too large"));
  EXPECT_THAT(file->Write(max - 1, "xx"), StatusIs(unavailable, "File too large"));
  EXPECT_THAT(file->Truncate(max), StatusIs(unavailable, "File too large"));
  EXPECT_EQ(Get("a"), "");
}

TEST_P(FileSystemTest, LockExcludesOtherOpenersAndNamesTheHolder) {
  auto lock = file_system_->Lock(Path("LOCK"), "process 17, host \"a\"\n");
  ASSERT_THAT(lock, IsOk());
  EXPECT_THAT(
      file_system_->Lock(Path("LOCK"), "process 18"),
      StatusIs(absl::StatusCode::kFailedPrecondition, "held by process 17, host \\\"a\\\"\\n"));
  EXPECT_THAT(file_system_->Lock(Path("OTHER"), "process 18"), IsOk());
  lock->reset();
  auto next = file_system_->Lock(Path("LOCK"), "p");
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(Get("LOCK"), "p");
  EXPECT_THAT(file_system_->Lock(Path("LOCK"), "process 18"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "held by p"));
}

TEST_P(FileSystemTest, ReadersAndNamesMayBeUsedByManyThreads) {
  Put("shared", std::string(50000, 's'));
  const auto reader = file_system_->OpenForRead(Path("shared")).value();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string mine = Path("t" + std::to_string(t));
      std::vector<char> buffer(60000);
      for (int i = 0; i < 40; ++i) {
        auto file = file_system_->Create(mine);
        ASSERT_THAT(file, IsOk());
        ASSERT_THAT((*file)->Write(0, "mine"), IsOk());
        ASSERT_THAT(file_system_->Rename(mine, mine + "x"), IsOk());
        ASSERT_EQ(reader->Read(0, buffer.size(), buffer.data()).value(), 50000u);
        ASSERT_EQ(ReadFile(*file_system_, mine + "x").value(), "mine");
        ASSERT_THAT(file_system_->List(directory_), IsOk());
        ASSERT_THAT(file_system_->Remove(mine + "x"), IsOk());
      }
    });
  }
  threads.clear();
  EXPECT_THAT(file_system_->List(directory_).value(), ElementsAre("shared"));
}

TEST_P(FileSystemTest, ReadFileRefusesWhatIsTooLarge) {
  Put("a", "0123456789");
  EXPECT_EQ(ReadFile(*file_system_, Path("a"), 10).value(), "0123456789");
  EXPECT_THAT(ReadFile(*file_system_, Path("a"), 9),
              StatusIs(absl::StatusCode::kDataLoss, "has 10 bytes, expected at most 9"));
}

TEST_P(FileSystemTest, WriteFileSyncedRefusesWhatIsThere) {
  Put("a", "old");
  EXPECT_THAT(WriteFileSynced(*file_system_, Path("a"), "new"),
              StatusIs(absl::StatusCode::kAlreadyExists, "/a\""));
  EXPECT_EQ(Get("a"), "old");
}

INSTANTIATE_TEST_SUITE_P(Each, FileSystemTest,
                         ::testing::Values(Which::kPosix, Which::kMemory, Which::kFault),
                         [](const ::testing::TestParamInfo<Which>& param) {
                           switch (param.param) {
                             case Which::kPosix:
                               return "Posix";
                             case Which::kMemory:
                               return "Memory";
                             case Which::kFault:
                               return "Fault";
                           }
                           return "";
                         });

TEST(JoinPathTest, PutsExactlyOneSlashBetween) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("a//", "/b/c"), "a/b/c");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

}  // namespace
}  // namespace kyrodb
