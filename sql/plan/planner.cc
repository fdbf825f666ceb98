#include "sql/plan/planner.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/plan/plan_node.h"

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

std::string SortKeyText(const SortKey& key, const std::string& expression) {
  std::string text = expression;
  if (key.descending) text += " DESC";
  if (key.nulls_first != key.descending) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  return text;
}

}  // namespace

void SplitConjuncts(BoundPtr expression, std::vector<BoundPtr>* out) {
  if (expression->kind == BoundKind::kAnd) {
    for (BoundPtr& argument : expression->arguments) SplitConjuncts(std::move(argument), out);
    return;
  }
  out->push_back(std::move(expression));
}

absl::Status Planner::Prepare(BoundPtr* expression) {
  BoundExpression& e = **expression;
  for (BoundPtr& argument : e.arguments) KYRO_RETURN_IF_ERROR(Prepare(&argument));
  if (e.query != nullptr && e.plan == nullptr) {
    KYRO_ASSIGN_OR_RETURN(e.plan, Plan(e.query.get()));
  }
  FoldConstants(expression, *context_.evaluation);
  return absl::OkStatus();
}

absl::StatusOr<PlanPtr> Planner::Plan(BoundQuery* query) {
  if (query->plan != nullptr) return query->plan;
  if (query->limit != nullptr) KYRO_RETURN_IF_ERROR(Prepare(&query->limit));
  if (query->offset != nullptr) KYRO_RETURN_IF_ERROR(Prepare(&query->offset));
  std::shared_ptr<PlanNode> node;
  if (query->select != nullptr) {
    KYRO_ASSIGN_OR_RETURN(node, PlanSelect(query));
  } else if (query->set_operation != nullptr) {
    KYRO_ASSIGN_OR_RETURN(node, PlanSetOperation(query));
  } else {
    KYRO_ASSIGN_OR_RETURN(node, PlanValues(query));
  }
  const auto visible = static_cast<uint32_t>(query->columns.size());
  if (!query->order_by.empty()) {
    const bool top = query->limit != nullptr;
    auto sort = MakeNode(PlanKind::kSort, top ? "Top-N Sort" : "Sort", visible);
    const std::vector<BoundPtr>* names =
        node->kind == PlanKind::kProject ? &node->expressions : nullptr;
    std::vector<std::string> keys;
    for (const SortKey& key : query->order_by) {
      keys.push_back(SortKeyText(key, names != nullptr     ? ToSql(*(*names)[key.slot])
                                      : key.slot < visible ? query->columns[key.slot].name
                                                           : "?column?"));
    }
    sort->details.push_back(absl::StrCat("Sort Key: ", absl::StrJoin(keys, ", ")));
    sort->sort_keys = query->order_by;
    sort->visible_width = visible;
    sort->estimated_rows = node->estimated_rows;
    if (query->limit != nullptr) sort->limit = Clone(*query->limit);
    if (query->offset != nullptr) sort->offset = Clone(*query->offset);
    sort->children.push_back(std::move(node));
    node = std::move(sort);
  }
  if (query->limit != nullptr || query->offset != nullptr) {
    auto limit = MakeNode(PlanKind::kLimit, "Limit", node->width);
    limit->estimated_rows = node->estimated_rows;
    if (query->limit != nullptr) {
      limit->details.push_back(absl::StrCat("Rows: ", ToSql(*query->limit)));
      if (query->limit->kind == BoundKind::kConstant && !IsNull(query->limit->value)) {
        limit->estimated_rows = std::min(
            limit->estimated_rows, static_cast<double>(std::get<int64_t>(query->limit->value)));
      }
    }
    if (query->offset != nullptr) {
      limit->details.push_back(absl::StrCat("Offset: ", ToSql(*query->offset)));
    }
    limit->limit = std::move(query->limit);
    limit->offset = std::move(query->offset);
    limit->children.push_back(std::move(node));
    node = std::move(limit);
  }
  query->plan = node;
  return query->plan;
}

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::PlanValues(BoundQuery* query) {
  auto node = MakeNode(PlanKind::kValues, "Values", static_cast<uint32_t>(query->columns.size()));
  for (auto& row : query->values) {
    for (BoundPtr& e : row) KYRO_RETURN_IF_ERROR(Prepare(&e));
  }
  node->rows = std::move(query->values);
  node->estimated_rows = static_cast<double>(node->rows.size());
  return node;
}

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::PlanSetOperation(BoundQuery* query) {
  BoundSetOperation& operation = *query->set_operation;
  KYRO_ASSIGN_OR_RETURN(PlanPtr left, Plan(operation.left.get()));
  KYRO_ASSIGN_OR_RETURN(PlanPtr right, Plan(operation.right.get()));
  const char* word = operation.operation == SetOperation::kUnion       ? "Union"
                     : operation.operation == SetOperation::kIntersect ? "Intersect"
                                                                       : "Except";
  auto node = MakeNode(PlanKind::kSetOperation, absl::StrCat(word, operation.all ? " All" : ""),
                       static_cast<uint32_t>(query->columns.size()));
  node->set_operation = operation.operation;
  node->set_all = operation.all;
  for (const ResultColumn& column : query->columns) node->types.push_back(column.type);
  node->estimated_rows = left->estimated_rows + right->estimated_rows;
  node->children = {std::move(left), std::move(right)};
  return node;
}

Planner::RelationSet Planner::RelationsOf(const BoundSelect& select,
                                          const BoundExpression& expression) const {
  std::vector<bool> slots;
  CollectSlots(expression, 0, &slots);
  RelationSet set;
  for (size_t i = 0; i < select.relations.size(); ++i) {
    const BoundRelation& relation = select.relations[i];
    const size_t end =
        relation.slot_begin + relation.columns.size() + (relation.key_slot.has_value() ? 1 : 0);
    for (size_t slot = relation.slot_begin; slot < std::min(end, slots.size()); ++slot) {
      if (slots[slot]) set.set(i);
    }
  }
  return set;
}

Planner::RelationSet Planner::RelationsOf(const BoundFrom& from) {
  RelationSet set;
  if (from.left == nullptr) {
    set.set(from.relation);
    return set;
  }
  return RelationsOf(*from.left) | RelationsOf(*from.right);
}

absl::Status Planner::Flatten(BoundSelect* select, std::unique_ptr<BoundFrom> from,
                              std::vector<std::unique_ptr<BoundFrom>>* units,
                              std::vector<BoundPtr>* conditions) {
  if (from->left == nullptr || (from->type != JoinType::kInner && from->type != JoinType::kCross)) {
    units->push_back(std::move(from));
    return absl::OkStatus();
  }
  if (from->condition != nullptr) {
    KYRO_RETURN_IF_ERROR(Prepare(&from->condition));
    SplitConjuncts(std::move(from->condition), conditions);
  }
  KYRO_RETURN_IF_ERROR(Flatten(select, std::move(from->left), units, conditions));
  return Flatten(select, std::move(from->right), units, conditions);
}

absl::StatusOr<Planner::Unit> Planner::PlanUnit(BoundSelect* select,
                                                std::unique_ptr<BoundFrom> from,
                                                std::vector<BoundPtr>* conditions) {
  Unit unit;
  unit.relations = RelationsOf(*from);
  // Takes the conditions that only look at `relations`.
  const auto take = [&](const RelationSet& relations, std::vector<BoundPtr>* pool) {
    std::vector<BoundPtr> taken;
    std::vector<BoundPtr> kept;
    for (BoundPtr& condition : *pool) {
      const RelationSet used = RelationsOf(*select, *condition);
      const bool fits = used.any() && (used & ~relations).none();
      (fits ? taken : kept).push_back(std::move(condition));
    }
    *pool = std::move(kept);
    return taken;
  };
  if (from->left == nullptr) {
    unit.lateral = select->relations[from->relation].lateral;
    KYRO_ASSIGN_OR_RETURN(unit.plan,
                          PlanRelation(select, from->relation, take(unit.relations, conditions)));
    return unit;
  }
  std::vector<BoundPtr> above = take(unit.relations, conditions);
  std::vector<BoundPtr> on;
  if (from->condition != nullptr) {
    KYRO_RETURN_IF_ERROR(Prepare(&from->condition));
    SplitConjuncts(std::move(from->condition), &on);
  }
  if (from->type == JoinType::kRight) {
    std::swap(from->left, from->right);
    from->type = JoinType::kLeft;
  }
  const RelationSet left_relations = RelationsOf(*from->left);
  const RelationSet right_relations = RelationsOf(*from->right);
  std::vector<BoundPtr> left_conditions;
  std::vector<BoundPtr> right_conditions;
  if (from->type == JoinType::kLeft) {
    // WHERE over the kept side may go below; so may ON over the padded side.
    left_conditions = take(left_relations, &above);
    right_conditions = take(right_relations, &on);
  }
  std::vector<std::unique_ptr<BoundFrom>> left_list;
  std::vector<std::unique_ptr<BoundFrom>> right_list;
  left_list.push_back(std::move(from->left));
  right_list.push_back(std::move(from->right));
  KYRO_ASSIGN_OR_RETURN(Unit left,
                        PlanFrom(select, std::move(left_list), std::move(left_conditions)));
  KYRO_ASSIGN_OR_RETURN(Unit right,
                        PlanFrom(select, std::move(right_list), std::move(right_conditions)));
  unit.lateral = left.lateral;
  KYRO_ASSIGN_OR_RETURN(unit.plan,
                        Join(select, std::move(left), std::move(right), from->type, std::move(on)));
  unit.plan = AddFilter(std::move(unit.plan), std::move(above));
  return unit;
}

absl::StatusOr<Planner::Unit> Planner::PlanFrom(BoundSelect* select,
                                                std::vector<std::unique_ptr<BoundFrom>> from,
                                                std::vector<BoundPtr> conditions) {
  std::vector<std::unique_ptr<BoundFrom>> parts;
  for (auto& one : from) {
    KYRO_RETURN_IF_ERROR(Flatten(select, std::move(one), &parts, &conditions));
  }
  std::vector<Unit> units;
  bool any_lateral = false;
  for (auto& part : parts) {
    KYRO_ASSIGN_OR_RETURN(Unit unit, PlanUnit(select, std::move(part), &conditions));
    any_lateral = any_lateral || unit.lateral;
    units.push_back(std::move(unit));
  }
  // Begin with the smallest; go on with the smallest that an equality ties to what is there. What
  // looks to its left keeps its place.
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
  while (!units.empty()) {
    size_t next = 0;
    if (!any_lateral) {
      std::optional<size_t> tied;
      for (size_t i = 0; i < units.size(); ++i) {
        bool connected = false;
        for (const BoundPtr& condition : conditions) {
          if (condition->kind != BoundKind::kCall ||
              condition->function->comparison != Comparison::kEqual) {
            continue;
          }
          const RelationSet used = RelationsOf(*select, *condition);
          connected =
              connected || ((used & units[i].relations).any() && (used & current.relations).any() &&
                            (used & ~(units[i].relations | current.relations)).none());
        }
        if (connected && (!tied.has_value() || smaller(units[i], units[*tied]))) tied = i;
        if (smaller(units[i], units[next])) next = i;
      }
      if (tied.has_value()) next = *tied;
    }
    Unit right = std::move(units[next]);
    units.erase(units.begin() + static_cast<ptrdiff_t>(next));
    const RelationSet both = current.relations | right.relations;
    std::vector<BoundPtr> on;
    std::vector<BoundPtr> later;
    for (BoundPtr& condition : conditions) {
      const RelationSet used = RelationsOf(*select, *condition);
      (used.any() && (used & ~both).none() ? on : later).push_back(std::move(condition));
    }
    conditions = std::move(later);
    Unit joined;
    joined.relations = both;
    KYRO_ASSIGN_OR_RETURN(joined.plan, Join(select, std::move(current), std::move(right),
                                            JoinType::kInner, std::move(on)));
    current = std::move(joined);
  }
  current.plan = AddFilter(std::move(current.plan), std::move(conditions));
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

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::PlanRelation(BoundSelect* select, uint32_t index,
                                                                std::vector<BoundPtr> conditions) {
  BoundRelation& relation = select->relations[index];
  std::shared_ptr<PlanNode> node;
  switch (relation.kind) {
    case RelationKind::kTable:
      node = MakeNode(PlanKind::kScan, "Sequential Scan on ", select->width);
      node->table = relation.table;
      // Sizes only order joins; a single table need not be measured.
      node->estimated_rows =
          select->relations.size() > 1 ? std::max(1.0, context_.row_count(*relation.table)) : 1000;
      break;
    case RelationKind::kVirtual:
      node =
          MakeNode(PlanKind::kVirtualScan,
                   absl::StrCat("Virtual Scan on ", relation.virtual_table->name()), select->width);
      node->virtual_table = relation.virtual_table;
      node->estimated_rows = 100;
      break;
    case RelationKind::kSeries:
      node = MakeNode(PlanKind::kSeries, "Function Scan on generate_series", select->width);
      for (BoundPtr& argument : relation.arguments) KYRO_RETURN_IF_ERROR(Prepare(&argument));
      node->expressions = std::move(relation.arguments);
      node->series_type = relation.columns[0].type;
      node->estimated_rows = 1000;
      break;
    case RelationKind::kFunction:
      node = MakeNode(PlanKind::kFunctionScan,
                      absl::StrCat("Function Scan on ", QuoteIdentifier(relation.alias)),
                      select->width);
      for (BoundPtr& argument : relation.arguments) KYRO_RETURN_IF_ERROR(Prepare(&argument));
      node->expressions = std::move(relation.arguments);
      node->set_calls = std::move(relation.calls);
      node->with_ordinality = relation.with_ordinality;
      node->estimated_rows = 100;
      break;
    case RelationKind::kSubquery: {
      node = MakeNode(PlanKind::kSubqueryScan,
                      absl::StrCat("Subquery Scan on ", QuoteIdentifier(relation.alias)),
                      select->width);
      KYRO_ASSIGN_OR_RETURN(PlanPtr child, Plan(relation.query.get()));
      node->estimated_rows = child->estimated_rows;
      node->children.push_back(std::move(child));
      break;
    }
  }
  node->slot_begin = relation.slot_begin;
  node->key_slot = relation.key_slot;
  node->conditions = std::move(conditions);
  if (relation.kind == RelationKind::kTable) {
    ChoosePath(node.get());
    absl::StrAppend(&node->title, ScanName(*node, relation.alias));
  }
  std::vector<bool> slots(select->width);
  for (const BoundPtr& condition : node->conditions) CollectSlots(*condition, 0, &slots);
  for (uint32_t i = 0; i < relation.columns.size(); ++i) {
    if (slots[relation.slot_begin + i]) {
      node->condition_columns.push_back(i);
    } else if (relation.used[i]) {
      node->other_columns.push_back(i);
    }
  }
  if (!node->conditions.empty()) {
    node->details.push_back(absl::StrCat("Filter: ", ConditionText(node->conditions)));
    for (size_t i = 0; i < node->conditions.size(); ++i) {
      const BoundExpression& condition = *node->conditions[i];
      const bool equality = condition.kind == BoundKind::kCall &&
                            condition.function->comparison == Comparison::kEqual;
      node->estimated_rows = node->estimated_rows / (equality ? 10 : 3) + 1;
    }
  }
  if (relation.kind == RelationKind::kTable) {
    node->details.push_back(absl::StrCat("Reason: ", node->path.reason));
  }
  return node;
}

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::PlanSelect(BoundQuery* query) {
  BoundSelect& select = *query->select;
  for (BoundPtr& e : select.outputs) KYRO_RETURN_IF_ERROR(Prepare(&e));
  for (BoundPtr& e : select.group_keys) KYRO_RETURN_IF_ERROR(Prepare(&e));
  for (BoundAggregate& aggregate : select.aggregates) {
    for (BoundPtr& e : aggregate.arguments) KYRO_RETURN_IF_ERROR(Prepare(&e));
    if (aggregate.filter != nullptr) KYRO_RETURN_IF_ERROR(Prepare(&aggregate.filter));
    for (BoundPtr& key : aggregate.order_keys) KYRO_RETURN_IF_ERROR(Prepare(&key));
  }
  if (select.having != nullptr) KYRO_RETURN_IF_ERROR(Prepare(&select.having));
  std::vector<BoundPtr> conditions;
  for (BoundPtr& e : select.where) {
    KYRO_RETURN_IF_ERROR(Prepare(&e));
    SplitConjuncts(std::move(e), &conditions);
  }
  std::shared_ptr<PlanNode> node;
  bool nearest = false;
  bool ordered = false;
  if (select.from.empty()) {
    node = MakeNode(PlanKind::kOneRow, "Result", 0);
    node->estimated_rows = 1;
    node = AddFilter(std::move(node), std::move(conditions));
  } else {
    KYRO_ASSIGN_OR_RETURN(Unit unit,
                          PlanFrom(&select, std::move(select.from), std::move(conditions)));
    if (unit.lateral) {
      return Error(sqlstate::kInternalError, 0, "a lateral relation has nothing to its left");
    }
    node = std::move(unit.plan);
    if (std::shared_ptr<PlanNode> search = TryNearest(query, node.get()); search != nullptr) {
      node = std::move(search);
      nearest = true;
    } else if (select.relations.size() == 1 && node->kind == PlanKind::kScan &&
               node->path.kind != PathKind::kPoint && node->path.kind != PathKind::kBox &&
               !select.grouped && !select.distinct && !query->order_by.empty() &&
               query->order_by.size() <= node->table->primary_key.size()) {
      // Scans go in key order, or all the way in reverse; key columns are never null.
      ordered = true;
      for (size_t i = 0; i < query->order_by.size(); ++i) {
        const SortKey& key = query->order_by[i];
        const BoundExpression& output = *select.outputs[key.slot];
        ordered = ordered && key.descending == query->order_by[0].descending &&
                  output.kind == BoundKind::kColumn &&
                  output.slot == node->slot_begin + node->table->primary_key[i];
      }
      if (ordered) {
        node->reverse = query->order_by[0].descending;
        node->details.push_back(node->reverse
                                    ? "Order: as the primary key in reverse, no sort needed"
                                    : "Order: as the primary key, no sort needed");
      }
    }
  }
  if (nearest || ordered) {
    query->order_by.clear();
    select.outputs.resize(query->columns.size());
  }
  if (select.grouped) {
    auto aggregate =
        MakeNode(PlanKind::kAggregate, select.group_keys.empty() ? "Aggregate" : "Hash Aggregate",
                 static_cast<uint32_t>(select.aggregates.size() + select.group_keys.size()));
    if (!select.group_keys.empty()) {
      std::vector<std::string> keys;
      for (const BoundPtr& key : select.group_keys) keys.push_back(ToSql(*key));
      aggregate->details.push_back(absl::StrCat("Group Key: ", absl::StrJoin(keys, ", ")));
    }
    if (!select.aggregates.empty()) {
      aggregate->details.push_back(absl::StrCat(
          "Aggregates: ",
          absl::StrJoin(select.aggregates, ", ",
                        [](std::string* out, const BoundAggregate& a) { out->append(a.text); })));
    }
    aggregate->estimated_rows = select.group_keys.empty() ? 1 : node->estimated_rows / 10 + 1;
    for (const BoundPtr& key : select.group_keys) aggregate->types.push_back(key->type);
    aggregate->expressions = std::move(select.group_keys);
    aggregate->aggregates = std::move(select.aggregates);
    aggregate->children.push_back(std::move(node));
    node = std::move(aggregate);
    if (select.having != nullptr) {
      std::vector<BoundPtr> having;
      SplitConjuncts(std::move(select.having), &having);
      node = AddFilter(std::move(node), std::move(having));
    }
  }
  auto project =
      MakeNode(PlanKind::kProject, "Project", static_cast<uint32_t>(select.outputs.size()));
  project->details.push_back(absl::StrCat(
      "Output: ", absl::StrJoin(select.outputs, ", ", [](std::string* out, const BoundPtr& e) {
        out->append(ToSql(*e));
      })));
  project->estimated_rows = node->estimated_rows;
  project->expressions = std::move(select.outputs);
  project->children.push_back(std::move(node));
  node = std::move(project);
  if (select.distinct) {
    auto distinct = MakeNode(PlanKind::kDistinct, "Distinct", node->width);
    for (const ResultColumn& column : query->columns) distinct->types.push_back(column.type);
    distinct->estimated_rows = node->estimated_rows / 2 + 1;
    distinct->children.push_back(std::move(node));
    node = std::move(distinct);
  }
  return node;
}

}  // namespace kyrodb::sql
