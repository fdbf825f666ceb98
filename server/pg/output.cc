#include "server/pg/output.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/wire_format.h"

namespace kyrodb::server::pg {
namespace {

// The commonest types without a string of their own.
void AppendText(const engine::Type& type, const engine::Value& value, std::string* out) {
  switch (type.id) {
    case engine::TypeId::kBoolean:
      out->push_back(std::get<bool>(value) ? 't' : 'f');
      return;
    case engine::TypeId::kInteger:
    case engine::TypeId::kBigint:
      absl::StrAppend(out, std::get<int64_t>(value));
      return;
    case engine::TypeId::kText:
      out->append(std::get<std::string>(value));
      return;
    default:
      out->append(sql::FormatValue(type, value));
  }
}

}  // namespace

absl::Status Output::Flush() {
  if (broken_) return absl::UnavailableError("the client has closed the connection");
  if (writer_.size() == 0) return absl::OkStatus();
  absl::Status status = transport_->Write(writer_.bytes());
  writer_.Clear();
  if (!status.ok()) broken_ = true;
  return status;
}

void Output::Error(absl::string_view severity, const absl::Status& status) {
  const auto field = [this](char code, absl::string_view text) {
    if (text.empty()) return;
    writer_.Byte(code);
    writer_.Text(text);
  };
  writer_.Begin('E');
  field('S', severity);
  field('V', severity);
  field('C', sql::SqlStateOf(status));
  const absl::string_view message = status.message();
  field('M', message.empty() ? "(no message)" : message);
  field('D', sql::DetailOf(status));
  field('H', sql::HintOf(status));
  if (const sql::Position position = sql::PositionOf(status); position > 0) {
    field('P', absl::StrCat(position));
  }
  for (const sql::ErrorField name :
       {sql::ErrorField::kSchema, sql::ErrorField::kTable, sql::ErrorField::kColumn,
        sql::ErrorField::kDataType, sql::ErrorField::kConstraint, sql::ErrorField::kContext}) {
    field(static_cast<char>(name), sql::FieldOf(status, name));
  }
  writer_.Byte('\0');
  writer_.End();
}

void Output::Notice(absl::string_view severity, absl::string_view sqlstate,
                    absl::string_view message) {
  writer_.Begin('N');
  for (const auto& [code, text] : {std::pair<char, absl::string_view>{'S', severity},
                                   {'V', severity},
                                   {'C', sqlstate},
                                   {'M', message}}) {
    writer_.Byte(code);
    writer_.Text(text);
  }
  writer_.Byte('\0');
  writer_.End();
}

void Output::ReadyForQuery(sql::TransactionStatus status) {
  writer_.Begin('Z');
  writer_.Byte(status == sql::TransactionStatus::kIdle            ? 'I'
               : status == sql::TransactionStatus::kInTransaction ? 'T'
                                                                  : 'E');
  writer_.End();
}

void Output::ParameterStatus(absl::string_view name, absl::string_view value) {
  writer_.Begin('S');
  writer_.Text(name);
  writer_.Text(value);
  writer_.End();
}

void Output::RowDescription(const std::vector<sql::ResultColumn>& columns,
                            const std::vector<int16_t>& formats) {
  writer_.Begin('T');
  writer_.Int16(static_cast<int16_t>(columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) {
    writer_.Text(columns[i].name);
    writer_.Int32(0);  // of a table's column nobody keeps track
    writer_.Int16(0);
    writer_.Int32(static_cast<int32_t>(sql::TypeOid(columns[i].type)));
    writer_.Int16(sql::TypeLength(columns[i].type));
    writer_.Int32(sql::TypeModifier(columns[i].type));
    writer_.Int16(FormatOf(formats, i));
  }
  writer_.End();
}

void Output::Plain(char type) {
  writer_.Begin(type);
  writer_.End();
}

absl::Status WireSink::Columns(std::span<const sql::ResultColumn> columns) {
  columns_.assign(columns.begin(), columns.end());
  if (describes_) output_->RowDescription(columns_, {});
  return absl::OkStatus();
}

absl::Status WireSink::Batch(std::span<const engine::Row> rows) {
  MessageWriter& writer = output_->writer();
  const size_t width = columns_.size();
  for (const engine::Row& row : rows) {
    writer.Begin('D');
    writer.Int16(static_cast<int16_t>(width));
    for (size_t i = 0; i < width; ++i) {
      const engine::Value& value = row[i];
      if (engine::IsNull(value)) {
        writer.Int32(-1);
        continue;
      }
      const size_t length = writer.ReserveInt32();
      if (FormatOf(formats_, i) == 0) {
        AppendText(columns_[i].type, value, writer.buffer());
      } else {
        writer.Bytes(sql::ToBinary(columns_[i].type, value));
      }
      writer.PatchInt32(length, static_cast<int32_t>(writer.size() - length - 4));
    }
    writer.End();
    KYRO_RETURN_IF_ERROR(output_->FlushIfLarge());
  }
  return absl::OkStatus();
}

absl::Status WireSink::Complete(absl::string_view command_tag) {
  ++completed_count_;
  // A transaction that ends may take settings back.
  if (absl::StartsWith(command_tag, "SET") || command_tag == "RESET" || command_tag == "ROLLBACK" ||
      command_tag == "COMMIT" || absl::StartsWith(command_tag, "DISCARD")) {
    settings_touched_ = true;
  }
  MessageWriter& writer = output_->writer();
  writer.Begin('C');
  writer.Text(command_tag);
  writer.End();
  return absl::OkStatus();
}

}  // namespace kyrodb::server::pg
