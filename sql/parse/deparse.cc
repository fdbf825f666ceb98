#include "sql/parse/deparse.h"

#include <limits>

#include "absl/base/attributes.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sql/parse/keywords.h"

namespace kyrodb::sql {
namespace {

class Writer {
 public:
  std::string Take() { return std::move(out_); }

  void Write(const Expression& expression);
  void Write(const Query& query);
  void Write(const TypeName& type);
  void Write(const QualifiedName& name);

 private:
  void Add(absl::string_view text) { absl::StrAppend(&out_, text); }
  template <typename... Parts>
  void Add(absl::string_view first, const Parts&... rest) {
    absl::StrAppend(&out_, first, rest...);
  }

  // The expression, in parentheses unless it is one piece that no operator can pull apart.
  void Operand(const Expression& expression);
  // For subscripts and fields, which may follow a name, a parameter or parentheses only.
  void Base(const Expression& expression);
  static bool IsAtomic(const Expression& expression);

  // Each kind of expression in a frame of its own: nesting costs stack, and a frame that held the
  // needs of all kinds would cost too much of it.
  ABSL_ATTRIBUTE_NOINLINE void Piece(const StarExpression& star);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const UnaryExpression& unary);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const BinaryExpression& binary);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const LogicalExpression& logical);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const IsTestExpression& test);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const DistinctFromExpression& distinct);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const BetweenExpression& between);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const InListExpression& in);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const LikeExpression& like);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const CastExpression& cast);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const CaseExpression& node);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const CoalesceExpression& node);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const SpecialValueExpression& special);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const QuantifiedExpression& quantified);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const RowExpression& row);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const SubscriptExpression& subscript);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const FieldExpression& field);
  ABSL_ATTRIBUTE_NOINLINE void Piece(const CollateExpression& collate);
  ABSL_ATTRIBUTE_NOINLINE void Literal(const LiteralExpression& literal);
  void Operator(absl::string_view op, const std::vector<Identifier>& schema);
  ABSL_ATTRIBUTE_NOINLINE void Subquery(const SubqueryExpression& subquery);
  ABSL_ATTRIBUTE_NOINLINE void Function(const FunctionExpression& call);
  ABSL_ATTRIBUTE_NOINLINE void PlainCall(const FunctionExpression& call);
  ABSL_ATTRIBUTE_NOINLINE void SpecialCall(const FunctionExpression& call);
  void Window(const WindowSpecification& window);
  void Bound(const FrameBound& bound);
  void List(const std::vector<ExpressionPtr>& list);
  void Identifiers(const std::vector<Identifier>& names);
  void OrderBy(const std::vector<OrderItem>& items);
  void Nulls(NullsOrder nulls);
  void SelectList(const std::vector<SelectItem>& items);
  void Body(const QueryBody& body);
  void SetOperand(const QueryBody& body);
  void Select(const SelectBody& select);
  void Grouping(const GroupingElement& element);
  void From(const std::vector<TableRefPtr>& tables);
  ABSL_ATTRIBUTE_NOINLINE void Table(const TableRef& table);
  void TableAlias(const Alias& alias);
  void With(const WithClause& with);
  void Statement(const sql::Statement& statement);
  void Assignments(const std::vector<Assignment>& assignments);
  void Returning(const std::vector<SelectItem>& items);
  void Name(const Identifier& identifier) { Add(QuoteIdentifier(identifier.name)); }

  std::string out_;
};

bool Writer::IsAtomic(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kLiteral: {
      const auto& literal = expression.As<LiteralExpression>();
      if (literal.type == LiteralType::kInteger) return literal.integer >= 0;
      if (literal.type == LiteralType::kNumeric) return literal.text[0] != '-';
      return true;
    }
    case ExpressionKind::kFunction:
      return expression.As<FunctionExpression>().syntax != CallSyntax::kAtTimeZone;
    case ExpressionKind::kSubquery:
      switch (expression.As<SubqueryExpression>().type) {
        case SubqueryType::kScalar:
        case SubqueryType::kExists:
        case SubqueryType::kArray:
          return true;
        default:
          return false;
      }
    case ExpressionKind::kParameter:
    case ExpressionKind::kColumn:
    case ExpressionKind::kStar:
    case ExpressionKind::kCast:
    case ExpressionKind::kCase:
    case ExpressionKind::kCoalesce:
    case ExpressionKind::kSpecialValue:
    case ExpressionKind::kArray:
    case ExpressionKind::kRow:
    case ExpressionKind::kSubscript:
    case ExpressionKind::kField:
    case ExpressionKind::kDefault:
      return true;
    default:
      return false;
  }
}

void Writer::Operand(const Expression& expression) {
  if (IsAtomic(expression)) {
    Write(expression);
    return;
  }
  Add("(");
  Write(expression);
  Add(")");
}

void Writer::Base(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kParameter:
    case ExpressionKind::kSubscript:
      Write(expression);
      return;
    case ExpressionKind::kColumn:
      Write(expression);
      return;
    case ExpressionKind::kField:
      if (!expression.As<FieldExpression>().star) {
        Write(expression);
        return;
      }
      break;
    case ExpressionKind::kSubquery:
      if (expression.As<SubqueryExpression>().type == SubqueryType::kScalar) {
        Write(expression);
        return;
      }
      break;
    default:
      break;
  }
  Add("(");
  Write(expression);
  Add(")");
}

void Writer::Literal(const LiteralExpression& literal) {
  switch (literal.type) {
    case LiteralType::kNull:
      Add("NULL");
      break;
    case LiteralType::kBoolean:
      Add(literal.boolean ? "true" : "false");
      break;
    case LiteralType::kInteger:
      absl::StrAppend(&out_, literal.integer);
      break;
    case LiteralType::kNumeric:
      Add(literal.text);
      break;
    case LiteralType::kString:
      Add(QuoteString(literal.text));
      break;
    case LiteralType::kBitString:
      Add(literal.text.substr(0, 1), QuoteString(literal.text.substr(1)));
      break;
  }
}

void Writer::Operator(absl::string_view op, const std::vector<Identifier>& schema) {
  if (schema.empty()) {
    Add(op);
    return;
  }
  Add("OPERATOR(");
  for (const Identifier& part : schema) Add(QuoteIdentifier(part.name), ".");
  Add(op, ")");
}

void Writer::List(const std::vector<ExpressionPtr>& list) {
  absl::string_view separator;
  for (const ExpressionPtr& expression : list) {
    Add(separator);
    Write(*expression);
    separator = ", ";
  }
}

void Writer::Identifiers(const std::vector<Identifier>& names) {
  absl::string_view separator;
  for (const Identifier& name : names) {
    Add(separator, QuoteIdentifier(name.name));
    separator = ", ";
  }
}

void Writer::Nulls(NullsOrder nulls) {
  if (nulls == NullsOrder::kFirst) Add(" NULLS FIRST");
  if (nulls == NullsOrder::kLast) Add(" NULLS LAST");
}

void Writer::OrderBy(const std::vector<OrderItem>& items) {
  absl::string_view separator = "ORDER BY ";
  for (const OrderItem& item : items) {
    Add(separator);
    Write(*item.expression);
    if (!item.using_op.empty()) {
      Add(" USING ", item.using_op);
    } else if (item.descending) {
      Add(" DESC");
    }
    Nulls(item.nulls);
    separator = ", ";
  }
}

void Writer::Bound(const FrameBound& bound) {
  switch (bound.type) {
    case FrameBoundType::kUnboundedPreceding:
      Add("UNBOUNDED PRECEDING");
      break;
    case FrameBoundType::kPreceding:
      Operand(*bound.offset);
      Add(" PRECEDING");
      break;
    case FrameBoundType::kCurrentRow:
      Add("CURRENT ROW");
      break;
    case FrameBoundType::kFollowing:
      Operand(*bound.offset);
      Add(" FOLLOWING");
      break;
    case FrameBoundType::kUnboundedFollowing:
      Add("UNBOUNDED FOLLOWING");
      break;
  }
}

void Writer::Window(const WindowSpecification& window) {
  if (window.is_reference) {
    Name(window.name);
    return;
  }
  Add("(");
  absl::string_view separator;
  const auto next = [&] {
    Add(separator);
    separator = " ";
  };
  if (!window.name.name.empty()) {
    next();
    Name(window.name);
  }
  if (!window.partition_by.empty()) {
    next();
    Add("PARTITION BY ");
    List(window.partition_by);
  }
  if (!window.order_by.empty()) {
    next();
    OrderBy(window.order_by);
  }
  if (window.frame != FrameUnit::kNone) {
    next();
    Add(window.frame == FrameUnit::kRows    ? "ROWS"
        : window.frame == FrameUnit::kRange ? "RANGE"
                                            : "GROUPS",
        " BETWEEN ");
    Bound(window.frame_begin);
    Add(" AND ");
    Bound(window.frame_end);
    switch (window.exclusion) {
      case FrameExclusion::kNoOthers:
        break;
      case FrameExclusion::kCurrentRow:
        Add(" EXCLUDE CURRENT ROW");
        break;
      case FrameExclusion::kGroup:
        Add(" EXCLUDE GROUP");
        break;
      case FrameExclusion::kTies:
        Add(" EXCLUDE TIES");
        break;
    }
  }
  Add(")");
}

void Writer::PlainCall(const FunctionExpression& call) {
  // A function's name may be a word that cannot name a column, and the reverse.
  absl::string_view separator;
  for (size_t i = 0; i < call.name.parts.size(); ++i) {
    const std::string& part = call.name.parts[i].name;
    const Keyword keyword = FindKeyword(part);
    const bool special = call.name.parts.size() == 1 &&
                         (keyword == Keyword::kSubstring || keyword == Keyword::kOverlay);
    Add(separator, special ? part : QuoteIdentifier(part));
    separator = ".";
  }
  Add("(");
  if (call.star) Add("*");
  if (call.distinct) Add("DISTINCT ");
  separator = "";
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const FunctionArgument& argument = call.arguments[i];
    Add(separator);
    separator = ", ";
    if (call.variadic && i + 1 == call.arguments.size()) Add("VARIADIC ");
    if (!argument.name.name.empty()) Add(QuoteIdentifier(argument.name.name), " => ");
    Write(*argument.value);
  }
  if (!call.order_by.empty()) {
    Add(" ");
    OrderBy(call.order_by);
  }
  Add(")");
}

void Writer::SpecialCall(const FunctionExpression& call) {
  const auto argument = [&](size_t i) -> const Expression& { return *call.arguments[i].value; };
  switch (call.syntax) {
    case CallSyntax::kPlain:
      break;
    case CallSyntax::kExtract:
      Add("EXTRACT(");
      Write(argument(0));
      Add(" FROM ");
      Write(argument(1));
      Add(")");
      break;
    case CallSyntax::kPosition:
      Add("POSITION(");
      Operand(argument(1));
      Add(" IN ");
      Operand(argument(0));
      Add(")");
      break;
    case CallSyntax::kSubstring:
      Add("SUBSTRING(");
      Write(argument(0));
      Add(" FROM ");
      Write(argument(1));
      if (call.arguments.size() > 2) {
        Add(" FOR ");
        Write(argument(2));
      }
      Add(")");
      break;
    case CallSyntax::kOverlay:
      Add("OVERLAY(");
      Write(argument(0));
      Add(" PLACING ");
      Write(argument(1));
      Add(" FROM ");
      Write(argument(2));
      if (call.arguments.size() > 3) {
        Add(" FOR ");
        Write(argument(3));
      }
      Add(")");
      break;
    case CallSyntax::kTrim: {
      const std::string& name = call.name.last();
      Add("TRIM(", name == "ltrim" ? "LEADING" : name == "rtrim" ? "TRAILING" : "BOTH", " FROM ");
      absl::string_view separator;
      for (const FunctionArgument& item : call.arguments) {
        Add(separator);
        Write(*item.value);
        separator = ", ";
      }
      Add(")");
      break;
    }
    case CallSyntax::kAtTimeZone:
      Operand(argument(1));
      Add(" AT TIME ZONE ");
      Operand(argument(0));
      break;
  }
}

void Writer::Function(const FunctionExpression& call) {
  if (call.syntax != CallSyntax::kPlain) {
    SpecialCall(call);
    return;
  }
  PlainCall(call);
  if (!call.within_group.empty()) {
    Add(" WITHIN GROUP (");
    OrderBy(call.within_group);
    Add(")");
  }
  if (call.filter != nullptr) {
    Add(" FILTER (WHERE ");
    Write(*call.filter);
    Add(")");
  }
  if (call.over != nullptr) {
    Add(" OVER ");
    Window(*call.over);
  }
}

void Writer::Subquery(const SubqueryExpression& subquery) {
  switch (subquery.type) {
    case SubqueryType::kScalar:
      break;
    case SubqueryType::kExists:
      Add("EXISTS ");
      break;
    case SubqueryType::kIn:
      Operand(*subquery.operand);
      Add(subquery.negated ? " NOT IN " : " IN ");
      break;
    case SubqueryType::kAny:
    case SubqueryType::kAll:
      Operand(*subquery.operand);
      Add(" ");
      Operator(subquery.op, subquery.op_schema);
      Add(subquery.type == SubqueryType::kAny ? " ANY " : " ALL ");
      break;
    case SubqueryType::kArray:
      Add("ARRAY");
      break;
  }
  Add("(");
  Write(*subquery.query);
  Add(")");
}

absl::string_view SpecialValueText(SpecialValue value) {
  switch (value) {
    case SpecialValue::kCurrentDate:
      return "CURRENT_DATE";
    case SpecialValue::kCurrentTime:
      return "CURRENT_TIME";
    case SpecialValue::kCurrentTimestamp:
      return "CURRENT_TIMESTAMP";
    case SpecialValue::kLocaltime:
      return "LOCALTIME";
    case SpecialValue::kLocaltimestamp:
      return "LOCALTIMESTAMP";
    case SpecialValue::kCurrentUser:
      return "CURRENT_USER";
    case SpecialValue::kSessionUser:
      return "SESSION_USER";
    case SpecialValue::kUser:
      return "USER";
    case SpecialValue::kCurrentRole:
      return "CURRENT_ROLE";
    case SpecialValue::kCurrentCatalog:
      return "CURRENT_CATALOG";
    case SpecialValue::kCurrentSchema:
      return "CURRENT_SCHEMA";
  }
  return "";
}

void Writer::Piece(const StarExpression& star) {
  Write(star.qualifier);
  Add(star.qualifier.empty() ? "*" : ".*");
}

void Writer::Piece(const UnaryExpression& unary) {
  Operator(unary.op, unary.op_schema);
  Add(" ");
  Operand(*unary.operand);
}

void Writer::Piece(const BinaryExpression& binary) {
  Operand(*binary.left);
  Add(" ");
  Operator(binary.op, binary.op_schema);
  Add(" ");
  Operand(*binary.right);
}

void Writer::Piece(const LogicalExpression& logical) {
  absl::string_view separator;
  for (const ExpressionPtr& operand : logical.operands) {
    Add(separator);
    Operand(*operand);
    separator = logical.is_and ? " AND " : " OR ";
  }
}

void Writer::Piece(const IsTestExpression& test) {
  Operand(*test.operand);
  Add(test.negated ? " IS NOT " : " IS ");
  switch (test.test) {
    case IsTest::kNull:
      Add("NULL");
      break;
    case IsTest::kTrue:
      Add("TRUE");
      break;
    case IsTest::kFalse:
      Add("FALSE");
      break;
    case IsTest::kUnknown:
      Add("UNKNOWN");
      break;
  }
}

void Writer::Piece(const DistinctFromExpression& distinct) {
  Operand(*distinct.left);
  Add(distinct.negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
  Operand(*distinct.right);
}

void Writer::Piece(const BetweenExpression& between) {
  Operand(*between.operand);
  Add(between.negated ? " NOT BETWEEN " : " BETWEEN ", between.symmetric ? "SYMMETRIC " : "");
  Operand(*between.low);
  Add(" AND ");
  Operand(*between.high);
}

void Writer::Piece(const InListExpression& in) {
  Operand(*in.operand);
  Add(in.negated ? " NOT IN (" : " IN (");
  List(in.items);
  Add(")");
}

void Writer::Piece(const LikeExpression& like) {
  Operand(*like.operand);
  Add(like.negated ? " NOT" : "", like.type == LikeType::kLike    ? " LIKE "
                                  : like.type == LikeType::kIlike ? " ILIKE "
                                                                  : " SIMILAR TO ");
  Operand(*like.pattern);
  if (like.escape != nullptr) {
    Add(" ESCAPE ");
    Operand(*like.escape);
  }
}

void Writer::Piece(const CastExpression& cast) {
  Operand(*cast.operand);
  Add("::");
  Write(cast.type);
}

void Writer::Piece(const CaseExpression& node) {
  Add("CASE");
  if (node.operand != nullptr) {
    Add(" ");
    Operand(*node.operand);
  }
  for (const CaseBranch& branch : node.branches) {
    Add(" WHEN ");
    Write(*branch.when);
    Add(" THEN ");
    Write(*branch.then);
  }
  if (node.otherwise != nullptr) {
    Add(" ELSE ");
    Write(*node.otherwise);
  }
  Add(" END");
}

void Writer::Piece(const CoalesceExpression& node) {
  Add(node.type == CoalesceType::kCoalesce   ? "COALESCE("
      : node.type == CoalesceType::kNullif   ? "NULLIF("
      : node.type == CoalesceType::kGreatest ? "GREATEST("
                                             : "LEAST(");
  List(node.arguments);
  Add(")");
}

void Writer::Piece(const SpecialValueExpression& special) {
  Add(SpecialValueText(special.value));
  if (special.precision.has_value()) {
    absl::StrAppend(&out_, "(", *special.precision, ")");
  }
}

void Writer::Piece(const QuantifiedExpression& quantified) {
  Operand(*quantified.operand);
  Add(" ");
  Operator(quantified.op, quantified.op_schema);
  Add(quantified.is_all ? " ALL (" : " ANY (");
  Write(*quantified.array);
  Add(")");
}

void Writer::Piece(const RowExpression& row) {
  Add(row.explicit_row ? "ROW(" : "(");
  List(row.elements);
  Add(")");
}

void Writer::Piece(const SubscriptExpression& subscript) {
  if (subscript.separate) {
    Add("(");
    Write(*subscript.operand);
    Add(")");
  } else {
    Base(*subscript.operand);
  }
  Add("[");
  if (subscript.low != nullptr) Write(*subscript.low);
  if (subscript.slice) Add(":");
  if (subscript.high != nullptr) Write(*subscript.high);
  Add("]");
}

void Writer::Piece(const FieldExpression& field) {
  // t.a would be a column of t: the value in front stands in parentheses.
  if (field.operand->kind == ExpressionKind::kColumn) {
    Add("(");
    Write(*field.operand);
    Add(")");
  } else {
    Base(*field.operand);
  }
  Add(".", field.star ? "*" : QuoteIdentifier(field.field.name));
}

void Writer::Piece(const CollateExpression& collate) {
  Operand(*collate.operand);
  Add(" COLLATE ");
  Write(collate.collation);
}

void Writer::Write(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kLiteral:
      Literal(expression.As<LiteralExpression>());
      break;
    case ExpressionKind::kParameter:
      absl::StrAppend(&out_, "$", expression.As<ParameterExpression>().number);
      break;
    case ExpressionKind::kColumn:
      Write(expression.As<ColumnExpression>().name);
      break;
    case ExpressionKind::kStar:
      Piece(expression.As<StarExpression>());
      break;
    case ExpressionKind::kUnary:
      Piece(expression.As<UnaryExpression>());
      break;
    case ExpressionKind::kBinary:
      Piece(expression.As<BinaryExpression>());
      break;
    case ExpressionKind::kLogical:
      Piece(expression.As<LogicalExpression>());
      break;
    case ExpressionKind::kNot:
      Add("NOT ");
      Operand(*expression.As<NotExpression>().operand);
      break;
    case ExpressionKind::kIsTest:
      Piece(expression.As<IsTestExpression>());
      break;
    case ExpressionKind::kDistinctFrom:
      Piece(expression.As<DistinctFromExpression>());
      break;
    case ExpressionKind::kBetween:
      Piece(expression.As<BetweenExpression>());
      break;
    case ExpressionKind::kInList:
      Piece(expression.As<InListExpression>());
      break;
    case ExpressionKind::kLike:
      Piece(expression.As<LikeExpression>());
      break;
    case ExpressionKind::kCast:
      Piece(expression.As<CastExpression>());
      break;
    case ExpressionKind::kCase:
      Piece(expression.As<CaseExpression>());
      break;
    case ExpressionKind::kCoalesce:
      Piece(expression.As<CoalesceExpression>());
      break;
    case ExpressionKind::kFunction:
      Function(expression.As<FunctionExpression>());
      break;
    case ExpressionKind::kSpecialValue:
      Piece(expression.As<SpecialValueExpression>());
      break;
    case ExpressionKind::kSubquery:
      Subquery(expression.As<SubqueryExpression>());
      break;
    case ExpressionKind::kQuantified:
      Piece(expression.As<QuantifiedExpression>());
      break;
    case ExpressionKind::kArray:
      Add("ARRAY[");
      List(expression.As<ArrayExpression>().elements);
      Add("]");
      break;
    case ExpressionKind::kRow:
      Piece(expression.As<RowExpression>());
      break;
    case ExpressionKind::kSubscript:
      Piece(expression.As<SubscriptExpression>());
      break;
    case ExpressionKind::kField:
      Piece(expression.As<FieldExpression>());
      break;
    case ExpressionKind::kCollate:
      Piece(expression.As<CollateExpression>());
      break;
    case ExpressionKind::kDefault:
      Add("DEFAULT");
      break;
  }
}

void Writer::Write(const QualifiedName& name) {
  absl::string_view separator;
  for (const Identifier& part : name.parts) {
    Add(separator, QuoteIdentifier(part.name));
    separator = ".";
  }
}

void Writer::Write(const TypeName& type) {
  if (type.setof) Add("SETOF ");
  // A word of the grammar stands for itself only with the modifiers that the grammar gives it.
  bool bare = false;
  if (type.name.parts.size() == 1) {
    const std::string& name = type.name.last();
    const auto* modifier =
        type.modifiers.size() == 1 ? type.modifiers[0]->If<LiteralExpression>() : nullptr;
    const bool number = modifier != nullptr && modifier->type == LiteralType::kInteger &&
                        modifier->integer >= 0 &&
                        modifier->integer <= std::numeric_limits<int32_t>::max();
    const bool optional_number = number || type.modifiers.empty();
    bare = (name == "interval" && optional_number) || name == "numeric" ||
           (name == "varchar" && optional_number) || (name == "bit" && number) ||
           (name == "time" && optional_number) || (name == "timestamp" && optional_number);
    Add(bare ? name : QuoteIdentifier(name));
  } else {
    Write(type.name);
  }
  if (!type.interval_fields.empty()) Add(" ", type.interval_fields);
  if (!type.modifiers.empty()) {
    Add("(");
    List(type.modifiers);
    Add(")");
  }
  for (const int32_t bound : type.array_bounds) {
    Add("[");
    if (bound >= 0) absl::StrAppend(&out_, bound);
    Add("]");
  }
}

// Queries --------------------------------------------------------------------------------------

void Writer::SelectList(const std::vector<SelectItem>& items) {
  absl::string_view separator = " ";
  for (const SelectItem& item : items) {
    Add(separator);
    Write(*item.expression);
    if (!item.alias.name.empty()) Add(" AS ", QuoteIdentifier(item.alias.name));
    separator = ", ";
  }
}

void Writer::TableAlias(const Alias& alias) {
  if (alias.name.name.empty()) return;
  Add(" AS ", QuoteIdentifier(alias.name.name));
  if (alias.columns.empty()) return;
  Add("(");
  Identifiers(alias.columns);
  Add(")");
}

void Writer::Table(const TableRef& table) {
  if (table.lateral) Add("LATERAL ");
  switch (table.kind) {
    case TableRefKind::kTable: {
      const auto& named = table.As<NamedTable>();
      if (named.only) Add("ONLY ");
      Write(named.name);
      break;
    }
    case TableRefKind::kFunction: {
      const auto& function = table.As<FunctionTable>();
      Write(*function.call);
      if (function.with_ordinality) Add(" WITH ORDINALITY");
      break;
    }
    case TableRefKind::kSubquery:
      Add("(");
      Write(*table.As<SubqueryTable>().query);
      Add(")");
      break;
    case TableRefKind::kJoin: {
      const auto& join = table.As<JoinTable>();
      Add("(");
      Table(*join.left);
      Add(join.natural ? " NATURAL" : "");
      switch (join.type) {
        case JoinType::kInner:
          Add(" JOIN ");
          break;
        case JoinType::kLeft:
          Add(" LEFT JOIN ");
          break;
        case JoinType::kRight:
          Add(" RIGHT JOIN ");
          break;
        case JoinType::kFull:
          Add(" FULL JOIN ");
          break;
        case JoinType::kCross:
          Add(" CROSS JOIN ");
          break;
      }
      Table(*join.right);
      if (join.on != nullptr) {
        Add(" ON ");
        Write(*join.on);
      }
      if (!join.using_columns.empty()) {
        Add(" USING (");
        Identifiers(join.using_columns);
        Add(")");
        if (!join.using_alias.name.empty()) Add(" AS ", QuoteIdentifier(join.using_alias.name));
      }
      Add(")");
      break;
    }
  }
  TableAlias(table.alias);
}

void Writer::From(const std::vector<TableRefPtr>& tables) {
  absl::string_view separator;
  for (const TableRefPtr& table : tables) {
    Add(separator);
    Table(*table);
    separator = ", ";
  }
}

void Writer::Grouping(const GroupingElement& element) {
  switch (element.type) {
    case GroupingType::kExpression:
      if (element.expression == nullptr) {
        Add("()");
      } else {
        Write(*element.expression);
      }
      break;
    case GroupingType::kRollup:
    case GroupingType::kCube:
      Add(element.type == GroupingType::kRollup ? "ROLLUP (" : "CUBE (");
      List(element.expressions);
      Add(")");
      break;
    case GroupingType::kSets: {
      Add("GROUPING SETS (");
      absl::string_view separator;
      for (const GroupingElement& set : element.sets) {
        Add(separator);
        Grouping(set);
        separator = ", ";
      }
      Add(")");
      break;
    }
  }
}

void Writer::Select(const SelectBody& select) {
  Add("SELECT");
  if (select.distinct) Add(" DISTINCT");
  if (!select.distinct_on.empty()) {
    Add(" ON (");
    List(select.distinct_on);
    Add(")");
  }
  SelectList(select.items);
  if (!select.from.empty()) {
    Add(" FROM ");
    From(select.from);
  }
  if (select.where != nullptr) {
    Add(" WHERE ");
    Write(*select.where);
  }
  if (!select.group_by.empty()) {
    Add(" GROUP BY ", select.group_by_distinct ? "DISTINCT " : "");
    absl::string_view separator;
    for (const GroupingElement& element : select.group_by) {
      Add(separator);
      Grouping(element);
      separator = ", ";
    }
  }
  if (select.having != nullptr) {
    Add(" HAVING ");
    Write(*select.having);
  }
  absl::string_view separator = " WINDOW ";
  for (const NamedWindow& window : select.windows) {
    Add(separator, QuoteIdentifier(window.name.name), " AS ");
    Window(window.specification);
    separator = ", ";
  }
}

void Writer::SetOperand(const QueryBody& body) {
  if (body.kind == QueryBodyKind::kSelect || body.kind == QueryBodyKind::kValues ||
      body.kind == QueryBodyKind::kNested) {
    Body(body);
    return;
  }
  Add("(");
  Body(body);
  Add(")");
}

void Writer::Body(const QueryBody& body) {
  switch (body.kind) {
    case QueryBodyKind::kSelect:
      Select(body.As<SelectBody>());
      break;
    case QueryBodyKind::kValues: {
      absl::string_view separator = "VALUES (";
      for (const auto& row : body.As<ValuesBody>().rows) {
        Add(separator);
        List(row);
        separator = "), (";
      }
      Add(")");
      break;
    }
    case QueryBodyKind::kSetOperation: {
      const auto& set = body.As<SetOperationBody>();
      SetOperand(*set.left);
      Add(set.operation == SetOperation::kUnion       ? " UNION "
          : set.operation == SetOperation::kIntersect ? " INTERSECT "
                                                      : " EXCEPT ",
          set.all ? "ALL " : "");
      SetOperand(*set.right);
      break;
    }
    case QueryBodyKind::kNested:
      Add("(");
      Write(*body.As<NestedBody>().query);
      Add(")");
      break;
  }
}

void Writer::Returning(const std::vector<SelectItem>& items) {
  if (items.empty()) return;
  Add(" RETURNING");
  SelectList(items);
}

void Writer::Assignments(const std::vector<Assignment>& assignments) {
  absl::string_view separator = " SET ";
  for (const Assignment& assignment : assignments) {
    Add(separator, assignment.parenthesised ? "(" : "");
    Identifiers(assignment.columns);
    Add(assignment.parenthesised ? ")" : "", " = ");
    Write(*assignment.value);
    separator = ", ";
  }
}

// The statements that may stand in WITH.
void Writer::Statement(const sql::Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kQuery:
      Write(statement.As<Query>());
      break;
    case StatementKind::kInsert: {
      const auto& insert = statement.As<InsertStatement>();
      if (insert.with != nullptr) With(*insert.with);
      Add("INSERT INTO ");
      Write(insert.table);
      if (!insert.alias.name.empty()) Add(" AS ", QuoteIdentifier(insert.alias.name));
      if (!insert.columns.empty()) {
        Add(" (");
        Identifiers(insert.columns);
        Add(")");
      }
      if (insert.overriding == Overriding::kSystemValue) Add(" OVERRIDING SYSTEM VALUE");
      if (insert.overriding == Overriding::kUserValue) Add(" OVERRIDING USER VALUE");
      if (insert.source == nullptr) {
        Add(" DEFAULT VALUES");
      } else {
        Add(" ");
        Write(*insert.source);
      }
      const OnConflict& conflict = insert.on_conflict;
      if (conflict.action != ConflictAction::kNone) {
        Add(" ON CONFLICT");
        if (!conflict.targets.empty()) {
          Add(" (");
          absl::string_view separator;
          for (const ExpressionPtr& target : conflict.targets) {
            Add(separator);
            separator = ", ";
            const auto* column = target->If<ColumnExpression>();
            if (column != nullptr && column->name.parts.size() == 1) {
              Write(*target);
            } else {
              Add("(");
              Write(*target);
              Add(")");
            }
          }
          Add(")");
          if (conflict.target_where != nullptr) {
            Add(" WHERE ");
            Write(*conflict.target_where);
          }
        } else if (!conflict.constraint.name.empty()) {
          Add(" ON CONSTRAINT ", QuoteIdentifier(conflict.constraint.name));
        }
        if (conflict.action == ConflictAction::kNothing) {
          Add(" DO NOTHING");
        } else {
          Add(" DO UPDATE");
          Assignments(conflict.set);
          if (conflict.where != nullptr) {
            Add(" WHERE ");
            Write(*conflict.where);
          }
        }
      }
      Returning(insert.returning);
      break;
    }
    case StatementKind::kUpdate: {
      const auto& update = statement.As<UpdateStatement>();
      if (update.with != nullptr) With(*update.with);
      Add("UPDATE ", update.only ? "ONLY " : "");
      Write(update.table);
      if (!update.alias.name.empty()) Add(" AS ", QuoteIdentifier(update.alias.name));
      Assignments(update.set);
      if (!update.from.empty()) {
        Add(" FROM ");
        From(update.from);
      }
      if (update.where != nullptr) {
        Add(" WHERE ");
        Write(*update.where);
      }
      Returning(update.returning);
      break;
    }
    case StatementKind::kDelete: {
      const auto& erase = statement.As<DeleteStatement>();
      if (erase.with != nullptr) With(*erase.with);
      Add("DELETE FROM ", erase.only ? "ONLY " : "");
      Write(erase.table);
      if (!erase.alias.name.empty()) Add(" AS ", QuoteIdentifier(erase.alias.name));
      if (!erase.using_tables.empty()) {
        Add(" USING ");
        From(erase.using_tables);
      }
      if (erase.where != nullptr) {
        Add(" WHERE ");
        Write(*erase.where);
      }
      Returning(erase.returning);
      break;
    }
    default:
      KYRO_CHECK(false);  // the grammar lets no other statement stand there
  }
}

void Writer::With(const WithClause& with) {
  Add("WITH ", with.recursive ? "RECURSIVE " : "");
  absl::string_view separator;
  for (const CommonTable& table : with.tables) {
    Add(separator, QuoteIdentifier(table.name.name));
    separator = ", ";
    if (!table.columns.empty()) {
      Add("(");
      Identifiers(table.columns);
      Add(")");
    }
    Add(" AS ",
        table.materialized == Materialization::kAlways  ? "MATERIALIZED "
        : table.materialized == Materialization::kNever ? "NOT MATERIALIZED "
                                                        : "",
        "(");
    Statement(*table.statement);
    Add(")");
  }
  Add(" ");
}

void Writer::Write(const Query& query) {
  if (query.with != nullptr) With(*query.with);
  Body(*query.body);
  if (!query.order_by.empty()) {
    Add(" ");
    OrderBy(query.order_by);
  }
  if (query.with_ties) {
    Add(" FETCH FIRST (");
    Write(*query.limit);
    Add(") ROWS WITH TIES");
  } else if (query.limit != nullptr) {
    Add(" LIMIT ");
    Write(*query.limit);
  } else if (query.limit_position != 0) {
    Add(" LIMIT ALL");
  }
  if (query.offset != nullptr) {
    Add(" OFFSET ");
    Write(*query.offset);
  }
  for (const LockingClause& locking : query.locking) {
    switch (locking.strength) {
      case LockStrength::kUpdate:
        Add(" FOR UPDATE");
        break;
      case LockStrength::kNoKeyUpdate:
        Add(" FOR NO KEY UPDATE");
        break;
      case LockStrength::kShare:
        Add(" FOR SHARE");
        break;
      case LockStrength::kKeyShare:
        Add(" FOR KEY SHARE");
        break;
    }
    absl::string_view separator = " OF ";
    for (const QualifiedName& name : locking.of) {
      Add(separator);
      Write(name);
      separator = ", ";
    }
    if (locking.nowait) Add(" NOWAIT");
    if (locking.skip_locked) Add(" SKIP LOCKED");
  }
}

template <typename Node>
std::string WriteToString(const Node& node) {
  Writer writer;
  writer.Write(node);
  return writer.Take();
}

}  // namespace

std::string ToString(const Expression& expression) { return WriteToString(expression); }
std::string ToString(const Query& query) { return WriteToString(query); }
std::string ToString(const TypeName& type) { return WriteToString(type); }
std::string ToString(const QualifiedName& name) { return WriteToString(name); }

std::string QuoteIdentifier(absl::string_view name) {
  bool plain =
      !name.empty() && (absl::ascii_islower(static_cast<uint8_t>(name[0])) || name[0] == '_');
  for (const char c : name) {
    const auto byte = static_cast<uint8_t>(c);
    plain = plain && (absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_');
  }
  if (plain) {
    const Keyword keyword = FindKeyword(name);
    plain =
        keyword == Keyword::kNotKeyword || InfoOf(keyword).category == KeywordCategory::kUnreserved;
  }
  if (plain) return std::string(name);
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

std::string QuoteString(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

}  // namespace kyrodb::sql
