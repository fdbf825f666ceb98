// The order in which relations are joined, and how each pair is.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/plan/plan_node.h"
#include "sql/plan/planner.h"

namespace kyrodb::sql {
namespace {

std::vector<std::pair<uint32_t, uint32_t>> SlotRanges(const BoundSelect& select,
                                                      const std::bitset<256>& relations) {
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  for (size_t i = 0; i < select.relations.size(); ++i) {
    if (!relations.test(i)) continue;
    const BoundRelation& relation = select.relations[i];
    const auto count =
        static_cast<uint32_t>(relation.columns.size()) + (relation.key_slot.has_value() ? 1 : 0);
    if (!ranges.empty() && ranges.back().second == relation.slot_begin) {
      ranges.back().second += count;
    } else {
      ranges.emplace_back(relation.slot_begin, relation.slot_begin + count);
    }
  }
  return ranges;
}

// The share of values of a column that are one value, when nothing is known of them.
constexpr double kDistinctShare = 0.1;

// How many distinct values a join's operand has: each row its own when it is a key.
double DistinctCount(const BoundSelect& select, const BoundExpression& e, double rows,
                     const decltype(PlanContext::statistics)& statistics) {
  const double guess = std::max(1.0, std::min(rows, std::max(10.0, rows * kDistinctShare)));
  if (e.kind != BoundKind::kColumn) return guess;
  for (const BoundRelation& relation : select.relations) {
    if (e.slot < relation.slot_begin || e.slot >= relation.slot_begin + relation.columns.size() ||
        relation.table == nullptr) {
      continue;
    }
    const uint32_t column = e.slot - relation.slot_begin;
    if (statistics != nullptr) {
      const auto found = statistics(*relation.table);
      if (found != nullptr && column < found->columns.size()) {
        return std::clamp(found->columns[column].distinct_count, 1.0, std::max(1.0, rows));
      }
    }
    const std::vector<uint32_t> key = relation.table->PrimaryKeyColumns();
    if (key.size() == 1 && key[0] == column) return std::max(1.0, rows);
    for (const engine::IndexSchema& index : relation.table->indexes) {
      if (index.is_btree() && index.unique && index.where_sql.empty() && index.parts.size() == 1 &&
          index.parts[0].column == column) {
        return std::max(1.0, rows);
      }
    }
  }
  return guess;
}

}  // namespace

struct Planner::JoinCondition {
  BoundPtr expression;
  RelationSet relations;
  bool is_equality = false;
};

absl::StatusOr<Planner::Unit> Planner::PlanFrom(BoundSelect* select,
                                                std::vector<std::unique_ptr<BoundFrom>> from,
                                                std::vector<BoundPtr> given) {
  std::vector<std::unique_ptr<BoundFrom>> parts;
  for (auto& one : from) {
    KYRO_RETURN_IF_ERROR(Flatten(select, std::move(one), &parts, &given));
  }
  std::vector<Unit> units;
  bool any_lateral = false;
  for (auto& part : parts) {
    KYRO_ASSIGN_OR_RETURN(Unit unit, PlanUnit(select, std::move(part), &given));
    any_lateral = any_lateral || unit.lateral;
    units.push_back(std::move(unit));
  }
  std::vector<JoinCondition> conditions;
  for (BoundPtr& expression : given) {
    JoinCondition condition;
    condition.relations = RelationsOf(*select, *expression);
    condition.is_equality = expression->kind == BoundKind::kCall &&
                            expression->function->comparison == Comparison::kEqual;
    condition.expression = std::move(expression);
    conditions.push_back(std::move(condition));
  }
  // Begin with the smallest; go on with what makes the fewest rows of those that an equality ties
  // to what is there. What looks to its left keeps its place.
  const auto smaller = [](const Unit& a, const Unit& b) {
    return a.plan->estimated_rows < b.plan->estimated_rows;
  };
  size_t first = 0;
  if (!any_lateral) {
    first =
        static_cast<size_t>(std::min_element(units.begin(), units.end(), smaller) - units.begin());
  }
  Unit current = std::move(units[first]);
  units.erase(units.begin() + static_cast<ptrdiff_t>(first));
  // For each unit the rows that joining it next would make; nothing when no equality ties it.
  const auto rows_with = [&](const Unit& unit) -> std::optional<double> {
    const double l = current.plan->estimated_rows;
    const double r = unit.plan->estimated_rows;
    std::optional<double> rows;
    for (const JoinCondition& condition : conditions) {
      if (!condition.is_equality || (condition.relations & unit.relations).none() ||
          (condition.relations & current.relations).none() ||
          (condition.relations & ~(unit.relations | current.relations)).any()) {
        continue;
      }
      const BoundExpression& a = *condition.expression->arguments[0];
      const BoundExpression& b = *condition.expression->arguments[1];
      const bool a_is_current = (RelationsOf(*select, a) & current.relations).any();
      const double distinct =
          std::max(DistinctCount(*select, a, a_is_current ? l : r, context_.statistics),
                   DistinctCount(*select, b, a_is_current ? r : l, context_.statistics));
      rows = rows.value_or(l * r) / distinct;
    }
    return rows;
  };
  while (!units.empty()) {
    size_t next = 0;
    double estimate = -1;
    if (!any_lateral) {
      std::optional<size_t> tied;
      for (size_t i = 0; i < units.size(); ++i) {
        if (smaller(units[i], units[next])) next = i;
        const std::optional<double> rows = rows_with(units[i]);
        if (!rows.has_value() || (tied.has_value() && *rows >= estimate)) continue;
        tied = i;
        estimate = *rows;
      }
      if (tied.has_value()) next = *tied;
    }
    Unit right = std::move(units[next]);
    units.erase(units.begin() + static_cast<ptrdiff_t>(next));
    const RelationSet both = current.relations | right.relations;
    std::vector<BoundPtr> on;
    std::vector<JoinCondition> later;
    for (JoinCondition& condition : conditions) {
      if (condition.relations.any() && (condition.relations & ~both).none()) {
        on.push_back(std::move(condition.expression));
      } else {
        later.push_back(std::move(condition));
      }
    }
    conditions = std::move(later);
    Unit joined;
    joined.relations = both;
    KYRO_ASSIGN_OR_RETURN(joined.plan, Join(select, std::move(current), std::move(right),
                                            JoinType::kInner, std::move(on)));
    if (estimate >= 0) joined.plan->estimated_rows = std::max(1.0, estimate);
    current = std::move(joined);
  }
  std::vector<BoundPtr> rest;
  for (JoinCondition& condition : conditions) rest.push_back(std::move(condition.expression));
  current.plan = AddFilter(std::move(current.plan), std::move(rest));
  return current;
}

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::Join(BoundSelect* select, Unit left, Unit right,
                                                        JoinType type,
                                                        std::vector<BoundPtr> conditions) {
  auto node = MakeNode(PlanKind::kJoin, "", select->width);
  node->join_type = type;
  node->lateral = right.lateral;
  if (right.lateral && type == JoinType::kFull) {
    return Error(sqlstate::kFeatureNotSupported, 0, "FULL JOIN LATERAL is not supported");
  }
  // The smaller side of an inner join is kept in memory.
  if (type == JoinType::kInner && !right.lateral && !left.lateral &&
      right.plan->estimated_rows > left.plan->estimated_rows) {
    std::swap(left, right);
  }
  if (!right.lateral) {
    std::vector<BoundPtr> rest;
    for (BoundPtr& condition : conditions) {
      bool key = false;
      if (condition->kind == BoundKind::kCall &&
          condition->function->comparison == Comparison::kEqual && !IsVolatile(*condition)) {
        const RelationSet a = RelationsOf(*select, *condition->arguments[0]);
        const RelationSet b = RelationsOf(*select, *condition->arguments[1]);
        for (const bool swapped : {false, true}) {
          const RelationSet& l = swapped ? b : a;
          const RelationSet& r = swapped ? a : b;
          if (key || l.none() || r.none() || (l & ~left.relations).any() ||
              (r & ~right.relations).any()) {
            continue;
          }
          node->left_keys.push_back(std::move(condition->arguments[swapped ? 1 : 0]));
          node->right_keys.push_back(std::move(condition->arguments[swapped ? 0 : 1]));
          key = true;
        }
      }
      if (!key) rest.push_back(std::move(condition));
    }
    conditions = std::move(rest);
  }
  const bool hash = !node->left_keys.empty();
  const char* method = hash ? "Hash Join" : "Nested Loop";
  switch (type) {
    case JoinType::kLeft:
      node->title = absl::StrCat(method, " Left");
      break;
    case JoinType::kFull:
      node->title = absl::StrCat(method, " Full");
      break;
    default:
      node->title = method;
  }
  if (hash) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < node->left_keys.size(); ++i) {
      keys.push_back(absl::StrCat(ToSql(*node->left_keys[i]), " = ", ToSql(*node->right_keys[i])));
    }
    node->details.push_back(absl::StrCat("Hash Condition: ", absl::StrJoin(keys, " AND ")));
  }
  if (!conditions.empty()) {
    node->details.push_back(absl::StrCat("Join Filter: ", ConditionText(conditions)));
  }
  const double l = left.plan->estimated_rows;
  const double r = right.plan->estimated_rows;
  node->estimated_rows = hash ? std::max(l, r) : l * r / (conditions.empty() ? 1 : 3);
  node->conditions = std::move(conditions);
  node->left_slots = SlotRanges(*select, left.relations);
  node->right_slots = SlotRanges(*select, right.relations);
  node->children = {std::move(left.plan), std::move(right.plan)};
  return node;
}

}  // namespace kyrodb::sql
