// Rows inside a box, for one transaction: stretches of the Z-curve that cover the box are walked in
// the index's key space, and the rows that its entries name are fetched and looked at.
#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/overlay_iterator.h"
#include "engine/core/transaction_impl.h"
#include "engine/core/zorder_key.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

using learned_index::ZBox;
using learned_index::ZRange;

// Stretches that a box is cut into beforehand. Within one, a walk that meets this many entries
// outside of the box in a row jumps to the next code inside.
constexpr uint32_t kRangeCountMax = 16;
constexpr uint32_t kMissesBeforeJump = 24;
// Rows that are fetched at once: few at first, for whoever wants only some.
constexpr size_t kBatchMin = 16;
constexpr size_t kBatchMax = 256;

std::string EndAfter(uint64_t code) {
  return code == ~uint64_t{0} ? std::string() : ZOrderEntry(code + 1, "");
}

// What both ways of finding the rows share.
class BoxWalk : public BoxIterator {
 public:
  BoxWalk(std::shared_ptr<const TableSchema> table, const IndexSchema& index,
          std::vector<BoxSide> sides)
      : table_(std::move(table)), sides_(std::move(sides)), keys_(*table_, index) {}

  const BoxStatistics& statistics() const override { return statistics_; }

 protected:
  const std::shared_ptr<const TableSchema> table_;
  const std::vector<BoxSide> sides_;
  const ZOrderKeys keys_;
  BoxStatistics statistics_;
};

class TableWalk final : public BoxWalk {
 public:
  TableWalk(std::shared_ptr<const TableSchema> table, const IndexSchema& index,
            std::vector<BoxSide> sides, std::unique_ptr<Iterator> rows, absl::string_view reason)
      : BoxWalk(std::move(table), index, std::move(sides)), rows_(std::move(rows)) {
    statistics_.plan = absl::StrCat("scan: ", reason);
    Settle();
  }

  bool Valid() const override { return status_.ok() && rows_->Valid(); }
  void Next() override {
    rows_->Next();
    Settle();
  }
  absl::string_view key() const override { return rows_->key(); }
  absl::string_view value() const override { return rows_->value(); }
  Lsn lsn() const override { return rows_->lsn(); }
  absl::Status status() const override { return status_.ok() ? rows_->status() : status_; }

 private:
  void Settle() {
    for (; rows_->Valid(); rows_->Next()) {
      ++statistics_.candidate_count;
      const absl::StatusOr<std::optional<uint64_t>> code =
          CatchOutOfMemory([this] { return keys_.CodeWithin(sides_, rows_->value()); });
      status_ = code.status();
      if (!status_.ok() || code->has_value()) return;
    }
  }

  const std::unique_ptr<Iterator> rows_;
  absl::Status status_;
};

// What the transaction reads: as it was when the walk began.
struct BoxSources {
  std::shared_ptr<const KeySpace> entries;  // null: nothing is committed
  std::shared_ptr<const KeySpace> rows;
  std::shared_ptr<const SpaceWrites> own_entries;  // null: none
  std::shared_ptr<const SpaceWrites> own_rows;
  View view;
  ReadSet* reads = nullptr;  // null: nobody wants to know
  ObjectId index = 0;
};

class EntryWalk final : public BoxWalk {
 public:
  EntryWalk(std::shared_ptr<const TableSchema> table, const IndexSchema& index,
            std::vector<BoxSide> sides, BoxSources sources)
      : BoxWalk(std::move(table), index, std::move(sides)), sources_(std::move(sources)) {
    statistics_.plan = "zorder ranges";
    if (const std::optional<ZBox> box = keys_.BoxOf(sides_)) {
      box_ = *box;
      ranges_ = keys_.curve().Decompose(box_, kRangeCountMax);
    }
    if (!ranges_.empty()) next_code_ = ranges_.front().first;
    Next();
  }

  bool Valid() const override { return position_ < found_.size(); }
  void Next() override {
    if (position_ < found_.size()) ++position_;
    while (position_ == found_.size() && status_.ok() && !done_) {
      status_ = CatchOutOfMemory([this] { return Fetch(); });
    }
    if (!status_.ok()) found_.resize(position_);
  }
  absl::string_view key() const override { return found_[position_].key; }
  absl::string_view value() const override { return found_[position_].row; }
  Lsn lsn() const override { return found_[position_].lsn; }
  absl::Status status() const override { return status_; }

 private:
  struct Found {
    std::string key;
    std::string row;
    Lsn lsn = 0;
  };

  void OpenEntries() {
    ++statistics_.range_count;
    const ZRange& range = ranges_[range_];
    const KeyRange keys{.begin = ZOrderEntry(next_code_, ""), .end = EndAfter(range.last)};
    entries_ = sources_.entries == nullptr
                   ? nullptr
                   : sources_.entries->NewIterator(keys, sources_.view.snapshot, ScanOptions{},
                                                   sources_.view.now);
    if (sources_.own_entries != nullptr || entries_ == nullptr) {
      static const auto* const kNone =
          new std::shared_ptr<const SpaceWrites>(std::make_shared<SpaceWrites>());
      entries_ = NewOverlayIterator(sources_.own_entries == nullptr ? *kNone : sources_.own_entries,
                                    std::move(entries_), keys, ScanOptions{}, sources_.view.now);
    }
    if (sources_.reads != nullptr) {
      entries_ = sources_.reads->Track(sources_.index, keys, ScanOptions{}, std::move(entries_));
    }
  }

  // The rest of the range has nothing for us: on to the next, or to the end.
  void LeaveRange() {
    entries_.reset();
    if (++range_ == ranges_.size()) {
      done_ = true;
    } else {
      next_code_ = ranges_[range_].first;
    }
  }

  // Collects entries inside of the box, at most `wanted` of them.
  absl::Status Collect(size_t wanted, std::vector<std::string>* collected) {
    uint32_t misses = 0;
    while (!done_ && collected->size() < wanted) {
      if (range_ == ranges_.size()) {
        done_ = true;
        break;
      }
      if (entries_ == nullptr) OpenEntries();
      if (!entries_->Valid()) {
        KYRO_RETURN_IF_ERROR(entries_->status());
        LeaveRange();
        continue;
      }
      const absl::string_view entry = entries_->key();
      if (entry.size() < kZCodeBytes) return absl::DataLossError("zorder index is damaged");
      ++statistics_.entry_count;
      const uint64_t code = ZCodeOf(entry);
      if (ranges_[range_].is_inside || keys_.curve().Contains(box_, code)) {
        misses = 0;
        collected->emplace_back(entry);
      } else if (++misses >= kMissesBeforeJump) {
        misses = 0;
        const std::optional<uint64_t> next = keys_.curve().NextInBox(box_, code);
        if (!next.has_value() || *next > ranges_[range_].last) {
          LeaveRange();
        } else {
          next_code_ = *next;
          entries_.reset();
        }
        continue;
      }
      entries_->Next();
    }
    return absl::OkStatus();
  }

  absl::Status Add(absl::string_view entry, absl::string_view row, Lsn lsn) {
    ++statistics_.candidate_count;
    KYRO_ASSIGN_OR_RETURN(const std::optional<uint64_t> code, keys_.CodeWithin(sides_, row));
    // An entry of an earlier version of the row is no reason to give the row twice.
    if (code != ZCodeOf(entry)) return absl::OkStatus();
    found_.push_back({std::string(entry.substr(kZCodeBytes)), std::string(row), lsn});
    return absl::OkStatus();
  }

  absl::Status Fetch() {
    found_.clear();
    position_ = 0;
    std::vector<std::string> collected;
    KYRO_RETURN_IF_ERROR(Collect(batch_, &collected));
    batch_ = std::min(2 * batch_, kBatchMax);
    std::vector<absl::string_view> row_keys;
    std::vector<size_t> entry_of;
    for (size_t i = 0; i < collected.size(); ++i) {
      const auto row_key = absl::string_view(collected[i]).substr(kZCodeBytes);
      if (sources_.own_rows != nullptr) {
        if (const auto own = sources_.own_rows->find(row_key); own != sources_.own_rows->end()) {
          const Write& write = own->second;
          if (IsVisible(write.kind(), write.value, sources_.view.now)) {
            KYRO_RETURN_IF_ERROR(Add(collected[i], ValueOf(write.kind(), write.value), 0));
          }
          continue;
        }
      }
      if (sources_.reads != nullptr) sources_.reads->AddKey(table_->id, row_key);
      row_keys.push_back(row_key);
      entry_of.push_back(i);
    }
    if (sources_.rows == nullptr) return absl::OkStatus();
    absl::Status first;
    KYRO_RETURN_IF_ERROR(sources_.rows->MultiGet(
        row_keys, sources_.view.snapshot,
        [&](size_t index, Lsn lsn, absl::string_view row) {
          const absl::Status status = Add(collected[entry_of[index]], row, lsn);
          if (first.ok()) first = status;
        },
        sources_.view.now));
    return first;
  }

  const BoxSources sources_;
  ZBox box_;
  std::vector<ZRange> ranges_;
  size_t range_ = 0;
  uint64_t next_code_ = 0;  // where in the range `entries_` begins when it is opened
  std::unique_ptr<Iterator> entries_;
  std::vector<Found> found_;
  size_t position_ = 0;
  size_t batch_ = kBatchMin;
  bool done_ = false;
  absl::Status status_;
};

absl::Status CheckSides(const TableSchema& table, const IndexSchema& index,
                        const std::vector<BoxSide>& sides) {
  if (sides.size() != index.columns.size()) {
    return absl::InvalidArgumentError(absl::StrCat("box has ", sides.size(), " sides, index \"",
                                                   index.name, "\" has ", index.columns.size(),
                                                   " columns"));
  }
  for (size_t i = 0; i < sides.size(); ++i) {
    const ColumnSchema& column = table.columns[index.columns[i]];
    for (const std::optional<Value>& bound : {sides[i].low, sides[i].high}) {
      if (!bound.has_value()) continue;
      const bool fits = column.type.id == TypeId::kDouble ? std::holds_alternative<double>(*bound)
                                                          : std::holds_alternative<int64_t>(*bound);
      if (!fits) {
        return absl::InvalidArgumentError(
            absl::StrCat("bound of column \"", column.name, "\" is no ", TypeName(column.type)));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<BoxIterator>> TransactionImpl::ScanBox(
    const BoxRequest& request) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> table, Table(request.table));
  const auto index =
      std::find_if(table->indexes.begin(), table->indexes.end(),
                   [&](const IndexSchema& i) { return i.id == request.index && i.is_zorder(); });
  if (index == table->indexes.end()) {
    return absl::NotFoundError(
        absl::StrCat("table \"", table->name, "\" has no zorder index number ", request.index));
  }
  KYRO_RETURN_IF_ERROR(CheckSides(*table, *index, request.sides));
  KYRO_ASSIGN_OR_RETURN(const bool is_being_built, Get(index->id, ZOrderBuildKey(), &scratch_));
  if (is_being_built) {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<Iterator> rows,
                          Scan(table->id, KeyRange{}, ScanOptions{}));
    return std::make_unique<TableWalk>(table, *index, request.sides, std::move(rows),
                                       "the index is being built");
  }
  BoxSources sources{.own_entries = writes_.FindSpace(index->id),
                     .own_rows = writes_.FindSpace(table->id),
                     .view = view_,
                     .reads = reads_.has_value() ? &*reads_ : nullptr,
                     .index = index->id};
  KYRO_ASSIGN_OR_RETURN(sources.entries, CommittedSpace(index->id));
  KYRO_ASSIGN_OR_RETURN(sources.rows, CommittedSpace(table->id));
  return std::make_unique<EntryWalk>(table, *index, request.sides, std::move(sources));
} catch (const std::bad_alloc&) {
  return FailRead();
}

}  // namespace kyrodb::engine
