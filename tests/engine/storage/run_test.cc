// Goal:   a run gives back exactly what was written: every key, every version at every snapshot, in
//         order, for keys of every shape and values of every size; absent keys stay absent.
// Method: comparison with an ordered map over key families that stress slices, groups and prefixes;
//         the writer's refusals; what a failing disk leaves behind.
#include "engine/storage/run.h"

#include <gmock/gmock.h>

#include <set>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/fault_file_system.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

using testing::HasSubstr;

std::string BigEndian(uint64_t n) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, n >>= 8) key[static_cast<size_t>(i)] = static_cast<char>(n & 0xFF);
  return key;
}

class RunTest : public StorageTest {
 protected:
  // Every key, at every snapshot around its versions; `absent`, which may hold present keys too;
  // order; Seeks and steps back from all of them.
  void ExpectEqual(const Run& run, const Model& model, std::vector<std::string> probes) {
    for (const auto& [key, versions] : model) {
      std::set<Lsn> snapshots = {0, kLsnMax};
      for (const auto& [lsn, version] : versions) snapshots.insert({lsn - 1, lsn, lsn + 1});
      for (const Lsn snapshot : snapshots) ExpectGet(run, model, key, snapshot);
      const auto latest = run.LatestLsn(key);
      ASSERT_TRUE(latest.ok()) << latest.status();
      ASSERT_EQ(*latest, versions.begin()->first);
    }
    for (const auto access : {Run::Access::kCached, Run::Access::kSequential}) {
      const auto iterator = run.NewIterator(access);
      EXPECT_FALSE(iterator->Valid());
      iterator->SeekToFirst();
      ASSERT_TRUE(IteratorLines(*iterator) == ModelLines(model));
      ASSERT_TRUE(iterator->status().ok()) << iterator->status();
    }
    // Neighbours of keys are the absent keys that are most easily taken for present ones.
    Random random(model.size());
    for (const auto& [key, versions] : model) {
      if (model.size() > 500 && !random.OneIn(model.size() / 500)) continue;
      probes.push_back(key);
      probes.push_back(key + '\0');
      probes.push_back(key + "\xFF");
      if (key.empty()) continue;
      probes.push_back(key.substr(0, key.size() - 1));
      std::string changed = key;
      changed[random.Uniform(key.size())] ^= static_cast<char>(1 << random.Uniform(8));
      probes.push_back(changed);
      changed = key;
      ++changed.back();
      probes.push_back(changed);
    }
    probes.push_back("");
    probes.push_back(std::string(20, '\xFF'));
    const auto iterator = run.NewIterator();
    for (const std::string& probe : probes) {
      ExpectGet(run, model, probe, kLsnMax);
      iterator->Seek(probe);
      ASSERT_TRUE(iterator->status().ok()) << iterator->status();
      const auto bound = model.lower_bound(probe);
      Model next_keys;
      for (auto entry = bound; entry != model.end() && next_keys.size() < 3; ++entry) {
        next_keys.insert(*entry);
      }
      const std::vector<std::string> expected = ModelLines(next_keys);
      ASSERT_EQ(IteratorLines(*iterator, expected.size()), expected) << absl::CHexEscape(probe);
      const auto before = run.KeyBefore(probe);
      ASSERT_TRUE(before.ok()) << before.status();
      ASSERT_EQ(before->has_value(), bound != model.begin()) << absl::CHexEscape(probe);
      if (before->has_value()) {
        ASSERT_EQ(**before, std::prev(bound)->first);
      }
    }
    const auto last = run.KeyBefore(std::nullopt);
    ASSERT_TRUE(last.ok());
    ASSERT_EQ(last->has_value(), !model.empty());
    if (!model.empty()) {
      EXPECT_EQ(**last, model.rbegin()->first);
    }
  }

  static void ExpectFound(const absl::StatusOr<std::optional<FoundVersion>>& found,
                          const Model& model, const std::string& key, Lsn snapshot) {
    ASSERT_TRUE(found.ok()) << found.status();
    const auto expected = ModelGet(model, key, snapshot);
    ASSERT_EQ(found->has_value(), expected.has_value())
        << absl::CHexEscape(key) << " at " << snapshot;
    if (!expected) return;
    ASSERT_EQ((*found)->lsn, expected->first);
    ASSERT_EQ((*found)->kind, expected->second.kind);
    ASSERT_TRUE((*found)->value == expected->second.value);
  }

  void ExpectGet(const Run& run, const Model& model, const std::string& key, Lsn snapshot) {
    ExpectFound(run.Get(key, snapshot), model, key, snapshot);
    ExpectFound(QuickGet(pool_, run, key, snapshot), model, key, snapshot);
  }

  void ExpectRoundTrip(const Model& model, std::vector<std::string> probes = {}) {
    for (const bool with_bounds : {true, false}) {
      const uint64_t file_number = next_file_++;
      const auto run = MakeRun(model, file_number, with_bounds);
      ASSERT_NE(run, nullptr);
      ExpectEqual(*run, model, probes);
      if (HasFatalFailure()) return;
      uint64_t version_count = 0;
      uint64_t tombstone_count = 0;
      for (const auto& [key, versions] : model) {
        version_count += versions.size();
        tombstone_count += versions.begin()->second.kind == EntryKind::kDelete ? 1 : 0;
      }
      EXPECT_EQ(run->properties().entry_count, model.size());
      EXPECT_EQ(run->properties().version_count, version_count);
      EXPECT_EQ(run->properties().tombstone_count, tombstone_count);
      EXPECT_EQ(metrics_.counter("kyro_run_models_retrained_total", "").value(), 0u);
    }
  }

  // A model with one put a key.
  static Model Puts(const std::vector<std::string>& keys) {
    Model model;
    Lsn lsn = 0;
    for (const std::string& key : keys) {
      model[key][++lsn] = {.kind = EntryKind::kPut, .value = "value of " + key};
    }
    return model;
  }

  uint64_t next_file_ = 1;
};

TEST_F(RunTest, AnEmptyRunHoldsNothing) { ExpectRoundTrip({}); }

TEST_F(RunTest, ASingleKeyIsFound) {
  ExpectRoundTrip(Puts({"k"}));
  ExpectRoundTrip(Puts({""}));
  ExpectRoundTrip(Puts({std::string(8192, 'x')}));
}

TEST_F(RunTest, EightByteKeysAreTheirOwnSlices) {
  Random random(TestSeed());
  Model dense;
  Model sparse;
  Model with_extremes;
  for (uint64_t i = 0; i < 20000; ++i) {
    dense[BigEndian(1000 + i + i / 5)][1 + i] = {.value = absl::StrFormat("%u", i)};
    sparse[BigEndian(random.Next())][1 + i] = {.value = absl::StrFormat("%u", i)};
  }
  for (const uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{2}, ~uint64_t{0}, ~uint64_t{0} - 1}) {
    with_extremes[BigEndian(n)][7] = {.value = "edge"};
  }
  ExpectRoundTrip(dense, {BigEndian(0), BigEndian(~uint64_t{0}), BigEndian(1005)});
  ExpectRoundTrip(sparse);
  ExpectRoundTrip(with_extremes);
}

TEST_F(RunTest, KeysWithoutAShapeAreAnsweredByATree) {
  // Heaps of forty keys with nothing between them: no line covers more than one.
  Random random(TestSeed());
  Model heaps;
  for (uint64_t start = 0, lsn = 0; heaps.size() < 8000; start += random.Next() >> 9) {
    for (int i = 0; i < 40; ++i) heaps[BigEndian(start++)][++lsn] = {.value = "v"};
  }
  ExpectRoundTrip(heaps, {BigEndian(~uint64_t{0})});
  EXPECT_EQ(MakeRun(heaps, 1000)->bound_width_max(), 8u);
}

TEST_F(RunTest, PathsThatShareSlicesAreTold) {
  std::vector<std::string> keys;
  for (const char* top : {"/usr/share/doc/", "/usr/share/man/", "/usr/lib/", "/var/"}) {
    for (int i = 0; i < 700; ++i) {
      keys.push_back(absl::StrFormat("%spackage-%d/copyright", top, i));
      keys.push_back(absl::StrFormat("%spackage-%d", top, i));
    }
  }
  const Model model = Puts(keys);
  ExpectRoundTrip(model, {"/usr", "/usr/share/doc/package-", "/usr/share/doc/package-9999", "/"});
  const auto run = MakeRun(model, 77);
  EXPECT_EQ(run->properties().common_prefix, "/");
  EXPECT_LT(run->properties().slice_count, 20u);
}

TEST_F(RunTest, KeysThatArePrefixesOfEachOtherAreTold) {
  std::vector<std::string> keys = {"", "a", "b", "prefix", "prefiy"};
  for (size_t zeros = 0; zeros < 20; ++zeros) {
    keys.push_back(std::string(zeros, '\0'));
    keys.push_back("a" + std::string(zeros, '\0'));
    keys.push_back("a" + std::string(zeros, '\0') + "b");
    keys.push_back("prefix" + std::string(zeros, 'x'));
  }
  ExpectRoundTrip(Puts(keys), {"a\1", std::string(21, '\0')});
  // The same behind a common prefix, one of them being the prefix itself.
  std::vector<std::string> longer;
  for (const std::string& key : keys) longer.push_back("common/" + key);
  ExpectRoundTrip(Puts(longer), {"common", "common0", "commo", "d", "c", ""});
}

TEST_F(RunTest, KeysOfHighBytesAreFoundAndSortLast) {
  std::vector<std::string> keys;
  for (size_t length = 0; length < 30; ++length) {
    keys.push_back(std::string(length, '\xFF'));
    keys.push_back(std::string(length, '\xFF') + '\0');
    keys.push_back(std::string(length, '\xFF') + "\xFE");
  }
  ExpectRoundTrip(Puts(keys), {std::string(40, '\xFF')});
}

TEST_F(RunTest, RandomKeysWithManyVersionsAreSeenAtEverySnapshot) {
  Random random(TestSeed());
  for (int round = 0; round < 8; ++round) {
    Model model;
    const size_t length_end = 1 + random.Uniform(24);
    for (Lsn lsn = 1; lsn < 3000; ++lsn) {
      const auto kind = random.OneIn(5) ? EntryKind::kDelete : EntryKind::kPut;
      std::string value =
          kind == EntryKind::kPut ? RandomBytes(random, random.Uniform(60)) : std::string();
      model["p" + RandomBytes(random, random.Uniform(length_end))]
           [random.OneIn(10) ? lsn << 40 : lsn] = {.kind = kind, .value = std::move(value)};
    }
    ExpectRoundTrip(model);
    if (HasFatalFailure()) return;
  }
}

TEST_F(RunTest, AKeyMayHaveThousandsOfVersions) {
  Model model = Puts({"a", "z"});
  for (Lsn lsn = 1; lsn < 5000; ++lsn) {
    model["m"][lsn] = {.kind = lsn % 7 == 0 ? EntryKind::kDelete : EntryKind::kPut,
                       .value = lsn % 7 == 0 ? "" : absl::StrFormat("value %u", lsn)};
  }
  ExpectRoundTrip(model);
}

TEST_F(RunTest, ValuesOfEverySizeStraddlePages) {
  Random random(TestSeed());
  Model model;
  Lsn lsn = 0;
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{100}, size_t{8000}, kPageBytes - 1, kPageBytes, kPageBytes + 1,
        3 * kPageBytes, size_t{100000}, size_t{1} << 20}) {
    for (int copy = 0; copy < 3; ++copy) {
      const std::string key = absl::StrFormat("value %u", random.Uniform(100000));
      for (int version = 0; version < 2; ++version) {
        model[key][++lsn] = {.value = RandomBytes(random, size)};
      }
    }
  }
  // Long keys, so that records' heads straddle too.
  for (int i = 0; i < 40; ++i) {
    model["w" + std::string(5000, 'w') + RandomBytes(random, random.Uniform(3000))][++lsn] = {
        .value = "w"};
  }
  ExpectRoundTrip(model);
}

TEST_F(RunTest, ManyKeysCoverManyPagesOfEveryColumn) {
  Model numbers;
  Model strings;
  Random random(TestSeed());
  for (uint64_t i = 0; i < 30000; ++i) {
    // Clusters with huge gaps, so that bounds are wide and fall across pages.
    numbers[BigEndian((random.Uniform(40) << 50) + random.Uniform(4000))][1] = {.value = "n"};
    strings[absl::StrFormat("tenant:%02u/order/%06u", random.Uniform(50), random.Uniform(1000000))]
           [2] = {.value = "s"};
  }
  ExpectRoundTrip(numbers);
  ExpectRoundTrip(strings);
}

TEST_F(RunTest, ATinyPoolIsEnough) {
  Model model;
  for (uint64_t i = 0; i < 5000; ++i)
    model[BigEndian(i * 977)][1] = {.value = std::string(50, 'x')};
  pool_.SetCapacity(0);
  ExpectRoundTrip(model);
  // Pages stay until the next one comes; nothing is pinned any more.
  pool_.SetCapacity(0);
  EXPECT_EQ(pool_.used_bytes(), 0u);
}

TEST_F(RunTest, SequentialPassesLeaveThePoolAlone) {
  Model model;
  for (uint64_t i = 0; i < 5000; ++i)
    model[BigEndian(i * 977)][1] = {.value = std::string(50, 'x')};
  const auto run = MakeRun(model, 1);
  const auto iterator = run->NewIterator(Run::Access::kSequential);
  iterator->SeekToFirst();
  EXPECT_EQ(IteratorLines(*iterator).size(), 5000u);
  EXPECT_EQ(pool_.used_bytes(), 0u);
}

TEST_F(RunTest, AHotLookUpReadsNoDiskAndTheLastReaderFreesThePool) {
  auto run = MakeRun(Puts({"a", "b"}), 1);
  ASSERT_TRUE(run->Get("a", kLsnMax).ok());
  const uint64_t misses = metrics_.counter("kyro_buffer_pool_misses_total", "").value();
  ASSERT_TRUE(run->Get("a", kLsnMax).ok());
  EXPECT_EQ(metrics_.counter("kyro_buffer_pool_misses_total", "").value(), misses);
  EXPECT_GT(pool_.used_bytes(), 0u);
  ObsoleteFiles obsolete;
  auto iterator = run->NewIterator();
  iterator->SeekToFirst();
  run->MarkObsolete(&obsolete);
  run.reset();
  EXPECT_TRUE(obsolete.Take().empty()) << "the iterator still reads";
  EXPECT_EQ(IteratorLines(*iterator).size(), 2u);
  iterator.reset();
  EXPECT_EQ(pool_.used_bytes(), 0u);
  EXPECT_EQ(obsolete.Take(), std::vector<std::string>{Path(1)});
}

TEST_F(RunTest, ObsoleteFilesAreRemovedOnce) {
  ASSERT_TRUE(WriteModel({}, 1).ok());
  ObsoleteFiles obsolete;
  obsolete.Add(Path(1));
  obsolete.Add(Path(2));  // already gone
  EXPECT_TRUE(obsolete.RemoveAll(*disk_).ok());
  EXPECT_FALSE(*disk_->Exists(Path(1)));
  EXPECT_TRUE(obsolete.Take().empty());

  ASSERT_TRUE(WriteModel({}, 3).ok());
  obsolete.Add(Path(3));
  disk_->StopAtOperation(disk_->operation_count());
  EXPECT_FALSE(obsolete.RemoveAll(*disk_).ok());
  EXPECT_EQ(obsolete.Take(), std::vector<std::string>{Path(3)}) << "to be tried again";
}

TEST_F(RunTest, PropertiesSayWhatWasWritten) {
  Model model = Puts({"key/a", "key/b", "key/longer than a slice"});
  model["key/b"][90] = {.kind = EntryKind::kDelete, .value = ""};
  const auto run = MakeRun(model, 9);
  const RunProperties& properties = run->properties();
  EXPECT_EQ(properties.file_number, 9u);
  EXPECT_EQ(properties.min_lsn, 1u);
  EXPECT_EQ(properties.max_lsn, 90u);
  EXPECT_EQ(properties.smallest_key, "key/a");
  EXPECT_EQ(properties.largest_key, "key/longer than a slice");
  EXPECT_EQ(properties.common_prefix, "key/");
  EXPECT_EQ(properties.tombstone_count, 1u);
  EXPECT_EQ(properties.version_count, 4u);
  EXPECT_EQ(properties.key_bytes, 5u + 5 + 23);
  EXPECT_GT(run->resident_bytes(), run->model_bytes());
  EXPECT_GT(run->model_bytes(), 0u);
  EXPECT_EQ(run->segment_count(), 1u);
  EXPECT_GE(run->bound_width_max(), 1u);
  EXPECT_EQ(run->file_bytes(), (*disk_->OpenForRead(Path(9)))->size_bytes());
}

class RunWriterTest : public StorageTest {
 protected:
  std::unique_ptr<RunWriter> Create(RunWriterOptions options = {}) {
    auto writer = RunWriter::Create(*disk_, Path(1), options);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
};

TEST_F(RunWriterTest, VersionsOutOfOrderAreRefusedAndTheRefusalSticks) {
  for (const auto& [key, lsn] :
       std::vector<std::pair<std::string, Lsn>>{{"m", 5}, {"m", 6}, {"l", 1}, {"", 9}, {"ll", 4}}) {
    auto writer = Create();
    ASSERT_TRUE(writer->Add("m", 5, EntryKind::kPut, "v").ok());
    const absl::Status status = writer->Add(key, lsn, EntryKind::kPut, "v");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("comes after key \"m\" with LSN 5"));
    EXPECT_FALSE(writer->Add("z", 1, EntryKind::kPut, "v").ok());
    EXPECT_FALSE(writer->Finish().ok());
  }
  EXPECT_FALSE(*disk_->Exists(Path(1)));
}

TEST_F(RunWriterTest, KeysOutsideTheBoundsLsnZeroAndDeletesWithValuesAreRefused) {
  RunWriterOptions options;
  options.smallest_key = "abc1";
  options.largest_key = "abc9";
  EXPECT_THAT(std::string(Create(options)->Add("abd", 1, EntryKind::kPut, "").message()),
              HasSubstr("does not begin with \"abc\""));
  EXPECT_EQ(Create()->Add("a", 0, EntryKind::kPut, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Create()->Add("a", 1, EntryKind::kDelete, "x").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(RunWriterTest, AnAbandonedRunLeavesNoFileAndAnExistingFileIsLeftAlone) {
  {
    auto writer = Create();
    ASSERT_TRUE(writer->Add("a", 1, EntryKind::kPut, std::string(1 << 20, 'x')).ok());
  }
  EXPECT_FALSE(*disk_->Exists(Path(1)));
  ASSERT_TRUE(WriteModel({}, 1).ok());
  EXPECT_EQ(RunWriter::Create(*disk_, Path(1), {}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(*disk_->Exists(Path(1)));
}

TEST_F(RunWriterTest, EveryFailureOfTheDiskIsReportedAndCleanedUp) {
  using Kind = Fault::Kind;
  for (const Kind kind :
       {Kind::kWriteError, Kind::kShortWrite, Kind::kSyncError, Kind::kDiskFull}) {
    for (uint64_t at = 0;; ++at) {
      const auto faulty = NewFaultFileSystem(disk_.get());
      faulty->SetFault({.kind = kind, .at = at, .forever = false});
      absl::Status status;
      {
        auto writer = RunWriter::Create(*faulty, Path(1), {});
        status = writer.status();
        for (int i = 0; status.ok() && i < 10; ++i) {
          status = (*writer)->Add(absl::StrFormat("%d", i), 1, EntryKind::kPut,
                                  std::string(100000, 'x'));
        }
        if (status.ok()) status = (*writer)->Finish().status();
      }
      EXPECT_EQ(status.ok(), faulty->failure_count() == 0);
      EXPECT_EQ(*disk_->Exists(Path(1)), status.ok());
      if (status.ok()) {
        EXPECT_GE(at, 1u);
        ASSERT_TRUE(disk_->Remove(Path(1)).ok());
        break;
      }
    }
  }
}

TEST_F(RunWriterTest, AFinishedRunSurvivesAPowerLoss) {
  ASSERT_TRUE(disk_->CreateDirectory("d").ok());
  auto writer = RunWriter::Create(*disk_, "d/1.run", {});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Add("a", 1, EntryKind::kPut, std::string(200000, 'x')).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  ASSERT_TRUE(disk_->SyncDirectory("d").ok());
  ASSERT_TRUE(disk_->SyncDirectory(".").ok());
  const auto after = disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1);
  const auto run = Run::Open(*after, "d/1.run", 0, pool_, metrics_);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ((*run)->Get("a", 1).value()->value.size(), 200000u);
}

TEST(KeySliceTest, SlicesSortLikeTheirBytes) {
  EXPECT_EQ(KeySlice(""), 0u);
  EXPECT_EQ(KeySlice("a"), uint64_t{0x61} << 56);
  EXPECT_EQ(KeySlice("abcdefgh"), 0x6162636465666768u);
  EXPECT_EQ(KeySlice("abcdefghi"), KeySlice("abcdefgh"));
  EXPECT_LT(KeySlice("a\x7F"), KeySlice("a\x80"));
  EXPECT_EQ(KeySlice(std::string(9, '\xFF')), ~uint64_t{0});
}

}  // namespace
}  // namespace kyrodb::engine
