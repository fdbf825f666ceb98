// Goal:   the memtable finds, at every snapshot, exactly what was added, while it is being written.
// Method: comparison with an ordered map over random keys, versions and snapshots; readers that
//         check invariants while a writer adds (also under ThreadSanitizer).
#include "engine/storage/memtable.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

TEST(MemTableTest, AnEmptyTableHoldsNothing) {
  const auto table = std::make_shared<MemTable>();
  EXPECT_TRUE(table->empty());
  EXPECT_EQ(table->Get("a", kLsnMax), std::nullopt);
  EXPECT_EQ(table->LatestLsn("a"), 0u);
  EXPECT_EQ(table->KeyBefore(std::nullopt), std::nullopt);
  EXPECT_EQ(table->min_lsn(), 0u);
  EXPECT_EQ(table->max_lsn(), 0u);
  const auto iterator = NewMemTableIterator(table);
  EXPECT_FALSE(iterator->Valid());
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
}

TEST(MemTableTest, EverySnapshotSeesItsOwnVersion) {
  MemTable table;
  table.Add(3, EntryKind::kPut, "k", "three");
  table.Add(5, EntryKind::kDelete, "k", "ignored");
  table.Add(9, EntryKind::kPut, "k", "");
  EXPECT_EQ(table.Get("k", 2), std::nullopt);
  EXPECT_EQ(table.Get("k", 3)->value, "three");
  EXPECT_EQ(table.Get("k", 4)->lsn, 3u);
  EXPECT_EQ(table.Get("k", 8)->kind, EntryKind::kDelete);
  EXPECT_EQ(table.Get("k", 8)->value, "");
  EXPECT_EQ(table.Get("k", 9)->kind, EntryKind::kPut);
  EXPECT_EQ(table.Get("k", kLsnMax)->lsn, 9u);
  EXPECT_EQ(table.LatestLsn("k"), 9u);
  EXPECT_EQ(table.entry_count(), 3u);
  EXPECT_EQ(table.min_lsn(), 3u);
  EXPECT_EQ(table.max_lsn(), 9u);
}

TEST(MemTableTest, OfTwoWritesOfOneCommitTheLaterIsSeen) {
  MemTable table;
  table.Add(3, EntryKind::kPut, "k", "first");
  table.Add(3, EntryKind::kPut, "k", "second");
  EXPECT_EQ(table.Get("k", 3)->value, "second");
}

TEST(MemTableTest, MemoryGrowsWithWhatIsAdded) {
  MemTable table;
  const uint64_t empty_bytes = table.memory_bytes();
  EXPECT_LE(empty_bytes, 8192u);
  table.Add(1, EntryKind::kPut, "k", std::string(100000, 'x'));
  EXPECT_GE(table.memory_bytes(), empty_bytes + 100000);
  EXPECT_LE(table.memory_bytes(), empty_bytes + 120000);
}

TEST(MemTableTest, AgreesWithAMapAtEverySnapshot) {
  Random random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    Model model;
    auto table = std::make_shared<MemTable>();
    const Lsn lsn_end = 2 + random.Uniform(1000);
    for (Lsn lsn = 1; lsn < lsn_end; ++lsn) {
      const std::string key = RandomBytes(random, random.Uniform(4));
      const auto kind = random.OneIn(4) ? EntryKind::kDelete : EntryKind::kPut;
      std::string value =
          kind == EntryKind::kPut ? RandomBytes(random, random.Uniform(40)) : std::string();
      table->Add(lsn, kind, key, value);
      model[key][lsn] = {.kind = kind, .value = std::move(value)};
    }
    for (int probe = 0; probe < 2000; ++probe) {
      const std::string key = RandomBytes(random, random.Uniform(4));
      const Lsn snapshot = random.Uniform(lsn_end + 1);
      const auto expected = ModelGet(model, key, snapshot);
      const auto found = table->Get(key, snapshot);
      ASSERT_EQ(found.has_value(), expected.has_value());
      if (found) {
        EXPECT_EQ(found->lsn, expected->first);
        EXPECT_EQ(found->kind, expected->second.kind);
        EXPECT_EQ(found->value, expected->second.value);
      }
      const auto newest = model.find(key);
      EXPECT_EQ(table->LatestLsn(key), newest == model.end() ? 0 : newest->second.begin()->first);
      const auto bound = model.lower_bound(key);
      const auto before = table->KeyBefore(key);
      ASSERT_EQ(before.has_value(), bound != model.begin());
      if (before) {
        EXPECT_EQ(*before, std::prev(bound)->first);
      }
    }
    const auto iterator = NewMemTableIterator(table);
    iterator->SeekToFirst();
    EXPECT_EQ(IteratorLines(*iterator), ModelLines(model));
    for (int probe = 0; probe < 20; ++probe) {
      const std::string key = RandomBytes(random, random.Uniform(4));
      iterator->Seek(key);
      EXPECT_EQ(IteratorLines(*iterator), ModelLines(model, key));
    }
  }
}

// Keys that share long beginnings, stop inside one another and use few or all bytes: every kind of
// node of the tree is split, grown and copied.
std::string ShapedKey(Random& random) {
  static const std::string kStems[] = {
      "", "a", "user", std::string(40, 'u'), "user/00000000", std::string("\0\0\0\0\0", 5)};
  std::string key = kStems[random.Uniform(std::size(kStems))];
  if (!key.empty()) key.resize(random.Uniform(key.size() + 1));
  const uint64_t tail = random.Uniform(6);
  const uint64_t alphabet = random.OneIn(2) ? 256 : 3;
  for (uint64_t i = 0; i < tail; ++i) key.push_back(static_cast<char>(random.Uniform(alphabet)));
  return key;
}

TEST(MemTableTest, AgreesWithAMapForKeysOfEveryShape) {
  Random random(TestSeed());
  for (const uint64_t count : {1, 5, 17, 49, 300, 20000}) {
    Model model;
    auto table = std::make_shared<MemTable>();
    for (Lsn lsn = 1; lsn <= count; ++lsn) {
      const std::string key = ShapedKey(random);
      table->Add(lsn, EntryKind::kPut, key, absl::StrCat(lsn));
      model[key][lsn] = {.kind = EntryKind::kPut, .value = absl::StrCat(lsn)};
    }
    const auto iterator = NewMemTableIterator(table);
    iterator->SeekToFirst();
    EXPECT_EQ(IteratorLines(*iterator), ModelLines(model));
    for (int probe = 0; probe < 3000; ++probe) {
      const std::string key = ShapedKey(random);
      const auto at = model.lower_bound(key);
      EXPECT_EQ(table->Get(key, kLsnMax).has_value(), at != model.end() && at->first == key);
      iterator->Seek(key);
      ASSERT_EQ(iterator->Valid(), at != model.end());
      if (iterator->Valid()) {
        ASSERT_EQ(iterator->key(), at->first);
      }
      const auto before = table->KeyBefore(key);
      ASSERT_EQ(before.has_value(), at != model.begin());
      if (before) {
        ASSERT_EQ(*before, std::prev(at)->first);
      }
      // Steps in both directions from anywhere.
      auto step = at;
      for (int i = 0; i < 8 && iterator->Valid(); ++i) {
        if (random.OneIn(2)) {
          iterator->PrevKey();
          ASSERT_EQ(iterator->Valid(), step != model.begin());
          if (iterator->Valid()) --step;
        } else {
          // The only version of the key, unless it was drawn more than once.
          for (size_t versions = step->second.size(); versions > 0; --versions) iterator->Next();
          ++step;
          ASSERT_EQ(iterator->Valid(), step != model.end());
        }
        if (iterator->Valid()) {
          ASSERT_EQ(iterator->key(), step->first);
        }
      }
    }
    std::string backwards, expected_backwards;
    iterator->SeekBefore(std::nullopt);
    for (; iterator->Valid(); iterator->PrevKey()) {
      absl::StrAppend(&backwards, iterator->key(), "@", iterator->lsn(), "\n");
    }
    for (auto it = model.rbegin(); it != model.rend(); ++it) {
      absl::StrAppend(&expected_backwards, it->first, "@", it->second.begin()->first, "\n");
    }
    EXPECT_EQ(backwards, expected_backwards);
    EXPECT_EQ(*table->KeyBefore(std::nullopt), model.rbegin()->first);
  }
}

// The order of the keys changes at every place while readers walk: nothing published before a
// search began may be missed, and nothing may stand out of order.
TEST(MemTableTest, ReadersMissNoKeyWhileTheTreeGrows) {
  Random random(TestSeed());
  std::vector<std::string> keys;
  {
    Model seen;
    while (keys.size() < 6000) {
      std::string key = ShapedKey(random);
      if (seen.try_emplace(key).second) keys.push_back(std::move(key));
    }
  }
  auto table = std::make_shared<MemTable>();
  std::atomic<uint64_t> published{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<int> started{0};
  {
    std::vector<std::jthread> readers;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      readers.emplace_back([&, seed] {
        Random reader_random(seed);
        const auto iterator = NewMemTableIterator(table);
        uint64_t count = 0;
        started.fetch_add(1);
        while (count < keys.size()) {
          count = published.load(std::memory_order_acquire);
          if (count == 0) continue;
          const std::string& key = keys[reader_random.Uniform(count)];
          const std::string& other = keys[reader_random.Uniform(count)];
          if (!table->Get(key, kLsnMax)) wrong.fetch_add(1);
          iterator->Seek(key);
          if (!iterator->Valid() || iterator->key() != key) wrong.fetch_add(1);
          if (other < key) {
            const auto before = table->KeyBefore(key);
            if (!before || *before < other || *before >= key) wrong.fetch_add(1);
          }
          if (!reader_random.OneIn(64)) continue;
          uint64_t met = 0;
          std::string last;
          for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
            if (met > 0 && iterator->key() <= last) wrong.fetch_add(1);
            last = std::string(iterator->key());
            if (iterator->lsn() <= count) ++met;
          }
          if (met != count) wrong.fetch_add(1);
        }
      });
    }
    while (started.load() < 3) std::this_thread::yield();
    for (uint64_t i = 0; i < keys.size(); ++i) {
      if (i % 64 == 0) std::this_thread::yield();
      table->Add(i + 1, EntryKind::kPut, keys[i], "v");
      published.store(i + 1, std::memory_order_release);
    }
  }
  EXPECT_EQ(wrong.load(), 0u);
}

// Key i gets its versions in rounds: at LSN r * kKeys + i + 1, with the value that says so. A
// reader at a published LSN can compute what it must find.
TEST(MemTableTest, ReadersSeeEveryPublishedVersionWhileTheWriterAdds) {
  constexpr uint64_t kKeys = 64;
  constexpr uint64_t kRounds = 100;
  auto table = std::make_shared<MemTable>();
  std::atomic<Lsn> published{0};
  std::atomic<uint64_t> wrong{0};
  const auto key_of = [](uint64_t i) { return absl::StrFormat("key%03u", i * 37 % kKeys); };
  const auto check = [&](uint64_t i, Lsn snapshot, std::optional<Lsn> found) {
    std::optional<Lsn> expected;
    if (snapshot >= i + 1) expected = (snapshot - i - 1) / kKeys * kKeys + i + 1;
    if (expected != found) wrong.fetch_add(1);
  };
  {
    std::vector<std::jthread> readers;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      readers.emplace_back([&, seed] {
        Random random(seed);
        Lsn snapshot = 0;
        while (snapshot < kKeys * kRounds) {
          snapshot = published.load(std::memory_order_acquire);
          const uint64_t i = random.Uniform(kKeys);
          const auto found = table->Get(key_of(i), snapshot);
          check(i, snapshot, found ? std::optional(found->lsn) : std::nullopt);
          if (found && found->value != absl::StrFormat("v%u", found->lsn)) wrong.fetch_add(1);
          if (!random.OneIn(16)) continue;
          const auto iterator = NewMemTableIterator(table);
          uint64_t seen = 0;
          std::string last_key;
          Lsn last_lsn = 0;
          for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
            if (seen > 0 &&
                CompareInternal(last_key, last_lsn, iterator->key(), iterator->lsn()) >= 0) {
              wrong.fetch_add(1);
            }
            last_key = std::string(iterator->key());
            last_lsn = iterator->lsn();
            if (last_lsn <= snapshot) ++seen;
          }
          if (seen != snapshot) wrong.fetch_add(1);
        }
      });
    }
    for (Lsn lsn = 1; lsn <= kKeys * kRounds; ++lsn) {
      table->Add(lsn, EntryKind::kPut, key_of((lsn - 1) % kKeys), absl::StrFormat("v%u", lsn));
      published.store(lsn, std::memory_order_release);
    }
  }
  EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace kyrodb::engine
