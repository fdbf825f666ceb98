// Grouping: what stands above it may only name aggregates and keys; and the walk over whole queries
// that this needs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

void VisitFrom(BoundFrom* from, uint32_t depth,
               const std::function<void(BoundPtr*, uint32_t)>& visit) {
  if (from->condition != nullptr) visit(&from->condition, depth);
  if (from->left != nullptr) VisitFrom(from->left.get(), depth, visit);
  if (from->right != nullptr) VisitFrom(from->right.get(), depth, visit);
}

}  // namespace

void VisitQuery(BoundQuery* query, uint32_t depth,
                const std::function<void(BoundPtr*, uint32_t)>& visit) {
  // Visits a whole expression and the queries in it.
  const std::function<void(BoundPtr*, uint32_t)> walk = [&](BoundPtr* e, uint32_t at) {
    if (*e == nullptr) return;
    visit(e, at);
    for (BoundPtr& argument : (*e)->arguments) walk(&argument, at);
    if ((*e)->query != nullptr) VisitQuery((*e)->query.get(), at + 1, visit);
  };
  if (query->select != nullptr) {
    BoundSelect& select = *query->select;
    for (BoundRelation& relation : select.relations) {
      const uint32_t inner = depth + (relation.lateral ? 1 : 0);
      for (BoundPtr& argument : relation.arguments) walk(&argument, inner);
      if (relation.query != nullptr) VisitQuery(relation.query.get(), inner, visit);
    }
    for (auto& from : select.from) VisitFrom(from.get(), depth, walk);
    for (BoundPtr& e : select.where) walk(&e, depth);
    for (BoundAggregate& aggregate : select.aggregates) {
      for (BoundPtr& e : aggregate.arguments) walk(&e, depth);
      walk(&aggregate.filter, depth);
      for (BoundPtr& e : aggregate.order_keys) walk(&e, depth);
    }
    for (BoundPtr& e : select.group_keys) walk(&e, depth);
    for (BoundWindow& window : select.windows) {
      for (BoundPtr& e : window.arguments) walk(&e, depth);
      for (BoundPtr& e : window.partition_by) walk(&e, depth);
      for (BoundPtr& e : window.order_by) walk(&e, depth);
      for (BoundPtr* e :
           {&window.filter, &window.begin.offset, &window.begin.edge, &window.begin.key,
            &window.end.offset, &window.end.edge, &window.end.key}) {
        walk(e, depth);
      }
    }
    walk(&select.having, depth);
    for (BoundPtr& e : select.outputs) walk(&e, depth);
  }
  if (query->recursive != nullptr) {
    VisitQuery(query->recursive->left.get(), depth, visit);
    VisitQuery(query->recursive->right.get(), depth, visit);
  }
  if (query->set_operation != nullptr) {
    VisitQuery(query->set_operation->left.get(), depth, visit);
    VisitQuery(query->set_operation->right.get(), depth, visit);
  }
  for (auto& row : query->values) {
    for (BoundPtr& e : row) walk(&e, depth);
  }
  walk(&query->limit, depth);
  walk(&query->offset, depth);
}

absl::StatusOr<uint32_t> Binder::GroupSlotOf(const BoundExpression& column, uint32_t slot,
                                             BoundSelect* select, bool from_subquery) {
  const auto base = static_cast<uint32_t>(select->aggregates.size());
  for (uint32_t k = 0; k < select->group_keys.size(); ++k) {
    const BoundExpression& key = *select->group_keys[k];
    if (key.kind == BoundKind::kColumn && key.slot == slot) return base + k;
  }
  // A column depends on its table's primary key: grouped by that, it has one value per group.
  for (const BoundRelation& relation : select->relations) {
    if (slot < relation.slot_begin || slot >= relation.slot_begin + relation.columns.size()) {
      continue;
    }
    if (relation.table == nullptr || relation.table->primary_key.empty()) break;
    bool determined = true;
    for (const uint32_t part : relation.table->primary_key) {
      determined = determined && std::any_of(select->group_keys.begin(), select->group_keys.end(),
                                             [&](const BoundPtr& key) {
                                               return key->kind == BoundKind::kColumn &&
                                                      key->slot == relation.slot_begin + part;
                                             });
    }
    if (!determined) break;
    select->group_keys.push_back(MakeColumn(column.type, slot, column.name, column.position));
    return base + static_cast<uint32_t>(select->group_keys.size() - 1);
  }
  if (from_subquery) {
    return Error(
        sqlstate::kGroupingError, column.position,
        absl::StrCat("subquery uses ungrouped column \"", column.name, "\" from outer query"));
  }
  return Error(sqlstate::kGroupingError, column.position,
               absl::StrCat("column \"", column.name,
                            "\" must appear in the GROUP BY clause or be used in an aggregate "
                            "function"));
}

absl::Status Binder::RewriteGrouped(BoundPtr* expression, BoundSelect* select) {
  BoundExpression& e = **expression;
  // Its parts are the window's, which are rewritten for themselves.
  if (e.kind == BoundKind::kWindow) return absl::OkStatus();
  if (e.kind == BoundKind::kAggregate) {
    e.kind = BoundKind::kColumn;
    e.name = select->aggregates[e.slot].text;
    return absl::OkStatus();
  }
  const auto base = static_cast<uint32_t>(select->aggregates.size());
  for (uint32_t k = 0; k < select->group_keys.size(); ++k) {
    if (SameExpression(e, *select->group_keys[k])) {
      *expression = MakeColumn(e.type, base + k, ToSql(e), e.position);
      return absl::OkStatus();
    }
  }
  if (e.kind == BoundKind::kColumn) {
    KYRO_ASSIGN_OR_RETURN(e.slot, GroupSlotOf(e, e.slot, select, false));
    return absl::OkStatus();
  }
  for (BoundPtr& argument : e.arguments) KYRO_RETURN_IF_ERROR(RewriteGrouped(&argument, select));
  if (e.query != nullptr) return RewriteOuter(e.query.get(), 1, select);
  return absl::OkStatus();
}

absl::Status Binder::RewriteOuter(BoundQuery* query, uint32_t depth, BoundSelect* select) {
  absl::Status status;
  VisitQuery(query, depth, [&](BoundPtr* e, uint32_t at) {
    if ((*e)->kind != BoundKind::kOuterColumn || (*e)->level != at || !status.ok()) return;
    absl::StatusOr<uint32_t> slot = GroupSlotOf(**e, (*e)->slot, select, true);
    if (slot.ok()) {
      (*e)->slot = *slot;
    } else {
      status = slot.status();
    }
  });
  return status;
}

}  // namespace kyrodb::sql
