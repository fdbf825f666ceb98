// Goal:   whatever flushes and compactions happen, every live snapshot keeps seeing exactly what it
//         saw, and files that nobody needs go.
// Method: a random history of writes, snapshots, freezes, flushes, compactions and reopens beside
// an
//         ordered map that forgets nothing; threads that read while it happens.
#include "engine/storage/key_space.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/iterator.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

struct VersionedValue {
  Lsn lsn = 0;
  std::string value;
};

absl::StatusOr<std::optional<VersionedValue>> Look(const KeySpace& space, absl::string_view key,
                                                   Lsn snapshot) {
  VersionedValue found;
  KYRO_ASSIGN_OR_RETURN(found.lsn, space.Get(key, snapshot, &found.value));
  if (found.lsn == 0) return std::nullopt;
  return found;
}

using testing::ElementsAre;
using testing::IsEmpty;

class KeySpaceTest : public StorageTest {
 protected:
  void Put(KeySpace& space, Lsn lsn, const std::string& key, const std::string& value) {
    space.Apply(lsn, EntryKind::kPut, key, value);
    model_[key][lsn] = {.kind = EntryKind::kPut, .value = value};
  }
  void Delete(KeySpace& space, Lsn lsn, const std::string& key) {
    space.Apply(lsn, EntryKind::kDelete, key, "");
    model_[key][lsn] = {.kind = EntryKind::kDelete, .value = ""};
  }

  // Flushes all frozen memtables but the `leave` newest.
  absl::Status Flush(KeySpace& space, const RetentionPolicy& policy, size_t leave = 0) {
    std::vector<std::shared_ptr<const MemTable>> frozen = space.version()->frozen;
    if (frozen.size() <= leave) return absl::OkStatus();
    frozen.erase(frozen.begin(), frozen.begin() + static_cast<std::ptrdiff_t>(leave));
    const uint64_t file_number = next_file_++;
    auto run = space.WriteFlush(frozen, Path(file_number), file_number, policy);
    if (!run.ok()) return run.status();
    space.InstallFlush(*std::move(run), frozen);
    return absl::OkStatus();
  }
  absl::Status FreezeAndFlush(KeySpace& space, const RetentionPolicy& policy) {
    space.Freeze();
    return Flush(space, policy);
  }
  // Merges `count` runs from the `begin`-th on.
  absl::Status Compact(KeySpace& space, const RetentionPolicy& policy, size_t begin = 0,
                       size_t count = ~size_t{0}) {
    std::vector<std::shared_ptr<const Run>> runs = space.version()->runs;
    begin = std::min(begin, runs.size());
    count = std::min(count, runs.size() - begin);
    if (count == 0) return absl::OkStatus();
    const std::span<const std::shared_ptr<const Run>> chosen =
        std::span(runs).subspan(begin, count);
    const uint64_t file_number = next_file_++;
    auto run = space.WriteCompaction(chosen, Path(file_number), file_number, policy);
    if (!run.ok()) return run.status();
    space.InstallCompaction(*std::move(run), chosen);
    return absl::OkStatus();
  }

  std::vector<std::string> Visible(const KeySpace& space, const KeyRange& range, Lsn snapshot) {
    std::vector<std::string> lines;
    const auto iterator = space.NewIterator(range, snapshot);
    for (; iterator->Valid(); iterator->Next()) {
      lines.push_back(
          absl::StrFormat("%s@%u=%s", iterator->key(), iterator->lsn(), iterator->value()));
    }
    EXPECT_TRUE(iterator->status().ok()) << iterator->status();
    std::vector<std::string> backwards;
    const auto reverse = space.NewIterator(range, snapshot, ScanOptions{.reverse = true});
    for (; reverse->Valid(); reverse->Next()) {
      backwards.push_back(
          absl::StrFormat("%s@%u=%s", reverse->key(), reverse->lsn(), reverse->value()));
    }
    EXPECT_TRUE(reverse->status().ok()) << reverse->status();
    std::reverse(backwards.begin(), backwards.end());
    EXPECT_EQ(backwards, lines);
    return lines;
  }
  std::vector<std::string> ModelVisible(const KeyRange& range, Lsn snapshot) {
    std::vector<std::string> lines;
    for (const auto& [key, versions] : model_) {
      if (key < range.begin || (!range.end.empty() && key >= range.end)) continue;
      const auto version = ModelGet(model_, key, snapshot);
      if (!version || version->second.kind == EntryKind::kDelete) continue;
      lines.push_back(absl::StrFormat("%s@%u=%s", key, version->first, version->second.value));
    }
    return lines;
  }

  void ExpectSees(const KeySpace& space, Lsn snapshot, Random& random) {
    ASSERT_EQ(Visible(space, {}, snapshot), ModelVisible({}, snapshot)) << "at " << snapshot;
    const KeyRange range{.begin = RandomBytes(random, random.Uniform(2)),
                         .end = RandomBytes(random, random.Uniform(2))};
    ASSERT_EQ(Visible(space, range, snapshot), ModelVisible(range, snapshot));
    std::optional<std::string> last;
    for (const auto& [key, versions] : model_) {
      const auto expected = ModelGet(model_, key, snapshot);
      const bool there = expected && expected->second.kind == EntryKind::kPut;
      if (there) last = key;
      const auto found = Look(space, key, snapshot);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->has_value(), there) << absl::CHexEscape(key) << " at " << snapshot;
      if (there) {
        ASSERT_EQ((*found)->lsn, expected->first);
        ASSERT_EQ((*found)->value, expected->second.value);
      }
    }
    const auto last_key = space.LastKey(snapshot);
    ASSERT_TRUE(last_key.ok());
    ASSERT_EQ(*last_key, last);
  }

  // That changes after `since` are all told, up to `until`; deletes when since >= `floor`.
  void ExpectChanges(const KeySpace& space, Lsn since, Lsn until) {
    std::vector<std::string> expected;
    for (const auto& [key, versions] : model_) {
      const auto version = ModelGet(model_, key, until);
      if (!version || version->first <= since) continue;
      expected.push_back(absl::StrFormat("%s@%u%s%s", key, version->first,
                                         version->second.kind == EntryKind::kPut ? "=" : "-",
                                         version->second.value));
    }
    std::vector<std::string> told;
    const absl::Status status = space.ChangesSince(
        since, until, [&](absl::string_view key, Lsn lsn, EntryKind kind, absl::string_view value) {
          told.push_back(
              absl::StrFormat("%s@%u%s%s", key, lsn, kind == EntryKind::kPut ? "=" : "-", value));
          return absl::OkStatus();
        });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(told, expected) << "since " << since;
  }

  std::unique_ptr<KeySpace> NewSpace(std::vector<std::shared_ptr<const Run>> runs = {}) {
    return std::make_unique<KeySpace>(7, context_, std::move(runs));
  }
  std::vector<std::string> Files() { return *disk_->List("."); }

  ObsoleteFiles obsolete_;
  StorageContext context_{*disk_, pool_, metrics_, obsolete_};
  // For rounds in which values lie apart.
  ValueFileSet value_files_{*disk_, "values-", pool_, metrics_};
  const Knob large_value_bytes_{{.name = "large_value_bytes", .default_value = 5, .max = 5}};
  const Knob value_file_bytes_min_{{.name = "value_file_bytes_min", .max = 0}};
  Model model_;
  uint64_t next_file_ = 1;
};

TEST_F(KeySpaceTest, ANewSpaceIsEmpty) {
  const auto space = NewSpace();
  EXPECT_EQ(space->id(), 7u);
  EXPECT_EQ(*Look(*space, "k", kLsnMax), std::nullopt);
  EXPECT_EQ(*space->LastKey(kLsnMax), std::nullopt);
  EXPECT_EQ(*space->LatestLsn("k"), 0u);
  EXPECT_FALSE(space->NewIterator({}, kLsnMax)->Valid());
  EXPECT_EQ(space->Freeze(), nullptr);
  EXPECT_EQ(space->flushed_lsn(), 0u);
  EXPECT_EQ(space->statistics().run_count, 0u);
  EXPECT_THAT(space->RunsToCompact(), IsEmpty());
}

TEST_F(KeySpaceTest, NewerSourcesHideOlderOnes) {
  const auto space = NewSpace();
  Put(*space, 1, "k", "run");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1}}).ok());
  Delete(*space, 2, "k");
  space->Freeze();
  Put(*space, 3, "k", "active");
  EXPECT_EQ((*Look(*space, "k", 1))->value, "run");
  EXPECT_EQ(*Look(*space, "k", 2), std::nullopt);
  EXPECT_EQ((*Look(*space, "k", 3))->value, "active");
  EXPECT_EQ(*space->LatestLsn("k"), 3u);
  EXPECT_EQ(*space->LatestLsn("k", 2), 3u);
  EXPECT_EQ(*space->LatestLsn("k", 3), 0u);
  EXPECT_EQ(space->flushed_lsn(), 1u);
}

TEST_F(KeySpaceTest, ValidationDoesNotReadRunsThatHoldNothingNewer) {
  const auto space = NewSpace();
  for (Lsn lsn = 1; lsn < 100; ++lsn) Put(*space, lsn, absl::StrFormat("%u", lsn), "v");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {99}}).ok());
  EXPECT_EQ(*space->LatestLsn("50", 99), 0u);
  EXPECT_EQ(pool_.used_bytes(), 0u);
  EXPECT_EQ(*space->LatestLsn("50", 98), 0u);
  EXPECT_EQ(*space->LatestLsn("50", 49), 50u);
  EXPECT_GT(pool_.used_bytes(), 0u);
}

TEST_F(KeySpaceTest, ASmallPoolKeepsWhatIsReadOftenAndAnswersTheSame) {
  const auto space = NewSpace();
  Random random(TestSeed());
  // Records within a page, over a border, and longer than what is read past the pool.
  const auto value_of = [&](uint64_t i) {
    const size_t size_bytes = i % 50 == 0 ? 10000 : i % 7 == 0 ? 3000 : 120;
    return std::string(size_bytes, static_cast<char>('a' + i % 26));
  };
  constexpr uint64_t kKeys = 10000;
  for (uint64_t i = 0; i < kKeys; ++i) {
    space->Apply(i + 1, EntryKind::kPut, absl::StrFormat("%06u", i), value_of(i));
  }
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {kKeys}}).ok());
  pool_.SetCapacity(100 * kPageBytes);
  const auto evictions = [this] {
    return metrics_.counter("kyro_buffer_pool_evictions_total", "").value();
  };
  const auto look = [&](uint64_t i) {
    const auto found = Look(*space, absl::StrFormat("%06u", i), kKeys);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_TRUE(found->has_value()) << i;
    ASSERT_EQ((*found)->value, value_of(i)) << i;
  };
  for (uint64_t step = 0; step < 2000; ++step) look(random.Uniform(kKeys));
  const uint64_t before = evictions();
  constexpr uint64_t kLooks = 4000;
  for (uint64_t step = 0; step < kLooks; ++step) look(random.Uniform(kKeys));
  // Nearly every look misses, and few of the misses push something out.
  EXPECT_LT(evictions() - before, kLooks / 2);
  // One row that is read again and again is soon there for good.
  for (int i = 0; i < 4; ++i) look(4321);
  const uint64_t settled = evictions();
  for (int i = 0; i < 100; ++i) look(4321);
  EXPECT_EQ(evictions(), settled);
  EXPECT_EQ(Look(*space, "000050x", kKeys)->has_value(), false);
  EXPECT_EQ(Look(*space, "004321", 4321)->has_value(), false);
}

TEST_F(KeySpaceTest, AFlushIsInvisibleUntilItIsInstalled) {
  const auto space = NewSpace();
  Put(*space, 1, "k", "v");
  std::vector<std::shared_ptr<const MemTable>> frozen = {space->Freeze()};
  const auto run = space->WriteFlush(frozen, Path(1), 1, {.snapshots = {1}});
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(space->statistics().run_count, 0u);
  EXPECT_GT(space->memtable_bytes(), space->active_memtable_bytes());
  EXPECT_EQ((*Look(*space, "k", 1))->value, "v");
  space->InstallFlush(*run, frozen);
  EXPECT_EQ(space->statistics().run_count, 1u);
  EXPECT_EQ(space->memtable_bytes(), space->active_memtable_bytes());
  EXPECT_EQ((*Look(*space, "k", 1))->value, "v");
}

TEST_F(KeySpaceTest, ReplacedRowsCountAsDeadUntilTheyAreMergedAway) {
  const auto space = NewSpace();
  for (Lsn lsn = 1; lsn <= 1000; ++lsn) Put(*space, lsn, absl::StrCat("key", lsn), "old");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1000}}).ok());
  EXPECT_EQ(space->statistics().dead_count, 0u);
  // New keys replace nothing, but for what the filters mistake.
  for (Lsn lsn = 1001; lsn <= 1200; ++lsn) Put(*space, lsn, absl::StrCat("key", lsn), "new");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1200}}).ok());
  EXPECT_LE(space->statistics().dead_count, 10u);
  EXPECT_THAT(space->RunsToCompact(), IsEmpty());
  for (Lsn lsn = 1201; lsn <= 1600; ++lsn) Put(*space, lsn, absl::StrCat("key", lsn - 1200), "new");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1600}}).ok());
  EXPECT_GE(space->statistics().dead_count, 400u);
  EXPECT_LE(space->statistics().dead_count, 410u);
  EXPECT_EQ(space->statistics().version_count, 1600u);
  EXPECT_EQ(space->RunsToCompact().size(), 3u);
  ASSERT_TRUE(Compact(*space, {.snapshots = {1600}}).ok());
  EXPECT_EQ(space->statistics().dead_count, 0u);
  EXPECT_EQ(space->statistics().version_count, 1200u);
  EXPECT_EQ(space->statistics().compaction_count, 1u);
  EXPECT_EQ(space->statistics().flush_count, 3u);
}

TEST_F(KeySpaceTest, AMergeThatMayNotGoOnEndsWithTheErrorAndLeavesNoFile) {
  const auto space = NewSpace();
  for (Lsn lsn = 1; lsn <= 20; ++lsn) {
    Put(*space, lsn, absl::StrCat("key", lsn), std::string(10000, 'v'));
  }
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {20}}).ok());
  const size_t files = Files().size();
  uint64_t paced_bytes = 0;
  const RetentionPolicy policy{.snapshots = {20}, .pace = [&](uint64_t bytes) {
                                 paced_bytes += bytes;
                                 return paced_bytes > 100000 ? absl::CancelledError("enough")
                                                             : absl::OkStatus();
                               }};
  const auto runs = space->version()->runs;
  EXPECT_EQ(space->WriteCompaction(runs, Path(99), 99, policy).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_GT(paced_bytes, 100000u);
  EXPECT_LT(paced_bytes, 200000u);
  EXPECT_EQ(Files().size(), files);
}

TEST_F(KeySpaceTest, WhatVanishesEntirelyLeavesNoFile) {
  const auto space = NewSpace();
  Put(*space, 1, "k", "v");
  Delete(*space, 2, "k");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {2}, .tombstone_floor = 2}).ok());
  EXPECT_EQ(space->statistics().run_count, 0u);
  EXPECT_THAT(Files(), IsEmpty());

  Put(*space, 3, "k", "v");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {3}}).ok());
  Delete(*space, 4, "k");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {4}, .tombstone_floor = 4}).ok());
  EXPECT_EQ(space->statistics().tombstone_count, 1u);
  EXPECT_EQ(space->RunsToCompact().size(), 2u) << "deletes of a fifth of the keys";
  ASSERT_TRUE(Compact(*space, {.snapshots = {4}, .tombstone_floor = 4}).ok());
  EXPECT_EQ(space->statistics().run_count, 0u);
  ASSERT_TRUE(obsolete_.RemoveAll(*disk_).ok());
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(KeySpaceTest, OldFilesGoWithTheirLastReader) {
  const auto space = NewSpace();
  for (Lsn lsn = 1; lsn <= 3; ++lsn) {
    Put(*space, lsn, absl::StrFormat("%u", lsn), "v");
    ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {lsn}}).ok());
  }
  auto reader = space->NewIterator({}, kLsnMax);
  ASSERT_TRUE(Compact(*space, {.snapshots = {3}}).ok());
  EXPECT_THAT(obsolete_.Take(), IsEmpty());
  for (const char* key : {"1", "2", "3"}) {
    ASSERT_TRUE(reader->Valid());
    EXPECT_EQ(reader->key(), key);
    reader->Next();
  }
  reader.reset();
  EXPECT_THAT(obsolete_.Take(), testing::UnorderedElementsAre(Path(1), Path(2), Path(3)));
  EXPECT_THAT(Visible(*space, {}, 3), ElementsAre("1@1=v", "2@2=v", "3@3=v"));

  space->MarkAllObsolete();
  EXPECT_THAT(obsolete_.Take(), IsEmpty());
}

TEST_F(KeySpaceTest, ADroppedSpaceGivesItsFilesBack) {
  auto space = NewSpace();
  Put(*space, 1, "k", "v");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1}}).ok());
  space->MarkAllObsolete();
  space.reset();
  EXPECT_THAT(obsolete_.Take(), ElementsAre(Path(1)));
}

TEST_F(KeySpaceTest, AFailedFlushLeavesEverythingAsItWas) {
  const auto faulty = NewFaultFileSystem(disk_.get());
  KeySpace space(1, StorageContext{*faulty, pool_, metrics_, obsolete_});
  Put(space, 1, "k", "v");
  space.Freeze();
  faulty->SetFault({.kind = Fault::Kind::kSyncError, .at = 0, .forever = true});
  EXPECT_EQ(Flush(space, {.snapshots = {1}}).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_EQ((*Look(space, "k", 1))->value, "v");
  faulty->ClearFault();
  EXPECT_TRUE(Flush(space, {.snapshots = {1}}).ok());
  EXPECT_EQ((*Look(space, "k", 1))->value, "v");
}

TEST_F(KeySpaceTest, AnErrorOfTheVisitorEndsTheWalk) {
  const auto space = NewSpace();
  Put(*space, 1, "a", "v");
  Put(*space, 2, "b", "v");
  int calls = 0;
  const absl::Status status =
      space->ChangesSince(0, 2, [&](absl::string_view, Lsn, EntryKind, absl::string_view) {
        ++calls;
        return absl::CancelledError("enough");
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 1);
}

TEST_F(KeySpaceTest, StatisticsSumUpTheRuns) {
  const auto space = NewSpace();
  for (Lsn lsn = 1; lsn <= 1000; ++lsn) Put(*space, lsn, absl::StrFormat("%06u", lsn), "v");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1000}}).ok());
  Delete(*space, 1001, "000001");
  ASSERT_TRUE(FreezeAndFlush(*space, {.snapshots = {1001}}).ok());
  const SpaceStatistics statistics = space->statistics();
  EXPECT_EQ(statistics.run_count, 2u);
  EXPECT_EQ(statistics.entry_count, 1001u);
  EXPECT_EQ(statistics.tombstone_count, 1u);
  EXPECT_GT(statistics.run_bytes, 5 * kPageBytes);
  EXPECT_GT(statistics.model_bytes, 0u);
  EXPECT_GE(statistics.segment_count, 2u);
  EXPECT_GE(statistics.bound_width_max, 1u);
  EXPECT_LT(statistics.bound_width_max, 1000u);
}

TEST_F(KeySpaceTest, RandomHistoriesNeverChangeWhatALiveSnapshotSees) {
  Random random(TestSeed());
  for (int round = 0; round < 40; ++round) {
    model_.clear();
    const bool has_large_values = round % 2 == 1;
    context_.value_files = has_large_values ? &value_files_ : nullptr;
    context_.large_value_bytes = &large_value_bytes_;
    // Small files are joined in one round of four.
    context_.value_file_bytes_min = round % 4 == 1 ? nullptr : &value_file_bytes_min_;
    uint64_t value_file_count = 0;
    auto space = NewSpace();
    Lsn lsn = 0;
    Lsn floor = 0;  // of all flushes and compactions so far
    std::set<Lsn> live;
    const uint64_t key_length_end = 1 + random.Uniform(3);
    for (int step = 0; step < 400; ++step) {
      RetentionPolicy policy{.snapshots = {live.begin(), live.end()}, .tombstone_floor = 0};
      policy.snapshots.push_back(lsn);
      // A floor may rise when a vector index has caught up, never fall.
      const Lsn new_floor = floor + random.Uniform(lsn - floor + 1);
      policy.tombstone_floor = new_floor;
      switch (random.Uniform(12)) {
        case 0:
          live.insert(lsn);
          break;
        case 1:
          if (!live.empty()) {
            live.erase(
                std::next(live.begin(), static_cast<std::ptrdiff_t>(random.Uniform(live.size()))));
          }
          break;
        case 2:
          space->Freeze();
          break;
        case 3:
          ASSERT_TRUE(Flush(*space, policy, random.Uniform(2)).ok());
          floor = new_floor;
          break;
        case 4: {
          const size_t run_count = space->version()->runs.size();
          const size_t begin = random.Uniform(run_count + 1);
          ASSERT_TRUE(Compact(*space, policy, begin, random.Uniform(run_count - begin + 1)).ok());
          floor = new_floor;
          break;
        }
        case 5:
          if (const auto runs = space->RunsToCollect(); !runs.empty()) {
            const uint64_t file_number = next_file_++;
            auto run = space->WriteCompaction(runs, Path(file_number), file_number, policy);
            ASSERT_TRUE(run.ok()) << run.status();
            const uint64_t dead_before = space->statistics().value_dead_bytes;
            space->InstallCompaction(*std::move(run), runs);
            ASSERT_LT(space->statistics().value_dead_bytes, dead_before);
            floor = new_floor;
          }
          if (random.OneIn(4)) {
            // Close and open again: memtables are flushed, readers are gone.
            live.clear();
            policy.snapshots = {lsn};
            ASSERT_TRUE(FreezeAndFlush(*space, policy).ok());
            floor = new_floor;
            std::vector<std::shared_ptr<const Run>> runs;
            for (const auto& run : space->version()->runs) {
              auto reopened = Run::Open(*disk_, run->path(), run->file_number(), pool_, metrics_,
                                        /*lsn_base=*/0, context_.value_files);
              ASSERT_TRUE(reopened.ok()) << reopened.status();
              runs.push_back(*std::move(reopened));
            }
            space = NewSpace(std::move(runs));
          }
          break;
        default:
          for (uint64_t writes = random.Uniform(30); writes > 0; --writes) {
            const std::string key = RandomBytes(random, random.Uniform(key_length_end));
            if (random.OneIn(3)) {
              Delete(*space, ++lsn, key);
            } else {
              Put(*space, ++lsn, key, RandomBytes(random, random.Uniform(10)));
            }
          }
      }
      if (!random.OneIn(5)) continue;
      ExpectSees(*space, lsn, random);
      if (!live.empty()) {
        ExpectSees(
            *space,
            *std::next(live.begin(), static_cast<std::ptrdiff_t>(random.Uniform(live.size()))),
            random);
      }
      ExpectChanges(*space, floor + random.Uniform(lsn - floor + 1), lsn);
      // First committer wins: no write after a live snapshot may be forgotten.
      for (const auto& [key, versions] : model_) {
        const Lsn snapshot = live.empty() ? lsn : *live.begin();
        const Lsn newest = versions.begin()->first;
        ASSERT_EQ(*space->LatestLsn(key, snapshot), newest > snapshot ? newest : 0);
      }
      if (HasFatalFailure()) return;
      ASSERT_TRUE(obsolete_.RemoveAll(*disk_).ok());
      value_file_count = std::max(value_file_count, space->statistics().value_file_count);
      ASSERT_EQ(Files().size(),
                space->version()->runs.size() + space->statistics().value_file_count)
          << "no file is left behind";
    }
    ASSERT_EQ(value_file_count > 0, has_large_values);
    space.reset();
    for (const std::string& file : Files()) ASSERT_TRUE(disk_->Remove(file).ok());
  }
}

// Accounts whose balances always sum to zero at every commit: a reader that mixes two moments sees
// another sum.
TEST_F(KeySpaceTest, ReadersSeeOneMomentWhileEverythingMoves) {
  constexpr uint64_t kKeys = 40;
  constexpr Lsn kCommits = 3000;
  const auto space = NewSpace();
  std::atomic<Lsn> published{0};
  std::atomic<uint64_t> wrong{0};
  absl::Mutex mutex;
  std::multiset<Lsn> live;

  const auto begin_snapshot = [&] {
    absl::MutexLock lock(&mutex);
    const Lsn snapshot = published.load();
    live.insert(snapshot);
    return snapshot;
  };
  const auto end_snapshot = [&](Lsn snapshot) {
    absl::MutexLock lock(&mutex);
    live.erase(live.find(snapshot));
  };
  const auto policy = [&] {
    absl::MutexLock lock(&mutex);
    RetentionPolicy result{.snapshots = {live.begin(), live.end()}, .tombstone_floor = kLsnMax};
    result.snapshots.push_back(published.load());
    return result;
  };

  std::vector<std::jthread> readers;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    readers.emplace_back([&, seed] {
      Random random(seed);
      while (published.load() < kCommits) {
        const Lsn snapshot = begin_snapshot();
        int64_t scanned = 0;
        const auto iterator = space->NewIterator({}, snapshot);
        for (; iterator->Valid(); iterator->Next()) {
          scanned += std::stoll(std::string(iterator->value()));
        }
        int64_t looked_up = 0;
        for (uint64_t i = 0; i < kKeys; ++i) {
          const auto value = Look(*space, absl::StrFormat("account/%02u", i), snapshot);
          if (!value.ok()) wrong.fetch_add(1);
          if (value.ok() && value->has_value()) looked_up += std::stoll((*value)->value);
        }
        if (!iterator->status().ok() || scanned != 0 || looked_up != 0) wrong.fetch_add(1);
        end_snapshot(snapshot);
      }
    });
  }
  std::jthread background([&] {
    uint64_t file_number = 1;
    while (published.load() < kCommits) {
      const auto frozen = space->version()->frozen;
      if (!frozen.empty()) {
        const auto run = space->WriteFlush(frozen, Path(file_number), file_number, policy());
        if (!run.ok()) wrong.fetch_add(1);
        if (run.ok()) space->InstallFlush(*run, frozen);
        ++file_number;
      }
      const auto runs = space->RunsToCompact();
      if (!runs.empty()) {
        const auto run = space->WriteCompaction(runs, Path(file_number), file_number, policy());
        if (!run.ok()) wrong.fetch_add(1);
        if (run.ok()) space->InstallCompaction(*run, runs);
        ++file_number;
      }
      if (!obsolete_.RemoveAll(*disk_).ok()) wrong.fetch_add(1);
    }
  });
  Random random(TestSeed());
  std::vector<int64_t> balances(kKeys);
  for (Lsn lsn = 1; lsn <= kCommits; ++lsn) {
    const uint64_t from = random.Uniform(kKeys);
    const uint64_t to = (from + 1 + random.Uniform(kKeys - 1)) % kKeys;
    const auto amount = static_cast<int64_t>(random.Uniform(100));
    for (const auto& [account, change] : {std::pair(from, -amount), std::pair(to, amount)}) {
      balances[account] += change;
      // An account with nothing on it is deleted.
      space->Apply(lsn, balances[account] == 0 ? EntryKind::kDelete : EntryKind::kPut,
                   absl::StrFormat("account/%02u", account), std::to_string(balances[account]));
    }
    published.store(lsn);
    if (lsn % 50 != 0) continue;
    space->Freeze();
    // The background keeps up, as it does when commits wait for it.
    while (lsn < kCommits && space->version()->frozen.size() > 2) std::this_thread::yield();
  }
  readers.clear();
  background.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_GT(space->statistics().run_count, 0u);
}

}  // namespace
}  // namespace kyrodb::engine
