// Goal:   a crash of the disk in memory leaves what was synced, may leave what was not, and never
//         leaves anything else; and it is cheap enough to be done many thousand times.
// Method: one case per promise, each both ways where the outcome is drawn (seen kept and seen lost
//         over many seeds); then random histories against a model written here that knows, for each
//         file, every value that each sector had since the last sync, and for each directory, every
//         state since its last sync.
#include "engine/base/memory_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "engine/base/random.h"
#include "tests/base/status_is.h"

namespace kyrodb {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Survivors = MemoryFileSystem::Survivors;

constexpr uint64_t kSector = 512;

// The content of a file, or the error.
std::string Get(FileSystem& file_system, absl::string_view path) {
  const absl::StatusOr<std::string> bytes = ReadFile(file_system, path);
  return bytes.ok() ? *bytes : bytes.status().ToString();
}

class MemoryFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<MemoryFileSystem> Crash(Survivors survivors, uint64_t seed = 1) const {
    return disk_->CrashCopy(survivors, seed);
  }

  // Writes a file and makes it and its name durable.
  std::unique_ptr<WritableFile> PutDurable(absl::string_view path, absl::string_view bytes) {
    auto file = disk_->Create(path).value();
    EXPECT_THAT(file->Write(0, bytes), IsOk());
    EXPECT_THAT(file->Sync(), IsOk());
    EXPECT_THAT(disk_->SyncDirectory("/"), IsOk());
    return file;
  }

  // Every outcome of `look` over many random crashes.
  std::set<std::string> Outcomes(const std::function<std::string(FileSystem&)>& look,
                                 uint64_t seed_count = 400) const {
    std::set<std::string> outcomes;
    for (uint64_t seed = 0; seed < seed_count; ++seed) {
      outcomes.insert(look(*Crash(Survivors::kRandom, seed)));
    }
    return outcomes;
  }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
};

TEST_F(MemoryFileSystemTest, SyncedBytesSurviveAndUnsyncedDoNotUnderNone) {
  auto file = PutDurable("a", "synced");
  ASSERT_THAT(file->Write(6, " lost"), IsOk());
  EXPECT_EQ(Get(*disk_, "a"), "synced lost");
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "synced");
  EXPECT_EQ(Get(*Crash(Survivors::kAll), "a"), "synced lost");
}

TEST_F(MemoryFileSystemTest, SyncMakesBytesDurableButNotTheName) {
  ASSERT_THAT(WriteFileSynced(*disk_, "a", "x"), IsOk());
  EXPECT_THAT(Crash(Survivors::kNone)->List("/").value(), IsEmpty());
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "x");
}

TEST_F(MemoryFileSystemTest, NameMayBeDurableWithoutItsBytes) {
  auto file = disk_->Create("a").value();
  ASSERT_THAT(file->Write(0, "never synced"), IsOk());
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "");
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return Get(fs, "a"); }),
              UnorderedElementsAre("", "never synced", std::string(12, '\0')));
}

TEST_F(MemoryFileSystemTest, UnsyncedNameIsDrawn) {
  ASSERT_THAT(WriteFileSynced(*disk_, "a", "x"), IsOk());
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return fs.Exists("a").value() ? "yes" : "no"; }),
              UnorderedElementsAre("yes", "no"));
}

TEST_F(MemoryFileSystemTest, RenameWithoutDirectorySyncMayBeUndone) {
  PutDurable("current", "old");
  PutDurable("next", "new");
  ASSERT_THAT(disk_->Rename("next", "current"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "current"), "old");
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "next"), "new");
  EXPECT_THAT(Outcomes([](FileSystem& fs) {
                return absl::StrCat(Get(fs, "current"), fs.Exists("next").value() ? "+next" : "");
              }),
              UnorderedElementsAre("old+next", "new"));
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "current"), "new");
  EXPECT_THAT(Crash(Survivors::kNone)->List("/").value(), ElementsAre("current"));
}

TEST_F(MemoryFileSystemTest, RenameOfAnUnsyncedFileMayReplaceGoodBytesByNothing) {
  // The classic mistake: write, rename, sync the directory, and never sync the file.
  PutDurable("current", "old");
  auto file = disk_->Create("next").value();
  ASSERT_THAT(file->Write(0, "new"), IsOk());
  ASSERT_THAT(disk_->Rename("next", "current"), IsOk());
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "current"), "");
}

TEST_F(MemoryFileSystemTest, RemovalWithoutDirectorySyncMayBeUndone) {
  PutDurable("a", "x");
  ASSERT_THAT(disk_->Remove("a"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "x");
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return fs.Exists("a").value() ? "yes" : "no"; }),
              UnorderedElementsAre("yes", "no"));
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Crash(Survivors::kNone)->Exists("a").value(), false);
}

TEST_F(MemoryFileSystemTest, NameUsedAgainLeadsToOneFileOrTheOther) {
  PutDurable("a", "first");
  ASSERT_THAT(disk_->Remove("a"), IsOk());
  ASSERT_THAT(WriteFileSynced(*disk_, "a", "second"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "first");
  const std::set<std::string> outcomes =
      Outcomes([](FileSystem& fs) { return fs.Exists("a").value() ? Get(fs, "a") : "gone"; });
  EXPECT_THAT(outcomes, UnorderedElementsAre("first", "gone", "second"));
}

TEST_F(MemoryFileSystemTest, DirectoryChangesSurviveInOrder) {
  for (const char* name : {"a", "b", "c"}) ASSERT_THAT(WriteFileSynced(*disk_, name, "x"), IsOk());
  EXPECT_THAT(Outcomes([](FileSystem& fs) {
                std::string names;
                const std::vector<std::string> listed = fs.List("/").value();
                for (const std::string& name : listed) names += name;
                return names;
              }),
              UnorderedElementsAre("", "a", "ab", "abc"));
}

TEST_F(MemoryFileSystemTest, DirectoryIsLostWithAllThatIsInIt) {
  ASSERT_THAT(disk_->CreateDirectory("/d"), IsOk());
  ASSERT_THAT(WriteFileSynced(*disk_, "/d/a", "x"), IsOk());
  ASSERT_THAT(disk_->SyncDirectory("/d"), IsOk());
  EXPECT_EQ(Crash(Survivors::kNone)->Exists("/d").value(), false);
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "/d/a"), "x");
}

TEST_F(MemoryFileSystemTest, RenameBetweenDirectoriesIsAChangeInEach) {
  ASSERT_THAT(disk_->CreateDirectory("/d"), IsOk());
  auto file = PutDurable("/a", "x");
  ASSERT_THAT(disk_->Rename("/a", "/d/a"), IsOk());
  ASSERT_THAT(disk_->SyncDirectory("/d"), IsOk());
  const auto both = Crash(Survivors::kNone);
  EXPECT_EQ(Get(*both, "/a"), "x");
  EXPECT_EQ(Get(*both, "/d/a"), "x");
  // Two names of one file, as a lock on either shows.
  const auto lock = both->Lock("/a", "me");
  ASSERT_THAT(lock, IsOk());
  EXPECT_THAT(both->Lock("/d/a", "me"), StatusIs(absl::StatusCode::kFailedPrecondition, "me"));
  ASSERT_THAT(disk_->SyncDirectory("/"), IsOk());
  EXPECT_EQ(Crash(Survivors::kNone)->Exists("/a").value(), false);
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "/d/a"), "x");
}

TEST_F(MemoryFileSystemTest, WritesTearBetweenSectorsOnly) {
  auto file = PutDurable("a", std::string(4 * kSector, 'o'));
  ASSERT_THAT(file->Write(0, std::string(4 * kSector, 'n')), IsOk());
  const std::set<std::string> outcomes = Outcomes([](FileSystem& fs) {
    const std::string bytes = Get(fs, "a");
    if (bytes.size() != 4 * kSector) return std::string("size changed");
    std::string sectors;
    for (size_t s = 0; s < 4; ++s) {
      const std::string sector = bytes.substr(s * kSector, kSector);
      const bool is_whole = sector == std::string(kSector, sector[0]);
      sectors += is_whole ? sector[0] : '?';
    }
    return sectors;
  });
  std::set<std::string> all;
  for (int mask = 0; mask < 16; ++mask) {
    std::string sectors;
    for (int s = 0; s < 4; ++s) sectors += (mask >> s & 1) != 0 ? 'n' : 'o';
    all.insert(sectors);
  }
  EXPECT_EQ(outcomes, all);
}

TEST_F(MemoryFileSystemTest, KeptSectorMayBeFromAnyOfItsWrites) {
  auto file = PutDurable("a", "0");
  for (const char* bytes : {"1", "2", "3"}) ASSERT_THAT(file->Write(0, bytes), IsOk());
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return Get(fs, "a"); }),
              UnorderedElementsAre("0", "1", "2", "3"));
}

TEST_F(MemoryFileSystemTest, GrowthMayOrMayNotSurviveWithItsBytes) {
  auto file = PutDurable("a", std::string(kSector, 'o'));
  ASSERT_THAT(file->Write(kSector, std::string(kSector, 'n')), IsOk());
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return Get(fs, "a"); }),
              UnorderedElementsAre(std::string(kSector, 'o'),
                                   std::string(kSector, 'o') + std::string(kSector, '\0'),
                                   std::string(kSector, 'o') + std::string(kSector, 'n')));
}

TEST_F(MemoryFileSystemTest, TruncateIsDrawnLikeAWrite) {
  auto file = PutDurable("a", "long");
  ASSERT_THAT(file->Truncate(2), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "long");
  const std::set<std::string> outcomes = Outcomes([](FileSystem& fs) { return Get(fs, "a"); });
  // The size may be kept while the cut bytes are already zero.
  EXPECT_THAT(outcomes, UnorderedElementsAre("long", "lo", std::string("lo\0\0", 4)));
  ASSERT_THAT(file->Sync(), IsOk());
  EXPECT_EQ(Get(*Crash(Survivors::kNone), "a"), "lo");
}

TEST_F(MemoryFileSystemTest, SyncCoversOneFileOnly) {
  auto a = PutDurable("a", "a0");
  auto b = PutDurable("b", "b0");
  ASSERT_THAT(a->Write(0, "a1"), IsOk());
  ASSERT_THAT(b->Write(0, "b1"), IsOk());
  ASSERT_THAT(b->Sync(), IsOk());
  const auto crashed = Crash(Survivors::kNone);
  EXPECT_EQ(Get(*crashed, "a"), "a0");
  EXPECT_EQ(Get(*crashed, "b"), "b1");
}

TEST_F(MemoryFileSystemTest, SyncedFilesAreTheSameAfterEveryCrash) {
  PutDurable("a", std::string(10000, 'x'));
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return Get(fs, "a"); }),
              UnorderedElementsAre(std::string(10000, 'x')));
}

TEST_F(MemoryFileSystemTest, FatesOfFilesAreIndependent) {
  auto a = PutDurable("a", "0");
  auto b = PutDurable("b", "0");
  ASSERT_THAT(a->Write(0, "1"), IsOk());
  ASSERT_THAT(b->Write(0, "1"), IsOk());
  EXPECT_THAT(Outcomes([](FileSystem& fs) { return Get(fs, "a") + Get(fs, "b"); }),
              UnorderedElementsAre("00", "01", "10", "11"));
}

TEST_F(MemoryFileSystemTest, CopiesAreIndependentAndWhollyDurable) {
  auto file = PutDurable("a", "base");
  ASSERT_THAT(file->Write(0, "B"), IsOk());
  const auto copy = Crash(Survivors::kAll);
  EXPECT_EQ(copy->operation_count(), 0u);
  ASSERT_THAT(file->Write(1, "A"), IsOk());
  ASSERT_THAT(disk_->Rename("a", "moved"), IsOk());
  EXPECT_EQ(Get(*copy, "a"), "Base");
  EXPECT_EQ(Get(*copy->CrashCopy(Survivors::kNone, 1), "a"), "Base");
  ASSERT_THAT(copy->Remove("a"), IsOk());
  ASSERT_THAT(WriteFileSynced(*copy, "b", "new"), IsOk());
  EXPECT_THAT(disk_->List("/").value(), ElementsAre("moved"));
  EXPECT_EQ(Get(*disk_, "moved"), "BAse");
  disk_.reset();
  EXPECT_THAT(copy->List("/").value(), ElementsAre("b"));
  EXPECT_THAT(file->Write(0, "still there"), IsOk());
}

TEST_F(MemoryFileSystemTest, CopiesHoldNoLocks) {
  const auto lock = disk_->Lock("LOCK", "first");
  ASSERT_THAT(lock, IsOk());
  const auto copy = Crash(Survivors::kAll);
  EXPECT_THAT(copy->Lock("LOCK", "second"), IsOk());
  EXPECT_THAT(disk_->Lock("LOCK", "third"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "held by first"));
}

TEST_F(MemoryFileSystemTest, EveryStateChangingCallCountsAsOne) {
  EXPECT_EQ(disk_->operation_count(), 0u);
  ASSERT_THAT(disk_->CreateDirectory("/d"), IsOk());
  auto file = disk_->Create("/d/a").value();
  ASSERT_THAT(file->Write(0, "x"), IsOk());
  ASSERT_THAT(file->Truncate(9), IsOk());
  ASSERT_THAT(file->Sync(), IsOk());
  ASSERT_THAT(disk_->Rename("/d/a", "/d/b"), IsOk());
  ASSERT_THAT(disk_->SyncDirectory("/d"), IsOk());
  ASSERT_THAT(disk_->Remove("/d/b"), IsOk());
  EXPECT_EQ(disk_->operation_count(), 8u);
  ASSERT_THAT(disk_->List("/d"), IsOk());
  ASSERT_THAT(disk_->Exists("/d/b"), IsOk());
  ASSERT_THAT(file->Close(), IsOk());
  EXPECT_FALSE(disk_->OpenForRead("/d/b").ok());
  EXPECT_EQ(disk_->operation_count(), 8u);
  EXPECT_FALSE(disk_->Remove("/d/b").ok());
  EXPECT_EQ(disk_->operation_count(), 9u);
}

TEST_F(MemoryFileSystemTest, StoppedDiskRefusesEverythingAndStaysAsItWas) {
  auto file = PutDurable("a", "x");
  auto reader = disk_->OpenForRead("a").value();
  auto lock = disk_->Lock("LOCK", "me").value();
  disk_->StopAtOperation(disk_->operation_count() + 1);
  EXPECT_THAT(file->Write(1, "y"), IsOk());
  EXPECT_EQ(Get(*disk_, "a"), "xy");  // the process lives until it meets the operation
  const auto unavailable = absl::StatusCode::kUnavailable;
  EXPECT_THAT(file->Write(2, "z"), StatusIs(unavailable, "stopped at operation 5"));
  char buffer[1];
  EXPECT_THAT(reader->Read(0, 1, buffer), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(file->Sync(), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(file->Truncate(0), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(file->Close(), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->Create("b"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->OpenForRead("a"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->CreateDirectory("d"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->Rename("a", "b"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->Remove("a"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->SyncDirectory("/"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->List("/"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->Exists("a"), StatusIs(unavailable, "stopped"));
  EXPECT_THAT(disk_->Lock("OTHER", "me"), StatusIs(unavailable, "stopped"));
  EXPECT_EQ(disk_->operation_count(), 5u);

  const auto crashed = Crash(Survivors::kAll);
  EXPECT_EQ(Get(*crashed, "a"), "xy");
  EXPECT_THAT(crashed->List("/").value(), ElementsAre("LOCK", "a"));
  EXPECT_THAT(WriteFileSynced(*crashed, "b", "x"), IsOk());
}

TEST_F(MemoryFileSystemTest, SameHistoryAndSeedGiveTheSameDisk) {
  const auto look = [](uint64_t seed) {
    const auto disk = NewMemoryFileSystem();
    for (const char* name : {"a", "b", "c"}) {
      auto file = disk->Create(name).value();
      for (uint64_t i = 0; i < 20; ++i) {
        EXPECT_THAT(file->Write(i * 300, std::string(700, static_cast<char>('a' + i))), IsOk());
      }
    }
    const auto crashed = disk->CrashCopy(Survivors::kRandom, seed);
    std::string all;
    const std::vector<std::string> names = crashed->List("/").value();
    for (const std::string& name : names) {
      absl::StrAppend(&all, name, "=", Get(*crashed, name), ";");
    }
    return all;
  };
  std::set<std::string> different;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(look(seed), look(seed));
    different.insert(look(seed));
  }
  EXPECT_GT(different.size(), 20u);
}

TEST_F(MemoryFileSystemTest, PathsAreNormalised) {
  ASSERT_THAT(disk_->CreateDirectory("/d"), IsOk());
  ASSERT_THAT(WriteFileSynced(*disk_, "d//a", "x"), IsOk());
  EXPECT_EQ(Get(*disk_, "/d/./a"), "x");
  EXPECT_EQ(Get(*disk_, "./d/../d/a"), "x");
  EXPECT_THAT(disk_->List("").value(), ElementsAre("d"));
  EXPECT_THAT(disk_->Remove("/"), StatusIs(absl::StatusCode::kUnavailable, "remove \"/\""));
  EXPECT_THAT(disk_->Create("/"), StatusIs(absl::StatusCode::kAlreadyExists, "create \"/\""));
}

TEST_F(MemoryFileSystemTest, CrashCopiesMayBeTakenWhileOthersReadAndWrite) {
  auto file = PutDurable("a", std::string(100000, '0'));
  // The reader and the writer overlap, and nothing but the disk's own lock orders them, so that a
  // thread sanitizer sees a missing one.
  absl::Notification reading;
  std::atomic<bool> is_written{false};
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    reading.WaitForNotification();
    for (uint64_t i = 0; i < 300; ++i) {
      ASSERT_THAT(file->Write(i * 100, "1"), IsOk());
      if (i % 10 == 0) {
        ASSERT_THAT(file->Sync(), IsOk());
      }
    }
    is_written.store(true, std::memory_order_relaxed);
  });
  threads.emplace_back([&] {
    const auto reader = disk_->OpenForRead("a").value();
    reading.Notify();
    char byte = 0;
    for (uint64_t i = 0; i < 300 || !is_written.load(std::memory_order_relaxed); ++i) {
      ASSERT_EQ(reader->Read(i % 300 * 100, 1, &byte).value(), 1u);
      ASSERT_TRUE(byte == '0' || byte == '1');
      std::this_thread::yield();
    }
  });
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 100; ++i) {
        const auto copy = Crash(static_cast<Survivors>(t), i);
        ASSERT_EQ(Get(*copy, "a").size(), 100000u);
        auto other = copy->Create("b").value();
        ASSERT_THAT(other->Write(0, "mine"), IsOk());
      }
    });
  }
}

// --- Random histories against a model. -----------------------------------------------------------

// A file as the model sees it: whole strings, nothing shared.
struct ModelFile {
  std::string current;
  std::string durable;
  // What each sector and the size were since the last sync, the durable state included. Sectors are
  // as long as 512 bytes, zeros past the end.
  std::map<uint64_t, std::set<std::string>> sectors;
  std::set<uint64_t> sizes;

  static std::string SectorOf(const std::string& bytes, uint64_t sector) {
    const uint64_t begin = sector * kSector;
    std::string result = begin < bytes.size() ? bytes.substr(begin, kSector) : std::string();
    result.resize(kSector, '\0');
    return result;
  }

  void Remember(uint64_t begin_byte, uint64_t end_byte) {
    for (uint64_t s = begin_byte / kSector; s * kSector < end_byte; ++s) {
      sectors[s].insert(SectorOf(durable, s));
      sectors[s].insert(SectorOf(current, s));
    }
    sizes.insert(durable.size());
    sizes.insert(current.size());
  }

  void Write(uint64_t offset, const std::string& bytes) {
    // A write that grows the file may end after any of its sectors.
    for (uint64_t end = (offset / kSector + 1) * kSector; end < offset + bytes.size();
         end += kSector) {
      sizes.insert(std::max<uint64_t>(end, current.size()));
    }
    if (current.size() < offset + bytes.size()) current.resize(offset + bytes.size(), '\0');
    current.replace(offset, bytes.size(), bytes);
    Remember(offset, offset + bytes.size());
  }

  void Truncate(uint64_t size_bytes) {
    const uint64_t before = current.size();
    current.resize(size_bytes, '\0');
    Remember(size_bytes, before);
  }

  void Sync() {
    durable = current;
    sectors.clear();
    sizes.clear();
  }

  // Why `bytes` cannot be what a crash left, or nothing.
  std::string Refute(const std::string& bytes) const {
    if (bytes.size() != durable.size() && !sizes.contains(bytes.size())) {
      return absl::StrCat("size ", bytes.size(), " never was");
    }
    for (uint64_t s = 0; s * kSector < bytes.size(); ++s) {
      const std::string sector = SectorOf(bytes, s);
      const auto known = sectors.find(s);
      bool is_known = false;
      // Zeros past the surviving end are not content: compare what is inside.
      const size_t inside = std::min<size_t>(kSector, bytes.size() - s * kSector);
      const auto matches = [&](const std::string& candidate) {
        return candidate.compare(0, inside, sector, 0, inside) == 0;
      };
      if (known == sectors.end()) {
        is_known = matches(SectorOf(durable, s));
      } else {
        is_known = std::any_of(known->second.begin(), known->second.end(), matches);
      }
      if (!is_known) return absl::StrCat("sector ", s, " never was so");
    }
    return "";
  }
};

using ModelNames = std::map<std::string, std::shared_ptr<ModelFile>>;

// One directory of files.
struct Model {
  ModelNames current;
  std::vector<ModelNames> since_sync = {{}};  // the durable state first, the current one last

  void Changed() { since_sync.push_back(current); }
  void Sync() { since_sync = {current}; }
};

// Why `disk` cannot be what a crash left of the model, or nothing.
std::string Refute(const Model& model, FileSystem& disk) {
  const std::vector<std::string> names = disk.List("/").value();
  std::string refutation = "no state had these names";
  // Of the states with these names, one must fit the bytes too.
  for (const ModelNames& state : model.since_sync) {
    std::vector<std::string> state_names;
    for (const auto& [name, file] : state) state_names.push_back(name);
    if (state_names != names) continue;
    refutation.clear();
    for (const auto& [name, file] : state) {
      const std::string why = file->Refute(Get(disk, name));
      if (!why.empty()) refutation = absl::StrCat(name, ": ", why);
    }
    if (refutation.empty()) break;
  }
  return refutation;
}

TEST(MemoryFileSystemModelTest, RandomHistoriesNeverLeaveAnythingElse) {
  uint64_t state_count = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    const auto disk = NewMemoryFileSystem();
    Model model;
    std::map<std::string, std::unique_ptr<WritableFile>> open;
    for (int step = 0; step < 60; ++step) {
      const std::string name(1, static_cast<char>('a' + random.Uniform(4)));
      const auto found = model.current.find(name);
      switch (found == model.current.end() ? 0 : random.Uniform(12)) {
        case 0: {
          auto file = disk->Create(name);
          ASSERT_EQ(file.ok(), found == model.current.end());
          if (!file.ok()) break;
          open[name] = *std::move(file);
          model.current[name] = std::make_shared<ModelFile>();
          model.Changed();
          break;
        }
        case 1: {
          const std::string target(1, static_cast<char>('a' + random.Uniform(4)));
          ASSERT_THAT(disk->Rename(name, target), IsOk());
          if (target == name) break;
          open[target] = std::move(open[name]);
          open.erase(name);
          model.current[target] = found->second;
          model.current.erase(name);
          model.Changed();
          break;
        }
        case 2:
          ASSERT_THAT(disk->Remove(name), IsOk());
          open.erase(name);
          model.current.erase(found);
          model.Changed();
          break;
        case 3:
          ASSERT_THAT(disk->SyncDirectory("/"), IsOk());
          model.Sync();
          break;
        case 4:
        case 5:
          ASSERT_THAT(open[name]->Sync(), IsOk());
          found->second->Sync();
          break;
        case 6: {
          const uint64_t size_bytes = random.Uniform(12000);
          ASSERT_THAT(open[name]->Truncate(size_bytes), IsOk());
          found->second->Truncate(size_bytes);
          break;
        }
        default: {
          const uint64_t offset = random.Uniform(10000);
          std::string bytes(static_cast<size_t>(1 + random.Uniform(3000)), '\0');
          for (char& byte : bytes) byte = static_cast<char>(random.Next());
          ASSERT_THAT(open[name]->Write(offset, bytes), IsOk());
          found->second->Write(offset, bytes);
        }
      }

      const auto none = disk->CrashCopy(Survivors::kNone, 0);
      const auto all = disk->CrashCopy(Survivors::kAll, 0);
      ASSERT_EQ(none->List("/").value().size(), model.since_sync.front().size());
      for (const auto& [durable_name, file] : model.since_sync.front()) {
        ASSERT_TRUE(Get(*none, durable_name) == file->durable) << "step " << step;
      }
      ASSERT_EQ(all->List("/").value(), disk->List("/").value());
      for (const auto& [current_name, file] : model.current) {
        ASSERT_TRUE(Get(*all, current_name) == file->current) << "step " << step;
        ASSERT_TRUE(Get(*disk, current_name) == file->current) << "step " << step;
      }
      for (uint64_t crash = 0; crash < 6; ++crash) {
        const auto crashed = disk->CrashCopy(Survivors::kRandom, crash);
        ASSERT_EQ(Refute(model, *crashed), "") << "step " << step << " crash seed " << crash;
        ++state_count;
      }
    }
  }
  EXPECT_EQ(state_count, 60u * 60 * 6);
}

TEST(MemoryFileSystemCostTest, ThousandsOfStatesPerSecond) {
  // A database of 20 files, 4 MiB of it synced, and a few unsynced records.
  const auto disk = NewMemoryFileSystem();
  std::vector<std::unique_ptr<WritableFile>> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(disk->Create(absl::StrCat("f", i)).value());
    ASSERT_THAT(files.back()->Write(0, std::string(200000, 'x')), IsOk());
    ASSERT_THAT(files.back()->Sync(), IsOk());
  }
  ASSERT_THAT(disk->SyncDirectory("/"), IsOk());
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_THAT(files[0]->Write(i * 1000, std::string(1500, 'y')), IsOk());
  }
  constexpr uint64_t kStates = 5000;
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t seed = 0; seed < kStates; ++seed) disk->CrashCopy(Survivors::kRandom, seed);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("states_per_second", static_cast<int>(static_cast<double>(kStates) / seconds));
  // A bound that only a copy of all bytes would break, even with sanitizers on a busy machine.
  EXPECT_LT(seconds, 20.0);
  std::printf("%.0f crash states per second\n", static_cast<double>(kStates) / seconds);
}

}  // namespace
}  // namespace kyrodb
