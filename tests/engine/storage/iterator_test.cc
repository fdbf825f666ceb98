// Goal:   merged sources read as one map, and a snapshot shows of it what it should.
// Method: comparison with an ordered map, over versions dealt out at random to memtables and runs;
// all
//         snapshots, ranges and Seeks; a source that fails.
#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>

#include "engine/storage/memtable.h"
#include "engine/storage/merging_iterator.h"
#include "engine/storage/snapshot_iterator.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

using testing::HasSubstr;

class IteratorTest : public StorageTest {
 protected:
  // Deals the versions of `model` out to two memtables and two runs.
  std::vector<std::function<std::unique_ptr<InternalIterator>()>> Deal(const Model& model,
                                                                       Random& random) {
    std::vector<std::shared_ptr<MemTable>> tables = {std::make_shared<MemTable>(),
                                                     std::make_shared<MemTable>()};
    std::vector<Model> parts(2);
    for (const auto& [key, versions] : model) {
      for (const auto& [lsn, version] : versions) {
        const uint64_t part = random.Uniform(4);
        if (part < 2) {
          tables[part]->Add(lsn, version.kind, key, version.value);
        } else {
          parts[part - 2][key][lsn] = version;
        }
      }
    }
    std::vector<std::function<std::unique_ptr<InternalIterator>()>> sources;
    for (const auto& table : tables) {
      sources.push_back([table] { return NewMemTableIterator(table); });
    }
    for (const Model& part : parts) {
      sources.push_back([run = MakeRun(part, next_file_++)] { return run->NewIterator(); });
    }
    return sources;
  }

  std::unique_ptr<InternalIterator> Merge(
      const std::vector<std::function<std::unique_ptr<InternalIterator>()>>& sources) {
    std::vector<std::unique_ptr<InternalIterator>> iterators;
    for (const auto& source : sources) iterators.push_back(source());
    return NewMergingIterator(std::move(iterators));
  }

  static Model RandomModel(Random& random) {
    Model model;
    const Lsn lsn_end = 2 + random.Uniform(400);
    for (Lsn lsn = 1; lsn < lsn_end; ++lsn) {
      const auto kind = random.OneIn(3) ? EntryKind::kDelete : EntryKind::kPut;
      model[RandomBytes(random, random.Uniform(3))][lsn] = {
          .kind = kind, .value = kind == EntryKind::kPut ? absl::StrFormat("v%u", lsn) : ""};
    }
    return model;
  }

  uint64_t next_file_ = 1;
};

TEST_F(IteratorTest, NothingMergedIsNothing) {
  const auto iterator = NewMergingIterator({});
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_TRUE(iterator->status().ok());
}

TEST_F(IteratorTest, AMergeWalksAllVersionsInOrder) {
  Random random(TestSeed());
  for (int round = 0; round < 30; ++round) {
    const Model model = RandomModel(random);
    const auto iterator = Merge(Deal(model, random));
    EXPECT_FALSE(iterator->Valid());
    iterator->SeekToFirst();
    ASSERT_EQ(IteratorLines(*iterator), ModelLines(model));
    for (int probe = 0; probe < 20; ++probe) {
      const std::string key = RandomBytes(random, random.Uniform(4));
      iterator->Seek(key);
      ASSERT_EQ(IteratorLines(*iterator), ModelLines(model, key));
      ASSERT_TRUE(iterator->status().ok());
    }
  }
}

TEST_F(IteratorTest, AMergeGoesBackwardsKeyByKeyAndTurnsAnywhere) {
  Random random(TestSeed());
  for (int round = 0; round < 30; ++round) {
    const Model model = RandomModel(random);
    const auto sources = Deal(model, random);
    const auto iterator = Merge(sources);
    auto key = model.end();  // where the walk should be; end: not valid
    ModelVersions::const_iterator version;
    const auto go_to = [&](Model::const_iterator to) {
      key = model.find(to == model.end() ? "none" : to->first);
      if (key != model.end()) version = key->second.begin();
    };
    for (int step = 0; step < 500; ++step) {
      const uint64_t choice = random.Uniform(key == model.end() ? 3 : 24);
      if (choice == 0) {
        const std::string probe = RandomBytes(random, random.Uniform(4));
        iterator->Seek(probe);
        go_to(model.lower_bound(probe));
      } else if (choice == 1) {
        const std::string probe = RandomBytes(random, random.Uniform(4));
        iterator->SeekBefore(probe);
        const auto bound = model.lower_bound(probe);
        go_to(bound == model.begin() ? model.end() : std::prev(bound));
      } else if (choice == 2) {
        iterator->SeekBefore(std::nullopt);
        go_to(model.empty() ? model.end() : std::prev(model.end()));
      } else if (choice < 14) {
        iterator->PrevKey();
        go_to(key == model.begin() ? model.end() : std::prev(key));
      } else {
        iterator->Next();
        if (++version == key->second.end()) go_to(std::next(key));
      }
      ASSERT_TRUE(iterator->status().ok());
      ASSERT_EQ(iterator->Valid(), key != model.end()) << "step " << step;
      if (!iterator->Valid()) continue;
      ASSERT_EQ(iterator->key(), key->first) << "step " << step << ", choice " << choice;
      ASSERT_EQ(iterator->lsn(), version->first) << "step " << step << ", choice " << choice;
      ASSERT_EQ(iterator->value(), version->second.value);
    }
  }
}

TEST_F(IteratorTest, OfEqualVersionsTheEarlierSourceComesFirst) {
  const auto newer = std::make_shared<MemTable>();
  const auto older = std::make_shared<MemTable>();
  newer->Add(5, EntryKind::kPut, "k", "newer");
  older->Add(5, EntryKind::kPut, "k", "older");
  const auto iterator = Merge(
      {[&] { return NewMemTableIterator(newer); }, [&] { return NewMemTableIterator(older); }});
  iterator->SeekToFirst();
  EXPECT_EQ(iterator->value(), "newer");
}

TEST_F(IteratorTest, ASnapshotShowsTheVisibleVersionsOfItsRange) {
  Random random(TestSeed());
  for (int round = 0; round < 40; ++round) {
    const Model model = RandomModel(random);
    const auto sources = Deal(model, random);
    for (int probe = 0; probe < 40; ++probe) {
      const Lsn snapshot = random.OneIn(8) ? kLsnMax : random.Uniform(400);
      KeyRange range{.begin = RandomBytes(random, random.Uniform(3)),
                     .end = RandomBytes(random, random.Uniform(3))};
      std::vector<std::string> expected;
      for (const auto& [key, versions] : model) {
        if (key < range.begin || (!range.end.empty() && key >= range.end)) continue;
        const auto version = ModelGet(model, key, snapshot);
        if (!version || version->second.kind == EntryKind::kDelete) continue;
        expected.push_back(absl::StrFormat("%s@%u=%s", key, version->first, version->second.value));
      }
      std::vector<std::string> seen;
      const auto iterator = NewSnapshotIterator(Merge(sources), range, snapshot);
      for (; iterator->Valid(); iterator->Next()) {
        seen.push_back(
            absl::StrFormat("%s@%u=%s", iterator->key(), iterator->lsn(), iterator->value()));
      }
      ASSERT_TRUE(iterator->status().ok());
      ASSERT_EQ(seen, expected);

      seen.clear();
      const auto reverse =
          NewSnapshotIterator(Merge(sources), range, snapshot, ScanOptions{.reverse = true});
      for (; reverse->Valid(); reverse->Next()) {
        seen.push_back(
            absl::StrFormat("%s@%u=%s", reverse->key(), reverse->lsn(), reverse->value()));
      }
      ASSERT_TRUE(reverse->status().ok());
      std::reverse(expected.begin(), expected.end());
      ASSERT_EQ(seen, expected);
    }
  }
}

TEST_F(IteratorTest, DamageInOneSourceEndsTheWalkWithAnError) {
  Model model;
  for (uint64_t i = 0; i < 1000; ++i) {
    model[absl::StrFormat("%04u", i)][1] = {.value = std::string(100, 'v')};
  }
  ASSERT_TRUE(WriteModel(model, 1).ok());
  std::string bytes = *ReadFile(*disk_, Path(1));
  bytes[2 * kPageBytes] ^= 1;
  ASSERT_TRUE(disk_->Remove(Path(1)).ok());
  ASSERT_TRUE(WriteFileSynced(*disk_, Path(1), bytes).ok());
  const auto run = Open(1);
  ASSERT_TRUE(run.ok());
  const auto table = std::make_shared<MemTable>();
  table->Add(2, EntryKind::kPut, "9999", "after the damage");
  const auto iterator = NewSnapshotIterator(
      Merge({[&] { return NewMemTableIterator(table); }, [&] { return (*run)->NewIterator(); }}),
      {}, kLsnMax);
  uint64_t count = 0;
  for (; iterator->Valid(); iterator->Next()) {
    EXPECT_NE(iterator->key(), "9999") << "the rows before it are missing";
    ++count;
  }
  EXPECT_GT(count, 50u);
  EXPECT_EQ(iterator->status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(iterator->status().message()), HasSubstr(Path(1)));

  const auto reverse = NewSnapshotIterator(
      Merge({[&] { return NewMemTableIterator(table); }, [&] { return (*run)->NewIterator(); }}),
      {}, kLsnMax, ScanOptions{.reverse = true});
  for (; reverse->Valid(); reverse->Next()) {
    EXPECT_NE(reverse->key(), "0000") << "the rows after it are missing";
  }
  EXPECT_EQ(reverse->status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kyrodb::engine
