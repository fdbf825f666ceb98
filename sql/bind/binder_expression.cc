// Expressions: literals, columns, operators, calls, casts.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/parse/deparse.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

BoundPtr Make(BoundKind kind, const Type& type, Position position) {
  return std::make_unique<BoundExpression>(kind, type, position);
}

// The number of single-character edits between two names, transpositions counted as one.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

bool SameCategory(TypeId a, TypeId b) { return CategoryOf(a) == CategoryOf(b); }

}  // namespace

std::string Nearest(absl::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > 100) return "";
  const size_t allowed = name.size() <= 3 ? 1 : (name.size() <= 7 ? 2 : 3);
  std::string best;
  size_t best_distance = allowed + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > name.size() + allowed || name.size() > candidate.size() + allowed) {
      continue;
    }
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

absl::StatusOr<BoundPtr> Binder::Bind(const Expression& expression, Scope* scope) {
  const Position at = expression.position;
  switch (expression.kind) {
    case ExpressionKind::kLiteral:
      return BindLiteral(expression.As<LiteralExpression>());
    case ExpressionKind::kParameter:
      return BindParameter(expression.As<ParameterExpression>());
    case ExpressionKind::kColumn:
      return BindColumn(expression.As<ColumnExpression>(), scope);
    case ExpressionKind::kStar:
      return Error(sqlstate::kSyntaxError, at, "row expansion via \"*\" is not supported here");
    case ExpressionKind::kUnary: {
      const auto& unary = expression.As<UnaryExpression>();
      KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*unary.operand, scope));
      // As PostgreSQL, take a literal without a type for a number.
      if (operand->type.id == kUnknownId && (unary.op == "-" || unary.op == "+")) {
        KYRO_ASSIGN_OR_RETURN(operand,
                              Coerce(std::move(operand), kDoubleType, CastContext::kImplicit));
      }
      std::vector<BoundPtr> arguments;
      arguments.push_back(std::move(operand));
      return BindOperator(unary.op, unary.op_schema, std::move(arguments), at);
    }
    case ExpressionKind::kBinary: {
      const auto& binary = expression.As<BinaryExpression>();
      if (binary.left->kind == ExpressionKind::kRow && binary.right->kind == ExpressionKind::kRow) {
        return MakeRowComparison(binary.op, binary.left->As<RowExpression>(),
                                 binary.right->As<RowExpression>(), at, scope);
      }
      std::vector<BoundPtr> arguments(2);
      KYRO_ASSIGN_OR_RETURN(arguments[0], Bind(*binary.left, scope));
      KYRO_ASSIGN_OR_RETURN(arguments[1], Bind(*binary.right, scope));
      return BindOperator(binary.op, binary.op_schema, std::move(arguments), at);
    }
    case ExpressionKind::kLogical: {
      const auto& logical = expression.As<LogicalExpression>();
      BoundPtr bound = Make(logical.is_and ? BoundKind::kAnd : BoundKind::kOr, kBooleanType, at);
      for (const ExpressionPtr& operand : logical.operands) {
        KYRO_ASSIGN_OR_RETURN(BoundPtr one,
                              BindBoolean(*operand, scope, logical.is_and ? "AND" : "OR"));
        bound->arguments.push_back(std::move(one));
      }
      return bound;
    }
    case ExpressionKind::kNot: {
      BoundPtr bound = Make(BoundKind::kNot, kBooleanType, at);
      KYRO_ASSIGN_OR_RETURN(BoundPtr operand,
                            BindBoolean(*expression.As<NotExpression>().operand, scope, "NOT"));
      bound->arguments.push_back(std::move(operand));
      return bound;
    }
    case ExpressionKind::kIsTest: {
      const auto& test = expression.As<IsTestExpression>();
      BoundPtr bound = Make(BoundKind::kIsTest, kBooleanType, at);
      bound->test = test.test;
      bound->negated = test.negated;
      BoundPtr operand;
      if (test.test == IsTest::kNull) {
        KYRO_ASSIGN_OR_RETURN(operand, Bind(*test.operand, scope));
        KYRO_ASSIGN_OR_RETURN(operand, ResolveUnknown(std::move(operand)));
      } else {
        const char* what = test.test == IsTest::kTrue    ? "IS TRUE"
                           : test.test == IsTest::kFalse ? "IS FALSE"
                                                         : "IS UNKNOWN";
        KYRO_ASSIGN_OR_RETURN(operand, BindBoolean(*test.operand, scope, what));
      }
      bound->arguments.push_back(std::move(operand));
      return bound;
    }
    case ExpressionKind::kDistinctFrom: {
      const auto& distinct = expression.As<DistinctFromExpression>();
      BoundPtr bound = Make(BoundKind::kDistinct, kBooleanType, at);
      bound->negated = distinct.negated;
      bound->arguments.resize(2);
      KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*distinct.left, scope));
      KYRO_ASSIGN_OR_RETURN(bound->arguments[1], Bind(*distinct.right, scope));
      KYRO_RETURN_IF_ERROR(Unify({&bound->arguments[0], &bound->arguments[1]}, "", "=", at));
      return bound;
    }
    case ExpressionKind::kBetween: {
      const auto& between = expression.As<BetweenExpression>();
      BoundPtr bound = Make(BoundKind::kBetween, kBooleanType, at);
      bound->negated = between.negated;
      bound->symmetric = between.symmetric;
      bound->arguments.resize(3);
      KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*between.operand, scope));
      KYRO_ASSIGN_OR_RETURN(bound->arguments[1], Bind(*between.low, scope));
      KYRO_ASSIGN_OR_RETURN(bound->arguments[2], Bind(*between.high, scope));
      KYRO_RETURN_IF_ERROR(Unify({&bound->arguments[0], &bound->arguments[1], &bound->arguments[2]},
                                 "", between.negated ? "<" : ">=", at));
      // The comparisons must exist.
      const TypeId id = bound->arguments[0]->type.id;
      const TypeId both[] = {id, id};
      KYRO_RETURN_IF_ERROR(ResolveOperator(">=", both, at).status());
      return bound;
    }
    case ExpressionKind::kInList: {
      const auto& in = expression.As<InListExpression>();
      if (in.operand->kind == ExpressionKind::kRow) {
        // Equal to one of them.
        BoundPtr any = Make(BoundKind::kOr, kBooleanType, at);
        for (const ExpressionPtr& item : in.items) {
          const auto* row = item->If<RowExpression>();
          if (row == nullptr) return NotSupported(item->position, "IN over rows and other values");
          KYRO_ASSIGN_OR_RETURN(
              BoundPtr one,
              MakeRowComparison("=", in.operand->As<RowExpression>(), *row, at, scope));
          any->arguments.push_back(std::move(one));
        }
        if (!in.negated) return any;
        BoundPtr none = Make(BoundKind::kNot, kBooleanType, at);
        none->arguments.push_back(std::move(any));
        return none;
      }
      BoundPtr bound = Make(BoundKind::kIn, kBooleanType, at);
      bound->negated = in.negated;
      bound->arguments.resize(1);
      KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*in.operand, scope));
      for (const ExpressionPtr& item : in.items) {
        KYRO_ASSIGN_OR_RETURN(BoundPtr one, Bind(*item, scope));
        bound->arguments.push_back(std::move(one));
      }
      std::vector<BoundPtr*> all;
      for (BoundPtr& argument : bound->arguments) all.push_back(&argument);
      KYRO_RETURN_IF_ERROR(Unify(std::move(all), "", in.negated ? "<>" : "=", at));
      return bound;
    }
    case ExpressionKind::kLike:
      return BindLike(expression.As<LikeExpression>(), scope);
    case ExpressionKind::kCast:
      return BindCast(expression.As<CastExpression>(), scope);
    case ExpressionKind::kCase:
      return BindCase(expression.As<CaseExpression>(), scope);
    case ExpressionKind::kCoalesce:
      return BindCoalesce(expression.As<CoalesceExpression>(), scope);
    case ExpressionKind::kFunction:
      return BindCall(expression.As<FunctionExpression>(), scope);
    case ExpressionKind::kSpecialValue:
      return BindSpecialValue(expression.As<SpecialValueExpression>());
    case ExpressionKind::kSubquery:
      return BindSubquery(expression.As<SubqueryExpression>(), scope);
    case ExpressionKind::kQuantified:
      return BindQuantified(expression.As<QuantifiedExpression>(), scope);
    case ExpressionKind::kArray:
      return BindArray(expression.As<ArrayExpression>(), scope, kUnknownId);
    case ExpressionKind::kRow:
      return NotSupported(at, "a row as a value");
    case ExpressionKind::kSubscript:
      return BindSubscript(expression.As<SubscriptExpression>(), scope);
    case ExpressionKind::kField:
      return NotSupported(at, "a field of a composite value");
    case ExpressionKind::kCollate: {
      const auto& collate = expression.As<CollateExpression>();
      const std::string& name = collate.collation.last();
      if (name != "C" && name != "POSIX" && name != "default" && name != "ucs_basic") {
        return NotSupported(collate.collation.position(), absl::StrCat("collation \"", name, "\""));
      }
      // Text is always ordered by its bytes, which is what these collations say.
      KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*collate.operand, scope));
      KYRO_ASSIGN_OR_RETURN(operand, ResolveUnknown(std::move(operand)));
      if (!IsString(operand->type.id)) {
        return Error(
            sqlstate::kDatatypeMismatch, at,
            absl::StrCat("collations are not supported by type ", BaseTypeName(operand->type.id)));
      }
      return operand;
    }
    case ExpressionKind::kDefault:
      return Error(sqlstate::kSyntaxError, at, "DEFAULT is not allowed in this context");
  }
  return Error(sqlstate::kInternalError, at, "unknown kind of expression");
}

absl::StatusOr<BoundPtr> Binder::BindLiteral(const LiteralExpression& literal) {
  const Position at = literal.position;
  switch (literal.type) {
    case LiteralType::kNull:
      return MakeConstant(kUnknownType, Null{}, at);
    case LiteralType::kBoolean:
      return MakeConstant(kBooleanType, literal.boolean, at);
    case LiteralType::kInteger: {
      const bool small = literal.integer >= INT32_MIN && literal.integer <= INT32_MAX;
      return MakeConstant(small ? kIntegerType : kBigintType, literal.integer, at);
    }
    case LiteralType::kNumeric: {
      absl::StatusOr<Value> value = ParseValue(kNumericType, literal.text);
      if (!value.ok()) return WithPosition(value.status(), at);
      return MakeConstant(kNumericType, *std::move(value), at);
    }
    case LiteralType::kString:
      return MakeConstant(kUnknownType, literal.text, at);
    case LiteralType::kBitString: {
      absl::StatusOr<Value> value = ParseValue(kBitType, literal.text);
      if (!value.ok()) return WithPosition(value.status(), at);
      return MakeConstant(kBitType, *std::move(value), at);
    }
  }
  return Error(sqlstate::kInternalError, at, "unknown kind of literal");
}

absl::StatusOr<BoundPtr> Binder::BindParameter(const ParameterExpression& parameter) {
  if (context_.parameter_types == nullptr || parameter.number > context_.parameter_count) {
    return Error(sqlstate::kUndefinedParameter, parameter.position,
                 absl::StrCat("there is no parameter $", parameter.number));
  }
  const auto index = static_cast<size_t>(parameter.number - 1);
  const std::optional<Type>& type = (*context_.parameter_types)[index];
  BoundPtr bound =
      Make(BoundKind::kParameter, type.has_value() ? *type : kUnknownType, parameter.position);
  bound->slot = static_cast<uint32_t>(index);
  return bound;
}

absl::StatusOr<BoundPtr> Binder::BindColumn(const ColumnExpression& expression, Scope* scope) {
  const std::vector<Identifier>& parts = expression.name.parts;
  const Position at = expression.position;
  const std::string& name = parts.back().name;
  if (parts.size() > 3) return NotSupported(at, "a name of more than three parts");
  if (parts.size() == 3 && parts[0].name != "public" && parts[0].name != "pg_catalog") {
    return Error(
        sqlstate::kUndefinedTable, at,
        absl::StrCat("invalid reference to FROM-clause entry for table \"", parts[1].name, "\""));
  }
  const std::string* qualifier = parts.size() > 1 ? &parts[parts.size() - 2].name : nullptr;
  bool qualifier_found = false;
  uint32_t level = 0;
  for (Scope* at_scope = scope; at_scope != nullptr; at_scope = at_scope->parent, ++level) {
    const Scope::Column* found = nullptr;
    bool ambiguous = false;
    std::string alias;
    for (const Scope::Relation& relation : at_scope->relations) {
      if (qualifier != nullptr && relation.alias != *qualifier) continue;
      qualifier_found = qualifier_found || qualifier != nullptr;
      for (const Scope::Column& column : relation.columns) {
        if (column.name != name || (qualifier == nullptr && column.merged)) continue;
        if (found != nullptr) ambiguous = true;
        found = &column;
        alias = relation.alias;
      }
    }
    if (ambiguous) {
      return Error(sqlstate::kAmbiguousColumn, at,
                   absl::StrCat("column reference \"", name, "\" is ambiguous"));
    }
    if (found != nullptr) {
      if (at_scope->select != nullptr && found->relation < at_scope->select->relations.size()) {
        BoundRelation& relation = at_scope->select->relations[found->relation];
        if (found->column < relation.used.size()) relation.used[found->column] = true;
      }
      BoundPtr bound = MakeColumn(found->type, found->slot, absl::StrCat(alias, ".", name), at);
      if (alias.empty()) bound->name = name;
      if (level > 0) {
        bound->kind = BoundKind::kOuterColumn;
        bound->level = level;
      }
      return bound;
    }
    // A known table without this column hides outer tables of the same name.
    if (qualifier_found) break;
  }
  // Say what was meant.
  std::vector<std::string> names;
  std::vector<std::string> aliases;
  for (Scope* s = scope; s != nullptr; s = s->parent) {
    for (const Scope::Relation& relation : s->relations) {
      aliases.push_back(relation.alias);
      for (const Scope::Column& column : relation.columns) names.push_back(column.name);
    }
  }
  if (qualifier != nullptr && !qualifier_found) {
    absl::Status status =
        Error(sqlstate::kUndefinedTable, at,
              absl::StrCat("missing FROM-clause entry for table \"", *qualifier, "\""));
    const std::string near = Nearest(*qualifier, aliases);
    if (!near.empty()) {
      status = WithHint(
          status, absl::StrCat("Perhaps you meant to reference the table alias \"", near, "\"."));
    }
    return status;
  }
  absl::Status status =
      qualifier == nullptr
          ? Error(sqlstate::kUndefinedColumn, at,
                  absl::StrCat("column \"", name, "\" does not exist"))
          : Error(sqlstate::kUndefinedColumn, at,
                  absl::StrCat("column ", *qualifier, ".", name, " does not exist"));
  const std::string near = Nearest(name, names);
  if (!near.empty()) {
    std::string alias;
    for (Scope* s = scope; s != nullptr && alias.empty(); s = s->parent) {
      for (const Scope::Relation& relation : s->relations) {
        for (const Scope::Column& column : relation.columns) {
          if (column.name == near && alias.empty()) alias = relation.alias;
        }
      }
    }
    status = WithHint(status, absl::StrCat("Perhaps you meant to reference the column \"", alias,
                                           alias.empty() ? "" : ".", near, "\"."));
  }
  return status;
}

absl::StatusOr<BoundPtr> Binder::MakeCall(const ScalarFunction* function,
                                          std::vector<BoundPtr> arguments, Position position) {
  std::vector<TypeId> types;
  for (const BoundPtr& argument : arguments) types.push_back(argument->type.id);
  const TypeId element =
      AgreedElement(function->parameters, function->variadic, types).value_or(kUnknownId);
  Type result = function->result;
  result.id = ConcreteType(result.id, element);
  if (result.id == kUnknownId) {
    return Error(sqlstate::kDatatypeMismatch, position,
                 "could not determine polymorphic type because input has type unknown");
  }
  BoundPtr call = Make(BoundKind::kCall, result, position);
  call->function = function;
  for (size_t i = 0; i < arguments.size(); ++i) {
    TypeId wanted = function->parameters[std::min(i, function->parameters.size() - 1)];
    wanted = element == kUnknownId && (wanted == kAnyElementId || wanted == kAnyArrayId)
                 ? kAnyId
                 : ConcreteType(wanted, element);
    if (wanted == kAnyId) {
      KYRO_ASSIGN_OR_RETURN(arguments[i], ResolveUnknown(std::move(arguments[i])));
    } else {
      KYRO_ASSIGN_OR_RETURN(
          arguments[i], Coerce(std::move(arguments[i]), Type{wanted, 0}, CastContext::kImplicit));
    }
    call->arguments.push_back(std::move(arguments[i]));
  }
  return call;
}

absl::StatusOr<BoundPtr> Binder::BindOperator(const std::string& op,
                                              const std::vector<Identifier>& op_schema,
                                              std::vector<BoundPtr> arguments, Position position) {
  if (!op_schema.empty() && op_schema.back().name != "pg_catalog" &&
      op_schema.back().name != "public") {
    return Error(sqlstate::kUndefinedFunction, position,
                 absl::StrCat("operator does not exist: ", op_schema.back().name, ".", op));
  }
  std::vector<TypeId> types;
  for (const BoundPtr& argument : arguments) types.push_back(argument->type.id);
  KYRO_ASSIGN_OR_RETURN(const ScalarFunction* function, ResolveOperator(op, types, position));
  return MakeCall(function, std::move(arguments), position);
}

absl::StatusOr<BoundPtr> Binder::MakeRowComparison(const std::string& op, const RowExpression& left,
                                                   const RowExpression& right, Position position,
                                                   Scope* scope) {
  if (op == "<" || op == "<=" || op == ">" || op == ">=") {
    if (left.elements.size() != right.elements.size()) {
      return Error(sqlstate::kSyntaxError, position,
                   "unequal number of entries in row expressions");
    }
    // a < x, or a = x and what follows decides; the last with the operator itself.
    const std::string strict = op.substr(0, 1);
    BoundPtr result;
    for (size_t i = left.elements.size(); i-- > 0;) {
      const auto compare = [&](const std::string& with) -> absl::StatusOr<BoundPtr> {
        std::vector<BoundPtr> arguments(2);
        KYRO_ASSIGN_OR_RETURN(arguments[0], Bind(*left.elements[i], scope));
        KYRO_ASSIGN_OR_RETURN(arguments[1], Bind(*right.elements[i], scope));
        return BindOperator(with, {}, std::move(arguments), position);
      };
      if (result == nullptr) {
        KYRO_ASSIGN_OR_RETURN(result, compare(op));
        continue;
      }
      BoundPtr both = Make(BoundKind::kAnd, kBooleanType, position);
      KYRO_ASSIGN_OR_RETURN(BoundPtr equal, compare("="));
      both->arguments.push_back(std::move(equal));
      both->arguments.push_back(std::move(result));
      result = Make(BoundKind::kOr, kBooleanType, position);
      KYRO_ASSIGN_OR_RETURN(BoundPtr before, compare(strict));
      result->arguments.push_back(std::move(before));
      result->arguments.push_back(std::move(both));
    }
    return result;
  }
  if (op != "=" && op != "<>") {
    return NotSupported(position, absl::StrCat("comparing rows with ", op));
  }
  if (left.elements.size() != right.elements.size()) {
    return Error(sqlstate::kSyntaxError, position, "unequal number of entries in row expressions");
  }
  BoundPtr all = Make(op == "=" ? BoundKind::kAnd : BoundKind::kOr, kBooleanType, position);
  for (size_t i = 0; i < left.elements.size(); ++i) {
    std::vector<BoundPtr> arguments(2);
    KYRO_ASSIGN_OR_RETURN(arguments[0], Bind(*left.elements[i], scope));
    KYRO_ASSIGN_OR_RETURN(arguments[1], Bind(*right.elements[i], scope));
    KYRO_ASSIGN_OR_RETURN(BoundPtr one, BindOperator(op, {}, std::move(arguments), position));
    all->arguments.push_back(std::move(one));
  }
  return all;
}

absl::Status Binder::Unify(std::vector<BoundPtr*> expressions, absl::string_view context,
                           absl::string_view op, Position position) {
  Type type = kUnknownType;
  const auto mismatch = [&](const BoundExpression& e) {
    if (!op.empty()) {
      return WithHint(
          Error(sqlstate::kUndefinedFunction, position,
                absl::StrCat("operator does not exist: ", BaseTypeName(type.id), " ", op, " ",
                             BaseTypeName(e.type.id))),
          "No operator matches the given name and argument types. You might need to add explicit "
          "type casts.");
    }
    return Error(sqlstate::kDatatypeMismatch, e.position,
                 absl::StrCat(context, " types ", BaseTypeName(type.id), " and ",
                              BaseTypeName(e.type.id), " cannot be matched"));
  };
  for (BoundPtr* expression : expressions) {
    const BoundExpression& e = **expression;
    if (e.type.id == kUnknownId) continue;
    if (type.id == kUnknownId) {
      type = e.type;
    } else if (type.id == e.type.id) {
      if (type.dimensions != e.type.dimensions) type.dimensions = 0;
    } else if (!SameCategory(type.id, e.type.id)) {
      return mismatch(e);
    } else if (!IsPreferred(type.id) && CanCast(type.id, e.type.id, CastContext::kImplicit) &&
               !CanCast(e.type.id, type.id, CastContext::kImplicit)) {
      type = Type{e.type.id, 0};
    } else if (!CanCast(e.type.id, type.id, CastContext::kImplicit) &&
               !CanCast(type.id, e.type.id, CastContext::kImplicit)) {
      return mismatch(e);
    }
  }
  if (type.id == kUnknownId) type = kTextType;
  type.dimensions = 0;
  for (BoundPtr* expression : expressions) {
    KYRO_ASSIGN_OR_RETURN(*expression,
                          Coerce(std::move(*expression), type, CastContext::kImplicit));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundPtr> Binder::Coerce(BoundPtr e, const Type& type, CastContext context) {
  if (e->type.id == kUnknownId) {
    if (e->kind == BoundKind::kParameter) {
      std::optional<Type>& known = (*context_.parameter_types)[e->slot];
      if (!known.has_value()) known = Type{type.id, 0};
      e->type = *known;
      // The same parameter elsewhere may have been given another type.
      if (e->type.id == type.id && type.dimensions == 0) return e;
    } else if (e->kind == BoundKind::kConstant) {
      if (IsNull(e->value)) {
        e->type = type;
        return e;
      }
      absl::StatusOr<Value> value = ParseValue(Type{type.id, 0}, std::get<std::string>(e->value));
      if (!value.ok()) return WithPosition(value.status(), e->position);
      // The modifier of a cast is applied after the text is read, without a position.
      value = ApplyModifier(type, *std::move(value), context);
      if (!value.ok()) return value.status();
      e->value = *std::move(value);
      e->type = type;
      return e;
    }
  }
  if (e->type.id == type.id && (type.dimensions == 0 || type.dimensions == e->type.dimensions)) {
    return e;
  }
  if (!CanCast(e->type.id, type.id, context)) {
    return Error(
        sqlstate::kCannotCoerce, e->position,
        absl::StrCat("cannot cast type ", BaseTypeName(e->type.id), " to ", BaseTypeName(type.id)));
  }
  BoundPtr cast = Make(BoundKind::kCast, type, e->position);
  cast->explicit_cast = context == CastContext::kExplicit;
  if (e->kind == BoundKind::kConstant) {
    if (IsNull(e->value)) {
      e->type = type;
      return e;
    }
    // Widening a number cannot fail; fold it here, so that the planner sees the constant.
    if (context == CastContext::kImplicit) {
      KYRO_ASSIGN_OR_RETURN(Value value, CastValue(e->type, type, e->value, context));
      return MakeConstant(type, std::move(value), e->position);
    }
  }
  cast->arguments.push_back(std::move(e));
  return cast;
}

absl::StatusOr<BoundPtr> Binder::CoerceToColumn(BoundPtr expression,
                                                const engine::ColumnSchema& column) {
  const Type from = expression->type;
  if (!CanCast(from.id, column.type.id, CastContext::kAssignment)) {
    return WithHint(
        Error(sqlstate::kDatatypeMismatch, expression->position,
              absl::StrCat("column \"", column.name, "\" is of type ", BaseTypeName(column.type.id),
                           " but expression is of type ", BaseTypeName(from.id))),
        "You will need to rewrite or cast the expression.");
  }
  return Coerce(std::move(expression), column.type, CastContext::kAssignment);
}

absl::StatusOr<BoundPtr> Binder::ResolveUnknown(BoundPtr expression) {
  if (expression->type.id != kUnknownId) return expression;
  return Coerce(std::move(expression), kTextType, CastContext::kImplicit);
}

absl::StatusOr<BoundPtr> Binder::BindBoolean(const Expression& expression, Scope* scope,
                                             absl::string_view what) {
  KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, scope));
  if (bound->type.id != TypeId::kBoolean && bound->type.id != kUnknownId) {
    return Error(sqlstate::kDatatypeMismatch, bound->position,
                 absl::StrCat("argument of ", what, " must be type boolean, not type ",
                              BaseTypeName(bound->type.id)));
  }
  return Coerce(std::move(bound), kBooleanType, CastContext::kImplicit);
}

absl::StatusOr<BoundPtr> Binder::BindCast(const CastExpression& cast, Scope* scope) {
  KYRO_ASSIGN_OR_RETURN(const Type type, ResolveType(cast.type));
  BoundPtr operand;
  if (cast.operand->kind == ExpressionKind::kArray && IsArray(type.id)) {
    // The elements are cast one by one, and may be missing.
    KYRO_ASSIGN_OR_RETURN(
        operand, BindArray(cast.operand->As<ArrayExpression>(), scope, ElementOf(type.id)));
    return Coerce(std::move(operand), type, CastContext::kExplicit);
  }
  if (type.id == TypeId::kInterval && !cast.type.interval_fields.empty()) {
    // interval '1' day: the fields say what the number counts.
    const auto* literal = cast.operand->If<LiteralExpression>();
    if (literal == nullptr || literal->type != LiteralType::kString) {
      return NotSupported(cast.position, "a cast to interval with fields");
    }
    absl::StatusOr<Interval> interval = ParseInterval(literal->text, cast.type.interval_fields);
    if (!interval.ok()) return WithPosition(interval.status(), literal->position);
    return MakeConstant(kIntervalType, EncodeInterval(*interval), cast.position);
  }
  KYRO_ASSIGN_OR_RETURN(operand, Bind(*cast.operand, scope));
  if (!CanCast(operand->type.id, type.id, CastContext::kExplicit)) {
    return Error(sqlstate::kCannotCoerce, cast.position,
                 absl::StrCat("cannot cast type ", BaseTypeName(operand->type.id), " to ",
                              BaseTypeName(type.id)));
  }
  return Coerce(std::move(operand), type, CastContext::kExplicit);
}

absl::StatusOr<BoundPtr> Binder::BindCase(const CaseExpression& expression, Scope* scope) {
  BoundPtr bound = Make(BoundKind::kCase, kUnknownType, expression.position);
  std::vector<size_t> conditions;
  std::vector<size_t> results;
  if (expression.operand != nullptr) {
    bound->has_operand = true;
    KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*expression.operand, scope));
    conditions.push_back(0);
    bound->arguments.push_back(std::move(operand));
  }
  for (const CaseBranch& branch : expression.branches) {
    BoundPtr when;
    if (bound->has_operand) {
      KYRO_ASSIGN_OR_RETURN(when, Bind(*branch.when, scope));
      conditions.push_back(bound->arguments.size());
    } else {
      KYRO_ASSIGN_OR_RETURN(when, BindBoolean(*branch.when, scope, "CASE/WHEN"));
    }
    bound->arguments.push_back(std::move(when));
    KYRO_ASSIGN_OR_RETURN(BoundPtr then, Bind(*branch.then, scope));
    results.push_back(bound->arguments.size());
    bound->arguments.push_back(std::move(then));
  }
  BoundPtr otherwise = MakeConstant(kUnknownType, Null{}, expression.position);
  if (expression.otherwise != nullptr) {
    KYRO_ASSIGN_OR_RETURN(otherwise, Bind(*expression.otherwise, scope));
  }
  results.push_back(bound->arguments.size());
  bound->arguments.push_back(std::move(otherwise));
  if (bound->has_operand) {
    std::vector<BoundPtr*> compared;
    for (const size_t i : conditions) compared.push_back(&bound->arguments[i]);
    KYRO_RETURN_IF_ERROR(Unify(std::move(compared), "", "=", expression.position));
  }
  std::vector<BoundPtr*> unified;
  for (const size_t i : results) unified.push_back(&bound->arguments[i]);
  KYRO_RETURN_IF_ERROR(Unify(std::move(unified), "CASE", "", expression.position));
  bound->type = bound->arguments.back()->type;
  return bound;
}

absl::StatusOr<BoundPtr> Binder::BindCoalesce(const CoalesceExpression& expression, Scope* scope) {
  BoundKind kind = BoundKind::kCoalesce;
  const char* word = "COALESCE";
  switch (expression.type) {
    case CoalesceType::kCoalesce:
      break;
    case CoalesceType::kNullif:
      kind = BoundKind::kNullif;
      word = "NULLIF";
      break;
    case CoalesceType::kGreatest:
      kind = BoundKind::kGreatest;
      word = "GREATEST";
      break;
    case CoalesceType::kLeast:
      kind = BoundKind::kLeast;
      word = "LEAST";
      break;
  }
  BoundPtr bound = Make(kind, kUnknownType, expression.position);
  for (const ExpressionPtr& argument : expression.arguments) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr one, Bind(*argument, scope));
    bound->arguments.push_back(std::move(one));
  }
  std::vector<BoundPtr*> all;
  for (BoundPtr& argument : bound->arguments) all.push_back(&argument);
  const Type first = bound->arguments[0]->type;
  KYRO_RETURN_IF_ERROR(
      Unify(std::move(all), word, kind == BoundKind::kNullif ? "=" : "", expression.position));
  bound->type = bound->arguments[0]->type;
  if (kind == BoundKind::kNullif && first.id != kUnknownId && first.id != bound->type.id) {
    // The result has the first argument's own type.
    bound->arguments.push_back(MakeConstant(first, Null{}, expression.position));
    BoundPtr back = Make(BoundKind::kCast, first, expression.position);
    bound->arguments.pop_back();
    back->arguments.push_back(std::move(bound));
    return back;
  }
  return bound;
}

absl::StatusOr<BoundPtr> Binder::BindLike(const LikeExpression& like, Scope* scope) {
  if (like.type == LikeType::kSimilar) {
    std::vector<BoundPtr> pattern(1);
    KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*like.operand, scope));
    KYRO_ASSIGN_OR_RETURN(pattern[0], Bind(*like.pattern, scope));
    std::vector<TypeId> types = {pattern[0]->type.id};
    if (like.escape != nullptr) {
      KYRO_ASSIGN_OR_RETURN(BoundPtr escape, Bind(*like.escape, scope));
      types.push_back(escape->type.id);
      pattern.push_back(std::move(escape));
    }
    KYRO_ASSIGN_OR_RETURN(const ScalarFunction* function,
                          ResolveFunction("similar_to_escape", types, like.position));
    std::vector<BoundPtr> arguments(2);
    arguments[0] = std::move(operand);
    KYRO_ASSIGN_OR_RETURN(arguments[1], MakeCall(function, std::move(pattern), like.position));
    return BindOperator(like.negated ? "!~" : "~", {}, std::move(arguments), like.position);
  }
  BoundPtr bound = Make(BoundKind::kLike, kBooleanType, like.position);
  bound->negated = like.negated;
  bound->ignore_case = like.type == LikeType::kIlike;
  bound->arguments.resize(2);
  KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*like.operand, scope));
  KYRO_ASSIGN_OR_RETURN(bound->arguments[1], Bind(*like.pattern, scope));
  for (size_t i = 0; i < 2; ++i) {
    const TypeId id = bound->arguments[i]->type.id;
    if (IsString(id) || id == kUnknownId) continue;
    const std::string op = absl::StrCat(like.negated ? "!" : "", bound->ignore_case ? "~~*" : "~~");
    return WithHint(
        Error(sqlstate::kUndefinedFunction, like.position,
              absl::StrCat("operator does not exist: ", BaseTypeName(bound->arguments[0]->type.id),
                           " ", op, " ", BaseTypeName(bound->arguments[1]->type.id))),
        "No operator matches the given name and argument types. You might need to add explicit "
        "type casts.");
  }
  if (like.escape != nullptr) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr escape, Bind(*like.escape, scope));
    bound->arguments.push_back(std::move(escape));
  }
  for (BoundPtr& argument : bound->arguments) {
    KYRO_ASSIGN_OR_RETURN(argument, Coerce(std::move(argument), kTextType, CastContext::kImplicit));
  }
  return bound;
}

}  // namespace kyrodb::sql
