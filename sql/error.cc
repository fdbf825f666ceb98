#include "sql/error.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "engine/base/status.h"

namespace kyrodb::sql {
namespace {

constexpr absl::string_view kSqlStatePayload = "kyrodb/sqlstate";
constexpr absl::string_view kPositionPayload = "kyrodb/position";
constexpr absl::string_view kHintPayload = "kyrodb/hint";
constexpr absl::string_view kDetailPayload = "kyrodb/detail";

enum ExitCode { kExitStatement = 1, kExitRetry = 2, kExitDamaged = 3, kExitInternal = 4 };

struct CodeRow {
  absl::string_view sqlstate;  // five characters, or the two of a class
  absl::StatusCode code;
  int http;
  ExitCode exit;
};

// The table. The longest prefix wins, so a class stands for its states unless they have a row.
constexpr CodeRow kCodes[] = {
    {"02", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"08", absl::StatusCode::kUnavailable, 503, kExitRetry},
    {"08P01", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"0A", absl::StatusCode::kUnimplemented, 501, kExitStatement},
    {"21", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"22", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"23", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"23502", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"23505", absl::StatusCode::kAlreadyExists, 409, kExitStatement},
    {"23514", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"24", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"25", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"26", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"28", absl::StatusCode::kUnauthenticated, 401, kExitStatement},
    {"2B", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"34", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"3B", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"3D", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"3F", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"40", absl::StatusCode::kAborted, 409, kExitRetry},
    {"40003", absl::StatusCode::kUnavailable, 503, kExitRetry},
    {"42", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"42501", absl::StatusCode::kPermissionDenied, 403, kExitStatement},
    {"42703", absl::StatusCode::kNotFound, 400, kExitStatement},
    {"42704", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"42710", absl::StatusCode::kAlreadyExists, 409, kExitStatement},
    {"42883", absl::StatusCode::kNotFound, 400, kExitStatement},
    {"42P01", absl::StatusCode::kNotFound, 404, kExitStatement},
    {"42P07", absl::StatusCode::kAlreadyExists, 409, kExitStatement},
    {"53", absl::StatusCode::kResourceExhausted, 503, kExitRetry},
    {"53100", absl::StatusCode::kResourceExhausted, 507, kExitRetry},
    {"53400", absl::StatusCode::kResourceExhausted, 400, kExitStatement},
    {"54", absl::StatusCode::kInvalidArgument, 400, kExitStatement},
    {"54000", absl::StatusCode::kResourceExhausted, 413, kExitStatement},
    {"55", absl::StatusCode::kFailedPrecondition, 409, kExitStatement},
    {"55P03", absl::StatusCode::kAborted, 409, kExitRetry},
    {"57", absl::StatusCode::kUnavailable, 503, kExitRetry},
    {"57014", absl::StatusCode::kCancelled, 408, kExitStatement},
    {"58", absl::StatusCode::kUnavailable, 500, kExitRetry},
    {"XX", absl::StatusCode::kInternal, 500, kExitInternal},
    {"XX001", absl::StatusCode::kDataLoss, 500, kExitDamaged},
};

// What a status from below, without a SQLSTATE of its own, is called.
constexpr std::pair<absl::StatusCode, absl::string_view> kDefaultSqlStates[] = {
    {absl::StatusCode::kCancelled, sqlstate::kQueryCanceled},
    {absl::StatusCode::kInvalidArgument, sqlstate::kInvalidParameterValue},
    {absl::StatusCode::kDeadlineExceeded, sqlstate::kQueryCanceled},
    {absl::StatusCode::kNotFound, sqlstate::kUndefinedObject},
    {absl::StatusCode::kAlreadyExists, sqlstate::kDuplicateObject},
    {absl::StatusCode::kPermissionDenied, sqlstate::kInsufficientPrivilege},
    {absl::StatusCode::kResourceExhausted, sqlstate::kInsufficientResources},
    {absl::StatusCode::kFailedPrecondition, sqlstate::kObjectNotInPrerequisiteState},
    {absl::StatusCode::kAborted, sqlstate::kSerializationFailure},
    {absl::StatusCode::kOutOfRange, sqlstate::kInvalidParameterValue},
    {absl::StatusCode::kUnimplemented, sqlstate::kFeatureNotSupported},
    {absl::StatusCode::kUnavailable, sqlstate::kCannotConnectNow},
    {absl::StatusCode::kDataLoss, sqlstate::kDataCorrupted},
    {absl::StatusCode::kUnauthenticated, "28000"},
};

const CodeRow& RowOf(absl::string_view sqlstate) {
  const CodeRow* best = nullptr;
  for (const CodeRow& row : kCodes) {
    if (sqlstate.substr(0, row.sqlstate.size()) == row.sqlstate &&
        (best == nullptr || row.sqlstate.size() > best->sqlstate.size())) {
      best = &row;
    }
  }
  static constexpr CodeRow kUnknown{"", absl::StatusCode::kUnknown, 500, kExitInternal};
  return best == nullptr ? kUnknown : *best;
}

absl::Status WithPayload(absl::Status status, absl::string_view url, absl::string_view value) {
  if (!status.ok()) status.SetPayload(url, absl::Cord(value));
  return status;
}

std::string PayloadOf(const absl::Status& status, absl::string_view url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::string_view FieldPayload(ErrorField field) {
  switch (field) {
    case ErrorField::kSchema:
      return "kyrodb.sql/schema";
    case ErrorField::kTable:
      return "kyrodb.sql/table";
    case ErrorField::kColumn:
      return "kyrodb.sql/column";
    case ErrorField::kDataType:
      return "kyrodb.sql/data_type";
    case ErrorField::kConstraint:
      return "kyrodb.sql/constraint";
    case ErrorField::kContext:
      return "kyrodb.sql/context";
  }
  return "";
}

// One character of a statement as a terminal shows it.
struct Glyph {
  size_t begin;  // bytes
  size_t end;
  char32_t code_point;  // '\uFFFD' where the bytes are no UTF-8: then one byte
};

Glyph GlyphAt(absl::string_view text, size_t begin) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(begin);
  const size_t length = lead < 0x80             ? 1
                        : (lead & 0xE0) == 0xC0 ? 2
                        : (lead & 0xF0) == 0xE0 ? 3
                        : (lead & 0xF8) == 0xF0 ? 4
                                                : 0;
  if (length == 0 || begin + length > text.size()) return {begin, begin + 1, 0xFFFD};
  if (length == 1) return {begin, begin + 1, lead};
  char32_t code_point = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(begin + i) & 0xC0) != 0x80) return {begin, begin + 1, 0xFFFD};
    code_point = (code_point << 6) | (byte(begin + i) & 0x3F);
  }
  return {begin, begin + length, code_point};
}

// Terminal columns of a character. Source: the East Asian Wide and Fullwidth blocks of Unicode
// Standard Annex #11 and the combining blocks, as whole blocks: enough to set a caret.
size_t ColumnsOf(char32_t code_point) {
  struct Range {
    char32_t begin, end;
  };
  static constexpr Range kZero[] = {
      {0x300, 0x370},   {0x483, 0x48A},   {0x591, 0x5BE},   {0x610, 0x61B},   {0x64B, 0x660},
      {0x200B, 0x2010}, {0x20D0, 0x2100}, {0xFE00, 0xFE10}, {0xFE20, 0xFE30}, {0xFEFF, 0xFF00}};
  static constexpr Range kWide[] = {{0x1100, 0x1160},   {0x2E80, 0x303F},  {0x3041, 0xA4D0},
                                    {0xAC00, 0xD7A4},   {0xF900, 0xFB00},  {0xFE30, 0xFE70},
                                    {0xFF00, 0xFF61},   {0xFFE0, 0xFFE7},  {0x1F300, 0x1F650},
                                    {0x1F900, 0x1FA00}, {0x20000, 0x40000}};
  const auto within = [code_point](const Range& range) {
    return code_point >= range.begin && code_point < range.end;
  };
  if (code_point < 0x300) return 1;
  if (std::any_of(std::begin(kZero), std::end(kZero), within)) return 0;
  if (std::any_of(std::begin(kWide), std::end(kWide), within)) return 2;
  return 1;
}

constexpr size_t kDisplayColumns = 60;
constexpr size_t kColumnsRightOfCaret = 10;

// Appends the line that holds character `position` of `statement`, and a caret under it.
void AppendExcerpt(std::string& out, absl::string_view statement, Position position) {
  // The line around the position.
  const size_t target = static_cast<size_t>(position) - 1;
  size_t line_number = 1;
  size_t line_begin = 0;  // bytes
  size_t offset = 0;
  size_t character = 0;
  while (offset < statement.size() && character < target) {
    const Glyph glyph = GlyphAt(statement, offset);
    const bool carriage_return = glyph.code_point == '\r';
    const bool newline = glyph.code_point == '\n';
    if (carriage_return || newline) {
      if (carriage_return || offset == 0 || statement[offset - 1] != '\r') ++line_number;
      line_begin = glyph.end;
    }
    offset = glyph.end;
    ++character;
  }
  if (character < target) return;  // the position is not within this text

  std::vector<Glyph> glyphs;
  std::vector<size_t> column{0};  // column[i]: where glyph i begins
  size_t caret = 0;
  bool caret_seen = false;
  // No more of a long line than can be shown is looked at.
  for (size_t i = line_begin; i < statement.size();) {
    const Glyph glyph = GlyphAt(statement, i);
    if (i >= offset && !caret_seen) {
      caret = glyphs.size();
      caret_seen = true;
    }
    if (glyph.code_point == '\n' || glyph.code_point == '\r') break;
    if (caret_seen && column.back() > column[caret] + kDisplayColumns) break;
    glyphs.push_back(glyph);
    column.push_back(column.back() + ColumnsOf(glyph.code_point));
    i = glyph.end;
  }
  if (!caret_seen) caret = glyphs.size();

  size_t begin = 0;
  size_t end = glyphs.size();
  bool cut_left = false;
  bool cut_right = false;
  if (column[end] > kDisplayColumns) {
    if (kDisplayColumns >= column[caret] + kColumnsRightOfCaret) {
      while (column[end] > kDisplayColumns) --end;
      cut_right = true;
    } else {
      while (column[caret] + kColumnsRightOfCaret < column[end]) {
        --end;
        cut_right = true;
      }
      while (column[end] - column[begin] > kDisplayColumns) {
        ++begin;
        cut_left = true;
      }
    }
  }

  const std::string prefix = absl::StrCat("LINE ", line_number, ": ", cut_left ? "..." : "");
  absl::StrAppend(&out, prefix);
  for (size_t i = begin; i < end; ++i) {
    const Glyph& glyph = glyphs[i];
    if (glyph.code_point < 0x20 || glyph.code_point == 0x7F) {
      out += ' ';  // tabs and control characters would move the caret
    } else if (glyph.code_point == 0xFFFD) {
      out += '?';
    } else {
      absl::StrAppend(&out, statement.substr(glyph.begin, glyph.end - glyph.begin));
    }
  }
  absl::StrAppend(&out, cut_right ? "..." : "", "\n",
                  std::string(prefix.size() + column[caret] - column[begin], ' '), "^\n");
}

}  // namespace

absl::Status Error(absl::string_view sqlstate, Position position, absl::string_view message) {
  KYRO_CHECK(sqlstate.size() == 5);
  absl::Status status(RowOf(sqlstate).code, message);
  status.SetPayload(kSqlStatePayload, absl::Cord(sqlstate));
  if (position > 0) status.SetPayload(kPositionPayload, absl::Cord(absl::StrCat(position)));
  return status;
}

absl::Status WithHint(absl::Status status, absl::string_view hint) {
  return WithPayload(std::move(status), kHintPayload, hint);
}

absl::Status WithField(absl::Status status, ErrorField field, absl::string_view name) {
  return WithPayload(std::move(status), FieldPayload(field), name);
}

std::string FieldOf(const absl::Status& status, ErrorField field) {
  return PayloadOf(status, FieldPayload(field));
}

absl::Status WithDetail(absl::Status status, absl::string_view detail) {
  return WithPayload(std::move(status), kDetailPayload, detail);
}

absl::Status WithSqlState(absl::Status status, absl::string_view sqlstate) {
  KYRO_CHECK(sqlstate.size() == 5);
  return WithPayload(std::move(status), kSqlStatePayload, sqlstate);
}

absl::Status WithPosition(absl::Status status, Position position) {
  if (status.ok() || position <= 0 || PositionOf(status) != 0) return status;
  return WithPayload(std::move(status), kPositionPayload, absl::StrCat(position));
}

std::string SqlStateOf(const absl::Status& status) {
  if (status.ok()) return "00000";
  std::string sqlstate = PayloadOf(status, kSqlStatePayload);
  if (!sqlstate.empty()) return sqlstate;
  for (const auto& [code, name] : kDefaultSqlStates) {
    if (code == status.code()) return std::string(name);
  }
  return std::string(sqlstate::kInternalError);
}

Position PositionOf(const absl::Status& status) {
  int32_t position = 0;
  if (!absl::SimpleAtoi(PayloadOf(status, kPositionPayload), &position)) return 0;
  return position;
}

std::string HintOf(const absl::Status& status) { return PayloadOf(status, kHintPayload); }

std::string DetailOf(const absl::Status& status) { return PayloadOf(status, kDetailPayload); }

int HttpStatusOf(const absl::Status& status) {
  if (status.ok()) return 200;
  return RowOf(SqlStateOf(status)).http;
}

int GrpcCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return static_cast<int>(RowOf(SqlStateOf(status)).code);
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return RowOf(SqlStateOf(status)).exit;
}

std::string RenderError(const absl::Status& status, absl::string_view statement) {
  if (status.ok()) return "";
  std::string out = absl::StrCat("ERROR:  ", status.message(), "\n");
  const Position position = PositionOf(status);
  if (position > 0) AppendExcerpt(out, statement, position);
  const std::string detail = DetailOf(status);
  if (!detail.empty()) absl::StrAppend(&out, "DETAIL:  ", detail, "\n");
  const std::string hint = HintOf(status);
  if (!hint.empty()) absl::StrAppend(&out, "HINT:  ", hint, "\n");
  return out;
}

}  // namespace kyrodb::sql
