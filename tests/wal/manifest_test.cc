// Goal: a reader of the manifest gets the payload last published, whole, or an error that names the
// damage; never an older one in silence, never a mixture.
// Method: scripts, a crash at every operation of several publications with what may be left of the
// disk, a failure of every operation, and every bit flipped.
#include "wal/manifest.h"

#include "engine/base/crc32c.h"
#include "tests/wal/shaped_disk.h"
#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

using Survivors = MemoryFileSystem::Survivors;

std::unique_ptr<ManifestStore> OpenStore(FileSystem* file_system) {
  return ManifestStore::Open(file_system, kDirectory).value();
}

// The payload, "-" for none, or the error.
std::string Loaded(FileSystem* file_system) {
  const auto store = ManifestStore::Open(file_system, kDirectory);
  if (!store.ok()) return store.status().ToString();
  const auto payload = (*store)->Load();
  if (!payload.ok()) return payload.status().ToString();
  return payload->value_or("-");
}

class ManifestTest : public testing::Test {
 protected:
  void Publish(absl::string_view payload) {
    const absl::Status status = OpenStore(disk_.get())->Publish(payload);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> Names() { return disk_->List(kDirectory).value(); }
  std::string Path(absl::string_view name) { return JoinPath(kDirectory, name); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewDisk();
};

TEST_F(ManifestTest, HasNothingInAnEmptyDirectory) {
  EXPECT_EQ(Loaded(disk_.get()), "-");
  EXPECT_EQ(OpenStore(disk_.get())->number(), 0u);
}

TEST_F(ManifestTest, GivesBackWhatWasPublishedLast) {
  Publish("one");
  EXPECT_EQ(Loaded(disk_.get()), "one");
  Publish("");
  EXPECT_EQ(Loaded(disk_.get()), "");
  const auto store = OpenStore(disk_.get());
  ASSERT_TRUE(store->Publish(std::string(100'000, 'x')).ok());
  EXPECT_EQ(store->Load().value()->size(), 100'000u);
  EXPECT_EQ(store->number(), 3u);
}

TEST_F(ManifestTest, SurvivesAPowerLoss) {
  Publish("one");
  Publish("two");
  const auto left = disk_->CrashCopy(Survivors::kNone, 0);
  EXPECT_EQ(Loaded(left.get()), "two");
}

TEST_F(ManifestTest, KeepsTheLastTwo) {
  for (int i = 1; i <= 5; ++i) Publish(absl::StrCat(i));
  EXPECT_THAT(Names(), testing::ElementsAre("CURRENT", "MANIFEST-000004", "MANIFEST-000005"));
}

TEST_F(ManifestTest, RefusesANewerFormatWithBothVersions) {
  Publish("one");
  std::string bytes = ReadFile(*disk_, Path("MANIFEST-000001")).value();
  bytes[8] = 7;
  const uint32_t crc = Crc32c(absl::string_view(bytes).substr(8));
  std::memcpy(bytes.data() + 4, &crc, sizeof(crc));
  ReplaceFile(disk_.get(), Path("MANIFEST-000001"), bytes);
  EXPECT_THAT(OpenStore(disk_.get())->Load().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "version 7 is newer than 1"));
}

TEST_F(ManifestTest, AMissingFileIsDamageAndNotAnOlderState) {
  Publish("one");
  Publish("two");
  ASSERT_TRUE(disk_->Remove(Path("MANIFEST-000002")).ok());
  const auto store = OpenStore(disk_.get());
  EXPECT_THAT(store->Load().status(), StatusIs(absl::StatusCode::kDataLoss, "MANIFEST-000002"));
  ASSERT_TRUE(disk_->Remove(Path("CURRENT")).ok());
  Publish("unused");  // number 1 alone could be a first attempt
}

TEST_F(ManifestTest, AMissingCurrentIsDamageWhenThereWasMoreThanAFirstAttempt) {
  Publish("one");
  Publish("two");
  ASSERT_TRUE(disk_->Remove(Path("CURRENT")).ok());
  const auto store = OpenStore(disk_.get());
  EXPECT_THAT(store->Load().status(), StatusIs(absl::StatusCode::kDataLoss, "CURRENT is missing"));
  EXPECT_THAT(store->Publish("three"), StatusIs(absl::StatusCode::kDataLoss, "CURRENT"));
}

TEST_F(ManifestTest, EveryFlippedBitAndEveryTruncationIsDamage) {
  Publish("one");
  Publish("two");
  for (const char* name : {"CURRENT", "MANIFEST-000002"}) {
    const std::string original = ReadFile(*disk_, Path(name)).value();
    for (size_t offset = 0; offset < original.size(); ++offset) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string bytes = original;
        bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << bit));
        ReplaceFile(disk_.get(), Path(name), bytes);
        ASSERT_THAT(OpenStore(disk_.get())->Load().status(),
                    StatusIs(absl::StatusCode::kDataLoss, absl::StrCat(name, " offset")))
            << offset << " bit " << bit;
      }
      ReplaceFile(disk_.get(), Path(name), original.substr(0, offset));
      ASSERT_THAT(OpenStore(disk_.get())->Load().status(),
                  StatusIs(absl::StatusCode::kDataLoss, name));
    }
    ReplaceFile(disk_.get(), Path(name), original + "x");
    ASSERT_THAT(OpenStore(disk_.get())->Load().status(),
                StatusIs(absl::StatusCode::kDataLoss, name));
    ReplaceFile(disk_.get(), Path(name), original);
  }
  EXPECT_EQ(Loaded(disk_.get()), "two");
}

TEST_F(ManifestTest, ACrashAtAnyOperationLeavesTheOldOrTheNewState) {
  uint64_t state_count = 0;
  // `acknowledged` may be followed by `attempted`, if that is not empty.
  const auto check = [&](MemoryFileSystem& disk, const std::string& acknowledged,
                         const std::string& attempted) {
    ++state_count;
    const std::string loaded = Loaded(&disk);
    EXPECT_TRUE(loaded == acknowledged || (!attempted.empty() && loaded == attempted))
        << "got " << loaded << " after " << acknowledged << " and " << attempted;
    return loaded;
  };
  for (uint64_t stop = 0; stop < 60; ++stop) {
    for (uint64_t draw = 0; draw < 12; ++draw) {
      SCOPED_TRACE(absl::StrCat("stop ", stop, " draw ", draw));
      std::unique_ptr<MemoryFileSystem> disk = NewDisk();
      std::string acknowledged = "-";
      Random random(SplitMix64(stop * 100 + draw));
      // Three sessions, each of which crashes; the first at a chosen place, the others anywhere.
      for (int session = 0; session < 3; ++session) {
        disk->StopAtOperation(disk->operation_count() + (session == 0 ? stop : random.Uniform(20)));
        std::string attempted;
        absl::StatusOr<std::unique_ptr<ManifestStore>> store =
            ManifestStore::Open(disk.get(), kDirectory);
        for (int i = 0; store.ok() && i < 4; ++i) {
          // Several sectors, so that it can be torn.
          attempted = absl::StrCat(session, "/", i, "/", draw, std::string(900, '.'));
          if (!(*store)->Publish(attempted).ok()) break;
          acknowledged = std::exchange(attempted, "");
        }
        disk = disk->CrashCopy(draw == 0   ? Survivors::kNone
                               : draw == 1 ? Survivors::kAll
                                           : Survivors::kRandom,
                               random.Next());
        acknowledged = check(*disk, acknowledged, attempted);
        ASSERT_FALSE(testing::Test::HasFailure());
      }
    }
  }
  EXPECT_GT(state_count, 2000u);
}

TEST_F(ManifestTest, AFailureAnywhereLeavesAStateThatLoads) {
  for (const Fault::Kind kind : {Fault::Kind::kWriteError, Fault::Kind::kSyncError,
                                 Fault::Kind::kDiskFull, Fault::Kind::kShortWrite}) {
    for (const bool forever : {false, true}) {
      for (uint64_t at = 0; at < 100; ++at) {
        SCOPED_TRACE(
            absl::StrCat("fault ", static_cast<int>(kind), " at ", at, " forever ", forever));
        disk_ = NewDisk();
        Publish("zero");
        const auto faulty = NewFaultFileSystem(disk_.get());
        const auto store = OpenStore(faulty.get());
        faulty->SetFault({.kind = kind, .at = at, .forever = forever});
        std::string acknowledged = "zero";
        std::string unknown;
        bool poisoned = false;
        for (const char* payload : {"one", "two", "three", "four"}) {
          const uint64_t failures = faulty->failure_count();
          const absl::Status status = store->Publish(payload);
          if (status.ok()) {
            ASSERT_FALSE(poisoned);
            acknowledged = payload;
          } else if (poisoned) {
            ASSERT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "no manifest"));
          } else {
            ASSERT_GT(faulty->failure_count(), failures);
            ASSERT_EQ(status.code(), kind == Fault::Kind::kDiskFull
                                         ? absl::StatusCode::kResourceExhausted
                                         : absl::StatusCode::kUnavailable);
            if (absl::StrContains(status.message(), "outcome unknown")) unknown = payload;
            poisoned = kind == Fault::Kind::kSyncError || !unknown.empty();
          }
        }
        for (uint64_t seed = 0; seed < 4; ++seed) {
          const auto left =
              disk_->CrashCopy(seed == 0 ? Survivors::kNone : Survivors::kRandom, seed);
          const std::string loaded = Loaded(left.get());
          ASSERT_TRUE(loaded == acknowledged || (!unknown.empty() && loaded == unknown)) << loaded;
        }
        if (faulty->failure_count() == 0) {
          ASSERT_GT(at, 3u);
          break;
        }
      }
    }
  }
}

TEST_F(ManifestTest, AFullDiskIsNoEnd) {
  ShapedDisk shaped(disk_.get());
  const auto store = OpenStore(&shaped);
  ASSERT_TRUE(store->Publish("one").ok());
  shaped.SetCapacity(300);
  EXPECT_TRUE(absl::IsResourceExhausted(store->Publish(std::string(1000, 'x'))));
  EXPECT_EQ(*store->Load().value(), "one");
  EXPECT_THAT(Names(), testing::ElementsAre("CURRENT", "MANIFEST-000001"));
  EXPECT_TRUE(store->Publish("two").ok());
  EXPECT_EQ(Loaded(disk_.get()), "two");
}

}  // namespace
}  // namespace kyrodb::wal
