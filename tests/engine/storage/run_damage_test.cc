// Goal:   no byte of a run file can make it lie or crash: damage is `DataLoss` that names file and
//         offset, confined to what it hit, or it is repaired (the model).
// Method: bit flips, wiped sectors and truncations at thousands of random places, each answer
// compared
//         with the undamaged content; files whose bytes are nonsense but whose checksums are right.
#include <gmock/gmock.h>

#include "engine/base/fault_file_system.h"
#include "tests/engine/storage/model.h"
#include "tests/engine/storage/run_surgery.h"
#include "tests/engine/storage/test_seed.h"

namespace kyrodb::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RunDamageTest : public StorageTest {
 protected:
  // Keys that share slices, keys of 8 bytes, values that straddle pages.
  static Model Sample(uint64_t seed, bool shared_slices) {
    Random random(seed);
    Model model;
    for (Lsn lsn = 1; lsn < 1500; ++lsn) {
      const std::string key =
          shared_slices
              ? absl::StrFormat("table/%u/row/%06u", random.Uniform(3), random.Uniform(1000))
              : RandomBytes(random, 8);
      const auto kind = random.OneIn(6) ? EntryKind::kDelete : EntryKind::kPut;
      const size_t size = random.OneIn(200) ? 20000 : random.Uniform(60);
      model[key][lsn] = {.kind = kind,
                         .value = kind == EntryKind::kPut ? RandomBytes(random, size) : ""};
    }
    return model;
  }

  std::string FileBytes(uint64_t file_number) { return *ReadFile(*disk_, Path(file_number)); }

  // Puts `bytes` in the place of file 2 and opens it.
  absl::StatusOr<std::shared_ptr<Run>> OpenBytes(absl::string_view bytes) {
    disk_->Remove(Path(2)).IgnoreError();
    const absl::Status status = WriteFileSynced(*disk_, Path(2), bytes);
    if (!status.ok()) return status;
    return Open(2);
  }

  // That `status` is `DataLoss` and says where.
  static void ExpectDamage(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith(Path(2) + ": offset "));
  }

  struct Outcome {
    uint64_t right = 0;
    uint64_t refused = 0;
  };

  // Asks for keys, some absent, and walks: every answer is right or `DataLoss`.
  Outcome ExpectRightOrRefused(const Run& run, const Model& model, Random& random, int probes) {
    Outcome outcome;
    const auto count = [&](const absl::Status& status) {
      if (status.ok()) {
        ++outcome.right;
      } else {
        ++outcome.refused;
        ExpectDamage(status);
      }
      return status.ok();
    };
    for (int i = 0; i < probes; ++i) {
      auto entry =
          std::next(model.begin(), static_cast<std::ptrdiff_t>(random.Uniform(model.size())));
      std::string key = entry->first;
      if (random.OneIn(3)) key[random.Uniform(key.size())] ^= 1;
      const Lsn snapshot = random.OneIn(2) ? kLsnMax : random.Uniform(1500);
      const auto found =
          random.OneIn(2) ? run.Get(key, snapshot) : QuickGet(pool_, run, key, snapshot);
      if (count(found.status())) {
        const auto expected = ModelGet(model, key, snapshot);
        EXPECT_EQ(found->has_value(), expected.has_value());
        if (found->has_value() && expected) {
          EXPECT_EQ((*found)->lsn, expected->first);
          EXPECT_TRUE((*found)->value == expected->second.value);
        }
      }
      const auto before = run.KeyBefore(key);
      if (count(before.status())) {
        const auto bound = model.lower_bound(key);
        EXPECT_EQ(before->value_or("none"),
                  bound == model.begin() ? "none" : std::prev(bound)->first);
      }
    }
    const auto iterator =
        run.NewIterator(random.OneIn(2) ? Run::Access::kCached : Run::Access::kSequential);
    const std::string from = random.OneIn(2) ? "" : RandomBytes(random, 2);
    iterator->Seek(from);
    const std::vector<std::string> lines = IteratorLines(*iterator);
    const std::vector<std::string> expected = ModelLines(model, from);
    if (count(iterator->status())) {
      EXPECT_TRUE(lines == expected);
    } else {
      // What came before the damage is right.
      EXPECT_LE(lines.size(), expected.size());
      EXPECT_TRUE(std::equal(lines.begin(), lines.end(), expected.begin()));
    }
    return outcome;
  }

  uint64_t retrained() { return metrics_.counter("kyro_run_models_retrained_total", "").value(); }
};

TEST_F(RunDamageTest, FlippedBitsAreNeverBelieved) {
  Random random(TestSeed());
  Outcome sum;
  uint64_t refused_at_open = 0;
  for (const bool shared_slices : {true, false}) {
    const Model model = Sample(random.Next(), shared_slices);
    disk_->Remove(Path(2)).IgnoreError();
    ASSERT_TRUE(WriteModel(model, 2).ok());
    const std::string bytes = FileBytes(2);
    RunFooter footer =
        *DecodeRunTail(absl::string_view(bytes).substr(bytes.size() - kRunTailBytes), bytes.size());
    for (int i = 0; i < 1000; ++i) {
      std::string damaged = bytes;
      // Half of the flips hit the few bytes at the end, on which everything hangs.
      const uint64_t offset =
          i % 2 == 0
              ? random.Uniform(bytes.size())
              : footer.checksums.offset + random.Uniform(bytes.size() - footer.checksums.offset);
      damaged[offset] ^= static_cast<char>(1 << random.Uniform(8));
      const auto run = OpenBytes(damaged);
      if (!run.ok()) {
        ExpectDamage(run.status());
        ++refused_at_open;
        EXPECT_GE(offset, footer.checksums.offset) << "only the tail may keep a run from opening";
        continue;
      }
      const Outcome outcome = ExpectRightOrRefused(**run, model, random, 30);
      sum.right += outcome.right;
      sum.refused += outcome.refused;
      if (HasFailure()) FAIL() << "bit flipped at offset " << offset << " of " << bytes.size();
    }
  }
  std::printf("%llu refused at open; then %llu answers right, %llu refused\n",
              static_cast<unsigned long long>(refused_at_open),
              static_cast<unsigned long long>(sum.right),
              static_cast<unsigned long long>(sum.refused));
  EXPECT_GT(refused_at_open, 900u);
  EXPECT_GT(sum.right, 0u);
  EXPECT_GT(sum.refused, 0u);
}

TEST_F(RunDamageTest, WipedSectorsAreNeverBelieved) {
  Random random(TestSeed());
  const Model model = Sample(random.Next(), true);
  ASSERT_TRUE(WriteModel(model, 2).ok());
  const std::string bytes = FileBytes(2);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = bytes;
    const uint64_t sector = random.Uniform(bytes.size() / 512);
    damaged.replace(sector * 512, 512, std::string(512, random.OneIn(2) ? '\0' : '\xFF'));
    const auto run = OpenBytes(damaged);
    if (!run.ok()) {
      ExpectDamage(run.status());
      continue;
    }
    ExpectRightOrRefused(**run, model, random, 20);
    if (HasFailure()) FAIL() << "sector " << sector;
  }
}

TEST_F(RunDamageTest, TruncatedFilesAreRefused) {
  Random random(TestSeed());
  const Model model = Sample(random.Next(), true);
  ASSERT_TRUE(WriteModel(model, 2).ok());
  const std::string bytes = FileBytes(2);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t size = i < 200   ? static_cast<uint64_t>(i)
                          : i < 400 ? bytes.size() - static_cast<uint64_t>(i - 199)
                                    : random.Uniform(bytes.size());
    const auto run = OpenBytes(absl::string_view(bytes).substr(0, size));
    ASSERT_FALSE(run.ok()) << size;
    ExpectDamage(run.status());
  }
  const auto longer = OpenBytes(bytes + "x");
  ASSERT_FALSE(longer.ok());
  ExpectDamage(longer.status());
}

TEST_F(RunDamageTest, ADamagedPageIsConfinedAndNeverCached) {
  Model model;
  for (uint64_t i = 0; i < 2000; ++i) {
    model[absl::StrFormat("%08u", i)][1] = {.value = std::string(100, 'v')};
  }
  ASSERT_TRUE(WriteModel(model, 2).ok());
  std::string bytes = FileBytes(2);
  bytes[3 * kPageBytes + 100] ^= 4;  // page 3 of the heap
  const auto run = OpenBytes(bytes);
  ASSERT_TRUE(run.ok()) << run.status();
  for (int round = 0; round < 3; ++round) {
    // The last round reads most records past the pool.
    if (round == 2) pool_.SetCapacity(8 * kPageBytes);
    uint64_t refused = 0;
    for (const auto& [key, versions] : model) {
      const auto found =
          round == 0 ? (*run)->Get(key, kLsnMax) : QuickGet(pool_, **run, key, kLsnMax);
      if (found.ok()) {
        EXPECT_TRUE(found->has_value());
        continue;
      }
      ++refused;
      EXPECT_THAT(std::string(found.status().message()),
                  StartsWith(absl::StrFormat("%s: offset %u: ", Path(2), 3 * kPageBytes)));
    }
    // About 35 records of 116 bytes lie in a page.
    EXPECT_GT(refused, 30u);
    EXPECT_LT(refused, 40u);
  }
  EXPECT_GT(metrics_.counter("kyro_run_damaged_reads_total", "").value(), 90u);
}

TEST_F(RunDamageTest, ADamagedModelIsTrainedAgain) {
  Random random(TestSeed());
  for (const bool shared_slices : {true, false}) {
    const Model model = Sample(7, shared_slices);
    disk_->Remove(Path(2)).IgnoreError();
    ASSERT_TRUE(WriteModel(model, 2).ok());
    const std::string bytes = FileBytes(2);
    const RunFooter footer =
        *DecodeRunTail(absl::string_view(bytes).substr(bytes.size() - kRunTailBytes), bytes.size());
    for (int i = 0; i < 50; ++i) {
      std::string damaged = bytes;
      damaged[footer.model.offset + random.Uniform(footer.model.size_bytes)] ^= 0x10;
      // Also with checksums of the page that hide it: the model has its own.
      if (i % 2 == 0) {
        ASSERT_TRUE(ResealRun(&damaged));
      }
      const uint64_t before = retrained();
      const auto run = OpenBytes(damaged);
      ASSERT_TRUE(run.ok()) << run.status();
      EXPECT_EQ(retrained(), before + 1);
      EXPECT_GT((*run)->segment_count(), 0u);
      const Outcome outcome = ExpectRightOrRefused(**run, model, random, 20);
      EXPECT_EQ(outcome.refused, 0u);
    }
  }
}

TEST_F(RunDamageTest, WithModelAndKeyColumnDamagedTheRestIsStillServed) {
  Model model;
  for (uint64_t i = 0; i < 1200; ++i) {
    model[absl::StrFormat("%08u", i * 3)][1] = {.value = "v"};
  }
  ASSERT_TRUE(WriteModel(model, 2).ok());
  std::string bytes = FileBytes(2);
  const RunFooter footer =
      *DecodeRunTail(absl::string_view(bytes).substr(bytes.size() - kRunTailBytes), bytes.size());
  bytes[footer.model.offset] ^= 1;
  bytes[footer.cells.offset + 4 * kPageBytes + 5] ^= 1;  // the last of five pages of cells
  const auto run = OpenBytes(bytes);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ((*run)->segment_count(), 0u);
  Random random(1);
  const Outcome outcome = ExpectRightOrRefused(**run, model, random, 300);
  EXPECT_GT(outcome.right, 300u);
  EXPECT_GT(outcome.refused, 10u);
}

TEST_F(RunDamageTest, NonsenseWithRightChecksumsNeitherCrashesNorHangs) {
  Random random(TestSeed());
  uint64_t opened = 0;
  for (int i = 0; i < 3000; ++i) {
    const Model model = Sample(static_cast<uint64_t>(i % 4), i % 2 == 0);
    static std::map<int, std::string> files;
    std::string& original = files[i % 4];
    if (original.empty()) {
      disk_->Remove(Path(2)).IgnoreError();
      ASSERT_TRUE(WriteModel(model, 2).ok());
      original = FileBytes(2);
    }
    std::string bytes = original;
    const RunFooter footer =
        *DecodeRunTail(absl::string_view(bytes).substr(bytes.size() - kRunTailBytes), bytes.size());
    const RunSection sections[] = {
        footer.heap,
        footer.cells,
        footer.offsets,
        footer.hash,
        footer.filter,
        footer.model,
        footer.checksums,
        footer.properties,
        {.offset = bytes.size() - kRunTailBytes, .size_bytes = kRunTailBytes}};
    for (uint64_t changes = 1 + random.Uniform(4); changes > 0; --changes) {
      const RunSection& section = sections[random.Uniform(9)];
      if (section.size_bytes < 8) continue;
      const uint64_t offset = section.offset + random.Uniform(section.size_bytes - 7);
      switch (random.Uniform(3)) {
        case 0:
          bytes[offset] = static_cast<char>(random.Next());
          break;
        case 1:
          bytes.replace(offset, 8, std::string(8, '\xFF'));
          break;
        default:
          bytes.replace(offset / 8 * 8, 8,
                        RandomBytes(random, 1) + std::string(7, random.OneIn(2) ? '\0' : '\xFF'));
      }
    }
    ResealRun(&bytes);
    const auto run = OpenBytes(bytes);
    if (!run.ok()) {
      EXPECT_EQ(run.status().code(), absl::StatusCode::kDataLoss) << run.status();
      continue;
    }
    ++opened;
    for (int probe = 0; probe < 20; ++probe) {
      const auto& key =
          std::next(model.begin(), static_cast<std::ptrdiff_t>(random.Uniform(model.size())))
              ->first;
      const Lsn snapshot = random.Uniform(1600);
      const auto found =
          random.OneIn(2) ? (*run)->Get(key, snapshot) : QuickGet(pool_, **run, key, snapshot);
      if (!found.ok()) ExpectDamage(found.status());
      const auto before = (*run)->KeyBefore(key);
      if (!before.ok()) ExpectDamage(before.status());
    }
    const auto iterator = (*run)->NewIterator();
    uint64_t count = 0;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++count;
    EXPECT_LE(count, bytes.size());
    if (!iterator->status().ok()) ExpectDamage(iterator->status());
  }
  EXPECT_GT(opened, 500u);
}

TEST_F(RunDamageTest, ANewerFormatIsRefusedByName) {
  ASSERT_TRUE(WriteModel(Sample(1, true), 2).ok());
  std::string bytes = FileBytes(2);
  const uint64_t trailer = bytes.size() - kRunTrailerBytes;
  std::string identity;
  PutFixed32(&identity, kRunFormatVersion + 1);
  PutFixed64(&identity, kRunMagic);
  StoreFixed32(&bytes, trailer, kRunFormatVersion + 1);
  StoreFixed32(&bytes, trailer + 4, Crc32c(identity));
  const auto run = OpenBytes(bytes);
  EXPECT_EQ(run.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr(Path(2)));
  EXPECT_THAT(std::string(run.status().message()),
              HasSubstr("version 4, this program reads up to version 3"));
}

TEST_F(RunDamageTest, AFileUnderAnotherNumberIsRefused) {
  ASSERT_TRUE(WriteModel(Sample(1, true), 1).ok());
  const auto run = OpenBytes(FileBytes(1));
  EXPECT_EQ(run.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("number 1, expected 2"));
}

TEST_F(RunDamageTest, AFailingDiskIsUnavailableAndNotRemembered) {
  const Model model = Sample(1, true);
  ASSERT_TRUE(WriteModel(model, 2).ok());
  const auto faulty = NewFaultFileSystem(disk_.get());
  for (uint64_t at = 0; at < 20; ++at) {
    faulty->SetFault({.kind = Fault::Kind::kReadError, .at = at, .forever = false});
    const auto run = Run::Open(*faulty, Path(2), 2, pool_, metrics_);
    if (!run.ok()) {
      EXPECT_EQ(run.status().code(), absl::StatusCode::kUnavailable) << run.status();
      continue;
    }
    uint64_t refused = 0;
    for (int round = 0; round < 2; ++round) {
      for (const auto& [key, versions] : model) {
        const auto found = (*run)->Get(key, kLsnMax);
        if (found.ok()) continue;
        EXPECT_EQ(found.status().code(), absl::StatusCode::kUnavailable);
        ++refused;
      }
    }
    EXPECT_LE(refused, 1u);
    EXPECT_EQ(retrained(), 0u);
  }
}

}  // namespace
}  // namespace kyrodb::engine
