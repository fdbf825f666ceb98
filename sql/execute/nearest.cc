// The rows nearest to a vector, by a vector index.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Nearest : public Operator {
 public:
  Nearest(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}

  absl::Status Open() override {
    StatementStatistics& statistics = *context_.statistics;
    if (statistics.access_path.empty()) {
      statistics.access_path = "Nearest Search";
      statistics.access_reason = absl::StrCat("index ", plan_.index->name);
    }
    KYRO_ASSIGN_OR_RETURN(const uint64_t limit,
                          EvaluateCount(plan_.limit, true, UINT64_MAX, context_));
    KYRO_ASSIGN_OR_RETURN(const uint64_t offset, EvaluateCount(plan_.offset, false, 0, context_));
    const uint64_t wanted = limit > UINT64_MAX - offset ? UINT64_MAX : limit + offset;
    KYRO_ASSIGN_OR_RETURN(const Value vector,
                          EvaluateToValue(*plan_.query_vector, nullptr, context_.evaluation));
    if (wanted == 0) return absl::OkStatus();
    // Nothing is near to NULL: rows come in any order, with a null distance.
    if (IsNull(vector)) return ScanAll(wanted);
    const auto& query = std::get<std::vector<float>>(vector);
    const uint32_t dimensions = plan_.table->columns[plan_.index->column].type.dimensions;
    if (dimensions != 0 && query.size() != dimensions) {
      return Error(sqlstate::kDataException, 0,
                   absl::StrCat("different vector dimensions ", dimensions, " and ", query.size()));
    }
    engine::NearestRequest request;
    request.table = plan_.table->id;
    request.index = plan_.index->id;
    request.query = query;
    // Rows that the engine returns are kept in memory: bound them before it begins.
    request.limit = static_cast<size_t>(std::min<uint64_t>(wanted, uint64_t{1} << 40));
    request.ef_search = context_.ef_search;
    uint64_t calls = 0;
    Row row(plan_.width);
    const auto filter = [&](absl::string_view, absl::string_view bytes) -> absl::StatusOr<bool> {
      if (++calls % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      if (plan_.conditions.empty()) return true;
      for (const uint32_t column : plan_.condition_columns) {
        KYRO_ASSIGN_OR_RETURN(row[plan_.slot_begin + column],
                              engine::DecodeColumn(*plan_.table, bytes, column));
      }
      return Holds(plan_.conditions, row.data(), context_.evaluation);
    };
    KYRO_ASSIGN_OR_RETURN(answer_, context_.transaction->Nearest(request, filter));
    uint64_t bytes = 0;
    for (const engine::NearestNeighbor& neighbor : answer_.neighbors) {
      bytes += sizeof(neighbor) + neighbor.key.size() + neighbor.row.size();
    }
    KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
    statistics.nearest_plan = answer_.statistics.plan;
    statistics.candidates += answer_.statistics.candidates;
    statistics.filtered_out += answer_.statistics.filtered_out;
    statistics.tail_scanned += answer_.statistics.tail_scanned;
    statistics.widened += answer_.statistics.widened;
    if (context_.nodes != nullptr) {
      (*context_.nodes)[&plan_].notes = {
          absl::StrCat("Search: ", answer_.statistics.plan),
          absl::StrCat("Candidates: ", answer_.statistics.candidates,
                       "  Filtered Out: ", answer_.statistics.filtered_out, "  Tail Scanned: ",
                       answer_.statistics.tail_scanned, "  Widened: ", answer_.statistics.widened)};
      if (answer_.statistics.ef > 0) {
        std::string effort =
            absl::StrCat("Quantization: ", engine::QuantizationName(plan_.index->quantization),
                         "  Effort: ", answer_.statistics.ef);
        if (plan_.index->recall_target_permille > 0) {
          absl::StrAppend(&effort, " for recall ", plan_.index->recall_target_permille / 1000.0);
        }
        (*context_.nodes)[&plan_].notes.push_back(std::move(effort));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < answer_.neighbors.size()) {
      const engine::NearestNeighbor& neighbor = answer_.neighbors[next_++];
      Row& row = batch->Append(plan_.width);
      for (const auto* columns : {&plan_.condition_columns, &plan_.other_columns}) {
        for (const uint32_t column : *columns) {
          KYRO_ASSIGN_OR_RETURN(row[plan_.slot_begin + column],
                                engine::DecodeColumn(*plan_.table, neighbor.row, column));
        }
      }
      if (plan_.key_slot.has_value()) row[*plan_.key_slot] = neighbor.key;
      if (no_distance_) {
        row[plan_.distance_slot] = Null{};
      } else {
        row[plan_.distance_slot] = neighbor.distance;
      }
    }
    return batch->size > 0;
  }

 private:
  absl::Status ScanAll(uint64_t wanted) {
    no_distance_ = true;
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> iterator,
                          context_.transaction->Scan(plan_.table->id, {}));
    Row row(plan_.width);
    for (; iterator->Valid() && answer_.neighbors.size() < wanted; iterator->Next()) {
      for (const uint32_t column : plan_.condition_columns) {
        KYRO_ASSIGN_OR_RETURN(row[plan_.slot_begin + column],
                              engine::DecodeColumn(*plan_.table, iterator->value(), column));
      }
      ++context_.statistics->candidates;
      KYRO_ASSIGN_OR_RETURN(const bool holds,
                            Holds(plan_.conditions, row.data(), context_.evaluation));
      if (!holds) {
        ++context_.statistics->filtered_out;
        continue;
      }
      KYRO_RETURN_IF_ERROR(context_.Charge(iterator->key().size() + iterator->value().size()));
      answer_.neighbors.push_back(
          {std::string(iterator->key()), std::string(iterator->value()), 0});
    }
    context_.statistics->nearest_plan = "sequential scan: the query vector is null";
    return iterator->status();
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  engine::NearestAnswer answer_;
  size_t next_ = 0;
  bool no_distance_ = false;
};

}  // namespace

OperatorPtr MakeNearest(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Nearest>(plan, context);
}

}  // namespace kyrodb::sql
