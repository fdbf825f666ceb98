#include "sql/types/array_text.h"

#include <charconv>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

using engine::Array;
using engine::ArrayDimension;

bool NeedsQuotes(absl::string_view text) {
  if (text.empty() || absl::EqualsIgnoreCase(text, "null")) return true;
  for (const char c : text) {
    if (c == '{' || c == '}' || c == '"' || c == ',' || c == '\\' ||
        absl::ascii_isspace(static_cast<unsigned char>(c))) {
      return true;
    }
  }
  return false;
}

void AppendElements(TypeId element, const Array& array, size_t depth, size_t* next,
                    std::string* out) {
  out->push_back('{');
  for (int32_t i = 0; i < array.dimensions[depth].length; ++i) {
    if (i > 0) out->push_back(',');
    if (depth + 1 < array.dimensions.size()) {
      AppendElements(element, array, depth + 1, next, out);
      continue;
    }
    const Value& value = array.elements[(*next)++];
    if (IsNull(value)) {
      out->append("NULL");
      continue;
    }
    const std::string text = FormatValue(Type{element, 0}, value);
    if (!NeedsQuotes(text)) {
      out->append(text);
      continue;
    }
    out->push_back('"');
    for (const char c : text) {
      if (c == '"' || c == '\\') out->push_back('\\');
      out->push_back(c);
    }
    out->push_back('"');
  }
  out->push_back('}');
}

class Parser {
 public:
  Parser(const Type& element, absl::string_view text)
      : element_(element), text_(text), rest_(text) {}

  absl::StatusOr<Array> Parse() {
    SkipBlanks();
    KYRO_RETURN_IF_ERROR(TakeBounds());
    if (rest_.empty() || rest_[0] != '{') {
      return Bad(bounds_.empty() ? "Array value must start with \"{\" or dimension information."
                                 : "Array contents must start with \"{\".");
    }
    KYRO_RETURN_IF_ERROR(TakeLevel(0));
    SkipBlanks();
    if (!rest_.empty()) return Bad("Junk after closing right brace.");
    if (elements_.empty()) {
      if (!bounds_.empty() && !lengths_.empty()) {
        return Bad("Specified array dimensions do not match array contents.");
      }
      return Array{};
    }
    Array array;
    for (size_t i = 0; i < lengths_.size(); ++i) {
      array.dimensions.push_back({lengths_[i], 1});
    }
    if (!bounds_.empty()) {
      if (bounds_.size() != lengths_.size()) {
        return Bad("Specified array dimensions do not match array contents.");
      }
      for (size_t i = 0; i < bounds_.size(); ++i) {
        if (bounds_[i].length != lengths_[i]) {
          return Bad("Specified array dimensions do not match array contents.");
        }
        array.dimensions[i].lower = bounds_[i].lower;
      }
    }
    array.elements = std::move(elements_);
    return array;
  }

 private:
  absl::Status Bad(absl::string_view detail) const {
    return WithDetail(Error(sqlstate::kInvalidTextRepresentation, 0,
                            absl::StrCat("malformed array literal: \"", text_, "\"")),
                      detail);
  }
  void SkipBlanks() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool TakeInteger(int64_t* value) {
    absl::string_view digits = rest_;
    if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
    if (result.ec != std::errc()) return false;
    digits.remove_prefix(static_cast<size_t>(result.ptr - digits.data()));
    rest_ = digits;
    return *value >= INT32_MIN && *value <= INT32_MAX;
  }

  // [2:3][1:2]=
  absl::Status TakeBounds() {
    while (!rest_.empty() && rest_[0] == '[') {
      rest_.remove_prefix(1);
      int64_t low = 1;
      int64_t high = 0;
      if (!TakeInteger(&high))
        return Bad("\"[\" must introduce explicitly-specified array dimensions.");
      if (!rest_.empty() && rest_[0] == ':') {
        rest_.remove_prefix(1);
        low = high;
        if (!TakeInteger(&high)) return Bad("Missing array dimension value.");
      }
      if (rest_.empty() || rest_[0] != ']') return Bad("Missing \"]\" after array dimensions.");
      rest_.remove_prefix(1);
      if (high < low) {
        return Error("2202E", 0, "upper bound cannot be less than lower bound");
      }
      if (bounds_.size() == engine::kArrayDimensionsMax) return TooManyDimensions();
      if (high - low >= INT32_MAX) {
        return Error(sqlstate::kProgramLimitExceeded, 0,
                     "array size exceeds the maximum allowed (134217727)");
      }
      bounds_.push_back({static_cast<int32_t>(high - low + 1), static_cast<int32_t>(low)});
    }
    if (bounds_.empty()) return absl::OkStatus();
    if (rest_.empty() || rest_[0] != '=') return Bad("Missing \"=\" after array dimensions.");
    rest_.remove_prefix(1);
    SkipBlanks();
    return absl::OkStatus();
  }

  absl::Status TooManyDimensions() const {
    return Error(sqlstate::kProgramLimitExceeded, 0,
                 absl::StrCat("number of array dimensions (", engine::kArrayDimensionsMax + 1,
                              ") exceeds the maximum allowed (", engine::kArrayDimensionsMax, ")"));
  }

  // One pair of braces.
  absl::Status TakeLevel(size_t depth) {
    if (depth == engine::kArrayDimensionsMax) return TooManyDimensions();
    rest_.remove_prefix(1);
    int32_t count = 0;
    bool nested = false;
    SkipBlanks();
    if (!rest_.empty() && rest_[0] == '}') {
      rest_.remove_prefix(1);
      if (depth > 0 || deepest_ > 0) {
        // An inner empty pair counts as no dimension at all.
        if (depth > 0 && !elements_.empty()) {
          return Bad("Multidimensional arrays must have sub-arrays with matching dimensions.");
        }
      }
      return absl::OkStatus();
    }
    while (true) {
      SkipBlanks();
      if (rest_.empty()) return Bad("Unexpected end of input.");
      if (rest_[0] == '{') {
        if (count > 0 && !nested) return Bad("Unexpected array element.");
        nested = true;
        KYRO_RETURN_IF_ERROR(TakeLevel(depth + 1));
      } else {
        if (nested) return Bad("Unexpected array element.");
        if (deepest_ != 0 && deepest_ != depth + 1) {
          return Bad("Multidimensional arrays must have sub-arrays with matching dimensions.");
        }
        deepest_ = depth + 1;
        KYRO_RETURN_IF_ERROR(TakeElement());
      }
      ++count;
      if (elements_.size() > engine::kArrayElementsMax) {
        return Error(sqlstate::kProgramLimitExceeded, 0,
                     "array size exceeds the maximum allowed (134217727)");
      }
      SkipBlanks();
      if (rest_.empty()) return Bad("Unexpected end of input.");
      const char c = rest_[0];
      if (c != ',' && c != '}') return Bad("Unexpected array element.");
      rest_.remove_prefix(1);
      if (c == '}') break;
    }
    while (lengths_.size() <= depth) lengths_.push_back(-1);
    if (lengths_[depth] < 0) {
      lengths_[depth] = count;
    } else if (lengths_[depth] != count) {
      return Bad("Multidimensional arrays must have sub-arrays with matching dimensions.");
    }
    return absl::OkStatus();
  }

  absl::Status TakeElement() {
    std::string text;
    bool quoted = false;
    size_t kept = 0;  // trailing blanks beyond this are not the element's
    if (rest_[0] == '"') {
      quoted = true;
      rest_.remove_prefix(1);
      while (true) {
        if (rest_.empty()) return Bad("Unexpected end of input.");
        char c = rest_[0];
        rest_.remove_prefix(1);
        if (c == '"') break;
        if (c == '\\') {
          if (rest_.empty()) return Bad("Unexpected end of input.");
          c = rest_[0];
          rest_.remove_prefix(1);
        }
        text.push_back(c);
      }
    } else {
      while (!rest_.empty() && rest_[0] != ',' && rest_[0] != '}') {
        char c = rest_[0];
        if (c == '{') return Bad("Unexpected \"{\" character.");
        if (c == '"') return Bad("Incorrectly quoted array element.");
        const bool blank = absl::ascii_isspace(static_cast<unsigned char>(c));
        rest_.remove_prefix(1);
        if (c == '\\') {
          if (rest_.empty()) return Bad("Unexpected end of input.");
          c = rest_[0];
          rest_.remove_prefix(1);
          quoted = true;  // so that it is never null
        }
        text.push_back(c);
        if (!blank) kept = text.size();
      }
      text.resize(kept);
      if (text.empty() && !quoted) {
        if (rest_.empty()) return Bad("Unexpected end of input.");
        return Bad(absl::StrCat("Unexpected \"", rest_.substr(0, 1), "\" character."));
      }
    }
    if (!quoted && absl::EqualsIgnoreCase(text, "null")) {
      elements_.emplace_back();
      return absl::OkStatus();
    }
    KYRO_ASSIGN_OR_RETURN(Value value, ParseValue(Type{element_.id, 0}, text));
    elements_.push_back(std::move(value));
    return absl::OkStatus();
  }

  const Type element_;
  absl::string_view text_;
  absl::string_view rest_;
  std::vector<ArrayDimension> bounds_;
  std::vector<int32_t> lengths_;
  size_t deepest_ = 0;  // the level of the elements, from 1
  std::vector<Value> elements_;
};

}  // namespace

std::string FormatArrayText(TypeId element, const Array& array) {
  if (array.dimensions.empty()) return "{}";
  std::string out;
  bool explicit_bounds = false;
  for (const ArrayDimension& dimension : array.dimensions) {
    explicit_bounds = explicit_bounds || dimension.lower != 1;
  }
  if (explicit_bounds) {
    for (const ArrayDimension& dimension : array.dimensions) {
      absl::StrAppend(&out, "[", dimension.lower, ":",
                      int64_t{dimension.lower} + dimension.length - 1, "]");
    }
    out.push_back('=');
  }
  size_t next = 0;
  AppendElements(element, array, 0, &next, &out);
  return out;
}

absl::StatusOr<Array> ParseArrayText(const Type& element, absl::string_view text) {
  return Parser(element, text).Parse();
}

Array LoadArray(TypeId element, const Value& value) {
  const auto* bytes = std::get_if<std::string>(&value);
  if (bytes == nullptr) return Array{};
  absl::StatusOr<Array> array = engine::DecodeArray(element, *bytes);
  return array.ok() ? *std::move(array) : Array{};
}

}  // namespace kyrodb::sql
