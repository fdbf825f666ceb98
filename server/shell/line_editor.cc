#include "server/shell/line_editor.h"

#include <editline/readline.h>

#include <clocale>
#include <cstdlib>
#include <utility>

namespace kyrodb::server {

constexpr int kHistoryMax = 2000;

LineEditor::LineEditor(std::string history_file) : history_file_(std::move(history_file)) {
  // Without a locale that knows UTF-8 the editor drops every other character; text is always UTF-8
  // here, whatever the environment forgot to say.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  rl_readline_name = const_cast<char*>("kyro");
  rl_initialize();
  rl_catch_signals = 0;  // the shell has its own handler
  using_history();
  stifle_history(kHistoryMax);
  // A history that is not there yet is none.
  if (!history_file_.empty()) read_history(history_file_.c_str());
}

LineEditor::~LineEditor() {
  if (!history_file_.empty()) write_history(history_file_.c_str());
}

std::optional<std::string> LineEditor::ReadLine(const std::string& prompt) {
  char* line = readline(prompt.c_str());
  if (line == nullptr) return std::nullopt;
  std::string text(line);
  std::free(line);
  return text;
}

void LineEditor::Remember(const std::string& statement) {
  if (!statement.empty()) add_history(statement.c_str());
}

}  // namespace kyrodb::server
