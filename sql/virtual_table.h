// Tables whose rows are computed when they are read: `kyro_knobs`, `kyro_metrics` and whatever
// layers above this one introduce (`kyro_tuner_decisions`).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/schema.h"
#include "engine/value.h"

namespace kyrodb::engine {
class Database;
}

namespace kyrodb::sql {

struct VirtualColumn {
  std::string name;
  engine::Type type;
};

// Takes one row, with one value per column; an error ends the scan and is passed on.
using RowReceiver = absl::FunctionRef<absl::Status(engine::Row row)>;

// What a table may ask of the statement that reads it.
struct ScanContext {
  struct Setting {
    std::string name;
    std::string value;
    std::string description;
  };
  const engine::Catalog* catalog = nullptr;
  engine::Database* database = nullptr;
  absl::string_view database_name;
  absl::string_view user_name;
  std::function<std::vector<Setting>()> settings;
};

// Thread-safety:  all methods may be called from any thread.
class VirtualTable {
 public:
  virtual ~VirtualTable() = default;
  // "pg_catalog", say; without one its name alone finds it.
  virtual absl::string_view schema() const { return ""; }
  // Lower case; must not be the name of a table.
  virtual absl::string_view name() const = 0;
  virtual const std::vector<VirtualColumn>& columns() const = 0;
  // Hands every row of the moment to `receive`.
  virtual absl::Status Scan(RowReceiver receive) const = 0;
  virtual absl::Status Scan(const ScanContext&, RowReceiver receive) const { return Scan(receive); }
};

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       a table that was found lives as long as its pointer.
class VirtualTableRegistry {
 public:
  // `AlreadyExists` when a table of that name is there.
  absl::Status Add(std::shared_ptr<const VirtualTable> table);
  // Null when there is none; with a schema as "schema.name".
  std::shared_ptr<const VirtualTable> Find(absl::string_view name) const;
  // Sorted by name.
  std::vector<std::shared_ptr<const VirtualTable>> tables() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, std::shared_ptr<const VirtualTable>> tables_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::sql
