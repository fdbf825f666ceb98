// Runs sqllogictest files against a database in memory, a fresh one for each file.
//
//   kyro_sqllogic [--engine NAME] [--verbose] FILE…
//
// Understood: `statement ok|error|count`, `query TYPES [sort] [label]`, `query error`, `skipif`,
// `onlyif`, `hash-threshold`, `control sortmode`, `connection NAME` (its own session), `subtest`,
// `halt`; results one value per line (sqllogictest) or one row per line (sqllogictest-rs). An
// expected error is looked for (a small subset of regular expressions: `|`, `.*`, backslashes) in
// `SQLSTATE: message [at N] [HINT: …] [DETAIL: …]`.
// Source: https://sqlite.org/sqllogictest (the format and its hashes), sqllogictest-rs's README.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/memory_file_system.h"
#include "engine/database.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/session.h"

namespace kyrodb::sql {
namespace {

struct Totals {
  uint64_t passed = 0;
  uint64_t failed = 0;
};

std::string ErrorText(const absl::Status& status) {
  std::string text = absl::StrCat(SqlStateOf(status), ": ", status.message());
  if (PositionOf(status) != 0) absl::StrAppend(&text, " at ", PositionOf(status));
  if (!HintOf(status).empty()) absl::StrAppend(&text, " HINT: ", HintOf(status));
  if (!DetailOf(status).empty()) absl::StrAppend(&text, " DETAIL: ", DetailOf(status));
  return text;
}

// Whether `pattern` occurs in `text`: alternatives between |, any characters for .*, a backslash
// before a character that means itself; everything else means itself anyway.
bool Matches(const std::string& text, const std::string& pattern) {
  std::vector<std::vector<std::string>> alternatives(1, std::vector<std::string>(1));
  for (size_t i = 0; i < pattern.size(); ++i) {
    std::vector<std::string>& pieces = alternatives.back();
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      pieces.back().push_back(pattern[++i]);
    } else if (pattern[i] == '|') {
      alternatives.emplace_back(1);
    } else if (pattern.compare(i, 2, ".*") == 0) {
      pieces.emplace_back();
      ++i;
    } else {
      pieces.back().push_back(pattern[i]);
    }
  }
  for (const std::vector<std::string>& pieces : alternatives) {
    size_t at = 0;
    for (const std::string& piece : pieces) {
      at = at == std::string::npos ? at : text.find(piece, at);
      if (at != std::string::npos) at += piece.size();
    }
    if (at != std::string::npos) return true;
  }
  return false;
}

// A value as the result type letter says.
std::string Render(const engine::Type& type, const engine::Value& value, char letter) {
  if (engine::IsNull(value)) return "NULL";
  if (letter == 'I') {
    if (const auto* number = std::get_if<double>(&value)) {
      if (*number > -9.2e18 && *number < 9.2e18) {
        return absl::StrCat(static_cast<int64_t>(*number));
      }
    }
    if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "1" : "0";
    // As C's atoi: the number that a text begins with, else 0.
    if (type.id == engine::TypeId::kText || type.id == engine::TypeId::kNumeric) {
      return absl::StrCat(std::strtoll(FormatValue(type, value).c_str(), nullptr, 10));
    }
  }
  if (letter == 'R') {
    if (type.id == engine::TypeId::kNumeric) {
      return absl::StrFormat("%.3f", std::strtod(FormatValue(type, value).c_str(), nullptr));
    }
    if (const auto* number = std::get_if<double>(&value)) {
      return absl::StrFormat("%.3f", *number);
    }
    if (const auto* number = std::get_if<int64_t>(&value)) {
      return absl::StrFormat("%.3f", static_cast<double>(*number));
    }
  }
  std::string text = FormatValue(type, value);
  if (text.empty()) return "(empty)";
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '@';
  }
  return text;
}

std::string Squeeze(absl::string_view line) {
  return absl::StrJoin(absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty()), " ");
}

class File {
 public:
  File(std::string path, std::string engine, bool verbose, Totals* totals)
      : path_(std::move(path)),
        engine_(std::move(engine)),
        verbose_(verbose),
        totals_(totals),
        disk_(NewMemoryFileSystem()) {}

  // False when the file cannot be read or the database not be made.
  bool Run() {
    std::ifstream in(path_);
    if (!in) {
      std::cout << path_ << ": cannot be read\n";
      return false;
    }
    std::string line;
    while (std::getline(in, line)) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      lines_.push_back(line);
    }
    engine::OpenOptions options;
    options.file_system = disk_.get();
    absl::StatusOr<std::unique_ptr<engine::Database>> database =
        engine::Database::Open("db", options);
    if (!database.ok()) {
      std::cout << path_ << ": " << database.status() << "\n";
      return false;
    }
    database_ = *std::move(database);
    while (at_ < lines_.size() && !halted_) Record();
    sessions_.clear();
    const absl::Status closed = database_->Close();
    if (!closed.ok()) {
      std::cout << path_ << ": close: " << closed << "\n";
      return false;
    }
    return true;
  }

 private:
  Session& session() {
    std::unique_ptr<Session>& found = sessions_[connection_];
    if (found == nullptr) found = std::make_unique<Session>(database_.get());
    return *found;
  }

  // MD5 over the values, each with a newline after it; the database knows how.
  std::string Hash(const std::vector<std::string>& values) {
    const std::string all = absl::StrCat(absl::StrJoin(values, "\n"), values.empty() ? "" : "\n");
    Session hasher(database_.get());
    const Parameter parameter = engine::Value(all);
    const absl::StatusOr<ResultSet> result =
        hasher.Query("SELECT md5($1::text)", std::span<const Parameter>(&parameter, 1));
    if (!result.ok()) return ErrorText(result.status());
    return std::get<std::string>(result->rows[0][0]);
  }

  void Fail(size_t line, const std::string& message) {
    ++totals_->failed;
    std::cout << path_ << ":" << line << ": " << message << "\n";
  }
  void Pass() { ++totals_->passed; }

  // The lines up to an empty one or "----".
  std::string Statement() {
    std::string text;
    while (at_ < lines_.size() && !lines_[at_].empty() && lines_[at_] != "----") {
      if (!text.empty()) text += "\n";
      text += lines_[at_++];
    }
    return text;
  }
  std::vector<std::string> Expected() {
    std::vector<std::string> expected;
    if (at_ < lines_.size() && lines_[at_] == "----") {
      ++at_;
      while (at_ < lines_.size() && !lines_[at_].empty()) expected.push_back(lines_[at_++]);
    }
    return expected;
  }

  void Record() {
    const size_t line = at_ + 1;
    const std::string head = lines_[at_++];
    if (head.empty() || head[0] == '#') return;
    std::vector<std::string> words =
        absl::StrSplit(head, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty()) return;
    const std::string& word = words[0];
    if (word == "skipif" || word == "onlyif") {
      if (words.size() < 2) return Fail(line, "a condition without an engine");
      if ((word == "skipif") == (words[1] == engine_)) skip_ = true;
      return;
    }
    const bool skip = skip_;
    skip_ = false;
    if (word == "halt") {
      halted_ = !skip;
    } else if (word == "hash-threshold") {
      // Results say themselves when they are hashed.
    } else if (word == "control") {
      if (words.size() == 3 && words[1] == "sortmode") sort_mode_ = words[2];
    } else if (word == "connection") {
      if (words.size() == 2) connection_ = words[1];
      return;
    } else if (word == "subtest") {
      return;
    } else if (word == "statement") {
      RunStatement(line, head, words, skip);
    } else if (word == "query") {
      RunQuery(line, head, words, skip);
    } else {
      Fail(line, absl::StrCat("unknown record \"", word, "\""));
    }
  }

  void RunStatement(size_t line, const std::string& head, const std::vector<std::string>& words,
                    bool skip) {
    const std::string text = Statement();
    const std::vector<std::string> details = Expected();
    if (skip || words.size() < 2) return;
    if (verbose_) std::cout << path_ << ":" << line << ": " << text << "\n";
    absl::StatusOr<ResultSet> result = session().Query(text);
    if (words[1] == "error") {
      std::string pattern;
      const size_t begin = head.find("error") + 5;
      pattern = std::string(absl::StripAsciiWhitespace(head.substr(begin)));
      if (!details.empty()) pattern = absl::StrJoin(details, "\n");
      if (result.ok()) {
        return Fail(line, absl::StrCat("succeeded, but an error was expected: ", text));
      }
      if (!Matches(ErrorText(result.status()), pattern)) {
        return Fail(line, absl::StrCat("another error than \"", pattern,
                                       "\": ", ErrorText(result.status())));
      }
      return Pass();
    }
    if (!result.ok()) {
      return Fail(line, absl::StrCat(ErrorText(result.status()), "\n  in: ", text));
    }
    if (words[1] == "count" && words.size() > 2) {
      const std::vector<std::string> tag = absl::StrSplit(result->command_tag, ' ');
      if (tag.back() != words[2]) {
        return Fail(line, absl::StrCat("count ", tag.back(), ", expected ", words[2], ": ", text));
      }
    }
    Pass();
  }

  void RunQuery(size_t line, const std::string& head, const std::vector<std::string>& words,
                bool skip) {
    const std::string text = Statement();
    std::vector<std::string> expected = Expected();
    if (skip) return;
    if (verbose_) std::cout << path_ << ":" << line << ": " << text << "\n";
    absl::StatusOr<ResultSet> result = session().Query(text);
    if (words.size() > 1 && words[1] == "error") {
      const std::string pattern =
          std::string(absl::StripAsciiWhitespace(head.substr(head.find("error") + 5)));
      if (result.ok())
        return Fail(line, absl::StrCat("succeeded, but an error was expected: ", text));
      if (!Matches(ErrorText(result.status()), pattern)) {
        return Fail(line, absl::StrCat("another error than \"", pattern,
                                       "\": ", ErrorText(result.status())));
      }
      return Pass();
    }
    if (!result.ok()) {
      return Fail(line, absl::StrCat(ErrorText(result.status()), "\n  in: ", text));
    }
    const std::string types = words.size() > 1 ? words[1] : "";
    const size_t width = result->columns.size();
    if (!types.empty() && types.size() != width) {
      return Fail(line, absl::StrCat(width, " columns, expected ", types.size(), ": ", text));
    }
    std::string sort = sort_mode_;
    std::string label;
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i] == "nosort" || words[i] == "rowsort" || words[i] == "valuesort") {
        sort = words[i];
      } else {
        label = words[i];
      }
    }
    std::vector<std::vector<std::string>> rows;
    for (const engine::Row& row : result->rows) {
      std::vector<std::string> values;
      for (size_t c = 0; c < width; ++c) {
        values.push_back(
            Render(result->columns[c].type, row[c], c < types.size() ? types[c] : 'T'));
      }
      rows.push_back(std::move(values));
    }
    if (sort == "rowsort") std::sort(rows.begin(), rows.end());
    std::vector<std::string> values;
    for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
    if (sort == "valuesort") std::sort(values.begin(), values.end());
    const bool hashed =
        expected.size() == 1 && absl::StrContains(expected[0], " values hashing to ");
    const std::string hash = hashed || !label.empty() ? Hash(values) : "";
    if (!label.empty()) {
      const auto [found, fresh] = labels_.emplace(label, hash);
      if (!fresh && found->second != hash) {
        return Fail(line,
                    absl::StrCat("another result than before under label ", label, ": ", text));
      }
    }
    if (hashed) {
      const std::string actual = absl::StrCat(values.size(), " values hashing to ", hash);
      if (actual != expected[0]) {
        return Fail(line, absl::StrCat(actual, ", expected ", expected[0], ": ", text));
      }
      return Pass();
    }
    if (values == expected) return Pass();
    // One row per line.
    std::vector<std::string> row_lines;
    for (const auto& row : rows) row_lines.push_back(Squeeze(absl::StrJoin(row, " ")));
    std::vector<std::string> squeezed;
    for (const std::string& one : expected) squeezed.push_back(Squeeze(one));
    if (sort == "rowsort") {
      std::sort(row_lines.begin(), row_lines.end());
      std::sort(squeezed.begin(), squeezed.end());
    }
    if (row_lines == squeezed) return Pass();
    Fail(line, absl::StrCat("another result for: ", text, "\n  expected:\n    ",
                            absl::StrJoin(expected, "\n    "), "\n  actual:\n    ",
                            absl::StrJoin(row_lines, "\n    ")));
  }

  const std::string path_;
  const std::string engine_;
  const bool verbose_;
  Totals* const totals_;
  std::unique_ptr<MemoryFileSystem> disk_;
  std::unique_ptr<engine::Database> database_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::map<std::string, std::string> labels_;
  std::string connection_ = "default";
  std::string sort_mode_ = "nosort";
  std::vector<std::string> lines_;
  size_t at_ = 0;
  bool skip_ = false;
  bool halted_ = false;
};

int Main(int argc, char** argv) {
  std::string engine = "kyrodb";
  bool verbose = false;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--engine" && i + 1 < argc) {
      engine = argv[++i];
    } else if (argument == "--verbose") {
      verbose = true;
    } else if (absl::StartsWith(argument, "--")) {
      std::cerr << "unknown option " << argument
                << "\nusage: kyro_sqllogic [--engine NAME] [--verbose] FILE...\n";
      return 2;
    } else {
      files.push_back(argument);
    }
  }
  if (files.empty()) {
    std::cerr << "usage: kyro_sqllogic [--engine NAME] [--verbose] FILE...\n";
    return 2;
  }
  Totals all;
  bool broken = false;
  for (const std::string& path : files) {
    Totals totals;
    if (!File(path, engine, verbose, &totals).Run()) {
      broken = true;
      ++totals.failed;
    }
    if (files.size() > 1) {
      std::cout << path << ": " << totals.passed << " passed, " << totals.failed << " failed\n";
    }
    all.passed += totals.passed;
    all.failed += totals.failed;
  }
  std::cout << all.passed << " passed, " << all.failed << " failed" << std::endl;
  return broken || all.failed > 0 ? 1 : 0;
}

}  // namespace
}  // namespace kyrodb::sql

int main(int argc, char** argv) { return kyrodb::sql::Main(argc, argv); }
