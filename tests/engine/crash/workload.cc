#include "tests/engine/crash/workload.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

constexpr absl::string_view kTable = "crash";
constexpr absl::string_view kSecondTable = "second";
constexpr absl::string_view kValuesTable = "values";
constexpr absl::string_view kIndex = "crash_idx";
constexpr absl::string_view kBoxIndex = "crash_box";
constexpr int64_t kLongGone = 1;
constexpr int64_t kFarAway = int64_t{7'258'118'400'000'000};  // the year 2200
constexpr uint32_t kDimensions = 3;
constexpr uint64_t kIdCount = 12;

const IndexSchema* FindIndex(const TableSchema& table, absl::string_view name) {
  const auto found = std::find_if(table.indexes.begin(), table.indexes.end(),
                                  [&](const IndexSchema& index) { return index.name == name; });
  return found == table.indexes.end() ? nullptr : &*found;
}

Row ToRow(int64_t id, const CrashRow& row) {
  return {Value(id), Value(row.body), row.embedding.empty() ? Value() : Value(row.embedding),
          row.x.has_value() ? Value(*row.x) : Value()};
}

absl::Status PutRow(Transaction& transaction, const TableSchema& table, int64_t id,
                    const CrashRow& row) {
  const Row values = ToRow(id, row);
  KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(table, values));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(table, values));
  // Some expire, but not while this test runs.
  PutOptions options;
  if (id % 3 == 2) options.expires_at_micros = kFarAway;
  return transaction.Put(table.id, key, bytes, options);
}

absl::Status LoadRows(Database& database, const TableSchema& table, const CrashModel& rows) {
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<BulkLoader> loader, database.BulkLoad(table.id));
  for (const auto& [id, row] : rows) {
    const Row values = ToRow(id, row);
    KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(table, values));
    KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(table, values));
    KYRO_RETURN_IF_ERROR(loader->Add(key, bytes));
  }
  return loader->Finish().status();
}

absl::StatusOr<CrashRow> ToCrashRow(const TableSchema& table, absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const Row row, DecodeRow(table, bytes));
  CrashRow result{.body = std::get<std::string>(row[1]), .embedding = {}, .x = {}};
  if (!IsNull(row[2])) result.embedding = std::get<std::vector<float>>(row[2]);
  if (!IsNull(row[3])) result.x = std::get<double>(row[3]);
  return result;
}

absl::StatusOr<CrashModel> ReadAll(Transaction& transaction, const TableSchema& table) {
  CrashModel rows;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> iterator,
                        transaction.Scan(table.id, KeyRange{}));
  for (; iterator->Valid(); iterator->Next()) {
    KYRO_ASSIGN_OR_RETURN(const Row key, DecodeKey(table, iterator->key()));
    KYRO_ASSIGN_OR_RETURN(CrashRow row, ToCrashRow(table, iterator->value()));
    rows[std::get<int64_t>(key[0])] = std::move(row);
  }
  KYRO_RETURN_IF_ERROR(iterator->status());
  return rows;
}

// One write of the table of bare values: under a condition, a merge, or one that expires.
absl::Status WriteValue(Transaction& transaction, ObjectId table, absl::string_view text,
                        Random& random, std::map<std::string, std::string>* values) {
  const std::string key = EncodeRowId(static_cast<int64_t>(1 + random.Uniform(4)));
  const auto it = values->find(key);
  const bool is_there = it != values->end();
  const Expectation as_it_is = is_there ? Expectation::Value(it->second) : Expectation::Absent();
  switch (random.Uniform(6)) {
    case 0:
      (*values)[key].append(text.data(), text.size());
      return transaction.Merge(table, key, MergeOperator::kAppend, text);
    case 1: {
      const std::string sum_key = EncodeRowId(100);
      const auto sum = values->find(sum_key);
      const int64_t before = sum == values->end() ? 0 : Int64Value(sum->second).value();
      const int64_t number = static_cast<int64_t>(random.Uniform(1000));
      (*values)[sum_key] = Int64Operand(before + number);
      return transaction.Merge(table, sum_key, MergeOperator::kAddInt64, Int64Operand(number));
    }
    case 2:
      if (is_there) values->erase(it);
      return is_there ? transaction.DeleteIf(table, key, as_it_is)
                      : transaction.DeleteIf(table, key, Expectation::Absent());
    case 3:
      if (is_there) values->erase(it);
      return transaction.PutIf(table, key, as_it_is, text, {.expires_at_micros = kLongGone});
    case 4:
      (*values)[key] = std::string(text);
      return transaction.Put(table, key, text, {.expires_at_micros = kFarAway});
    default:
      (*values)[key] = std::string(text);
      return transaction.PutIf(table, key, as_it_is, text);
  }
}

// By scan; `DataLoss` when a point look-up says otherwise.
absl::StatusOr<std::map<std::string, std::string>> ReadValues(Transaction& transaction) {
  std::map<std::string, std::string> values;
  const auto table = transaction.catalog()->FindTable(kValuesTable);
  if (table == nullptr) return absl::DataLossError("the table of values is lost");
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> iterator,
                        transaction.Scan(table->id, KeyRange{}));
  for (; iterator->Valid(); iterator->Next()) {
    values[std::string(iterator->key())] = std::string(iterator->value());
  }
  KYRO_RETURN_IF_ERROR(iterator->status());
  for (const int64_t id : {1, 2, 3, 4, 100}) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                          transaction.Get(table->id, EncodeRowId(id)));
    const auto it = values.find(EncodeRowId(id));
    if (value.has_value() != (it != values.end()) || (value.has_value() && *value != it->second)) {
      return absl::DataLossError(absl::StrCat("point look-up of value ", id, " and scan differ"));
    }
  }
  return values;
}

// Empty, or how the rows in a box differ from those of `expected` that are in it.
std::string CheckBox(Transaction& transaction, const TableSchema& table, const IndexSchema& index,
                     const CrashModel& expected, int64_t id_max, double x_max) {
  const absl::StatusOr<std::unique_ptr<BoxIterator>> rows = transaction.ScanBox(
      {.table = table.id,
       .index = index.id,
       .sides = {{.low = {}, .high = Value(id_max)}, {.low = {}, .high = Value(x_max)}}});
  if (!rows.ok()) return rows.status().ToString();
  std::map<std::string, std::string> found;
  for (; (*rows)->Valid(); (*rows)->Next()) {
    if (!found.emplace((*rows)->key(), (*rows)->value()).second) return "a box has a row twice";
  }
  if (!(*rows)->status().ok()) return (*rows)->status().ToString();
  size_t count = 0;
  for (const auto& [id, row] : expected) {
    if (id > id_max || !row.x.has_value() || *row.x > x_max) continue;
    ++count;
    if (!found.contains(EncodeRowId(id))) return absl::StrCat("row ", id, " is not in its box");
  }
  return found.size() == count ? "" : "a box has a row that is not there";
}

// Empty, or how point look-ups or the indexes differ from `expected`.
std::string CheckAccessPaths(Transaction& transaction, const TableSchema& table,
                             const CrashModel& expected) {
  std::map<std::string, double> distances;
  const std::vector<float> query(kDimensions, 0.5f);
  for (int64_t id = 0; id <= static_cast<int64_t>(kIdCount); ++id) {
    const absl::StatusOr<std::optional<std::string>> found =
        transaction.Get(table.id, EncodeRowId(id));
    if (!found.ok()) return found.status().ToString();
    const auto it = expected.find(id);
    if (found->has_value() != (it != expected.end())) {
      return absl::StrCat("point look-up of ", id, " and scan differ");
    }
    if (it == expected.end()) continue;
    const absl::StatusOr<CrashRow> row = ToCrashRow(table, **found);
    if (!row.ok()) return row.status().ToString();
    if (*row != it->second) return absl::StrCat("point look-up of ", id, " finds another row");
    if (it->second.embedding.empty()) continue;
    double sum = 0;
    for (const float x : it->second.embedding) sum += (x - 0.5) * (x - 0.5);
    distances[EncodeRowId(id)] = std::sqrt(sum);
  }
  if (const IndexSchema* boxes = FindIndex(table, kBoxIndex)) {
    for (const auto& [id_max, x_max] : {std::pair<int64_t, double>{1000, 1e9}, {7, 0.5}}) {
      std::string wrong = CheckBox(transaction, table, *boxes, expected, id_max, x_max);
      if (!wrong.empty()) return wrong;
    }
  }
  const IndexSchema* const index = FindIndex(table, kIndex);
  if (index == nullptr) return "";
  const absl::StatusOr<NearestAnswer> answer =
      transaction.Nearest({.table = table.id, .index = index->id, .query = query, .limit = 100},
                          [](absl::string_view, absl::string_view) { return true; });
  if (!answer.ok()) return answer.status().ToString();
  for (const NearestNeighbor& neighbor : answer->neighbors) {
    const auto it = distances.find(neighbor.key);
    if (it == distances.end() || std::abs(it->second - neighbor.distance) > 1e-4) {
      return "the vector index gives a row that is not there, or twice, or at a wrong distance";
    }
    distances.erase(it);
  }
  if (!distances.empty()) {
    return absl::StrCat("the vector index does not find ", distances.size(), " rows");
  }
  return "";
}

// The body of the second table's row; empty without the table, or what is wrong with it.
absl::StatusOr<std::string> ReadSecondTable(Transaction& transaction) {
  const auto table = transaction.catalog()->FindTable(kSecondTable);
  if (table == nullptr) return std::string();
  KYRO_ASSIGN_OR_RETURN(const CrashModel rows, ReadAll(transaction, *table));
  if (rows.size() != 1) {
    return absl::DataLossError(absl::StrCat("second table has ", rows.size(), " rows"));
  }
  return rows.begin()->second.body;
}

TableSchema Schema(absl::string_view name) {
  TableSchema schema{.name = std::string(name)};
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "embedding", .type = {TypeId::kVector, kDimensions}});
  schema.columns.push_back({.name = "x", .type = {TypeId::kDouble}});
  schema.primary_key = {0};
  return schema;
}

}  // namespace

absl::Status CrashHistory::CreateTable(Database& database) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  states_.push_back({});
  KYRO_ASSIGN_OR_RETURN(const ObjectId table, transaction->CreateTable(Schema(kTable)));
  KYRO_RETURN_IF_ERROR(transaction->CreateTable(Schema(kValuesTable)).status());
  KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  acknowledged_ = 1;
  transaction = database.Begin();
  states_.push_back({.has_index = true});
  KYRO_RETURN_IF_ERROR(
      transaction->CreateIndex(table, {.name = std::string(kIndex), .column = 2}).status());
  KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  acknowledged_ = 2;
  return absl::OkStatus();
}

absl::Status CrashHistory::Commit(Database& database) {
  const uint64_t number = states_.size();
  Random random(SplitMix64(seed_ ^ SplitMix64(number)) ^ timeline_);
  CrashState next = states_.back();
  std::unique_ptr<Transaction> transaction = database.Begin();
  const std::shared_ptr<const TableSchema> table = transaction->catalog()->FindTable(kTable);
  if (table == nullptr) return absl::InternalError("table is gone");
  // Without an index a commit may be a bulk load.
  const bool in_bulk = table->indexes.empty() && random.OneIn(2);
  CrashModel bulk_rows;
  const auto put = [&](int64_t id, CrashRow row) -> absl::Status {
    next.rows[id] = row;
    if (in_bulk) {
      bulk_rows[id] = std::move(row);
      return absl::OkStatus();
    }
    return PutRow(*transaction, *table, id, row);
  };
  for (uint64_t n = random.Uniform(4); n > 0; --n) {
    const auto id = static_cast<int64_t>(1 + random.Uniform(kIdCount));
    if (random.OneIn(4) && !in_bulk) {
      next.rows.erase(id);
      KYRO_RETURN_IF_ERROR(transaction->Delete(table->id, EncodeRowId(id)));
      continue;
    }
    // Sizes that are no multiple of a sector.
    CrashRow row{.body = absl::StrCat("commit ", number, " of timeline ", timeline_, " ",
                                      std::string(random.Uniform(700), 'x')),
                 .embedding = {},
                 .x = {}};
    if (!random.OneIn(5)) row.x = random.Unit();
    if (!random.OneIn(4)) {
      for (uint32_t i = 0; i < kDimensions; ++i) {
        row.embedding.push_back(static_cast<float>(random.Unit()));
      }
    }
    KYRO_RETURN_IF_ERROR(put(id, std::move(row)));
  }
  if (!in_bulk && random.OneIn(10)) {
    const auto begin = static_cast<int64_t>(1 + random.Uniform(kIdCount));
    const auto end = begin + static_cast<int64_t>(random.Uniform(4));
    next.rows.erase(next.rows.lower_bound(begin), next.rows.lower_bound(end));
    KYRO_RETURN_IF_ERROR(
        transaction->DeleteRange(table->id, {.begin = EncodeRowId(begin), .end = EncodeRowId(end)})
            .status());
  }
  KYRO_RETURN_IF_ERROR(put(0, {.body = absl::StrCat(number, " ", timeline_)}));
  if (in_bulk) {
    states_.push_back(std::move(next));
    return Acknowledge(number, LoadRows(database, *table, bulk_rows));
  }
  const auto values = transaction->catalog()->FindTable(kValuesTable);
  if (values == nullptr) return absl::InternalError("table of values is gone");
  for (uint64_t n = random.Uniform(3); n > 0; --n) {
    KYRO_RETURN_IF_ERROR(WriteValue(
        *transaction, values->id, absl::StrCat(number, " ", timeline_, ";"), random, &next.values));
  }
  if (random.OneIn(8)) {
    if (const auto second = transaction->catalog()->FindTable(kSecondTable)) {
      KYRO_RETURN_IF_ERROR(transaction->DropTable(second->id));
      next.second_table.clear();
    } else {
      next.second_table = absl::StrCat("second table of ", number, " ", timeline_);
      KYRO_RETURN_IF_ERROR(transaction->CreateTable(Schema(kSecondTable)).status());
      const auto created = transaction->catalog()->FindTable(kSecondTable);
      KYRO_RETURN_IF_ERROR(PutRow(*transaction, *created, 1, {.body = next.second_table}));
    }
  } else if (random.OneIn(8)) {
    const IndexSchema* const index = FindIndex(*table, kIndex);
    if (index == nullptr) {
      KYRO_RETURN_IF_ERROR(
          transaction->CreateIndex(table->id, {.name = std::string(kIndex), .column = 2}).status());
    } else {
      KYRO_RETURN_IF_ERROR(transaction->DropIndex(table->id, index->id));
    }
    next.has_index = index == nullptr;
  } else if (random.OneIn(6)) {
    const IndexSchema* const boxes = FindIndex(*table, kBoxIndex);
    if (boxes == nullptr) {
      KYRO_RETURN_IF_ERROR(
          transaction
              ->CreateIndex(table->id,
                            {.name = std::string(kBoxIndex), .method = "zorder", .columns = {0, 3}})
              .status());
    } else {
      KYRO_RETURN_IF_ERROR(transaction->DropIndex(table->id, boxes->id));
    }
    next.has_boxes = boxes == nullptr;
  }
  states_.push_back(std::move(next));
  return Acknowledge(number, transaction->Commit().status());
}

absl::Status CrashHistory::Acknowledge(uint64_t number, const absl::Status& status) {
  if (status.ok()) {
    acknowledged_ = number;
  } else if (!absl::IsUnavailable(status)) {
    states_.pop_back();  // refused: nothing of it may ever be found
  }
  return status;
}

std::string CrashHistory::VerifyAndContinue(Database& database) {
  if (!database.recovery().damage.empty()) {
    return absl::StrCat("recovery reports damage: ", database.recovery().damage);
  }
  std::unique_ptr<Transaction> transaction = database.Begin();
  const std::shared_ptr<const TableSchema> table = transaction->catalog()->FindTable(kTable);
  uint64_t number = 0;
  if (table == nullptr) {
    if (acknowledged_ > 0) return "the table's definition is lost";
  } else {
    absl::StatusOr<CrashModel> rows = ReadAll(*transaction, *table);
    if (!rows.ok()) return rows.status().ToString();
    number = table->indexes.empty() ? 1 : 2;
    if (auto it = rows->find(0); it != rows->end()) number = std::stoull(it->second.body);
    if (number < acknowledged_) {
      return absl::StrCat("commit ", acknowledged_, " was acknowledged, recovered is ", number);
    }
    if (number > attempted()) {
      return absl::StrCat("commit ", number, " was never made, the last was ", attempted());
    }
    const CrashState& expected = states_[number];
    if (*rows != expected.rows) {
      return absl::StrCat("rows are not those after commit ", number, ": ", rows->size(),
                          " rows, expected ", expected.rows.size());
    }
    if ((FindIndex(*table, kIndex) != nullptr) != expected.has_index ||
        (FindIndex(*table, kBoxIndex) != nullptr) != expected.has_boxes) {
      return absl::StrCat("the indexes are not as after commit ", number);
    }
    const absl::StatusOr<std::map<std::string, std::string>> values = ReadValues(*transaction);
    if (!values.ok()) return values.status().ToString();
    if (*values != expected.values) {
      return absl::StrCat("values are not those after commit ", number, ": ", values->size(),
                          ", expected ", expected.values.size());
    }
    const absl::StatusOr<std::string> second = ReadSecondTable(*transaction);
    if (!second.ok()) return second.status().ToString();
    if (*second != expected.second_table) {
      return absl::StrCat("the second table is not that after commit ", number, ": \"", *second,
                          "\", expected \"", expected.second_table, "\"");
    }
    if (std::string wrong = CheckAccessPaths(*transaction, *table, *rows); !wrong.empty()) {
      return wrong;
    }
  }
  states_.resize(number + 1);
  acknowledged_ = number;
  ++timeline_;
  return "";
}

}  // namespace kyrodb::engine
