// The SQL shell: statements and backslash commands in, tables and errors out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/host.h"
#include "server/shell/table_printer.h"
#include "sql/session.h"

namespace kyrodb::server {

struct ShellOptions {
  bool interactive = false;  // a person at a terminal: prompts, boxes, editing
  bool color = false;
  size_t terminal_width = 80;
  std::string history_file;
};

// Thread-safety:  one thread at a time, except `Interrupt`.
// Lifetime:       host and streams must outlive it.
class Shell {
 public:
  Shell(Host* host, std::ostream* out, std::ostream* error, ShellOptions options);
  ~Shell();

  // What the user types until the end of input or `\q`.
  void RunInteractive();
  // Runs everything in `text`; stops at the first failure. Returns whether all went well.
  bool RunScript(absl::string_view text);
  // Runs what a stream holds, statement by statement; stops at the first failure.
  bool RunStream(std::istream& in);

  // Ends the statement that runs now. May be called from any thread.
  void Interrupt();

 private:
  // Takes one line into the buffer and runs what is complete. False: something failed.
  bool TakeLine(const std::string& line);
  bool RunStatement(absl::string_view statement);
  bool RunCommand(absl::string_view command);
  bool Describe(absl::string_view name);
  bool List(absl::string_view what, absl::string_view pattern);
  bool Include(const std::string& path);
  bool Complain(absl::string_view message);
  void PrintTable(const std::vector<sql::ResultColumn>& columns,
                  const std::vector<engine::Row>& rows, absl::string_view title);
  std::string Prompt() const;
  TableStyle Style() const;

  Host* host_;
  std::ostream* out_;
  std::ostream* error_;
  ShellOptions options_;
  std::unique_ptr<sql::Session> session_;
  std::string buffer_;
  std::vector<std::string> statements_;  // of the line taken last, for the history
  bool quit_ = false;
  bool timing_ = false;
  Expanded expanded_ = Expanded::kOff;
  int include_depth_ = 0;
  std::atomic<bool> running_{false};
};

}  // namespace kyrodb::server
