#include "sql/execute/foreign_keys.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/index_key.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/execute/row_writer.h"
#include "sql/format.h"
#include "sql/statement/row_expressions.h"

namespace kyrodb::sql {
namespace {

using engine::ForeignKeyAction;

constexpr int32_t kActionDepthMax = 100;

// "Key (a, b)=(1, 2)".
std::string KeyText(const engine::TableSchema& table, const std::vector<uint32_t>& columns,
                    const Row& values) {
  std::vector<std::string> names;
  std::vector<std::string> texts;
  for (size_t i = 0; i < columns.size(); ++i) {
    const engine::ColumnSchema& column = table.columns[columns[i]];
    names.push_back(QuoteIdentifier(column.name));
    texts.push_back(FormatValue(column.type, values[i]));
  }
  return absl::StrCat("Key (", absl::StrJoin(names, ", "), ")=(", absl::StrJoin(texts, ", "), ")");
}

absl::StatusOr<Row> CastAll(const engine::TableSchema& from, const std::vector<uint32_t>& columns,
                            const engine::TableSchema& to, const std::vector<uint32_t>& targets,
                            Row values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const Type& type = from.columns[columns[i]].type;
    const Type& wanted = to.columns[targets[i]].type;
    if (type.id == wanted.id || IsNull(values[i])) continue;
    KYRO_ASSIGN_OR_RETURN(values[i], CastValue(type, wanted, values[i]));
  }
  return values;
}

// Where the row with these values in `columns`, which are unique, would be found.
struct Place {
  engine::ObjectId space = 0;
  std::string key;
};

absl::StatusOr<std::optional<Place>> PlaceOf(
    const std::shared_ptr<const engine::TableSchema>& table, const std::vector<uint32_t>& columns,
    const Row& values) {
  bool on_key = false;
  const engine::IndexSchema* const index = FindReferencedIndex(*table, columns, &on_key);
  Row row(table->columns.size());
  for (size_t i = 0; i < columns.size(); ++i) row[columns[i]] = values[i];
  if (on_key) {
    KYRO_ASSIGN_OR_RETURN(std::string key, engine::EncodeKey(*table, row));
    return Place{table->id, std::move(key)};
  }
  if (index == nullptr) return std::nullopt;
  KYRO_ASSIGN_OR_RETURN(const auto keys, engine::IndexKeys::Make(table, *index, &RowExpressions()));
  KYRO_ASSIGN_OR_RETURN(std::optional<engine::IndexEntry> entry, keys->EntryOf(row, ""));
  if (!entry.has_value()) return std::nullopt;
  return Place{index->id, std::move(entry->key)};
}

// Whether a row has these values in `columns`; afterwards nobody else may change that.
absl::StatusOr<bool> IsThere(const std::shared_ptr<const engine::TableSchema>& table,
                             const std::vector<uint32_t>& columns, const Row& values,
                             ExecutionContext& context) {
  KYRO_ASSIGN_OR_RETURN(const std::optional<Place> place, PlaceOf(table, columns, values));
  if (!place.has_value()) return false;
  KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                        context.transaction->Get(place->space, place->key));
  if (!found.has_value()) return false;
  KYRO_RETURN_IF_ERROR(
      context.transaction->Guard(place->space, {.begin = place->key, .end = place->key + '\0'}));
  return true;
}

struct Found {
  std::string key;
  Row row;
};

// The stretch of an index or of the table in which all rows with these values are: the index, or
// null for the table itself.
struct Stretch {
  const engine::IndexSchema* index = nullptr;
  engine::ObjectId space = 0;
  engine::KeyRange range;
};

absl::StatusOr<Stretch> StretchOf(const engine::TableSchema& table,
                                  const std::vector<uint32_t>& columns, const Row& values,
                                  ExecutionContext& context) {
  const auto value_of = [&](uint32_t column) -> const Value* {
    const auto at = std::find(columns.begin(), columns.end(), column);
    return at == columns.end() ? nullptr : &values[static_cast<size_t>(at - columns.begin())];
  };
  for (const engine::IndexSchema& index : table.indexes) {
    if (!index.is_btree() || !index.where_sql.empty() || index.parts.size() < columns.size()) {
      continue;
    }
    std::string prefix;
    size_t part = 0;
    for (; part < columns.size(); ++part) {
      const Value* value = value_of(index.parts[part].column);
      if (value == nullptr) break;
      KYRO_RETURN_IF_ERROR(engine::AppendIndexPart(
          &prefix, index.parts[part], engine::IndexPartType(table, index.parts[part]), *value));
    }
    if (part < columns.size()) continue;
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> building,
                          context.transaction->Get(index.id, engine::IndexBuildKey()));
    if (building.has_value()) continue;
    return Stretch{&index, index.id, engine::KeyRange::Prefix(prefix)};
  }
  if (table.primary_key.size() >= columns.size()) {
    std::string prefix;
    size_t part = 0;
    for (; part < columns.size(); ++part) {
      const uint32_t column = table.primary_key[part];
      const Value* value = value_of(column);
      if (value == nullptr) break;
      KYRO_RETURN_IF_ERROR(engine::AppendKeyComponent(&prefix, table.columns[column].type, *value,
                                                      part + 1 == table.primary_key.size()));
    }
    if (part == columns.size()) {
      if (part == table.primary_key.size()) {
        return Stretch{nullptr, table.id, {.begin = prefix, .end = prefix + '\0'}};
      }
      return Stretch{nullptr, table.id, engine::KeyRange::Prefix(prefix)};
    }
  }
  return Stretch{nullptr, table.id, {}};
}

// The rows with these values in `columns`; nobody else may add one until the transaction has
// committed.
absl::StatusOr<std::vector<Found>> FindRows(const engine::TableSchema& table,
                                            const std::vector<uint32_t>& columns, const Row& values,
                                            ExecutionContext& context) {
  KYRO_ASSIGN_OR_RETURN(const Stretch stretch, StretchOf(table, columns, values, context));
  KYRO_RETURN_IF_ERROR(context.transaction->Guard(stretch.space, stretch.range));
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> iterator,
                        context.transaction->Scan(stretch.space, stretch.range));
  std::vector<Found> found;
  for (uint64_t count = 0; iterator->Valid(); iterator->Next()) {
    if (++count % 1024 == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    std::string key(iterator->key());
    std::string bytes(iterator->value());
    if (stretch.index != nullptr) {
      KYRO_ASSIGN_OR_RETURN(const absl::string_view row_key,
                            engine::RowKeyOfEntry(iterator->key(), iterator->value()));
      key = std::string(row_key);
      KYRO_ASSIGN_OR_RETURN(std::optional<std::string> stored,
                            context.transaction->Get(table.id, key));
      if (!stored.has_value()) continue;
      bytes = *std::move(stored);
    }
    bool same = true;
    for (size_t i = 0; same && i < columns.size(); ++i) {
      KYRO_ASSIGN_OR_RETURN(const Value value, engine::DecodeColumn(table, bytes, columns[i]));
      same =
          !IsNull(value) && CompareValues(table.columns[columns[i]].type.id, value, values[i]) == 0;
    }
    if (!same) continue;
    KYRO_ASSIGN_OR_RETURN(Row row, engine::DecodeRow(table, bytes));
    KYRO_RETURN_IF_ERROR(context.Charge(RowBytes(row) + key.size()));
    found.push_back({std::move(key), std::move(row)});
  }
  KYRO_RETURN_IF_ERROR(iterator->status());
  return found;
}

}  // namespace

const engine::IndexSchema* FindReferencedIndex(const engine::TableSchema& table,
                                               const std::vector<uint32_t>& columns, bool* on_key) {
  std::vector<uint32_t> wanted = columns;
  std::sort(wanted.begin(), wanted.end());
  std::vector<uint32_t> key = table.primary_key;
  std::sort(key.begin(), key.end());
  *on_key = !key.empty() && key == wanted;
  if (*on_key) return nullptr;
  for (const engine::IndexSchema& index : table.indexes) {
    if (!index.is_btree() || !index.unique || !index.where_sql.empty()) continue;
    std::vector<uint32_t> parts;
    for (const engine::IndexPart& part : index.parts) parts.push_back(part.column);
    std::sort(parts.begin(), parts.end());
    if (parts == wanted) return &index;
  }
  return nullptr;
}

absl::Status CheckReference(const engine::TableSchema& table, const engine::ForeignKey& key,
                            const Row& values, ExecutionContext& context) {
  const auto nulls =
      static_cast<size_t>(std::count_if(values.begin(), values.end(), engine::IsNull));
  const auto violated = [&](const std::string& detail) {
    return WithDetail(Error(sqlstate::kForeignKeyViolation, 0,
                            absl::StrCat("insert or update on table \"", table.name,
                                         "\" violates foreign key constraint \"", key.name, "\"")),
                      detail);
  };
  if (nulls > 0) {
    if (!key.match_full || nulls == values.size()) return absl::OkStatus();
    return violated("MATCH FULL does not allow mixing of null and nonnull key values.");
  }
  const std::shared_ptr<const engine::TableSchema> referenced =
      context.transaction->catalog()->FindTable(key.referenced_table);
  if (referenced == nullptr) {
    return Error(sqlstate::kInternalError, 0,
                 absl::StrCat("the table that foreign key \"", key.name, "\" names is gone"));
  }
  KYRO_ASSIGN_OR_RETURN(const Row wanted,
                        CastAll(table, key.columns, *referenced, key.referenced_columns, values));
  KYRO_ASSIGN_OR_RETURN(const bool there,
                        IsThere(referenced, key.referenced_columns, wanted, context));
  if (there) return absl::OkStatus();
  return violated(absl::StrCat(KeyText(table, key.columns, values), " is not present in table \"",
                               referenced->name, "\"."));
}

absl::Status CheckPendingReference(const PendingReference& pending, ExecutionContext& context) {
  const std::shared_ptr<const engine::TableSchema> table =
      context.transaction->catalog()->FindTable(pending.table);
  if (table == nullptr) return absl::OkStatus();
  const auto key =
      std::find_if(table->foreign_keys.begin(), table->foreign_keys.end(),
                   [&](const engine::ForeignKey& k) { return k.name == pending.foreign_key; });
  if (key == table->foreign_keys.end()) return absl::OkStatus();
  KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                        context.transaction->Get(table->id, pending.row_key));
  if (!bytes.has_value()) return absl::OkStatus();
  Row values;
  for (const uint32_t column : key->columns) {
    KYRO_ASSIGN_OR_RETURN(Value value, engine::DecodeColumn(*table, *bytes, column));
    values.push_back(std::move(value));
  }
  return CheckReference(*table, *key, values, context);
}

absl::Status ApplyReferentialAction(const std::shared_ptr<const engine::TableSchema>& table,
                                    const engine::ForeignKey& key, const Row& before,
                                    const Row& after, ExecutionContext& context) {
  const std::shared_ptr<const engine::TableSchema> referenced =
      context.transaction->catalog()->FindTable(key.referenced_table);
  if (referenced == nullptr) return absl::OkStatus();
  absl::StatusOr<Row> values =
      CastAll(*referenced, key.referenced_columns, *table, key.columns, before);
  // What is no value of the referring type is referred to by nobody.
  if (!values.ok()) return absl::OkStatus();
  const bool is_delete = after.empty();
  const ForeignKeyAction action = is_delete ? key.on_delete : key.on_update;
  KYRO_ASSIGN_OR_RETURN(std::vector<Found> rows, FindRows(*table, key.columns, *values, context));
  if (rows.empty()) return absl::OkStatus();
  if (action == ForeignKeyAction::kNoAction || action == ForeignKeyAction::kRestrict) {
    if (action == ForeignKeyAction::kNoAction) {
      // Another row may have taken its place.
      KYRO_ASSIGN_OR_RETURN(const bool there,
                            IsThere(referenced, key.referenced_columns, before, context));
      if (there) return absl::OkStatus();
      if (key.initially_deferred && context.deferred != nullptr) {
        for (Found& row : rows) {
          context.deferred->push_back({table->id, key.name, std::move(row.key)});
        }
        return absl::OkStatus();
      }
    }
    return WithDetail(Error(sqlstate::kForeignKeyViolation, 0,
                            absl::StrCat("update or delete on table \"", referenced->name,
                                         "\" violates foreign key constraint \"", key.name,
                                         "\" on table \"", table->name, "\"")),
                      absl::StrCat(KeyText(*referenced, key.referenced_columns, before),
                                   " is still referenced from table \"", table->name, "\"."));
  }
  if (++context.action_depth > kActionDepthMax) {
    return Error(sqlstate::kStatementTooComplex, 0,
                 absl::StrCat("referential actions follow from each other more than ",
                              kActionDepthMax, " deep"));
  }
  BindContext bind;
  bind.catalog = context.transaction->catalog();
  Binder binder(bind);
  std::vector<BoundCheck> checks;
  if (is_delete && action == ForeignKeyAction::kCascade) {
    RowWriter writer(table, checks, context);
    for (const Found& row : rows) KYRO_RETURN_IF_ERROR(writer.Delete(row.key, row.row));
    KYRO_RETURN_IF_ERROR(writer.Finish());
    --context.action_depth;
    return absl::OkStatus();
  }
  std::vector<BoundGenerated> generated;
  KYRO_RETURN_IF_ERROR(binder.BindGeneratedColumns(*table, &generated));
  KYRO_RETURN_IF_ERROR(binder.BindChecks(*table, &checks));
  RowWriter writer(table, checks, context);
  Row next;
  if (action == ForeignKeyAction::kCascade) {
    KYRO_ASSIGN_OR_RETURN(next,
                          CastAll(*referenced, key.referenced_columns, *table, key.columns, after));
  }
  std::vector<Found> changed;
  for (Found& found : rows) {
    Row row = found.row;
    for (size_t i = 0; i < key.columns.size(); ++i) {
      const uint32_t column = key.columns[i];
      if (action == ForeignKeyAction::kCascade) {
        row[column] = next[i];
      } else if (action == ForeignKeyAction::kSetNull) {
        row[column] = Null{};
      } else {
        KYRO_ASSIGN_OR_RETURN(const BoundPtr value, binder.DefaultFor(*table, column));
        KYRO_ASSIGN_OR_RETURN(row[column], EvaluateToValue(*value, nullptr, context.evaluation));
      }
    }
    KYRO_RETURN_IF_ERROR(ComputeGenerated(generated, &found.row, context, &row));
    KYRO_RETURN_IF_ERROR(writer.Check(row));
    KYRO_RETURN_IF_ERROR(writer.Remove(found.key));
    std::string new_key = found.key;
    if (!table->has_hidden_key()) {
      KYRO_ASSIGN_OR_RETURN(new_key, engine::EncodeKey(*table, row));
    }
    changed.push_back({std::move(new_key), std::move(row)});
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    KYRO_RETURN_IF_ERROR(writer.PutBack(changed[i].key, rows[i].row, changed[i].row));
  }
  KYRO_RETURN_IF_ERROR(writer.Finish());
  --context.action_depth;
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
