// The virtual tables that every database has: kyro_knobs, kyro_metrics, kyro_tables, kyro_stat,
// kyro_columns, kyro_indexes, kyro_recovery.
#pragma once

#include "engine/database.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

// `database` must outlive the tables.
void AddSystemTables(engine::Database* database, VirtualTableRegistry* registry);

}  // namespace kyrodb::sql
