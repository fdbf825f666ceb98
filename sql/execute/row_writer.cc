#include "sql/execute/row_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/index_key.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/foreign_keys.h"
#include "sql/format.h"
#include "sql/statement/row_expressions.h"

namespace kyrodb::sql {
namespace {

Row Take(const Row& row, const std::vector<uint32_t>& columns) {
  Row values;
  values.reserve(columns.size());
  for (const uint32_t column : columns) values.push_back(row[column]);
  return values;
}

}  // namespace

std::string RowText(const engine::TableSchema& schema, const Row& row) {
  constexpr size_t kShown = 64;
  std::vector<std::string> values;
  for (size_t i = 0; i < row.size(); ++i) {
    std::string text = IsNull(row[i]) ? "null" : FormatValue(schema.columns[i].type, row[i]);
    if (text.size() > kShown) {
      size_t cut = kShown;
      while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
      text = text.substr(0, cut) + "...";
    }
    values.push_back(std::move(text));
  }
  return absl::StrCat("(", absl::StrJoin(values, ", "), ")");
}

absl::Status CheckNotNull(const engine::TableSchema& schema, const Row& row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (!schema.columns[i].not_null || !IsNull(row[i])) continue;
    return WithDetail(
        Error(sqlstate::kNotNullViolation, 0,
              absl::StrCat("null value in column \"", schema.columns[i].name, "\" of relation \"",
                           schema.name, "\" violates not-null constraint")),
        absl::StrCat("Failing row contains ", RowText(schema, row), "."));
  }
  return absl::OkStatus();
}

absl::Status DuplicateKey(const engine::TableSchema& schema, const Row& row) {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (const uint32_t part : schema.primary_key) {
    names.push_back(QuoteIdentifier(schema.columns[part].name));
    values.push_back(FormatValue(schema.columns[part].type, row[part]));
  }
  return WithDetail(Error(sqlstate::kUniqueViolation, 0,
                          absl::StrCat("duplicate key value violates unique constraint \"",
                                       schema.PrimaryKeyName(), "\"")),
                    absl::StrCat("Key (", absl::StrJoin(names, ", "), ")=(",
                                 absl::StrJoin(values, ", "), ") already exists."));
}

absl::Status TranslateUnique(const engine::TableSchema& schema, absl::Status status) {
  const absl::optional<absl::Cord> name = status.GetPayload(engine::kUniqueIndexPayload);
  const absl::optional<absl::Cord> bytes = status.GetPayload(engine::kUniqueRowPayload);
  if (!name.has_value() || !bytes.has_value()) return status;
  absl::Status translated = Error(sqlstate::kUniqueViolation, 0, status.message());
  const engine::IndexSchema* const index = schema.FindIndex(std::string(*name));
  if (index == nullptr) return translated;
  const auto keys = engine::IndexKeys::Make(std::make_shared<const engine::TableSchema>(schema),
                                            *index, &RowExpressions());
  const absl::StatusOr<Row> row = engine::DecodeRow(schema, std::string(*bytes));
  if (!keys.ok() || !row.ok()) return translated;
  const auto parts = (*keys)->PartsOf(*row);
  if (!parts.ok() || !parts->has_value()) return translated;
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (size_t i = 0; i < index->parts.size(); ++i) {
    const engine::IndexPart& part = index->parts[i];
    names.push_back(part.is_expression() ? part.expression_sql
                                         : QuoteIdentifier(schema.columns[part.column].name));
    const Value& value = (**parts)[i];
    values.push_back(IsNull(value) ? "null"
                                   : FormatValue(engine::IndexPartType(schema, part), value));
  }
  const bool creating = absl::StrContains(status.message(), "could not create");
  return WithDetail(
      std::move(translated),
      absl::StrCat("Key (", absl::StrJoin(names, ", "), ")=(", absl::StrJoin(values, ", "), ")",
                   creating ? " is duplicated." : " already exists."));
}

absl::Status ComputeGenerated(const std::vector<BoundGenerated>& generated, const Row* before,
                              ExecutionContext& context, Row* row) {
  for (const BoundGenerated& column : generated) {
    const bool same = before != nullptr &&
                      std::all_of(column.inputs.begin(), column.inputs.end(), [&](uint32_t input) {
                        return (*before)[input] == (*row)[input];
                      });
    if (same) continue;
    KYRO_ASSIGN_OR_RETURN((*row)[column.column],
                          EvaluateToValue(*column.expression, row->data(), context.evaluation));
  }
  return absl::OkStatus();
}

RowWriter::RowWriter(std::shared_ptr<const engine::TableSchema> table,
                     const std::vector<BoundCheck>& checks, ExecutionContext& context)
    : table_(std::move(table)), checks_(checks), context_(context) {
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  if (!catalog->IsReferenced(table_->id)) return;
  for (const auto& other : catalog->tables()) {
    for (size_t i = 0; i < other->foreign_keys.size(); ++i) {
      if (other->foreign_keys[i].referenced_table == table_->id) referencing_.push_back({other, i});
    }
  }
}

absl::Status RowWriter::Check(const Row& row) {
  KYRO_RETURN_IF_ERROR(CheckNotNull(*table_, row));
  for (const BoundCheck& check : checks_) {
    KYRO_ASSIGN_OR_RETURN(const Value holds,
                          EvaluateToValue(*check.expression, row.data(), context_.evaluation));
    if (IsNull(holds) || std::get<bool>(holds)) continue;
    return WithDetail(Error(sqlstate::kCheckViolation, 0,
                            absl::StrCat("new row for relation \"", table_->name,
                                         "\" violates check constraint \"", check.name, "\"")),
                      absl::StrCat("Failing row contains ", RowText(*table_, row), "."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RowWriter::NewRowId(uint64_t rows_left) {
  if (next_row_id_ == end_row_id_) {
    const uint64_t count = std::clamp<uint64_t>(rows_left, 1, 10000);
    KYRO_ASSIGN_OR_RETURN(next_row_id_, context_.database->AllocateRowIds(table_->id, count));
    end_row_id_ = next_row_id_ + static_cast<int64_t>(count);
  }
  return engine::EncodeRowId(next_row_id_++);
}

absl::Status RowWriter::Put(const std::string& key, const Row& row) {
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, engine::EncodeRow(*table_, row));
  absl::Status status = context_.transaction->Put(table_->id, key, bytes);
  if (status.ok()) return status;
  return TranslateUnique(*table_, std::move(status));
}

absl::Status RowWriter::NoteReferences(const std::string& key, const Row* before, const Row& row) {
  for (const engine::ForeignKey& foreign : table_->foreign_keys) {
    if (before != nullptr &&
        std::all_of(foreign.columns.begin(), foreign.columns.end(),
                    [&](uint32_t column) { return (*before)[column] == row[column]; })) {
      continue;
    }
    const bool deferred = foreign.initially_deferred && context_.deferred != nullptr;
    KYRO_RETURN_IF_ERROR(context_.Charge(deferred ? 0 : key.size() + 64));
    (deferred ? *context_.deferred : references_).push_back({table_->id, foreign.name, key});
  }
  return absl::OkStatus();
}

absl::Status RowWriter::NoteChange(const Row& before, const Row* after) {
  for (size_t i = 0; i < referencing_.size(); ++i) {
    const Referencing& referencing = referencing_[i];
    const engine::ForeignKey& foreign = referencing.table->foreign_keys[referencing.key];
    Change change{
        .referencing = i, .before = Take(before, foreign.referenced_columns), .after = {}};
    // Nothing refers to a null.
    if (std::any_of(change.before.begin(), change.before.end(), engine::IsNull)) continue;
    if (after != nullptr) {
      change.after = Take(*after, foreign.referenced_columns);
      if (change.after == change.before) continue;
    }
    KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(change.before) + RowBytes(change.after)));
    changes_.push_back(std::move(change));
  }
  return absl::OkStatus();
}

absl::Status RowWriter::Insert(const std::string& key, const Row& row) {
  KYRO_RETURN_IF_ERROR(Put(key, row));
  return NoteReferences(key, nullptr, row);
}

absl::Status RowWriter::Update(const std::string& key, const Row& before, const Row& row) {
  KYRO_RETURN_IF_ERROR(Put(key, row));
  KYRO_RETURN_IF_ERROR(NoteReferences(key, &before, row));
  return NoteChange(before, &row);
}

absl::Status RowWriter::Delete(const std::string& key, const Row& before) {
  KYRO_RETURN_IF_ERROR(context_.transaction->Delete(table_->id, key));
  return wants_before() ? NoteChange(before, nullptr) : absl::OkStatus();
}

absl::Status RowWriter::Remove(const std::string& key) {
  return context_.transaction->Delete(table_->id, key);
}

absl::Status RowWriter::PutBack(const std::string& key, const Row& before, const Row& row) {
  if (!table_->has_hidden_key()) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                          context_.transaction->Get(table_->id, key));
    if (existing.has_value()) return DuplicateKey(*table_, row);
  }
  return Update(key, before, row);
}

absl::Status RowWriter::Finish() {
  for (const PendingReference& pending : references_) {
    KYRO_RETURN_IF_ERROR(CheckPendingReference(pending, context_));
  }
  references_.clear();
  for (const Change& change : changes_) {
    const Referencing& referencing = referencing_[change.referencing];
    KYRO_RETURN_IF_ERROR(ApplyReferentialAction(referencing.table,
                                                referencing.table->foreign_keys[referencing.key],
                                                change.before, change.after, context_));
  }
  changes_.clear();
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
