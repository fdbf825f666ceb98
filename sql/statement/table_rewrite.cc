#include "sql/statement/table_rewrite.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/row_writer.h"
#include "sql/parse/deparse.h"
#include "sql/parse/lexer.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {
namespace {

std::vector<Type> KeyTypes(const engine::TableSchema& table) {
  std::vector<Type> types;
  for (const uint32_t column : table.primary_key) types.push_back(table.columns[column].type);
  return types;
}

}  // namespace

absl::Status VisitRows(const engine::TableSchema& table, const DefinitionContext& context,
                       const std::function<absl::Status(Row row)>& visit) {
  KYRO_RETURN_IF_ERROR(context.transaction->Guard(table.id, {}));
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> rows,
                        context.transaction->Scan(table.id, {}));
  for (uint64_t count = 0; rows->Valid(); rows->Next()) {
    if (++count % 1024 == 0) KYRO_RETURN_IF_ERROR(context.execution->CheckInterrupts());
    KYRO_ASSIGN_OR_RETURN(Row row, engine::DecodeRow(table, rows->value()));
    KYRO_RETURN_IF_ERROR(visit(std::move(row)));
  }
  return rows->status();
}

absl::Status RewriteTable(const engine::TableSchema& before, engine::TableSchema next,
                          const std::function<absl::StatusOr<Row>(Row)>& change,
                          const DefinitionContext& context) {
  engine::Transaction& transaction = *context.transaction;
  ExecutionContext& execution = *context.execution;
  KYRO_RETURN_IF_ERROR(transaction.Guard(before.id, {}));
  struct Kept {
    std::string key;
    Row row;
  };
  std::vector<Kept> rows;
  {
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> iterator,
                          transaction.Scan(before.id, {}));
    for (; iterator->Valid(); iterator->Next()) {
      if (rows.size() % 1024 == 0) KYRO_RETURN_IF_ERROR(execution.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(Row row, engine::DecodeRow(before, iterator->value()));
      KYRO_ASSIGN_OR_RETURN(row, change(std::move(row)));
      KYRO_RETURN_IF_ERROR(execution.Charge(RowBytes(row) + iterator->key().size()));
      rows.push_back({std::string(iterator->key()), std::move(row)});
    }
    KYRO_RETURN_IF_ERROR(iterator->status());
  }
  // Entries are made of rows as they were defined, so all go, and come again afterwards.
  const std::vector<engine::IndexSchema> indexes = std::exchange(next.indexes, {});
  for (const engine::IndexSchema& index : before.indexes) {
    KYRO_RETURN_IF_ERROR(transaction.DropIndex(before.id, index.id));
  }
  const bool new_keys = before.primary_key.size() != next.primary_key.size() ||
                        KeyTypes(before) != KeyTypes(next) ||
                        (!next.has_hidden_key() && before.primary_key != next.primary_key);
  if (new_keys) {
    for (const Kept& row : rows) KYRO_RETURN_IF_ERROR(transaction.Delete(before.id, row.key));
  }
  KYRO_RETURN_IF_ERROR(transaction.AlterTable(next));
  next = *transaction.catalog()->FindTable(before.id);
  int64_t row_id = 0;
  if (new_keys && next.has_hidden_key() && !rows.empty()) {
    KYRO_ASSIGN_OR_RETURN(row_id, execution.database->AllocateRowIds(next.id, rows.size()));
  }
  for (Kept& row : rows) {
    KYRO_RETURN_IF_ERROR(CheckNotNull(next, row.row));
    if (new_keys) {
      if (next.has_hidden_key()) {
        row.key = engine::EncodeRowId(row_id++);
      } else {
        KYRO_ASSIGN_OR_RETURN(row.key, engine::EncodeKey(next, row.row));
        KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                              transaction.Get(next.id, row.key));
        if (existing.has_value()) {
          const absl::Status status = DuplicateKey(next, row.row);
          std::string detail = DetailOf(status);
          detail = detail.substr(0, detail.rfind(" already exists."));
          return WithDetail(
              Error(sqlstate::kUniqueViolation, 0,
                    absl::StrCat("could not create unique index \"", next.PrimaryKeyName(), "\"")),
              absl::StrCat(detail, " is duplicated."));
        }
      }
    }
    KYRO_ASSIGN_OR_RETURN(const std::string bytes, engine::EncodeRow(next, row.row));
    KYRO_RETURN_IF_ERROR(transaction.Put(next.id, row.key, bytes));
  }
  for (const engine::IndexSchema& index : indexes) {
    absl::Status status = transaction.CreateIndex(next.id, index).status();
    KYRO_RETURN_IF_ERROR(
        TranslateUnique(*transaction.catalog()->FindTable(next.id), std::move(status)));
  }
  return absl::OkStatus();
}

void RemoveColumn(uint32_t column, engine::TableSchema* schema) {
  const std::string name = schema->columns[column].name;
  if (schema->storage.empty()) {
    schema->storage_count = static_cast<uint32_t>(schema->columns.size());
    for (uint32_t i = 0; i < schema->columns.size(); ++i) schema->storage.push_back(i);
  }
  std::erase_if(schema->indexes, [&](const engine::IndexSchema& index) {
    if (index.is_btree()) {
      return NamesColumn(index.where_sql, name) ||
             std::any_of(index.parts.begin(), index.parts.end(),
                         [&](const engine::IndexPart& part) {
                           return part.is_expression() ? NamesColumn(part.expression_sql, name)
                                                       : part.column == column;
                         });
    }
    return index.column == column ||
           std::find(index.columns.begin(), index.columns.end(), column) != index.columns.end();
  });
  std::erase_if(schema->checks,
                [&](const engine::CheckConstraint& check) { return NamesColumn(check.sql, name); });
  std::erase_if(schema->foreign_keys, [&](const engine::ForeignKey& key) {
    return std::find(key.columns.begin(), key.columns.end(), column) != key.columns.end();
  });
  const auto shift = [column](uint32_t* ordinal) {
    if (*ordinal > column && *ordinal != engine::IndexPart::kExpression) --*ordinal;
  };
  for (uint32_t& ordinal : schema->primary_key) shift(&ordinal);
  for (engine::IndexSchema& index : schema->indexes) {
    shift(&index.column);
    for (uint32_t& ordinal : index.columns) shift(&ordinal);
    for (engine::IndexPart& part : index.parts) shift(&part.column);
  }
  for (engine::ForeignKey& key : schema->foreign_keys) {
    for (uint32_t& ordinal : key.columns) shift(&ordinal);
    if (key.referenced_table != schema->id) continue;
    for (uint32_t& ordinal : key.referenced_columns) shift(&ordinal);
  }
  schema->columns.erase(schema->columns.begin() + column);
  schema->storage.erase(schema->storage.begin() + column);
}

namespace {

// The places in the text where a column of the name stands, as bytes. The text is canonical, so
// that an identifier that is no call, no qualifier and no type is a column.
std::vector<std::pair<size_t, size_t>> ColumnsIn(const std::string& sql, const std::string& name) {
  std::vector<std::pair<size_t, size_t>> found;
  Lexer lexer(sql);
  std::vector<Token> tokens;
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd && token.kind != TokenKind::kError;
       token = lexer.Next()) {
    tokens.push_back(token);
  }
  const std::string quoted = QuoteIdentifier(name);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].raw != quoted && tokens[i].raw != name) continue;
    if (tokens[i].kind != TokenKind::kIdentifier && tokens[i].kind != TokenKind::kKeyword &&
        tokens[i].kind != TokenKind::kQuotedIdentifier) {
      continue;
    }
    const bool is_call = i + 1 < tokens.size() && tokens[i + 1].IsPunctuation('(');
    const bool is_qualifier = i + 1 < tokens.size() && tokens[i + 1].IsPunctuation('.');
    const bool is_type = i > 0 && (tokens[i - 1].kind == TokenKind::kTypeCast ||
                                   tokens[i - 1].keyword == Keyword::kAs);
    if (is_call || is_qualifier || is_type) continue;
    found.emplace_back(tokens[i].offset, tokens[i].raw.size());
  }
  return found;
}

}  // namespace

bool NamesColumn(const std::string& sql, const std::string& column) {
  return !sql.empty() && !ColumnsIn(sql, column).empty();
}

absl::StatusOr<std::string> RenameInExpression(const std::string& sql, const std::string&,
                                               const std::string& from, const std::string& to) {
  std::string renamed = sql;
  const std::vector<std::pair<size_t, size_t>> places = ColumnsIn(sql, from);
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    renamed.replace(place->first, place->second, QuoteIdentifier(to));
  }
  KYRO_RETURN_IF_ERROR(ParseExpression(renamed).status());
  return renamed;
}

}  // namespace kyrodb::sql
