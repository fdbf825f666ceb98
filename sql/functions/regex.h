// PostgreSQL's regular expressions over PCRE2: compiled once and kept for the thread.
// Source: PostgreSQL 15 documentation, section 9.7.3; PCRE2's manual pages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// Shape:  offsets in bytes; the whole match first, then the groups; npos where a group took no
//         part.
struct RegexMatch {
  static constexpr size_t kNone = static_cast<size_t>(-1);
  std::vector<std::pair<size_t, size_t>> groups;  // begin, end
};

// Thread-safety:  belongs to the thread that compiled it.
class Regex {
 public:
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // `options` are PostgreSQL's letters i, c, n, m, s, p, w, x, q, e, t, b; `g` is the caller's.
  // 2201B for a bad pattern, 22023 for a bad option. The expression stays valid for as long as the
  // pointer is held.
  static absl::StatusOr<std::shared_ptr<const Regex>> Compile(absl::string_view pattern,
                                                              absl::string_view options);

  // The first match from byte `begin` on; false when there is none. 54001 when the pattern needs
  // too many steps for the text.
  absl::StatusOr<bool> Match(absl::string_view text, size_t begin, RegexMatch* match) const;
  // How many groups the pattern has.
  size_t group_count() const { return group_count_; }

 private:
  Regex() = default;
  void* code_ = nullptr;
  void* data_ = nullptr;
  size_t group_count_ = 0;
};

// SIMILAR TO's pattern as a regular expression that matches whole texts. `escape` is one character
// or empty. 22025.
absl::StatusOr<std::string> SimilarToRegex(absl::string_view pattern, absl::string_view escape);

}  // namespace kyrodb::sql
