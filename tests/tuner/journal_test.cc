// Goal:   the journal keeps the newest decisions, folds repetitions and reports each row to its
//         sink once when taken and once when judged.
// Method: append and conclude by hand, read back.
#include "tuner/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kyrodb::tuner {
namespace {

Decision Row(uint64_t window, Verdict verdict, std::string action) {
  Decision row;
  row.window = window;
  row.mode = Mode::kAuto;
  row.verdict = verdict;
  row.action = std::move(action);
  return row;
}

TEST(JournalTest, TheRingKeepsTheNewestRows) {
  Journal journal(3);
  for (uint64_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(journal.Append(Row(i, Verdict::kPending, "move")), i);
  }
  const std::vector<Decision> rows = journal.Last(100);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.front().id, 3u);
  EXPECT_EQ(rows.back().id, 5u);
  EXPECT_EQ(journal.Last(1).front().id, 5u);
  EXPECT_EQ(journal.count(), 5u);
}

TEST(JournalTest, RepeatedHoldsAreOneRowAndMovesNever) {
  Journal journal(10);
  for (uint64_t i = 1; i <= 4; ++i) journal.Append(Row(i, Verdict::kHeld, "hold"));
  for (uint64_t i = 5; i <= 6; ++i) journal.Append(Row(i, Verdict::kPending, "move"));
  journal.Append(Row(7, Verdict::kHeld, "hold"));
  const std::vector<Decision> rows = journal.Last(100);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].repeated, 3u);
  EXPECT_EQ(rows[0].window, 1u);
  EXPECT_EQ(rows[1].repeated, 0u);
  EXPECT_EQ(rows[3].repeated, 0u);
}

TEST(JournalTest, AConclusionReachesTheRowAndTheSink) {
  std::vector<Decision> sunk;
  Journal journal(10, [&](const Decision& row) { sunk.push_back(row); });
  journal.Append(Row(1, Verdict::kHeld, "hold"));
  journal.Append(Row(2, Verdict::kHeld, "hold"));
  const uint64_t id = journal.Append(Row(3, Verdict::kPending, "move"));
  journal.Conclude(id, Verdict::kKept, -1.5, "fine");
  ASSERT_EQ(sunk.size(), 3u);
  EXPECT_EQ(sunk[1].verdict, Verdict::kPending);
  EXPECT_EQ(sunk[2].id, id);
  EXPECT_EQ(sunk[2].verdict, Verdict::kKept);
  EXPECT_EQ(journal.Last(1).front().observed_micros_per_operation, -1.5);
  EXPECT_EQ(journal.Last(1).front().detail, "fine");
}

TEST(JournalTest, AConclusionForARowThatLeftTheRingChangesNothing) {
  Journal journal(1);
  const uint64_t id = journal.Append(Row(1, Verdict::kPending, "move"));
  journal.Append(Row(2, Verdict::kPending, "move"));
  journal.Conclude(id, Verdict::kKept, -1.5, "late");
  journal.Conclude(99, Verdict::kKept, -1.5, "never given");
  EXPECT_EQ(journal.Last(1).front().verdict, Verdict::kPending);
}

TEST(JournalTest, ModesHaveNamesThatParse) {
  for (const Mode mode : {Mode::kOff, Mode::kObserve, Mode::kAuto}) {
    const absl::StatusOr<Mode> parsed = ParseMode(ModeName(mode));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, mode);
  }
  EXPECT_EQ(ParseMode("advise").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ParseMode("on").status().message()),
              testing::HasSubstr("\"on\", expected off, observe or auto"));
}

}  // namespace
}  // namespace kyrodb::tuner
