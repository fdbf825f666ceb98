// What a serializable transaction has read: keys, present or absent, and stretches of key ranges.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "engine/base/string_hash.h"
#include "engine/iterator.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Bounded: beyond `bytes_max` what was read of a space becomes the one range from the least key
// read to the greatest, and at last everything counts as read. Nothing is ever forgotten, so
// coarseness costs refused commits, never a wrong one.
//
// Thread-safety:  one thread at a time.
class ReadSet {
 public:
  // Disjoint ranges by their begin, with their end; an empty end is no upper end.
  using Ranges = absl::btree_map<std::string, std::string>;
  struct SpaceReads {
    std::unordered_set<std::string, StringHash, StringEqual> keys;
    Ranges ranges;
    uint64_t bytes = 0;
  };

  explicit ReadSet(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  void AddKey(ObjectId space, absl::string_view key);
  void AddRange(ObjectId space, absl::string_view begin, absl::string_view end);
  // All definitions.
  void AddCatalog() { catalog_ = true; }
  // Returns `iterator` over `range` so that what it walks over is added, as far as it gets. The
  // result may live longer than this.
  std::unique_ptr<Iterator> Track(ObjectId space, const KeyRange& range, const ScanOptions& options,
                                  std::unique_ptr<Iterator> iterator);
  // Adds what tracked iterators have walked over up to now; call it before reading what follows.
  void Settle();

  // Every commit counts as a change of what was read.
  bool everything() const { return everything_; }
  bool catalog() const { return catalog_; }
  const absl::btree_map<ObjectId, SpaceReads>& spaces() const { return spaces_; }
  // Whether the key was read, or lies in a range that was.
  bool Covers(ObjectId space, absl::string_view key) const;
  // Whether something in [begin, end) was read; an empty end is no upper end.
  bool Overlaps(ObjectId space, absl::string_view begin, absl::string_view end) const;
  uint64_t memory_bytes() const { return bytes_; }

 private:
  struct Walked {
    ObjectId space;
    std::string begin;
    std::string end;
  };
  friend class TrackingIterator;

  void Charge(SpaceReads& reads, uint64_t bytes);
  void Coarsen();

  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  bool catalog_ = false;
  bool everything_ = false;
  absl::btree_map<ObjectId, SpaceReads> spaces_;
  std::vector<std::shared_ptr<const Walked>> walked_;  // shared with iterators
};

}  // namespace kyrodb::engine
