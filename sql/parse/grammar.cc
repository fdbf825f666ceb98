// Tokens, errors, names, options and types.
#include "sql/parse/grammar.h"

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kQuotedTextBytesMax = 1000;  // of a token in a message

void AddIntegerModifier(TypeName& type, int64_t value) {
  auto literal = std::make_unique<LiteralExpression>(type.position);
  literal->type = LiteralType::kInteger;
  literal->integer = value;
  type.modifiers.push_back(std::move(literal));
}

}  // namespace

Grammar::Grammar(absl::string_view text, const ParseOptions& options)
    : options_(options), lexer_(text) {
  if (text.size() > options.text_bytes_max) {
    Fail(Error(sqlstate::kProgramLimitExceeded, 0,
               absl::StrCat("statement text has ", text.size(), " bytes, at most ",
                            options.text_bytes_max, " are allowed")));
    return;
  }
  if (absl::Status status = CheckEncoding(text); !status.ok()) {
    Fail(std::move(status));
    return;
  }
  window_[0] = lexer_.Next();
  window_count_ = 1;
}

// Tokens ---------------------------------------------------------------------------------------

const Token& Grammar::Peek(size_t ahead) {
  while (window_count_ <= ahead) {
    // After an error every token reads as the end.
    window_[window_count_] = status_.ok() ? lexer_.Next() : Token();
    ++window_count_;
  }
  return window_[ahead];
}

void Grammar::Advance() {
  previous_end_ = token().end();
  if (window_count_ > 1) {
    for (size_t i = 1; i < window_count_; ++i) window_[i - 1] = window_[i];
    --window_count_;
  } else {
    window_[0] = status_.ok() ? lexer_.Next() : Token();
    window_count_ = 1;
  }
}

bool Grammar::AtWord(absl::string_view word) const {
  return token().kind == TokenKind::kIdentifier && absl::EqualsIgnoreCase(token().raw, word);
}

bool Grammar::Accept(Keyword keyword) {
  if (!At(keyword)) return false;
  Advance();
  return true;
}

bool Grammar::Accept(char punctuation) {
  if (!At(punctuation)) return false;
  Advance();
  return true;
}

bool Grammar::AcceptOperator(absl::string_view op) {
  if (!AtOperator(op)) return false;
  Advance();
  return true;
}

bool Grammar::AcceptAll(std::initializer_list<Keyword> keywords) {
  size_t ahead = 0;
  for (const Keyword keyword : keywords) {
    if (!PeekIs(ahead++, keyword)) return false;
  }
  for (size_t i = 0; i < keywords.size(); ++i) Advance();
  return true;
}

void Grammar::Expect(Keyword keyword) {
  if (!Accept(keyword)) FailSyntax();
}

void Grammar::Expect(char punctuation) {
  if (!Accept(punctuation)) FailSyntax();
}

// Errors ---------------------------------------------------------------------------------------

void Grammar::Fail(absl::Status status) {
  if (!status_.ok()) return;
  status_ = std::move(status);
  window_[0] = Token();
  window_count_ = 1;
}

void Grammar::FailSyntax() { FailSyntaxAt(token()); }

void Grammar::FailSyntaxAt(const Token& at) {
  if (!status_.ok()) return;
  switch (at.kind) {
    case TokenKind::kError:
      Fail(lexer_.error());
      return;
    case TokenKind::kEnd:
      Fail(Error(sqlstate::kSyntaxError, at.position, "syntax error at end of input"));
      return;
    default:
      break;
  }
  absl::string_view shown = at.raw.substr(0, kQuotedTextBytesMax);
  while (!shown.empty() && shown.size() < at.raw.size() && (at.raw[shown.size()] & 0xC0) == 0x80) {
    shown.remove_suffix(1);  // never cut within a character
  }
  Fail(Error(sqlstate::kSyntaxError, at.position,
             absl::StrCat("syntax error at or near \"", shown, "\"")));
}

void Grammar::FailUnsupported(Position position, absl::string_view what) {
  Fail(Error(sqlstate::kFeatureNotSupported, position, absl::StrCat(what, " is not supported")));
}

void Grammar::CheckHeight() {
  if (depth_ + height_ <= options_.depth_max) return;
  Fail(WithHint(
      Error(sqlstate::kStatementTooComplex, token().position,
            absl::StrCat("statement is nested more than ", options_.depth_max, " levels deep")),
      "Chains of operators other than AND and OR count one level each."));
}

// Names ----------------------------------------------------------------------------------------

bool Grammar::IsColumnId(const Token& token) {
  switch (token.kind) {
    case TokenKind::kIdentifier:
    case TokenKind::kQuotedIdentifier:
      return true;
    case TokenKind::kKeyword: {
      const KeywordCategory category = InfoOf(token.keyword).category;
      return category == KeywordCategory::kUnreserved || category == KeywordCategory::kColumnName;
    }
    default:
      return false;
  }
}

bool Grammar::IsTypeOrFunctionName(const Token& token) {
  switch (token.kind) {
    case TokenKind::kIdentifier:
    case TokenKind::kQuotedIdentifier:
      return true;
    case TokenKind::kKeyword: {
      const KeywordCategory category = InfoOf(token.keyword).category;
      return category == KeywordCategory::kUnreserved ||
             category == KeywordCategory::kTypeOrFunction;
    }
    default:
      return false;
  }
}

bool Grammar::IsLabel(const Token& token) {
  return token.kind == TokenKind::kIdentifier || token.kind == TokenKind::kQuotedIdentifier ||
         token.kind == TokenKind::kKeyword;
}

bool Grammar::IsBareLabel(const Token& token) {
  if (token.kind == TokenKind::kKeyword) return InfoOf(token.keyword).bare_label;
  return token.kind == TokenKind::kIdentifier || token.kind == TokenKind::kQuotedIdentifier;
}

Identifier Grammar::TakeIdentifier() {
  Identifier identifier{IdentifierValue(token()), token().position};
  Advance();
  return identifier;
}

Identifier Grammar::ParseColumnId() {
  if (IsColumnId(token())) return TakeIdentifier();
  FailSyntax();
  return {};
}

Identifier Grammar::ParseLabel() {
  if (IsLabel(token())) return TakeIdentifier();
  FailSyntax();
  return {};
}

QualifiedName Grammar::ParseQualifiedName() {
  QualifiedName name;
  name.parts.push_back(ParseColumnId());
  while (Accept('.')) name.parts.push_back(ParseLabel());
  return name;
}

std::vector<Identifier> Grammar::ParseColumnIdList() {
  std::vector<Identifier> names;
  do {
    names.push_back(ParseColumnId());
  } while (Accept(','));
  return names;
}

std::vector<Identifier> Grammar::ParseParenthesisedColumnIds() {
  Expect('(');
  std::vector<Identifier> names = ParseColumnIdList();
  Expect(')');
  return names;
}

std::string Grammar::ParseString() {
  std::string value;
  if (token().kind != TokenKind::kString) {
    FailSyntax();
    return value;
  }
  if (absl::Status status = StringValue(token(), value); !status.ok()) {
    Fail(std::move(status));
    return value;
  }
  Advance();
  return value;
}

int64_t Grammar::ParseInteger() {
  int64_t value = 0;
  if (token().kind != TokenKind::kInteger || !absl::SimpleAtoi(token().raw, &value) ||
      value > std::numeric_limits<int32_t>::max()) {
    FailSyntax();
    return 0;
  }
  Advance();
  return value;
}

void Grammar::ParseOptionValue(Option& option) {
  option.value_position = token().position;
  if (token().kind == TokenKind::kString) {
    option.value = ParseString();
    option.value_is_string = true;
    return;
  }
  if (IsLabel(token())) {
    option.value = TakeIdentifier().name;
    return;
  }
  std::string text;
  if (AtOperator("+") || AtOperator("-")) {
    if (AtOperator("-")) text = "-";
    Advance();
  }
  if (token().kind != TokenKind::kInteger && token().kind != TokenKind::kNumeric) {
    FailSyntax();
    return;
  }
  absl::StrAppend(&text, token().raw);
  option.value = std::move(text);
  Advance();
}

Option Grammar::ParseOption() {
  Option option;
  option.name = ParseLabel();
  if (Accept('.')) absl::StrAppend(&option.name.name, ".", ParseLabel().name);
  if (AcceptOperator("=")) ParseOptionValue(option);
  return option;
}

std::vector<Option> Grammar::ParseOptionList() {
  std::vector<Option> list;
  Expect('(');
  do {
    list.push_back(ParseOption());
  } while (Accept(','));
  Expect(')');
  return list;
}

// Types ----------------------------------------------------------------------------------------

void Grammar::ParseTypeModifiers(TypeName& type) {
  if (!Accept('(')) return;
  type.modifiers = ParseExpressionList();
  Expect(')');
}

std::string Grammar::ParseTimeZoneSuffix(absl::string_view base) {
  if (AcceptAll({Keyword::kWith, Keyword::kTime, Keyword::kZone})) return absl::StrCat(base, "tz");
  AcceptAll({Keyword::kWithout, Keyword::kTime, Keyword::kZone});
  return std::string(base);
}

void Grammar::ParseIntervalFields(TypeName& type) {
  const auto is_field = [](Keyword keyword) {
    switch (keyword) {
      case Keyword::kYear:
      case Keyword::kMonth:
      case Keyword::kDay:
      case Keyword::kHour:
      case Keyword::kMinute:
      case Keyword::kSecond:
        return true;
      default:
        return false;
    }
  };
  if (!is_field(token().keyword)) return;
  const Keyword first = token().keyword;
  Keyword last = first;
  type.interval_fields = TakeIdentifier().name;
  if (At(Keyword::kTo) && (first == Keyword::kYear || first == Keyword::kDay ||
                           first == Keyword::kHour || first == Keyword::kMinute)) {
    Advance();
    last = token().keyword;
    const bool allowed =
        (first == Keyword::kYear && last == Keyword::kMonth) ||
        (first == Keyword::kDay &&
         (last == Keyword::kHour || last == Keyword::kMinute || last == Keyword::kSecond)) ||
        (first == Keyword::kHour && (last == Keyword::kMinute || last == Keyword::kSecond)) ||
        (first == Keyword::kMinute && last == Keyword::kSecond);
    if (!allowed) {
      FailSyntax();
      return;
    }
    absl::StrAppend(&type.interval_fields, " to ", TakeIdentifier().name);
  }
  if (last == Keyword::kSecond && Accept('(')) {
    absl::StrAppend(&type.interval_fields, "(", ParseInteger(), ")");
    Expect(')');
  }
}

// The types that the grammar itself knows. False: the current token begins none of them.
bool Grammar::ParseBuiltInType(TypeName& type) {
  const auto set = [&type](absl::string_view name) {
    type.name.parts.push_back({std::string(name), type.position});
    return true;
  };
  switch (token().keyword) {
    case Keyword::kSmallint:
      Advance();
      return set("int2");
    case Keyword::kInt:
    case Keyword::kInteger:
      Advance();
      return set("int4");
    case Keyword::kBigint:
      Advance();
      return set("int8");
    case Keyword::kReal:
      Advance();
      return set("float4");
    case Keyword::kBoolean:
      Advance();
      return set("bool");
    case Keyword::kDouble:
      if (!PeekIs(1, Keyword::kPrecision)) return false;
      Advance();
      Advance();
      return set("float8");
    case Keyword::kFloat: {
      Advance();
      if (!Accept('(')) return set("float8");
      const Position position = token().position;
      const int64_t bits = ParseInteger();
      Expect(')');
      if (bits < 1) {
        Fail(Error(sqlstate::kInvalidParameterValue, position,
                   "precision for type float must be at least 1 bit"));
      } else if (bits > 53) {
        Fail(Error(sqlstate::kInvalidParameterValue, position,
                   "precision for type float must be less than 54 bits"));
      }
      return set(bits <= 24 ? "float4" : "float8");
    }
    case Keyword::kDecimal:
    case Keyword::kDec:
    case Keyword::kNumeric:
      Advance();
      ParseTypeModifiers(type);
      return set("numeric");
    case Keyword::kBit: {
      Advance();
      const bool varying = Accept(Keyword::kVarying);
      ParseTypeModifiers(type);
      if (!varying && type.modifiers.empty()) AddIntegerModifier(type, 1);
      return set(varying ? "varbit" : "bit");
    }
    case Keyword::kNational:
    case Keyword::kNchar:
      FailUnsupported(type.position, "a national character type");
      return true;
    case Keyword::kVarchar:
    case Keyword::kChar:
    case Keyword::kCharacter: {
      bool varying = At(Keyword::kVarchar);
      Advance();
      varying = varying || Accept(Keyword::kVarying);
      if (Accept('(')) {
        AddIntegerModifier(type, ParseInteger());
        Expect(')');
      } else if (!varying) {
        AddIntegerModifier(type, 1);
      }
      return set(varying ? "varchar" : "bpchar");
    }
    case Keyword::kTime:
    case Keyword::kTimestamp: {
      const absl::string_view base = At(Keyword::kTime) ? "time" : "timestamp";
      Advance();
      if (Accept('(')) {
        AddIntegerModifier(type, ParseInteger());
        Expect(')');
      }
      return set(ParseTimeZoneSuffix(base));
    }
    case Keyword::kInterval:
      Advance();
      if (Accept('(')) {
        AddIntegerModifier(type, ParseInteger());
        Expect(')');
      } else {
        ParseIntervalFields(type);
      }
      return set("interval");
    default:
      return false;
  }
}

TypeName Grammar::ParseSimpleTypeName() {
  TypeName type;
  type.position = token().position;
  if (ParseBuiltInType(type)) return type;
  if (!IsTypeOrFunctionName(token())) {
    FailSyntax();
    return type;
  }
  type.name.parts.push_back(TakeIdentifier());
  while (Accept('.')) type.name.parts.push_back(ParseLabel());
  ParseTypeModifiers(type);
  return type;
}

TypeName Grammar::ParseTypeName() {
  const Scope scope(*this);
  const Position position = token().position;
  const bool setof = Accept(Keyword::kSetof);
  TypeName type = ParseSimpleTypeName();
  type.position = position;
  type.setof = setof;
  const auto bound = [this] {
    int32_t size = -1;
    if (!At(']')) size = static_cast<int32_t>(ParseInteger());
    Expect(']');
    return size;
  };
  if (Accept(Keyword::kArray)) {
    type.array_bounds.push_back(Accept('[') ? bound() : -1);
    return type;
  }
  while (Accept('[')) type.array_bounds.push_back(bound());
  return type;
}

}  // namespace kyrodb::sql
