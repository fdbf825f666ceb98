// Lines from a person: with editing and history on a terminal.
#pragma once

#include <optional>
#include <string>

namespace kyrodb::server {

// Thread-safety:  one thread at a time; one editor in a process.
class LineEditor {
 public:
  // History is read from the file and written back by the destructor; empty: no file.
  explicit LineEditor(std::string history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // One line without its newline; nothing at the end of input or when a signal came.
  std::optional<std::string> ReadLine(const std::string& prompt);
  void Remember(const std::string& statement);

 private:
  std::string history_file_;
};

}  // namespace kyrodb::server
