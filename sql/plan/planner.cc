#include "sql/plan/planner.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/plan/index_path.h"
#include "sql/plan/plan_node.h"

namespace kyrodb::sql {
namespace {

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
  if (query->recursive != nullptr) {
    KYRO_ASSIGN_OR_RETURN(node, PlanRecursive(query));
  } else if (query->select != nullptr) {
    KYRO_ASSIGN_OR_RETURN(node, PlanSelect(query));
  } else if (query->set_operation != nullptr) {
    KYRO_ASSIGN_OR_RETURN(node, PlanSetOperation(query));
  } else {
    KYRO_ASSIGN_OR_RETURN(node, PlanValues(query));
  }
  const auto visible = static_cast<uint32_t>(query->columns.size());
  if (!query->order_by.empty()) {
    const bool distinct_on = query->select != nullptr && !query->select->distinct_on.empty();
    const bool top = query->limit != nullptr && !distinct_on;
    auto sort =
        MakeNode(PlanKind::kSort, top ? "Top-N Sort" : "Sort", distinct_on ? node->width : visible);
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
    sort->visible_width = sort->width;
    sort->estimated_rows = node->estimated_rows;
    if (top) sort->limit = Clone(*query->limit);
    if (top && query->offset != nullptr) sort->offset = Clone(*query->offset);
    sort->children.push_back(std::move(node));
    node = std::move(sort);
  }
  if (query->select != nullptr && !query->select->distinct_on.empty()) {
    auto distinct = MakeNode(PlanKind::kDistinct, "Distinct On", visible);
    distinct->distinct_slots = query->select->distinct_on;
    for (const uint32_t slot : distinct->distinct_slots) {
      distinct->types.push_back(query->select->distinct_types[slot]);
    }
    distinct->estimated_rows = node->estimated_rows / 2 + 1;
    distinct->children.push_back(std::move(node));
    node = std::move(distinct);
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

absl::StatusOr<std::shared_ptr<PlanNode>> Planner::PlanRecursive(BoundQuery* query) {
  BoundRecursive& recursive = *query->recursive;
  KYRO_ASSIGN_OR_RETURN(PlanPtr left, Plan(recursive.left.get()));
  KYRO_ASSIGN_OR_RETURN(PlanPtr right, Plan(recursive.right.get()));
  auto node =
      MakeNode(PlanKind::kRecursive, recursive.all ? "Recursive Union All" : "Recursive Union",
               static_cast<uint32_t>(query->columns.size()));
  node->set_all = recursive.all;
  node->work_table = recursive.rows;
  for (const ResultColumn& column : query->columns) node->types.push_back(column.type);
  node->estimated_rows = left->estimated_rows * 10;
  node->children = {std::move(left), std::move(right)};
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

double Planner::ShareOf(const PlanNode& scan, const BoundExpression& condition) const {
  if (scan.statistics != nullptr) {
    const std::optional<KeyCondition> key = AsKeyCondition(condition, /*any_operand=*/true);
    const std::optional<double> share = key.has_value() ? ConditionShare(scan, *key) : std::nullopt;
    if (share.has_value()) return *share;
  }
  const bool equality =
      condition.kind == BoundKind::kCall && condition.function->comparison == Comparison::kEqual;
  return equality ? 0.1 : 0.34;
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
    case RelationKind::kWorkTable:
      node = MakeNode(PlanKind::kWorkTable,
                      absl::StrCat("Work Table Scan on ", QuoteIdentifier(relation.alias)),
                      select->width);
      node->work_table = relation.work_table;
      node->estimated_rows = 10;
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
    // A single table without indexes leaves nothing to choose by them.
    const bool is_useful = select->relations.size() > 1 || !relation.table->indexes.empty();
    if (context_.statistics != nullptr && is_useful && !node->conditions.empty()) {
      node->statistics = context_.statistics(*relation.table);
    }
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
    for (const BoundPtr& condition : node->conditions) {
      node->estimated_rows = std::max(1.0, node->estimated_rows * ShareOf(*node, *condition));
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
  for (BoundWindow& window : select.windows) {
    for (BoundPtr& e : window.arguments) KYRO_RETURN_IF_ERROR(Prepare(&e));
    for (BoundPtr& e : window.partition_by) KYRO_RETURN_IF_ERROR(Prepare(&e));
    for (BoundPtr& e : window.order_by) KYRO_RETURN_IF_ERROR(Prepare(&e));
    for (BoundPtr* e : {&window.filter, &window.begin.offset, &window.begin.edge, &window.begin.key,
                        &window.end.offset, &window.end.edge, &window.end.key}) {
      if (*e != nullptr) KYRO_RETURN_IF_ERROR(Prepare(e));
    }
  }
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
    const bool plain = select.windows.empty() && select.distinct_on.empty();
    if (std::shared_ptr<PlanNode> search = plain ? TryNearest(query, node.get()) : nullptr;
        search != nullptr) {
      node = std::move(search);
      nearest = true;
    } else if (plain && select.relations.size() == 1 && node->kind == PlanKind::kScan &&
               !select.grouped && !select.distinct && !query->order_by.empty()) {
      // Scans go in the order of their key, or all the way in reverse.
      const std::optional<bool> reverse =
          ScanOrder(*node, query->order_by, select.outputs, context_);
      if (reverse.has_value()) {
        node->reverse = *reverse;
        ordered = true;
      } else if (query->limit != nullptr && node->path.kind == PathKind::kSequential &&
                 context_.use_indexes &&
                 ChooseIndexForOrder(node.get(), query->order_by, select.outputs, context_)) {
        ordered = true;
        node->title = absl::StrCat("Index Scan using ", QuoteIdentifier(node->path.index->name),
                                   " on ", ScanName(*node, select.relations[0].alias));
        node->details.back() = absl::StrCat("Reason: ", node->path.reason);
      }
      if (ordered) {
        node->details.push_back(absl::StrCat(
            "Order: as the ", node->path.kind == PathKind::kIndex ? "index" : "primary key",
            node->reverse ? " in reverse" : "", ", no sort needed"));
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
  if (!select.windows.empty()) {
    auto window = MakeNode(PlanKind::kWindow, "Window",
                           node->width + static_cast<uint32_t>(select.windows.size()));
    window->details.push_back(absl::StrCat(
        "Functions: ",
        absl::StrJoin(select.windows, ", ",
                      [](std::string* out, const BoundWindow& w) { out->append(w.text); })));
    window->estimated_rows = node->estimated_rows;
    window->windows = std::move(select.windows);
    window->children.push_back(std::move(node));
    node = std::move(window);
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
