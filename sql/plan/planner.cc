#include "sql/plan/planner.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

// A point path looks up at most this many keys.
constexpr size_t kPointsMax = 10000;

std::string ConditionText(const std::vector<BoundPtr>& conditions) {
  return absl::StrJoin(conditions, " AND ",
                       [](std::string* out, const BoundPtr& e) { out->append(ToSql(*e)); });
}

std::string NameOf(const PlanNode& scan, const std::string& alias) {
  if (scan.table->name == alias) return QuoteIdentifier(alias);
  return absl::StrCat(QuoteIdentifier(scan.table->name), " ", QuoteIdentifier(alias));
}

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

// `column <comparison> value`, where the value does not depend on the row.
struct KeyCondition {
  uint32_t slot = 0;
  Comparison comparison = Comparison::kNone;
  std::vector<const BoundExpression*> values;  // several: one of them (kEqual)
  const BoundExpression* upper = nullptr;      // of BETWEEN; `values[0]` is the lower bound
  // The column stands under a cast to double: equality alone is safe to look up.
  bool equality_only = false;
};

std::optional<KeyCondition> AsKeyCondition(const BoundExpression& e) {
  KeyCondition result;
  const auto take_column = [&result](const BoundExpression& side) {
    const BoundExpression* column = ColumnUnder(side);
    if (column == nullptr) return false;
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
      if (result.equality_only && result.comparison != Comparison::kEqual) return std::nullopt;
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
  if (e.kind == BoundKind::kBetween && !e.negated && !e.symmetric) {
    if (!take_column(*e.arguments[0]) || result.equality_only) return std::nullopt;
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

void CollectSlots(const BoundExpression& e, uint32_t level, std::vector<bool>* slots);

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
  each(plan.left_keys, level);
  each(plan.right_keys, level);
  for (const BoundPtr* e :
       {&plan.path.lower, &plan.path.upper, &plan.query_vector, &plan.limit, &plan.offset}) {
    if (*e != nullptr) CollectSlots(**e, level, slots);
  }
  for (const BoundAggregate& aggregate : plan.aggregates) {
    each(aggregate.arguments, level);
    if (aggregate.filter != nullptr) CollectSlots(*aggregate.filter, level, slots);
  }
  for (size_t i = 0; i < plan.children.size(); ++i) {
    const bool inner = plan.kind == PlanKind::kJoin && plan.lateral && i == 1;
    CollectPlanSlots(*plan.children[i], level + (inner ? 1 : 0), slots);
  }
}

// Marks the slots that the expression reads: its own row's for level 0, else those of the query
// `level` around.
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

std::shared_ptr<PlanNode> MakeNode(PlanKind kind, std::string title, uint32_t width) {
  auto node = std::make_shared<PlanNode>(kind);
  node->title = std::move(title);
  node->width = width;
  return node;
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

// Replaces every part of the expression that is the same as `from` by a column.
void ReplaceSame(BoundPtr* e, const BoundExpression& from, uint32_t slot) {
  if (SameExpression(**e, from)) {
    *e = MakeColumn(from.type, slot, ToSql(from), from.position);
    return;
  }
  for (BoundPtr& argument : (*e)->arguments) ReplaceSame(&argument, from, slot);
}

void Explain(const PlanNode& plan, size_t depth, absl::string_view prefix,
             const std::function<std::string(const PlanNode&)>& annotate,
             std::vector<std::string>* lines) {
  const std::string indent(depth, ' ');
  lines->push_back(
      absl::StrCat(indent, prefix, plan.title, annotate == nullptr ? "" : annotate(plan)));
  const size_t inner = depth + (prefix.empty() ? 2 : prefix.size());
  for (const std::string& detail : plan.details) {
    lines->push_back(absl::StrCat(std::string(inner, ' '), detail));
  }
  // Subqueries of its expressions.
  std::vector<const PlanNode*> shown;
  const auto subplans = [&](const BoundExpression& top) {
    VisitExpression(top, [&](const BoundExpression& e) {
      if (e.plan == nullptr || std::find(shown.begin(), shown.end(), e.plan.get()) != shown.end()) {
        return;
      }
      shown.push_back(e.plan.get());
      lines->push_back(absl::StrCat(std::string(inner, ' '),
                                    e.correlated ? "SubPlan (once per row)" : "InitPlan (once)"));
      Explain(*e.plan, inner + 2, "->  ", annotate, lines);
    });
  };
  for (const BoundPtr& e : plan.conditions) subplans(*e);
  for (const BoundPtr& e : plan.expressions) subplans(*e);
  for (const PlanPtr& child : plan.children) Explain(*child, inner, "->  ", annotate, lines);
}

}  // namespace

void SplitConjuncts(BoundPtr expression, std::vector<BoundPtr>* out) {
  if (expression->kind == BoundKind::kAnd) {
    for (BoundPtr& argument : expression->arguments) SplitConjuncts(std::move(argument), out);
    return;
  }
  out->push_back(std::move(expression));
}

std::vector<std::string> ExplainLines(const PlanNode& plan,
                                      const std::function<std::string(const PlanNode&)>& annotate) {
  std::vector<std::string> lines;
  Explain(plan, 0, "", annotate, &lines);
  return lines;
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
    KYRO_ASSIGN_OR_RETURN(current.plan, Join(select, std::move(current), std::move(right),
                                             JoinType::kInner, std::move(on)));
    current.relations = both;
    current.lateral = false;
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

void Planner::ChoosePath(PlanNode* scan) {
  AccessPath& path = scan->path;
  const std::vector<uint32_t>& key = scan->table->primary_key;
  if (!context_.use_indexes) {
    path.reason = "index scans are switched off (enable_indexscan)";
    return;
  }
  if (key.empty()) {
    path.reason = "the table has no primary key";
    return;
  }
  struct Candidate {
    size_t condition;
    KeyCondition key;
  };
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < scan->conditions.size(); ++i) {
    if (auto found = AsKeyCondition(*scan->conditions[i]); found.has_value()) {
      candidates.push_back({i, *std::move(found)});
    }
  }
  std::vector<bool> covered(scan->conditions.size(), false);
  const auto type_of = [&](size_t part) { return scan->table->columns[key[part]].type; };
  size_t points = 1;
  size_t part = 0;
  for (; part < key.size(); ++part) {
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates) {
      if (candidate.key.slot != scan->slot_begin + key[part] ||
          candidate.key.comparison != Comparison::kEqual ||
          points * candidate.key.values.size() > kPointsMax) {
        continue;
      }
      if (best == nullptr || candidate.key.values.size() < best->key.values.size()) {
        best = &candidate;
      }
    }
    if (best == nullptr) break;
    points *= best->key.values.size();
    covered[best->condition] = true;
    std::vector<BoundPtr> values;
    for (const BoundExpression* value : best->key.values) values.push_back(Clone(*value));
    path.equal.push_back(std::move(values));
  }
  const std::string index = QuoteIdentifier(absl::StrCat(scan->table->name, "_pkey"));
  if (part == key.size()) {
    path.kind = PathKind::kPoint;
    path.reason = points == 1 ? "every column of the primary key has a value"
                              : absl::StrCat("the primary key is one of ", points, " values");
    scan->estimated_rows = static_cast<double>(points);
  } else {
    // A range needs a prefix of single values.
    size_t prefix = 0;
    while (prefix < path.equal.size() && path.equal[prefix].size() == 1) ++prefix;
    if (prefix < path.equal.size()) {
      path.equal.resize(prefix);
      std::fill(covered.begin(), covered.end(), false);
    }
    for (const Candidate& candidate : candidates) {
      if (candidate.key.slot != scan->slot_begin + key[prefix] || candidate.key.equality_only) {
        continue;
      }
      const auto set = [&](BoundPtr* bound, bool* inclusive, const BoundExpression& value,
                           bool is_inclusive) {
        if (*bound != nullptr || !IsNumeric(value.type.id) != !IsNumeric(type_of(prefix).id))
          return;
        *bound = Clone(value);
        *inclusive = is_inclusive;
      };
      switch (candidate.key.comparison) {
        case Comparison::kGreater:
          set(&path.lower, &path.lower_inclusive, *candidate.key.values[0], false);
          break;
        case Comparison::kGreaterEqual:
          set(&path.lower, &path.lower_inclusive, *candidate.key.values[0], true);
          if (candidate.key.upper != nullptr) {
            set(&path.upper, &path.upper_inclusive, *candidate.key.upper, true);
          }
          break;
        case Comparison::kLess:
          set(&path.upper, &path.upper_inclusive, *candidate.key.values[0], false);
          break;
        case Comparison::kLessEqual:
          set(&path.upper, &path.upper_inclusive, *candidate.key.values[0], true);
          break;
        default:
          break;
      }
    }
    if (prefix == 0 && path.lower == nullptr && path.upper == nullptr) {
      path.equal.clear();
      path.reason =
          scan->conditions.empty() ? "all rows are wanted" : "no condition bounds the primary key";
      return;
    }
    path.kind = PathKind::kRange;
    path.reason = prefix > 0 ? absl::StrCat("the first ", prefix, " of ", key.size(),
                                            " columns of the primary key are fixed")
                             : "conditions bound the first column of the primary key";
    scan->estimated_rows = scan->estimated_rows / 10 + 1;
  }
  // What the path guarantees need not be checked again. Ranges are kept as conditions: they are
  // cheap, and several may bound the same column.
  std::vector<std::string> text;
  std::vector<BoundPtr> kept;
  for (size_t i = 0; i < scan->conditions.size(); ++i) {
    bool of_path = covered[i];
    if (path.kind == PathKind::kRange) {
      for (const Candidate& candidate : candidates) {
        of_path = of_path || (candidate.condition == i &&
                              candidate.key.slot == scan->slot_begin + key[path.equal.size()] &&
                              path.equal.size() < key.size() && !candidate.key.equality_only);
      }
    }
    if (of_path) text.push_back(ToSql(*scan->conditions[i]));
    if (!covered[i]) kept.push_back(std::move(scan->conditions[i]));
  }
  scan->conditions = std::move(kept);
  scan->details.push_back(absl::StrCat("Key: ", absl::StrJoin(text, " AND ")));
  scan->title = absl::StrCat(path.kind == PathKind::kPoint ? "Point Lookup" : "Range Scan",
                             " using ", index, " on ");
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
    absl::StrAppend(&node->title, NameOf(*node, relation.alias));
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

// Turns `ORDER BY distance(column, constant) LIMIT k` over a scan into a search of the vector
// index, when there is one of that metric. Null when the query is not of that shape, or with the
// reason in the scan's details.
std::shared_ptr<PlanNode> Planner::TryNearest(BoundQuery* query, PlanNode* scan) {
  BoundSelect& select = *query->select;
  if (select.relations.size() != 1 || select.grouped || select.distinct ||
      query->order_by.size() != 1 || scan->kind != PlanKind::kScan) {
    return nullptr;
  }
  const SortKey& key = query->order_by[0];
  const BoundExpression& distance = *select.outputs[key.slot];
  if (distance.kind != BoundKind::kCall || distance.arguments.size() != 2) return nullptr;
  const bool is_vector_distance = distance.arguments[0]->type.id == TypeId::kVector &&
                                  distance.arguments[1]->type.id == TypeId::kVector &&
                                  distance.type.id == TypeId::kDouble;
  if (!is_vector_distance) return nullptr;
  const auto decline = [scan](std::string reason) {
    scan->details.push_back(absl::StrCat("No Nearest Search: ", reason));
    return nullptr;
  };
  if (!context_.use_indexes) return decline("index scans are switched off (enable_indexscan)");
  if (!distance.function->is_distance) {
    return decline(absl::StrCat("no index orders by ", distance.function->name));
  }
  const BoundExpression* column = nullptr;
  const BoundExpression* vector = nullptr;
  for (const size_t side : {size_t{0}, size_t{1}}) {
    // A cast of a vector to vector only checks its dimensions.
    if (distance.arguments[side]->kind == BoundKind::kColumn &&
        IsRowIndependent(*distance.arguments[1 - side])) {
      column = distance.arguments[side].get();
      vector = distance.arguments[1 - side].get();
      break;
    }
  }
  if (column == nullptr) return decline("the distance is not between a column and a constant");
  const engine::IndexSchema* index = nullptr;
  bool other_metric = false;
  for (const engine::IndexSchema& candidate : scan->table->indexes) {
    if (scan->slot_begin + candidate.column != column->slot) continue;
    if (candidate.metric == distance.function->metric) {
      index = &candidate;
      break;
    }
    other_metric = true;
  }
  if (index == nullptr) {
    return decline(other_metric
                       ? absl::StrCat("no index on this column is for ", distance.function->name)
                       : "the column has no vector index");
  }
  if (query->limit == nullptr) return decline("there is no LIMIT");
  if (key.descending) return decline("the order is descending");
  if (scan->path.kind == PathKind::kPoint) return decline("the primary key finds the rows faster");

  auto node = MakeNode(PlanKind::kNearest,
                       absl::StrCat("Nearest Search using ", QuoteIdentifier(index->name), " on ",
                                    NameOf(*scan, select.relations[0].alias)),
                       select.width + 1);
  node->table = scan->table;
  node->index = index;
  node->slot_begin = scan->slot_begin;
  node->key_slot = scan->key_slot;
  node->conditions = std::move(scan->conditions);
  // A range of keys was checked as conditions too; a fixed prefix was not.
  for (size_t i = 0; i < scan->path.equal.size(); ++i) {
    const uint32_t part = scan->table->primary_key[i];
    const Type type = scan->table->columns[part].type;
    const BoundExpression& value = *scan->path.equal[i][0];
    const TypeId compared = IsNumeric(type.id) ? value.type.id : type.id;
    const TypeId types[] = {compared, compared};
    const absl::StatusOr<const ScalarFunction*> equal = ResolveOperator("=", types, 0);
    KYRO_CHECK(equal.ok());
    auto condition = std::make_unique<BoundExpression>(BoundKind::kCall, kBooleanType, 0);
    condition->function = *equal;
    BoundPtr left = MakeColumn(type, scan->slot_begin + part, scan->table->columns[part].name, 0);
    if (type.id != compared) {
      auto cast = std::make_unique<BoundExpression>(BoundKind::kCast, Type{compared, 0}, 0);
      cast->arguments.push_back(std::move(left));
      left = std::move(cast);
    }
    condition->arguments.push_back(std::move(left));
    condition->arguments.push_back(Clone(value));
    node->conditions.push_back(std::move(condition));
  }
  node->query_vector = Clone(*vector);
  node->limit = Clone(*query->limit);
  if (query->offset != nullptr) node->offset = Clone(*query->offset);
  node->distance_slot = select.width;
  node->estimated_rows = 10;
  node->details.push_back(absl::StrCat("Order By: ", ToSql(distance)));
  if (!node->conditions.empty()) {
    node->details.push_back(absl::StrCat("Filter: ", ConditionText(node->conditions)));
  }
  node->details.push_back(absl::StrCat("Reason: ORDER BY ", distance.function->name,
                                       " with LIMIT, and ", QuoteIdentifier(index->name), " is an ",
                                       index->method, " index of that metric"));
  // The search already knows the distance.
  const BoundPtr wanted = Clone(distance);
  for (BoundPtr& output : select.outputs) ReplaceSame(&output, *wanted, node->distance_slot);
  // What is still read of the row.
  std::vector<bool> in_conditions(select.width + 1);
  std::vector<bool> in_outputs(select.width + 1);
  for (const BoundPtr& e : node->conditions) CollectSlots(*e, 0, &in_conditions);
  for (const BoundPtr& e : select.outputs) CollectSlots(*e, 0, &in_outputs);
  for (uint32_t i = 0; i < node->table->columns.size(); ++i) {
    if (in_conditions[node->slot_begin + i]) {
      node->condition_columns.push_back(i);
    } else if (in_outputs[node->slot_begin + i]) {
      node->other_columns.push_back(i);
    }
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
               node->path.kind != PathKind::kPoint && !select.grouped && !select.distinct &&
               !query->order_by.empty() &&
               query->order_by.size() <= node->table->primary_key.size()) {
      // Scans go in key order.
      ordered = true;
      for (size_t i = 0; i < query->order_by.size(); ++i) {
        const SortKey& key = query->order_by[i];
        const BoundExpression& output = *select.outputs[key.slot];
        ordered = ordered && !key.descending && output.kind == BoundKind::kColumn &&
                  output.slot == node->slot_begin + node->table->primary_key[i];
      }
      if (ordered) {
        node->details.push_back("Order: as the primary key, no sort needed");
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
