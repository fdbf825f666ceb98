// Goal:   keys sort as their values do and come back unchanged; rows and schemas survive the round
//         trip; damaged bytes are refused, never believed.
// Method: all pairs of edge values and seeded random ones; every single-byte change and truncation.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/core/manifest_state.h"
#include "engine/core/write_set.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "engine/schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kyrodb::engine {
namespace {

using ::testing::HasSubstr;

TableSchema KeyTable(std::vector<TypeId> types) {
  TableSchema schema{.id = 7, .name = "t"};
  for (const TypeId type : types) {
    schema.primary_key.push_back(static_cast<uint32_t>(schema.columns.size()));
    schema.columns.push_back(
        {.name = std::string(1, static_cast<char>('a' + schema.columns.size())), .type = {type}});
  }
  return schema;
}

std::string Key(const TableSchema& schema, const Row& row) {
  absl::StatusOr<std::string> key = EncodeKey(schema, row);
  EXPECT_TRUE(key.ok()) << key.status();
  return key.value_or("");
}

// Every pair of `values`, which are ascending, encodes to ascending keys and decodes to itself.
void ExpectOrdered(const TableSchema& schema, const std::vector<Row>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string key = Key(schema, values[i]);
    absl::StatusOr<Row> back = DecodeKey(schema, key);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, values[i]) << i;
    for (size_t j = 0; j < i; ++j) EXPECT_LT(Key(schema, values[j]), key) << j << " " << i;
  }
}

TEST(KeyCodecTest, IntegersSortByValue) {
  std::vector<Row> rows;
  for (const int64_t n :
       {std::numeric_limits<int64_t>::min(), int64_t{-4294967296}, int64_t{-256}, int64_t{-1},
        int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256}, int64_t{1} << 53,
        (int64_t{1} << 53) + 1, std::numeric_limits<int64_t>::max()}) {
    rows.push_back({Value(n)});
  }
  ExpectOrdered(KeyTable({TypeId::kBigint}), rows);
}

TEST(KeyCodecTest, DoublesSortByValueWithNaNLast) {
  std::vector<Row> rows;
  for (const double d :
       {-std::numeric_limits<double>::infinity(), -1e300, -1.0,
        -std::numeric_limits<double>::denorm_min(), 0.0, std::numeric_limits<double>::denorm_min(),
        0.5, 1.0, 1e300, std::numeric_limits<double>::infinity()}) {
    rows.push_back({Value(d)});
  }
  const TableSchema schema = KeyTable({TypeId::kDouble});
  ExpectOrdered(schema, rows);
  EXPECT_EQ(Key(schema, {Value(-0.0)}), Key(schema, {Value(0.0)}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_GT(Key(schema, {Value(nan)}), Key(schema, rows.back()));
  EXPECT_EQ(Key(schema, {Value(-nan)}), Key(schema, {Value(nan)}));
}

TEST(KeyCodecTest, TextInTheMiddleOfAKeySortsByBytesAndPrefixFirst) {
  const std::vector<std::string> texts = {"",
                                          std::string("\0", 1),
                                          std::string("\0\0", 2),
                                          std::string("\0\xFF", 2),
                                          "a",
                                          std::string("a\0", 2),
                                          std::string("a\0b", 3),
                                          "a\x01",
                                          "aa",
                                          "b",
                                          "\xFF",
                                          "\xFF\xFF"};
  std::vector<Row> rows;
  for (const std::string& text : texts) {
    for (const int64_t n : {int64_t{-1}, int64_t{1}}) rows.push_back({Value(text), Value(n)});
  }
  ExpectOrdered(KeyTable({TypeId::kText, TypeId::kBigint}), rows);
}

TEST(KeyCodecTest, RandomCompositeKeysSortAsTheirValues) {
  const uint64_t seed = 20261120;
  SCOPED_TRACE(seed);
  Random random(seed);
  const TableSchema schema =
      KeyTable({TypeId::kBoolean, TypeId::kBytea, TypeId::kTimestamptz, TypeId::kText});
  const auto random_text = [&] {
    std::string text;
    for (uint64_t n = random.Uniform(4); n > 0; --n) {
      text.push_back(static_cast<char>(std::array{0, 1, 254, 255}[random.Uniform(4)]));
    }
    return text;
  };
  std::vector<std::tuple<bool, std::string, int64_t, std::string>> values;
  for (int i = 0; i < 2000; ++i) {
    values.emplace_back(random.OneIn(2), random_text(), static_cast<int64_t>(random.Uniform(3)) - 1,
                        random_text());
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::string before;
  for (const auto& [flag, bytes, time, text] : values) {
    const Row row = {Value(flag), Value(bytes), Value(time), Value(text)};
    const std::string key = Key(schema, row);
    EXPECT_TRUE(before.empty() || before < key);
    EXPECT_EQ(DecodeKey(schema, key).value_or(Row{}), row);
    before = key;
  }
}

TEST(KeyCodecTest, NullAndOversizedPartsAreRefusedByName) {
  const TableSchema schema = KeyTable({TypeId::kText});
  EXPECT_THAT(std::string(EncodeKey(schema, Row{Value()}).status().message()),
              HasSubstr("column \"a\": null"));
  const absl::Status status = EncodeKey(schema, Row{Value(std::string(8193, 'x'))}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("8193 bytes, the limit is 8192"));
}

TEST(KeyCodecTest, PrefixSuccessorIsAboveEveryStringWithThePrefix) {
  EXPECT_EQ(PrefixSuccessor("ab"), "ac");
  EXPECT_EQ(PrefixSuccessor("a\xFF\xFF"), "b");
  EXPECT_EQ(PrefixSuccessor("\xFF\xFF"), "");
}

TableSchema WideTable() {
  TableSchema schema{.id = 9, .name = "wide"};
  const auto add = [&](absl::string_view name, Type type) {
    schema.columns.push_back({.name = std::string(name), .type = type});
  };
  add("id", {TypeId::kBigint});
  add("flag", {TypeId::kBoolean});
  add("small", {TypeId::kInteger});
  add("ratio", {TypeId::kDouble});
  add("body", {TypeId::kText});
  add("at", {TypeId::kTimestamptz});
  add("raw", {TypeId::kBytea});
  add("doc", {TypeId::kJsonb});
  add("embedding", {TypeId::kVector, 3});
  schema.columns[0].not_null = true;
  schema.columns[4].default_sql = "'none'";
  schema.columns[8].generated_sql = "embed(body)";
  schema.primary_key = {0};
  schema.indexes.push_back({.id = 10,
                            .name = "wide_embedding_idx",
                            .column = 8,
                            .metric = Metric::kCosine,
                            .m = 8,
                            .ef_construction = 40});
  schema.version = 3;
  return schema;
}

Row WideRow() {
  return {Value(int64_t{-5}),
          Value(true),
          Value(int64_t{-2147483648}),
          Value(0.1),
          Value(std::string("h\xC3\xA9llo")),
          Value(int64_t{1}),
          Value(std::string("\0\xFF", 2)),
          Value(std::string("{\"a\": 1}")),
          Value(std::vector<float>{1, -2, 3.5f})};
}

TEST(RowCodecTest, EveryTypeAndNullComesBack) {
  const TableSchema schema = WideTable();
  for (size_t null_column = 1; null_column <= schema.columns.size(); ++null_column) {
    Row row = WideRow();
    if (null_column < row.size()) row[null_column] = Value();
    const absl::StatusOr<std::string> bytes = EncodeRow(schema, row);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(DecodeRow(schema, *bytes).value_or(Row{}), row);
    for (uint32_t i = 0; i < row.size(); ++i) {
      EXPECT_EQ(DecodeColumn(schema, *bytes, i).value_or(Value(false)), row[i]) << i;
    }
  }
}

TEST(RowCodecTest, AColumnAddedLaterIsNullInOldRows) {
  TableSchema schema = WideTable();
  const std::string bytes = EncodeRow(schema, WideRow()).value();
  schema.columns.push_back({.name = "later", .type = {TypeId::kText}});
  Row expected = WideRow();
  expected.emplace_back();
  EXPECT_EQ(DecodeRow(schema, bytes).value_or(Row{}), expected);
}

TEST(RowCodecTest, WrongValuesAreRefusedByColumn) {
  const TableSchema schema = WideTable();
  const auto error = [&](size_t column, Value value) {
    Row row = WideRow();
    row[column] = std::move(value);
    return std::string(EncodeRow(schema, row).status().message());
  };
  EXPECT_THAT(error(0, Value()), HasSubstr("null value in column \"id\""));
  EXPECT_THAT(error(1, Value(int64_t{1})), HasSubstr("column \"flag\" is not of its type boolean"));
  EXPECT_THAT(error(2, Value(int64_t{2147483648})), HasSubstr("2147483648"));
  EXPECT_THAT(error(8, Value(std::vector<float>{1, 2})),
              HasSubstr("vector has 2 dimensions, column \"embedding\" has 3"));
  EXPECT_THAT(error(8, Value(std::vector<float>{1, 2, std::nanf("")})), HasSubstr("nan"));
  EXPECT_THAT(std::string(EncodeRow(schema, Row{}).status().message()),
              HasSubstr("row has 0 values, table \"wide\" has 9 columns"));
}

TEST(RowCodecTest, DamagedRowsAreRefusedOrReadWithoutHarm) {
  const TableSchema schema = WideTable();
  const std::string bytes = EncodeRow(schema, WideRow()).value();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeRow(schema, bytes.substr(0, size)).ok()) << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const absl::StatusOr<Row> row = DecodeRow(schema, damaged);
      if (row.ok()) {
        EXPECT_EQ(row->size(), schema.columns.size());
      }
    }
  }
}

TEST(SchemaCodecTest, EveryFieldComesBack) {
  const TableSchema schema = WideTable();
  const absl::StatusOr<TableSchema> back = DecodeSchema(EncodeSchema(schema));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeSchema(*back), EncodeSchema(schema));
  EXPECT_EQ(back->columns[8].generated_sql, "embed(body)");
  EXPECT_EQ(back->indexes[0].metric, Metric::kCosine);
  EXPECT_EQ(back->primary_key, schema.primary_key);
  EXPECT_TRUE(back->columns[0].not_null);
}

TEST(SchemaCodecTest, TruncatedAndNewerRecordsAreRefused) {
  const std::string bytes = EncodeSchema(WideTable());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeSchema(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  std::string newer = bytes;
  newer[0] = 4;
  EXPECT_EQ(DecodeSchema(newer).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(DecodeSchema(newer).status().message()), HasSubstr("format version 4"));
}

TEST(SchemaCodecTest, WhatVersionThreeBroughtComesBack) {
  TableSchema schema = WideTable();
  schema.schema_name = "other";
  schema.primary_key_name = "key";
  for (uint32_t i = 0; i < schema.columns.size(); ++i) schema.storage.push_back(2 * i);
  schema.storage_count = static_cast<uint32_t>(2 * schema.columns.size());
  schema.columns[1].missing = "";
  schema.columns[2].identity = Identity::kByDefault;
  IndexSchema index{.id = 12, .name = "b", .method = "btree"};
  index.parts = {{.column = 1, .descending = true, .nulls_first = true},
                 {.expression_sql = "lower(body)", .expression_type = {TypeId::kText}}};
  index.unique = index.nulls_not_distinct = index.is_constraint = index.is_primary = true;
  index.where_sql = "id > 3";
  schema.indexes.push_back(index);
  schema.checks.push_back({"c", "id > 0"});
  schema.foreign_keys.push_back({.name = "f",
                                 .columns = {1, 2},
                                 .referenced_table = 3,
                                 .referenced_columns = {0, 5},
                                 .on_delete = ForeignKeyAction::kCascade,
                                 .on_update = ForeignKeyAction::kSetNull,
                                 .match_full = true,
                                 .deferrable = true,
                                 .initially_deferred = true});
  const std::string bytes = EncodeSchema(schema);
  EXPECT_EQ(bytes[0], 3);
  const absl::StatusOr<TableSchema> back = DecodeSchema(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeSchema(*back), bytes);
  EXPECT_EQ(back->indexes.back().parts, index.parts);
  EXPECT_TRUE(back->indexes.back().is_primary);
  EXPECT_EQ(back->storage, schema.storage);
  EXPECT_EQ(back->columns[1].missing, std::optional<std::string>(""));
  EXPECT_EQ(back->foreign_keys[0].on_update, ForeignKeyAction::kSetNull);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeSchema(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  ObjectSchema view{.id = 4, .name = "v", .sql = "SELECT 1"};
  view.columns.push_back({.name = "a", .type = {TypeId::kInteger}});
  const std::string object = EncodeObject(view);
  ASSERT_TRUE(DecodeObject(object).ok());
  EXPECT_EQ(EncodeObject(*DecodeObject(object)), object);
  for (size_t size = 0; size < object.size(); ++size) {
    EXPECT_EQ(DecodeObject(object.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(SchemaCodecTest, OnlyTablesWithZOrderIndexesAreOfVersionTwo) {
  TableSchema schema = WideTable();
  EXPECT_EQ(EncodeSchema(schema)[0], 1);
  schema.indexes.push_back(
      {.id = 11, .name = "z", .method = "zorder", .column = 5, .columns = {5, 0, 2}});
  const std::string bytes = EncodeSchema(schema);
  EXPECT_EQ(bytes[0], 2);
  const absl::StatusOr<TableSchema> back = DecodeSchema(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->indexes[0].metric, Metric::kCosine);
  EXPECT_TRUE(back->indexes[0].columns.empty());
  EXPECT_EQ(back->indexes[1].columns, (std::vector<uint32_t>{5, 0, 2}));
  EXPECT_TRUE(back->indexes[1].is_zorder());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeSchema(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  // Columns that no such index can have: text, too few, none of the table's.
  for (const std::vector<uint32_t>& columns :
       {std::vector<uint32_t>{5, 4}, {5}, {}, {5, 100}, {0, 2, 3, 5, 0}}) {
    schema.indexes[1].columns = columns;
    EXPECT_EQ(DecodeSchema(EncodeSchema(schema)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(ManifestStateTest, EveryFieldComesBackAndDamageIsSeen) {
  const ManifestState state{.database_id = 1,
                            .epoch = 2,
                            .checkpoint_lsn = 3,
                            .next_file_number = 4,
                            .log_segment = 6,
                            .spaces = {{.id = 0, .runs = {7, 6}}, {.id = 5, .runs = {}}},
                            .segments = {{.index = 9, .file_number = 8, .covers_lsn = 2}}};
  const std::string bytes = EncodeManifest(state);
  const absl::StatusOr<ManifestState> back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeManifest(*back), bytes);
  EXPECT_EQ(back->spaces[0].runs, (std::vector<uint64_t>{7, 6}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeManifest(bytes.substr(0, size)).ok()) << size;
  }
}

TEST(WriteSetTest, RollbackToAMarkRestoresValuesSizesAndKeys) {
  WriteSet writes;
  writes.Put(1, "a", {.value = "old"});
  const uint64_t size = writes.size_bytes();
  const std::string record = writes.EncodeRecord();
  const uint64_t mark = writes.mark();
  writes.Put(1, "a", {.is_delete = true, .value = {}});
  writes.Put(1, "b", {.value = "new"});
  writes.Put(2, "c", {.value = "new"});
  writes.Put(1, "b", {.value = "newer"});
  writes.RollbackTo(mark);
  EXPECT_EQ(writes.EncodeRecord(), record);
  EXPECT_EQ(writes.size_bytes(), size);
  EXPECT_EQ(writes.FindSpace(2), nullptr);
}

TEST(WriteSetTest, AnOpenIteratorsViewIsNotChangedByLaterWrites) {
  WriteSet writes;
  writes.Put(1, "a", {.value = "1"});
  const std::shared_ptr<const SpaceWrites> view = writes.FindSpace(1);
  writes.Put(1, "b", {.value = "2"});
  EXPECT_EQ(view->size(), 1u);
  EXPECT_EQ(writes.FindSpace(1)->size(), 2u);
}

TEST(RecordTest, OperationsComeBackAndDamageIsSeen) {
  WriteSet writes;
  writes.Put(3, "k", {.value = "v"});
  writes.Put(0, "x", {.is_delete = true, .value = {}});
  const std::string record = writes.EncodeRecord();
  std::vector<std::string> seen;
  ASSERT_TRUE(VisitRecord(record, [&](const RecordOperation& operation) {
                seen.push_back(absl::StrCat(operation.space, operation.is_delete ? "-" : "+",
                                            operation.key, operation.value));
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(seen, ::testing::ElementsAre("0-x", "3+kv"));
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(VisitRecord(record.substr(0, size), [](const RecordOperation&) {
                   return absl::OkStatus();
                 }).ok());
  }
}

}  // namespace
}  // namespace kyrodb::engine
