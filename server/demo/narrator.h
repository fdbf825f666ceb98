// What the demo says, and how it looks.
#pragma once

#include <ostream>

#include "absl/strings/string_view.h"

namespace kyrodb::server::demo {

// Thread-safety:  one thread at a time.
class Narrator {
 public:
  Narrator(std::ostream* out, bool color) : out_(out), color_(color) {}
  bool color() const { return color_; }

  // "── 2. Title ────"
  void Section(absl::string_view title);
  void Say(absl::string_view text);
  // A label and its value, aligned.
  void Fact(absl::string_view label, absl::string_view value);
  // A check mark or a cross before the text; returns `held`.
  bool Verdict(bool held, absl::string_view text);
  std::ostream& out() { return *out_; }

 private:
  std::ostream* out_;
  bool color_;
  int section_ = 0;
};

}  // namespace kyrodb::server::demo
