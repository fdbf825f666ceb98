// The extended protocol: statements that are parsed, bound, described and executed one step at a
// time, many of them in one go.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "server/pg/connection.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/wire_format.h"

namespace kyrodb::server::pg {
namespace {

constexpr size_t kPortalsMax = 65536;  // of one connection

absl::StatusOr<std::vector<int16_t>> ReadFormats(FieldReader* fields, size_t value_count,
                                                 absl::string_view what) {
  const int16_t count = fields->Int16();
  std::vector<int16_t> formats;
  for (int16_t i = 0; i < count && fields->ok(); ++i) {
    formats.push_back(fields->Int16());
    if (formats.back() != 0 && formats.back() != 1) {
      return sql::Error(sql::sqlstate::kInvalidParameterValue, 0,
                        absl::StrCat("unsupported format code: ", formats.back()));
    }
  }
  if (count < 0 || !fields->ok()) return ProtocolViolation("invalid message format");
  if (count > 1 && static_cast<size_t>(count) != value_count) {
    return ProtocolViolation(absl::StrCat("bind message has ", count, " ", what, " formats but ",
                                          value_count, " ", what, "s"));
  }
  return formats;
}

}  // namespace

absl::Status Connection::Extended(const Message& message) {
  FieldReader fields(message.body);
  switch (message.type) {
    case 'P':
      return Parse(fields);
    case 'B':
      return Bind(fields);
    case 'D':
      return Describe(fields);
    case 'E':
      return Execute(fields);
    case 'C':
      return CloseObject(fields);
    default:  // 'H'
      KYRO_RETURN_IF_ERROR(fields.Finish());
      return output_.Flush();
  }
}

absl::Status Connection::Parse(FieldReader fields) {
  const absl::string_view name = fields.Text();
  const absl::string_view text = fields.Text();
  const int16_t count = fields.Int16();
  std::vector<std::optional<engine::Type>> types;
  for (int16_t i = 0; i < count && fields.ok(); ++i) {
    const auto oid = static_cast<uint32_t>(fields.Int32());
    if (!fields.ok()) break;
    types.push_back(sql::TypeFromOid(oid));
    // 0 and "unknown" leave it to the statement.
    if (!types.back().has_value() && oid != 0 && oid != 705) {
      return sql::Error(
          sql::sqlstate::kFeatureNotSupported, 0,
          absl::StrCat("parameters of the type with oid ", oid, " are not supported"));
    }
  }
  KYRO_RETURN_IF_ERROR(fields.Finish());
  if (name.empty()) session_->ForgetPrepared("");
  backend_->SetQuery(text, session_->database().clock().WallMicros());
  KYRO_ASSIGN_OR_RETURN(std::shared_ptr<const sql::PreparedStatement> statement,
                        session_->Prepare(text, types));
  KYRO_RETURN_IF_ERROR(session_->KeepPrepared(name, std::move(statement)));
  output_.Plain('1');
  return absl::OkStatus();
}

absl::Status Connection::Bind(FieldReader fields) {
  const absl::string_view portal_name = fields.Text();
  const absl::string_view name = fields.Text();
  if (!fields.ok()) return fields.Finish();
  const std::shared_ptr<const sql::PreparedStatement> statement = session_->FindPrepared(name);
  if (statement == nullptr) {
    return sql::Error("26000", 0,
                      name.empty()
                          ? "unnamed prepared statement does not exist"
                          : absl::StrCat("prepared statement \"", name, "\" does not exist"));
  }
  const sql::StatementDescription& description = statement->description();
  // How many parameters there are comes after their formats.
  FieldReader ahead = fields;
  const int16_t format_count = ahead.Int16();
  ahead.Bytes(format_count > 0 ? static_cast<size_t>(format_count) * 2 : 0);
  const int16_t value_count = ahead.Int16();
  if (!ahead.ok() || value_count < 0) return ProtocolViolation("invalid message format");
  KYRO_ASSIGN_OR_RETURN(const std::vector<int16_t> formats,
                        ReadFormats(&fields, static_cast<size_t>(value_count), "parameter"));
  fields.Int16();
  if (static_cast<size_t>(value_count) != description.parameter_types.size()) {
    return ProtocolViolation(absl::StrCat("bind message supplies ", value_count,
                                          " parameters, but prepared statement \"", name,
                                          "\" requires ", description.parameter_types.size()));
  }
  std::vector<engine::Value> values;
  values.reserve(static_cast<size_t>(value_count));
  for (size_t i = 0; i < static_cast<size_t>(value_count); ++i) {
    const int32_t length = fields.Int32();
    if (length == -1) {
      values.emplace_back();
      continue;
    }
    if (length < 0) return ProtocolViolation("invalid message format");
    const absl::string_view bytes = fields.Bytes(static_cast<size_t>(length));
    if (!fields.ok()) return ProtocolViolation("insufficient data left in message");
    const engine::Type& type = description.parameter_types[i];
    KYRO_ASSIGN_OR_RETURN(engine::Value value, FormatOf(formats, i) == 0
                                                   ? sql::ParseValue(type, bytes)
                                                   : sql::FromBinary(type, bytes));
    values.push_back(std::move(value));
  }
  KYRO_ASSIGN_OR_RETURN(std::vector<int16_t> result_formats,
                        ReadFormats(&fields, description.columns.size(), "result"));
  KYRO_RETURN_IF_ERROR(fields.Finish());
  if (portal_name.empty()) {
    portals_.erase("");
  } else if (portals_.contains(portal_name)) {
    return sql::Error("42P03", 0, absl::StrCat("cursor \"", portal_name, "\" already exists"));
  }
  if (portals_.size() >= kPortalsMax) {
    return sql::Error(sql::sqlstate::kOutOfMemory, 0, "a connection cannot have so many portals");
  }
  PortalEntry entry;
  entry.formats = std::move(result_formats);
  KYRO_ASSIGN_OR_RETURN(entry.portal, session_->OpenPortal(statement, std::move(values)));
  portals_.insert_or_assign(std::string(portal_name), std::move(entry));
  output_.Plain('2');
  return absl::OkStatus();
}

absl::Status Connection::Describe(FieldReader fields) {
  const auto kind = static_cast<char>(fields.Byte());
  const absl::string_view name = fields.Text();
  KYRO_RETURN_IF_ERROR(fields.Finish());
  const sql::StatementDescription* description = nullptr;
  std::shared_ptr<const sql::PreparedStatement> statement;
  static const std::vector<int16_t> kNoFormats;
  const std::vector<int16_t>* formats = &kNoFormats;
  if (kind == 'S') {
    statement = session_->FindPrepared(name);
    if (statement == nullptr) {
      return sql::Error("26000", 0,
                        absl::StrCat("prepared statement \"", name, "\" does not exist"));
    }
    description = &statement->description();
    MessageWriter& writer = output_.writer();
    writer.Begin('t');
    writer.Int16(static_cast<int16_t>(description->parameter_types.size()));
    for (const engine::Type& type : description->parameter_types) {
      writer.Int32(static_cast<int32_t>(sql::TypeOid(type)));
    }
    writer.End();
  } else if (kind == 'P') {
    const auto found = portals_.find(name);
    if (found == portals_.end()) {
      return sql::Error("34000", 0, absl::StrCat("portal \"", name, "\" does not exist"));
    }
    description = &found->second.portal->statement().description();
    formats = &found->second.formats;
  } else {
    return ProtocolViolation("invalid DESCRIBE message subtype");
  }
  if (description->returns_rows) {
    output_.RowDescription(description->columns, *formats);
  } else {
    output_.Plain('n');
  }
  return absl::OkStatus();
}

absl::Status Connection::Execute(FieldReader fields) {
  const std::string name(fields.Text());
  const int32_t rows_max = fields.Int32();
  KYRO_RETURN_IF_ERROR(fields.Finish());
  const auto found = portals_.find(name);
  if (found == portals_.end()) {
    return sql::Error("34000", 0, absl::StrCat("portal \"", name, "\" does not exist"));
  }
  PortalEntry& entry = found->second;
  if (entry.portal->statement().empty()) {
    output_.Plain('I');
    return absl::OkStatus();
  }
  // A Sync right behind ends the transaction anyway: then the statement may commit by itself, and
  // start again after a conflict. The client sends something before it waits for an answer.
  if (reader_.buffered() == 0) KYRO_RETURN_IF_ERROR(ReadMore(absl::ZeroDuration()));
  const sql::Completion completion =
      reader_.PeekType() == 'S' ? sql::Completion::kCommit : sql::Completion::kKeepOpen;
  WireSink sink(&output_);
  sink.SetPortal(entry.formats);
  sink.SetCopySource([this](std::string* bytes) { return ReadCopyData(bytes); });
  backend_->TakeCancelled();
  const absl::StatusOr<bool> done = session_->Run(
      entry.portal.get(), rows_max < 0 ? 0 : static_cast<uint64_t>(rows_max), completion, &sink);
  if (sink.settings_touched()) settings_touched_ = true;
  KYRO_RETURN_IF_ERROR(done.status());
  if (!*done) output_.Plain('s');
  return output_.FlushIfLarge();
}

absl::Status Connection::CloseObject(FieldReader fields) {
  const auto kind = static_cast<char>(fields.Byte());
  const absl::string_view name = fields.Text();
  KYRO_RETURN_IF_ERROR(fields.Finish());
  if (kind == 'S') {
    session_->ForgetPrepared(name);
  } else if (kind == 'P') {
    portals_.erase(name);
  } else {
    return ProtocolViolation("invalid CLOSE message subtype");
  }
  output_.Plain('3');
  return absl::OkStatus();
}

absl::Status Connection::Sync() {
  const bool failed = skip_to_sync_;
  skip_to_sync_ = false;
  if (failed) settings_touched_ = true;
  if (!failed) {
    const absl::Status status = session_->FinishImplicit();
    if (!status.ok()) SendError(status);
  }
  return Ready();
}

}  // namespace kyrodb::server::pg
