// The segment file, little-endian:
//   header (44 bytes): magic "KYVX" u32, format version u32, index id u32, dimensions u32,
//     metric u32, covers LSN u64, entry count u64, size of the entries in bytes u64;
//   entries: for each label a length-prefixed key, varint created, varint superseded (0: never);
//   CRC32C of the header and the entries, u32;
//   the graph, in the format of vector::VectorIndex::Save with its own checksum, to the end.
//
// Rationale: the segment is derived data. It is read whole, checked whole, and thrown away when
// anything is wrong, so it needs no block checksums; the graph keeps its own format so that a
// change of one does not age the other.
#include "engine/nearest/indexed_column.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "vector/hnsw_index.h"

namespace kyrodb::engine {
namespace {

constexpr uint32_t kSegmentMagic = 0x5856594B;  // "KYVX"
constexpr uint32_t kSegmentFormatVersion = 1;
constexpr size_t kHeaderBytes = 44;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("vector index segment is damaged: ", what));
}

}  // namespace

class IndexedColumn::VisibleFilter : public vector::LabelFilter {
 public:
  VisibleFilter(const IndexedColumn& column, uint64_t graph_end, Lsn snapshot)
      : column_(column), graph_end_(graph_end), snapshot_(snapshot) {}
  bool Matches(uint64_t label) const override {
    return label < graph_end_ && column_.Visible(label, snapshot_);
  }
  // Nearly every label is live: rows that changed are taken out of the graph soon after.
  std::optional<uint64_t> match_count() const override { return graph_end_; }

 private:
  const IndexedColumn& column_;
  const uint64_t graph_end_;
  const Lsn snapshot_;
};

IndexedColumn::IndexedColumn(IndexSchema schema, uint32_t dimensions,
                             std::unique_ptr<vector::VectorIndex> graph)
    : schema_(std::move(schema)), dimensions_(dimensions), graph_(std::move(graph)) {}

absl::StatusOr<std::unique_ptr<IndexedColumn>> IndexedColumn::Create(const IndexSchema& schema,
                                                                     uint32_t dimensions) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<vector::VectorIndex> graph,
                        vector::CreateHnswIndex(schema.metric, dimensions,
                                                {.m = schema.m,
                                                 .ef_construction = schema.ef_construction,
                                                 .seed = schema.id,
                                                 .quantization = schema.quantization,
                                                 .rescore = schema.rescore}));
  return std::unique_ptr<IndexedColumn>(new IndexedColumn(schema, dimensions, std::move(graph)));
}

IndexedColumn::Entry& IndexedColumn::entry(uint64_t label) const {
  const uint64_t n = label + kFirstChunkEntries;
  const size_t chunk = static_cast<size_t>(std::bit_width(n) - std::bit_width(kFirstChunkEntries));
  return chunks_[chunk].load(std::memory_order_acquire)[n - (kFirstChunkEntries << chunk)];
}

uint64_t IndexedColumn::AppendEntry(absl::string_view key, Lsn created, Lsn superseded) {
  const uint64_t label = label_count_.load(std::memory_order_relaxed);
  const uint64_t n = label + kFirstChunkEntries;
  const size_t chunk = static_cast<size_t>(std::bit_width(n) - std::bit_width(kFirstChunkEntries));
  if (chunk == chunk_owners_.size()) {
    chunk_owners_.push_back(std::make_unique<Entry[]>(kFirstChunkEntries << chunk));
    chunks_[chunk].store(chunk_owners_.back().get(), std::memory_order_release);
  }
  Entry& added = entry(label);
  added.key = std::string(key);
  added.created = created;
  added.superseded.store(superseded, std::memory_order_relaxed);
  key_bytes_.fetch_add(2 * key.size(), std::memory_order_relaxed);
  return label;
}

bool IndexedColumn::Visible(uint64_t label, Lsn snapshot) const {
  const Entry& e = entry(label);
  return e.created <= snapshot && snapshot < e.superseded.load(std::memory_order_acquire);
}

uint64_t IndexedColumn::graph_end() const {
  absl::MutexLock lock(&tail_mutex_);
  return graph_end_;
}

uint64_t IndexedColumn::dead_count() const {
  const uint64_t end = graph_end();
  const uint64_t live = graph_->size();
  return end > live ? end - live : 0;
}

uint64_t IndexedColumn::tail_count() const { return label_count() - graph_end(); }

uint64_t IndexedColumn::memory_bytes() const {
  constexpr uint64_t kEntryBytes = sizeof(Entry) + sizeof(std::pair<std::string, uint64_t>) + 8;
  return graph_->memory_bytes() + label_count() * kEntryBytes +
         key_bytes_.load(std::memory_order_relaxed) + tail_count() * dimensions_ * sizeof(float);
}

void IndexedColumn::Apply(Lsn lsn, absl::string_view key, absl::string_view vector_bytes) {
  change_count_.fetch_add(1, std::memory_order_relaxed);
  auto known = newest_.find(key);
  if (known != newest_.end()) {
    entry(known->second).superseded.store(lsn, std::memory_order_release);
    absl::MutexLock lock(&tail_mutex_);
    superseded_.emplace_back(known->second, lsn);
  }
  if (vector_bytes.size() != dimensions_ * sizeof(float)) {
    // No vector. (A column's dimensions cannot change, so no other size can come.)
    if (known != newest_.end()) newest_.erase(known);
    return;
  }
  const uint64_t label = AppendEntry(key, lsn, kNever);
  if (known != newest_.end()) {
    known->second = label;
  } else {
    newest_.emplace(std::string(key), label);
  }
  const uint64_t block = label / kTailBlockEntries;
  TailBlock* tail_block;
  {
    absl::MutexLock lock(&tail_mutex_);
    if (tail_blocks_.empty()) first_tail_block_ = block;
    if (first_tail_block_ + tail_blocks_.size() == block) {
      tail_blocks_.push_back(std::make_shared<TailBlock>());
      tail_blocks_.back()->floats =
          std::make_unique_for_overwrite<float[]>(kTailBlockEntries * dimensions_);
    }
    tail_block = tail_blocks_.back().get();
  }
  // Not read by anyone before the label is published below, and not freed before it is absorbed.
  std::memcpy(&tail_block->floats[(label % kTailBlockEntries) * dimensions_], vector_bytes.data(),
              vector_bytes.size());
  label_count_.store(label + 1, std::memory_order_release);
}

absl::StatusOr<uint64_t> IndexedColumn::Absorb(uint64_t count_max, Lsn oldest_snapshot) {
  absl::MutexLock graph_lock(&graph_write_mutex_);
  uint64_t moved = 0;
  while (moved < count_max) {
    const uint64_t end = label_count();
    uint64_t begin;
    std::shared_ptr<TailBlock> block;
    {
      absl::MutexLock lock(&tail_mutex_);
      begin = graph_end_;
      if (begin == end) break;
      block = tail_blocks_[begin / kTailBlockEntries - first_tail_block_];
    }
    // One block, or what is there of it, before the lock is taken again.
    const uint64_t block_end = (begin / kTailBlockEntries + 1) * kTailBlockEntries;
    const uint64_t batch_end = std::min({end, block_end, begin + (count_max - moved)});
    for (uint64_t label = begin; label < batch_end; ++label) {
      if (entry(label).superseded.load(std::memory_order_acquire) <= oldest_snapshot) continue;
      if (graph_->Contains(label)) continue;  // an earlier call failed behind it
      const float* floats = &block->floats[(label % kTailBlockEntries) * dimensions_];
      const absl::Status added = graph_->Add(label, std::span<const float>(floats, dimensions_));
      // A vector with NaN, which only raw puts can bring, is near nothing.
      if (!absl::IsInvalidArgument(added)) KYRO_RETURN_IF_ERROR(added);
    }
    {
      absl::MutexLock lock(&tail_mutex_);
      graph_end_ = batch_end;
      if (batch_end == block_end) {
        tail_blocks_.pop_front();
        ++first_tail_block_;
      }
    }
    moved += batch_end - begin;
  }
  for (;;) {
    uint64_t label = kNoLabel;
    {
      absl::MutexLock lock(&tail_mutex_);
      if (!superseded_.empty() && superseded_.front().second <= oldest_snapshot &&
          superseded_.front().first < graph_end_) {
        label = superseded_.front().first;
        superseded_.pop_front();
      }
    }
    if (label == kNoLabel) break;
    if (graph_->Contains(label)) KYRO_RETURN_IF_ERROR(graph_->Remove(label));
  }
  if (schema_.recall_target_permille > 0 && tail_count() == 0 &&
      graph_->size() > calibrated_size_ + calibrated_size_ / 2) {
    graph_->Calibrate();
    calibrated_size_ = graph_->size();
  }
  return moved;
}

absl::StatusOr<IndexSearch> IndexedColumn::Search(std::span<const float> query, size_t k, size_t ef,
                                                  Lsn snapshot) const {
  uint64_t begin, end, first_block;
  std::vector<std::shared_ptr<TailBlock>> blocks;
  {
    absl::MutexLock lock(&tail_mutex_);
    begin = graph_end_;
    end = label_count();
    first_block = first_tail_block_;
    blocks.assign(tail_blocks_.begin(), tail_blocks_.end());
  }
  if (schema_.recall_target_permille > 0) {
    // Measured for ten neighbours.
    const std::optional<size_t> measured =
        graph_->EffortFor(static_cast<double>(schema_.recall_target_permille) / 1000);
    if (measured.has_value()) ef = *measured + (k > 10 ? k - 10 : 0);
  }
  ef = std::max(k, ef);
  const VisibleFilter filter(*this, begin, snapshot);
  KYRO_ASSIGN_OR_RETURN(std::vector<vector::Neighbor> found,
                        graph_->Search(query, {.k = k, .ef = ef, .filter = &filter}));
  IndexSearch result;
  result.ef = ef;
  for (uint64_t label = begin; label < end; ++label) {
    if (!Visible(label, snapshot)) continue;
    const float* floats = &blocks[label / kTailBlockEntries - first_block]
                               ->floats[(label % kTailBlockEntries) * dimensions_];
    found.push_back(
        {label, vector::Distance(schema_.metric, query, std::span(floats, dimensions_))});
    ++result.tail_scanned;
  }
  const size_t count = std::min(k, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(count), found.end(),
                    vector::NeighborLess);
  result.candidates.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const Entry& e = entry(found[i].label);
    result.candidates.push_back({e.key, e.created, found[i].distance});
  }
  return result;
}

Lsn IndexedColumn::CoversLsn(Lsn visible) const {
  absl::MutexLock lock(&tail_mutex_);
  return graph_end_ == label_count() ? visible : entry(graph_end_).created - 1;
}

absl::Status IndexedColumn::Save(Lsn covers_lsn,
                                 absl::FunctionRef<absl::Status(absl::string_view)> sink) const {
  absl::MutexLock graph_lock(&graph_write_mutex_);
  const uint64_t count = graph_end();
  std::string entries;
  for (uint64_t label = 0; label < count; ++label) {
    const Entry& e = entry(label);
    const Lsn superseded = e.superseded.load(std::memory_order_acquire);
    PutLengthPrefixed(&entries, superseded <= covers_lsn ? absl::string_view() : e.key);
    PutVarint64(&entries, e.created);
    PutVarint64(&entries, superseded <= covers_lsn ? superseded : 0);
  }
  std::string header;
  PutFixed32(&header, kSegmentMagic);
  PutFixed32(&header, kSegmentFormatVersion);
  PutFixed32(&header, schema_.id);
  PutFixed32(&header, dimensions_);
  PutFixed32(&header, static_cast<uint32_t>(schema_.metric));
  PutFixed64(&header, covers_lsn);
  PutFixed64(&header, count);
  PutFixed64(&header, entries.size());
  KYRO_CHECK(header.size() == kHeaderBytes);
  std::string crc;
  PutFixed32(&crc, ExtendCrc32c(Crc32c(header), entries));
  KYRO_RETURN_IF_ERROR(sink(header));
  KYRO_RETURN_IF_ERROR(sink(entries));
  KYRO_RETURN_IF_ERROR(sink(crc));
  return graph_->Save(sink);
}

void IndexedColumn::VisitVisible(
    Lsn snapshot, absl::FunctionRef<void(absl::string_view key, Lsn created)> visit) const {
  uint64_t begin, end;
  {
    absl::MutexLock lock(&tail_mutex_);
    begin = graph_end_;
    end = label_count();
  }
  for (uint64_t label = 0; label < end; ++label) {
    if (!Visible(label, snapshot) || (label < begin && !graph_->Contains(label))) continue;
    const Entry& e = entry(label);
    visit(e.key, e.created);
  }
}

bool LooksLikeVectorSegment(absl::string_view bytes) {
  return bytes.size() >= sizeof(uint32_t) && LoadFixed32(bytes.data()) == kSegmentMagic;
}

absl::StatusOr<SegmentHeader> ReadSegmentHeader(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint32_t magic = reader.Fixed32();
  SegmentHeader header;
  header.format_version = reader.Fixed32();
  header.index = reader.Fixed32();
  header.dimensions = reader.Fixed32();
  const uint32_t metric = reader.Fixed32();
  header.metric = static_cast<vector::Metric>(metric);
  header.covers_lsn = reader.Fixed64();
  header.entry_count = reader.Fixed64();
  header.entries_bytes = reader.Fixed64();
  header.entries_offset = kHeaderBytes;
  const absl::string_view entries = reader.Bytes(header.entries_bytes);
  const uint32_t crc = reader.Fixed32();
  if (reader.ok()) header.graph_offset = bytes.size() - reader.rest().size();
  if (!LooksLikeVectorSegment(bytes) || magic != kSegmentMagic) return Damaged("no header");
  if (header.format_version > kSegmentFormatVersion) {
    return absl::UnimplementedError(
        absl::StrCat("vector index segment has format version ", header.format_version,
                     ", this program reads up to ", kSegmentFormatVersion));
  }
  if (!reader.ok() || header.format_version != kSegmentFormatVersion) {
    return Damaged(absl::StrCat("format version ", header.format_version, " with ",
                                header.entries_bytes, " bytes of entries in a file of ",
                                bytes.size()));
  }
  if (crc != Crc32c(bytes.substr(0, kHeaderBytes + entries.size()))) {
    return Damaged("checksum of the entries differs");
  }
  if (metric > static_cast<uint32_t>(vector::Metric::kCosine)) {
    return Damaged(absl::StrCat("its metric is number ", metric));
  }
  return header;
}

absl::StatusOr<std::unique_ptr<IndexedColumn>> IndexedColumn::Load(const IndexSchema& schema,
                                                                   uint32_t dimensions,
                                                                   absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(bytes));
  if (header.index != schema.id || header.dimensions != dimensions ||
      header.metric != schema.metric) {
    return Damaged("it belongs to another index");
  }
  const absl::string_view entry_bytes = bytes.substr(kHeaderBytes, header.entries_bytes);
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<vector::VectorIndex> graph,
                        vector::LoadHnswIndex(bytes.substr(header.graph_offset)));
  if (graph->metric() != schema.metric || graph->dimensions() != dimensions) {
    return Damaged("its graph has another metric or dimension");
  }
  std::unique_ptr<IndexedColumn> column(new IndexedColumn(schema, dimensions, std::move(graph)));
  const Lsn covers_lsn = header.covers_lsn;
  const uint64_t count = header.entry_count;
  column->loaded_covers_lsn_ = covers_lsn;
  ByteReader entries(entry_bytes);
  for (uint64_t label = 0; label < count; ++label) {
    const absl::string_view key = entries.LengthPrefixed();
    const Lsn created = entries.Varint64();
    Lsn superseded = entries.Varint64();
    if (!entries.ok()) return Damaged("entries are cut short");
    if (superseded == 0) superseded = kNever;
    // Two kinds of entries are void because a later commit is applied again after the load: those
    // of a commit that the graph holds only in part, and those whose row changed after
    // `covers_lsn` and that have left the graph already.
    if (created > covers_lsn || (superseded == kNever && !column->graph_->Contains(label))) {
      superseded = created;
    }
    column->AppendEntry(key, created, superseded);
    column->label_count_.store(label + 1, std::memory_order_release);
    if (superseded == kNever) {
      column->newest_[std::string(key)] = label;
    } else {
      absl::MutexLock lock(&column->tail_mutex_);
      column->superseded_.emplace_back(label, superseded);
    }
  }
  if (!entries.rest().empty()) return Damaged("entries have bytes too many");
  absl::MutexLock lock(&column->tail_mutex_);
  column->graph_end_ = count;
  column->first_tail_block_ = count / kTailBlockEntries;
  return column;
}

}  // namespace kyrodb::engine
