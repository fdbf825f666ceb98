// Goal:   the checker names each anomaly, and none where there is none.
// Method: histories written down by hand, each with one anomaly of the literature; a toy store with
//         one bug at a time under the same load that the database gets.
#include "tests/engine/isolation/history.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/engine/isolation/toy_store.h"
#include "tests/engine/isolation/workload.h"

namespace kyrodb::engine {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::IsEmpty;
using testing::Not;

ListOperation Append(const std::string& key, uint64_t value) {
  return {.is_append = true, .key = key, .value = value};
}
ListOperation Read(const std::string& key, std::vector<uint64_t> list) {
  return {.key = key, .list = std::move(list)};
}

// All at the same time.
ListTransaction Did(std::vector<ListOperation> operations, Outcome outcome = Outcome::kCommitted) {
  return {.begin = 1, .end = 2, .outcome = outcome, .operations = std::move(operations)};
}
ListTransaction DidAt(uint64_t begin, uint64_t end, std::vector<ListOperation> operations) {
  return {.begin = begin, .end = end, .operations = std::move(operations)};
}

std::vector<std::string> Names(const std::vector<Anomaly>& anomalies) {
  std::vector<std::string> names;
  for (const Anomaly& anomaly : anomalies) names.push_back(anomaly.name);
  return names;
}
std::vector<std::string> Snapshot(const std::vector<ListTransaction>& history) {
  return Names(CheckLists(history, Level::kSnapshot));
}
std::vector<std::string> Serializable(const std::vector<ListTransaction>& history) {
  return Names(CheckLists(history, Level::kSerializable));
}

TEST(HistoryTest, AQuietHistoryIsFine) {
  EXPECT_THAT(Serializable({}), IsEmpty());
  EXPECT_THAT(Serializable({DidAt(1, 2, {Append("x", 1)}), DidAt(3, 4, {Read("x", {1})}),
                            DidAt(5, 6, {Append("x", 2), Read("x", {1, 2}), Append("y", 3)}),
                            DidAt(7, 8, {Read("x", {1, 2}), Read("y", {3})})}),
              IsEmpty());
}

TEST(HistoryTest, AnAbortedWriteThatWasReadIsG1a) {
  EXPECT_THAT(Snapshot({Did({Append("x", 1)}, Outcome::kAborted), Did({Read("x", {1})})}),
              Contains("G1a"));
}

TEST(HistoryTest, AReadInTheMiddleOfATransactionIsG1b) {
  EXPECT_THAT(Snapshot({Did({Append("x", 1), Append("x", 2)}), Did({Read("x", {1})}),
                        Did({Read("x", {1, 2})})}),
              Contains("G1b"));
}

TEST(HistoryTest, TwoThatReadEachOthersWritesAreG1c) {
  EXPECT_THAT(
      Snapshot({Did({Append("x", 1), Read("y", {2})}), Did({Append("y", 2), Read("x", {1})})}),
      Contains("G1c"));
}

TEST(HistoryTest, WritesInOppositeOrdersAreG0) {
  EXPECT_THAT(
      Snapshot({Did({Append("x", 1), Append("y", 1001)}), Did({Append("x", 2), Append("y", 1002)}),
                Did({Read("x", {1, 2})}), Did({Read("y", {1002, 1001})})}),
      Contains("G0"));
}

TEST(HistoryTest, AWriteThatIsGoneIsALostUpdate) {
  EXPECT_THAT(Snapshot({Did({Append("x", 1)}), Did({Append("x", 2)}), Did({Read("x", {2})})}),
              Contains("lost update"));
  EXPECT_THAT(Snapshot({Did({Append("x", 1)}), Did({Append("x", 2)}), Did({Read("x", {1})}),
                        Did({Read("x", {2})})}),
              Contains("incompatible order"));
}

TEST(HistoryTest, ReadSkewIsGSingle) {
  EXPECT_THAT(Snapshot({Did({Append("x", 1), Append("y", 2)}), Did({Read("x", {}), Read("y", {2})}),
                        Did({Read("x", {1})})}),
              Contains("G-single"));
}

TEST(HistoryTest, TwoReadersThatSeeTwoWritesInDifferentOrderAreALongFork) {
  EXPECT_THAT(
      Snapshot({Did({Append("x", 1)}), Did({Append("y", 2)}), Did({Read("x", {1}), Read("y", {})}),
                Did({Read("x", {}), Read("y", {2})})}),
      Contains("long fork"));
}

TEST(HistoryTest, WriteSkewIsAllowedUnderSnapshotsAndIsG2) {
  const std::vector<ListTransaction> skew = {Did({Read("x", {}), Append("y", 1)}),
                                             Did({Read("y", {}), Append("x", 2)}),
                                             Did({Read("x", {2}), Read("y", {1})})};
  EXPECT_THAT(Snapshot(skew), IsEmpty());
  EXPECT_THAT(Serializable(skew), Contains("G2"));
}

TEST(HistoryTest, AReadThatMissesWhatWasOverIsFoundByTheOrderOfTime) {
  EXPECT_THAT(Snapshot({DidAt(1, 2, {Append("x", 1)}), DidAt(3, 4, {Read("x", {})}),
                        DidAt(5, 6, {Read("x", {1})})}),
              Contains("G-single-realtime"));
  EXPECT_THAT(Snapshot({DidAt(1, 4, {Append("x", 1)}), DidAt(3, 5, {Read("x", {})}),
                        DidAt(6, 7, {Read("x", {1})})}),
              IsEmpty());
}

TEST(HistoryTest, AReadThatMissesAnOwnAppendIsInternal) {
  EXPECT_THAT(Snapshot({Did({Append("x", 1), Read("x", {})}), Did({Read("x", {1})})}),
              Contains("internal"));
  EXPECT_THAT(Snapshot({Did({Read("x", {}), Read("x", {1})}), Did({Append("x", 1)})}),
              Contains("non-repeatable read"));
}

WorkloadOptions ToyOptions(bool serializable) {
  return {.transaction_count = 6000, .serializable = serializable};
}

// How threads meet is chance: what can happen is seen in one of several runs.
std::vector<std::string> FoundIn(ToyBug bug, bool serializable, Level level, bool lists = true) {
  WorkloadOptions options = ToyOptions(serializable);
  std::vector<std::string> names;
  for (options.seed = 1; options.seed <= 20 && names.empty(); ++options.seed) {
    const auto store = NewToyStore(bug);
    names = Names(lists ? CheckLists(RunLists(*store, options), level)
                        : CheckVersions(RunRegisters(*store, options), level));
  }
  return names;
}

TEST(ToyStoreTest, WithoutABugNothingIsFoundButWriteSkewIsWhereItIsAllowed) {
  EXPECT_THAT(Snapshot(RunLists(*NewToyStore(ToyBug::kNone), ToyOptions(false))), IsEmpty());
  EXPECT_THAT(Serializable(RunLists(*NewToyStore(ToyBug::kNone), ToyOptions(true))), IsEmpty());
  EXPECT_THAT(FoundIn(ToyBug::kNone, false, Level::kSerializable),
              Contains(AnyOf("G2", "G2-realtime")));
}

TEST(ToyStoreTest, EveryBugIsCaught) {
  for (const ToyBug bug : {ToyBug::kSkipConflictCheck, ToyBug::kReadNewest, ToyBug::kStaleSnapshot,
                           ToyBug::kPublishBeforeApply, ToyBug::kAbortedWritesStay,
                           ToyBug::kForgetOneWrite, ToyBug::kOutOfOrderVisibility}) {
    EXPECT_THAT(FoundIn(bug, false, Level::kSnapshot), Not(IsEmpty()))
        << "bug " << static_cast<int>(bug);
  }
  for (const ToyBug bug : {ToyBug::kLooseKeyReads, ToyBug::kLooseRangeReads}) {
    EXPECT_THAT(FoundIn(bug, true, Level::kSerializable), Contains(AnyOf("G2", "G2-realtime")))
        << "bug " << static_cast<int>(bug);
  }
}

TEST(ToyStoreTest, RegistersCatchThemToo) {
  EXPECT_THAT(Names(CheckVersions(RunRegisters(*NewToyStore(ToyBug::kNone), ToyOptions(true)),
                                  Level::kSerializable)),
              IsEmpty());
  EXPECT_THAT(FoundIn(ToyBug::kStaleSnapshot, false, Level::kSnapshot, /*lists=*/false),
              Not(IsEmpty()));
  EXPECT_THAT(FoundIn(ToyBug::kLooseKeyReads, true, Level::kSerializable, /*lists=*/false),
              Not(IsEmpty()));
}

}  // namespace
}  // namespace kyrodb::engine
