// Plans as text.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sql/plan/planner.h"

namespace kyrodb::sql {
namespace {

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

std::vector<std::string> ExplainLines(const PlanNode& plan,
                                      const std::function<std::string(const PlanNode&)>& annotate) {
  std::vector<std::string> lines;
  Explain(plan, 0, "", annotate, &lines);
  return lines;
}

}  // namespace kyrodb::sql
