// Expressions: precedence climbing over prefix rules. The rules are many small methods rather than
// one large one because each level of nesting keeps its frames on the stack.
#include <limits>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sql/parse/grammar.h"

namespace kyrodb::sql {
namespace {

constexpr int32_t kParameterMax = 65535;

Precedence StrongerThan(Precedence precedence) {
  return static_cast<Precedence>(static_cast<int>(precedence) + 1);
}

Precedence OperatorPrecedence(absl::string_view op) {
  if (op.size() == 1) {
    switch (op[0]) {
      case '+':
      case '-':
        return Precedence::kAdditive;
      case '*':
      case '/':
      case '%':
        return Precedence::kMultiplicative;
      case '^':
        return Precedence::kPower;
      case '<':
      case '>':
      case '=':
        return Precedence::kComparison;
      default:
        return Precedence::kOther;
    }
  }
  if (op == "<=" || op == ">=" || op == "<>" || op == "!=") return Precedence::kComparison;
  return Precedence::kOther;
}

absl::string_view CanonicalOperator(absl::string_view op) { return op == "!=" ? "<>" : op; }

// Turns a number literal into its negative; false where `expression` is no number.
bool Negate(Expression* expression) {
  if (expression == nullptr) return false;
  auto* literal = expression->If<LiteralExpression>();
  if (literal == nullptr) return false;
  if (literal->type == LiteralType::kInteger) {
    if (literal->integer == std::numeric_limits<int64_t>::min()) {
      literal->type = LiteralType::kNumeric;
      literal->text = "9223372036854775808";
    } else {
      literal->integer = -literal->integer;
    }
    return true;
  }
  if (literal->type != LiteralType::kNumeric) return false;
  if (literal->text[0] == '-') {
    literal->text.erase(0, 1);
  } else {
    literal->text.insert(0, "-");
    // The one 64-bit integer whose digits alone do not fit.
    if (literal->text == "-9223372036854775808") {
      literal->type = LiteralType::kInteger;
      literal->integer = std::numeric_limits<int64_t>::min();
      literal->text.clear();
    }
  }
  return true;
}

}  // namespace

ExpressionPtr Grammar::ParseExpressionAt(Precedence min, bool restricted) {
  const Scope scope(*this);
  ExpressionPtr left = ParsePrefix(restricted);
  LogicalExpression* chain = nullptr;  // `left`, where it was made by this loop
  while (left != nullptr && ParseInfix(left, chain, min, restricted)) {
  }
  return left;
}

bool Grammar::ParseInfix(ExpressionPtr& left, LogicalExpression*& chain, Precedence min,
                         bool restricted) {
  switch (token().kind) {
    case TokenKind::kTypeCast:
      if (Precedence::kCast < min) return false;
      ParseCastSuffix(left);
      chain = nullptr;
      return true;
    case TokenKind::kOperator: {
      const Precedence precedence = OperatorPrecedence(token().raw);
      if (precedence < min) return false;
      ParseBinary(left, precedence, restricted);
      chain = nullptr;
      return true;
    }
    case TokenKind::kKeyword:
      return ParseInfixKeyword(left, chain, min, restricted);
    default:
      return false;
  }
}

bool Grammar::ParseInfixKeyword(ExpressionPtr& left, LogicalExpression*& chain, Precedence min,
                                bool restricted) {
  const Precedence precedence = InfixPrecedence();
  if (precedence == Precedence::kLowest) {
    // AT, OPERATOR and SIMILAR may be labels, but not where PostgreSQL's parser, which sees no
    // further than the word, takes them for an operator on an operand.
    const Precedence taken = At(Keyword::kAt)         ? Precedence::kAtTimeZone
                             : At(Keyword::kOperator) ? Precedence::kOther
                             : At(Keyword::kSimilar)  ? Precedence::kLike
                                                      : Precedence::kLowest;
    if (min > Precedence::kLowest && min <= taken) FailSyntaxAt(Peek(1));
    return false;
  }
  if (precedence < min) return false;
  if (restricted && precedence != Precedence::kOther) {
    // Of the operators that are words a b_expr has only OPERATOR(…) and IS [NOT] DISTINCT FROM.
    if (!At(Keyword::kIs)) return false;
    const size_t ahead = PeekIs(1, Keyword::kNot) ? 2 : 1;
    if (!PeekIs(ahead, Keyword::kDistinct)) return false;
  }
  const Position position = token().position;
  switch (token().keyword) {
    case Keyword::kAnd:
      ParseLogical(left, chain, true);
      return true;
    case Keyword::kOr:
      ParseLogical(left, chain, false);
      return true;
    case Keyword::kIs:
      ParseIs(left, restricted);
      break;
    case Keyword::kIsnull:
    case Keyword::kNotnull: {
      auto test = std::make_unique<IsTestExpression>(position);
      test->negated = At(Keyword::kNotnull);
      Advance();
      test->operand = std::move(left);
      left = std::move(test);
      Grow();
      break;
    }
    case Keyword::kNot:
    case Keyword::kBetween:
    case Keyword::kIn:
    case Keyword::kLike:
    case Keyword::kIlike:
    case Keyword::kSimilar: {
      const bool negated = Accept(Keyword::kNot);
      if (At(Keyword::kBetween)) {
        ParseBetween(left, negated, position);
      } else if (At(Keyword::kIn)) {
        ParseIn(left, negated, position);
      } else if (At(Keyword::kLike)) {
        ParseLike(left, LikeType::kLike, negated, position);
      } else if (At(Keyword::kIlike)) {
        ParseLike(left, LikeType::kIlike, negated, position);
      } else {
        ParseLike(left, LikeType::kSimilar, negated, position);
      }
      break;
    }
    case Keyword::kOperator:
      ParseBinary(left, Precedence::kOther, restricted);
      break;
    case Keyword::kAt: {
      Advance();
      Advance();
      Expect(Keyword::kZone);
      auto call = MakeCall("timezone", position, CallSyntax::kAtTimeZone);
      AddArgument(*call, ParseExpressionAt(StrongerThan(Precedence::kAtTimeZone), restricted));
      AddArgument(*call, std::move(left));
      left = std::move(call);
      Grow();
      break;
    }
    case Keyword::kCollate: {
      Advance();
      auto collate = std::make_unique<CollateExpression>(position);
      collate->operand = std::move(left);
      collate->collation = ParseQualifiedName();
      left = std::move(collate);
      Grow();
      break;
    }
    default:
      FailUnsupported(position, absl::AsciiStrToUpper(token().raw));
      return false;
  }
  chain = nullptr;
  return true;
}

// The binding power of the keyword at hand as an infix operator; kLowest where it is none.
Precedence Grammar::InfixPrecedence() {
  switch (token().keyword) {
    case Keyword::kOr:
      return Precedence::kOr;
    case Keyword::kAnd:
      return Precedence::kAnd;
    case Keyword::kIs:
    case Keyword::kIsnull:
    case Keyword::kNotnull:
      return Precedence::kIs;
    case Keyword::kBetween:
    case Keyword::kIn:
    case Keyword::kLike:
    case Keyword::kIlike:
      return Precedence::kLike;
    case Keyword::kSimilar:
      return PeekIs(1, Keyword::kTo) ? Precedence::kLike : Precedence::kLowest;
    case Keyword::kNot:
      switch (Peek(1).keyword) {
        case Keyword::kBetween:
        case Keyword::kIn:
        case Keyword::kLike:
        case Keyword::kIlike:
        case Keyword::kSimilar:
          return Precedence::kLike;
        default:
          return Precedence::kLowest;
      }
    case Keyword::kOperator:
      return PeekIs(1, '(') ? Precedence::kOther : Precedence::kLowest;
    case Keyword::kOverlaps:
      return Precedence::kOther;
    case Keyword::kAt:
      return PeekIs(1, Keyword::kTime) ? Precedence::kAtTimeZone : Precedence::kLowest;
    case Keyword::kCollate:
      return Precedence::kCollate;
    default:
      return Precedence::kLowest;
  }
}

void Grammar::RefuseChain(Precedence precedence) {
  if (token().kind == TokenKind::kOperator) {
    if (OperatorPrecedence(token().raw) == precedence) FailSyntax();
  } else if (token().kind == TokenKind::kKeyword) {
    if (InfixPrecedence() == precedence) FailSyntax();
  }
}

void Grammar::ParseLogical(ExpressionPtr& left, LogicalExpression*& chain, bool is_and) {
  const Position position = token().position;
  Advance();
  ExpressionPtr right =
      ParseExpressionAt(StrongerThan(is_and ? Precedence::kAnd : Precedence::kOr), false);
  if (chain != nullptr && chain->is_and == is_and) {
    chain->operands.push_back(std::move(right));
    return;
  }
  auto logical = std::make_unique<LogicalExpression>(position);
  logical->is_and = is_and;
  logical->operands.push_back(std::move(left));
  logical->operands.push_back(std::move(right));
  chain = logical.get();
  left = std::move(logical);
  Grow();
}

void Grammar::ParseOperatorName(std::string& op, std::vector<Identifier>& schema) {
  if (token().kind == TokenKind::kOperator) {
    op = std::string(CanonicalOperator(token().raw));
    Advance();
    return;
  }
  Expect(Keyword::kOperator);
  Expect('(');
  while (IsColumnId(token())) {
    schema.push_back(TakeIdentifier());
    Expect('.');
  }
  if (token().kind != TokenKind::kOperator) {
    FailSyntax();
    return;
  }
  op = std::string(CanonicalOperator(token().raw));
  Advance();
  Expect(')');
}

void Grammar::ParseBinary(ExpressionPtr& left, Precedence precedence, bool restricted) {
  const Position position = token().position;
  std::string op;
  std::vector<Identifier> op_schema;
  ParseOperatorName(op, op_schema);
  if (!restricted && (At(Keyword::kAny) || At(Keyword::kAll) || At(Keyword::kSome))) {
    ParseQuantified(left, position, std::move(op), std::move(op_schema));
    return;
  }
  auto binary = std::make_unique<BinaryExpression>(position);
  binary->op = std::move(op);
  binary->op_schema = std::move(op_schema);
  binary->left = std::move(left);
  binary->right = ParseExpressionAt(StrongerThan(precedence), restricted);
  left = std::move(binary);
  Grow();
  if (precedence == Precedence::kComparison) RefuseChain(precedence);
}

void Grammar::ParseQuantified(ExpressionPtr& left, Position position, std::string op,
                              std::vector<Identifier> op_schema) {
  const bool is_all = At(Keyword::kAll);
  Advance();
  if (!At('(')) {
    FailSyntax();
    return;
  }
  ExpressionPtr inner = ParseParenthesised();
  Grow();
  if (inner == nullptr) return;
  if (auto* subquery = inner->If<SubqueryExpression>();
      subquery != nullptr && subquery->type == SubqueryType::kScalar) {
    subquery->position = position;
    subquery->type = is_all ? SubqueryType::kAll : SubqueryType::kAny;
    subquery->op = std::move(op);
    subquery->op_schema = std::move(op_schema);
    subquery->operand = std::move(left);
    left = std::move(inner);
    return;
  }
  auto quantified = std::make_unique<QuantifiedExpression>(position);
  quantified->op = std::move(op);
  quantified->op_schema = std::move(op_schema);
  quantified->is_all = is_all;
  quantified->operand = std::move(left);
  quantified->array = std::move(inner);
  left = std::move(quantified);
}

void Grammar::ParseIs(ExpressionPtr& left, bool restricted) {
  const Position position = token().position;
  Advance();
  const bool negated = Accept(Keyword::kNot);
  if (Accept(Keyword::kDistinct)) {
    Expect(Keyword::kFrom);
    auto distinct = std::make_unique<DistinctFromExpression>(position);
    distinct->negated = negated;
    distinct->left = std::move(left);
    distinct->right = ParseExpressionAt(StrongerThan(Precedence::kIs), restricted);
    left = std::move(distinct);
    Grow();
    RefuseChain(Precedence::kIs);
    return;
  }
  auto test = std::make_unique<IsTestExpression>(position);
  test->negated = negated;
  switch (token().keyword) {
    case Keyword::kNull:
      test->test = IsTest::kNull;
      break;
    case Keyword::kTrue:
      test->test = IsTest::kTrue;
      break;
    case Keyword::kFalse:
      test->test = IsTest::kFalse;
      break;
    case Keyword::kUnknown:
      test->test = IsTest::kUnknown;
      break;
    case Keyword::kDocument:
    case Keyword::kNormalized:
    case Keyword::kNfc:
    case Keyword::kNfd:
    case Keyword::kNfkc:
    case Keyword::kNfkd:
      FailUnsupported(position, absl::StrCat("IS ", absl::AsciiStrToUpper(token().raw)));
      return;
    default:
      FailSyntax();
      return;
  }
  Advance();
  test->operand = std::move(left);
  left = std::move(test);
  Grow();
}

void Grammar::ParseBetween(ExpressionPtr& left, bool negated, Position position) {
  Advance();
  auto between = std::make_unique<BetweenExpression>(position);
  between->negated = negated;
  between->symmetric = Accept(Keyword::kSymmetric);
  if (!between->symmetric) Accept(Keyword::kAsymmetric);
  between->operand = std::move(left);
  between->low = ParseRestrictedExpression();
  Expect(Keyword::kAnd);
  between->high = ParseExpressionAt(StrongerThan(Precedence::kLike), false);
  left = std::move(between);
  Grow();
  RefuseChain(Precedence::kLike);
}

void Grammar::ParseIn(ExpressionPtr& left, bool negated, Position position) {
  Advance();
  if (!At('(')) {
    FailSyntax();
    return;
  }
  Grow();
  const Position open = token().position;
  if (AtQueryStart(1) || PeekIs(1, '(')) {
    // A query, a list in parentheses or a list that begins with one.
    ExpressionPtr inner = ParseParenthesised();
    if (inner == nullptr) return;
    if (auto* subquery = inner->If<SubqueryExpression>();
        subquery != nullptr && subquery->type == SubqueryType::kScalar) {
      subquery->position = position;
      subquery->type = SubqueryType::kIn;
      subquery->negated = negated;
      subquery->operand = std::move(left);
      left = std::move(inner);
      return;
    }
    auto in = std::make_unique<InListExpression>(position);
    in->negated = negated;
    in->operand = std::move(left);
    // `((1), 2)` reads as a row; `((1, 2))` as a list of one row, whose own parentheses were kept.
    if (auto* row = inner->If<RowExpression>();
        row != nullptr && !row->explicit_row && row->position == open) {
      in->items = std::move(row->elements);
    } else {
      in->items.push_back(std::move(inner));
    }
    left = std::move(in);
    return;
  }
  auto in = std::make_unique<InListExpression>(position);
  in->negated = negated;
  in->operand = std::move(left);
  Advance();
  in->items = ParseExpressionList();
  Expect(')');
  left = std::move(in);
}

void Grammar::ParseLike(ExpressionPtr& left, LikeType type, bool negated, Position position) {
  Advance();
  if (type == LikeType::kSimilar) {
    Expect(Keyword::kTo);
  } else if (At(Keyword::kAny) || At(Keyword::kAll) || At(Keyword::kSome)) {
    ParseQuantified(left, position,
                    absl::StrCat(negated ? "not " : "", type == LikeType::kLike ? "like" : "ilike"),
                    {});
    return;
  }
  auto like = std::make_unique<LikeExpression>(position);
  like->type = type;
  like->negated = negated;
  like->operand = std::move(left);
  like->pattern = ParseExpressionAt(StrongerThan(Precedence::kLike), false);
  if (Accept(Keyword::kEscape)) {
    like->escape = ParseExpressionAt(StrongerThan(Precedence::kLike), false);
  }
  left = std::move(like);
  Grow();
  RefuseChain(Precedence::kLike);
}

void Grammar::ParseCastSuffix(ExpressionPtr& left) {
  auto cast = std::make_unique<CastExpression>(token().position);
  Advance();
  cast->operand = std::move(left);
  cast->type = ParseTypeName();
  left = std::move(cast);
  Grow();
}

// Prefix rules ---------------------------------------------------------------------------------

ExpressionPtr Grammar::ParsePrefix(bool restricted) {
  switch (token().kind) {
    case TokenKind::kInteger:
    case TokenKind::kNumeric:
      return ParseNumber();
    case TokenKind::kString:
    case TokenKind::kBitString:
      return ParseStringLiteral();
    case TokenKind::kParameter:
      return ParseParameter();
    case TokenKind::kIdentifier:
    case TokenKind::kQuotedIdentifier:
      return ParseNameExpression();
    case TokenKind::kKeyword:
      return ParsePrefixKeyword(restricted);
    case TokenKind::kPunctuation:
      if (At('(')) {
        const Position open = token().position;
        ExpressionPtr inner = ParseParenthesised();
        // A row takes fields only in parentheses of its own: ((1, 2)).f1
        if (inner != nullptr && inner->kind == ExpressionKind::kRow && inner->position == open) {
          return inner;
        }
        return ParseIndirection(std::move(inner));
      }
      break;
    case TokenKind::kOperator:
      if (AtOperator("-") || AtOperator("+")) return ParseSign(restricted);
      if (OperatorPrecedence(token().raw) == Precedence::kOther) {
        return ParsePrefixOperator(restricted);
      }
      break;
    default:
      break;
  }
  FailSyntax();
  return nullptr;
}

ExpressionPtr Grammar::ParseSign(bool restricted) {
  const Position position = token().position;
  const bool minus = AtOperator("-");
  Advance();
  ExpressionPtr operand = ParseExpressionAt(Precedence::kUnarySign, restricted);
  if (minus && Negate(operand.get())) {
    operand->position = position;
    return operand;
  }
  auto unary = std::make_unique<UnaryExpression>(position);
  unary->op = minus ? "-" : "+";
  unary->operand = std::move(operand);
  return unary;
}

ExpressionPtr Grammar::ParsePrefixOperator(bool restricted) {
  auto unary = std::make_unique<UnaryExpression>(token().position);
  ParseOperatorName(unary->op, unary->op_schema);
  unary->operand = ParseExpressionAt(StrongerThan(Precedence::kOther), restricted);
  return unary;
}

ExpressionPtr Grammar::ParseNumber() {
  auto literal = std::make_unique<LiteralExpression>(token().position);
  if (token().kind == TokenKind::kInteger && absl::SimpleAtoi(token().raw, &literal->integer)) {
    literal->type = LiteralType::kInteger;
  } else {
    literal->type = LiteralType::kNumeric;
    literal->text = std::string(token().raw);
  }
  Advance();
  return literal;
}

ExpressionPtr Grammar::ParseStringLiteral() {
  auto literal = std::make_unique<LiteralExpression>(token().position);
  literal->type =
      token().kind == TokenKind::kString ? LiteralType::kString : LiteralType::kBitString;
  if (absl::Status status = StringValue(token(), literal->text); !status.ok()) {
    Fail(std::move(status));
    return nullptr;
  }
  if (literal->type == LiteralType::kBitString) {
    const bool binary = token().raw[0] == 'b' || token().raw[0] == 'B';
    for (const char digit : literal->text) {
      if (binary ? digit == '0' || digit == '1' : absl::ascii_isxdigit(static_cast<uint8_t>(digit)))
        continue;
      Fail(Error(sqlstate::kInvalidTextRepresentation, literal->position,
                 absl::StrCat("\"", absl::string_view(&digit, 1), "\" is not a valid ",
                              binary ? "binary" : "hexadecimal", " digit")));
      return nullptr;
    }
    literal->text.insert(0, binary ? "b" : "x");
  }
  Advance();
  return literal;
}

ExpressionPtr Grammar::ParseParameter() {
  auto parameter = std::make_unique<ParameterExpression>(token().position);
  if (!absl::SimpleAtoi(token().raw.substr(1), &parameter->number) || parameter->number < 1 ||
      parameter->number > kParameterMax) {
    Fail(Error(sqlstate::kUndefinedParameter, token().position,
               absl::StrCat("there is no parameter ", token().raw, ", they go from $1 to $",
                            kParameterMax)));
    return nullptr;
  }
  if (parameter->number > parameter_count_) parameter_count_ = parameter->number;
  Advance();
  return ParseIndirection(std::move(parameter));
}

// At '(': a row, a query or an expression in parentheses, without what may follow.
ExpressionPtr Grammar::ParseParenthesised() {
  const Position position = token().position;
  Advance();
  if (AtQueryStart()) {
    auto subquery = std::make_unique<SubqueryExpression>(position);
    subquery->query = ParseQuery();
    Expect(')');
    return subquery;
  }
  const bool nested = At('(');
  ExpressionPtr first = ParseExpression();
  if (first == nullptr) return nullptr;
  if (nested && AtQueryContinuation()) {
    // `((SELECT 1) UNION …)`: what looked like a value is the first operand of a query.
    auto* subquery = first->If<SubqueryExpression>();
    if (subquery == nullptr || subquery->type != SubqueryType::kScalar) {
      FailSyntax();
      return nullptr;
    }
    subquery->query = ContinueQuery(std::move(subquery->query));
    subquery->position = position;
    Expect(')');
    return first;
  }
  if (!At(',')) {
    Expect(')');
    return first;
  }
  auto row = std::make_unique<RowExpression>(position);
  row->elements.push_back(std::move(first));
  while (Accept(',')) row->elements.push_back(ParseExpression());
  Expect(')');
  return row;
}

// Subscripts and fields after a value that may carry them.
ExpressionPtr Grammar::ParseIndirection(ExpressionPtr operand) {
  for (bool first = true; operand != nullptr; first = false) {
    const Position position = token().position;
    if (Accept('[')) {
      auto subscript = std::make_unique<SubscriptExpression>(position);
      if (!At(':')) subscript->low = ParseExpression();
      if (Accept(':')) {
        subscript->slice = true;
        if (!At(']')) subscript->high = ParseExpression();
      }
      Expect(']');
      subscript->separate = first && operand->kind == ExpressionKind::kSubscript;
      subscript->operand = std::move(operand);
      operand = std::move(subscript);
    } else if (Accept('.')) {
      auto field = std::make_unique<FieldExpression>(position);
      if (AcceptOperator("*")) {
        field->star = true;
      } else {
        field->field = ParseLabel();
      }
      field->operand = std::move(operand);
      operand = std::move(field);
    } else {
      break;
    }
    Grow();
  }
  return operand;
}

ExpressionPtr Grammar::ParsePrefixKeyword(bool restricted) {
  const Position position = token().position;
  const auto literal = [&](LiteralType type, bool value) {
    auto node = std::make_unique<LiteralExpression>(position);
    node->type = type;
    node->boolean = value;
    Advance();
    return node;
  };
  switch (token().keyword) {
    case Keyword::kTrue:
      return literal(LiteralType::kBoolean, true);
    case Keyword::kFalse:
      return literal(LiteralType::kBoolean, false);
    case Keyword::kNull:
      return literal(LiteralType::kNull, false);
    case Keyword::kNot: {
      if (restricted) break;
      auto node = std::make_unique<NotExpression>(position);
      Advance();
      node->operand = ParseExpressionAt(Precedence::kNot, false);
      return node;
    }
    case Keyword::kDefault:
      if (restricted) break;
      Advance();
      return std::make_unique<DefaultExpression>(position);
    case Keyword::kOperator:
      if (!PeekIs(1, '(')) break;
      return ParsePrefixOperator(restricted);
    case Keyword::kCase:
      return ParseCase();
    case Keyword::kCast:
      return ParseCast();
    case Keyword::kExists:
      return ParseExists();
    case Keyword::kArray:
      return ParseArray();
    case Keyword::kRow:
      return PeekIs(1, '(') ? ParseRow() : ParseNameExpression();
    case Keyword::kCoalesce:
      return ParseCoalesce(CoalesceType::kCoalesce);
    case Keyword::kNullif:
      return ParseCoalesce(CoalesceType::kNullif);
    case Keyword::kGreatest:
      return ParseCoalesce(CoalesceType::kGreatest);
    case Keyword::kLeast:
      return ParseCoalesce(CoalesceType::kLeast);
    case Keyword::kExtract:
      return PeekIs(1, '(') ? ParseExtract() : ParseNameExpression();
    case Keyword::kPosition:
      return PeekIs(1, '(') ? ParsePosition() : ParseNameExpression();
    case Keyword::kSubstring:
      return PeekIs(1, '(') ? ParseSubstring() : ParseNameExpression();
    case Keyword::kOverlay:
      return PeekIs(1, '(') ? ParseOverlay() : ParseNameExpression();
    case Keyword::kTrim:
      return PeekIs(1, '(') ? ParseTrim() : ParseNameExpression();
    case Keyword::kCurrentDate:
      return ParseSpecialValue(SpecialValue::kCurrentDate, false);
    case Keyword::kCurrentTime:
      return ParseSpecialValue(SpecialValue::kCurrentTime, true);
    case Keyword::kCurrentTimestamp:
      return ParseSpecialValue(SpecialValue::kCurrentTimestamp, true);
    case Keyword::kLocaltime:
      return ParseSpecialValue(SpecialValue::kLocaltime, true);
    case Keyword::kLocaltimestamp:
      return ParseSpecialValue(SpecialValue::kLocaltimestamp, true);
    case Keyword::kCurrentUser:
      return ParseSpecialValue(SpecialValue::kCurrentUser, false);
    case Keyword::kSessionUser:
      return ParseSpecialValue(SpecialValue::kSessionUser, false);
    case Keyword::kUser:
      return ParseSpecialValue(SpecialValue::kUser, false);
    case Keyword::kCurrentRole:
      return ParseSpecialValue(SpecialValue::kCurrentRole, false);
    case Keyword::kCurrentCatalog:
      return ParseSpecialValue(SpecialValue::kCurrentCatalog, false);
    case Keyword::kCurrentSchema:
      // current_schema() is a function, current_schema alone a value.
      return PeekIs(1, '(') ? ParseNameExpression()
                            : ParseSpecialValue(SpecialValue::kCurrentSchema, false);
    case Keyword::kUnique:
    case Keyword::kTreat:
    case Keyword::kNormalize:
    case Keyword::kXmlconcat:
    case Keyword::kXmlelement:
    case Keyword::kXmlexists:
    case Keyword::kXmlforest:
    case Keyword::kXmlparse:
    case Keyword::kXmlpi:
    case Keyword::kXmlroot:
    case Keyword::kXmlserialize:
      if (!PeekIs(1, '(')) break;
      FailUnsupported(position, absl::StrCat(absl::AsciiStrToUpper(token().raw), "(…)"));
      return nullptr;
    case Keyword::kCollation:
      if (!PeekIs(1, Keyword::kFor)) break;
      FailUnsupported(position, "COLLATION FOR");
      return nullptr;
    default:
      break;
  }
  if (InfoOf(token().keyword).category == KeywordCategory::kReserved) {
    FailSyntax();
    return nullptr;
  }
  return ParseNameExpression();
}

// Whether the type word at hand begins a typed literal rather than a column of that name.
bool Grammar::AtBuiltInTypeLiteral() {
  const auto string_at = [this](size_t ahead) { return Peek(ahead).kind == TokenKind::kString; };
  switch (token().keyword) {
    case Keyword::kSmallint:
    case Keyword::kInt:
    case Keyword::kInteger:
    case Keyword::kBigint:
    case Keyword::kReal:
    case Keyword::kBoolean:
      return string_at(1);
    case Keyword::kDouble:
      return PeekIs(1, Keyword::kPrecision) && string_at(2);
    case Keyword::kFloat:
    case Keyword::kDecimal:
    case Keyword::kDec:
    case Keyword::kNumeric:
    case Keyword::kInterval:
    case Keyword::kVarchar:
      return string_at(1) || PeekIs(1, '(');
    case Keyword::kBit:
    case Keyword::kChar:
    case Keyword::kCharacter:
      return string_at(1) || PeekIs(1, '(') || PeekIs(1, Keyword::kVarying);
    case Keyword::kTime:
    case Keyword::kTimestamp:
      return string_at(1) || PeekIs(1, '(') ||
             ((PeekIs(1, Keyword::kWith) || PeekIs(1, Keyword::kWithout)) &&
              PeekIs(2, Keyword::kTime));
    case Keyword::kNational:
    case Keyword::kNchar:
      return true;
    default:
      return false;
  }
}

// type 'text': the same node as CAST('text' AS type).
ExpressionPtr Grammar::ParseTypedLiteral(TypeName type) {
  auto cast = std::make_unique<CastExpression>(type.position);
  if (token().kind != TokenKind::kString) {
    FailSyntax();
    return nullptr;
  }
  cast->operand = ParseStringLiteral();
  // interval '1' day: the fields follow the text.
  if (type.name.parts.size() == 1 && type.name.last() == "interval" && type.modifiers.empty()) {
    ParseIntervalFields(type);
  }
  cast->type = std::move(type);
  return cast;
}

// A column, a call, or a typed literal of a named type.
ExpressionPtr Grammar::ParseNameExpression() {
  const Position position = token().position;
  if (AtBuiltInTypeLiteral()) {
    TypeName type;
    type.position = position;
    // The fields of an interval literal come after its text, never before.
    ParseBuiltInType(type);
    return ParseTypedLiteral(std::move(type));
  }
  const bool column_name = IsColumnId(token());
  const bool function_name = IsTypeOrFunctionName(token());
  QualifiedName name;
  name.parts.push_back(TakeIdentifier());
  while (At('.')) {
    if (!column_name) break;
    Advance();
    if (AcceptOperator("*")) {
      auto star = std::make_unique<StarExpression>(position);
      star->qualifier = std::move(name);
      return star;
    }
    name.parts.push_back(ParseLabel());
  }
  const bool callable = function_name || name.parts.size() > 1;
  if (callable && At('(')) {
    // A call, or f(…) 'text': the arguments tell which only afterwards.
    return ParseFunctionCall(std::move(name));
  }
  if (callable && token().kind == TokenKind::kString) {
    TypeName type;
    type.position = position;
    type.name = std::move(name);
    return ParseTypedLiteral(std::move(type));
  }
  if (!column_name) {
    FailSyntax();
    return nullptr;
  }
  auto column = std::make_unique<ColumnExpression>(position);
  column->name = std::move(name);
  if (At('[')) return ParseIndirection(std::move(column));
  return column;
}

std::unique_ptr<FunctionExpression> Grammar::MakeCall(absl::string_view name, Position position,
                                                      CallSyntax syntax) {
  auto call = std::make_unique<FunctionExpression>(position);
  call->name.parts.push_back({std::string(name), position});
  call->syntax = syntax;
  return call;
}

void Grammar::AddArgument(FunctionExpression& call, ExpressionPtr value) {
  call.arguments.push_back({Identifier{}, std::move(value)});
}

void Grammar::ParseFunctionArgument(FunctionExpression& call) {
  FunctionArgument argument;
  if (IsTypeOrFunctionName(token()) &&
      (Peek(1).kind == TokenKind::kEqualsGreater || Peek(1).kind == TokenKind::kColonEquals)) {
    argument.name = TakeIdentifier();
    Advance();
  }
  argument.value = ParseExpression();
  call.arguments.push_back(std::move(argument));
}

ExpressionPtr Grammar::ParseFunctionCall(QualifiedName name) {
  auto call = std::make_unique<FunctionExpression>(name.position());
  call->name = std::move(name);
  Expect('(');
  if (AcceptOperator("*")) {
    call->star = true;
  } else if (!At(')')) {
    bool plain = true;  // may still turn out to be a type's modifiers
    if (Accept(Keyword::kDistinct)) {
      call->distinct = true;
      plain = false;
    } else if (Accept(Keyword::kAll)) {
      plain = false;
    }
    do {
      if (plain && Accept(Keyword::kVariadic)) {
        call->variadic = true;
        ParseFunctionArgument(*call);
        break;
      }
      ParseFunctionArgument(*call);
    } while (Accept(','));
    if (AcceptAll({Keyword::kOrder, Keyword::kBy})) call->order_by = ParseOrderBy();
    plain = plain && !call->variadic && call->order_by.empty();
    if (plain && At(')') && Peek(1).kind == TokenKind::kString) {
      // vector(3) '[1,2,3]'
      Advance();
      TypeName type;
      type.position = call->position;
      type.name = std::move(call->name);
      for (FunctionArgument& argument : call->arguments) {
        if (!argument.name.name.empty()) {
          FailSyntax();
          return nullptr;
        }
        type.modifiers.push_back(std::move(argument.value));
      }
      return ParseTypedLiteral(std::move(type));
    }
  }
  Expect(')');
  ParseFunctionSuffix(*call);
  return call;
}

void Grammar::ParseFunctionSuffix(FunctionExpression& call) {
  if (At(Keyword::kWithin) && PeekIs(1, Keyword::kGroup)) {
    if (!call.order_by.empty() || call.distinct || call.variadic) {
      FailSyntax();
      return;
    }
    Advance();
    Advance();
    Expect('(');
    Expect(Keyword::kOrder);
    Expect(Keyword::kBy);
    call.within_group = ParseOrderBy();
    Expect(')');
  }
  if (At(Keyword::kFilter) && PeekIs(1, '(')) {
    Advance();
    Advance();
    Expect(Keyword::kWhere);
    call.filter = ParseExpression();
    Expect(')');
  }
  if (At(Keyword::kOver)) {
    const Position position = token().position;
    Advance();
    call.over = std::make_unique<WindowSpecification>();
    if (At('(')) {
      *call.over = ParseWindowSpecification();
    } else {
      call.over->name = ParseColumnId();
      call.over->is_reference = true;
    }
    call.over->position = position;
  }
}

WindowSpecification Grammar::ParseWindowSpecification() {
  const Scope scope(*this);
  WindowSpecification window;
  window.position = token().position;
  Expect('(');
  const bool frame_word =
      At(Keyword::kPartition) || At(Keyword::kRange) || At(Keyword::kRows) || At(Keyword::kGroups);
  if (!frame_word && IsColumnId(token())) window.name = TakeIdentifier();
  if (Accept(Keyword::kPartition)) {
    Expect(Keyword::kBy);
    window.partition_by = ParseExpressionList();
  }
  if (AcceptAll({Keyword::kOrder, Keyword::kBy})) window.order_by = ParseOrderBy();
  if (Accept(Keyword::kRows)) {
    window.frame = FrameUnit::kRows;
  } else if (Accept(Keyword::kRange)) {
    window.frame = FrameUnit::kRange;
  } else if (Accept(Keyword::kGroups)) {
    window.frame = FrameUnit::kGroups;
  }
  if (window.frame != FrameUnit::kNone) {
    const Position frame_position = token().position;
    if (Accept(Keyword::kBetween)) {
      window.frame_begin = ParseFrameBound();
      Expect(Keyword::kAnd);
      window.frame_end = ParseFrameBound();
    } else {
      window.frame_begin = ParseFrameBound();
    }
    const FrameBoundType begin = window.frame_begin.type;
    const FrameBoundType end = window.frame_end.type;
    if (begin == FrameBoundType::kUnboundedFollowing) {
      Fail(Error("42P20", frame_position, "frame start cannot be UNBOUNDED FOLLOWING"));
    } else if (end == FrameBoundType::kUnboundedPreceding) {
      Fail(Error("42P20", frame_position, "frame end cannot be UNBOUNDED PRECEDING"));
    } else if (begin > end) {
      Fail(Error("42P20", frame_position,
                 begin == FrameBoundType::kCurrentRow
                     ? "frame starting from current row cannot have preceding rows"
                     : "frame starting from following row cannot have preceding rows"));
    }
    if (Accept(Keyword::kExclude)) {
      if (AcceptAll({Keyword::kCurrent, Keyword::kRow})) {
        window.exclusion = FrameExclusion::kCurrentRow;
      } else if (Accept(Keyword::kGroup)) {
        window.exclusion = FrameExclusion::kGroup;
      } else if (Accept(Keyword::kTies)) {
        window.exclusion = FrameExclusion::kTies;
      } else if (!AcceptAll({Keyword::kNo, Keyword::kOthers})) {
        FailSyntax();
      }
    }
  }
  Expect(')');
  return window;
}

FrameBound Grammar::ParseFrameBound() {
  FrameBound bound;
  if (At(Keyword::kUnbounded) &&
      (PeekIs(1, Keyword::kPreceding) || PeekIs(1, Keyword::kFollowing))) {
    Advance();
    bound.type = At(Keyword::kPreceding) ? FrameBoundType::kUnboundedPreceding
                                         : FrameBoundType::kUnboundedFollowing;
    Advance();
    return bound;
  }
  if (AcceptAll({Keyword::kCurrent, Keyword::kRow})) return bound;
  bound.offset = ParseExpression();
  if (Accept(Keyword::kPreceding)) {
    bound.type = FrameBoundType::kPreceding;
  } else {
    Expect(Keyword::kFollowing);
    bound.type = FrameBoundType::kFollowing;
  }
  return bound;
}

std::vector<ExpressionPtr> Grammar::ParseExpressionList() {
  std::vector<ExpressionPtr> list;
  do {
    list.push_back(ParseExpression());
  } while (Accept(','));
  return list;
}

// Rules with a syntax of their own ----------------------------------------------------------------

ExpressionPtr Grammar::ParseCase() {
  auto node = std::make_unique<CaseExpression>(token().position);
  Advance();
  if (!At(Keyword::kWhen)) node->operand = ParseExpression();
  do {
    CaseBranch branch;
    Expect(Keyword::kWhen);
    branch.when = ParseExpression();
    Expect(Keyword::kThen);
    branch.then = ParseExpression();
    node->branches.push_back(std::move(branch));
  } while (At(Keyword::kWhen));
  if (Accept(Keyword::kElse)) node->otherwise = ParseExpression();
  Expect(Keyword::kEnd);
  return node;
}

ExpressionPtr Grammar::ParseCast() {
  auto cast = std::make_unique<CastExpression>(token().position);
  Advance();
  Expect('(');
  cast->operand = ParseExpression();
  Expect(Keyword::kAs);
  cast->type = ParseTypeName();
  Expect(')');
  return cast;
}

ExpressionPtr Grammar::ParseExists() {
  const Position position = token().position;
  if (!PeekIs(1, '(')) return ParseNameExpression();
  Advance();
  auto subquery = std::make_unique<SubqueryExpression>(position);
  subquery->type = SubqueryType::kExists;
  subquery->query = ParseParenthesisedQuery();
  return subquery;
}

ExpressionPtr Grammar::ParseArray() {
  const Position position = token().position;
  Advance();
  if (At('(')) {
    auto subquery = std::make_unique<SubqueryExpression>(position);
    subquery->type = SubqueryType::kArray;
    subquery->query = ParseParenthesisedQuery();
    return subquery;
  }
  return ParseArrayElements(position);
}

// At '['. Inner brackets are arrays too, and then all elements are.
ExpressionPtr Grammar::ParseArrayElements(Position position) {
  const Scope scope(*this);
  auto array = std::make_unique<ArrayExpression>(position);
  Expect('[');
  if (Accept(']')) return array;
  const bool nested = At('[');
  do {
    array->elements.push_back(nested ? ParseArrayElements(token().position) : ParseExpression());
  } while (Accept(','));
  Expect(']');
  return array;
}

ExpressionPtr Grammar::ParseRow() {
  auto row = std::make_unique<RowExpression>(token().position);
  row->explicit_row = true;
  Advance();
  Expect('(');
  if (!At(')')) row->elements = ParseExpressionList();
  Expect(')');
  return row;
}

ExpressionPtr Grammar::ParseCoalesce(CoalesceType type) {
  if (!PeekIs(1, '(')) return ParseNameExpression();
  auto node = std::make_unique<CoalesceExpression>(token().position);
  node->type = type;
  Advance();
  Expect('(');
  if (type == CoalesceType::kNullif) {
    node->arguments.push_back(ParseExpression());
    Expect(',');
    node->arguments.push_back(ParseExpression());
  } else {
    node->arguments = ParseExpressionList();
  }
  Expect(')');
  return node;
}

ExpressionPtr Grammar::ParseSpecialValue(SpecialValue value, bool takes_precision) {
  auto node = std::make_unique<SpecialValueExpression>(token().position);
  node->value = value;
  Advance();
  if (takes_precision && Accept('(')) {
    node->precision = static_cast<int32_t>(ParseInteger());
    Expect(')');
  }
  return node;
}

ExpressionPtr Grammar::ParseExtract() {
  auto call = MakeCall("extract", token().position, CallSyntax::kExtract);
  Advance();
  Expect('(');
  auto field = std::make_unique<LiteralExpression>(token().position);
  field->type = LiteralType::kString;
  if (token().kind == TokenKind::kString) {
    field->text = ParseString();
  } else {
    switch (token().kind) {
      case TokenKind::kIdentifier:
      case TokenKind::kQuotedIdentifier:
        field->text = TakeIdentifier().name;
        break;
      default:
        switch (token().keyword) {
          case Keyword::kYear:
          case Keyword::kMonth:
          case Keyword::kDay:
          case Keyword::kHour:
          case Keyword::kMinute:
          case Keyword::kSecond:
            field->text = TakeIdentifier().name;
            break;
          default:
            FailSyntax();
            return nullptr;
        }
    }
  }
  AddArgument(*call, std::move(field));
  Expect(Keyword::kFrom);
  AddArgument(*call, ParseExpression());
  Expect(')');
  return call;
}

ExpressionPtr Grammar::ParsePosition() {
  auto call = MakeCall("position", token().position, CallSyntax::kPosition);
  Advance();
  Expect('(');
  ExpressionPtr needle = ParseRestrictedExpression();
  Expect(Keyword::kIn);
  AddArgument(*call, ParseRestrictedExpression());
  AddArgument(*call, std::move(needle));
  Expect(')');
  return call;
}

ExpressionPtr Grammar::ParseSubstring() {
  auto call = MakeCall("substring", token().position, CallSyntax::kPlain);
  Advance();
  Expect('(');
  if (At(')')) {
    Advance();
    return call;
  }
  ParseFunctionArgument(*call);
  const bool named = !call->arguments.back().name.name.empty();
  if (named || !(At(Keyword::kFrom) || At(Keyword::kFor) || At(Keyword::kSimilar))) {
    while (Accept(',')) ParseFunctionArgument(*call);
    Expect(')');
    return call;
  }
  call->syntax = CallSyntax::kSubstring;
  if (At(Keyword::kSimilar)) {
    FailUnsupported(token().position, "SUBSTRING(… SIMILAR …)");
    return nullptr;
  }
  ExpressionPtr from;
  ExpressionPtr length;
  if (Accept(Keyword::kFrom)) {
    from = ParseExpression();
    if (Accept(Keyword::kFor)) length = ParseExpression();
  } else {
    Expect(Keyword::kFor);
    length = ParseExpression();
    if (Accept(Keyword::kFrom)) {
      from = ParseExpression();
    } else {
      auto one = std::make_unique<LiteralExpression>(call->position);
      one->type = LiteralType::kInteger;
      one->integer = 1;
      from = std::move(one);
    }
  }
  AddArgument(*call, std::move(from));
  if (length != nullptr) AddArgument(*call, std::move(length));
  Expect(')');
  return call;
}

ExpressionPtr Grammar::ParseOverlay() {
  auto call = MakeCall("overlay", token().position, CallSyntax::kPlain);
  Advance();
  Expect('(');
  if (At(')')) {
    Advance();
    return call;
  }
  ParseFunctionArgument(*call);
  if (!call->arguments.back().name.name.empty() || !At(Keyword::kPlacing)) {
    while (Accept(',')) ParseFunctionArgument(*call);
    Expect(')');
    return call;
  }
  call->syntax = CallSyntax::kOverlay;
  Expect(Keyword::kPlacing);
  AddArgument(*call, ParseExpression());
  Expect(Keyword::kFrom);
  AddArgument(*call, ParseExpression());
  if (Accept(Keyword::kFor)) AddArgument(*call, ParseExpression());
  Expect(')');
  return call;
}

ExpressionPtr Grammar::ParseTrim() {
  auto call = MakeCall("btrim", token().position, CallSyntax::kTrim);
  Advance();
  Expect('(');
  if (Accept(Keyword::kLeading)) {
    call->name.parts[0].name = "ltrim";
  } else if (Accept(Keyword::kTrailing)) {
    call->name.parts[0].name = "rtrim";
  } else {
    Accept(Keyword::kBoth);
  }
  if (Accept(Keyword::kFrom)) {
    for (ExpressionPtr& value : ParseExpressionList()) AddArgument(*call, std::move(value));
  } else {
    ExpressionPtr first = ParseExpression();
    if (Accept(Keyword::kFrom)) {
      for (ExpressionPtr& value : ParseExpressionList()) AddArgument(*call, std::move(value));
      AddArgument(*call, std::move(first));
    } else {
      AddArgument(*call, std::move(first));
      while (Accept(',')) AddArgument(*call, ParseExpression());
    }
  }
  Expect(')');
  return call;
}

}  // namespace kyrodb::sql
