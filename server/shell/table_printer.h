// Results as text: boxes on a terminal, psql's plain alignment elsewhere, or one line for each
// value.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/value.h"
#include "sql/session.h"

namespace kyrodb::server {

enum class Expanded { kOff, kOn, kAuto };

struct TableStyle {
  bool boxes = false;            // lines of box-drawing characters, else psql's
  bool color = false;            // NULL dimmed, headers bold
  bool shorten_vectors = false;  // `[0.12, -0.03, … 256d]`
  Expanded expanded = Expanded::kOff;
  size_t terminal_width = 80;  // for kAuto
};

// Prints one result, row by row: column widths come from the first rows, later rows that are wider
// stick out.
//
// Thread-safety:  one thread at a time.
class TablePrinter {
 public:
  using Write = std::function<void(absl::string_view)>;
  TablePrinter(std::span<const sql::ResultColumn> columns, TableStyle style, Write write);

  void Add(const engine::Row& row);
  // Prints what is held back, and "(3 rows)".
  void Finish();

 private:
  struct Cell {
    std::string text;
    bool is_null = false;
  };
  Cell Format(size_t column, const engine::Value& value) const;
  void Begin();
  void PrintRow(const std::vector<Cell>& row);
  void PrintExpanded(const std::vector<Cell>& row);
  std::string Rule(absl::string_view left, absl::string_view middle, absl::string_view right,
                   absl::string_view line) const;
  std::string Padded(const Cell& cell, size_t column, bool last) const;
  static bool IsNumber(const engine::Type& type);

  std::vector<sql::ResultColumn> columns_;
  TableStyle style_;
  Write write_;
  std::vector<size_t> widths_;
  std::vector<std::vector<Cell>> held_;
  bool begun_ = false;
  bool expanded_ = false;
  uint64_t row_count_ = 0;
};

}  // namespace kyrodb::server
