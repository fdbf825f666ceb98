// Functions and operators of regular expressions.
// Source: PostgreSQL 15 documentation, section 9.7.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "sql/functions/function.h"
#include "sql/functions/regex.h"
#include "sql/functions/set_function.h"

namespace kyrodb::sql {
namespace {

constexpr TypeId kT = TypeId::kText;
constexpr TypeId kI = TypeId::kInteger;

using RegexPtr = std::shared_ptr<const Regex>;

bool Compile(FunctionContext& context, const std::string& pattern, const std::string& options,
             RegexPtr* regex) {
  absl::StatusOr<RegexPtr> compiled = Regex::Compile(pattern, options);
  if (!compiled.ok()) return context.Fail(compiled.status());
  *regex = *std::move(compiled);
  return true;
}

bool Find(FunctionContext& context, const Regex& regex, absl::string_view text, size_t begin,
          RegexMatch* match, bool* found) {
  absl::StatusOr<bool> result = regex.Match(text, begin, match);
  if (!result.ok()) return context.Fail(result.status());
  *found = *result;
  return true;
}

size_t NextCharacter(absl::string_view text, size_t at) {
  ++at;
  while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

size_t CharactersBefore(absl::string_view text, size_t bytes) {
  size_t count = 0;
  for (size_t i = 0; i < bytes; ++i) {
    count += (static_cast<uint8_t>(text[i]) & 0xC0) != 0x80 ? 1 : 0;
  }
  return count;
}

// The byte where the character of that number begins, from 1.
size_t ByteOf(absl::string_view text, int64_t character) {
  size_t at = 0;
  while (--character > 0 && at < text.size()) at = NextCharacter(text, at);
  return at;
}

// Calls `visit` for every match, in order, until it returns false. An empty match right after the
// one before is none.
template <typename Visit>
bool EachMatch(FunctionContext& context, const Regex& regex, absl::string_view text, size_t begin,
               Visit visit) {
  RegexMatch match;
  size_t at = begin;
  size_t last_end = RegexMatch::kNone;
  while (at <= text.size()) {
    bool found = false;
    if (!Find(context, regex, text, at, &match, &found)) return false;
    if (!found) return true;
    const auto [from, to] = match.groups[0];
    if (from == to && from == last_end) {
      at = NextCharacter(text, at);
      continue;
    }
    if (!visit(match)) return true;
    last_end = to;
    at = from == to ? NextCharacter(text, to) : to;
    if (from == to && to >= text.size()) return true;
  }
  return true;
}

template <bool ignore_case, bool negated>
bool MatchesOperator(FunctionContext& context, Arguments a, Value* result) {
  RegexPtr regex;
  bool found = false;
  if (!Compile(context, AsText(a[1]), ignore_case ? "i" : "", &regex) ||
      !Find(context, *regex, AsText(a[0]), 0, nullptr, &found)) {
    return false;
  }
  *result = found != negated;
  return true;
}

// The groups of a match, or the whole of it without groups.
Value MatchArray(absl::string_view text, const RegexMatch& match) {
  std::vector<Value> elements;
  const size_t first = match.groups.size() > 1 ? 1 : 0;
  for (size_t i = first; i < match.groups.size(); ++i) {
    const auto [begin, end] = match.groups[i];
    elements.push_back(
        begin == RegexMatch::kNone ? Value() : Value(std::string(text.substr(begin, end - begin))));
  }
  return Value(engine::EncodeArray(engine::MakeArray(std::move(elements))));
}

bool WithoutGlobal(FunctionContext& context, Arguments a, size_t at, absl::string_view function,
                   std::string* options) {
  if (a.size() <= at) return true;
  *options = AsText(a[at]);
  if (options->find('g') == std::string::npos) return true;
  return context.Fail(
      WithHint(Error(sqlstate::kInvalidParameterValue, 0,
                     absl::StrCat(function, "() does not support the \"global\" option")),
               function == "regexp_match" ? "Use the regexp_matches function instead." : ""));
}

bool RegexpMatch(FunctionContext& context, Arguments a, Value* result) {
  std::string options;
  RegexPtr regex;
  RegexMatch match;
  bool found = false;
  if (!WithoutGlobal(context, a, 2, "regexp_match", &options) ||
      !Compile(context, AsText(a[1]), options, &regex) ||
      !Find(context, *regex, AsText(a[0]), 0, &match, &found)) {
    return false;
  }
  *result = found ? MatchArray(AsText(a[0]), match) : Value(Null{});
  return true;
}

bool RegexpLike(FunctionContext& context, Arguments a, Value* result) {
  std::string options;
  RegexPtr regex;
  bool found = false;
  if (!WithoutGlobal(context, a, 2, "regexp_like", &options) ||
      !Compile(context, AsText(a[1]), options, &regex) ||
      !Find(context, *regex, AsText(a[0]), 0, nullptr, &found)) {
    return false;
  }
  *result = found;
  return true;
}

void AppendReplacement(absl::string_view text, const RegexMatch& match,
                       absl::string_view replacement, std::string* out) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != '\\' || i + 1 == replacement.size()) {
      out->push_back(replacement[i]);
      continue;
    }
    const char next = replacement[++i];
    size_t group = RegexMatch::kNone;
    if (next == '&') group = 0;
    if (next >= '1' && next <= '9') group = static_cast<size_t>(next - '0');
    if (group == RegexMatch::kNone) {
      if (next != '\\') out->push_back('\\');
      out->push_back(next);
      continue;
    }
    if (group >= match.groups.size() || match.groups[group].first == RegexMatch::kNone) continue;
    const auto [begin, end] = match.groups[group];
    out->append(text.data() + begin, end - begin);
  }
}

// Replaces the `number`th match, or all for 0.
bool ReplaceMatches(FunctionContext& context, absl::string_view text, const std::string& pattern,
                    absl::string_view replacement, const std::string& options, size_t begin,
                    int64_t number, Value* result) {
  RegexPtr regex;
  if (!Compile(context, pattern, options, &regex)) return false;
  std::string out;
  size_t copied = 0;
  int64_t count = 0;
  const bool done = EachMatch(context, *regex, text, begin, [&](const RegexMatch& match) {
    ++count;
    if (number > 0 && count < number) return true;
    const auto [from, to] = match.groups[0];
    out.append(text.data() + copied, from - copied);
    AppendReplacement(text, match, replacement, &out);
    copied = to;
    return number == 0;
  });
  if (!done) return false;
  out.append(text.data() + copied, text.size() - copied);
  *result = std::move(out);
  return true;
}

bool RegexpReplace(FunctionContext& context, Arguments a, Value* result) {
  std::string options = a.size() > 3 ? AsText(a[3]) : "";
  if (!options.empty() && options[0] >= '0' && options[0] <= '9') {
    return context.Fail(WithHint(
        Error(sqlstate::kInvalidParameterValue, 0,
              absl::StrCat("invalid regular expression option: \"", options.substr(0, 1), "\"")),
        "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to "
        "integer explicitly."));
  }
  const bool global = options.find('g') != std::string::npos;
  options.erase(std::remove(options.begin(), options.end(), 'g'), options.end());
  return ReplaceMatches(context, AsText(a[0]), AsText(a[1]), AsText(a[2]), options, 0,
                        global ? 0 : 1, result);
}

bool CheckPositive(FunctionContext& context, int64_t value, absl::string_view name) {
  if (value > 0) return true;
  return context.Fail(sqlstate::kInvalidParameterValue,
                      absl::StrCat("invalid value for parameter \"", name, "\": ", value));
}

// regexp_replace(text, pattern, replacement, start[, n[, flags]])
bool RegexpReplaceFrom(FunctionContext& context, Arguments a, Value* result) {
  const int64_t start = AsInt(a[3]);
  const int64_t number = a.size() > 4 ? AsInt(a[4]) : 1;
  std::string options = a.size() > 5 ? AsText(a[5]) : "";
  if (!CheckPositive(context, start, "start")) return false;
  if (number < 0) return CheckPositive(context, number, "n");
  options.erase(std::remove(options.begin(), options.end(), 'g'), options.end());
  return ReplaceMatches(context, AsText(a[0]), AsText(a[1]), AsText(a[2]), options,
                        ByteOf(AsText(a[0]), start), number, result);
}

bool SplitBy(FunctionContext& context, Arguments a, absl::string_view function,
             std::vector<Value>* parts) {
  std::string options;
  RegexPtr regex;
  if (!WithoutGlobal(context, a, 2, function, &options) ||
      !Compile(context, AsText(a[1]), options, &regex)) {
    return false;
  }
  const absl::string_view text = AsText(a[0]);
  size_t at = 0;
  const bool done = EachMatch(context, *regex, text, 0, [&](const RegexMatch& match) {
    const auto [from, to] = match.groups[0];
    // An empty match splits between characters, never at the ends.
    if (from == to && (from >= text.size() || from == at)) return true;
    parts->emplace_back(std::string(text.substr(at, from - at)));
    at = to;
    return true;
  });
  if (!done) return false;
  parts->emplace_back(std::string(text.substr(at)));
  return true;
}

bool SplitToArray(FunctionContext& context, Arguments a, Value* result) {
  std::vector<Value> parts;
  if (!SplitBy(context, a, "regexp_split_to_array", &parts)) return false;
  *result = engine::EncodeArray(engine::MakeArray(std::move(parts)));
  return true;
}

bool RegexpCount(FunctionContext& context, Arguments a, Value* result) {
  const int64_t start = a.size() > 2 ? AsInt(a[2]) : 1;
  std::string options;
  RegexPtr regex;
  if (!CheckPositive(context, start, "start") ||
      !WithoutGlobal(context, a, 3, "regexp_count", &options) ||
      !Compile(context, AsText(a[1]), options, &regex)) {
    return false;
  }
  int64_t count = 0;
  const absl::string_view text = AsText(a[0]);
  if (!EachMatch(context, *regex, text, ByteOf(text, start), [&](const RegexMatch&) {
        ++count;
        return true;
      })) {
    return false;
  }
  *result = count;
  return true;
}

// The match of a number and the group in it; false in `*found` when there is none.
bool NthMatch(FunctionContext& context, absl::string_view text, const std::string& pattern,
              const std::string& options, int64_t start, int64_t number, int64_t group,
              RegexMatch* out, bool* found) {
  RegexPtr regex;
  if (!CheckPositive(context, start, "start") || !CheckPositive(context, number, "n")) {
    return false;
  }
  if (group < 0) return CheckPositive(context, group, "subexpr");
  if (!Compile(context, pattern, options, &regex)) return false;
  int64_t count = 0;
  *found = false;
  return EachMatch(context, *regex, text, ByteOf(text, start), [&](const RegexMatch& match) {
    if (++count < number) return true;
    *out = match;
    *found = group < static_cast<int64_t>(match.groups.size()) &&
             match.groups[static_cast<size_t>(group)].first != RegexMatch::kNone;
    return false;
  });
}

// regexp_substr(text, pattern[, start[, n[, flags[, group]]]])
bool RegexpSubstr(FunctionContext& context, Arguments a, Value* result) {
  const int64_t group = a.size() > 5 ? AsInt(a[5]) : 0;
  RegexMatch match;
  bool found = false;
  if (!NthMatch(context, AsText(a[0]), AsText(a[1]), a.size() > 4 ? AsText(a[4]) : "",
                a.size() > 2 ? AsInt(a[2]) : 1, a.size() > 3 ? AsInt(a[3]) : 1, group, &match,
                &found)) {
    return false;
  }
  if (!found) {
    *result = Null{};
    return true;
  }
  const auto [begin, end] = match.groups[static_cast<size_t>(group)];
  *result = AsText(a[0]).substr(begin, end - begin);
  return true;
}

// regexp_instr(text, pattern[, start[, n[, end[, flags[, group]]]]])
bool RegexpInstr(FunctionContext& context, Arguments a, Value* result) {
  const int64_t group = a.size() > 6 ? AsInt(a[6]) : 0;
  RegexMatch match;
  bool found = false;
  if (!NthMatch(context, AsText(a[0]), AsText(a[1]), a.size() > 5 ? AsText(a[5]) : "",
                a.size() > 2 ? AsInt(a[2]) : 1, a.size() > 3 ? AsInt(a[3]) : 1, group, &match,
                &found)) {
    return false;
  }
  if (!found) {
    *result = int64_t{0};
    return true;
  }
  const auto [begin, end] = match.groups[static_cast<size_t>(group)];
  const size_t at = a.size() > 4 && AsInt(a[4]) == 1 ? end : begin;
  *result = static_cast<int64_t>(CharactersBefore(AsText(a[0]), at)) + 1;
  return true;
}

// substring(text FROM pattern): the first group, or the whole match.
bool SubstringOf(FunctionContext& context, const std::string& text, const std::string& pattern,
                 Value* result) {
  RegexPtr regex;
  RegexMatch match;
  bool found = false;
  if (!Compile(context, pattern, "", &regex) || !Find(context, *regex, text, 0, &match, &found)) {
    return false;
  }
  *result = Null{};
  if (!found) return true;
  const auto [begin, end] = match.groups[match.groups.size() > 1 ? 1 : 0];
  if (begin != RegexMatch::kNone) *result = text.substr(begin, end - begin);
  return true;
}

bool SimilarToEscape(FunctionContext& context, Arguments a, Value* result) {
  const std::string escape = a.size() > 1 ? AsText(a[1]) : "\\";
  if (escape.size() > 1) {
    return context.Fail(
        WithHint(Error(sqlstate::kInvalidEscapeSequence, 0, "invalid escape string"),
                 "Escape string must be empty or one character."));
  }
  absl::StatusOr<std::string> regex = SimilarToRegex(AsText(a[0]), escape);
  if (!regex.ok()) return context.Fail(regex.status());
  *result = *std::move(regex);
  return true;
}

}  // namespace

void AddRegex(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters, Type result,
                         Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .is_operator = !(name[0] >= 'a' && name[0] <= 'z')});
  };
  add("~", {kT, kT}, kBooleanType, &MatchesOperator<false, false>);
  add("~*", {kT, kT}, kBooleanType, &MatchesOperator<true, false>);
  add("!~", {kT, kT}, kBooleanType, &MatchesOperator<false, true>);
  add("!~*", {kT, kT}, kBooleanType, &MatchesOperator<true, true>);
  const Type texts{ArrayOf(kT), 0};
  add("regexp_match", {kT, kT}, texts, &RegexpMatch);
  add("regexp_match", {kT, kT, kT}, texts, &RegexpMatch);
  add("regexp_like", {kT, kT}, kBooleanType, &RegexpLike);
  add("regexp_like", {kT, kT, kT}, kBooleanType, &RegexpLike);
  add("regexp_replace", {kT, kT, kT}, kTextType, &RegexpReplace);
  add("regexp_replace", {kT, kT, kT, kT}, kTextType, &RegexpReplace);
  add("regexp_replace", {kT, kT, kT, kI}, kTextType, &RegexpReplaceFrom);
  add("regexp_replace", {kT, kT, kT, kI, kI}, kTextType, &RegexpReplaceFrom);
  add("regexp_replace", {kT, kT, kT, kI, kI, kT}, kTextType, &RegexpReplaceFrom);
  add("regexp_split_to_array", {kT, kT}, texts, &SplitToArray);
  add("regexp_split_to_array", {kT, kT, kT}, texts, &SplitToArray);
  add("regexp_count", {kT, kT}, kIntegerType, &RegexpCount);
  add("regexp_count", {kT, kT, kI}, kIntegerType, &RegexpCount);
  add("regexp_count", {kT, kT, kI, kT}, kIntegerType, &RegexpCount);
  const std::vector<TypeId> substr = {kT, kT, kI, kI, kT, kI};
  for (size_t n = 2; n <= substr.size(); ++n) {
    add("regexp_substr",
        std::vector<TypeId>(substr.begin(), substr.begin() + static_cast<std::ptrdiff_t>(n)),
        kTextType, &RegexpSubstr);
  }
  const std::vector<TypeId> instr = {kT, kT, kI, kI, kI, kT, kI};
  for (size_t n = 2; n <= instr.size(); ++n) {
    add("regexp_instr",
        std::vector<TypeId>(instr.begin(), instr.begin() + static_cast<std::ptrdiff_t>(n)),
        kIntegerType, &RegexpInstr);
  }
  add("substring", {kT, kT}, kTextType, [](FunctionContext& context, Arguments a, Value* r) {
    return SubstringOf(context, AsText(a[0]), AsText(a[1]), r);
  });
  add("substring", {kT, kT, kT}, kTextType, [](FunctionContext& context, Arguments a, Value* r) {
    absl::StatusOr<std::string> regex = SimilarToRegex(AsText(a[1]), AsText(a[2]));
    if (!regex.ok()) return context.Fail(regex.status());
    return SubstringOf(context, AsText(a[0]), *regex, r);
  });
  add("similar_to_escape", {kT}, kTextType, &SimilarToEscape);
  add("similar_to_escape", {kT, kT}, kTextType, &SimilarToEscape);
}

void AddTextSetFunctions(std::vector<SetFunction>* out) {
  const auto matches = [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
    std::string options = a.size() > 2 ? AsText(a[2]) : "";
    const bool global = options.find('g') != std::string::npos;
    options.erase(std::remove(options.begin(), options.end(), 'g'), options.end());
    RegexPtr regex;
    if (!Compile(context, AsText(a[1]), options, &regex)) return false;
    const absl::string_view text = AsText(a[0]);
    return EachMatch(context, *regex, text, 0, [&](const RegexMatch& match) {
      rows->push_back({MatchArray(text, match)});
      return global;
    });
  };
  const auto split = [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
    std::vector<Value> parts;
    if (!SplitBy(context, a, "regexp_split_to_table", &parts)) return false;
    for (Value& part : parts) rows->push_back({std::move(part)});
    return true;
  };
  const Type texts{ArrayOf(kT), 0};
  out->push_back({"regexp_matches", {kT, kT}, {{"", texts}}, matches});
  out->push_back({"regexp_matches", {kT, kT, kT}, {{"", texts}}, matches});
  out->push_back({"regexp_split_to_table", {kT, kT}, {{"", kTextType}}, split});
  out->push_back({"regexp_split_to_table", {kT, kT, kT}, {{"", kTextType}}, split});
}

}  // namespace kyrodb::sql
