// The live state of one vector index: a graph over the rows that the indexer has reached, and the
// tail of the rows that it has not, which is scanned exactly. So an answer never depends on how
// far the indexer got, and a commit never waits for a graph.
//
// Every version of a row's vector gets the next label. An entry says which row the label is and
// between which commits it is the row's vector; a search decides by that alone what a snapshot
// sees. Labels below `graph_end` are in the graph, the others in the tail.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/schema.h"
#include "vector/vector_index.h"

namespace kyrodb::engine {

// A row that a search found, with the commit that wrote the vector.
struct IndexCandidate {
  std::string key;
  Lsn lsn = 0;
  double distance = 0;
};

struct IndexSearch {
  std::vector<IndexCandidate> candidates;  // ascending by distance
  uint64_t tail_scanned = 0;
  size_t ef = 0;  // the effort that it took
};

// What the header of a segment file says.
struct SegmentHeader {
  uint32_t format_version = 0;
  ObjectId index = 0;
  uint32_t dimensions = 0;
  vector::Metric metric = vector::Metric::kL2;
  Lsn covers_lsn = 0;
  uint64_t entry_count = 0;
  uint64_t entries_bytes = 0;
  // Where entries and graph begin in the file.
  uint64_t entries_offset = 0;
  uint64_t graph_offset = 0;
};

// Whether `bytes`, the beginning of a file, begin as a segment does.
bool LooksLikeVectorSegment(absl::string_view bytes);
// Reads the header of `bytes`, a whole segment file, and checks header and entries; the graph is
// not looked at. `DataLoss` when they are damaged, `Unimplemented` for a newer format.
absl::StatusOr<SegmentHeader> ReadSegmentHeader(absl::string_view bytes);

// Thread-safety:  one thread at a time calls `Apply` (the commit leader); one at a time calls
//                 `Absorb` or `Save`; any number call the rest meanwhile.
class IndexedColumn {
 public:
  // `InvalidArgument` when the schema's options are out of range or `dimensions` is 0.
  static absl::StatusOr<std::unique_ptr<IndexedColumn>> Create(const IndexSchema& schema,
                                                               uint32_t dimensions);
  // What `Save` wrote. `DataLoss` when damaged or of another index: rebuild it then.
  static absl::StatusOr<std::unique_ptr<IndexedColumn>> Load(const IndexSchema& schema,
                                                             uint32_t dimensions,
                                                             absl::string_view bytes);

  // Row `key` has from commit `lsn` on the vector whose floats are `vector_bytes`, or none when
  // that is empty (null, or the row is deleted). Commits come in order.
  void Apply(Lsn lsn, absl::string_view key, absl::string_view vector_bytes);

  // Moves up to `count_max` entries from the tail into the graph and takes out of it what no
  // snapshot from `oldest_snapshot` on can see. Returns how many entries it moved.
  absl::StatusOr<uint64_t> Absorb(uint64_t count_max, Lsn oldest_snapshot);

  // The `k` nearest entries visible at `snapshot`, fewer only when fewer are visible. A recall
  // target of the schema, once it was measured, takes the place of `ef`.
  absl::StatusOr<IndexSearch> Search(std::span<const float> query, size_t k, size_t ef,
                                     Lsn snapshot) const;

  // Every commit up to the result is in the graph; `visible` is the newest published commit,
  // read before the call.
  Lsn CoversLsn(Lsn visible) const;

  // Hands graph and entries to `sink`, so that a reload is complete up to `covers_lsn`, a result of
  // `CoversLsn`. Rows that changed after it must be applied again after `Load`.
  absl::Status Save(Lsn covers_lsn, absl::FunctionRef<absl::Status(absl::string_view)> sink) const;

  // Calls `visit` for each entry that an exhaustive search at `snapshot` would return.
  void VisitVisible(Lsn snapshot,
                    absl::FunctionRef<void(absl::string_view key, Lsn created)> visit) const;

  uint64_t graph_count() const { return graph_->size(); }
  // Entries that take space although no search finds them any more.
  uint64_t dead_count() const;
  uint64_t tail_count() const;
  uint64_t memory_bytes() const;
  // Entries ever made; grows with each Apply that brings a vector.
  uint64_t label_count() const { return label_count_.load(std::memory_order_acquire); }
  // How often `Apply` was called.
  uint64_t change_count() const { return change_count_.load(std::memory_order_relaxed); }
  // The commit that a loaded segment was complete up to; 0 when built from nothing.
  Lsn loaded_covers_lsn() const { return loaded_covers_lsn_; }
  const IndexSchema& schema() const { return schema_; }

 private:
  static constexpr Lsn kNever = std::numeric_limits<Lsn>::max();
  static constexpr uint64_t kFirstChunkEntries = 4096;
  static constexpr uint64_t kTailBlockEntries = 256;
  static constexpr uint64_t kNoLabel = ~uint64_t{0};

  // One version of one row's vector. Visible to snapshots in [created, superseded).
  struct Entry {
    std::string key;
    Lsn created = 0;
    std::atomic<Lsn> superseded{kNever};
  };
  // The vectors of labels [number * kTailBlockEntries, …), freed when all are in the graph.
  struct TailBlock {
    std::unique_ptr<float[]> floats;
  };
  class VisibleFilter;

  IndexedColumn(IndexSchema schema, uint32_t dimensions,
                std::unique_ptr<vector::VectorIndex> graph);

  // Chunk c holds kFirstChunkEntries << c entries and never moves, so that readers need no lock.
  Entry& entry(uint64_t label) const;
  uint64_t AppendEntry(absl::string_view key, Lsn created, Lsn superseded);
  bool Visible(uint64_t label, Lsn snapshot) const;
  uint64_t graph_end() const ABSL_LOCKS_EXCLUDED(tail_mutex_);

  const IndexSchema schema_;
  const uint32_t dimensions_;
  Lsn loaded_covers_lsn_ = 0;
  std::unique_ptr<vector::VectorIndex> graph_;

  static constexpr size_t kChunkCountMax = 48;
  std::array<std::atomic<Entry*>, kChunkCountMax> chunks_ = {};
  std::vector<std::unique_ptr<Entry[]>> chunk_owners_;  // only the applying thread
  std::atomic<uint64_t> label_count_{0};
  std::atomic<uint64_t> key_bytes_{0};
  std::atomic<uint64_t> change_count_{0};

  // Row key to its newest label; only the applying thread.
  absl::flat_hash_map<std::string, uint64_t> newest_;

  mutable absl::Mutex tail_mutex_;
  uint64_t graph_end_ ABSL_GUARDED_BY(tail_mutex_) = 0;
  uint64_t first_tail_block_ ABSL_GUARDED_BY(tail_mutex_) = 0;
  std::deque<std::shared_ptr<TailBlock>> tail_blocks_ ABSL_GUARDED_BY(tail_mutex_);
  // Labels whose row changed, with the commit that did it, oldest first.
  std::deque<std::pair<uint64_t, Lsn>> superseded_ ABSL_GUARDED_BY(tail_mutex_);

  // Held by Absorb and Save.
  mutable absl::Mutex graph_write_mutex_;
  // Entries of the graph when its efforts were last measured.
  uint64_t calibrated_size_ ABSL_GUARDED_BY(graph_write_mutex_) = 0;
};

}  // namespace kyrodb::engine
