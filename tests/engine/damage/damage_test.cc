// Goal:   whatever bit of whatever file turns over, and wherever a file is cut, no answer is wrong:
//         damage is reported with the file and the offset, keeps to the page that it hit, or is
//         repaired when what it hit can be made again.
// Method: a small database with every type of file; in each type random bits, each bit of the
//         first bytes, and cuts at every sector. Opened after that, every row, the scan and the
//         vector index must give what was committed, or `DataLoss` that names the file. The log may
//         lose its last commit, or what is cut off its end, unnoticed (wal/log_format.md says why).
#include <cstdio>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "tests/engine/battery.h"
#include "tests/engine/damage/sample.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kHeaderBytes = 64;
constexpr uint64_t kSectorBytes = 512;

class DamageTest : public ::testing::Test {
 protected:
  struct Tally {
    uint64_t states = 0;
    uint64_t right = 0;     // nothing is missing
    uint64_t refused = 0;   // the database does not open
    uint64_t reported = 0;  // some answers are errors, or the database is read-only
    uint64_t repaired = 0;  // derived data was made again
  };

  static const Sample& TheSample() {
    static const Sample& sample = *new Sample(MakeSample(/*row_count=*/150, 40));
    return sample;
  }
  static const std::map<std::string, std::string>& Files() {
    static const auto& files =
        *new std::map<std::string, std::string>(ReadAllFiles(*TheSample().disk));
    return files;
  }

  // `status` must be `DataLoss` about the file at `path`, with an offset.
  static void ExpectNamed(const absl::Status& status, const std::string& path) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), path)) << status << " names not " << path;
    EXPECT_TRUE(absl::StrContains(status.message(), "offset ")) << status;
  }

  // Opens the sample with other bytes in one file. `place`: where they differ first.
  void Check(const std::string& path, std::string bytes, uint64_t place, Tally* tally) {
    SCOPED_TRACE(absl::StrCat(path, " changed at offset ", place, " of ", Files().at(path).size()));
    ++tally->states;
    const std::unique_ptr<MemoryFileSystem> disk =
        TheSample().disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
    ASSERT_TRUE(disk->Remove(path).ok());
    ASSERT_TRUE(WriteFileSynced(*disk, path, bytes).ok());
    const absl::StatusOr<std::unique_ptr<Database>> opened =
        Database::Open("db", QuietOptions(disk.get()));
    if (!opened.ok()) {
      ++tally->refused;
      ExpectNamed(opened.status(), path);
      return;
    }
    Database& database = **opened;
    const uint64_t last = database.last_lsn();
    const uint64_t newest = TheSample().states.size() - 1;
    const std::string& damage = database.recovery().damage;
    bool reported = !damage.empty();
    if (reported) {
      // An empty segment is as good as none: then the directory is named.
      EXPECT_TRUE(absl::StrContains(damage, bytes.empty() ? "db/log" : path) &&
                  absl::StrContains(damage, "offset "))
          << damage;
      EXPECT_FALSE(database.writable().ok());
    }
    ASSERT_LE(last, newest);
    // A log whose newest segment ends early looks like one that never got further.
    const auto last_segment = std::prev(Files().lower_bound("db/log/~"));
    const bool is_cut_tail =
        path == last_segment->first && bytes.size() < last_segment->second.size();
    EXPECT_TRUE(reported || is_cut_tail || last + 1 >= newest)
        << "commits after " << last << " are lost silently";
    const SampleRows& expected = TheSample().states[last];
    std::unique_ptr<Transaction> transaction = database.Begin();
    // Definitions could be what is lost.
    const auto table = transaction->catalog()->FindTable(TheSample().table);
    ASSERT_NE(table, nullptr);

    uint64_t failed = 0;
    for (int64_t id = 0; id < 100; ++id) {
      const std::string key = EncodeRowId(id);
      const absl::StatusOr<std::optional<std::string>> value = transaction->Get(table->id, key);
      if (!value.ok()) {
        ++failed;
        ExpectNamed(value.status(), path);
        continue;
      }
      const auto it = expected.find(key);
      const bool right = it == expected.end() ? !value->has_value() : *value == it->second;
      EXPECT_TRUE(right) << "row " << id << " is wrong";
    }
    // A page of the heap holds half of the hundred rows: of many only where their values lie.
    const bool in_heap = absl::StrContains(path, "/runs/") &&
                         bytes.size() == Files().at(path).size() && place < bytes.size() / 3;
    EXPECT_TRUE(!in_heap || failed <= 60) << "the damage spreads to " << failed << " rows";
    reported |= failed > 0;

    const absl::StatusOr<std::unique_ptr<Iterator>> rows = transaction->Scan(table->id, KeyRange{});
    if (rows.ok()) {
      auto it = expected.begin();
      for (; (*rows)->Valid(); (*rows)->Next(), ++it) {
        ASSERT_TRUE(it != expected.end() && (*rows)->key() == it->first &&
                    (*rows)->value() == it->second)
            << "the scan is wrong";
      }
      if ((*rows)->status().ok()) {
        EXPECT_TRUE(it == expected.end()) << "the scan ends early";
      } else {
        ExpectNamed((*rows)->status(), path);
        reported = true;
      }
    } else {
      ExpectNamed(rows.status(), path);
      reported = true;
    }

    const std::vector<float> query(4, 0.4f);
    const absl::StatusOr<NearestAnswer> answer = transaction->Nearest(
        {.table = table->id, .index = TheSample().index, .query = query, .limit = 1000},
        [](absl::string_view, absl::string_view) { return true; });
    if (answer.ok()) {
      std::map<std::string, double> distances = ExactDistances(expected, *table, query);
      for (const NearestNeighbor& neighbor : answer->neighbors) {
        const auto it = distances.find(neighbor.key);
        ASSERT_TRUE(it != distances.end() && std::abs(it->second - neighbor.distance) < 1e-4)
            << "the vector index is wrong";
        distances.erase(it);
      }
      EXPECT_TRUE(distances.empty()) << "the vector index misses " << distances.size() << " rows";
    } else {
      ExpectNamed(answer.status(), path);
      reported = true;
    }
    if (database.recovery().rebuilt_indexes > 0) {
      ++tally->repaired;
    } else {
      ++(reported ? tally->reported : tally->right);
    }
  }

  // All changes of the files of which `is_type` holds.
  void Sweep(const char* type, const std::function<bool(const std::string&)>& is_type,
             Tally* tally) {
    std::vector<std::string> paths;
    uint64_t total_bytes = 0;
    for (const auto& [path, bytes] : Files()) {
      if (!is_type(path)) continue;
      paths.push_back(path);
      total_bytes += bytes.size();
    }
    ASSERT_FALSE(paths.empty());
    const uint64_t flips = BatteryCount("BIT_FLIPS", 80, 1000);
    const bool all = flips >= 1000;
    Random random(flips);
    const auto flip = [&](const std::string& path, uint64_t bit) {
      std::string bytes = Files().at(path);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      Check(path, std::move(bytes), bit / 8, tally);
    };
    for (uint64_t i = 0; i < flips && !HasFatalFailure() && !HasFailure(); ++i) {
      uint64_t at = random.Uniform(total_bytes * 8);
      size_t file = 0;
      while (at >= Files().at(paths[file]).size() * 8) at -= Files().at(paths[file++]).size() * 8;
      flip(paths[file], at);
    }
    for (const std::string& path : paths) {
      const uint64_t size = Files().at(path).size();
      for (uint64_t bit = 0; bit < std::min(size, kHeaderBytes) * 8; bit += all ? 1 : 37) {
        flip(path, bit);
        if (HasFailure()) return;
      }
      for (uint64_t end = 0; end < size; end += kSectorBytes * (all ? 1 : 7)) {
        Check(path, Files().at(path).substr(0, end), end, tally);
        if (HasFailure()) return;
      }
    }
    std::printf(
        "%s: %llu damaged files: %llu refused, %llu reported, %llu repaired, %llu whole; "
        "0 wrong answers\n",
        type, static_cast<unsigned long long>(tally->states),
        static_cast<unsigned long long>(tally->refused),
        static_cast<unsigned long long>(tally->reported),
        static_cast<unsigned long long>(tally->repaired),
        static_cast<unsigned long long>(tally->right));
  }
};

TEST_F(DamageTest, RunsNeverLie) {
  Tally tally;
  Sweep(
      "runs", [](const std::string& path) { return absl::StrContains(path, "/runs/run-"); },
      &tally);
  EXPECT_GT(tally.reported + tally.refused, 0u);
}

TEST_F(DamageTest, ValueFilesNeverLie) {
  Tally tally;
  Sweep(
      "value files",
      [](const std::string& path) { return absl::StrContains(path, "/runs/values-"); }, &tally);
  EXPECT_GT(tally.reported, tally.refused);
}

TEST_F(DamageTest, TheLogNeverLies) {
  Tally tally;
  Sweep(
      "log", [](const std::string& path) { return absl::StrContains(path, "/log/"); }, &tally);
  EXPECT_GT(tally.reported, 0u);
}

TEST_F(DamageTest, TheManifestNeverLies) {
  Tally tally;
  const std::string current = Files().at("db/CURRENT");
  const std::string path = "db/" + current.substr(0, current.find(' '));
  Sweep(
      "manifest", [&](const std::string& candidate) { return candidate == path; }, &tally);
  EXPECT_EQ(tally.refused, tally.states);
}

TEST_F(DamageTest, CurrentNeverLies) {
  Tally tally;
  Sweep(
      "CURRENT", [](const std::string& path) { return path == "db/CURRENT"; }, &tally);
  EXPECT_EQ(tally.refused, tally.states);
}

TEST_F(DamageTest, VectorSegmentsAreBuiltAnew) {
  Tally tally;
  Sweep(
      "vector segments",
      [](const std::string& path) { return absl::StrContains(path, "/vectors/"); }, &tally);
  EXPECT_EQ(tally.repaired, tally.states);
}

// A file of a newer format is told from a damaged one, and both versions are named.
class NewerFormatTest : public ::testing::Test {
 protected:
  static void PatchCrc(std::string* bytes, size_t crc_at, size_t begin, size_t end) {
    const uint32_t crc = Crc32c(absl::string_view(*bytes).substr(begin, end - begin));
    std::memcpy(bytes->data() + crc_at, &crc, sizeof(crc));
  }
  // What opening says after `change` was applied to the files.
  static absl::Status OpenChanged(
      const std::function<void(std::map<std::string, std::string>*)>& change) {
    std::map<std::string, std::string> files = ReadAllFiles(*MakeSample(10, 3).disk);
    change(&files);
    const std::unique_ptr<MemoryFileSystem> disk = WriteAllFiles(files);
    return Database::Open("db", QuietOptions(disk.get())).status();
  }
  static void ExpectRefusedPolitely(const absl::Status& status, absl::string_view newer) {
    EXPECT_TRUE(absl::IsUnimplemented(status) || absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("version ", newer))) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "this program reads")) << status;
  }
};

TEST_F(NewerFormatTest, OfARunIsRefusedPolitely) {
  ExpectRefusedPolitely(OpenChanged([](auto* files) {
                          for (auto& [path, bytes] : *files) {
                            if (!absl::StrContains(path, "/runs/run-")) continue;
                            // The trailer: version, checksum of version and magic number, magic.
                            const size_t trailer = bytes.size() - 16;
                            bytes[trailer] = 77;
                            const std::string identity =
                                bytes.substr(trailer, 4) + bytes.substr(trailer + 8, 8);
                            const uint32_t crc = Crc32c(identity);
                            std::memcpy(bytes.data() + trailer + 4, &crc, sizeof(crc));
                          }
                        }),
                        "77");
}

TEST_F(NewerFormatTest, OfAValueFileIsRefusedPolitely) {
  ExpectRefusedPolitely(OpenChanged([](auto* files) {
                          for (auto& [path, bytes] : *files) {
                            if (!absl::StrContains(path, "/runs/values-")) continue;
                            const size_t trailer = bytes.size() - 16;
                            bytes[trailer] = 77;
                            const std::string identity =
                                bytes.substr(trailer, 4) + bytes.substr(trailer + 8, 8);
                            const uint32_t crc = Crc32c(identity);
                            std::memcpy(bytes.data() + trailer + 4, &crc, sizeof(crc));
                          }
                        }),
                        "77");
}

TEST_F(NewerFormatTest, OfTheManifestsFrameIsRefusedPolitely) {
  ExpectRefusedPolitely(OpenChanged([](auto* files) {
                          for (auto& [path, bytes] : *files) {
                            if (!absl::StrContains(path, "/MANIFEST-")) continue;
                            bytes[8] = 77;
                            PatchCrc(&bytes, 4, 8, bytes.size());
                          }
                        }),
                        "77");
}

TEST_F(NewerFormatTest, OfTheManifestsContentIsRefusedPolitely) {
  ExpectRefusedPolitely(OpenChanged([](auto* files) {
                          for (auto& [path, bytes] : *files) {
                            if (!absl::StrContains(path, "/MANIFEST-")) continue;
                            bytes[32] = 77;  // a varint
                            PatchCrc(&bytes, 4, 8, bytes.size());
                          }
                        }),
                        "77");
}

TEST_F(NewerFormatTest, OfALogFrameIsRefusedPolitely) {
  ExpectRefusedPolitely(OpenChanged([](auto* files) {
                          for (auto& [path, bytes] : *files) {
                            if (!absl::StrContains(path, "/log/")) continue;
                            // The first frame of each segment; its payload length at offset 12.
                            bytes[8] = 77;
                            PatchCrc(&bytes, 4, 8, 80 + LoadFixed32(bytes.data() + 12));
                          }
                        }),
                        "77");
}

TEST_F(NewerFormatTest, OfAVectorSegmentMeansThatItIsBuiltAnew) {
  std::map<std::string, std::string> files = ReadAllFiles(*MakeSample(10, 3).disk);
  for (auto& [path, bytes] : files) {
    if (absl::StrContains(path, "/vectors/")) bytes[4] = 77;
  }
  const std::unique_ptr<MemoryFileSystem> disk = WriteAllFiles(files);
  const absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open("db", QuietOptions(disk.get()));
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->recovery().rebuilt_indexes, 1u);
}

}  // namespace
}  // namespace kyrodb::engine
