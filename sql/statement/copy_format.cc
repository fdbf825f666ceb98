#include "sql/statement/copy_format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

constexpr absl::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr absl::string_view kBadCopyFile = "22P04";
constexpr size_t kLineBytesShown = 100;

void PutInt16(int16_t value, std::string* out) {
  out->push_back(static_cast<char>(static_cast<uint16_t>(value) >> 8));
  out->push_back(static_cast<char>(value & 0xFF));
}
void PutInt32(int32_t value, std::string* out) {
  const auto bits = static_cast<uint32_t>(value);
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(bits >> shift & 0xFF));
  }
}
int32_t LoadInt(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  if (bytes.size() == 2) return static_cast<int16_t>(value);
  return static_cast<int32_t>(value);
}

absl::StatusOr<bool> Switch(const Option& option) {
  const std::string word = absl::AsciiStrToLower(option.value.value_or("true"));
  for (const char* yes : {"true", "on", "1"}) {
    if (word == yes) return true;
  }
  for (const char* no : {"false", "off", "0"}) {
    if (word == no) return false;
  }
  return Error(sqlstate::kSyntaxError, option.name.position,
               absl::StrCat(option.name.name, " requires a Boolean value"));
}

absl::StatusOr<char> OneByte(const Option& option) {
  const std::string& text = option.value.value_or("");
  if (text.size() != 1) {
    return Error(sqlstate::kFeatureNotSupported, option.name.position,
                 absl::StrCat("COPY ", option.name.name, " must be a single one-byte character"));
  }
  return text[0];
}

absl::Status Conflict(absl::string_view message) {
  return Error(sqlstate::kSyntaxError, 0, message);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes back the escapes of the text form.
std::string Unescape(absl::string_view field) {
  std::string out;
  out.reserve(field.size());
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out.push_back(field[i]);
      continue;
    }
    const char c = field[++i];
    switch (c) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'v':
        out.push_back('\v');
        break;
      case 'x': {
        int value = -1;
        for (int digits = 0; digits < 2 && i + 1 < field.size(); ++digits) {
          const int digit = HexDigit(field[i + 1]);
          if (digit < 0) break;
          value = (value < 0 ? 0 : value * 16) + digit;
          ++i;
        }
        out.push_back(value < 0 ? 'x' : static_cast<char>(value));
        break;
      }
      default:
        if (c >= '0' && c <= '7') {
          int value = c - '0';
          for (int digits = 1;
               digits < 3 && i + 1 < field.size() && field[i + 1] >= '0' && field[i + 1] <= '7';
               ++digits) {
            value = value * 8 + (field[++i] - '0');
          }
          out.push_back(static_cast<char>(value & 0xFF));
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<CopyFormat> ReadCopyOptions(const CopyStatement& statement) {
  CopyFormat format;
  std::vector<std::string> seen;
  bool has_delimiter = false;
  bool has_null = false;
  bool has_quote = false;
  bool has_escape = false;
  for (const Option& option : statement.options) {
    const std::string& name = option.name.name;
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return Error(sqlstate::kSyntaxError, option.name.position,
                   "conflicting or redundant options");
    }
    seen.push_back(name);
    if (name == "format") {
      const std::string value = option.value.value_or("");
      if (value == "text") {
        format.kind = CopyFormat::Kind::kText;
      } else if (value == "csv") {
        format.kind = CopyFormat::Kind::kCsv;
      } else if (value == "binary") {
        format.kind = CopyFormat::Kind::kBinary;
      } else {
        return Error(sqlstate::kInvalidParameterValue, option.name.position,
                     absl::StrCat("COPY format \"", value, "\" not recognized"));
      }
    } else if (name == "delimiter") {
      KYRO_ASSIGN_OR_RETURN(format.delimiter, OneByte(option));
      has_delimiter = true;
    } else if (name == "null") {
      format.null = option.value.value_or("");
      has_null = true;
    } else if (name == "header") {
      if (absl::AsciiStrToLower(option.value.value_or("")) == "match") {
        if (!statement.from) {
          return Error(sqlstate::kInvalidParameterValue, option.name.position,
                       "cannot use \"match\" with HEADER in COPY TO");
        }
        format.header = format.header_match = true;
      } else {
        KYRO_ASSIGN_OR_RETURN(format.header, Switch(option));
      }
    } else if (name == "quote") {
      KYRO_ASSIGN_OR_RETURN(format.quote, OneByte(option));
      has_quote = true;
    } else if (name == "escape") {
      KYRO_ASSIGN_OR_RETURN(format.escape, OneByte(option));
      has_escape = true;
    } else if (name == "freeze") {
      // Rows are as frozen as they can be: there is nothing to do later.
      KYRO_RETURN_IF_ERROR(Switch(option).status());
    } else if (name == "encoding") {
      const std::string value = absl::AsciiStrToLower(option.value.value_or(""));
      if (value != "utf8" && value != "utf-8" && value != "unicode") {
        return Error(sqlstate::kFeatureNotSupported, option.name.position,
                     absl::StrCat("encoding \"", option.value.value_or(""), "\" is not supported"));
      }
    } else if (name == "force_quote" || name == "force_not_null" || name == "force_null") {
      return Error(sqlstate::kFeatureNotSupported, option.name.position,
                   absl::StrCat("COPY (", absl::AsciiStrToUpper(name), ") is not supported yet"));
    } else {
      return Error(sqlstate::kSyntaxError, option.name.position,
                   absl::StrCat("option \"", name, "\" not recognized"));
    }
  }
  const bool csv = format.kind == CopyFormat::Kind::kCsv;
  if (format.kind == CopyFormat::Kind::kBinary) {
    if (has_delimiter) return Conflict("cannot specify DELIMITER in BINARY mode");
    if (has_null) return Conflict("cannot specify NULL in BINARY mode");
    if (format.header) return Conflict("cannot specify HEADER in BINARY mode");
  }
  if (csv && !has_delimiter) format.delimiter = ',';
  if (csv && !has_null) format.null = "";
  if (!csv && has_quote) {
    return Error(sqlstate::kFeatureNotSupported, 0, "COPY quote available only in CSV mode");
  }
  if (!csv && has_escape) {
    return Error(sqlstate::kFeatureNotSupported, 0, "COPY escape available only in CSV mode");
  }
  if (csv && !has_escape) format.escape = format.quote;
  if (format.delimiter == '\n' || format.delimiter == '\r') {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 "COPY delimiter cannot be newline or carriage return");
  }
  if (format.null.find_first_of("\r\n") != std::string::npos) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 "COPY null representation cannot use newline or carriage return");
  }
  if (!csv && std::strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", format.delimiter) != nullptr) {
    return Error(
        sqlstate::kInvalidParameterValue, 0,
        absl::StrCat("COPY delimiter cannot be \"", std::string(1, format.delimiter), "\""));
  }
  if (csv && format.delimiter == format.quote) {
    return Error(sqlstate::kInvalidParameterValue, 0, "COPY delimiter and quote must be different");
  }
  if (format.null.find(format.delimiter) != std::string::npos) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 "COPY delimiter must not appear in the NULL specification");
  }
  return format;
}

// Writing ----------------------------------------------------------------------------------------

void CopyWriter::Begin(std::string* out) const {
  if (format_.kind == CopyFormat::Kind::kBinary) {
    absl::StrAppend(out, kSignature);
    PutInt32(0, out);
    PutInt32(0, out);
  }
  if (!format_.header) return;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out->push_back(format_.delimiter);
    if (format_.kind == CopyFormat::Kind::kCsv) {
      WriteCsv(columns_[i].name, out);
    } else {
      WriteText(columns_[i].name, out);
    }
  }
  out->push_back('\n');
}

void CopyWriter::End(std::string* out) const {
  if (format_.kind == CopyFormat::Kind::kBinary) PutInt16(-1, out);
}

void CopyWriter::WriteText(absl::string_view text, std::string* out) const {
  for (const char c : text) {
    switch (c) {
      case '\b':
        absl::StrAppend(out, "\\b");
        break;
      case '\f':
        absl::StrAppend(out, "\\f");
        break;
      case '\n':
        absl::StrAppend(out, "\\n");
        break;
      case '\r':
        absl::StrAppend(out, "\\r");
        break;
      case '\t':
        absl::StrAppend(out, "\\t");
        break;
      case '\v':
        absl::StrAppend(out, "\\v");
        break;
      case '\\':
        absl::StrAppend(out, "\\\\");
        break;
      default:
        if (c == format_.delimiter) out->push_back('\\');
        out->push_back(c);
    }
  }
}

void CopyWriter::WriteCsv(absl::string_view text, std::string* out) const {
  bool quoted = text == absl::string_view(format_.null) || (columns_.size() == 1 && text == "\\.");
  for (const char c : text) {
    quoted = quoted || c == format_.delimiter || c == format_.quote || c == '\n' || c == '\r';
  }
  if (!quoted) {
    absl::StrAppend(out, text);
    return;
  }
  out->push_back(format_.quote);
  for (const char c : text) {
    if (c == format_.quote || c == format_.escape) out->push_back(format_.escape);
    out->push_back(c);
  }
  out->push_back(format_.quote);
}

absl::Status CopyWriter::Write(const engine::Row& row, std::string* out) const {
  const bool binary = format_.kind == CopyFormat::Kind::kBinary;
  if (binary) PutInt16(static_cast<int16_t>(columns_.size()), out);
  for (size_t i = 0; i < columns_.size(); ++i) {
    const engine::Value& value = row[i];
    if (binary) {
      if (engine::IsNull(value)) {
        PutInt32(-1, out);
        continue;
      }
      const std::string bytes = ToBinary(columns_[i].type, value);
      PutInt32(static_cast<int32_t>(bytes.size()), out);
      out->append(bytes);
      continue;
    }
    if (i > 0) out->push_back(format_.delimiter);
    if (engine::IsNull(value)) {
      out->append(format_.null);
    } else if (format_.kind == CopyFormat::Kind::kCsv) {
      WriteCsv(FormatValue(columns_[i].type, value), out);
    } else {
      WriteText(FormatValue(columns_[i].type, value), out);
    }
  }
  if (!binary) out->push_back('\n');
  return absl::OkStatus();
}

// Reading ----------------------------------------------------------------------------------------

absl::StatusOr<bool> CopyReader::Need(size_t count) {
  while (buffer_.size() - position_ < count) {
    if (source_ended_) return false;
    if (position_ > 0) {
      buffer_.erase(0, position_);
      position_ = 0;
    }
    KYRO_ASSIGN_OR_RETURN(const bool more, source_->Read(&buffer_));
    if (!more) source_ended_ = true;
  }
  return true;
}

// Reads one record into `line_`, without its end. In CSV it may have line ends within quotes.
absl::StatusOr<bool> CopyReader::NextLine() {
  if (ended_) return false;
  const bool csv = format_.kind == CopyFormat::Kind::kCsv;
  ++line_number_;
  size_t at = 0;  // from the position
  bool in_quotes = false;
  bool escaped = false;
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(const bool more, Need(at + 1));
    if (!more) {
      if (in_quotes) return Error(kBadCopyFile, 0, "unterminated CSV quoted field");
      if (at == 0) {
        ended_ = true;
        --line_number_;
        return false;
      }
      line_.assign(buffer_, position_, at);
      position_ += at;
      break;
    }
    const char c = buffer_[position_ + at];
    if (csv) {
      // An escape before a quote is that quote's only within quotes.
      if (in_quotes && c == format_.escape && format_.escape != format_.quote) {
        escaped = !escaped;
      } else {
        if (c == format_.quote && !escaped) in_quotes = !in_quotes;
        escaped = false;
      }
    } else if (c == '\\') {
      escaped = !escaped;
    } else if (escaped && c != '\n' && c != '\r') {
      escaped = false;
    }
    if ((c == '\n' || c == '\r') && !in_quotes && !(escaped && !csv)) {
      line_.assign(buffer_, position_, at);
      size_t taken = at + 1;
      if (c == '\r') {
        KYRO_ASSIGN_OR_RETURN(const bool follows, Need(at + 2));
        if (follows && buffer_[position_ + at + 1] == '\n') ++taken;
      }
      position_ += taken;
      break;
    }
    if (escaped && !csv && (c == '\n' || c == '\r')) escaped = false;
    ++at;
  }
  if (line_ == "\\.") {
    ended_ = true;
    // What follows the mark is not looked at, but taken.
    for (;;) {
      position_ = buffer_.size();
      KYRO_ASSIGN_OR_RETURN(const bool more, Need(1));
      if (!more) return false;
    }
  }
  return true;
}

std::string CopyReader::line() const {
  if (line_.size() <= kLineBytesShown) return line_;
  size_t end = kLineBytesShown;
  while (end > 0 && (line_[end] & 0xC0) == 0x80) --end;
  return absl::StrCat(line_.substr(0, end), "...");
}

absl::Status CopyReader::SplitText(std::vector<std::optional<std::string>>* fields) const {
  size_t begin = 0;
  size_t at = 0;
  bool has_escape = false;
  for (;;) {
    const bool end = at >= line_.size();
    if (end || line_[at] == format_.delimiter) {
      const absl::string_view raw(line_.data() + begin, std::min(at, line_.size()) - begin);
      if (raw == absl::string_view(format_.null)) {
        fields->push_back(std::nullopt);
      } else {
        fields->push_back(has_escape ? Unescape(raw) : std::string(raw));
      }
      if (end) return absl::OkStatus();
      begin = ++at;
      has_escape = false;
      continue;
    }
    if (line_[at] == '\\') {
      has_escape = true;
      ++at;
    }
    ++at;
  }
}

absl::Status CopyReader::SplitCsv(std::vector<std::optional<std::string>>* fields) const {
  size_t at = 0;
  for (;;) {
    std::string field;
    bool quoted = false;
    bool in_quotes = false;
    while (at < line_.size() && (in_quotes || line_[at] != format_.delimiter)) {
      const char c = line_[at];
      if (in_quotes && c == format_.escape && at + 1 < line_.size() &&
          (line_[at + 1] == format_.quote || line_[at + 1] == format_.escape)) {
        field.push_back(line_[at + 1]);
        at += 2;
        continue;
      }
      ++at;
      if (c == format_.quote) {
        in_quotes = !in_quotes;
        quoted = true;
        continue;
      }
      field.push_back(c);
    }
    if (!quoted && field == format_.null) {
      fields->push_back(std::nullopt);
    } else {
      fields->push_back(std::move(field));
    }
    if (at >= line_.size()) return absl::OkStatus();
    ++at;
  }
}

absl::StatusOr<std::vector<std::string>> CopyReader::ReadHeader() {
  std::vector<std::string> names;
  if (!format_.header) return names;
  KYRO_ASSIGN_OR_RETURN(const bool more, NextLine());
  if (!more) return names;
  std::vector<std::optional<std::string>> fields;
  KYRO_RETURN_IF_ERROR(format_.kind == CopyFormat::Kind::kCsv ? SplitCsv(&fields)
                                                              : SplitText(&fields));
  for (std::optional<std::string>& field : fields) names.push_back(std::move(field).value_or(""));
  return names;
}

absl::StatusOr<bool> CopyReader::NextBinary(std::vector<std::optional<std::string>>* fields) {
  if (ended_) return false;
  const auto take = [this](size_t count) {
    const absl::string_view bytes(buffer_.data() + position_, count);
    position_ += count;
    return bytes;
  };
  if (!begun_) {
    begun_ = true;
    KYRO_ASSIGN_OR_RETURN(const bool there, Need(kSignature.size()));
    if (!there || take(kSignature.size()) != kSignature) {
      return Error(kBadCopyFile, 0, "COPY file signature not recognized");
    }
    KYRO_ASSIGN_OR_RETURN(const bool has_header, Need(8));
    if (!has_header) return Error(kBadCopyFile, 0, "invalid COPY file header (missing flags)");
    const int32_t flags = LoadInt(take(4));
    if ((flags & 0xFFFF0000) != 0) {
      return Error(kBadCopyFile, 0, "unrecognized critical flags in COPY file header");
    }
    const int32_t extension = LoadInt(take(4));
    if (extension < 0) return Error(kBadCopyFile, 0, "invalid COPY file header (missing length)");
    for (int32_t i = 0; i < extension; ++i) {
      KYRO_ASSIGN_OR_RETURN(const bool more, Need(1));
      if (!more) return Error(kBadCopyFile, 0, "invalid COPY file header (wrong length)");
      take(1);
    }
  }
  KYRO_ASSIGN_OR_RETURN(const bool more, Need(2));
  if (!more) {
    ended_ = true;
    return false;
  }
  ++line_number_;
  const int32_t count = LoadInt(take(2));
  if (count == -1) {
    ended_ = true;
    --line_number_;
    KYRO_ASSIGN_OR_RETURN(const bool follows, Need(1));
    if (follows) return Error(kBadCopyFile, 0, "received copy data after EOF marker");
    return false;
  }
  if (count < 0 || static_cast<size_t>(count) != column_count_) {
    return Error(kBadCopyFile, 0,
                 absl::StrCat("row field count is ", count, ", expected ", column_count_));
  }
  for (int32_t i = 0; i < count; ++i) {
    KYRO_ASSIGN_OR_RETURN(const bool has_length, Need(4));
    if (!has_length) return Error(kBadCopyFile, 0, "unexpected EOF in COPY data");
    const int32_t length = LoadInt(take(4));
    if (length == -1) {
      fields->push_back(std::nullopt);
      continue;
    }
    if (length < 0) return Error(kBadCopyFile, 0, "invalid field size");
    KYRO_ASSIGN_OR_RETURN(const bool whole, Need(static_cast<size_t>(length)));
    if (!whole) return Error(kBadCopyFile, 0, "unexpected EOF in COPY data");
    fields->push_back(std::string(take(static_cast<size_t>(length))));
  }
  return true;
}

absl::StatusOr<bool> CopyReader::Next(std::vector<std::optional<std::string>>* fields) {
  fields->clear();
  if (format_.kind == CopyFormat::Kind::kBinary) return NextBinary(fields);
  KYRO_ASSIGN_OR_RETURN(const bool more, NextLine());
  if (!more) return false;
  KYRO_RETURN_IF_ERROR(format_.kind == CopyFormat::Kind::kCsv ? SplitCsv(fields)
                                                              : SplitText(fields));
  return true;
}

}  // namespace kyrodb::sql
