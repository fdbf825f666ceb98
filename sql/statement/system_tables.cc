#include "sql/statement/system_tables.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/types/type.h"

namespace kyrodb::sql {
namespace {

class ComputedTable : public VirtualTable {
 public:
  using Scanner = std::function<absl::Status(RowReceiver)>;
  ComputedTable(std::string name, std::vector<VirtualColumn> columns, Scanner scanner)
      : name_(std::move(name)), columns_(std::move(columns)), scanner_(std::move(scanner)) {}
  absl::string_view name() const override { return name_; }
  const std::vector<VirtualColumn>& columns() const override { return columns_; }
  absl::Status Scan(RowReceiver receive) const override { return scanner_(receive); }

 private:
  const std::string name_;
  const std::vector<VirtualColumn> columns_;
  const Scanner scanner_;
};

Value Count(uint64_t count) { return Value(static_cast<int64_t>(count)); }
Value TextOrNull(const std::string& text) { return text.empty() ? Value(Null{}) : Value(text); }

absl::Status ScanKnobs(engine::Database* database, RowReceiver receive) {
  for (const KnobRegistry::Setting& setting : database->knobs().List()) {
    KYRO_RETURN_IF_ERROR(
        receive({Value(setting.spec.name), Value(setting.value), Value(setting.spec.unit),
                 Value(setting.spec.default_value), Value(setting.spec.min),
                 Value(setting.spec.max), Value(setting.spec.description)}));
  }
  return absl::OkStatus();
}

absl::Status ScanMetrics(engine::Database* database, RowReceiver receive) {
  for (const MetricsRegistry::Sample& sample : database->metrics().Samples()) {
    KYRO_RETURN_IF_ERROR(receive({Value(sample.name), Value(sample.value)}));
  }
  return absl::OkStatus();
}

absl::Status ScanTables(engine::Database* database, RowReceiver receive) {
  const std::unique_ptr<engine::Transaction> transaction = database->Begin();
  for (const auto& table : transaction->catalog()->tables()) {
    KYRO_ASSIGN_OR_RETURN(const engine::SpaceStatistics s, database->space_statistics(table->id));
    std::vector<std::string> key;
    for (const uint32_t part : table->primary_key) key.push_back(table->columns[part].name);
    KYRO_RETURN_IF_ERROR(
        receive({Value(table->name), Value(int64_t{table->id}), Count(table->columns.size()),
                 TextOrNull(absl::StrJoin(key, ", ")), Count(table->version), Count(s.run_count),
                 Count(s.run_bytes), Count(s.entry_count), Count(s.tombstone_count),
                 Count(s.memtable_bytes), Count(s.model_bytes), Count(s.segment_count),
                 Count(s.bound_width_max)}));
  }
  return absl::OkStatus();
}

absl::Status ScanStat(engine::Database* database, RowReceiver receive) {
  const std::unique_ptr<engine::Transaction> transaction = database->Begin();
  const auto counter = [&](const char* name, const char* help) {
    return Count(database->metrics().counter(name, help).value());
  };
  const auto row = [&](const std::string& name, Value index, engine::ObjectId id) -> absl::Status {
    KYRO_ASSIGN_OR_RETURN(const engine::SpaceStatistics s, database->space_statistics(id));
    const double dead_percent = s.version_count == 0 ? 0.0
                                                     : 100.0 * static_cast<double>(s.dead_count) /
                                                           static_cast<double>(s.version_count);
    const double value_dead_percent =
        s.value_bytes == 0
            ? 0.0
            : 100.0 * static_cast<double>(s.value_dead_bytes) / static_cast<double>(s.value_bytes);
    return receive(
        {Value(name), std::move(index), Count(s.run_count), Count(s.run_bytes),
         Count(s.version_count), Count(s.tombstone_count), Value(std::min(dead_percent, 100.0)),
         Count(s.value_file_count), Count(s.value_file_bytes), Value(value_dead_percent),
         Count(s.memtable_bytes), Count(s.model_bytes), Count(s.filter_bytes), Count(s.flush_count),
         Count(s.compaction_count), Count(s.compacted_bytes),
         counter("kyro_write_slowdowns_total", ""), counter("kyro_write_stalls_total", "")});
  };
  KYRO_RETURN_IF_ERROR(row("kyro_catalog", Null{}, engine::kCatalogSpace));
  const auto catalog = transaction->catalog();
  for (const auto& table : catalog->tables()) {
    // Dropped by somebody else meanwhile.
    absl::Status status = row(table->name, Null{}, table->id);
    if (!absl::IsNotFound(status)) KYRO_RETURN_IF_ERROR(status);
    for (const engine::IndexSchema& index : table->indexes) {
      if (catalog->FindSpaceOwner(index.id) == nullptr) continue;  // it has no key space
      status = row(table->name, Value(index.name), index.id);
      if (!absl::IsNotFound(status)) KYRO_RETURN_IF_ERROR(status);
    }
  }
  return absl::OkStatus();
}

absl::Status ScanColumns(engine::Database* database, RowReceiver receive) {
  const std::unique_ptr<engine::Transaction> transaction = database->Begin();
  for (const auto& table : transaction->catalog()->tables()) {
    for (uint32_t i = 0; i < table->columns.size(); ++i) {
      const engine::ColumnSchema& column = table->columns[i];
      Value key_position = Null{};
      for (size_t part = 0; part < table->primary_key.size(); ++part) {
        if (table->primary_key[part] == i) key_position = Count(part + 1);
      }
      KYRO_RETURN_IF_ERROR(receive({Value(table->name), Value(int64_t{i} + 1), Value(column.name),
                                    Value(engine::TypeName(column.type)), Value(column.not_null),
                                    std::move(key_position), TextOrNull(column.default_sql),
                                    TextOrNull(column.generated_sql)}));
    }
  }
  return absl::OkStatus();
}

absl::Status ScanIndexes(engine::Database* database, RowReceiver receive) {
  const std::unique_ptr<engine::Transaction> transaction = database->Begin();
  for (const auto& table : transaction->catalog()->tables()) {
    for (const engine::IndexSchema& index : table->indexes) {
      KYRO_ASSIGN_OR_RETURN(const engine::IndexStatistics s, database->index_statistics(index.id));
      if (index.has_entries()) {
        std::vector<std::string> columns;
        for (const uint32_t column : index.columns) columns.push_back(table->columns[column].name);
        for (const engine::IndexPart& part : index.parts) {
          columns.push_back(part.is_expression() ? part.expression_sql
                                                 : table->columns[part.column].name);
        }
        KYRO_RETURN_IF_ERROR(
            receive({Value(index.name), Value(int64_t{index.id}), Value(table->name),
                     Value(absl::StrJoin(columns, ", ")), Value(index.method), Value(), Value(),
                     Value(), Count(s.indexed_count), Count(s.tail_count), Count(s.dead_count),
                     Count(s.memory_bytes), Value(), Value(), Value()}));
        continue;
      }
      const char* metric = index.metric == engine::Metric::kL2             ? "l2"
                           : index.metric == engine::Metric::kInnerProduct ? "inner_product"
                                                                           : "cosine";
      KYRO_RETURN_IF_ERROR(receive(
          {Value(index.name), Value(int64_t{index.id}), Value(table->name),
           Value(table->columns[index.column].name), Value(index.method), Value(metric),
           Value(int64_t{index.m}), Value(int64_t{index.ef_construction}), Count(s.indexed_count),
           Count(s.tail_count), Count(s.dead_count), Count(s.memory_bytes),
           Value(std::string(engine::QuantizationName(index.quantization))),
           Value(std::string(engine::RescoreName(index.rescore))),
           index.recall_target_permille == 0 ? Value()
                                             : Value(index.recall_target_permille / 1000.0)}));
    }
  }
  return absl::OkStatus();
}

absl::Status ScanRecovery(engine::Database* database, RowReceiver receive) {
  const engine::RecoveryReport& r = database->recovery();
  return receive({Value(r.created), Count(r.epoch), Count(r.checkpoint_lsn), Count(r.last_lsn),
                  Count(r.replayed_count), Count(r.torn_bytes), Count(r.rebuilt_indexes),
                  TextOrNull(r.damage), Value(r.micros)});
}

absl::Status ScanDamage(engine::Database* database, RowReceiver receive) {
  for (const engine::DamageFinding& finding : database->damage_findings()) {
    KYRO_RETURN_IF_ERROR(receive({Value(finding.file), Count(finding.offset),
                                  Value(finding.message), Value(finding.found_at_micros)}));
  }
  return absl::OkStatus();
}

}  // namespace

void AddSystemTables(engine::Database* database, VirtualTableRegistry* registry) {
  const auto add = [&](const char* name, std::vector<VirtualColumn> columns,
                       absl::Status (*scan)(engine::Database*, RowReceiver)) {
    // The names are all different, so this cannot fail.
    const absl::Status added = registry->Add(std::make_shared<ComputedTable>(
        name, std::move(columns),
        [database, scan](RowReceiver receive) { return scan(database, receive); }));
    KYRO_CHECK(added.ok());
  };
  add("kyro_knobs",
      {{"name", kTextType},
       {"value", kBigintType},
       {"unit", kTextType},
       {"default_value", kBigintType},
       {"min", kBigintType},
       {"max", kBigintType},
       {"description", kTextType}},
      &ScanKnobs);
  add("kyro_metrics", {{"name", kTextType}, {"value", kDoubleType}}, &ScanMetrics);
  add("kyro_tables",
      {{"name", kTextType},
       {"id", kBigintType},
       {"column_count", kBigintType},
       {"primary_key", kTextType},
       {"version", kBigintType},
       {"run_count", kBigintType},
       {"run_bytes", kBigintType},
       {"entry_count", kBigintType},
       {"tombstone_count", kBigintType},
       {"memtable_bytes", kBigintType},
       {"model_bytes", kBigintType},
       {"model_segment_count", kBigintType},
       {"model_bound_width_max", kBigintType}},
      &ScanTables);
  // Of each key space: those of tables, and those of indexes that have one.
  add("kyro_stat",
      {{"table_name", kTextType},
       {"index_name", kTextType},
       {"run_count", kBigintType},
       {"run_bytes", kBigintType},
       {"version_count", kBigintType},
       {"tombstone_count", kBigintType},
       {"dead_percent", kDoubleType},
       // Of large values, which lie apart from the runs.
       {"value_file_count", kBigintType},
       {"value_file_bytes", kBigintType},
       {"value_dead_percent", kDoubleType},
       {"memtable_bytes", kBigintType},
       {"model_bytes", kBigintType},
       {"filter_bytes", kBigintType},
       {"flush_count", kBigintType},
       {"compaction_count", kBigintType},
       {"compacted_bytes", kBigintType},
       // Of the whole database.
       {"write_slowdown_count", kBigintType},
       {"write_stall_count", kBigintType}},
      &ScanStat);
  add("kyro_columns",
      {{"table_name", kTextType},
       {"position", kBigintType},
       {"name", kTextType},
       {"type", kTextType},
       {"not_null", kBooleanType},
       {"key_position", kBigintType},
       {"default_sql", kTextType},
       {"generated_sql", kTextType}},
      &ScanColumns);
  add("kyro_indexes",
      {{"name", kTextType},
       {"id", kBigintType},
       {"table_name", kTextType},
       {"column_name", kTextType},
       {"method", kTextType},
       {"metric", kTextType},
       {"m", kBigintType},
       {"ef_construction", kBigintType},
       {"indexed_count", kBigintType},
       {"tail_count", kBigintType},
       {"dead_count", kBigintType},
       {"memory_bytes", kBigintType},
       {"quantization", kTextType},
       {"rescore", kTextType},
       {"recall_target", kDoubleType}},
      &ScanIndexes);
  add("kyro_recovery",
      {{"created", kBooleanType},
       {"epoch", kBigintType},
       {"checkpoint_lsn", kBigintType},
       {"last_lsn", kBigintType},
       {"replayed_count", kBigintType},
       {"torn_bytes", kBigintType},
       {"rebuilt_indexes", kBigintType},
       {"damage", kTextType},
       {"micros", kBigintType}},
      &ScanRecovery);
  add("kyro_damage",
      {{"file", kTextType},
       {"byte_offset", kBigintType},
       {"message", kTextType},
       {"found_at", kTimestamptzType}},
      &ScanDamage);
}

}  // namespace kyrodb::sql
