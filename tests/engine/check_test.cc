// Goal:   a check says nothing about a whole database, names file and offset of whatever is wrong
//         with another, also where every checksum holds, and changes nothing; inspecting a file
//         prints what is in it and where it is damaged. Neither is ended by any bytes.
// Method: a small database with every type of file; bytes of it are changed, files are taken away,
//         exchanged and added, and contradictions are made under right checksums.
#include "engine/check.h"

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/inspect.h"
#include "engine/nearest/indexed_column.h"
#include "gmock/gmock.h"
#include "tests/engine/battery.h"
#include "tests/engine/damage/sample.h"
#include "tests/engine/storage/run_surgery.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Files = std::map<std::string, std::string>;

struct Outcome {
  absl::Status status;
  CheckReport report;
  std::vector<std::string> lines;
};

Outcome Check(FileSystem& disk, absl::string_view directory = "db") {
  Outcome outcome;
  const absl::StatusOr<CheckReport> report =
      CheckDirectory(directory, {.file_system = &disk},
                     [&](absl::string_view line) { outcome.lines.push_back(std::string(line)); });
  outcome.status = report.status();
  if (report.ok()) outcome.report = *report;
  return outcome;
}

const Sample& TheSample() {
  static const Sample& sample = *new Sample(MakeSample(/*row_count=*/150, 40));
  return sample;
}
const Files& TheFiles() {
  static const Files& files = *new Files(ReadAllFiles(*TheSample().disk));
  return files;
}
Outcome CheckFiles(const Files& files) { return Check(*WriteAllFiles(files)); }

std::string PathWith(absl::string_view part) {
  for (const auto& [path, bytes] : TheFiles()) {
    if (absl::StrContains(path, part)) return path;
  }
  ADD_FAILURE() << "no file with " << part;
  return "";
}
// The largest run of the table.
std::string TableRun() {
  std::string found;
  for (const auto& [path, bytes] : TheFiles()) {
    if (absl::StrContains(path, absl::StrCat("/run-", TheSample().table, "-")) &&
        (found.empty() || bytes.size() > TheFiles().at(found).size())) {
      found = path;
    }
  }
  return found;
}
std::string LargestSegment() {
  std::string found;
  for (const auto& [path, bytes] : TheFiles()) {
    if (absl::StrContains(path, "/log/") &&
        (found.empty() || bytes.size() > TheFiles().at(found).size())) {
      found = path;
    }
  }
  return found;
}
std::string CurrentManifest() {
  const std::string& current = TheFiles().at("db/CURRENT");
  return "db/" + current.substr(0, current.find(' '));
}

RunSection SectionOf(const std::string& run, uint64_t index) {
  const char* const footer = run.data() + run.size() - kRunTailBytes;
  return {.offset = LoadFixed64(footer + 16 * index),
          .size_bytes = LoadFixed64(footer + 16 * index + 8)};
}
constexpr uint64_t kCells = 1, kFilter = 4, kModel = 5, kProperties = 7;

// A database of which one run was changed, under checksums that hold.
Outcome CheckResealed(const std::function<void(std::string*)>& change) {
  Files files = TheFiles();
  std::string& run = files.at(TableRun());
  change(&run);
  EXPECT_TRUE(ResealRun(&run));
  return CheckFiles(files);
}

TEST(CheckTest, AWholeDatabaseHasNoProblemsAndIsNotChanged) {
  const std::unique_ptr<MemoryFileSystem> disk =
      TheSample().disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  const Outcome outcome = Check(*disk);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines, IsEmpty());
  EXPECT_EQ(outcome.report.problem_count, 0u);
  uint64_t bytes = 0;
  for (const auto& [path, content] : TheFiles()) bytes += content.size();
  // LOCK is a file of the directory too.
  EXPECT_EQ(outcome.report.file_count, TheFiles().size() + 1);
  EXPECT_GE(outcome.report.file_bytes, bytes);
  EXPECT_GT(outcome.report.key_count, 90u);
  EXPECT_EQ(ReadAllFiles(*disk), TheFiles());
  // The lock was given back.
  EXPECT_TRUE(Database::Open("db", QuietOptions(disk.get())).ok());
}

TEST(CheckTest, ADatabaseThatIsOpenOrAbsentIsRefused) {
  const std::unique_ptr<MemoryFileSystem> disk =
      TheSample().disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  OpenOptions options = QuietOptions(disk.get());
  options.opener = "somebody else";
  const auto database = Database::Open("db", options);
  ASSERT_TRUE(database.ok());
  const Outcome held = Check(*disk);
  EXPECT_TRUE(absl::IsFailedPrecondition(held.status)) << held.status;
  EXPECT_THAT(std::string(held.status.message()), HasSubstr("somebody else"));
  EXPECT_TRUE(absl::IsNotFound(Check(*disk, "nowhere").status));
  ASSERT_TRUE(disk->CreateDirectory("empty").ok());
  EXPECT_TRUE(absl::IsNotFound(Check(*disk, "empty").status));
  EXPECT_TRUE(disk->List("empty")->empty());
}

TEST(CheckTest, EveryFlippedBitOfARunIsNamedWithFileAndOffset) {
  Random random(11);
  const std::string path = TableRun();
  const uint64_t flips = BatteryCount("CHECK_FLIPS", 40, 2000);
  for (uint64_t i = 0; i < flips; ++i) {
    Files files = TheFiles();
    std::string& bytes = files.at(path);
    const uint64_t at = random.Uniform(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Uniform(8)));
    const Outcome outcome = CheckFiles(files);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_GT(outcome.report.problem_count, 0u) << "offset " << at;
    EXPECT_THAT(outcome.lines,
                Contains(AllOf(HasSubstr("problem: "), HasSubstr(path), HasSubstr("offset "))))
        << "offset " << at;
  }
}

TEST(CheckTest, EveryFlippedBitOfManifestCurrentAndVectorsIsAProblem) {
  Random random(12);
  const uint64_t flips = BatteryCount("CHECK_FLIPS", 20, 500);
  for (const std::string& path :
       {CurrentManifest(), std::string("db/CURRENT"), PathWith("/vectors/")}) {
    for (uint64_t i = 0; i < flips; ++i) {
      Files files = TheFiles();
      std::string& bytes = files.at(path);
      const uint64_t at = random.Uniform(bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Uniform(8)));
      const Outcome outcome = CheckFiles(files);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_THAT(outcome.lines, Contains(AllOf(HasSubstr("problem: "), HasSubstr(path))))
          << "offset " << at;
    }
  }
}

TEST(CheckTest, DamageToTheLogIsNamed) {
  Random random(13);
  uint64_t problems = 0, notes = 0;
  for (const auto& [path, whole] : TheFiles()) {
    if (!absl::StrContains(path, "/log/")) continue;
    for (int i = 0; i < 10; ++i) {
      Files files = TheFiles();
      std::string& bytes = files.at(path);
      const uint64_t at = random.Uniform(bytes.size());
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Uniform(8)));
      const Outcome outcome = CheckFiles(files);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_THAT(outcome.lines, Contains(AllOf(HasSubstr(path), HasSubstr("offset "))))
          << path << " offset " << at;
      problems += outcome.report.problem_count > 0;
      notes += outcome.report.problem_count == 0;
    }
  }
  // Of a frame that nothing vouches for, damage looks like an end that was cut short.
  EXPECT_GT(problems, 0u);
  EXPECT_LE(notes, problems);
}

TEST(CheckTest, AFilterThatDeniesAKeyIsFound) {
  const Outcome outcome = CheckResealed([](std::string* run) {
    const RunSection filter = SectionOf(*run, kFilter);
    std::fill_n(run->begin() + static_cast<ptrdiff_t>(filter.offset), filter.size_bytes, '\0');
  });
  EXPECT_THAT(outcome.lines, Contains(HasSubstr("the filter denies the key of row")));
}

TEST(CheckTest, KeysThatDoNotAscendAreFound) {
  const Outcome outcome = CheckResealed([](std::string* run) {
    // The last byte of the rest of the second row's key.
    const RunSection cells = SectionOf(*run, kCells);
    const uint64_t record = LoadFixed64(run->data() + cells.offset + 8 * 9);
    const auto rest_bytes = static_cast<uint8_t>((*run)[record]);
    (*run)[record + rest_bytes] = '\0';
  });
  EXPECT_THAT(outcome.lines, Contains(HasSubstr("does not belong to slice")));
  EXPECT_THAT(outcome.lines, Contains(HasSubstr("stands behind key")));
}

TEST(CheckTest, CountsThatDifferFromThePropertiesAreFound) {
  const char* const names[] = {
      "", "", "versions", "deleted keys", "", "bytes of keys", "bytes of values"};
  for (uint64_t field : {2, 3, 5, 6}) {
    const Outcome outcome = CheckResealed([&](std::string* run) {
      const RunSection properties = SectionOf(*run, kProperties);
      ++(*run)[properties.offset + 8 * field];
    });
    EXPECT_THAT(outcome.lines, Contains(HasSubstr(absl::StrCat(names[field], ": ")))) << field;
    EXPECT_EQ(outcome.report.problem_count, 1u) << field;
  }
}

TEST(CheckTest, AModelThatMisleadsIsFound) {
  const Outcome outcome = CheckResealed([](std::string* run) {
    const RunSection model = SectionOf(*run, kModel);
    (*run)[model.offset + model.size_bytes / 2] =
        static_cast<char>((*run)[model.offset + model.size_bytes / 2] ^ 1);
  });
  EXPECT_GT(outcome.report.problem_count, 0u);
}

TEST(CheckTest, MissingFilesAreProblemsAndFilesThatNobodyNamesAreNot) {
  // Of the log, the segment that the manifest knows to be current; the end may be lost unnoticed.
  for (const std::string& path : {TableRun(), PathWith("/vectors/"), std::string("db/CURRENT"),
                                  CurrentManifest(), LargestSegment()}) {
    Files files = TheFiles();
    files.erase(path);
    const Outcome outcome = CheckFiles(files);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_THAT(outcome.lines, Contains(HasSubstr("missing"))) << path;
    EXPECT_GT(outcome.report.problem_count, 0u) << path;
  }
  Files files = TheFiles();
  files["db/runs/run-7-77"] = "left behind";
  files["db/vectors/segment-7-77"] = "left behind";
  const Outcome outcome = CheckFiles(files);
  EXPECT_EQ(outcome.report.problem_count, 0u);
  EXPECT_EQ(outcome.report.note_count, 2u);
  EXPECT_THAT(outcome.lines,
              Contains(AllOf(HasSubstr("note: db/runs/run-7-77"), HasSubstr("orphan"))));
}

TEST(CheckTest, ARunInThePlaceOfAnotherIsAProblem) {
  Files files = TheFiles();
  std::vector<std::string> runs;
  for (const auto& [path, bytes] : files) {
    if (absl::StrContains(path, absl::StrCat("/run-", TheSample().table, "-"))) {
      runs.push_back(path);
    }
  }
  ASSERT_GE(runs.size(), 2u);
  files[runs[0]] = TheFiles().at(runs[1]);
  EXPECT_THAT(CheckFiles(files).lines, Contains(HasSubstr("this is run file number")));
}

TEST(CheckTest, RowsAndVectorIndexAreHeldAgainstEachOther) {
  const std::string path = PathWith("/vectors/");
  const SegmentHeader header = ReadSegmentHeader(TheFiles().at(path)).value();
  const std::unique_ptr<MemoryFileSystem> disk =
      TheSample().disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  std::shared_ptr<const TableSchema> table;
  {
    const auto database = Database::Open("db", QuietOptions(disk.get())).value();
    table = database->Begin()->catalog()->FindTable(TheSample().table);
  }
  ASSERT_EQ(table->indexes.size(), 1u);
  // Every row of the segment's moment that has a vector, but for one; and one row that has none.
  const auto column = IndexedColumn::Create(table->indexes[0], 4).value();
  std::string forgotten;
  for (const auto& [key, row] : TheSample().states[header.covers_lsn]) {
    const absl::string_view floats = VectorColumnBytes(*table, row, 2).value();
    if (floats.empty()) continue;
    // One that the log does not touch again.
    if (forgotten.empty() && TheSample().states.back().at(key) == row) {
      forgotten = key;
      continue;
    }
    column->Apply(header.covers_lsn, key, floats);
  }
  const std::vector<float> vector(4, 0.5f);
  const std::string extra = EncodeRowId(1000);
  column->Apply(header.covers_lsn, extra,
                {reinterpret_cast<const char*>(vector.data()), 4 * sizeof(float)});
  ASSERT_TRUE(column->Absorb(1000, header.covers_lsn).ok());
  Files files = TheFiles();
  files[path].clear();
  ASSERT_TRUE(column
                  ->Save(header.covers_lsn,
                         [&](absl::string_view bytes) {
                           absl::StrAppend(&files[path], bytes);
                           return absl::OkStatus();
                         })
                  .ok());
  const Outcome outcome = CheckFiles(files);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.lines,
              Contains(AllOf(HasSubstr(path), HasSubstr("has a vector and is not in the index"))));
  // Its newest version is a commit of the log, which the check replays: no vector either.
  EXPECT_EQ(outcome.report.problem_count, 1u);
}

class InspectTest : public ::testing::Test {
 protected:
  absl::Status Inspect(const std::string& path, std::string bytes, uint64_t records = 0) {
    text_.clear();
    const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    EXPECT_TRUE(WriteFileSynced(*disk, path, bytes).ok());
    return InspectFile(path, {.file_system = disk.get(), .record_count = records},
                       [this](absl::string_view text) { absl::StrAppend(&text_, text); });
  }
  absl::Status Inspect(const std::string& path) { return Inspect("file", TheFiles().at(path)); }

  std::string text_;
};

TEST_F(InspectTest, EveryFileIsToldByItsContentAndPrinted) {
  EXPECT_TRUE(Inspect(TableRun()).ok()) << text_;
  EXPECT_THAT(text_, AllOf(HasSubstr("file: run, "), HasSubstr("format version"), HasSubstr("heap"),
                           HasSubstr("position index: "), HasSubstr("filter: "),
                           HasSubstr("first key \"")));
  EXPECT_THAT(text_, Not(HasSubstr("damaged")));
  EXPECT_TRUE(Inspect(CurrentManifest()).ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("file: manifest, "), HasSubstr("checkpoint at LSN "),
                           HasSubstr("key space 0 (catalog)"), HasSubstr("vector index ")));
  EXPECT_TRUE(Inspect("db/CURRENT").ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("file: CURRENT, "), HasSubstr("names MANIFEST-")));
  EXPECT_TRUE(Inspect(PathWith("/log/")).ok()) << text_;
  EXPECT_THAT(text_, AllOf(HasSubstr("file: log segment, "), HasSubstr("offset 0: segment start"),
                           HasSubstr("CRC ok")));
  EXPECT_TRUE(Inspect(PathWith("/vectors/")).ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("file: vector segment, "), HasSubstr("4 dimensions"),
                           HasSubstr("metric l2")));
  EXPECT_TRUE(Inspect("LOCK", "kyro shell (process 7)").ok());
  EXPECT_THAT(text_, HasSubstr("last opened by \"kyro shell (process 7)\""));
  EXPECT_TRUE(absl::IsDataLoss(Inspect("file", "a letter")));
  EXPECT_THAT(text_, HasSubstr("not a file of KyroDB"));
  EXPECT_TRUE(absl::IsNotFound(
      InspectFile("nothing", {.file_system = TheSample().disk.get()}, [](absl::string_view) {})));
}

TEST_F(InspectTest, RecordsArePrintedWhenAskedFor) {
  EXPECT_TRUE(Inspect("file", TheFiles().at(TableRun()), 2).ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("\nkey \""), HasSubstr(": put \"")));
  uint64_t keys = 0;
  for (size_t at = 0; (at = text_.find("\nkey ", at)) != std::string::npos; ++at) ++keys;
  EXPECT_EQ(keys, 2u);
  EXPECT_TRUE(Inspect("file", TheFiles().at(PathWith("/runs/run-0-")), 100).ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("docs (id bigint, body text, embedding vector(4))"),
                           HasSubstr("docs_idx using hnsw l2")));
  const std::string last = std::prev(TheFiles().lower_bound("db/log/~"))->first;
  EXPECT_TRUE(Inspect("file", TheFiles().at(last), 3).ok());
  EXPECT_THAT(text_, HasSubstr(absl::StrCat("put key space ", TheSample().table, " key \"")));
}

TEST_F(InspectTest, DamageIsNamedAndTheRestIsPrinted) {
  std::string run = TheFiles().at(TableRun());
  run[5000] = static_cast<char>(run[5000] ^ 4);
  EXPECT_TRUE(absl::IsDataLoss(Inspect("file", run)));
  EXPECT_THAT(text_, AllOf(HasSubstr("damaged at offset 4096: the page's checksum"),
                           HasSubstr("filter: ")));
  run = TheFiles().at(TableRun());
  run[run.size() - 14] = 'x';  // the trailer's version
  EXPECT_TRUE(absl::IsDataLoss(Inspect("file", run)));
  EXPECT_THAT(text_, AllOf(HasSubstr("damaged at offset "), HasSubstr("the footer is whole")));

  std::string manifest = TheFiles().at(CurrentManifest());
  manifest[4] = static_cast<char>(manifest[4] ^ 1);
  EXPECT_TRUE(absl::IsDataLoss(Inspect("file", manifest)));
  EXPECT_THAT(text_, AllOf(HasSubstr("damaged at offset 4"), HasSubstr("checkpoint at LSN")));

  std::string log = TheFiles().at(LargestSegment());
  log[100] = static_cast<char>(log[100] ^ 1);
  EXPECT_TRUE(absl::IsDataLoss(Inspect("file", log)));
  EXPECT_THAT(text_, HasSubstr("damaged at offset 88: "));
  log[0] = 'x';
  EXPECT_TRUE(absl::IsDataLoss(Inspect("wal-1.log", log)));
  EXPECT_THAT(text_, HasSubstr("nothing but its name says that this is a log segment"));
}

TEST_F(InspectTest, ANewerFormatIsSaidToBeNewer) {
  std::string run = TheFiles().at(TableRun());
  const size_t trailer = run.size() - 16;
  run[trailer] = 77;
  const uint32_t crc = Crc32c(run.substr(trailer, 4) + run.substr(trailer + 8, 8));
  std::memcpy(run.data() + trailer + 4, &crc, sizeof(crc));
  absl::Status status = Inspect("file", run);
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 77"));
  std::string segment = TheFiles().at(PathWith("/vectors/"));
  segment[4] = 77;
  status = Inspect("file", segment);
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
}

// Whatever bytes a file has: an answer, and one that is not "all is well" when nothing of it is.
TEST_F(InspectTest, NoBytesEndInspectionOrCheck) {
  constexpr uint64_t kSeed = 17;
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  Random random(kSeed);
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : TheFiles()) paths.push_back(path);
  const uint64_t mutations = BatteryCount("CHECK_MUTATIONS", 150, 10000);
  for (uint64_t i = 0; i < mutations; ++i) {
    const std::string& path = paths[random.Uniform(paths.size())];
    std::string bytes = TheFiles().at(path);
    switch (random.Uniform(4)) {
      case 0:
        bytes.resize(random.Uniform(bytes.size() + 1));
        break;
      case 1: {  // a piece of it elsewhere in it
        const uint64_t from = random.Uniform(bytes.size());
        const std::string piece = bytes.substr(from, random.Uniform(300));
        bytes.replace(random.Uniform(bytes.size()), piece.size(), piece);
        break;
      }
      case 2:  // another file's bytes
        bytes = TheFiles().at(paths[random.Uniform(paths.size())]);
        break;
      default:
        break;
    }
    for (uint64_t flips = random.Uniform(20); flips > 0 && !bytes.empty(); --flips) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Uniform(256));
    }
    // Past the checksums, to what is parsed behind them.
    if (absl::StrContains(path, "/runs/") && random.OneIn(2)) ResealRun(&bytes);
    const absl::Status status = Inspect(random.OneIn(2) ? "file" : path.substr(path.rfind('/') + 1),
                                        bytes, /*records=*/random.Uniform(100));
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) || absl::IsUnimplemented(status)) << status;
    Files files = TheFiles();
    files[path] = bytes;
    const Outcome outcome = CheckFiles(files);
    EXPECT_TRUE(outcome.status.ok()) << path << " " << outcome.status;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace kyrodb::engine
