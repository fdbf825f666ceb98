#include "server/import/importer.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "server/import/csv_reader.h"
#include "server/json/json.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

absl::StatusOr<std::vector<std::string>> ReadHeader(CsvReader& reader,
                                                    const engine::TableSchema& table) {
  KYRO_ASSIGN_OR_RETURN(const std::optional<std::vector<CsvField>> header, reader.Next());
  if (!header.has_value()) {
    return absl::InvalidArgumentError("the file is empty, expected a header line of column names");
  }
  std::vector<std::string> names;
  for (const CsvField& field : *header) {
    if (!table.FindColumn(field.text).has_value()) {
      return sql::Error(sql::sqlstate::kUndefinedColumn, 0,
                        absl::StrCat("header names \"", field.text, "\", which is no column of \"",
                                     table.name, "\""));
    }
    for (const std::string& name : names) {
      if (name == field.text) {
        return sql::Error(sql::sqlstate::kDuplicateColumn, 0,
                          absl::StrCat("header names \"", name, "\" twice"));
      }
    }
    names.push_back(field.text);
  }
  return names;
}

absl::Status ReadCsv(std::istream& in, const ImportOptions& options, RecordWriter& writer,
                     Progress* progress) {
  CsvReader reader(&in);
  KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> names, ReadHeader(reader, writer.table()));
  while (options.skip_bad_lines || writer.rejected_count() == 0) {
    absl::StatusOr<std::optional<std::vector<CsvField>>> record = reader.Next();
    if (!record.ok()) {
      writer.Reject(reader.line(), record.status());
      continue;
    }
    if (!record->has_value()) break;
    std::vector<CsvField>& cells = **record;
    if (cells.size() != names.size()) {
      writer.Reject(reader.line(),
                    absl::InvalidArgumentError(absl::StrCat("the line has ", cells.size(),
                                                            " fields, the header ", names.size())));
      continue;
    }
    std::vector<Field> fields;
    fields.reserve(cells.size());
    for (size_t i = 0; i < cells.size(); ++i) {
      const bool is_null = cells[i].text.empty() && !cells[i].quoted;
      fields.push_back({.column = names[i],
                        .value = is_null
                                     ? sql::Parameter()
                                     : sql::Parameter(engine::Value(std::move(cells[i].text)))});
    }
    KYRO_RETURN_IF_ERROR(writer.Add(reader.line(), std::move(fields)));
    progress->Update(reader.bytes_read(), options.size_bytes, writer.accepted_count());
  }
  return absl::OkStatus();
}

absl::Status ReadJsonl(std::istream& in, const ImportOptions& options, RecordWriter& writer,
                       Progress* progress) {
  std::string text;
  uint64_t bytes = 0;
  for (uint64_t line = 1;
       (options.skip_bad_lines || writer.rejected_count() == 0) && std::getline(in, text); ++line) {
    bytes += text.size() + 1;
    const absl::string_view stripped = absl::StripAsciiWhitespace(text);
    if (stripped.empty()) continue;
    const absl::StatusOr<Json> json = ParseJson(stripped);
    absl::StatusOr<std::vector<Field>> fields =
        json.ok() ? FieldsOf(writer.table(), *json) : json.status();
    if (!fields.ok()) {
      writer.Reject(line, fields.status());
      continue;
    }
    KYRO_RETURN_IF_ERROR(writer.Add(line, *std::move(fields)));
    progress->Update(bytes, options.size_bytes, writer.accepted_count());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportFormat> FormatOf(absl::string_view format, absl::string_view file_name) {
  if (format == "csv" || (format.empty() && absl::EndsWithIgnoreCase(file_name, ".csv"))) {
    return ImportFormat::kCsv;
  }
  if (format == "jsonl" || (format.empty() && (absl::EndsWithIgnoreCase(file_name, ".jsonl") ||
                                               absl::EndsWithIgnoreCase(file_name, ".ndjson")))) {
    return ImportFormat::kJsonl;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the format of ", file_name, " is not known: give --format csv or jsonl"));
}

absl::StatusOr<ImportReport> Import(const Host& host, std::istream& in,
                                    const ImportOptions& options, Progress* progress) {
  const std::unique_ptr<sql::Session> session = host.NewSession();
  if (!options.create.empty()) {
    KYRO_RETURN_IF_ERROR(
        session
            ->Query(absl::StrCat("CREATE TABLE ", sql::QuoteIdentifier(options.table), " (",
                                 options.create, ")"))
            .status());
  }
  std::shared_ptr<const engine::TableSchema> table =
      host.database().Begin()->catalog()->FindTable(options.table);
  if (table == nullptr) {
    return sql::WithHint(sql::Error(sql::sqlstate::kUndefinedTable, 0,
                                    absl::StrCat("table \"", options.table, "\" does not exist")),
                         "--create \"id bigint PRIMARY KEY, …\" makes it");
  }
  RecordWriter writer(session.get(), table, {.on_conflict = options.on_conflict});
  const absl::Status read = options.format == ImportFormat::kCsv
                                ? ReadCsv(in, options, writer, progress)
                                : ReadJsonl(in, options, writer, progress);
  KYRO_RETURN_IF_ERROR(read);
  KYRO_RETURN_IF_ERROR(writer.Flush());
  progress->Finish(writer.accepted_count());
  return ImportReport{.accepted_count = writer.accepted_count(),
                      .rejected_count = writer.rejected_count(),
                      .rejections = writer.rejections(),
                      .stopped = !options.skip_bad_lines && writer.rejected_count() > 0};
}

}  // namespace kyrodb::server
