#include "sql/bind/expression.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

std::string JoinArguments(const BoundExpression& expression, size_t first,
                          absl::string_view separator) {
  std::string out;
  for (size_t i = first; i < expression.arguments.size(); ++i) {
    if (i > first) absl::StrAppend(&out, separator);
    absl::StrAppend(&out, ToSql(*expression.arguments[i]));
  }
  return out;
}

// Arrays are written as they were.
std::string InternalToSql(const BoundExpression& e) {
  if (e.function->name == "array construction") {
    return absl::StrCat("ARRAY[", JoinArguments(e, 0, ", "), "]");
  }
  std::string out = ToSql(*e.arguments[0]);
  if (e.function->name == "array subscript") {
    return absl::StrCat(out, "[", JoinArguments(e, 1, "]["), "]");
  }
  const auto bound = [&e](size_t i) {
    const BoundExpression& at = *e.arguments[i];
    return at.kind == BoundKind::kConstant && IsNull(at.value) ? std::string() : ToSql(at);
  };
  for (size_t i = 1; i + 1 < e.arguments.size(); i += 2) {
    absl::StrAppend(&out, "[", bound(i), ":", bound(i + 1), "]");
  }
  return out;
}

std::string CallToSql(const BoundExpression& e) {
  if (e.function->is_internal) return InternalToSql(e);
  if (!e.function->is_operator) {
    return absl::StrCat(e.function->name, "(", JoinArguments(e, 0, ", "), ")");
  }
  if (e.arguments.size() == 1)
    return absl::StrCat("(", e.function->name, " ", ToSql(*e.arguments[0]), ")");
  return absl::StrCat("(", JoinArguments(e, 0, absl::StrCat(" ", e.function->name, " ")), ")");
}

// Long vectors and texts say little in a plan.
std::string ShortLiteral(const Type& type, const Value& value) {
  constexpr size_t kShown = 60;
  std::string text = QuoteLiteral(type, value);
  if (text.size() <= kShown) return text;
  size_t cut = kShown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return absl::StrCat(text.substr(0, cut), "…'",
                      type.id == TypeId::kText ? "" : absl::StrCat("::", BaseTypeName(type.id)));
}

}  // namespace

BoundPtr MakeConstant(const Type& type, Value value, Position position) {
  auto constant = std::make_unique<BoundExpression>(BoundKind::kConstant, type, position);
  constant->value = std::move(value);
  return constant;
}

BoundPtr MakeColumn(const Type& type, uint32_t slot, std::string name, Position position) {
  auto column = std::make_unique<BoundExpression>(BoundKind::kColumn, type, position);
  column->slot = slot;
  column->name = std::move(name);
  return column;
}

BoundPtr Clone(const BoundExpression& e) {
  auto copy = std::make_unique<BoundExpression>(e.kind, e.type, e.position);
  for (const BoundPtr& argument : e.arguments) copy->arguments.push_back(Clone(*argument));
  copy->value = e.value;
  copy->slot = e.slot;
  copy->level = e.level;
  copy->function = e.function;
  copy->test = e.test;
  copy->subquery_type = e.subquery_type;
  copy->negated = e.negated;
  copy->symmetric = e.symmetric;
  copy->ignore_case = e.ignore_case;
  copy->has_operand = e.has_operand;
  copy->is_all = e.is_all;
  copy->over_array = e.over_array;
  copy->correlated = e.correlated;
  copy->explicit_cast = e.explicit_cast;
  copy->name = e.name;
  copy->query = e.query;
  copy->plan = e.plan;
  copy->items = e.items;
  copy->items_have_null = e.items_have_null;
  return copy;
}

bool SameExpression(const BoundExpression& a, const BoundExpression& b) {
  if (a.kind != b.kind || a.type != b.type || a.slot != b.slot || a.level != b.level ||
      a.function != b.function || a.test != b.test || a.subquery_type != b.subquery_type ||
      a.negated != b.negated || a.symmetric != b.symmetric || a.ignore_case != b.ignore_case ||
      a.has_operand != b.has_operand || a.is_all != b.is_all || a.over_array != b.over_array ||
      a.query != b.query || a.arguments.size() != b.arguments.size() ||
      a.value.index() != b.value.index() ||
      (a.kind == BoundKind::kConstant && !(a.value == b.value))) {
    return false;
  }
  for (size_t i = 0; i < a.arguments.size(); ++i) {
    if (!SameExpression(*a.arguments[i], *b.arguments[i])) return false;
  }
  return true;
}

void VisitExpression(const BoundExpression& expression,
                     const std::function<void(const BoundExpression&)>& visit) {
  visit(expression);
  for (const BoundPtr& argument : expression.arguments) VisitExpression(*argument, visit);
}

bool IsVolatile(const BoundExpression& e) {
  if (e.function != nullptr && e.function->volatility == Volatility::kVolatile) return true;
  for (const BoundPtr& argument : e.arguments) {
    if (IsVolatile(*argument)) return true;
  }
  return false;
}

bool IsImmutableConstant(const BoundExpression& e) {
  switch (e.kind) {
    case BoundKind::kParameter:
    case BoundKind::kColumn:
    case BoundKind::kOuterColumn:
    case BoundKind::kAggregate:
    case BoundKind::kWindow:
    case BoundKind::kSubquery:
      return false;
    default:
      break;
  }
  if (e.function != nullptr && e.function->volatility != Volatility::kImmutable) return false;
  for (const BoundPtr& argument : e.arguments) {
    if (!IsImmutableConstant(*argument)) return false;
  }
  return true;
}

bool IsRowIndependent(const BoundExpression& e) {
  if (e.kind == BoundKind::kColumn || e.kind == BoundKind::kAggregate ||
      e.kind == BoundKind::kWindow || (e.kind == BoundKind::kSubquery && e.correlated)) {
    return false;
  }
  if (e.function != nullptr && e.function->volatility == Volatility::kVolatile) return false;
  for (const BoundPtr& argument : e.arguments) {
    if (!IsRowIndependent(*argument)) return false;
  }
  return true;
}

std::string ToSql(const BoundExpression& e) {
  const char* no = e.negated ? "NOT " : "";
  switch (e.kind) {
    case BoundKind::kConstant:
      return ShortLiteral(e.type, e.value);
    case BoundKind::kParameter:
      return absl::StrCat("$", e.slot + 1);
    case BoundKind::kColumn:
    case BoundKind::kOuterColumn:
    case BoundKind::kWindow:
      return e.name;
    case BoundKind::kAggregate:
      return absl::StrCat("aggregate ", e.slot);
    case BoundKind::kCall:
      return CallToSql(e);
    case BoundKind::kCast:
      return absl::StrCat(ToSql(*e.arguments[0]), "::", engine::TypeName(e.type));
    case BoundKind::kAnd:
      return absl::StrCat("(", JoinArguments(e, 0, " AND "), ")");
    case BoundKind::kOr:
      return absl::StrCat("(", JoinArguments(e, 0, " OR "), ")");
    case BoundKind::kNot:
      return absl::StrCat("(NOT ", ToSql(*e.arguments[0]), ")");
    case BoundKind::kIsTest: {
      const char* word = e.test == IsTest::kNull    ? "NULL"
                         : e.test == IsTest::kTrue  ? "TRUE"
                         : e.test == IsTest::kFalse ? "FALSE"
                                                    : "UNKNOWN";
      return absl::StrCat("(", ToSql(*e.arguments[0]), " IS ", no, word, ")");
    }
    case BoundKind::kDistinct:
      return absl::StrCat("(", ToSql(*e.arguments[0]), " IS ", no, "DISTINCT FROM ",
                          ToSql(*e.arguments[1]), ")");
    case BoundKind::kBetween:
      return absl::StrCat("(", ToSql(*e.arguments[0]), " ", no, "BETWEEN ",
                          e.symmetric ? "SYMMETRIC " : "", ToSql(*e.arguments[1]), " AND ",
                          ToSql(*e.arguments[2]), ")");
    case BoundKind::kIn:
      return absl::StrCat("(", ToSql(*e.arguments[0]), " ", no, "IN (", JoinArguments(e, 1, ", "),
                          "))");
    case BoundKind::kLike:
      return absl::StrCat("(", ToSql(*e.arguments[0]), " ", no, e.ignore_case ? "ILIKE " : "LIKE ",
                          ToSql(*e.arguments[1]), ")");
    case BoundKind::kCase: {
      std::string out = "CASE";
      size_t i = 0;
      if (e.has_operand) absl::StrAppend(&out, " ", ToSql(*e.arguments[i++]));
      for (; i + 1 < e.arguments.size(); i += 2) {
        absl::StrAppend(&out, " WHEN ", ToSql(*e.arguments[i]), " THEN ",
                        ToSql(*e.arguments[i + 1]));
      }
      return absl::StrCat(out, " ELSE ", ToSql(*e.arguments.back()), " END");
    }
    case BoundKind::kCoalesce:
      return absl::StrCat("COALESCE(", JoinArguments(e, 0, ", "), ")");
    case BoundKind::kNullif:
      return absl::StrCat("NULLIF(", JoinArguments(e, 0, ", "), ")");
    case BoundKind::kGreatest:
      return absl::StrCat("GREATEST(", JoinArguments(e, 0, ", "), ")");
    case BoundKind::kLeast:
      return absl::StrCat("LEAST(", JoinArguments(e, 0, ", "), ")");
    case BoundKind::kAnyAll:
      return absl::StrCat("(", ToSql(*e.arguments[0]), " ", e.function->name,
                          e.is_all ? " ALL (" : " ANY (", JoinArguments(e, 1, ", "), "))");
    case BoundKind::kSubquery:
      return e.subquery_type == SubqueryType::kExists ? "EXISTS(SubPlan)"
             : e.arguments.empty()                    ? "(SubPlan)"
                                   : absl::StrCat("(", ToSql(*e.arguments[0]), " in SubPlan)");
  }
  return "";
}

}  // namespace kyrodb::sql
