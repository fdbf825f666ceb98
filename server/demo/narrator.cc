#include "server/demo/narrator.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/shell/display_width.h"

namespace kyrodb::server::demo {

void Narrator::Section(absl::string_view title) {
  const std::string text = absl::StrCat("── ", ++section_, ". ", title, " ");
  std::string line;
  for (size_t width = DisplayWidth(text); width < 78; ++width) line.append("─");
  *out_ << '\n'
        << (color_ ? "\033[1;36m" : "") << text << line << (color_ ? "\033[0m" : "") << '\n';
  out_->flush();
}

void Narrator::Say(absl::string_view text) {
  *out_ << text << '\n';
  out_->flush();
}

void Narrator::Fact(absl::string_view label, absl::string_view value) {
  std::string blanks;
  for (size_t width = DisplayWidth(label); width < 34; ++width) blanks.push_back(' ');
  *out_ << "  " << label << blanks << (color_ ? "\033[1m" : "") << value
        << (color_ ? "\033[0m" : "") << '\n';
  out_->flush();
}

bool Narrator::Verdict(bool held, absl::string_view text) {
  *out_ << "  " << (color_ ? held ? "\033[1;32m" : "\033[1;31m" : "") << (held ? "✔ " : "✘ ")
        << text << (color_ ? "\033[0m" : "") << '\n';
  out_->flush();
  return held;
}

}  // namespace kyrodb::server::demo
