#include "sql/plan/key_condition.h"

namespace kyrodb::sql {
namespace {

// A column, or a column under a cast that widens its integers, which keeps order and identity.
const BoundExpression* ColumnUnder(const BoundExpression& e) {
  if (e.kind == BoundKind::kColumn) return &e;
  if (e.kind == BoundKind::kCast && e.arguments[0]->kind == BoundKind::kColumn &&
      e.arguments[0]->type.id == TypeId::kInteger &&
      (e.type.id == TypeId::kBigint || e.type.id == TypeId::kDouble)) {
    return e.arguments[0].get();
  }
  if (e.kind == BoundKind::kCast && e.arguments[0]->kind == BoundKind::kColumn &&
      e.arguments[0]->type.id == TypeId::kBigint && e.type.id == TypeId::kDouble) {
    return e.arguments[0].get();
  }
  return nullptr;
}

Comparison Swap(Comparison comparison) {
  switch (comparison) {
    case Comparison::kLess:
      return Comparison::kGreater;
    case Comparison::kLessEqual:
      return Comparison::kGreaterEqual;
    case Comparison::kGreater:
      return Comparison::kLess;
    case Comparison::kGreaterEqual:
      return Comparison::kLessEqual;
    default:
      return comparison;
  }
}

}  // namespace

std::optional<KeyCondition> AsKeyCondition(const BoundExpression& e, bool any_operand) {
  KeyCondition result;
  const auto take_column = [&result, any_operand](const BoundExpression& side) {
    const BoundExpression* column = ColumnUnder(side);
    if (column == nullptr) {
      if (!any_operand || IsRowIndependent(side)) return false;
      result.slot = KeyCondition::kNoSlot;
      result.operand = &side;
      return true;
    }
    result.slot = column->slot;
    result.equality_only = side.type.id == TypeId::kDouble && column->type.id != TypeId::kDouble;
    return true;
  };
  if (e.kind == BoundKind::kCall && e.function->comparison != Comparison::kNone &&
      e.function->comparison != Comparison::kNotEqual) {
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const BoundExpression& other = *e.arguments[1 - side];
      if (!IsRowIndependent(other) || !take_column(*e.arguments[side])) continue;
      result.comparison = side == 0 ? e.function->comparison : Swap(e.function->comparison);
      result.values = {&other};
      return result;
    }
    return std::nullopt;
  }
  const bool in = e.kind == BoundKind::kIn && !e.negated;
  const bool any =
      e.kind == BoundKind::kAnyAll && !e.is_all && e.function->comparison == Comparison::kEqual;
  if (in || any) {
    if (!take_column(*e.arguments[0]) || e.arguments.size() - 1 > kPointsMax) return std::nullopt;
    for (size_t i = 1; i < e.arguments.size(); ++i) {
      if (!IsRowIndependent(*e.arguments[i])) return std::nullopt;
      result.values.push_back(e.arguments[i].get());
    }
    result.comparison = Comparison::kEqual;
    return result;
  }
  if (any_operand && e.kind == BoundKind::kIsTest && e.test == IsTest::kNull && !e.negated) {
    if (!take_column(*e.arguments[0])) return std::nullopt;
    result.comparison = Comparison::kEqual;
    result.is_null = true;
    return result;
  }
  if (e.kind == BoundKind::kBetween && !e.negated && !e.symmetric) {
    if (!take_column(*e.arguments[0])) return std::nullopt;
    if (!IsRowIndependent(*e.arguments[1]) || !IsRowIndependent(*e.arguments[2])) {
      return std::nullopt;
    }
    result.comparison = Comparison::kGreaterEqual;
    result.values = {e.arguments[1].get()};
    result.upper = e.arguments[2].get();
    return result;
  }
  return std::nullopt;
}

}  // namespace kyrodb::sql
