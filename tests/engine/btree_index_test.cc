// Goal:   a btree index holds exactly one entry for each row that belongs in it, in its order,
//         whatever was written, taken back, flushed or recovered; unique ones admit no two rows of
//         one value, whoever writes at the same time; columns and sequences outlive what changes
//         around them.
// Method: random writes against entries made anew from every row; interleavings of transactions by
//         hand; power losses of a disk in memory.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/index_key.h"
#include "gtest/gtest.h"
#include "tests/base/status_is.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

// id bigint PRIMARY KEY, n integer, t text, d double precision.
TableSchema Things() {
  TableSchema schema{.name = "things"};
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "n", .type = {TypeId::kInteger}});
  schema.columns.push_back({.name = "t", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "d", .type = {TypeId::kDouble}});
  schema.primary_key = {0};
  return schema;
}

IndexSchema Btree(absl::string_view name, std::vector<IndexPart> parts, bool unique = false) {
  IndexSchema index{.name = std::string(name), .method = "btree"};
  index.parts = std::move(parts);
  index.unique = unique;
  return index;
}

absl::Status PutRow(Transaction& transaction, const TableSchema& table, const Row& row) {
  KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(table, row));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(table, row));
  return transaction.Put(table.id, key, bytes);
}

std::shared_ptr<const TableSchema> TableOf(Transaction& transaction) {
  return transaction.catalog()->FindTable("things");
}

Value RandomText(Random& random) {
  std::string text;
  for (uint64_t i = random.Uniform(4); i > 0; --i) text.push_back("\0ab\xff"[random.Uniform(4)]);
  return Value(text);
}

Row RandomRow(Random& random) {
  Row row = {Value(static_cast<int64_t>(random.Uniform(40))),
             Value(static_cast<int64_t>(random.Uniform(9)) - 4), RandomText(random),
             Value(static_cast<double>(random.Uniform(5)) - 2)};
  for (size_t i = 1; i < row.size(); ++i) {
    if (random.OneIn(6)) row[i] = Null{};
  }
  return row;
}

// <0, 0, >0 as the index sorts the parts of two rows.
int CompareParts(const IndexSchema& index, const Row& a, const Row& b) {
  for (const IndexPart& part : index.parts) {
    const Value& x = a[part.column];
    const Value& y = b[part.column];
    if (IsNull(x) || IsNull(y)) {
      if (IsNull(x) && IsNull(y)) continue;
      return IsNull(x) == part.nulls_first ? -1 : 1;
    }
    if (x == y) continue;
    bool less = false;
    if (const auto* text = std::get_if<std::string>(&x)) {
      less = *text < std::get<std::string>(y);
    } else if (const auto* number = std::get_if<int64_t>(&x)) {
      less = *number < std::get<int64_t>(y);
    } else {
      less = std::get<double>(x) < std::get<double>(y);
    }
    return less != part.descending ? -1 : 1;
  }
  return 0;
}

// Each index against the rows: one entry a row, in order.
void CheckEntries(Transaction& transaction) {
  const std::shared_ptr<const TableSchema> table = TableOf(transaction);
  const std::map<std::string, std::string> rows = ScanAll(transaction, table->id);
  for (const IndexSchema& index : table->indexes) {
    const auto keys = IndexKeys::Make(table, index, nullptr);
    ASSERT_THAT(keys, IsOk());
    std::map<std::string, std::string> expected;
    for (const auto& [key, bytes] : rows) {
      const auto entry = (*keys)->EntryOf(bytes, key);
      ASSERT_THAT(entry, IsOk());
      ASSERT_TRUE(entry->has_value());
      EXPECT_TRUE(expected.emplace((*entry)->key, (*entry)->value).second);
    }
    const std::map<std::string, std::string> found = ScanAll(transaction, index.id);
    EXPECT_EQ(found, expected) << index.name;
    Row before;
    for (const auto& [key, value] : found) {
      const absl::StatusOr<absl::string_view> row_key = RowKeyOfEntry(key, value);
      ASSERT_THAT(row_key, IsOk());
      ASSERT_TRUE(rows.contains(std::string(*row_key)));
      Row row = *DecodeRow(*table, rows.at(std::string(*row_key)));
      if (!before.empty()) {
        EXPECT_LE(CompareParts(index, before, row), 0) << index.name;
      }
      before = std::move(row);
    }
  }
}

class BtreeIndexTest : public testing::Test {
 protected:
  BtreeIndexTest() : database_(OpenOrDie(disk_.get())) {
    TableSchema schema = Things();
    schema.id = CreateTableOrDie(*database_, schema);
    table_ = schema;
  }

  absl::StatusOr<ObjectId> AddIndex(IndexSchema index, IndexBuild build = IndexBuild::kNow) {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    KYRO_ASSIGN_OR_RETURN(const ObjectId id, transaction->CreateIndex(table_.id, index, build));
    KYRO_RETURN_IF_ERROR(transaction->Commit().status());
    return id;
  }
  absl::Status PutOne(const Row& row) {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    KYRO_RETURN_IF_ERROR(PutRow(*transaction, table_, row));
    return transaction->Commit().status();
  }
  void Check() { CheckEntries(*database_->Begin()); }
  void Reopen(bool lose_power) {
    if (lose_power) {
      std::unique_ptr<MemoryFileSystem> after =
          disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1);
      database_.reset();
      disk_ = std::move(after);
    } else {
      ASSERT_THAT(database_->Close(), IsOk());
      database_.reset();
    }
    database_ = OpenOrDie(disk_.get());
  }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  TableSchema table_;
};

TEST_F(BtreeIndexTest, EntriesFollowRandomWritesThroughRollbacksFlushesAndReopenings) {
  const uint64_t seed = 20261120;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  ASSERT_THAT(AddIndex(Btree("up", {{.column = 2}, {.column = 1}})), IsOk());
  ASSERT_THAT(AddIndex(Btree("down", {{.column = 1, .descending = true, .nulls_first = true},
                                      {.column = 3, .descending = true},
                                      {.column = 2}})),
              IsOk());
  for (int step = 0; step < 120; ++step) {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    Transaction::Mark mark = transaction->SetMark();
    for (uint64_t i = random.Uniform(12); i > 0; --i) {
      const Row row = RandomRow(random);
      if (random.OneIn(3)) {
        ASSERT_THAT(transaction->Delete(table_.id, *EncodeKey(table_, row)), IsOk());
      } else {
        ASSERT_THAT(PutRow(*transaction, table_, row), IsOk());
      }
      if (random.OneIn(8)) transaction->RollbackTo(mark);
      if (random.OneIn(8)) mark = transaction->SetMark();
    }
    CheckEntries(*transaction);
    if (random.OneIn(4)) {
      transaction->Rollback();
    } else {
      ASSERT_THAT(transaction->Commit(), IsOk());
    }
    if (step % 30 == 10) {
      // Rows that are there get their entries at once, or afterwards.
      const bool later = random.OneIn(2);
      const auto id = AddIndex(Btree(absl::StrCat("late", step), {{.column = 3}, {.column = 0}}),
                               later ? IndexBuild::kLater : IndexBuild::kNow);
      ASSERT_THAT(id, IsOk());
      ASSERT_THAT(database_->BuildIndex(table_.id, *id, [] { return absl::OkStatus(); }), IsOk());
    }
    if (random.OneIn(15)) {
      ASSERT_THAT(database_->Checkpoint(), IsOk());
    }
    if (random.OneIn(15)) Reopen(/*lose_power=*/false);
    Check();
    if (HasFailure()) return;
  }
}

TEST_F(BtreeIndexTest, ASecondRowOfAValueIsRefusedAndNullsAreNotValues) {
  ASSERT_THAT(AddIndex(Btree("only", {{.column = 1}, {.column = 2}}, /*unique=*/true)), IsOk());
  EXPECT_THAT(PutOne({Value(int64_t{1}), Value(int64_t{7}), Value("x"), Null{}}), IsOk());
  const absl::Status refused = PutOne({Value(int64_t{2}), Value(int64_t{7}), Value("x"), Null{}});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists, "\"only\""));
  EXPECT_EQ(refused.GetPayload(kUniqueIndexPayload), absl::Cord("only"));
  EXPECT_THAT(PutOne({Value(int64_t{1}), Value(int64_t{7}), Value("x"), Value(2.0)}), IsOk());
  EXPECT_THAT(PutOne({Value(int64_t{3}), Null{}, Value("x"), Null{}}), IsOk());
  EXPECT_THAT(PutOne({Value(int64_t{4}), Null{}, Value("x"), Null{}}), IsOk());
  Check();
  // What is freed in a transaction can be taken in it.
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_THAT(transaction->Delete(table_.id, *EncodeKey(table_, {{Value(int64_t{1})}})), IsOk());
  EXPECT_THAT(PutRow(*transaction, table_, {Value(int64_t{9}), Value(int64_t{7}), Value("x"), {}}),
              IsOk());
  EXPECT_THAT(transaction->Commit(), IsOk());
  Check();
}

TEST_F(BtreeIndexTest, OfTwoTransactionsThatWriteOneUniqueValueTheSecondIsRefused) {
  ASSERT_THAT(AddIndex(Btree("only", {{.column = 1}}, /*unique=*/true)), IsOk());
  const std::unique_ptr<Transaction> a = database_->Begin();
  const std::unique_ptr<Transaction> b = database_->Begin();
  ASSERT_THAT(PutRow(*a, table_, {Value(int64_t{1}), Value(int64_t{7}), {}, {}}), IsOk());
  ASSERT_THAT(PutRow(*b, table_, {Value(int64_t{2}), Value(int64_t{7}), {}, {}}), IsOk());
  EXPECT_THAT(a->Commit(), IsOk());
  EXPECT_THAT(b->Commit(), StatusIs(absl::StatusCode::kAborted, "concurrent"));
  Check();
}

TEST_F(BtreeIndexTest, RowsThatAreWrittenWhileAnIndexIsMadeAreNotLeftOut) {
  ASSERT_THAT(PutOne({Value(int64_t{1}), Value(int64_t{7}), {}, {}}), IsOk());
  // A row between the look at the table and the commit.
  const std::unique_ptr<Transaction> maker = database_->Begin();
  ASSERT_THAT(maker->CreateIndex(table_.id, Btree("i", {{.column = 1}})), IsOk());
  ASSERT_THAT(PutOne({Value(int64_t{2}), Value(int64_t{8}), {}, {}}), IsOk());
  EXPECT_THAT(maker->Commit(), StatusIs(absl::StatusCode::kAborted, ""));
  // A transaction that began before the index was there.
  const std::unique_ptr<Transaction> writer = database_->Begin();
  ASSERT_THAT(PutRow(*writer, table_, {Value(int64_t{3}), Value(int64_t{9}), {}, {}}), IsOk());
  ASSERT_THAT(AddIndex(Btree("i", {{.column = 1}})), IsOk());
  EXPECT_THAT(writer->Commit(), StatusIs(absl::StatusCode::kAborted, "definition"));
  Check();
}

TEST_F(BtreeIndexTest, AUniqueIndexOverRowsOfOneValueCannotBeMade) {
  ASSERT_THAT(PutOne({Value(int64_t{1}), Value(int64_t{7}), {}, {}}), IsOk());
  ASSERT_THAT(PutOne({Value(int64_t{2}), Value(int64_t{7}), {}, {}}), IsOk());
  EXPECT_THAT(AddIndex(Btree("only", {{.column = 1}}, true)),
              StatusIs(absl::StatusCode::kAlreadyExists, "could not create unique index \"only\""));
  const auto id = AddIndex(Btree("only", {{.column = 1}}, true), IndexBuild::kLater);
  ASSERT_THAT(id, IsOk());
  EXPECT_THAT(database_->BuildIndex(table_.id, *id, [] { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kAlreadyExists, "could not create unique index"));
}

TEST_F(BtreeIndexTest, WhatIsCommittedSurvivesAPowerLoss) {
  ASSERT_THAT(AddIndex(Btree("i", {{.column = 1}}, /*unique=*/true)), IsOk());
  for (int64_t i = 0; i < 20; ++i) ASSERT_THAT(PutOne({Value(i), Value(i * 2), {}, {}}), IsOk());
  Reopen(/*lose_power=*/true);
  Check();
  EXPECT_THAT(PutOne({Value(int64_t{50}), Value(int64_t{4}), {}, {}}),
              StatusIs(absl::StatusCode::kAlreadyExists, "\"i\""));
}

TEST_F(BtreeIndexTest, ColumnsThatComeAndGoLeaveTheOthersAsTheyWere) {
  ASSERT_THAT(PutOne({Value(int64_t{1}), Value(int64_t{7}), Value("x"), Value(1.5)}), IsOk());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  TableSchema next = *TableOf(*transaction);
  next.columns.erase(next.columns.begin() + 1);
  next.columns.push_back({.name = "new", .type = {TypeId::kInteger}});
  next.columns.back().missing = *EncodeColumn(next.columns.back(), Value(int64_t{42}));
  next.storage = {0, 2, 3, 4};
  next.storage_count = 5;
  ASSERT_THAT(transaction->AlterTable(next), IsOk());
  ASSERT_THAT(transaction->Commit(), IsOk());
  Reopen(/*lose_power=*/true);
  transaction = database_->Begin();
  const std::shared_ptr<const TableSchema> table = TableOf(*transaction);
  const std::string key = *EncodeKey(*table, {{Value(int64_t{1})}});
  const std::string bytes = **transaction->Get(table->id, key);
  EXPECT_EQ(*DecodeRow(*table, bytes),
            (Row{Value(int64_t{1}), Value("x"), Value(1.5), Value(int64_t{42})}));
  EXPECT_EQ(*DecodeColumn(*table, bytes, 3), Value(int64_t{42}));
  const Row changed = {Value(int64_t{1}), Value("y"), Null{}, Null{}};
  EXPECT_EQ(*DecodeRow(*table, *EncodeRow(*table, changed)), changed);
}

TEST_F(BtreeIndexTest, NoValueOfASequenceComesTwiceAndNoneIsLeftOutAfterAnOrderlyEnd) {
  ObjectId id = 0;
  {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    ObjectSchema sequence{.kind = ObjectKind::kSequence, .name = "s"};
    sequence.sequence.max = INT64_MAX;
    id = *transaction->CreateObject(sequence);
    EXPECT_EQ(*transaction->NextValue(id), 1);
    EXPECT_EQ(*transaction->NextValue(id), 2);
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  {
    // Rolled back, and taken all the same.
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    EXPECT_EQ(*transaction->NextValue(id), 3);
    transaction->Rollback();
  }
  Reopen(/*lose_power=*/false);
  EXPECT_EQ(*database_->Begin()->NextValue(id), 4);
  Reopen(/*lose_power=*/true);
  const int64_t after = *database_->Begin()->NextValue(id);
  EXPECT_GT(after, 4);
  EXPECT_LE(after, 4 + 33);
}

TEST_F(BtreeIndexTest, ASequenceEndsOrBeginsAgain) {
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  ObjectSchema sequence{.kind = ObjectKind::kSequence, .name = "s"};
  sequence.sequence = {.start = 3, .increment = -1, .min = 2, .max = 5};
  const ObjectId id = *transaction->CreateObject(sequence);
  EXPECT_EQ(*transaction->NextValue(id), 3);
  EXPECT_EQ(*transaction->NextValue(id), 2);
  EXPECT_THAT(transaction->NextValue(id),
              StatusIs(absl::StatusCode::kOutOfRange, "reached minimum value of sequence \"s\""));
  sequence.id = id;
  sequence.sequence.cycle = true;
  ASSERT_THAT(transaction->AlterObject(sequence), IsOk());
  EXPECT_EQ(*transaction->NextValue(id), 5);
  ASSERT_THAT(transaction->SetSequence(id, {.last = 4, .is_called = false}), IsOk());
  EXPECT_EQ(*transaction->NextValue(id), 4);
}

}  // namespace
}  // namespace kyrodb::engine
