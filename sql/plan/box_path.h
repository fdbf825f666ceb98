// Rows found by a zorder index: two or more columns between bounds.
#pragma once

#include <vector>

#include "sql/plan/key_condition.h"
#include "sql/plan/plan.h"

namespace kyrodb::sql {

// Makes the scan one of a zorder index when `conditions` bound enough of one's columns: half of
// them, and one from both sides or two from any. With `is_key_bounded`, a range of primary keys
// is an alternative, which only two columns bounded from both sides beat. A row that is null in one
// of the columns is not in the index, so that a column without bounds has to be NOT NULL. The
// conditions stay conditions. False, and perhaps the reason in the scan's details, when it is not.
bool ChooseBox(PlanNode* scan, const std::vector<const KeyCondition*>& conditions,
               bool is_key_bounded);

}  // namespace kyrodb::sql
