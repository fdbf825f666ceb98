// Tables whose rows are computed when they are read: `kyro_knobs`, `kyro_metrics` and whatever
// layers above this one introduce (`kyro_tuner_decisions`).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/value.h"

namespace kyrodb::sql {

struct VirtualColumn {
  std::string name;
  engine::Type type;
};

// Takes one row, with one value per column; an error ends the scan and is passed on.
using RowReceiver = absl::FunctionRef<absl::Status(engine::Row row)>;

// Thread-safety:  all methods may be called from any thread.
class VirtualTable {
 public:
  virtual ~VirtualTable() = default;
  // Lower case; must not be the name of a table.
  virtual absl::string_view name() const = 0;
  virtual const std::vector<VirtualColumn>& columns() const = 0;
  // Hands every row of the moment to `receive`.
  virtual absl::Status Scan(RowReceiver receive) const = 0;
};

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       a table that was found lives as long as its pointer.
class VirtualTableRegistry {
 public:
  // `AlreadyExists` when a table of that name is there.
  absl::Status Add(std::shared_ptr<const VirtualTable> table);
  // Null when there is none.
  std::shared_ptr<const VirtualTable> Find(absl::string_view name) const;
  // Sorted by name.
  std::vector<std::shared_ptr<const VirtualTable>> tables() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, std::shared_ptr<const VirtualTable>> tables_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::sql
