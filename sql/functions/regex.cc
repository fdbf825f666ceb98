#include "sql/functions/regex.h"

#include <algorithm>
#include <list>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace kyrodb::sql {
namespace {

constexpr size_t kCacheSize = 64;
constexpr uint32_t kMatchSteps = 10'000'000;
constexpr uint32_t kHeapKilobytes = 65'536;
constexpr size_t kPatternBytesMax = 1 << 16;

// PostgreSQL's own escapes in PCRE's words.
std::string Translate(absl::string_view pattern) {
  std::string out;
  bool in_brackets = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (in_brackets) {
        absl::StrAppend(&out, "\\", std::string(1, next));
        continue;
      }
      switch (next) {
        case 'm':
          out += "\\b(?=\\w)";
          break;
        case 'M':
          out += "\\b(?<=\\w)";
          break;
        case 'y':
          out += "\\b";
          break;
        case 'Y':
          out += "\\B";
          break;
        case 'Z':
          out += "\\z";
          break;
        default:
          out.push_back('\\');
          out.push_back(next);
          break;
      }
      continue;
    }
    if (in_brackets) {
      // [:alpha:] holds a bracket of its own.
      if (c == '[' && i + 1 < pattern.size() && (pattern[i + 1] == ':')) {
        const size_t end = pattern.find(":]", i + 2);
        if (end != absl::string_view::npos) {
          absl::StrAppend(&out, pattern.substr(i, end + 2 - i));
          i = end + 1;
          continue;
        }
      }
      if (c == '[') out.push_back('\\');
      if (c == ']') in_brackets = false;
      out.push_back(c);
      continue;
    }
    out.push_back(c);
    if (c == '[') {
      // [[:<:]] and [[:>:]] are not sets.
      if (absl::StartsWith(pattern.substr(i), "[[:<:]]") ||
          absl::StartsWith(pattern.substr(i), "[[:>:]]")) {
        absl::StrAppend(&out, pattern.substr(i + 1, 6));
        i += 6;
        continue;
      }
      in_brackets = true;
      // A ] right after the opening is itself.
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out.push_back(pattern[++i]);
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') {
        out += "\\]";
        ++i;
      }
    }
  }
  return out;
}

struct CacheEntry {
  std::string key;
  std::shared_ptr<const Regex> regex;
};

std::list<CacheEntry>& Cache() {
  static thread_local std::list<CacheEntry> cache;
  return cache;
}

}  // namespace

Regex::~Regex() {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(data_));
  pcre2_code_free(static_cast<pcre2_code*>(code_));
}

absl::StatusOr<std::shared_ptr<const Regex>> Regex::Compile(absl::string_view pattern,
                                                            absl::string_view options) {
  std::list<CacheEntry>& cache = Cache();
  const std::string key = absl::StrCat(options, "/", pattern);
  for (auto it = cache.begin(); it != cache.end(); ++it) {
    if (it->key != key) continue;
    cache.splice(cache.begin(), cache, it);
    return it->regex;
  }
  uint32_t flags = PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
  bool literal = false;
  for (const char option : options) {
    switch (option) {
      case 'i':
        flags |= PCRE2_CASELESS;
        break;
      case 'c':
        flags &= ~static_cast<uint32_t>(PCRE2_CASELESS);
        break;
      case 'n':
      case 'm':
        flags = (flags & ~static_cast<uint32_t>(PCRE2_DOTALL)) | PCRE2_MULTILINE;
        break;
      case 'p':
        flags &= ~static_cast<uint32_t>(PCRE2_DOTALL);
        break;
      case 'w':
        flags |= PCRE2_MULTILINE;
        break;
      case 's':
        flags = (flags | PCRE2_DOTALL) & ~static_cast<uint32_t>(PCRE2_MULTILINE);
        break;
      case 'x':
        flags |= PCRE2_EXTENDED;
        break;
      case 'q':
        literal = true;
        break;
      case 'e':
      case 't':
        break;
      default:
        return Error(
            sqlstate::kInvalidParameterValue, 0,
            absl::StrCat("invalid regular expression option: \"", std::string(1, option), "\""));
    }
  }
  if (pattern.size() > kPatternBytesMax) {
    return Error("2201B", 0, "invalid regular expression: regular expression is too complex");
  }
  if (absl::StartsWith(pattern, "***=")) {
    pattern.remove_prefix(4);
    literal = true;
  } else if (absl::StartsWith(pattern, "***:")) {
    pattern.remove_prefix(4);
  }
  if (literal) flags = PCRE2_UTF | PCRE2_LITERAL | (flags & PCRE2_CASELESS);
  const std::string text = literal ? std::string(pattern) : Translate(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  std::shared_ptr<Regex> regex(new Regex);
  regex->code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), flags, &code,
                               &offset, nullptr);
  if (regex->code_ == nullptr) {
    // The commonest mistakes in PostgreSQL's words.
    absl::string_view known;
    if (code == PCRE2_ERROR_MISSING_SQUARE_BRACKET) known = "brackets [] not balanced";
    if (code == PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS ||
        code == PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS) {
      known = "parentheses () not balanced";
    }
    if (code == PCRE2_ERROR_QUANTIFIER_INVALID) known = "quantifier operand invalid";
    if (!known.empty()) {
      return Error("2201B", 0, absl::StrCat("invalid regular expression: ", known));
    }
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(code, message, sizeof(message));
    return Error(
        "2201B", 0,
        absl::StrCat("invalid regular expression: ", reinterpret_cast<const char*>(message)));
  }
  uint32_t groups = 0;
  pcre2_pattern_info(static_cast<pcre2_code*>(regex->code_), PCRE2_INFO_CAPTURECOUNT, &groups);
  regex->group_count_ = groups;
  regex->data_ =
      pcre2_match_data_create_from_pattern(static_cast<pcre2_code*>(regex->code_), nullptr);
  if (regex->data_ == nullptr) return Error(sqlstate::kOutOfMemory, 0, "out of memory");
  cache.push_front({key, regex});
  if (cache.size() > kCacheSize) cache.pop_back();
  return std::shared_ptr<const Regex>(std::move(regex));
}

absl::StatusOr<bool> Regex::Match(absl::string_view text, size_t begin, RegexMatch* match) const {
  static thread_local pcre2_match_context* const kContext = [] {
    pcre2_match_context* context = pcre2_match_context_create(nullptr);
    if (context != nullptr) {
      pcre2_set_match_limit(context, kMatchSteps);
      pcre2_set_heap_limit(context, kHeapKilobytes);
    }
    return context;
  }();
  const int found =
      pcre2_match(static_cast<const pcre2_code*>(code_), reinterpret_cast<PCRE2_SPTR>(text.data()),
                  text.size(), begin, 0, static_cast<pcre2_match_data*>(data_), kContext);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    return Error(sqlstate::kStatementTooComplex, 0,
                 "regular expression failed: it takes too many steps or too much memory");
  }
  if (match == nullptr) return true;
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(static_cast<pcre2_match_data*>(data_));
  match->groups.clear();
  for (size_t i = 0; i <= group_count_; ++i) {
    const size_t group_begin = offsets[2 * i];
    const size_t group_end = offsets[2 * i + 1];
    if (group_begin == PCRE2_UNSET) {
      match->groups.push_back({RegexMatch::kNone, RegexMatch::kNone});
    } else {
      // \K may end a match before it begins.
      match->groups.push_back({std::min(group_begin, group_end), group_end});
    }
  }
  return true;
}

absl::StatusOr<std::string> SimilarToRegex(absl::string_view pattern, absl::string_view escape) {
  std::string out = "^(?:";
  bool in_brackets = false;
  int separators = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const absl::string_view rest = pattern.substr(i);
    if (!escape.empty() && absl::StartsWith(rest, escape)) {
      i += escape.size();
      if (i >= pattern.size()) {
        return Error(sqlstate::kInvalidEscapeSequence, 0,
                     "LIKE pattern must not end with escape character");
      }
      if (pattern[i] == '"' && !in_brackets) {
        // substring(… similar …): the middle part is what is wanted.
        if (separators == 0) out += "){1,1}?(";
        if (separators == 1) out += "){1,1}(?:";
        if (++separators > 2) {
          return Error("2200C", 0,
                       "SQL regular expression may not contain more than two escape-double-quote "
                       "separators");
        }
      } else {
        out.push_back('\\');
        out.push_back(pattern[i]);
      }
      continue;
    }
    const char c = pattern[i];
    if (in_brackets) {
      if (c == '\\') out.push_back('\\');
      out.push_back(c);
      if (c == ']') in_brackets = false;
      continue;
    }
    switch (c) {
      case '[':
        in_brackets = true;
        out.push_back(c);
        break;
      case '%':
        out += ".*";
        break;
      case '_':
        out.push_back('.');
        break;
      case '(':
        out += "(?:";
        break;
      case '\\':
      case '.':
      case '^':
      case '$':
        out.push_back('\\');
        out.push_back(c);
        break;
      default:
        out.push_back(c);
        break;
    }
  }
  out += ")$";
  return out;
}

}  // namespace kyrodb::sql
