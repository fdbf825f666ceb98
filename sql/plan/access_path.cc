// How the rows of one table are found: by key, or by the nearness of a vector.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/plan/box_path.h"
#include "sql/plan/index_path.h"
#include "sql/plan/key_condition.h"
#include "sql/plan/plan_node.h"
#include "sql/plan/planner.h"

namespace kyrodb::sql {
namespace {

// Replaces every part of the expression that is the same as `from` by a column.
void ReplaceSame(BoundPtr* e, const BoundExpression& from, uint32_t slot) {
  if (SameExpression(**e, from)) {
    *e = MakeColumn(from.type, slot, ToSql(from), from.position);
    return;
  }
  for (BoundPtr& argument : (*e)->arguments) ReplaceSame(&argument, from, slot);
}

}  // namespace

void Planner::ChoosePath(PlanNode* scan) {
  AccessPath& path = scan->path;
  const std::vector<uint32_t>& key = scan->table->primary_key;
  if (!context_.use_indexes) {
    path.reason = "index scans are switched off (enable_indexscan)";
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
  const auto choose_box = [&](bool is_key_bounded) {
    std::vector<const KeyCondition*> conditions;
    for (const Candidate& candidate : candidates) conditions.push_back(&candidate.key);
    return ChooseBox(scan, conditions, is_key_bounded);
  };
  if (key.empty()) {
    if (choose_box(false) || ChooseIndex(scan, {}, context_)) return;
    path.reason = scan->conditions.empty()       ? "all rows are wanted"
                  : scan->table->indexes.empty() ? "the table has no primary key"
                                                 : "no condition bounds an index";
    return;
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
    const auto bounds_key = [&](const Candidate& candidate) {
      return candidate.key.slot == scan->slot_begin + key[prefix] && !candidate.key.equality_only;
    };
    if (prefix == 0 && choose_box(std::any_of(candidates.begin(), candidates.end(), bounds_key))) {
      path.equal.clear();
      return;
    }
    KeyFit fit{.fixed_count = prefix};
    for (const Candidate& candidate : candidates) {
      if (!bounds_key(candidate) || candidate.key.comparison == Comparison::kEqual) continue;
      fit.bound_count = std::min<size_t>(2, fit.bound_count + (candidate.key.upper ? 2 : 1));
    }
    if (ChooseIndex(scan, fit, context_)) return;
    for (const Candidate& candidate : candidates) {
      if (!bounds_key(candidate)) continue;
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
  const auto decline = [scan](absl::string_view reason) {
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
    if (candidate.method != "hnsw" || scan->slot_begin + candidate.column != column->slot) continue;
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
  if (scan->path.is_point) return decline("a unique index finds the rows faster");

  auto node = MakeNode(PlanKind::kNearest,
                       absl::StrCat("Nearest Search using ", QuoteIdentifier(index->name), " on ",
                                    ScanName(*scan, select.relations[0].alias)),
                       select.width + 1);
  node->table = scan->table;
  node->index = index;
  node->slot_begin = scan->slot_begin;
  node->key_slot = scan->key_slot;
  node->conditions = std::move(scan->conditions);
  // A range of keys was checked as conditions too; a fixed prefix was not.
  for (BoundPtr& condition : scan->path.covered) node->conditions.push_back(std::move(condition));
  const size_t key_count = scan->path.kind == PathKind::kIndex ? 0 : scan->path.equal.size();
  for (size_t i = 0; i < key_count; ++i) {
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

}  // namespace kyrodb::sql
