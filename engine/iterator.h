// Walks the live entries of a key range in key order, or in reverse, as of one snapshot.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/key_codec.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Half-open: `begin` <= key < `end`; an empty `end` means no upper end.
struct KeyRange {
  std::string begin;
  std::string end;

  // The keys that begin with `prefix`; all keys when it is empty.
  static KeyRange Prefix(absl::string_view prefix) {
    return {.begin = std::string(prefix), .end = PrefixSuccessor(prefix)};
  }
};

struct ScanOptions {
  // From the greatest key of the range down to the smallest.
  bool reverse = false;
};

// Starts at the first entry of its range, or in reverse at the last; `Next` goes on in that
// direction.
//
// Thread-safety:  one thread at a time.
// Lifetime:       holds its snapshot; views are valid until the next call of `Next`. Must not
//                 outlive its transaction or database.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  // The commit that wrote this entry; 0 for a write of the transaction itself.
  virtual Lsn lsn() const = 0;
  // Why the walk ended early; OK at the end of the range.
  virtual absl::Status status() const = 0;
};

}  // namespace kyrodb::engine
