#include "server/ingest/record_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

constexpr size_t kParametersMax = 20000;

// Whether one record is at fault, not the database.
bool IsFaultOfTheRecord(const absl::Status& status) {
  return sql::ExitCodeOf(status) == 1 && sql::SqlStateOf(status) != sql::sqlstate::kQueryCanceled &&
         sql::SqlStateOf(status) != sql::sqlstate::kUndefinedTable;
}

uint64_t BytesOf(const Field& field) {
  const engine::Value& value = field.value.value;
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* elements = std::get_if<std::vector<float>>(&value)) {
    return elements->size() * sizeof(float);
  }
  return sizeof(int64_t);
}

bool SameColumns(const std::vector<Field>& a, const std::vector<Field>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](const Field& x, const Field& y) { return x.column == y.column; });
}

absl::StatusOr<sql::Parameter> ColumnParameter(const engine::ColumnSchema& column,
                                               const Json& json) {
  using engine::TypeId;
  if (json.is<std::nullptr_t>()) return sql::Parameter();
  if (column.type.id == TypeId::kJsonb || column.type.id == TypeId::kJson) {
    return sql::Parameter(engine::Value(JsonText(json)));
  }
  // A string is read as a quoted literal of the column's type.
  if (const auto* text = json.get<std::string>()) return sql::Parameter(engine::Value(*text));
  switch (column.type.id) {
    case TypeId::kBoolean:
      if (const auto* truth = json.get<bool>()) return sql::Parameter(engine::Value(*truth));
      break;
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
      if (const auto* integer = json.get<int64_t>()) return sql::Parameter(engine::Value(*integer));
      break;
    case TypeId::kNumeric:
      if (json.is_number()) return sql::Parameter(engine::Value(JsonText(json)));
      break;
    case TypeId::kReal:
    case TypeId::kDouble:
      if (json.is_number()) return sql::Parameter(engine::Value(json.number()));
      break;
    case TypeId::kVector:
      if (const auto* array = json.get<Json::Array>()) {
        std::vector<float> elements;
        elements.reserve(array->size());
        for (const Json& element : *array) {
          const auto narrow = static_cast<float>(element.number());
          if (!element.is_number() || !std::isfinite(narrow)) {
            return absl::InvalidArgumentError(
                absl::StrCat("column \"", column.name, "\": element ", elements.size(), " is ",
                             JsonText(element), ", expected a finite number"));
          }
          elements.push_back(narrow);
        }
        const auto dimensions = static_cast<uint32_t>(elements.size());
        return sql::Parameter(engine::Value(std::move(elements)),
                              engine::Type{TypeId::kVector, dimensions});
      }
      break;
    default:
      break;
  }
  std::string shown = JsonText(json);
  if (shown.size() > 40) shown = absl::StrCat(shown.substr(0, 40), "…");
  return absl::InvalidArgumentError(absl::StrCat("column \"", column.name, "\" is ",
                                                 engine::TypeName(column.type), ", got ",
                                                 json.kind(), ": ", shown));
}

}  // namespace

RecordWriter::RecordWriter(sql::Session* session, std::shared_ptr<const engine::TableSchema> table,
                           RecordWriterOptions options)
    : session_(session), table_(std::move(table)), options_(options) {}

void RecordWriter::Reject(uint64_t line, absl::Status status) {
  ++rejected_count_;
  if (rejections_.size() < options_.rejections_kept_max) {
    const auto later =
        std::upper_bound(rejections_.begin(), rejections_.end(), line,
                         [](uint64_t of, const RejectedRecord& other) { return of < other.line; });
    rejections_.insert(later, {.line = line, .status = std::move(status)});
  }
}

absl::Status RecordWriter::Add(uint64_t line, std::vector<Field> fields) {
  if (fields.empty()) {
    Reject(line, absl::InvalidArgumentError("the record has no members"));
    return absl::OkStatus();
  }
  if (!pending_.empty() && !SameColumns(pending_.front().fields, fields)) {
    KYRO_RETURN_IF_ERROR(Flush());
  }
  for (const Field& field : fields) pending_bytes_ += BytesOf(field);
  const size_t rows_max =
      std::clamp<size_t>(kParametersMax / fields.size(), 1, options_.batch_rows_max);
  pending_.push_back({.line = line, .fields = std::move(fields)});
  if (pending_.size() >= rows_max || pending_bytes_ >= options_.batch_bytes_max) return Flush();
  return absl::OkStatus();
}

absl::Status RecordWriter::Flush() {
  if (pending_.empty()) return absl::OkStatus();
  absl::Status status = Store(0, pending_.size());
  if (!status.ok() && pending_.size() == 1 && IsFaultOfTheRecord(status)) {
    Reject(pending_.front().line, status);
    status = absl::OkStatus();
  } else if (!status.ok() && IsFaultOfTheRecord(status)) {
    status = absl::OkStatus();
    for (size_t i = 0; i < pending_.size() && status.ok(); ++i) {
      status = Store(i, i + 1);
      if (!status.ok() && IsFaultOfTheRecord(status)) {
        Reject(pending_[i].line, status);
        status = absl::OkStatus();
      }
    }
  }
  pending_.clear();
  pending_bytes_ = 0;
  return status;
}

absl::Status RecordWriter::Store(size_t begin, size_t end) {
  const std::vector<Field>& first = pending_[begin].fields;
  const bool known = statement_rows_ == end - begin && statement_columns_.size() == first.size() &&
                     std::equal(first.begin(), first.end(), statement_columns_.begin(),
                                [](const Field& f, const std::string& c) { return f.column == c; });
  if (!known) {
    statement_ = StatementText(first, end - begin);
    statement_rows_ = end - begin;
    statement_columns_.clear();
    for (const Field& field : first) statement_columns_.push_back(field.column);
  }
  std::vector<sql::Parameter> parameters;
  parameters.reserve((end - begin) * first.size());
  for (size_t i = begin; i < end; ++i) {
    for (const Field& field : pending_[i].fields) parameters.push_back(field.value);
  }
  KYRO_RETURN_IF_ERROR(session_->Query(statement_, parameters).status());
  accepted_count_ += end - begin;
  return absl::OkStatus();
}

std::string RecordWriter::StatementText(const std::vector<Field>& fields, size_t row_count) const {
  std::string text = absl::StrCat("INSERT INTO ", sql::QuoteIdentifier(table_->name), " (");
  for (size_t i = 0; i < fields.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", sql::QuoteIdentifier(fields[i].column));
  }
  text.append(") VALUES ");
  size_t parameter = 0;
  for (size_t row = 0; row < row_count; ++row) {
    text.append(row == 0 ? "(" : ", (");
    for (size_t i = 0; i < fields.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "$" : ", $", ++parameter);
    }
    text.push_back(')');
  }
  if (options_.on_conflict == OnConflict::kUpdate && !table_->primary_key.empty()) {
    std::vector<std::string> keys;
    for (const uint32_t column : table_->primary_key) {
      keys.push_back(sql::QuoteIdentifier(table_->columns[column].name));
    }
    std::vector<std::string> changes;
    for (const Field& field : fields) {
      const std::string name = sql::QuoteIdentifier(field.column);
      if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
        changes.push_back(absl::StrCat(name, " = EXCLUDED.", name));
      }
    }
    absl::StrAppend(
        &text, " ON CONFLICT (", absl::StrJoin(keys, ", "), ") DO ",
        changes.empty() ? "NOTHING" : absl::StrCat("UPDATE SET ", absl::StrJoin(changes, ", ")));
  }
  return text;
}

absl::StatusOr<std::vector<Field>> FieldsOf(const engine::TableSchema& table, const Json& record) {
  const auto* object = record.get<Json::Object>();
  if (object == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record must be a JSON object, got ", record.kind()));
  }
  std::vector<Field> fields;
  fields.reserve(object->size());
  for (const auto& [name, json] : *object) {
    const std::optional<uint32_t> column = table.FindColumn(name);
    if (!column.has_value()) {
      return sql::Error(sql::sqlstate::kUndefinedColumn, 0,
                        absl::StrCat("\"", table.name, "\" has no column \"", name, "\""));
    }
    KYRO_ASSIGN_OR_RETURN(sql::Parameter value, ColumnParameter(table.columns[*column], json));
    fields.push_back({.column = name, .value = std::move(value)});
  }
  return fields;
}

}  // namespace kyrodb::server
