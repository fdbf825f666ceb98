#include "server/shell/table_printer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/shell/display_width.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

constexpr size_t kHeldRowsMax = 10000;
constexpr absl::string_view kDim = "\033[2m";
constexpr absl::string_view kBold = "\033[1m";
constexpr absl::string_view kPlain = "\033[0m";

std::string Repeat(absl::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out.append(text.data(), text.size());
  return out;
}

std::string Blanks(size_t count) { return std::string(count, ' '); }

}  // namespace

TablePrinter::TablePrinter(std::span<const sql::ResultColumn> columns, TableStyle style,
                           Write write)
    : columns_(columns.begin(), columns.end()), style_(style), write_(std::move(write)) {
  for (sql::ResultColumn& column : columns_) {
    column.name = OneLine(column.name);
    widths_.push_back(DisplayWidth(column.name));
  }
}

bool TablePrinter::IsNumber(const engine::Type& type) {
  switch (type.id) {
    case engine::TypeId::kSmallint:
    case engine::TypeId::kInteger:
    case engine::TypeId::kBigint:
    case engine::TypeId::kReal:
    case engine::TypeId::kDouble:
    case engine::TypeId::kNumeric:
    case engine::TypeId::kOid:
      return true;
    default:
      return false;
  }
}

TablePrinter::Cell TablePrinter::Format(size_t column, const engine::Value& value) const {
  if (engine::IsNull(value)) return {.text = "NULL", .is_null = true};
  const engine::Type& type = columns_[column].type;
  if (const auto* elements = std::get_if<std::vector<float>>(&value);
      elements != nullptr && style_.shorten_vectors && elements->size() > 6) {
    std::string text = "[";
    for (size_t i = 0; i < 3; ++i) absl::StrAppendFormat(&text, "%.2f, ", (*elements)[i]);
    return {.text = absl::StrCat(text, "… ", elements->size(), "d]")};
  }
  return {.text = OneLine(sql::FormatValue(type, value))};
}

void TablePrinter::Add(const engine::Row& row) {
  std::vector<Cell> cells;
  cells.reserve(row.size());
  for (size_t i = 0; i < row.size(); ++i) cells.push_back(Format(i, row[i]));
  ++row_count_;
  if (begun_) {
    expanded_ ? PrintExpanded(cells) : PrintRow(cells);
    return;
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], DisplayWidth(cells[i].text));
  }
  held_.push_back(std::move(cells));
  if (held_.size() >= kHeldRowsMax) Begin();
}

std::string TablePrinter::Rule(absl::string_view left, absl::string_view middle,
                               absl::string_view right, absl::string_view line) const {
  std::string rule(left.data(), left.size());
  for (size_t i = 0; i < widths_.size(); ++i) {
    if (i > 0) rule.append(middle.data(), middle.size());
    rule.append(Repeat(line, widths_[i] + 2));
  }
  return absl::StrCat(rule, right, "\n");
}

std::string TablePrinter::Padded(const Cell& cell, size_t column, bool last) const {
  const size_t width = DisplayWidth(cell.text);
  const std::string blanks = Blanks(widths_[column] > width ? widths_[column] - width : 0);
  const std::string text =
      cell.is_null && style_.color ? absl::StrCat(kDim, cell.text, kPlain) : cell.text;
  if (IsNumber(columns_[column].type)) return absl::StrCat(blanks, text);
  return absl::StrCat(text, last ? "" : blanks);
}

void TablePrinter::Begin() {
  begun_ = true;
  size_t total = 1;
  for (const size_t width : widths_) total += width + 3;
  expanded_ = style_.expanded == Expanded::kOn ||
              (style_.expanded == Expanded::kAuto && total > style_.terminal_width);
  if (!expanded_) {
    const absl::string_view bar = style_.boxes ? "│" : "|";
    if (style_.boxes) write_(Rule("┌", "┬", "┐", "─"));
    std::string header(style_.boxes ? "│" : "");
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) absl::StrAppend(&header, bar);
      const size_t blanks = widths_[i] - DisplayWidth(columns_[i].name);
      absl::StrAppend(&header, " ", Blanks(blanks / 2), style_.color ? kBold : "", columns_[i].name,
                      style_.color ? kPlain : "", Blanks(blanks - blanks / 2), " ");
    }
    absl::StrAppend(&header, style_.boxes ? "│" : "", "\n");
    write_(header);
    write_(style_.boxes ? Rule("├", "┼", "┤", "─") : Rule("", "+", "", "-"));
  }
  uint64_t printed = 0;
  const uint64_t total_rows = row_count_;
  for (const std::vector<Cell>& row : held_) {
    row_count_ = ++printed;
    expanded_ ? PrintExpanded(row) : PrintRow(row);
  }
  row_count_ = total_rows;
  held_.clear();
}

void TablePrinter::PrintRow(const std::vector<Cell>& row) {
  const absl::string_view bar = style_.boxes ? "│" : "|";
  std::string line(style_.boxes ? "│" : "");
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) absl::StrAppend(&line, bar);
    const bool last = i + 1 == row.size() && !style_.boxes;
    absl::StrAppend(&line, " ", Padded(row[i], i, last), last ? "" : " ");
  }
  absl::StrAppend(&line, style_.boxes ? "│" : "", "\n");
  write_(line);
}

void TablePrinter::PrintExpanded(const std::vector<Cell>& row) {
  size_t name_width = 0;
  size_t value_width = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    name_width = std::max(name_width, DisplayWidth(columns_[i].name));
    value_width = std::max(value_width, DisplayWidth(row[i].text));
  }
  const absl::string_view line = style_.boxes ? "─" : "-";
  const std::string title = absl::StrCat(style_.boxes ? "─" : "-", "[ RECORD ", row_count_, " ]");
  const size_t total = name_width + 3 + value_width;
  const size_t used = DisplayWidth(title);
  write_(absl::StrCat(title, Repeat(line, total > used ? total - used : 0), "\n"));
  for (size_t i = 0; i < row.size(); ++i) {
    write_(absl::StrCat(
        columns_[i].name, Blanks(name_width - DisplayWidth(columns_[i].name)),
        style_.boxes ? " │ " : " | ",
        row[i].is_null && style_.color ? absl::StrCat(kDim, row[i].text, kPlain) : row[i].text,
        "\n"));
  }
}

void TablePrinter::Finish() {
  if (!begun_) Begin();
  if (!expanded_ && style_.boxes) write_(Rule("└", "┴", "┘", "─"));
  write_(absl::StrCat("(", row_count_, row_count_ == 1 ? " row)\n" : " rows)\n",
                      style_.boxes ? "" : "\n"));
}

}  // namespace kyrodb::server
