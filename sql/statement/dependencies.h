// Which views stand on which relations.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "engine/schema.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

// The tables and views that a view's query names.
std::set<engine::ObjectId> RelationsOfView(const engine::ObjectSchema& view,
                                           const DefinitionContext& context);
// The views that name a table or view.
std::vector<std::shared_ptr<const engine::ObjectSchema>> ViewsOn(engine::ObjectId relation,
                                                                 const DefinitionContext& context);

}  // namespace kyrodb::sql
