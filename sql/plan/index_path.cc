#include "sql/plan/index_path.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/index_key.h"
#include "sql/bind/binder.h"
#include "sql/execute/key_value.h"
#include "sql/format.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {
namespace {

// An expression that a definition holds, over the scan's slots; null when it cannot be bound.
BoundPtr BindStored(const PlanNode& scan, const std::string& sql, const PlanContext& context) {
  const absl::StatusOr<ExpressionPtr> expression = ParseExpression(sql);
  if (!expression.ok()) return nullptr;
  BindContext bind;
  bind.catalog = std::make_shared<const engine::Catalog>();
  Binder binder(bind);
  absl::StatusOr<BoundPtr> bound =
      binder.BindRowExpression(*scan.table, **expression, "index expressions", true);
  if (!bound.ok()) return nullptr;
  FoldConstants(&*bound, *context.evaluation);
  const std::function<void(BoundExpression*)> shift = [&](BoundExpression* e) {
    if (e->kind == BoundKind::kColumn) e->slot += scan.slot_begin;
    for (BoundPtr& argument : e->arguments) shift(argument.get());
  };
  shift(bound->get());
  return *std::move(bound);
}

bool IsNullTest(const BoundExpression& e, bool negated) {
  return e.kind == BoundKind::kIsTest && e.test == IsTest::kNull && e.negated == negated;
}

// What a part of an index is compared as: a slot, or an expression.
struct PartColumn {
  uint32_t slot = 0;
  BoundPtr expression;
  Type type;
};

PartColumn ColumnOf(const PlanNode& scan, const engine::IndexPart& part,
                    const PlanContext& context) {
  PartColumn column;
  column.type = engine::IndexPartType(*scan.table, part);
  if (part.is_expression()) {
    column.slot = KeyCondition::kNoSlot;
    column.expression = BindStored(scan, part.expression_sql, context);
  } else {
    column.slot = scan.slot_begin + part.column;
  }
  return column;
}

bool IsAbout(const KeyCondition& condition, const PartColumn& column) {
  if (column.slot != KeyCondition::kNoSlot) return condition.slot == column.slot;
  return condition.slot == KeyCondition::kNoSlot && column.expression != nullptr &&
         SameExpression(*condition.operand, *column.expression);
}

struct Candidate {
  size_t condition;
  KeyCondition key;
};

struct Fit : KeyFit {
  const engine::IndexSchema* index = nullptr;
  std::vector<std::vector<const BoundExpression*>> equal;
  const BoundExpression* lower = nullptr;
  const BoundExpression* upper = nullptr;
  bool lower_inclusive = true;
  bool upper_inclusive = true;
  std::vector<bool> covered;  // conditions that need not be checked again
  std::vector<bool> shown;    // conditions that the path is about
  size_t point_count = 1;
  std::optional<double> share;  // of the rows, when it is known
};

// More than this share is read faster as it lies.
constexpr double kShareMax = 0.3;

// Whether the conditions imply the predicate of a partial index.
bool ImpliesPredicate(const PlanNode& scan, const engine::IndexSchema& index,
                      const std::vector<Candidate>& candidates, const PlanContext& context) {
  if (index.where_sql.empty()) return true;
  BoundPtr predicate = BindStored(scan, index.where_sql, context);
  if (predicate == nullptr) return false;
  std::vector<BoundPtr> parts;
  SplitConjuncts(std::move(predicate), &parts);
  return std::all_of(parts.begin(), parts.end(), [&](const BoundPtr& part) {
    for (const BoundPtr& condition : scan.conditions) {
      if (SameExpression(*condition, *part)) return true;
    }
    if (!IsNullTest(*part, /*negated=*/true) || part->arguments[0]->kind != BoundKind::kColumn) {
      return false;
    }
    // What is compared with anything is not null.
    return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      return candidate.key.slot == part->arguments[0]->slot && !candidate.key.is_null;
    });
  });
}

Fit FitIndex(const PlanNode& scan, const engine::IndexSchema& index,
             const std::vector<Candidate>& candidates, const PlanContext& context) {
  Fit fit;
  fit.index = &index;
  fit.covered.assign(scan.conditions.size(), false);
  fit.shown.assign(scan.conditions.size(), false);
  bool has_null = false;
  for (const engine::IndexPart& part : index.parts) {
    const PartColumn column = ColumnOf(scan, part, context);
    const auto comparable = [&](const BoundExpression& value) {
      return IsKeyComparable(column.type.id, value.type.id);
    };
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates) {
      const KeyCondition& key = candidate.key;
      if (!IsAbout(key, column) || key.comparison != Comparison::kEqual ||
          fit.point_count * std::max<size_t>(1, key.values.size()) > kPointsMax ||
          !std::all_of(key.values.begin(), key.values.end(),
                       [&](const BoundExpression* value) { return comparable(*value); })) {
        continue;
      }
      if (best == nullptr || key.values.size() < best->key.values.size()) best = &candidate;
    }
    if (best != nullptr) {
      std::vector<const BoundExpression*> values = best->key.values;
      if (best->key.is_null) {
        values = {nullptr};
        has_null = true;
      }
      fit.point_count *= values.size();
      fit.equal.push_back(std::move(values));
      fit.covered[best->condition] = true;
      fit.shown[best->condition] = true;
      continue;
    }
    for (const Candidate& candidate : candidates) {
      const KeyCondition& key = candidate.key;
      if (!IsAbout(key, column) || key.equality_only || key.values.size() != 1 ||
          key.comparison == Comparison::kEqual || !comparable(*key.values[0]) ||
          (key.upper != nullptr && !comparable(*key.upper))) {
        continue;
      }
      fit.shown[candidate.condition] = true;
      const bool is_lower =
          key.comparison == Comparison::kGreater || key.comparison == Comparison::kGreaterEqual;
      if (is_lower && fit.lower == nullptr) {
        fit.lower = key.values[0];
        fit.lower_inclusive = key.comparison == Comparison::kGreaterEqual;
      }
      if (!is_lower && fit.upper == nullptr) {
        fit.upper = key.values[0];
        fit.upper_inclusive = key.comparison == Comparison::kLessEqual;
      }
      if (key.upper != nullptr && fit.upper == nullptr) {
        fit.upper = key.upper;
        fit.upper_inclusive = true;
      }
    }
    break;
  }
  fit.fixed_count = fit.equal.size();
  fit.bound_count = static_cast<size_t>(fit.lower != nullptr) + (fit.upper != nullptr);
  fit.is_point = index.unique && fit.fixed_count == index.parts.size() && !has_null;
  if (scan.statistics != nullptr) {
    double share = 1;
    bool known = true;
    for (const Candidate& candidate : candidates) {
      if (!fit.shown[candidate.condition]) continue;
      const std::optional<double> one = ConditionShare(scan, candidate.key);
      known = known && one.has_value();
      share *= one.value_or(1);
    }
    if (known) fit.share = share;
  }
  return fit;
}

bool IsBetter(const Fit& fit, const Fit& best) {
  if (fit.is_point != best.is_point) return fit.is_point;
  if (fit.share.has_value() && best.share.has_value() && *fit.share != *best.share) {
    return *fit.share < *best.share;
  }
  if (fit.rank() != best.rank()) return fit.rank() > best.rank();
  return fit.index->parts.size() < best.index->parts.size();
}

std::string Title(const engine::IndexSchema& index) {
  return absl::StrCat("Index Scan using ", QuoteIdentifier(index.name), " on ");
}

bool IsUsable(const engine::IndexSchema& index, const PlanContext& context) {
  return index.is_btree() &&
         (context.index_is_complete == nullptr || context.index_is_complete(index));
}

// The order of a key: of rows, or of an index.
struct OrderPart {
  PartColumn column;
  bool descending = false;
  bool nulls_first = false;
  bool is_fixed = false;  // has one value
};

std::optional<bool> Match(const PlanNode& scan, const std::vector<OrderPart>& parts,
                          const std::vector<SortKey>& keys, const std::vector<BoundPtr>& outputs) {
  const auto is_output = [&](const OrderPart& part, const BoundExpression& output) {
    if (part.column.slot != KeyCondition::kNoSlot) {
      return output.kind == BoundKind::kColumn && output.slot == part.column.slot;
    }
    return part.column.expression != nullptr && SameExpression(output, *part.column.expression);
  };
  std::optional<bool> reverse;
  size_t part = 0;
  for (const SortKey& key : keys) {
    const BoundExpression& output = *outputs[key.slot];
    // What has one value everywhere sorts nothing.
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const OrderPart& p) { return p.is_fixed && is_output(p, output); })) {
      continue;
    }
    while (part < parts.size() && parts[part].is_fixed) ++part;
    if (part == parts.size() || !is_output(parts[part], output)) return std::nullopt;
    const OrderPart& at = parts[part++];
    const bool backwards = key.descending != at.descending;
    if (reverse.value_or(backwards) != backwards) return std::nullopt;
    reverse = backwards;
    const bool is_not_null = at.column.slot != KeyCondition::kNoSlot &&
                             scan.table->columns[at.column.slot - scan.slot_begin].not_null;
    if (!is_not_null && (key.nulls_first != at.nulls_first) != backwards) return std::nullopt;
  }
  return reverse.value_or(false);
}

std::vector<OrderPart> PartsOf(const PlanNode& scan, const engine::IndexSchema& index,
                               const PlanContext& context) {
  std::vector<OrderPart> parts;
  for (const engine::IndexPart& part : index.parts) {
    parts.push_back({ColumnOf(scan, part, context), part.descending, part.nulls_first, false});
  }
  return parts;
}

}  // namespace

std::optional<double> ConditionShare(const PlanNode& scan, const KeyCondition& condition) {
  if (scan.statistics == nullptr || condition.slot == KeyCondition::kNoSlot ||
      condition.slot < scan.slot_begin) {
    return std::nullopt;
  }
  const uint32_t ordinal = condition.slot - scan.slot_begin;
  if (ordinal >= scan.statistics->columns.size()) return std::nullopt;
  const ColumnStatistics& column = scan.statistics->columns[ordinal];
  const Type& type = scan.table->columns[ordinal].type;
  if (condition.is_null) return column.null_share;
  // The constant as a value of the column; nullopt when it is none that is known.
  const auto constant = [&](const BoundExpression& e) -> std::optional<KeyValue> {
    if (e.kind != BoundKind::kConstant || !IsKeyComparable(type.id, e.type.id)) return std::nullopt;
    return ToKeyValue(type, e.type, e.value);
  };
  const auto below = [&](const BoundExpression& e, bool inclusive) -> std::optional<double> {
    const std::optional<KeyValue> value = constant(e);
    if (!value.has_value()) return std::nullopt;
    switch (value->kind) {
      case KeyValue::Kind::kValue:
        return BelowShare(column, type, value->value, inclusive);
      case KeyValue::Kind::kAbove:
        return 1 - column.null_share;
      default:
        return 0;
    }
  };
  switch (condition.comparison) {
    case Comparison::kEqual: {
      double share = 0;
      for (const BoundExpression* e : condition.values) {
        const std::optional<KeyValue> value = constant(*e);
        if (!value.has_value()) {
          share += AnyEqualShare(column);
        } else if (value->kind == KeyValue::Kind::kValue) {
          share += EqualShare(column, type, value->value);
        }
      }
      return std::min(share, 1.0);
    }
    case Comparison::kLess:
    case Comparison::kLessEqual:
      return below(*condition.values[0], condition.comparison == Comparison::kLessEqual);
    case Comparison::kGreater:
    case Comparison::kGreaterEqual: {
      const std::optional<double> not_in =
          below(*condition.values[0], condition.comparison == Comparison::kGreater);
      if (!not_in.has_value()) return std::nullopt;
      double share = 1 - column.null_share - *not_in;
      if (condition.upper != nullptr) {
        const std::optional<double> upper = below(*condition.upper, true);
        if (!upper.has_value()) return std::nullopt;
        share = *upper - *not_in;
      }
      return std::clamp(share, 0.0, 1.0);
    }
    default:
      return std::nullopt;
  }
}

bool ChooseIndex(PlanNode* scan, const KeyFit& other, const PlanContext& context) {
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < scan->conditions.size(); ++i) {
    if (auto found = AsKeyCondition(*scan->conditions[i], /*any_operand=*/true);
        found.has_value()) {
      candidates.push_back({i, *std::move(found)});
    }
  }
  if (candidates.empty()) return false;
  std::optional<Fit> best;
  for (const engine::IndexSchema& index : scan->table->indexes) {
    if (!IsUsable(index, context)) continue;
    Fit fit = FitIndex(*scan, index, candidates, context);
    if (fit.fixed_count + fit.bound_count == 0 || fit.rank() <= other.rank()) continue;
    if (!fit.is_point && fit.share.value_or(0) > kShareMax) {
      scan->details.push_back(absl::StrCat("No Index Scan using ", QuoteIdentifier(index.name),
                                           ": about ", static_cast<int>(*fit.share * 100),
                                           " percent of the rows have such values"));
      continue;
    }
    if (best.has_value() && !IsBetter(fit, *best)) continue;
    if (!ImpliesPredicate(*scan, index, candidates, context)) continue;
    best = std::move(fit);
  }
  if (!best.has_value()) return false;
  AccessPath& path = scan->path;
  path = AccessPath();
  path.kind = PathKind::kIndex;
  path.index = best->index;
  for (const auto& values : best->equal) {
    std::vector<BoundPtr> copies;
    for (const BoundExpression* value : values) {
      copies.push_back(value == nullptr ? nullptr : Clone(*value));
    }
    path.equal.push_back(std::move(copies));
  }
  if (best->lower != nullptr) path.lower = Clone(*best->lower);
  if (best->upper != nullptr) path.upper = Clone(*best->upper);
  path.lower_inclusive = best->lower_inclusive;
  path.upper_inclusive = best->upper_inclusive;
  path.is_point = best->is_point;
  if (best->is_point) {
    path.reason = best->point_count == 1 ? "every column of the unique index has a value"
                                         : absl::StrCat("the unique index is looked up for ",
                                                        best->point_count, " values");
    scan->estimated_rows = static_cast<double>(best->point_count);
  } else {
    path.reason = best->fixed_count > 0
                      ? absl::StrCat("the first ", best->fixed_count, " of ",
                                     best->index->parts.size(), " columns of the index are fixed",
                                     best->bound_count > 0 ? ", the next is bounded" : "")
                      : "conditions bound the first column of the index";
    if (best->share.has_value()) {
      scan->estimated_rows = std::max(1.0, scan->estimated_rows * *best->share);
    } else {
      for (size_t i = 0; i < best->fixed_count; ++i) scan->estimated_rows /= 20;
      scan->estimated_rows = scan->estimated_rows * static_cast<double>(best->point_count) /
                                 (best->bound_count == 2   ? 10
                                  : best->bound_count == 1 ? 3
                                                           : 1) +
                             1;
    }
  }
  std::vector<std::string> text;
  std::vector<BoundPtr> kept;
  for (size_t i = 0; i < scan->conditions.size(); ++i) {
    if (best->shown[i]) text.push_back(ToSql(*scan->conditions[i]));
    (best->covered[i] ? path.covered : kept).push_back(std::move(scan->conditions[i]));
  }
  scan->conditions = std::move(kept);
  scan->details = {absl::StrCat("Key: ", absl::StrJoin(text, " AND "))};
  scan->title = Title(*path.index);
  return true;
}

std::optional<bool> ScanOrder(const PlanNode& scan, const std::vector<SortKey>& keys,
                              const std::vector<BoundPtr>& outputs, const PlanContext& context) {
  const AccessPath& path = scan.path;
  std::vector<OrderPart> parts;
  if (path.kind == PathKind::kIndex) {
    parts = PartsOf(scan, *path.index, context);
  } else if (path.kind == PathKind::kSequential || path.kind == PathKind::kRange) {
    for (const uint32_t column : scan.table->primary_key) {
      parts.push_back({});
      parts.back().column.slot = scan.slot_begin + column;
    }
  }
  if (parts.empty()) return std::nullopt;
  for (size_t i = 0; i < path.equal.size(); ++i) parts[i].is_fixed = path.equal[i].size() == 1;
  return Match(scan, parts, keys, outputs);
}

bool ChooseIndexForOrder(PlanNode* scan, const std::vector<SortKey>& keys,
                         const std::vector<BoundPtr>& outputs, const PlanContext& context) {
  for (const engine::IndexSchema& index : scan->table->indexes) {
    if (!IsUsable(index, context)) continue;
    const std::optional<bool> reverse = Match(*scan, PartsOf(*scan, index, context), keys, outputs);
    if (!reverse.has_value() || !ImpliesPredicate(*scan, index, {}, context)) continue;
    scan->path = AccessPath();
    scan->path.kind = PathKind::kIndex;
    scan->path.index = &index;
    scan->reverse = *reverse;
    scan->path.reason = "its order is the wanted one, and LIMIT ends it early";
    return true;
  }
  return false;
}

}  // namespace kyrodb::sql
