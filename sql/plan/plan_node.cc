#include "sql/plan/plan_node.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

// Slots of a query's level-`level` outer columns. After planning, its plan is looked at.
void CollectPlanSlots(const PlanNode& plan, uint32_t level, std::vector<bool>* slots) {
  const auto each = [&](const std::vector<BoundPtr>& expressions, uint32_t at) {
    for (const BoundPtr& e : expressions) {
      if (e != nullptr) CollectSlots(*e, at, slots);
    }
  };
  each(plan.conditions, level);
  // The arguments of a lateral series look at the row to the left as their level 1.
  each(plan.expressions, level);
  for (const auto& row : plan.rows) each(row, level);
  for (const auto& values : plan.path.equal) each(values, level);
  for (const BoxBounds& bounds : plan.path.box) {
    each(bounds.lower, level);
    each(bounds.upper, level);
  }
  each(plan.left_keys, level);
  each(plan.right_keys, level);
  for (const BoundPtr* e :
       {&plan.path.lower, &plan.path.upper, &plan.query_vector, &plan.limit, &plan.offset}) {
    if (*e != nullptr) CollectSlots(**e, level, slots);
  }
  for (const BoundAggregate& aggregate : plan.aggregates) {
    each(aggregate.arguments, level);
    if (aggregate.filter != nullptr) CollectSlots(*aggregate.filter, level, slots);
    for (const BoundPtr& key : aggregate.order_keys) CollectSlots(*key, level, slots);
  }
  for (const BoundWindow& window : plan.windows) {
    each(window.arguments, level);
    each(window.partition_by, level);
    each(window.order_by, level);
    for (const BoundPtr* e :
         {&window.filter, &window.begin.offset, &window.begin.edge, &window.begin.key,
          &window.end.offset, &window.end.edge, &window.end.key}) {
      if (*e != nullptr) CollectSlots(**e, level, slots);
    }
  }
  for (size_t i = 0; i < plan.children.size(); ++i) {
    const bool inner = plan.kind == PlanKind::kJoin && plan.lateral && i == 1;
    CollectPlanSlots(*plan.children[i], level + (inner ? 1 : 0), slots);
  }
}

}  // namespace

void CollectSlots(const BoundExpression& e, uint32_t level, std::vector<bool>* slots) {
  const bool own = level == 0 ? e.kind == BoundKind::kColumn
                              : e.kind == BoundKind::kOuterColumn && e.level == level;
  if (own) {
    if (e.slot >= slots->size()) slots->resize(e.slot + 1);
    (*slots)[e.slot] = true;
  }
  for (const BoundPtr& argument : e.arguments) CollectSlots(*argument, level, slots);
  if (e.plan != nullptr) CollectPlanSlots(*e.plan, level + 1, slots);
}

std::shared_ptr<PlanNode> MakeNode(PlanKind kind, std::string title, uint32_t width) {
  auto node = std::make_shared<PlanNode>(kind);
  node->title = std::move(title);
  node->width = width;
  return node;
}

std::string ConditionText(const std::vector<BoundPtr>& conditions) {
  return absl::StrJoin(conditions, " AND ",
                       [](std::string* out, const BoundPtr& e) { out->append(ToSql(*e)); });
}

std::shared_ptr<PlanNode> AddFilter(std::shared_ptr<PlanNode> child,
                                    std::vector<BoundPtr> conditions) {
  if (conditions.empty()) return child;
  auto filter = MakeNode(PlanKind::kFilter, "Filter", child->width);
  filter->details.push_back(absl::StrCat("Condition: ", ConditionText(conditions)));
  filter->estimated_rows = child->estimated_rows / 3 + 1;
  filter->conditions = std::move(conditions);
  filter->children.push_back(std::move(child));
  return filter;
}

std::string ScanName(const PlanNode& scan, const std::string& alias) {
  if (scan.table->name == alias) return QuoteIdentifier(alias);
  return absl::StrCat(QuoteIdentifier(scan.table->name), " ", QuoteIdentifier(alias));
}

}  // namespace kyrodb::sql
