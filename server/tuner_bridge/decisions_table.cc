#include "server/tuner_bridge/decisions_table.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::server {

// Its place among the columns below.
constexpr size_t kObservedColumn = 17;

DecisionsTable::DecisionsTable(const tuner::Journal* journal) : journal_(journal) {
  using engine::TypeId;
  for (const auto& [name, type] : std::initializer_list<std::pair<const char*, TypeId>>{
           {"id", TypeId::kBigint},
           {"window_number", TypeId::kBigint},
           {"decided_at", TypeId::kTimestamptz},
           {"mode", TypeId::kText},
           {"policy", TypeId::kText},
           {"policy_version", TypeId::kInteger},
           {"operations", TypeId::kBigint},
           {"read_share", TypeId::kDouble},
           {"pool_hit_ratio", TypeId::kDouble},
           {"cost_micros_per_operation", TypeId::kDouble},
           {"action", TypeId::kText},
           {"reason", TypeId::kText},
           {"write_buffer_bytes_before", TypeId::kBigint},
           {"buffer_pool_bytes_before", TypeId::kBigint},
           {"write_buffer_bytes_after", TypeId::kBigint},
           {"buffer_pool_bytes_after", TypeId::kBigint},
           {"predicted_micros_per_operation", TypeId::kDouble},
           {"observed_micros_per_operation", TypeId::kDouble},
           {"verdict", TypeId::kText},
           {"detail", TypeId::kText},
           {"repeated", TypeId::kBigint}}) {
    columns_.push_back({.name = name, .type = {type}});
  }
}

absl::Status DecisionsTable::Scan(sql::RowReceiver receive) const {
  const auto number = [](uint64_t n) { return engine::Value(static_cast<int64_t>(n)); };
  for (tuner::Decision& row : journal_->Last(std::numeric_limits<size_t>::max())) {
    engine::Row values({number(row.id),
                        number(row.window),
                        row.wall_micros,
                        std::string(tuner::ModeName(row.mode)),
                        std::move(row.policy),
                        int64_t{row.policy_version},
                        number(row.operations),
                        row.read_share,
                        row.pool_hit_ratio,
                        row.cost_micros_per_operation,
                        std::move(row.action),
                        std::move(row.reason),
                        row.before.write_buffer_bytes,
                        row.before.buffer_pool_bytes,
                        row.after.write_buffer_bytes,
                        row.after.buffer_pool_bytes,
                        row.predicted_micros_per_operation,
                        engine::Null(),
                        std::string(tuner::VerdictName(row.verdict)),
                        std::move(row.detail),
                        number(row.repeated)});
    if (row.observed_micros_per_operation.has_value()) {
      values[kObservedColumn] = *row.observed_micros_per_operation;
    }
    KYRO_RETURN_IF_ERROR(receive(std::move(values)));
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::server
