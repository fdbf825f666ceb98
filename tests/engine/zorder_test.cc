// Goal:   a zorder index finds exactly the rows inside a box, whatever was written, taken back,
//         deleted, expired, flushed, merged or recovered before, for every snapshot, and also while
//         it is being built beside writers.
// Method: random tables and boxes against a look at every row, at every step; the entries of the
//         index against the rows, key by key; interleavings of transactions by hand.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/core/zorder_key.h"
#include "gtest/gtest.h"
#include "tests/base/status_is.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr TypeId kTypes[] = {TypeId::kInteger, TypeId::kBigint, TypeId::kDouble,
                             TypeId::kTimestamptz};

// id bigint PRIMARY KEY, i integer, b bigint, d double, t timestamptz.
TableSchema Points() {
  TableSchema schema{.name = "points"};
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  for (const TypeId type : kTypes) {
    schema.columns.push_back({.name = TypeName({type}), .type = {type}});
  }
  schema.primary_key = {0};
  return schema;
}

// Extremes, small numbers of which some come often, and numbers of every size.
Value RandomValue(TypeId type, Random& random) {
  if (type == TypeId::kDouble) {
    constexpr double kSpecial[] = {0.0,    -0.0,    kInfinity, -kInfinity, kNaN,
                                   5e-324, -5e-324, 1.7e308,   1e-12,      65536.5};
    if (random.OneIn(6)) return kSpecial[random.Uniform(std::size(kSpecial))];
    const double unit = random.Unit() - 0.5;
    return random.OneIn(2) ? unit * 20
                           : std::ldexp(unit, static_cast<int>(random.Uniform(200)) - 100);
  }
  const int64_t min = type == TypeId::kInteger ? INT32_MIN : INT64_MIN;
  const int64_t max = type == TypeId::kInteger ? INT32_MAX : INT64_MAX;
  const int64_t special[] = {0, 1, -1, min, max, min + 1, max - 1};
  if (random.OneIn(6)) return special[random.Uniform(std::size(special))];
  if (random.OneIn(2)) return static_cast<int64_t>(random.Uniform(21)) - 10;
  const uint64_t bits = type == TypeId::kInteger ? 31 : 63;
  const auto size = static_cast<int64_t>(random.Next() >> (64 - bits + random.Uniform(bits)));
  return random.OneIn(2) ? size : -size;
}

Row RandomRow(int64_t id, Random& random) {
  Row row = {Value(id)};
  for (const TypeId type : kTypes) {
    row.push_back(random.OneIn(12) ? Value() : RandomValue(type, random));
  }
  return row;
}

absl::Status PutPoint(Transaction& transaction, const TableSchema& table, const Row& row,
                      const PutOptions& options = {}) {
  KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(table, row));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(table, row));
  return transaction.Put(table.id, key, bytes, options);
}

bool IsInside(const Row& row, const IndexSchema& index, const std::vector<BoxSide>& sides) {
  for (size_t i = 0; i < sides.size(); ++i) {
    const Value& value = row[index.columns[i]];
    if (IsNull(value)) return false;
    if (sides[i].low.has_value() && CompareZValues(value, *sides[i].low) < 0) return false;
    if (sides[i].high.has_value() && CompareZValues(value, *sides[i].high) > 0) return false;
  }
  return true;
}

using Rows = std::map<std::string, std::string>;

Rows FindByScan(Transaction& transaction, const TableSchema& table, const IndexSchema& index,
                const std::vector<BoxSide>& sides) {
  Rows rows;
  for (const auto& [key, bytes] : ScanAll(transaction, table.id)) {
    const absl::StatusOr<Row> row = DecodeRow(table, bytes);
    EXPECT_TRUE(row.ok()) << row.status();
    if (row.ok() && IsInside(*row, index, sides)) rows[key] = bytes;
  }
  return rows;
}

Rows FindByIndex(Transaction& transaction, const TableSchema& table, const IndexSchema& index,
                 const std::vector<BoxSide>& sides, BoxStatistics* statistics = nullptr) {
  Rows rows;
  const absl::StatusOr<std::unique_ptr<BoxIterator>> found =
      transaction.ScanBox({.table = table.id, .index = index.id, .sides = sides});
  EXPECT_TRUE(found.ok()) << found.status();
  if (!found.ok()) return rows;
  for (; (*found)->Valid(); (*found)->Next()) {
    const bool is_new =
        rows.emplace(std::string((*found)->key()), std::string((*found)->value())).second;
    EXPECT_TRUE(is_new) << "a row comes twice";
  }
  EXPECT_TRUE((*found)->status().ok()) << (*found)->status();
  if (statistics != nullptr) *statistics = (*found)->statistics();
  return rows;
}

std::vector<BoxSide> RandomBox(const TableSchema& table, const IndexSchema& index, Random& random) {
  std::vector<BoxSide> sides;
  for (const uint32_t column : index.columns) {
    const TypeId type = table.columns[column].type.id;
    BoxSide side;
    if (!random.OneIn(5)) side.low = RandomValue(type, random);
    if (!random.OneIn(5)) side.high = RandomValue(type, random);
    if (side.low.has_value() && side.high.has_value() &&
        CompareZValues(*side.low, *side.high) > 0 && !random.OneIn(10)) {
      std::swap(*side.low, *side.high);
    }
    sides.push_back(std::move(side));
  }
  return sides;
}

// Every row has its entry, and there is no other.
void ExpectEntriesOfRows(Transaction& transaction, const TableSchema& table,
                         const IndexSchema& index) {
  const ZOrderKeys keys(table, index);
  Rows expected;
  for (const auto& [key, bytes] : ScanAll(transaction, table.id)) {
    const absl::StatusOr<std::optional<uint64_t>> code = keys.CodeOf(bytes);
    ASSERT_TRUE(code.ok()) << code.status();
    if (code->has_value()) expected[ZOrderEntry(**code, key)] = "";
  }
  EXPECT_EQ(ScanAll(transaction, index.id), expected);
}

class ZOrderTest : public ::testing::Test {
 protected:
  void Open() { database_ = OpenOrDie(disk_.get()); }
  void SetUp() override {
    Open();
    CreateTableOrDie(*database_, Points());
  }

  std::shared_ptr<const TableSchema> Table() {
    return database_->Begin()->catalog()->FindTable("points");
  }
  const IndexSchema Index(size_t i = 0) { return Table()->indexes.at(i); }

  void CreateIndex(std::vector<uint32_t> columns) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    const absl::StatusOr<ObjectId> index = transaction->CreateIndex(
        Table()->id, {.name = absl::StrCat("zorder_", Table()->indexes.size()),
                      .method = "zorder",
                      .columns = std::move(columns)});
    ASSERT_TRUE(index.ok()) << index.status();
    ASSERT_TRUE(transaction->Commit().ok());
  }
  void Wait() {
    const absl::Status status = database_->WaitForIndexes(absl::Seconds(60));
    ASSERT_TRUE(status.ok()) << status;
  }
  // A row with x and y in columns i and b.
  Row Point(int64_t id, int64_t x, int64_t y) {
    return {Value(id), Value(x), Value(y), Value(), Value()};
  }
  std::string KeyOf(int64_t id) { return *EncodeKey(*Table(), Point(id, 0, 0)); }
  void Put(const Row& row) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    ASSERT_TRUE(PutPoint(*transaction, *Table(), row).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  std::vector<BoxSide> Square(int64_t low, int64_t high) {
    return {{Value(low), Value(high)}, {Value(low), Value(high)}};
  }
  size_t Count(Transaction& transaction, int64_t low, int64_t high, std::string* plan = nullptr) {
    BoxStatistics statistics;
    const size_t count =
        FindByIndex(transaction, *Table(), Index(), Square(low, high), &statistics).size();
    if (plan != nullptr) *plan = statistics.plan;
    return count;
  }

  std::unique_ptr<FileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
};

TEST(ZCoordinateTest, CoordinatesNeverFallWhenValuesGrow) {
  const uint64_t seed = 11;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  for (const TypeId type : kTypes) {
    for (const uint32_t bits : {32u, 21u, 16u}) {
      std::vector<Value> values;
      for (int i = 0; i < 3000; ++i) values.push_back(RandomValue(type, random));
      std::sort(values.begin(), values.end(),
                [](const Value& a, const Value& b) { return CompareZValues(a, b) < 0; });
      for (size_t i = 0; i < values.size(); ++i) {
        const uint32_t at = ZCoordinate(type, values[i], bits);
        ASSERT_LE(at, (uint64_t{1} << bits) - 1);
        if (i == 0) continue;
        const uint32_t before = ZCoordinate(type, values[i - 1], bits);
        ASSERT_LE(before, at) << "type " << static_cast<int>(type) << " bits " << bits;
        if (CompareZValues(values[i - 1], values[i]) == 0) {
          ASSERT_EQ(before, at);
        }
      }
    }
  }
}

TEST(ZCoordinateTest, TwoColumnsTellNeighboursApart) {
  const auto differ = [](TypeId type, const Value& a, const Value& b) {
    return ZCoordinate(type, a, 32) != ZCoordinate(type, b, 32);
  };
  EXPECT_TRUE(differ(TypeId::kInteger, int64_t{INT32_MAX - 1}, int64_t{INT32_MAX}));
  EXPECT_TRUE(differ(TypeId::kBigint, int64_t{30000000}, int64_t{30000001}));
  EXPECT_TRUE(differ(TypeId::kBigint, int64_t{-1}, int64_t{0}));
  EXPECT_TRUE(differ(TypeId::kDouble, 52.520001, 52.520005));
  EXPECT_TRUE(differ(TypeId::kDouble, -1e-30, 1e-30));
  EXPECT_TRUE(differ(TypeId::kTimestamptz, int64_t{1700000000000000}, int64_t{1700000005000000}));
}

TEST_F(ZOrderTest, FindsWhatALookAtEveryRowFindsAfterEverythingThatCanHappen) {
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    database_.reset();
    disk_ = NewMemoryFileSystem();
    Open();
    CreateTableOrDie(*database_, Points());
    for (int i = 0; i < 40; ++i) Put(RandomRow(static_cast<int64_t>(random.Uniform(150)), random));
    CreateIndex({1, 2});
    CreateIndex({3, 4, 1});
    CreateIndex({2, 4, 3, 1});
    uint64_t by_ranges = 0;
    for (int step = 0; step < 60; ++step) {
      if (random.OneIn(12)) Wait();
      if (random.OneIn(10)) {
        ASSERT_TRUE(database_->Checkpoint().ok());
      }
      if (random.OneIn(15)) {
        ASSERT_TRUE(database_->Compact(Index(random.Uniform(3)).id).ok());
      }
      if (random.OneIn(15)) {
        database_.reset();
        Open();
      }
      const std::shared_ptr<const TableSchema> table = Table();
      const std::unique_ptr<Transaction> earlier = database_->Begin();
      const std::vector<BoxSide> earlier_box = RandomBox(*table, table->indexes[0], random);
      const Rows earlier_rows = FindByScan(*earlier, *table, table->indexes[0], earlier_box);
      std::unique_ptr<Transaction> transaction = database_->Begin();
      std::vector<Transaction::Mark> marks;
      for (uint64_t n = random.Uniform(12); n > 0; --n) {
        const auto id = static_cast<int64_t>(random.Uniform(150));
        if (random.OneIn(4)) {
          const std::string key = *EncodeKey(*table, RandomRow(id, random));
          ASSERT_TRUE(transaction->Delete(table->id, key).ok());
        } else if (random.OneIn(5)) {
          marks.push_back(transaction->SetMark());
        } else if (random.OneIn(6) && !marks.empty()) {
          transaction->RollbackTo(marks.back());
          marks.pop_back();
        } else {
          ASSERT_TRUE(PutPoint(*transaction, *table, RandomRow(id, random)).ok());
        }
      }
      for (const IndexSchema& index : table->indexes) {
        for (int i = 0; i < 4; ++i) {
          const std::vector<BoxSide> box = RandomBox(*table, index, random);
          BoxStatistics statistics;
          ASSERT_EQ(FindByIndex(*transaction, *table, index, box, &statistics),
                    FindByScan(*transaction, *table, index, box))
              << index.name << ", step " << step;
          by_ranges += statistics.plan == "zorder ranges";
        }
      }
      if (random.OneIn(4)) {
        transaction->Rollback();
      } else {
        ASSERT_TRUE(transaction->Commit().ok());
      }
      EXPECT_EQ(FindByIndex(*earlier, *table, table->indexes[0], earlier_box), earlier_rows);
    }
    EXPECT_GT(by_ranges, 100u);
    Wait();
    for (const IndexSchema& index : Table()->indexes) {
      ExpectEntriesOfRows(*database_->Begin(), *Table(), index);
    }
  }
}

TEST_F(ZOrderTest, LooksAtFewEntriesOfALargeTable) {
  CreateIndex({1, 2});
  Wait();
  for (int64_t x = 0; x < 64; ++x) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    for (int64_t y = 0; y < 64; ++y) {
      ASSERT_TRUE(PutPoint(*transaction, *Table(), Point(x * 64 + y, 1000 * x, 1000 * y)).ok());
    }
    ASSERT_TRUE(transaction->Commit().ok());
  }
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  BoxStatistics statistics;
  EXPECT_EQ(FindByIndex(*transaction, *Table(), Index(), Square(10500, 20500), &statistics).size(),
            100u);
  EXPECT_EQ(statistics.plan, "zorder ranges");
  EXPECT_LT(statistics.candidate_count, 150u);
  EXPECT_LT(statistics.entry_count, 600u);
}

TEST_F(ZOrderTest, AnIndexOfANewTableIsReadyAtOnce) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  TableSchema schema = Points();
  schema.name = "fresh";
  const ObjectId id = *transaction->CreateTable(schema);
  schema = *transaction->catalog()->FindTable(id);
  ASSERT_TRUE(PutPoint(*transaction, schema, Point(1, 5, 5)).ok());
  ASSERT_TRUE(PutPoint(*transaction, schema, Point(2, 50, 5)).ok());
  const absl::StatusOr<ObjectId> index =
      transaction->CreateIndex(id, {.name = "f", .method = "zorder", .columns = {1, 2}});
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_TRUE(PutPoint(*transaction, schema, Point(3, 7, 7)).ok());
  schema = *transaction->catalog()->FindTable(id);
  BoxStatistics statistics;
  EXPECT_EQ(FindByIndex(*transaction, schema, schema.indexes[0], Square(0, 10), &statistics).size(),
            2u);
  EXPECT_EQ(statistics.plan, "zorder ranges");
  ASSERT_TRUE(transaction->Commit().ok());
  transaction = database_->Begin();
  EXPECT_EQ(FindByIndex(*transaction, schema, schema.indexes[0], Square(0, 10)).size(), 2u);
  ExpectEntriesOfRows(*transaction, schema, schema.indexes[0]);
}

TEST_F(ZOrderTest, RowsThatWereThereBeforeAreFoundWhileTheIndexIsBuiltAndAfterwards) {
  for (int64_t id = 0; id < 50; ++id) Put(Point(id, id, id));
  CreateIndex({1, 2});
  std::string plan;
  EXPECT_EQ(Count(*database_->Begin(), 10, 19, &plan), 10u);
  EXPECT_EQ(plan, "scan: the index is being built");
  // Writers go on meanwhile; the mark survives a reopening.
  Put(Point(15, 1000, 1000));
  Put(Point(60, 12, 12));
  database_.reset();
  Open();
  const std::unique_ptr<Transaction> before = database_->Begin();
  Wait();
  EXPECT_EQ(Count(*database_->Begin(), 10, 19, &plan), 10u);
  EXPECT_EQ(plan, "zorder ranges");
  EXPECT_EQ(Count(*before, 10, 19, &plan), 10u);
  EXPECT_EQ(plan, "scan: the index is being built");
  ExpectEntriesOfRows(*database_->Begin(), *Table(), Index());
}

TEST_F(ZOrderTest, AWriterFromBeforeTheIndexIsRefusedAndOneThatCommittedFirstIsFound) {
  Put(Point(1, 1, 1));
  const std::unique_ptr<Transaction> late = database_->Begin();
  ASSERT_TRUE(PutPoint(*late, *Table(), Point(2, 2, 2)).ok());
  const std::unique_ptr<Transaction> definition = database_->Begin();
  ASSERT_TRUE(
      definition->CreateIndex(Table()->id, {.name = "z", .method = "zorder", .columns = {1, 2}})
          .ok());
  Put(Point(3, 3, 3));
  ASSERT_TRUE(definition->Commit().ok());
  EXPECT_THAT(late->Commit(), StatusIs(absl::StatusCode::kAborted, "definition"));
  EXPECT_EQ(Count(*database_->Begin(), 0, 9), 2u);
  Wait();
  EXPECT_EQ(Count(*database_->Begin(), 0, 9), 2u);
}

TEST_F(ZOrderTest, IsBuiltBesideWritersInTheBackground) {
  database_.reset();
  OpenOptions options = QuietOptions(disk_.get());
  options.background = true;
  database_ = *Database::Open("db", options);
  {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    for (int64_t id = 0; id < 6000; ++id) {
      ASSERT_TRUE(PutPoint(*transaction, *Table(), Point(id, id, id)).ok());
    }
    ASSERT_TRUE(transaction->Commit().ok());
  }
  CreateIndex({1, 2});
  std::vector<std::thread> writers;
  for (int64_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([this, writer] {
      Random random(static_cast<uint64_t>(writer) + 5);
      for (int i = 0; i < 200; ++i) {
        std::unique_ptr<Transaction> transaction = database_->Begin();
        const int64_t id = static_cast<int64_t>(random.Uniform(3000)) * 2 + writer;
        const auto at = static_cast<int64_t>(random.Uniform(6000));
        EXPECT_TRUE(PutPoint(*transaction, *Table(), Point(id, at, at)).ok());
        const absl::Status status = transaction->Commit().status();
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Wait();
  std::string plan;
  Count(*database_->Begin(), 0, 1, &plan);
  EXPECT_EQ(plan, "zorder ranges");
  ExpectEntriesOfRows(*database_->Begin(), *Table(), Index());
}

TEST_F(ZOrderTest, WhatADroppedIndexLeftIsGone) {
  CreateIndex({1, 2});
  Wait();
  Put(Point(1, 1, 1));
  ASSERT_TRUE(database_->Checkpoint().ok());
  const IndexSchema index = Index();
  const std::shared_ptr<const TableSchema> table = Table();
  const std::unique_ptr<Transaction> earlier = database_->Begin();
  {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    ASSERT_TRUE(transaction->DropIndex(table->id, index.id).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  EXPECT_EQ(FindByIndex(*earlier, *table, index, Square(0, 9)).size(), 1u);
  EXPECT_THAT(database_->Begin()->Scan(index.id, {}), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_THAT(database_->space_statistics(index.id), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(ZOrderTest, ADroppedTableTakesItsIndexesAlongThroughARestart) {
  CreateIndex({1, 2});
  Wait();
  Put(Point(1, 1, 1));
  ASSERT_TRUE(database_->Checkpoint().ok());
  const IndexSchema index = Index();
  {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    ASSERT_TRUE(transaction->DropTable(Table()->id).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  database_.reset();
  Open();
  EXPECT_THAT(database_->space_statistics(index.id), StatusIs(absl::StatusCode::kNotFound, ""));
  const absl::StatusOr<std::vector<std::string>> runs = disk_->List("db/runs");
  ASSERT_TRUE(runs.ok());
  for (const std::string& run : *runs) {
    EXPECT_EQ(run.find(absl::StrCat("run-", index.id, "-")), std::string::npos) << run;
  }
}

TEST_F(ZOrderTest, EntriesExpireWithTheirRows) {
  ManualClock clock(1000);
  database_.reset();
  OpenOptions options = QuietOptions(disk_.get());
  options.clock = &clock;
  database_ = *Database::Open("db", options);
  const auto put = [this](int64_t id, std::optional<int64_t> expiry) {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    ASSERT_TRUE(
        PutPoint(*transaction, *Table(), Point(id, 1, 1), {.expires_at_micros = expiry}).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  };
  put(1, 5000);  // before the index
  put(2, std::nullopt);
  CreateIndex({1, 2});
  put(3, 5000);
  Wait();
  put(4, 5000);
  put(5, 5000);
  put(5, std::nullopt);
  put(2, 5000);
  EXPECT_EQ(Count(*database_->Begin(), 0, 9), 5u);
  ExpectEntriesOfRows(*database_->Begin(), *Table(), Index());
  clock.AdvanceMicros(10000);
  EXPECT_EQ(Count(*database_->Begin(), 0, 9), 1u);
  ExpectEntriesOfRows(*database_->Begin(), *Table(), Index());
  put(3, std::nullopt);
  EXPECT_EQ(Count(*database_->Begin(), 0, 9), 2u);
  ExpectEntriesOfRows(*database_->Begin(), *Table(), Index());
  database_.reset();
}

TEST_F(ZOrderTest, ARowThatComesIntoABoxRefusesASerializableReaderOfIt) {
  CreateIndex({1, 2});
  Wait();
  Put(Point(1, 1, 1));
  const auto commit_after = [this](const Row& row) {
    const std::unique_ptr<Transaction> reader = database_->Begin(IsolationLevel::kSerializable);
    Count(*reader, 0, 100);
    EXPECT_TRUE(PutPoint(*reader, *Table(), Point(1000, 5000, 5000)).ok());
    Put(row);
    return reader->Commit().status();
  };
  EXPECT_THAT(commit_after(Point(2, 50, 50)), StatusIs(absl::StatusCode::kAborted, "points"));
  // A row of the box that changes, and one far away.
  Row changed = Point(2, 50, 50);
  changed[3] = 1.5;
  EXPECT_THAT(commit_after(changed), StatusIs(absl::StatusCode::kAborted, "points"));
  EXPECT_THAT(commit_after(Point(3, 100000, 100000)), IsOk());
}

TEST_F(ZOrderTest, ConditionalWritesKeepTheIndexAndMergesAreRefused) {
  CreateIndex({1, 2});
  Wait();
  Put(Point(1, 1, 1));
  const std::shared_ptr<const TableSchema> table = Table();
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction
                  ->PutIf(table->id, KeyOf(1), Expectation::Present(),
                          *EncodeRow(*table, Point(1, 200, 200)))
                  .ok());
  EXPECT_EQ(Count(*transaction, 0, 9), 0u);
  EXPECT_EQ(Count(*transaction, 200, 200), 1u);
  EXPECT_THAT(transaction->Merge(table->id, KeyOf(1), MergeOperator::kAddInt64, Int64Operand(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "zorder"));
  // A concurrent change of the row, which the expectation alone would let pass.
  Put(Point(1, 3, 3));
  EXPECT_THAT(transaction->Commit(), StatusIs(absl::StatusCode::kAborted, "points"));
  transaction = database_->Begin();
  ASSERT_TRUE(transaction->DeleteIf(table->id, KeyOf(1), Expectation::Present()).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Count(*database_->Begin(), 0, 999), 0u);
  ExpectEntriesOfRows(*database_->Begin(), *table, Index());
}

TEST_F(ZOrderTest, LongKeysHaveEntriesToo) {
  TableSchema schema = Points();
  schema.name = "texts";
  schema.columns[0].type = {TypeId::kText};
  const ObjectId id = CreateTableOrDie(*database_, schema);
  schema = *database_->Begin()->catalog()->FindTable(id);
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(
      transaction->CreateIndex(id, {.name = "t", .method = "zorder", .columns = {1, 2}}).ok());
  schema = *transaction->catalog()->FindTable(id);
  Row row = Point(0, 1, 1);
  row[0] = std::string(kKeyBytesMax, 'k');
  ASSERT_TRUE(PutPoint(*transaction, schema, row).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  Wait();
  ASSERT_TRUE(database_->Checkpoint().ok());
  transaction = database_->Begin();
  EXPECT_EQ(FindByIndex(*transaction, schema, schema.indexes[0], Square(1, 1)).size(), 1u);
}

TEST_F(ZOrderTest, RefusesWhatItCannotIndexOrAnswer) {
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  const ObjectId table = Table()->id;
  const auto create = [&](std::vector<uint32_t> columns) {
    return transaction->CreateIndex(
        table, {.name = "z", .method = "zorder", .columns = std::move(columns)});
  };
  EXPECT_THAT(create({1}), StatusIs(absl::StatusCode::kInvalidArgument, "2 to 4"));
  EXPECT_THAT(create({0, 1, 2, 3, 4}), StatusIs(absl::StatusCode::kInvalidArgument, "2 to 4"));
  EXPECT_THAT(create({1, 1}), StatusIs(absl::StatusCode::kInvalidArgument, "twice"));
  EXPECT_THAT(create({1, 9}), StatusIs(absl::StatusCode::kInvalidArgument, "9 of 5"));
  const absl::StatusOr<ObjectId> index = create({1, 3});
  ASSERT_TRUE(index.ok());
  EXPECT_THAT(transaction->ScanBox({.table = table, .index = *index, .sides = {}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "0 sides"));
  EXPECT_THAT(transaction->ScanBox(
                  {.table = table, .index = *index, .sides = {{Value(1.5), Value(2.5)}, {}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "integer"));
  EXPECT_THAT(transaction->ScanBox({.table = table, .index = table, .sides = {}}),
              StatusIs(absl::StatusCode::kNotFound, "zorder index"));
  EXPECT_THAT(transaction->Put(table, "key", "no row"),
              StatusIs(absl::StatusCode::kInvalidArgument, "no row of table"));
  EXPECT_THAT(transaction->Put(*index, "key", ""), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_THAT(transaction->Delete(*index, "key"), StatusIs(absl::StatusCode::kNotFound, ""));
}

// Commits that write, change, move and delete rows before the index, while it is built and after,
// with checkpoints and merges in between, until the disk stops. Row 0 has the number of the last
// commit in all columns. Returns the number of the last commit that was answered.
int64_t RunUntilTheDiskStops(FileSystem* disk) {
  absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open("db", QuietOptions(disk));
  if (!opened.ok()) return 0;
  Database& database = **opened;
  Random random(3);
  for (int64_t number = 1; number <= 16; ++number) {
    std::unique_ptr<Transaction> transaction = database.Begin();
    if (number == 1) {
      if (!transaction->CreateTable(Points()).ok()) return number - 1;
    }
    const std::shared_ptr<const TableSchema> table = transaction->catalog()->FindTable("points");
    if (number == 11) {
      if (!transaction->DropIndex(table->id, table->indexes[0].id).ok()) return number - 1;
    }
    if (number == 5 || number == 11) {
      const IndexSchema index{.name = "z", .method = "zorder", .columns = {1, 2}};
      if (!transaction->CreateIndex(table->id, index).ok()) return number - 1;
    }
    for (uint64_t n = 2 + random.Uniform(4); n > 0; --n) {
      const auto id = static_cast<int64_t>(1 + random.Uniform(12));
      const auto x = static_cast<int64_t>(random.Uniform(100));
      const Row row = {Value(id), random.OneIn(8) ? Value() : Value(x),
                       Value(static_cast<int64_t>(random.Uniform(100))), Value(), Value()};
      const absl::Status status = random.OneIn(4)
                                      ? transaction->Delete(table->id, *EncodeKey(*table, row))
                                      : PutPoint(*transaction, *table, row);
      if (!status.ok()) return number - 1;
    }
    const Row last = {Value(int64_t{0}), Value(number), Value(number), Value(), Value()};
    if (!PutPoint(*transaction, *table, last).ok()) return number - 1;
    if (!transaction->Commit().ok()) return number - 1;
    absl::Status status;
    if (number == 7 || number == 13) status = database.WaitForIndexes(absl::Seconds(60));
    if (number == 4 || number == 6 || number == 9) status = database.Checkpoint();
    if (number == 15) status = database.Compact(database.Begin()->catalog()->tables()[0]->id);
    if (number == 10) {
      status = database.Compact(database.Begin()->catalog()->tables()[0]->indexes[0].id);
    }
    if (!status.ok()) return number;
  }
  // What closing does comes after the last commit.
  database.Close().IgnoreError();
  return 16;
}

TEST(ZOrderCrashTest, RowsAndEntriesAgreeAfterACrashAtAnyOperation) {
  const std::unique_ptr<MemoryFileSystem> whole = NewMemoryFileSystem();
  ASSERT_EQ(RunUntilTheDiskStops(whole.get()), 16);
  const uint64_t operation_count = whole->operation_count();
  uint64_t with_index = 0, unfinished = 0;
  for (uint64_t stop = 0; stop <= operation_count; ++stop) {
    SCOPED_TRACE(absl::StrCat("stopped at operation ", stop, " of ", operation_count));
    const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    disk->StopAtOperation(stop);
    const int64_t answered = RunUntilTheDiskStops(disk.get());
    const std::unique_ptr<MemoryFileSystem> after =
        disk->CrashCopy(MemoryFileSystem::Survivors::kRandom, stop);
    const absl::StatusOr<std::unique_ptr<Database>> opened =
        Database::Open("db", QuietOptions(after.get()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    Database& database = **opened;
    std::unique_ptr<Transaction> transaction = database.Begin();
    const std::shared_ptr<const TableSchema> table = transaction->catalog()->FindTable("points");
    if (table == nullptr) {
      ASSERT_EQ(answered, 0);
      continue;
    }
    const std::string last = *EncodeKey(*table, Row{Value(int64_t{0})});
    const absl::StatusOr<std::optional<std::string>> found = transaction->Get(table->id, last);
    ASSERT_TRUE(found.ok() && found->has_value());
    const auto number = std::get<int64_t>(*DecodeColumn(*table, **found, 1));
    ASSERT_GE(number, answered);
    ASSERT_EQ(table->indexes.size(), number >= 5 ? 1u : 0u);
    if (table->indexes.empty()) continue;
    const IndexSchema& index = table->indexes[0];
    BoxStatistics statistics;
    for (const auto& [low, high] : {std::pair(0, 99), {20, 60}, {0, 16}}) {
      const std::vector<BoxSide> box(2, {Value(int64_t{low}), Value(int64_t{high})});
      ASSERT_EQ(FindByIndex(*transaction, *table, index, box, &statistics),
                FindByScan(*transaction, *table, index, box));
    }
    ++with_index;
    unfinished += statistics.plan != "zorder ranges";
    ASSERT_TRUE(database.WaitForIndexes(absl::Seconds(60)).ok());
    ExpectEntriesOfRows(*database.Begin(), *table, index);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(unfinished, 0u);
  EXPECT_GT(with_index, unfinished);
}

}  // namespace
}  // namespace kyrodb::engine
