// The question and the answer of a search for rows inside a box.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/iterator.h"
#include "engine/schema.h"
#include "engine/value.h"

namespace kyrodb::engine {

// The bounds of one column, both included, of the column's type as `Value` has it; nullopt: none.
struct BoxSide {
  std::optional<Value> low;
  std::optional<Value> high;
};

struct BoxRequest {
  ObjectId table = 0;
  ObjectId index = 0;  // zorder
  // One for each column of the index, in its order.
  std::vector<BoxSide> sides;
};

struct BoxStatistics {
  // "zorder ranges", or "scan" with the reason after a colon.
  std::string plan;
  uint64_t range_count = 0;      // walks over the index, jumps within a range included
  uint64_t entry_count = 0;      // entries of the index that were looked at
  uint64_t candidate_count = 0;  // rows that were fetched, because their entry may be in the box
};

// The rows in no order that means anything, each once: `key` is the row's key, `value` the row.
class BoxIterator : public Iterator {
 public:
  // Up to where the walk has come.
  virtual const BoxStatistics& statistics() const = 0;
};

}  // namespace kyrodb::engine
