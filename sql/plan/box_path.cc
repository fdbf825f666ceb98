#include "sql/plan/box_path.h"

#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

bool IsComparable(const Type& column, const Type& value) {
  return column.id == value.id || (IsNumeric(column.id) && IsNumeric(value.id));
}

BoxBounds BoundsOf(const Type& column, uint32_t slot,
                   const std::vector<const KeyCondition*>& conditions) {
  BoxBounds bounds;
  for (const KeyCondition* condition : conditions) {
    if (condition->slot != slot || condition->values.size() != 1) continue;
    const BoundExpression& value = *condition->values[0];
    if (!IsComparable(column, value.type)) continue;
    const Comparison comparison = condition->comparison;
    const bool is_equal = comparison == Comparison::kEqual;
    if (is_equal || comparison == Comparison::kGreater || comparison == Comparison::kGreaterEqual) {
      bounds.lower.push_back(Clone(value));
      bounds.lower_inclusive = bounds.lower_inclusive && comparison != Comparison::kGreater;
    }
    if (is_equal || comparison == Comparison::kLess || comparison == Comparison::kLessEqual) {
      bounds.upper.push_back(Clone(value));
      bounds.upper_inclusive = bounds.upper_inclusive && comparison != Comparison::kLess;
    }
    if (condition->upper != nullptr && IsComparable(column, condition->upper->type)) {
      bounds.upper.push_back(Clone(*condition->upper));
    }
  }
  return bounds;
}

std::string BoundText(const std::vector<BoundPtr>& bounds, const char* none,
                      const char* strictest) {
  if (bounds.empty()) return none;
  if (bounds.size() == 1) return ToSql(*bounds[0]);
  return absl::StrCat(
      strictest, "(",
      absl::StrJoin(bounds, ", ",
                    [](std::string* out, const BoundPtr& bound) { out->append(ToSql(*bound)); }),
      ")");
}

std::string SideText(const std::string& column, const BoxBounds& bounds) {
  return absl::StrCat(QuoteIdentifier(column), " in ",
                      bounds.lower.empty() || !bounds.lower_inclusive ? "(" : "[",
                      BoundText(bounds.lower, "-infinity", "greatest"), ", ",
                      BoundText(bounds.upper, "infinity", "least"),
                      bounds.upper.empty() || !bounds.upper_inclusive ? ")" : "]");
}

struct Box {
  const engine::IndexSchema* index = nullptr;
  std::vector<BoxBounds> sides;
  size_t closed_count = 0;   // columns bounded from both sides
  size_t bounded_count = 0;  // from at least one

  // More is better.
  auto rank() const { return std::tuple(closed_count, bounded_count, ~sides.size()); }
};

}  // namespace

bool ChooseBox(PlanNode* scan, const std::vector<const KeyCondition*>& conditions,
               bool is_key_bounded) {
  Box best;
  for (const engine::IndexSchema& index : scan->table->indexes) {
    if (!index.is_zorder()) continue;
    Box box{.index = &index, .sides = {}};
    const engine::ColumnSchema* nullable = nullptr;
    for (const uint32_t ordinal : index.columns) {
      const engine::ColumnSchema& column = scan->table->columns[ordinal];
      BoxBounds bounds = BoundsOf(column.type, scan->slot_begin + ordinal, conditions);
      const bool is_bounded = !bounds.lower.empty() || !bounds.upper.empty();
      box.bounded_count += is_bounded;
      box.closed_count += !bounds.lower.empty() && !bounds.upper.empty();
      if (!is_bounded && !column.not_null) nullable = &column;
      box.sides.push_back(std::move(bounds));
    }
    if (box.bounded_count == 0) continue;
    const auto decline = [&](const std::string& reason) {
      scan->details.push_back(
          absl::StrCat("No Z-Order Scan using ", QuoteIdentifier(index.name), ": ", reason));
    };
    if (nullable != nullptr) {
      decline(absl::StrCat("column ", QuoteIdentifier(nullable->name),
                           " may be null, and no condition bounds it"));
    } else if (2 * box.bounded_count < box.sides.size() ||
               (box.closed_count == 0 && box.bounded_count < 2)) {
      decline("the box is not bounded enough");
    } else if (is_key_bounded && box.closed_count < 2) {
      decline("conditions bound the primary key");
    } else if (best.index == nullptr || box.rank() > best.rank()) {
      best = std::move(box);
    }
  }
  if (best.index == nullptr) return false;
  AccessPath& path = scan->path;
  path.kind = PathKind::kBox;
  path.index = best.index;
  path.box = std::move(best.sides);
  std::vector<std::string> text;
  for (size_t i = 0; i < path.box.size(); ++i) {
    text.push_back(SideText(scan->table->columns[best.index->columns[i]].name, path.box[i]));
  }
  path.reason = absl::StrCat("conditions bound ", best.bounded_count, " of ", path.box.size(),
                             " columns of the index");
  scan->details = {absl::StrCat("Box: ", absl::StrJoin(text, ", "))};
  scan->title = absl::StrCat("Z-Order Scan using ", QuoteIdentifier(best.index->name), " on ");
  scan->estimated_rows = scan->estimated_rows / (best.closed_count > 1 ? 20 : 5) + 1;
  return true;
}

}  // namespace kyrodb::sql
