// Nearest neighbours for one transaction: candidates from the vector index, the transaction's own
// writes compared exactly, rows fetched at the snapshot, filtered, and ranked by exact distance.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/transaction_impl.h"
#include "engine/row_codec.h"
#include "vector/metric.h"

namespace kyrodb::engine {
namespace {

// Beyond this share of all rows a wider search costs more than looking at each row once.
constexpr uint64_t kExactShare = 8;

// The nearest rows so far, at most `limit`.
class Ranking {
 public:
  explicit Ranking(size_t limit) : limit_(limit) {}

  bool Accepts(double distance) const {
    return neighbors_.size() < limit_ || Before(distance, neighbors_.front().distance);
  }
  void Add(absl::string_view key, absl::string_view row, double distance) {
    neighbors_.push_back({std::string(key), std::string(row), distance});
    std::push_heap(neighbors_.begin(), neighbors_.end(), Nearer);
    if (neighbors_.size() > limit_) {
      std::pop_heap(neighbors_.begin(), neighbors_.end(), Nearer);
      neighbors_.pop_back();
    }
  }
  size_t size() const { return neighbors_.size(); }
  std::vector<NearestNeighbor> Take() {
    std::sort_heap(neighbors_.begin(), neighbors_.end(), Nearer);
    return std::move(neighbors_);
  }

 private:
  // NaN (the cosine of a zero vector) comes after everything.
  static bool Before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }
  static bool Nearer(const NearestNeighbor& a, const NearestNeighbor& b) {
    if (Before(a.distance, b.distance)) return true;
    return !Before(b.distance, a.distance) && a.key < b.key;
  }

  const size_t limit_;
  std::vector<NearestNeighbor> neighbors_;  // a heap, the farthest in front
};

double DistanceOf(Metric metric, std::span<const float> query, absl::string_view vector_bytes) {
  thread_local std::vector<float> floats;
  floats.resize(query.size());
  std::memcpy(floats.data(), vector_bytes.data(), vector_bytes.size());
  return vector::Distance(metric, query, floats);
}

}  // namespace

absl::StatusOr<NearestAnswer> TransactionImpl::Nearest(const NearestRequest& request,
                                                       RowFilter filter) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> table, Table(request.table));
  const auto index = std::find_if(table->indexes.begin(), table->indexes.end(),
                                  [&](const IndexSchema& i) { return i.id == request.index; });
  if (index == table->indexes.end()) {
    return absl::NotFoundError(
        absl::StrCat("table \"", table->name, "\" has no index number ", request.index));
  }
  const ColumnSchema& column = table->columns[index->column];
  if (absl::Status status = vector::CheckVector(request.query, column.type.dimensions);
      !status.ok()) {
    return Annotate(status, absl::StrCat("column \"", column.name, "\""));
  }
  NearestAnswer answer;
  NearestStatistics& statistics = answer.statistics;
  if (request.limit == 0) {
    statistics.plan = "nothing asked for";
    return answer;
  }

  // Considers a row: ranks it when it has a vector, is near enough to matter, and passes.
  const auto consider = [&](Ranking& ranking, absl::string_view key,
                            absl::string_view row) -> absl::Status {
    KYRO_ASSIGN_OR_RETURN(const absl::string_view vector_bytes,
                          VectorColumnBytes(*table, row, index->column));
    if (vector_bytes.size() != request.query.size_bytes()) return absl::OkStatus();
    const double distance = DistanceOf(index->metric, request.query, vector_bytes);
    if (!ranking.Accepts(distance)) return absl::OkStatus();
    ++statistics.candidates;
    KYRO_ASSIGN_OR_RETURN(const bool passes, filter(key, row));
    if (passes) {
      ranking.Add(key, row, distance);
    } else {
      ++statistics.filtered_out;
    }
    return absl::OkStatus();
  };
  const auto scan_exactly = [&](absl::string_view reason) -> absl::StatusOr<NearestAnswer> {
    statistics.plan = absl::StrCat("exact scan: ", reason);
    Ranking ranking(request.limit);
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows,
                          Scan(request.table, KeyRange{}, ScanOptions{}));
    for (; rows->Valid(); rows->Next()) {
      KYRO_RETURN_IF_ERROR(consider(ranking, rows->key(), rows->value()));
    }
    KYRO_RETURN_IF_ERROR(rows->status());
    answer.neighbors = ranking.Take();
    return std::move(answer);
  };

  // Which rows are nearest depends on every row.
  if (reads_.has_value()) reads_->AddRange(request.table, "", "");
  if (request.exact) return scan_exactly("asked for");
  const std::shared_ptr<IndexSlot> slot = context_->indexes->Find(request.index);
  // The number may have gone to another transaction's index meanwhile.
  const std::shared_ptr<const TableSchema> viewed = view_.catalog->FindTable(request.table);
  if (slot == nullptr || slot->table_id() != request.table || viewed == nullptr ||
      viewed->FindIndex(request.index) == nullptr) {
    return scan_exactly("the index is not committed yet");
  }
  const IndexSlot::Ready ready = slot->ready();
  if (ready.column == nullptr) return scan_exactly("the index is being built");
  if (view_.snapshot < ready.ready_lsn) return scan_exactly("the index is newer than the snapshot");
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<KeySpace> committed, CommittedSpace(request.table));
  if (committed == nullptr) return scan_exactly("the table is not committed yet");

  KYRO_RETURN_IF_ERROR(ResolveMerges(request.table, KeyRange{}));
  // Own writes replace committed rows of the same key, so as many more candidates are needed.
  const std::shared_ptr<const SpaceWrites> own = writes_.FindSpace(request.table);
  const size_t own_count = own == nullptr ? 0 : own->size();
  Ranking ranking(request.limit);
  if (own != nullptr) {
    for (const auto& [key, write] : *own) {
      if (!IsVisible(write.kind(), write.value, view_.now)) continue;
      KYRO_RETURN_IF_ERROR(consider(ranking, key, ValueOf(write.kind(), write.value)));
    }
  }

  const uint64_t total = ready.column->graph_count() + ready.column->tail_count();
  size_t wanted = std::min<uint64_t>(request.limit, total + 1) + own_count;
  std::unordered_set<std::string> seen;
  std::string row;
  size_t passed = 0;
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(
        const IndexSearch found,
        ready.column->Search(request.query, wanted, request.ef_search, view_.snapshot));
    statistics.tail_scanned += found.tail_scanned;
    statistics.ef = found.ef;
    for (const IndexCandidate& candidate : found.candidates) {
      if (!seen.insert(candidate.key).second) continue;
      if (own != nullptr && own->contains(candidate.key)) continue;
      KYRO_ASSIGN_OR_RETURN(const Lsn lsn,
                            committed->Get(candidate.key, view_.snapshot, &row, view_.now));
      if (lsn == 0) continue;
      const size_t before = statistics.filtered_out;
      KYRO_RETURN_IF_ERROR(consider(ranking, candidate.key, row));
      if (statistics.filtered_out == before) ++passed;
    }
    // Candidates come nearest first: once `limit` of them pass, no other row can be nearer. When
    // fewer came back than were wanted, there are no more.
    if (passed >= request.limit || found.candidates.size() < wanted) break;
    if (wanted > total / kExactShare) {
      return scan_exactly(
          absl::StrCat("only ", passed, " of the nearest ", seen.size(), " rows match the filter"));
    }
    // As many as the share that passed so far calls for, and a half more.
    const size_t by_share =
        passed == 0 ? wanted * 8 : (request.limit * seen.size() / passed) * 3 / 2;
    wanted = std::clamp<size_t>(by_share, wanted * 2, wanted * 16);
    ++statistics.widened;
  }
  statistics.plan = "graph + tail";
  answer.neighbors = ranking.Take();
  return answer;
} catch (const std::bad_alloc&) {
  return FailRead();
}

}  // namespace kyrodb::engine
