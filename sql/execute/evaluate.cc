#include "sql/execute/evaluate.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/types/array_text.h"

namespace kyrodb::sql {
namespace {

// Three-valued truth.
enum class Truth { kFalse, kTrue, kUnknown, kError };

Truth EvaluateTruth(const BoundExpression& e, const Value* row, EvaluationContext& context) {
  Value scratch;
  const Value* value = Evaluate(e, row, context, &scratch);
  if (value == nullptr) return Truth::kError;
  if (IsNull(*value)) return Truth::kUnknown;
  return AsBool(value) ? Truth::kTrue : Truth::kFalse;
}

const Value* SetTruth(Truth truth, bool negated, Value* scratch) {
  if (truth == Truth::kError) return nullptr;
  if (truth == Truth::kUnknown) {
    *scratch = Null{};
  } else {
    *scratch = (truth == Truth::kTrue) != negated;
  }
  return scratch;
}

const Value* Fail(EvaluationContext& context, absl::Status status) {
  context.functions.error = std::move(status);
  return nullptr;
}

const Value* EvaluateCall(const BoundExpression& e, const Value* row, EvaluationContext& context,
                          Value* scratch) {
  constexpr size_t kInline = 3;
  const size_t count = e.arguments.size();
  std::array<Value, kInline> inline_values;
  std::array<const Value*, kInline> inline_pointers;
  std::vector<Value> more_values;
  std::vector<const Value*> more_pointers;
  Value* values = inline_values.data();
  const Value** pointers = inline_pointers.data();
  if (count > kInline) {
    more_values.resize(count);
    more_pointers.resize(count);
    values = more_values.data();
    pointers = more_pointers.data();
  }
  for (size_t i = 0; i < count; ++i) {
    pointers[i] = Evaluate(*e.arguments[i], row, context, &values[i]);
    if (pointers[i] == nullptr) return nullptr;
    if (e.function->strict && IsNull(*pointers[i])) {
      *scratch = Null{};
      return scratch;
    }
  }
  std::array<Type, kInline> inline_types;
  std::vector<Type> more_types;
  if (e.function->wants_types) {
    Type* types = inline_types.data();
    if (count > kInline) {
      more_types.resize(count);
      types = more_types.data();
    }
    for (size_t i = 0; i < count; ++i) types[i] = e.arguments[i]->type;
    context.functions.argument_types = types;
    context.functions.result_type = e.type;
  }
  if (!e.function->implementation(context.functions, Arguments(pointers, count), scratch)) {
    return nullptr;
  }
  return scratch;
}

const Value* EvaluateCast(const BoundExpression& e, const Value* row, EvaluationContext& context,
                          Value* scratch) {
  Value inner;
  const Value* value = Evaluate(*e.arguments[0], row, context, &inner);
  if (value == nullptr) return nullptr;
  if (IsNull(*value)) {
    *scratch = Null{};
    return scratch;
  }
  absl::StatusOr<Value> cast =
      CastValue(e.arguments[0]->type, e.type, *value,
                e.explicit_cast ? CastContext::kExplicit : CastContext::kAssignment);
  if (!cast.ok()) return Fail(context, cast.status());
  *scratch = *std::move(cast);
  return scratch;
}

const Value* EvaluateIn(const BoundExpression& e, const Value* row, EvaluationContext& context,
                        Value* scratch) {
  Value operand_scratch;
  const Value* operand = Evaluate(*e.arguments[0], row, context, &operand_scratch);
  if (operand == nullptr) return nullptr;
  if (IsNull(*operand)) return SetTruth(Truth::kUnknown, false, scratch);
  if (e.items != nullptr) {
    std::string identity;
    AppendIdentity(e.arguments[0]->type.id, *operand, &identity);
    if (e.items->contains(identity)) return SetTruth(Truth::kTrue, e.negated, scratch);
    return SetTruth(e.items_have_null ? Truth::kUnknown : Truth::kFalse, e.negated, scratch);
  }
  bool unknown = false;
  for (size_t i = 1; i < e.arguments.size(); ++i) {
    Value item_scratch;
    const Value* item = Evaluate(*e.arguments[i], row, context, &item_scratch);
    if (item == nullptr) return nullptr;
    if (IsNull(*item)) {
      unknown = true;
    } else if (CompareValues(e.arguments[0]->type.id, *operand, *item) == 0) {
      return SetTruth(Truth::kTrue, e.negated, scratch);
    }
  }
  return SetTruth(unknown ? Truth::kUnknown : Truth::kFalse, e.negated, scratch);
}

const Value* EvaluateBetween(const BoundExpression& e, const Value* row, EvaluationContext& context,
                             Value* scratch) {
  std::array<Value, 3> scratches;
  std::array<const Value*, 3> values;
  for (size_t i = 0; i < 3; ++i) {
    values[i] = Evaluate(*e.arguments[i], row, context, &scratches[i]);
    if (values[i] == nullptr) return nullptr;
  }
  const TypeId id = e.arguments[0]->type.id;
  const auto between = [&](const Value* low, const Value* high) {
    const auto compare = [&](const Value* bound, bool lower) {
      if (IsNull(*values[0]) || IsNull(*bound)) return Truth::kUnknown;
      const int order = CompareValues(id, *values[0], *bound);
      return (lower ? order >= 0 : order <= 0) ? Truth::kTrue : Truth::kFalse;
    };
    const Truth a = compare(low, true);
    const Truth b = compare(high, false);
    if (a == Truth::kFalse || b == Truth::kFalse) return Truth::kFalse;
    return a == Truth::kUnknown || b == Truth::kUnknown ? Truth::kUnknown : Truth::kTrue;
  };
  Truth truth = between(values[1], values[2]);
  if (e.symmetric && truth != Truth::kTrue) {
    const Truth swapped = between(values[2], values[1]);
    if (swapped == Truth::kTrue || (swapped == Truth::kUnknown && truth == Truth::kFalse)) {
      truth = swapped;
    }
  }
  return SetTruth(truth, e.negated, scratch);
}

const Value* EvaluateLike(const BoundExpression& e, const Value* row, EvaluationContext& context,
                          Value* scratch) {
  std::array<Value, 3> scratches;
  std::array<const Value*, 3> values;
  for (size_t i = 0; i < e.arguments.size(); ++i) {
    values[i] = Evaluate(*e.arguments[i], row, context, &scratches[i]);
    if (values[i] == nullptr) return nullptr;
    if (IsNull(*values[i])) return SetTruth(Truth::kUnknown, false, scratch);
  }
  char escape = '\\';
  if (e.arguments.size() == 3) {
    const std::string& text = AsText(values[2]);
    if (text.size() > 1) {
      return Fail(context,
                  WithHint(Error(sqlstate::kInvalidEscapeSequence, 0, "invalid escape string"),
                           "Escape string must be empty or one character."));
    }
    escape = text.empty() ? '\0' : text[0];
  }
  bool valid = true;
  const bool matched =
      MatchLike(AsText(values[0]), AsText(values[1]), escape, e.ignore_case, &valid);
  if (!valid) {
    return Fail(context, Error(sqlstate::kInvalidEscapeSequence, 0,
                               "LIKE pattern must not end with escape character"));
  }
  return SetTruth(matched ? Truth::kTrue : Truth::kFalse, e.negated, scratch);
}

const Value* EvaluateCase(const BoundExpression& e, const Value* row, EvaluationContext& context,
                          Value* scratch) {
  size_t i = 0;
  Value operand_scratch;
  const Value* operand = nullptr;
  if (e.has_operand) {
    operand = Evaluate(*e.arguments[i++], row, context, &operand_scratch);
    if (operand == nullptr) return nullptr;
  }
  for (; i + 1 < e.arguments.size(); i += 2) {
    bool taken = false;
    if (e.has_operand) {
      Value when_scratch;
      const Value* when = Evaluate(*e.arguments[i], row, context, &when_scratch);
      if (when == nullptr) return nullptr;
      taken = !IsNull(*operand) && !IsNull(*when) &&
              CompareValues(e.arguments[0]->type.id, *operand, *when) == 0;
    } else {
      const Truth truth = EvaluateTruth(*e.arguments[i], row, context);
      if (truth == Truth::kError) return nullptr;
      taken = truth == Truth::kTrue;
    }
    if (taken) return Evaluate(*e.arguments[i + 1], row, context, scratch);
  }
  return Evaluate(*e.arguments.back(), row, context, scratch);
}

const Value* EvaluateExtreme(const BoundExpression& e, const Value* row, EvaluationContext& context,
                             Value* scratch) {
  const bool greatest = e.kind == BoundKind::kGreatest;
  *scratch = Null{};
  for (const BoundPtr& argument : e.arguments) {
    Value one_scratch;
    const Value* value = Evaluate(*argument, row, context, &one_scratch);
    if (value == nullptr) return nullptr;
    if (IsNull(*value)) continue;
    if (!IsNull(*scratch)) {
      const int order = CompareValues(e.type.id, *value, *scratch);
      if (greatest ? order <= 0 : order >= 0) continue;
    }
    *scratch = *value;
  }
  return scratch;
}

// x op ANY|ALL (array).
const Value* EvaluateOverArray(const BoundExpression& e, const Value* row,
                               EvaluationContext& context, Value* scratch) {
  std::array<Value, 2> scratches;
  std::array<const Value*, 2> values;
  for (size_t i = 0; i < 2; ++i) {
    values[i] = Evaluate(*e.arguments[i], row, context, &scratches[i]);
    if (values[i] == nullptr) return nullptr;
  }
  if (IsNull(*values[1])) return SetTruth(Truth::kUnknown, false, scratch);
  const TypeId element = ElementOf(e.arguments[1]->type.id);
  const engine::Array array = LoadArray(element, *values[1]);
  const std::array<Type, 2> types = {e.arguments[0]->type, Type{element, 0}};
  bool unknown = false;
  for (const Value& item : array.elements) {
    if (IsNull(*values[0]) || IsNull(item)) {
      unknown = true;
      continue;
    }
    const std::array<const Value*, 2> pair = {values[0], &item};
    Value result;
    context.functions.argument_types = types.data();
    if (!e.function->implementation(context.functions, pair, &result)) return nullptr;
    if (!IsNull(result) && std::get<bool>(result) != e.is_all) {
      return SetTruth(e.is_all ? Truth::kFalse : Truth::kTrue, false, scratch);
    }
  }
  if (unknown) return SetTruth(Truth::kUnknown, false, scratch);
  return SetTruth(e.is_all ? Truth::kTrue : Truth::kFalse, false, scratch);
}

const Value* EvaluateAnyAll(const BoundExpression& e, const Value* row, EvaluationContext& context,
                            Value* scratch) {
  if (e.over_array) return EvaluateOverArray(e, row, context, scratch);
  std::array<Value, 2> scratches;
  std::array<const Value*, 2> values;
  values[0] = Evaluate(*e.arguments[0], row, context, &scratches[0]);
  if (values[0] == nullptr) return nullptr;
  bool unknown = false;
  for (size_t i = 1; i < e.arguments.size(); ++i) {
    values[1] = Evaluate(*e.arguments[i], row, context, &scratches[1]);
    if (values[1] == nullptr) return nullptr;
    if (IsNull(*values[0]) || IsNull(*values[1])) {
      unknown = true;
      continue;
    }
    Value result;
    const std::array<Type, 2> types = {e.arguments[0]->type, e.arguments[i]->type};
    context.functions.argument_types = types.data();
    if (!e.function->implementation(context.functions, values, &result)) return nullptr;
    if (std::get<bool>(result) != e.is_all) {
      return SetTruth(e.is_all ? Truth::kFalse : Truth::kTrue, false, scratch);
    }
  }
  if (unknown) return SetTruth(Truth::kUnknown, false, scratch);
  return SetTruth(e.is_all ? Truth::kTrue : Truth::kFalse, false, scratch);
}

}  // namespace

const Value* Evaluate(const BoundExpression& e, const Value* row, EvaluationContext& context,
                      Value* scratch) {
  switch (e.kind) {
    case BoundKind::kConstant:
      return &e.value;
    case BoundKind::kParameter:
      return &context.parameters[e.slot];
    case BoundKind::kColumn:
      return &row[e.slot];
    case BoundKind::kOuterColumn:
      return &context.outer_rows[context.outer_rows.size() - e.level][e.slot];
    case BoundKind::kCall:
      return EvaluateCall(e, row, context, scratch);
    case BoundKind::kCast:
      return EvaluateCast(e, row, context, scratch);
    case BoundKind::kAnd:
    case BoundKind::kOr: {
      const Truth decides = e.kind == BoundKind::kAnd ? Truth::kFalse : Truth::kTrue;
      Truth result = e.kind == BoundKind::kAnd ? Truth::kTrue : Truth::kFalse;
      for (const BoundPtr& argument : e.arguments) {
        const Truth truth = EvaluateTruth(*argument, row, context);
        if (truth == Truth::kError) return nullptr;
        if (truth == decides) return SetTruth(truth, false, scratch);
        if (truth == Truth::kUnknown) result = truth;
      }
      return SetTruth(result, false, scratch);
    }
    case BoundKind::kNot:
      return SetTruth(EvaluateTruth(*e.arguments[0], row, context), true, scratch);
    case BoundKind::kIsTest: {
      const Value* value = Evaluate(*e.arguments[0], row, context, scratch);
      if (value == nullptr) return nullptr;
      const bool null = IsNull(*value);
      bool holds = null;
      if (e.test == IsTest::kTrue) holds = !null && AsBool(value);
      if (e.test == IsTest::kFalse) holds = !null && !AsBool(value);
      *scratch = holds != e.negated;
      return scratch;
    }
    case BoundKind::kDistinct: {
      Value left_scratch;
      Value right_scratch;
      const Value* left = Evaluate(*e.arguments[0], row, context, &left_scratch);
      if (left == nullptr) return nullptr;
      const Value* right = Evaluate(*e.arguments[1], row, context, &right_scratch);
      if (right == nullptr) return nullptr;
      bool distinct = IsNull(*left) != IsNull(*right);
      if (!IsNull(*left) && !IsNull(*right)) {
        distinct = CompareValues(e.arguments[0]->type.id, *left, *right) != 0;
      }
      *scratch = distinct != e.negated;
      return scratch;
    }
    case BoundKind::kBetween:
      return EvaluateBetween(e, row, context, scratch);
    case BoundKind::kIn:
      return EvaluateIn(e, row, context, scratch);
    case BoundKind::kLike:
      return EvaluateLike(e, row, context, scratch);
    case BoundKind::kCase:
      return EvaluateCase(e, row, context, scratch);
    case BoundKind::kCoalesce:
      for (const BoundPtr& argument : e.arguments) {
        const Value* value = Evaluate(*argument, row, context, scratch);
        if (value == nullptr || !IsNull(*value)) return value;
      }
      *scratch = Null{};
      return scratch;
    case BoundKind::kNullif: {
      Value right_scratch;
      const Value* left = Evaluate(*e.arguments[0], row, context, scratch);
      if (left == nullptr) return nullptr;
      const Value* right = Evaluate(*e.arguments[1], row, context, &right_scratch);
      if (right == nullptr) return nullptr;
      if (!IsNull(*left) && !IsNull(*right) && CompareValues(e.type.id, *left, *right) == 0) {
        *scratch = Null{};
        return scratch;
      }
      return left;
    }
    case BoundKind::kGreatest:
    case BoundKind::kLeast:
      return EvaluateExtreme(e, row, context, scratch);
    case BoundKind::kAnyAll:
      return EvaluateAnyAll(e, row, context, scratch);
    case BoundKind::kSubquery:
      if (context.subqueries == nullptr) break;
      return context.subqueries->Run(e, row, context, scratch);
    case BoundKind::kAggregate:
    case BoundKind::kWindow:
      break;
  }
  return Fail(context,
              Error(sqlstate::kInternalError, e.position, "an expression cannot be computed here"));
}

absl::StatusOr<Value> EvaluateToValue(const BoundExpression& expression, const Value* row,
                                      EvaluationContext& context) {
  Value scratch;
  const Value* value = Evaluate(expression, row, context, &scratch);
  if (value == nullptr) return context.functions.error;
  if (value == &scratch) return scratch;
  return *value;
}

absl::StatusOr<bool> Holds(const std::vector<BoundPtr>& conditions, const Value* row,
                           EvaluationContext& context) {
  for (const BoundPtr& condition : conditions) {
    switch (EvaluateTruth(*condition, row, context)) {
      case Truth::kTrue:
        break;
      case Truth::kError:
        return context.functions.error;
      default:
        return false;
    }
  }
  return true;
}

absl::StatusOr<bool> RowIndependentHold(const std::vector<BoundPtr>& conditions,
                                        EvaluationContext& context) {
  for (const BoundPtr& condition : conditions) {
    if (!IsRowIndependent(*condition)) continue;
    const Truth truth = EvaluateTruth(*condition, nullptr, context);
    if (truth == Truth::kError) return context.functions.error;
    if (truth != Truth::kTrue) return false;
  }
  return true;
}

void FoldConstants(BoundPtr* expression, EvaluationContext& context) {
  BoundExpression& e = **expression;
  for (BoundPtr& argument : e.arguments) FoldConstants(&argument, context);
  if (e.kind == BoundKind::kConstant || e.query != nullptr) return;
  if (e.kind == BoundKind::kIn && e.items == nullptr && e.arguments.size() > 4) {
    bool constant = true;
    for (size_t i = 1; i < e.arguments.size(); ++i) {
      constant = constant && e.arguments[i]->kind == BoundKind::kConstant;
    }
    if (constant) {
      auto items = std::make_shared<absl::flat_hash_set<std::string>>();
      for (size_t i = 1; i < e.arguments.size(); ++i) {
        if (IsNull(e.arguments[i]->value)) {
          e.items_have_null = true;
          continue;
        }
        std::string identity;
        AppendIdentity(e.arguments[i]->type.id, e.arguments[i]->value, &identity);
        items->insert(std::move(identity));
      }
      e.items = std::move(items);
    }
  }
  if (!IsImmutableConstant(e)) return;
  absl::StatusOr<Value> value = EvaluateToValue(e, nullptr, context);
  if (!value.ok()) return;
  BoundPtr constant = MakeConstant(e.type, *std::move(value), e.position);
  *expression = std::move(constant);
}

}  // namespace kyrodb::sql
