// Goal:   a check of a directory tells when a zorder index and its table's rows do not fit, though
//         every byte of both has the right checksum, and says nothing of a whole one.
// Method: two databases with the same history, but for where a row is and which rows there are: the
//         run of the one's index in the place of the other's.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/check.h"
#include "gmock/gmock.h"
#include "tests/engine/damage/sample.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kLongGone = 1;

struct Points {
  std::map<std::string, std::string> files;
  ObjectId table = 0, index = 0;
};

// Rows 0 … 49 at (id, id), but for row 7, and some in the log only; one has expired.
Points MakePoints(double x_of_seven, bool has_eight, bool builds_later = false) {
  Points points;
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  const std::unique_ptr<Database> database = OpenOrDie(disk.get());
  TableSchema schema{.name = "points"};
  for (const char* name : {"id", "x", "y"}) {
    const TypeId type = name == std::string("id") ? TypeId::kBigint : TypeId::kDouble;
    schema.columns.push_back({.name = name, .type = {type}});
  }
  schema.primary_key = {0};
  points.table = CreateTableOrDie(*database, schema);
  const auto create_index = [&] {
    const std::unique_ptr<Transaction> transaction = database->Begin();
    points.index = transaction
                       ->CreateIndex(points.table,
                                     {.name = "points_idx", .method = "zorder", .columns = {1, 2}})
                       .value();
    EXPECT_TRUE(transaction->Commit().ok());
  };
  if (!builds_later) create_index();
  EXPECT_TRUE(database->WaitForIndexes(absl::InfiniteDuration()).ok());
  const auto table = database->Begin()->catalog()->FindTable(points.table);
  const auto put = [&](int64_t id, Value x, const PutOptions& options) {
    const Row row = {Value(id), std::move(x), Value(static_cast<double>(id))};
    const std::unique_ptr<Transaction> transaction = database->Begin();
    EXPECT_TRUE(transaction
                    ->Put(points.table, EncodeKey(*table, row).value(),
                          EncodeRow(*table, row).value(), options)
                    .ok());
    EXPECT_TRUE(transaction->Commit().ok());
  };
  for (int64_t id = 0; id < 50; ++id) {
    if (id == 8 && !has_eight) continue;
    put(id, Value(id == 7 ? x_of_seven : static_cast<double>(id)), {});
  }
  put(60, Value(60.0), {.expires_at_micros = kLongGone});
  put(61, Value(), {});
  EXPECT_TRUE(database->Checkpoint().ok());
  put(9, Value(90.0), {});
  if (builds_later) create_index();
  points.files = ReadAllFiles(*disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0));
  return points;
}

struct Outcome {
  absl::StatusOr<CheckReport> report;
  std::vector<std::string> problems, notes;
};

Outcome Check(const std::map<std::string, std::string>& files) {
  Outcome outcome;
  const std::unique_ptr<MemoryFileSystem> disk = WriteAllFiles(files);
  outcome.report = CheckDirectory("db", {.file_system = disk.get()}, [&](absl::string_view line) {
    (absl::StartsWith(line, "problem: ") ? outcome.problems : outcome.notes)
        .push_back(std::string(line));
  });
  EXPECT_TRUE(outcome.report.ok()) << outcome.report.status();
  return outcome;
}

TEST(ZOrderCheckTest, AnIndexThatFitsItsRowsHasNoProblems) {
  const Outcome outcome = Check(MakePoints(7, true).files);
  EXPECT_THAT(outcome.problems, IsEmpty());
}

TEST(ZOrderCheckTest, RowsAndEntriesThatDoNotFitAreTold) {
  Points points = MakePoints(7, true);
  const Points other = MakePoints(1e6, false);
  ASSERT_EQ(points.index, other.index);
  const std::string part = absl::StrCat("/run-", points.index, "-");
  int exchanged = 0;
  for (auto& [path, bytes] : points.files) {
    if (!absl::StrContains(path, part)) continue;
    ASSERT_TRUE(other.files.contains(path)) << path;
    bytes = other.files.at(path);
    ++exchanged;
  }
  ASSERT_EQ(exchanged, 1);
  const Outcome outcome = Check(points.files);
  // Row 7 is elsewhere in the index than in the table, row 8 is in the table only.
  EXPECT_EQ(outcome.problems.size(), 3u) << testing::PrintToString(outcome.problems);
  EXPECT_THAT(outcome.problems, Contains(AllOf(HasSubstr("points_idx"), HasSubstr("points"),
                                               HasSubstr("is not in the index"))));
  EXPECT_THAT(outcome.problems, Contains(HasSubstr("is in the index where it is not")));
}

TEST(ZOrderCheckTest, AnEntryWithoutARowIsTold) {
  Points points = MakePoints(7, false);
  const Points other = MakePoints(7, true);
  const std::string part = absl::StrCat("/run-", points.index, "-");
  for (auto& [path, bytes] : points.files) {
    if (absl::StrContains(path, part)) bytes = other.files.at(path);
  }
  const Outcome outcome = Check(points.files);
  EXPECT_THAT(outcome.problems, Contains(HasSubstr("is in the index and not in the table")));
}

TEST(ZOrderCheckTest, AnIndexThatIsBeingBuiltIsNoProblem) {
  const Outcome outcome = Check(MakePoints(7, true, /*builds_later=*/true).files);
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_THAT(outcome.notes, Contains(HasSubstr("is being built")));
}

}  // namespace
}  // namespace kyrodb::engine
