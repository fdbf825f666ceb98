// Goal:   scrubbing finds damage on the disk that no reader touched, once, within one cycle, and
//         nothing else; it keeps to its rate, rests between cycles, holds on to no run, and readers
//         of other pages do not notice; a database that is open does it by itself.
// Method: two runs on a disk whose bytes can be turned over while files are open, a clock that
//         stands still until the test moves it, and steps taken one by one.
#include "engine/core/scrubber.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/key_space.h"
#include "engine/storage/run.h"
#include "gmock/gmock.h"
#include "tests/base/forwarding_file_system.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

// Passes everything on; reads give other bytes where the disk has rotted.
class RottenDisk : public ForwardingFileSystem {
 public:
  RottenDisk() : RottenDisk(NewMemoryFileSystem()) {}
  void Rot(const std::string& path, uint64_t offset) {
    absl::MutexLock lock(&mutex_);
    rotten_[path].push_back(offset);
  }

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, base().OpenForRead(path));
    return std::make_unique<File>(*this, std::string(path), std::move(file));
  }

 private:
  class File : public RandomAccessFile {
   public:
    File(RottenDisk& disk, std::string path, std::unique_ptr<RandomAccessFile> file)
        : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}
    absl::StatusOr<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
      KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(offset, size, buffer));
      absl::MutexLock lock(&disk_.mutex_);
      if (const auto it = disk_.rotten_.find(path_); it != disk_.rotten_.end()) {
        for (const uint64_t at : it->second) {
          if (at >= offset && at < offset + count) {
            buffer[at - offset] = static_cast<char>(buffer[at - offset] ^ 1);
          }
        }
      }
      return count;
    }
    uint64_t size_bytes() const override { return file_->size_bytes(); }

   private:
    RottenDisk& disk_;
    const std::string path_;
    const std::unique_ptr<RandomAccessFile> file_;
  };

  explicit RottenDisk(std::unique_ptr<FileSystem> disk)
      : ForwardingFileSystem(disk.get()), disk_(std::move(disk)) {}

  const std::unique_ptr<FileSystem> disk_;
  absl::Mutex mutex_;
  std::map<std::string, std::vector<uint64_t>> rotten_ ABSL_GUARDED_BY(mutex_);
};

class ScrubberTest : public ::testing::Test {
 protected:
  ScrubberTest() {
    MakeRun(1, 'a');
    MakeRun(2, 'b');
    scrubber_ = std::make_unique<Scrubber>(ScrubberContext{
        .spaces = &spaces_,
        .clock = &clock_,
        .metrics = &metrics_,
        .bytes_per_second = &rate_,
        .pause_seconds = &pause_,
        .on_damage = [this](absl::string_view what) { told_.push_back(std::string(what)); }});
  }

  static std::string Key(char head, int i) { return absl::StrFormat("%c%06d", head, i); }

  // A run of about 400 KiB.
  void MakeRun(uint64_t number, char head) {
    const std::shared_ptr<KeySpace> space = spaces_.GetOrCreate(7);
    for (int i = 0; i < 3000; ++i) {
      space->Apply(++lsn_, EntryKind::kPut, Key(head, i), std::string(100, head));
    }
    const std::shared_ptr<const MemTable> frozen[] = {space->Freeze()};
    const auto run =
        space->WriteFlush(frozen, absl::StrCat("run-", number), number, {.snapshots = {lsn_}});
    ASSERT_TRUE(run.ok()) << run.status();
    space->InstallFlush(*run, frozen);
  }
  std::vector<std::shared_ptr<const engine::Run>> runs() {
    return spaces_.GetOrCreate(7)->version()->runs;
  }

  uint64_t Metric(absl::string_view name) {
    for (const MetricsRegistry::Sample& sample : metrics_.Samples()) {
      if (sample.name == name) return static_cast<uint64_t>(sample.value);
    }
    ADD_FAILURE() << name;
    return 0;
  }

  // Steps, and lets the time pass that they ask for.
  void RunCycle() {
    const uint64_t cycles = Metric("kyro_scrub_cycles_total");
    for (int i = 0; i < 10000 && Metric("kyro_scrub_cycles_total") == cycles; ++i) {
      clock_.AdvanceMicros(absl::ToInt64Microseconds(scrubber_->Step()) + 1);
    }
    EXPECT_EQ(Metric("kyro_scrub_cycles_total"), cycles + 1);
  }

  static constexpr int64_t kRate = 1 << 20;
  ManualClock clock_;
  const Knob rate_{{.name = "rate", .default_value = kRate, .min = 0, .max = 1 << 30}};
  const Knob pause_{{.name = "pause", .default_value = 10, .min = 0, .max = 1 << 30}};
  RottenDisk disk_;
  MetricsRegistry metrics_;
  BufferPool pool_{uint64_t{1} << 20, metrics_};
  ObsoleteFiles obsolete_;
  SpaceTable spaces_{StorageContext{disk_, pool_, metrics_, obsolete_}};
  std::vector<std::string> told_;
  Lsn lsn_ = 0;
  std::unique_ptr<Scrubber> scrubber_;
};

TEST_F(ScrubberTest, ACleanDiskYieldsNothingAndEveryPageIsRead) {
  RunCycle();
  uint64_t pages = 0;
  for (const auto& run : runs()) pages += run->checked_page_count();
  EXPECT_EQ(Metric("kyro_scrub_pages_total"), pages);
  EXPECT_TRUE(told_.empty());
  EXPECT_TRUE(scrubber_->findings().empty());
  RunCycle();
  EXPECT_EQ(Metric("kyro_scrub_pages_total"), 2 * pages);
  EXPECT_EQ(Metric("kyro_scrub_damaged_pages_total"), 0u);
}

TEST_F(ScrubberTest, ABitThatTurnedOverIsFoundOnceWithinOneCycle) {
  RunCycle();
  // In memory all is well: every key was read just now.
  std::string value;
  const std::shared_ptr<KeySpace> space = spaces_.GetOrCreate(7);
  for (int i = 0; i < 3000; ++i) ASSERT_GT(space->Get(Key('a', i), lsn_, &value).value(), 0u);
  disk_.Rot("run-1", 5 * kPageBytes + 17);
  clock_.AdvanceMicros(10 * 1'000'000);
  RunCycle();
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_THAT(told_[0], testing::HasSubstr("run-1: offset 20480: the page's checksum"));
  EXPECT_EQ(Metric("kyro_scrub_damaged_pages_total"), 1u);
  ASSERT_EQ(scrubber_->findings().size(), 1u);
  EXPECT_EQ(scrubber_->findings()[0].file, "run-1");
  EXPECT_EQ(scrubber_->findings()[0].offset, 5 * kPageBytes);
  RunCycle();
  EXPECT_EQ(told_.size(), 1u) << "told again";
  // Who reads something else does not notice.
  for (int i = 0; i < 3000; i += 100) {
    EXPECT_GT(space->Get(Key('b', i), lsn_, &value).value(), 0u);
  }
}

TEST_F(ScrubberTest, DamageBehindThePagesIsFoundToo) {
  disk_.Rot("run-2", runs()[0]->footer().properties.offset + 3);
  disk_.Rot("run-1", runs()[1]->footer().checksums.offset + 3);
  disk_.Rot("run-1", runs()[1]->file_bytes() - 1);
  RunCycle();
  EXPECT_THAT(told_, testing::UnorderedElementsAre(
                         testing::HasSubstr("the properties fail their checksum"),
                         testing::HasSubstr("the page checksums fail their checksum"),
                         testing::HasSubstr("footer and trailer")));
}

TEST_F(ScrubberTest, TheRateIsKept) {
  clock_.AdvanceMicros(10 * 1'000'000);
  constexpr int64_t kStepMicros = 10'000;
  for (int64_t micros = 0; Metric("kyro_scrub_cycles_total") == 0; micros += kStepMicros) {
    ASSERT_LT(micros, 10'000'000) << "too slow";
    // However often it is asked.
    for (int i = 0; i < 5; ++i) scrubber_->Step();
    const auto allowed =
        static_cast<double>(kRate) * static_cast<double>(micros) / 1e6 + (128 << 10);
    EXPECT_LE(static_cast<double>(Metric("kyro_scrub_pages_total") * kPageBytes), allowed);
    clock_.AdvanceMicros(kStepMicros);
  }
  // About 0.9 MiB, and no faster: about as slow as was asked for.
  EXPECT_GT(Metric("kyro_scrub_pages_total") * kPageBytes, 700u << 10);
}

TEST_F(ScrubberTest, ItRestsBetweenCyclesAndWhenTheRateIsZero) {
  RunCycle();
  const uint64_t pages = Metric("kyro_scrub_pages_total");
  clock_.AdvanceMicros(9'000'000);
  for (int i = 0; i < 100; ++i) scrubber_->Step();
  EXPECT_EQ(Metric("kyro_scrub_pages_total"), pages);
  clock_.AdvanceMicros(2'000'000);
  scrubber_->Step();
  EXPECT_GT(Metric("kyro_scrub_pages_total"), pages);

  const Knob off({.name = "rate", .default_value = 0, .min = 0, .max = 1});
  MetricsRegistry metrics;
  Scrubber resting({.spaces = &spaces_,
                    .clock = &clock_,
                    .metrics = &metrics,
                    .bytes_per_second = &off,
                    .pause_seconds = &pause_,
                    .on_damage = nullptr});
  clock_.AdvanceMicros(100'000'000);
  EXPECT_EQ(resting.Step(), absl::InfiniteDuration());
  EXPECT_EQ(metrics.counter("kyro_scrub_pages_total", "").value(), 0u);
}

TEST_F(ScrubberTest, ARunThatIsMergedAwayIsLetGoAndItsFindingsWithIt) {
  disk_.Rot("run-1", 50 * kPageBytes);
  RunCycle();
  EXPECT_EQ(scrubber_->findings().size(), 1u);
  clock_.AdvanceMicros(20'000'000);
  scrubber_->Step();  // the next cycle has begun
  const std::shared_ptr<KeySpace> space = spaces_.GetOrCreate(7);
  const std::weak_ptr<const engine::Run> run = space->version()->runs[0];
  space->InstallCompaction(nullptr, space->version()->runs);
  EXPECT_TRUE(run.expired());
  RunCycle();
  EXPECT_TRUE(scrubber_->findings().empty());
}

// Rows of `value_bytes` each, and then damage in a file whose name begins with `prefix`, in which
// "#" stands for the table.
void ExpectDamageIsFound(size_t value_bytes, absl::string_view prefix) {
  RottenDisk disk;
  OpenOptions options = QuietOptions(&disk);
  absl::Notification found;
  std::string message;
  options.on_damage = [&](absl::string_view what) {
    message = std::string(what);
    if (!found.HasBeenNotified()) found.Notify();
  };
  ObjectId table = 0;
  {
    const auto database = Database::Open("db", options).value();
    table = CreateTableOrDie(*database, DocsTable());
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(
          PutKeyValue(*database, table, EncodeRowId(i), std::string(value_bytes, 'v')).ok());
    }
    ASSERT_TRUE(database->Close().ok());
  }
  const std::vector<std::string> files = disk.List("db/runs").value();
  const auto run = std::find_if(files.begin(), files.end(), [&](const std::string& file) {
    return absl::StartsWith(file, absl::StrReplaceAll(prefix, {{"#", absl::StrCat(table)}}));
  });
  ASSERT_NE(run, files.end());
  options.background = true;
  options.knobs.push_back({"scrub_pause_seconds", 0});
  options.knobs.push_back({"scrub_bytes_per_second", 1 << 30});
  const auto database = Database::Open("db", options).value();
  disk.Rot(absl::StrCat("db/runs/", *run), 10);
  ASSERT_TRUE(found.WaitForNotificationWithTimeout(absl::Seconds(60)));
  EXPECT_THAT(message, testing::HasSubstr(*run));
  ASSERT_EQ(database->damage_findings().size(), 1u);
  EXPECT_TRUE(database->Close().ok());
}

TEST(ScrubbingDatabaseTest, ADatabaseScrubsItselfAndStopsAtOnce) {
  ExpectDamageIsFound(200, "run-#-");
}

TEST(ScrubbingDatabaseTest, LargeValuesAreScrubbedToo) { ExpectDamageIsFound(2000, "values-"); }

}  // namespace
}  // namespace kyrodb::engine
