// COPY: rows of a table or a query to the client, rows of the client into a table. Coming in they
// are a table that is read once, and the statement is the INSERT … SELECT from it that would do the
// same: defaults, constraints and WHERE mean what they mean there.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"
#include "sql/statement/copy_format.h"
#include "sql/statement/session_impl.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

constexpr absl::string_view kSourceName = "kyro copy source";
constexpr absl::string_view kBadCopyFile = "22P04";
constexpr size_t kFieldBytesShown = 100;

// What the client sends, as a table. It can be read once.
class CopiedRows : public VirtualTable {
 public:
  CopiedRows(std::string table, const CopyFormat& format, std::vector<VirtualColumn> columns,
             CopySource* source)
      : table_(std::move(table)),
        format_(format),
        columns_(std::move(columns)),
        reader_(std::make_unique<CopyReader>(format, columns_.size(), source)) {}

  absl::string_view name() const override { return kSourceName; }
  const std::vector<VirtualColumn>& columns() const override { return columns_; }

  absl::Status Scan(RowReceiver receive) const override {
    absl::Status status = Read(receive);
    if (status.ok() || !FieldOf(status, ErrorField::kContext).empty()) return status;
    std::string where = absl::StrCat("COPY ", table_, ", line ", reader_->line_number());
    if (format_.kind != CopyFormat::Kind::kBinary) {
      absl::StrAppend(&where, ": \"", reader_->line(), "\"");
    }
    return WithField(std::move(status), ErrorField::kContext, where);
  }

 private:
  absl::Status Read(RowReceiver receive) const {
    KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> header, reader_->ReadHeader());
    if (format_.header_match) KYRO_RETURN_IF_ERROR(CheckHeader(header));
    std::vector<std::optional<std::string>> fields;
    for (;;) {
      KYRO_ASSIGN_OR_RETURN(const bool more, reader_->Next(&fields));
      if (!more) return absl::OkStatus();
      if (fields.size() > columns_.size()) {
        return Error(kBadCopyFile, 0, "extra data after last expected column");
      }
      if (fields.size() < columns_.size()) {
        return Error(
            kBadCopyFile, 0,
            absl::StrCat("missing data for column \"", columns_[fields.size()].name, "\""));
      }
      Row row(columns_.size());
      for (size_t i = 0; i < fields.size(); ++i) {
        if (!fields[i].has_value()) continue;
        absl::StatusOr<Value> value = format_.kind == CopyFormat::Kind::kBinary
                                          ? FromBinary(columns_[i].type, *fields[i])
                                          : ParseValue(columns_[i].type, *fields[i]);
        if (!value.ok()) return InField(value.status(), i, *fields[i]);
        row[i] = *std::move(value);
      }
      KYRO_RETURN_IF_ERROR(receive(std::move(row)));
    }
  }

  absl::Status InField(absl::Status status, size_t column, const std::string& field) const {
    std::string where = absl::StrCat("COPY ", table_, ", line ", reader_->line_number(),
                                     ", column ", columns_[column].name);
    if (format_.kind != CopyFormat::Kind::kBinary) {
      const bool cut = field.size() > kFieldBytesShown;
      absl::StrAppend(&where, ": \"", absl::string_view(field).substr(0, kFieldBytesShown),
                      cut ? "..." : "", "\"");
    }
    return WithField(std::move(status), ErrorField::kContext, where);
  }

  absl::Status CheckHeader(const std::vector<std::string>& header) const {
    if (header.size() != columns_.size()) {
      return Error(kBadCopyFile, 0,
                   absl::StrCat("wrong number of fields in header line: got ", header.size(),
                                ", expected ", columns_.size()));
    }
    for (size_t i = 0; i < header.size(); ++i) {
      if (header[i] == columns_[i].name) continue;
      return Error(kBadCopyFile, 0,
                   absl::StrCat("column name mismatch in header line field ", i + 1, ": got \"",
                                header[i], "\", expected \"", columns_[i].name, "\""));
    }
    return absl::OkStatus();
  }

  const std::string table_;
  const CopyFormat& format_;
  const std::vector<VirtualColumn> columns_;
  const std::unique_ptr<CopyReader> reader_;
};

// The ordinals that COPY means: those that are named, or all that are not generated.
absl::StatusOr<std::vector<uint32_t>> CopiedColumns(const CopyStatement& statement,
                                                    const engine::TableSchema& table) {
  std::vector<uint32_t> ordinals;
  if (statement.columns.empty()) {
    for (uint32_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].generated_sql.empty()) ordinals.push_back(i);
    }
    return ordinals;
  }
  for (const Identifier& name : statement.columns) {
    const std::optional<uint32_t> found = table.FindColumn(name.name);
    if (!found.has_value()) {
      return Error(sqlstate::kUndefinedColumn, 0,
                   absl::StrCat("column \"", name.name, "\" of relation \"", table.name,
                                "\" does not exist"));
    }
    if (!table.columns[*found].generated_sql.empty()) {
      return WithDetail(Error(sqlstate::kInvalidColumnReference, 0,
                              absl::StrCat("column \"", name.name, "\" is a generated column")),
                        "Generated columns cannot be used in COPY.");
    }
    if (std::find(ordinals.begin(), ordinals.end(), *found) != ordinals.end()) {
      return Error(sqlstate::kDuplicateColumn, 0,
                   absl::StrCat("column \"", name.name, "\" specified more than once"));
    }
    ordinals.push_back(*found);
  }
  return ordinals;
}

std::string NameList(const std::vector<uint32_t>& ordinals, const engine::TableSchema& table) {
  std::vector<std::string> names;
  for (const uint32_t i : ordinals) names.push_back(QuoteIdentifier(table.columns[i].name));
  return absl::StrJoin(names, ", ");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CopySource>> ResultSink::CopyIn(const CopyShape&) {
  return Error(sqlstate::kFeatureNotSupported, 0,
               "COPY FROM STDIN needs a client of the PostgreSQL wire");
}
absl::Status ResultSink::CopyOut(const CopyShape&) {
  return Error(sqlstate::kFeatureNotSupported, 0,
               "COPY TO STDOUT needs a client of the PostgreSQL wire");
}
absl::Status ResultSink::CopyData(absl::string_view) { return absl::OkStatus(); }
absl::Status ResultSink::CopyOutDone() { return absl::OkStatus(); }

absl::Status Session::Impl::RunCopy(const CopyStatement& statement, Run* run, ResultSink* sink,
                                    Outcome* outcome) {
  if (!statement.standard_stream) {
    return WithHint(Error(sqlstate::kFeatureNotSupported, statement.file_position,
                          statement.program ? "COPY with a program is not supported"
                                            : "COPY with a file of the server is not supported"),
                    absl::StrCat("Use COPY ", statement.from ? "FROM STDIN" : "TO STDOUT",
                                 ", or psql's \\copy."));
  }
  KYRO_ASSIGN_OR_RETURN(const CopyFormat format, ReadCopyOptions(statement));
  CopyShape shape;
  shape.binary = format.kind == CopyFormat::Kind::kBinary;
  if (statement.query != nullptr) {
    if (statement.query->kind != StatementKind::kQuery) {
      return Error(sqlstate::kFeatureNotSupported, statement.query->position,
                   "COPY of a statement with RETURNING is not supported yet");
    }
    return CopyQueryOut(*statement.query, format, shape, run, sink, outcome);
  }
  Binder binder(run->bind);
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> table,
                        binder.FindTable(statement.table));
  KYRO_ASSIGN_OR_RETURN(const std::vector<uint32_t> ordinals, CopiedColumns(statement, *table));
  const std::string names = NameList(ordinals, *table);
  if (!statement.from) {
    const std::string text = absl::StrCat("SELECT ", names, " FROM ", ToString(statement.table));
    KYRO_ASSIGN_OR_RETURN(const ParsedStatement query, ParseStatement(text));
    return CopyQueryOut(*query.statement, format, shape, run, sink, outcome);
  }
  if (read_only_) {
    return Error(sqlstate::kReadOnlyTransaction, 0,
                 "cannot execute COPY FROM in a read-only transaction");
  }
  std::vector<VirtualColumn> columns;
  for (const uint32_t i : ordinals) {
    columns.push_back({table->columns[i].name, table->columns[i].type});
  }
  std::string text = absl::StrCat("INSERT INTO ", ToString(statement.table),
                                  names.empty() ? "" : absl::StrCat(" (", names, ")"),
                                  " SELECT * FROM ", QuoteIdentifier(kSourceName));
  if (statement.where != nullptr) {
    absl::StrAppend(&text, " WHERE ", ToString(*statement.where));
  }
  KYRO_ASSIGN_OR_RETURN(const ParsedStatement insert, ParseStatement(text));
  shape.column_count = columns.size();
  // Everything that can be wrong is found before the client is asked for rows: the table's columns
  // are there, the rows come when it is read.
  struct LateSource : CopySource {
    absl::StatusOr<bool> Read(std::string* bytes) override { return source->Read(bytes); }
    std::unique_ptr<CopySource> source;
  } late;
  VirtualTableRegistry registry;
  KYRO_RETURN_IF_ERROR(
      registry.Add(std::make_shared<CopiedRows>(table->name, format, std::move(columns), &late)));
  run->bind.virtual_tables = &registry;
  Planned planned;
  KYRO_RETURN_IF_ERROR(BindAndPlan(*insert.statement, run, {}, &planned));
  KYRO_ASSIGN_OR_RETURN(late.source, sink->CopyIn(shape));
  KYRO_ASSIGN_OR_RETURN(const WriteResult result, RunPlanned(*insert.statement, planned, run));
  statistics_.affected = result.affected;
  outcome->tag = absl::StrCat("COPY ", result.affected);
  return absl::OkStatus();
}

absl::Status Session::Impl::CopyQueryOut(const Statement& query, const CopyFormat& format,
                                         CopyShape shape, Run* run, ResultSink* sink,
                                         Outcome* outcome) {
  Planned planned;
  KYRO_RETURN_IF_ERROR(BindAndPlan(query, run, {}, &planned));
  last_plan_ = planned.source;
  const std::vector<ResultColumn>& columns = planned.query->columns;
  shape.column_count = columns.size();
  KYRO_RETURN_IF_ERROR(sink->CopyOut(shape));
  const CopyWriter writer(format, columns);
  std::string bytes;
  writer.Begin(&bytes);
  if (!bytes.empty()) KYRO_RETURN_IF_ERROR(sink->CopyData(bytes));
  uint64_t count = 0;
  KYRO_RETURN_IF_ERROR(
      RunPlan(*planned.source, *run->context, [&](std::span<Row> rows) -> absl::Status {
        for (const Row& row : rows) {
          bytes.clear();
          KYRO_RETURN_IF_ERROR(writer.Write(row, &bytes));
          KYRO_RETURN_IF_ERROR(sink->CopyData(bytes));
        }
        count += rows.size();
        return absl::OkStatus();
      }));
  bytes.clear();
  writer.End(&bytes);
  if (!bytes.empty()) KYRO_RETURN_IF_ERROR(sink->CopyData(bytes));
  KYRO_RETURN_IF_ERROR(sink->CopyOutDone());
  statistics_.returned = count;
  outcome->tag = absl::StrCat("COPY ", count);
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
