#include "server/shell/shell.h"

#include <fnmatch.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/shell/interrupts.h"
#include "server/shell/line_editor.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/script.h"

namespace kyrodb::server {
namespace {

// The columns and expressions of an index that has entries.
std::vector<std::string> EntryColumns(const engine::TableSchema& table,
                                      const engine::IndexSchema& index) {
  std::vector<std::string> names;
  for (const uint32_t column : index.columns) names.push_back(table.columns[column].name);
  for (const engine::IndexPart& part : index.parts) {
    names.push_back(part.is_expression() ? part.expression_sql : table.columns[part.column].name);
  }
  return names;
}

constexpr int kIncludeDepthMax = 16;

constexpr absl::string_view kHelp = R"(Commands:
  \d [NAME]          list tables and indexes, or describe one
  \dt [PATTERN]      list tables
  \di [PATTERN]      list indexes
  \x [on|off|auto]   one line for each value
  \timing [on|off]   show how long statements take
  \i FILE            run the statements of a file
  \echo TEXT         print a line
  \?                 this list
  \q                 leave (so does Ctrl-D)
Statements end with a semicolon and may take several lines; Ctrl-C ends the one that runs.
)";

class PrintingSink : public sql::ResultSink {
 public:
  PrintingSink(std::ostream* out, std::ostream* error, TableStyle style)
      : out_(out), error_(error), style_(style) {}

  absl::Status Columns(std::span<const sql::ResultColumn> columns) override {
    printer_.emplace(columns, style_, [this](absl::string_view text) { *out_ << text; });
    return absl::OkStatus();
  }
  absl::Status Batch(std::span<const engine::Row> rows) override {
    for (const engine::Row& row : rows) printer_->Add(row);
    return absl::OkStatus();
  }
  absl::Status Complete(absl::string_view command_tag) override {
    if (printer_.has_value()) {
      printer_->Finish();
      printer_.reset();
      // As psql: what a write returned is printed, then what it did.
      if (absl::StartsWith(command_tag, "SELECT") || absl::StartsWith(command_tag, "EXPLAIN") ||
          absl::StartsWith(command_tag, "SHOW")) {
        return absl::OkStatus();
      }
    }
    *out_ << command_tag << '\n';
    return absl::OkStatus();
  }
  void Notice(absl::string_view severity, absl::string_view, absl::string_view message) override {
    out_->flush();
    *error_ << severity << ":  " << message << '\n';
  }

 private:
  std::ostream* out_;
  std::ostream* error_;
  TableStyle style_;
  std::optional<TablePrinter> printer_;
};

std::string Lower(absl::string_view text) { return absl::AsciiStrToLower(text); }

bool Matches(absl::string_view pattern, const std::string& name) {
  return pattern.empty() || fnmatch(std::string(pattern).c_str(), name.c_str(), 0) == 0;
}

absl::string_view OperatorClass(engine::Metric metric) {
  switch (metric) {
    case engine::Metric::kL2:
      return "vector_l2_ops";
    case engine::Metric::kInnerProduct:
      return "vector_ip_ops";
    case engine::Metric::kCosine:
      return "vector_cosine_ops";
  }
  return "";
}

}  // namespace

Shell::Shell(Host* host, std::ostream* out, std::ostream* error, ShellOptions options)
    : host_(host),
      out_(out),
      error_(error),
      options_(std::move(options)),
      session_(host->NewSession()),
      expanded_(options_.interactive ? Expanded::kAuto : Expanded::kOff) {
  timing_ = options_.interactive;
}

Shell::~Shell() = default;

TableStyle Shell::Style() const {
  return {.boxes = options_.interactive,
          .color = options_.color,
          .shorten_vectors = options_.interactive,
          .expanded = expanded_,
          .terminal_width = options_.terminal_width};
}

void Shell::Interrupt() {
  if (running_) session_->Cancel();
}

std::string Shell::Prompt() const {
  const char mark = session_->transaction_status() == sql::TransactionStatus::kInTransaction ? '*'
                    : session_->transaction_status() == sql::TransactionStatus::kFailed      ? '!'
                                                                                             : '\0';
  const sql::ScriptSplit split = sql::SplitScript(buffer_);
  const char open = split.rest.empty() ? '=' : split.open;
  std::string prompt = absl::StrCat("kyro", std::string(1, open));
  if (mark != '\0') prompt.push_back(mark);
  return absl::StrCat(prompt, "> ");
}

void Shell::RunInteractive() {
  LineEditor editor(options_.history_file);
  Interrupts interrupts([this] { Interrupt(); });
  while (!quit_) {
    const std::optional<std::string> line = editor.ReadLine(Prompt());
    if (!line.has_value()) {
      if (interrupts.Take()) {
        *out_ << "^C\n";
        out_->flush();
        buffer_.clear();
        continue;
      }
      *out_ << '\n';
      break;
    }
    statements_.clear();
    TakeLine(*line);
    if (buffer_.empty()) editor.Remember(absl::StrJoin(statements_, " "));
    interrupts.Take();
    out_->flush();
  }
}

bool Shell::RunScript(absl::string_view text) {
  // SQL is one script, and so one transaction; commands are taken line by line.
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "\\")) {
    const sql::ScriptSplit whole = sql::SplitScript(text);
    return (whole.statements.empty() && whole.rest.empty()) || RunStatement(std::string(text));
  }
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!TakeLine(std::string(line))) return false;
    if (quit_) return true;
  }
  // The last statement needs no semicolon here.
  const std::string rest = std::exchange(buffer_, "");
  const sql::ScriptSplit split = sql::SplitScript(rest);
  return split.rest.empty() || RunStatement(rest);
}

bool Shell::RunStream(std::istream& in) {
  std::string line;
  while (!quit_ && std::getline(in, line)) {
    if (!TakeLine(line)) return false;
  }
  if (quit_) return true;
  const std::string rest = std::exchange(buffer_, "");
  const sql::ScriptSplit split = sql::SplitScript(rest);
  return split.rest.empty() || RunStatement(rest);
}

bool Shell::TakeLine(const std::string& line) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(line);
  if (buffer_.empty() && absl::StartsWith(stripped, "\\")) {
    statements_.emplace_back(stripped);
    return RunCommand(stripped);
  }
  if (buffer_.empty() && stripped.empty()) return true;
  absl::StrAppend(&buffer_, line, "\n");
  // Splitting costs the length of the buffer: look only when the line could end a statement.
  if (!absl::StrContains(line, ';')) return true;
  const sql::ScriptSplit split = sql::SplitScript(buffer_);
  if (split.statements.empty()) return true;
  std::string whole = std::exchange(buffer_, "");
  const sql::ScriptSplit parts = sql::SplitScript(whole);
  buffer_ = parts.rest.empty() ? "" : absl::StrCat(parts.rest, "\n");
  for (const absl::string_view statement : parts.statements) {
    statements_.push_back(absl::StrCat(statement, ";"));
    if (!RunStatement(absl::StrCat(statement, ";"))) {
      if (options_.interactive) continue;
      return false;
    }
  }
  return true;
}

bool Shell::RunStatement(absl::string_view statement) {
  PrintingSink sink(out_, error_, Style());
  const auto begin = std::chrono::steady_clock::now();
  running_ = true;
  const absl::Status status = session_->Execute(statement, &sink);
  running_ = false;
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  out_->flush();
  if (!status.ok()) {
    *error_ << sql::RenderError(status, statement);
    error_->flush();
  }
  if (timing_) *out_ << absl::StrFormat("Time: %.3f ms\n", taken.count());
  out_->flush();
  return status.ok();
}

bool Shell::Complain(absl::string_view message) {
  out_->flush();
  *error_ << message << '\n';
  error_->flush();
  return false;
}

bool Shell::RunCommand(absl::string_view command) {
  const size_t end = command.find_first_of(" \t");
  const std::string name(command.substr(0, end));
  const absl::string_view argument =
      end == absl::string_view::npos ? "" : absl::StripAsciiWhitespace(command.substr(end));
  const auto set_switch = [&](bool* value) {
    if (argument.empty()) {
      *value = !*value;
    } else if (Lower(argument) == "on" || Lower(argument) == "off") {
      *value = Lower(argument) == "on";
    } else {
      return Complain(absl::StrCat(name, ": \"", argument, "\" is neither on nor off"));
    }
    return true;
  };
  if (name == "\\q" || name == "\\quit") {
    quit_ = true;
  } else if (name == "\\?") {
    *out_ << kHelp;
  } else if (name == "\\echo") {
    *out_ << argument << '\n';
  } else if (name == "\\timing") {
    if (!set_switch(&timing_)) return false;
    *out_ << "Timing is " << (timing_ ? "on" : "off") << ".\n";
  } else if (name == "\\x") {
    if (Lower(argument) == "auto") {
      expanded_ = Expanded::kAuto;
      *out_ << "Expanded display is used automatically.\n";
      return true;
    }
    bool on = expanded_ == Expanded::kOn;
    if (!set_switch(&on)) return false;
    expanded_ = on ? Expanded::kOn : Expanded::kOff;
    *out_ << "Expanded display is " << (on ? "on" : "off") << ".\n";
  } else if (name == "\\i" || name == "\\include") {
    if (argument.empty()) return Complain("\\i: expected the name of a file");
    return Include(std::string(argument));
  } else if (name == "\\d" && !argument.empty()) {
    return Describe(argument);
  } else if (name == "\\d" || name == "\\dt" || name == "\\di") {
    return List(name, argument);
  } else {
    return Complain(absl::StrCat("unknown command ", name, "; \\? lists the commands"));
  }
  return true;
}

bool Shell::Include(const std::string& path) {
  if (include_depth_ >= kIncludeDepthMax) {
    return Complain(
        absl::StrCat("\\i: files include each other more than ", kIncludeDepthMax, " deep"));
  }
  std::ifstream file(path);
  if (!file) return Complain(absl::StrCat("\\i: cannot open ", path, ": ", std::strerror(errno)));
  ++include_depth_;
  std::string line;
  bool good = true;
  while (good && !quit_ && std::getline(file, line)) good = TakeLine(line);
  --include_depth_;
  if (file.bad()) return Complain(absl::StrCat("\\i: cannot read ", path));
  return good;
}

void Shell::PrintTable(const std::vector<sql::ResultColumn>& columns,
                       const std::vector<engine::Row>& rows, absl::string_view title) {
  *out_ << title << '\n';
  TableStyle style = Style();
  style.expanded = Expanded::kOff;
  TablePrinter printer(columns, style, [this](absl::string_view text) { *out_ << text; });
  for (const engine::Row& row : rows) printer.Add(row);
  printer.Finish();
}

bool Shell::List(absl::string_view what, absl::string_view pattern) {
  const engine::Type text{engine::TypeId::kText};
  const engine::Type number{engine::TypeId::kBigint};
  std::vector<engine::Row> rows;
  const bool indexes = what != "\\dt";
  for (const auto& table : host_->database().Begin()->catalog()->tables()) {
    if (what != "\\di" && Matches(pattern, table->name)) {
      rows.push_back({table->name, std::string("table"), engine::Null(),
                      static_cast<int64_t>(table->columns.size())});
    }
    for (const engine::IndexSchema& index : table->indexes) {
      if (!indexes || !Matches(pattern, index.name)) continue;
      const size_t columns = index.has_entries() ? index.columns.size() + index.parts.size() : 1;
      rows.push_back(
          {index.name, std::string("index"), table->name, static_cast<int64_t>(columns)});
    }
  }
  if (rows.empty()) {
    *out_ << (pattern.empty() ? "There is nothing to list yet.\n"
                              : absl::StrCat("Nothing is named \"", pattern, "\".\n"));
    return true;
  }
  PrintTable({{"Name", text}, {"Kind", text}, {"Table", text}, {"Columns", number}}, rows,
             what == "\\di"   ? "List of indexes"
             : what == "\\dt" ? "List of tables"
                              : "List of relations");
  return true;
}

bool Shell::Describe(absl::string_view name) {
  std::string wanted(name);
  if (wanted.size() > 2 && wanted.front() == '"' && wanted.back() == '"') {
    wanted = wanted.substr(1, wanted.size() - 2);
  } else {
    wanted = Lower(wanted);
  }
  const std::shared_ptr<const engine::Catalog> catalog = host_->database().Begin()->catalog();
  std::shared_ptr<const engine::TableSchema> table = catalog->FindTable(wanted);
  const engine::Type text{engine::TypeId::kText};
  if (table == nullptr) {
    table = catalog->FindIndexOwner(wanted);
    if (table == nullptr)
      return Complain(absl::StrCat("there is no relation named \"", wanted, "\""));
    for (const engine::IndexSchema& index : table->indexes) {
      if (index.name != wanted) continue;
      std::vector<engine::Row> columns;
      for (const std::string& column : EntryColumns(*table, index)) {
        columns.push_back({column, index.method, engine::Null()});
      }
      if (!index.has_entries()) {
        columns.push_back({table->columns[index.column].name, index.method,
                           std::string(OperatorClass(index.metric))});
      }
      PrintTable({{"Column", text}, {"Method", text}, {"Operators", text}}, columns,
                 absl::StrCat("Index \"", wanted, "\" of table \"", table->name, "\""));
    }
    return true;
  }
  std::vector<engine::Row> rows;
  for (const engine::ColumnSchema& column : table->columns) {
    const std::string filled =
        !column.generated_sql.empty()
            ? absl::StrCat("generated always as (", column.generated_sql, ") stored")
            : column.default_sql;
    rows.push_back({column.name, engine::TypeName(column.type),
                    std::string(column.not_null ? "not null" : ""), filled});
  }
  PrintTable({{"Column", text}, {"Type", text}, {"Nullable", text}, {"Default", text}}, rows,
             absl::StrCat("Table \"", table->name, "\""));
  if (table->primary_key.empty() && table->indexes.empty()) return true;
  *out_ << "Indexes:\n";
  if (!table->primary_key.empty()) {
    std::vector<std::string> keys;
    for (const uint32_t column : table->primary_key) keys.push_back(table->columns[column].name);
    *out_ << "    PRIMARY KEY, learned (" << absl::StrJoin(keys, ", ") << ")\n";
  }
  for (const engine::IndexSchema& index : table->indexes) {
    if (index.has_entries()) {
      *out_ << "    " << sql::QuoteIdentifier(index.name) << ' ' << (index.unique ? "unique " : "")
            << index.method << " (" << absl::StrJoin(EntryColumns(*table, index), ", ") << ")"
            << (index.where_sql.empty() ? "" : absl::StrCat(" WHERE ", index.where_sql)) << "\n";
      continue;
    }
    *out_ << "    " << sql::QuoteIdentifier(index.name) << ' ' << index.method << " ("
          << table->columns[index.column].name << ' ' << OperatorClass(index.metric)
          << ") WITH (m = " << index.m << ", ef_construction = " << index.ef_construction << ")\n";
  }
  *out_ << '\n';
  return true;
}

}  // namespace kyrodb::server
