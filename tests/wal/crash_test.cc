// Goal: whatever the moment of a power loss and whatever the disk kept of the unsynced bytes, a
// recovery finds (1) every acknowledged record, (2) a prefix in commit order, (3) only records of
// the live timeline, and (4) the same when it runs again. Method: a scripted session of appends of
// awkward sizes, rotations, markers, drops and closes runs on an in-memory disk that stops at
// operation k, for every k. What may be left of the disk is drawn several times, recovered,
// compared with a model, and used for a second and third session that crash too: recovery itself
// crashes at every operation. Failures print the seed that replays them. Source: SQLite's and
// LevelDB's crash tests; the four parts of the oracle come from comparing them.
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "tests/wal/wal_fixture.h"
#include "wal/log.h"

namespace kyrodb::wal {
namespace {

using Survivors = MemoryFileSystem::Survivors;

// What a recovery may find: `records` from `checkpoint` on, at least up to `durable`.
struct Model {
  std::map<Lsn, std::string> records;
  Lsn durable = 0;
  Lsn checkpoint = 1;

  Lsn last() const { return records.empty() ? checkpoint - 1 : records.rbegin()->first; }
};

class Enumeration {
 public:
  Enumeration(SyncMode sync_mode, uint64_t prefill_chunk_bytes, uint64_t seed)
      : sync_mode_(sync_mode), prefill_chunk_bytes_(prefill_chunk_bytes), seed_(seed) {}

  uint64_t state_count() const { return state_count_; }

  void Run() {
    std::unique_ptr<MemoryFileSystem> base = NewDisk();
    Model base_model;
    Session(base.get(), &base_model, SplitMix64(seed_));
    // Half of the time the second session finds an unclean end.
    base = base->CrashCopy(seed_ % 2 == 0 ? Survivors::kAll : Survivors::kNone, seed_);

    std::unique_ptr<MemoryFileSystem> whole = base->CrashCopy(Survivors::kAll, 0);
    Model whole_model = base_model;
    Session(whole.get(), &whole_model, seed_);
    const uint64_t operations = whole->operation_count();
    ASSERT_GT(operations, 20u);

    for (uint64_t stop = 0; stop <= operations; ++stop) {
      std::unique_ptr<MemoryFileSystem> disk = base->CrashCopy(Survivors::kAll, 0);
      Model model = base_model;
      disk->StopAtOperation(stop);
      Session(disk.get(), &model, seed_);
      for (uint64_t draw = 0; draw < 8; ++draw) {
        SCOPED_TRACE(absl::StrCat("seed ", seed_, " stop ", stop, " draw ", draw));
        Chain(*disk, model, stop * 8 + draw, draw, /*depth=*/1);
        if (testing::Test::HasFailure()) return;
      }
    }
  }

 private:
  // A crash, what it leaves, the check, and more crashes from there on.
  void Chain(const MemoryFileSystem& before, const Model& model, uint64_t salt, uint64_t draw,
             int depth) {
    const uint64_t mixed = SplitMix64(seed_ ^ SplitMix64(salt * 31 + static_cast<uint64_t>(depth)));
    const Survivors survivors = draw == 0   ? Survivors::kNone
                                : draw == 1 ? Survivors::kAll
                                            : Survivors::kRandom;
    std::unique_ptr<MemoryFileSystem> disk = before.CrashCopy(survivors, mixed);
    ++state_count_;
    Check(disk.get(), model);
    if (depth == 4 || testing::Test::HasFailure()) return;
    Model next_model = model;
    Random random(mixed);
    // Opening takes about ten operations: half of the crashes fall into it.
    disk->StopAtOperation(random.Uniform(random.OneIn(2) ? 12 : 60));
    Session(disk.get(), &next_model, mixed);
    Chain(*disk, next_model, mixed, random.Uniform(5), depth + 1);
  }

  static void Compare(const Replayed& found, const Model& model) {
    ASSERT_FALSE(found.result.damage.has_value()) << found.result.damage->ToStatus();
    ASSERT_GE(found.result.last_lsn, model.durable) << "an acknowledged record is lost";
    ASSERT_LE(found.result.last_lsn, std::max(model.last(), model.checkpoint - 1)) << "a phantom";
    for (const auto& [lsn, record] : found.records) {
      ASSERT_TRUE(model.records.at(lsn) == record) << "lsn " << lsn << " has another content";
    }
  }

  static void Check(FileSystem* disk, const Model& model) {
    const absl::StatusOr<Replayed> found = TryRecover(disk, model.checkpoint);
    ASSERT_TRUE(found.ok()) << found.status();
    Compare(*found, model);
    const absl::StatusOr<Replayed> again = TryRecover(disk, model.checkpoint);
    ASSERT_TRUE(again.ok() && again->records == found->records) << "not idempotent";
  }

  // Recovers, opens and works until the script ends or the disk stops.
  void Session(MemoryFileSystem* disk, Model* model, uint64_t seed) {
    Random random(seed);
    const absl::StatusOr<Replayed> found = TryRecover(disk, model->checkpoint);
    if (!found.ok()) {
      ASSERT_EQ(found.status().code(), absl::StatusCode::kUnavailable) << found.status();
      return;
    }
    Compare(*found, *model);
    LogOptions options = TestOptions(disk);
    options.sync_mode = sync_mode_;
    options.prefill_chunk_bytes = prefill_chunk_bytes_;
    options.segment_bytes = 4096;
    absl::StatusOr<std::unique_ptr<Log>> opened = Log::Open(options, found->result);
    if (!opened.ok()) {
      ASSERT_EQ(opened.status().code(), absl::StatusCode::kUnavailable) << opened.status();
      return;
    }
    Log& log = **opened;
    // From now on readers see what was found: it must not change any more.
    model->durable = found->result.last_lsn;
    model->records.erase(model->records.upper_bound(model->durable), model->records.end());

    for (int step = 0; step < 14; ++step) {
      absl::Status status;
      switch (random.Uniform(9)) {
        case 0:
          status = log.RotateSegment();
          break;
        case 1:
          status = log.WriteSyncMarker();
          break;
        case 2:
          status = log.Sync();
          break;
        case 3:
          if (random.OneIn(2)) {
            // A manifest that is durable elsewhere.
            model->checkpoint =
                std::max(model->checkpoint, 1 + random.Uniform(log.synced_lsn() + 1));
            status = log.DropSegmentsBefore(model->checkpoint);
          }
          break;
        default: {
          // Never a multiple of 512, often across several sectors.
          std::string record(1 + random.Uniform(random.OneIn(3) ? 2700 : 300), '\0');
          for (char& c : record) c = static_cast<char>(random.Next());
          model->records[log.last_lsn() + 1] = record;
          status = log.Append(record).status();
        }
      }
      model->durable = std::max(model->durable, log.synced_lsn());
      if (!status.ok()) return;
    }
    if (random.OneIn(2) && log.Close().ok()) model->durable = log.last_lsn();
  }

  const SyncMode sync_mode_;
  const uint64_t prefill_chunk_bytes_;
  const uint64_t seed_;
  uint64_t state_count_ = 0;
};

void RunSeeds(SyncMode sync_mode, uint64_t prefill_chunk_bytes, uint64_t first_seed,
              uint64_t seed_count, uint64_t state_count_min) {
  uint64_t state_count = 0;
  for (uint64_t seed = first_seed; seed < first_seed + seed_count; ++seed) {
    Enumeration enumeration(sync_mode, prefill_chunk_bytes, seed);
    enumeration.Run();
    state_count += enumeration.state_count();
    if (testing::Test::HasFailure()) break;
  }
  std::cout << state_count << " crash states\n";
  EXPECT_GE(state_count, state_count_min);
}

TEST(CrashTest, EveryOperationOfFullMode) { RunSeeds(SyncMode::kFull, 0, 1, 12, 10'000); }

TEST(CrashTest, EveryOperationWithZerosAhead) { RunSeeds(SyncMode::kFull, 700, 101, 8, 8'000); }

TEST(CrashTest, EveryOperationOfIntervalMode) { RunSeeds(SyncMode::kInterval, 0, 201, 6, 4'000); }

TEST(CrashTest, EveryOperationOfOffMode) { RunSeeds(SyncMode::kOff, 0, 301, 6, 3'000); }

}  // namespace
}  // namespace kyrodb::wal
