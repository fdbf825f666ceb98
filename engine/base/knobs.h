// Settings that a user or the tuner may change while the database runs, each with its unit, its
// default and its bounds.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb {

struct KnobSpec {
  std::string name;         // lower case with the unit last: `buffer_pool_bytes`
  std::string description;  // one sentence
  std::string unit;         // "bytes", "ms", "count", …
  int64_t default_value = 0;
  int64_t min = 0;  // inclusive
  int64_t max = 0;  // inclusive
};

// One setting. Reading costs one relaxed load.
class Knob {
 public:
  explicit Knob(KnobSpec spec) : spec_(std::move(spec)), value_(spec_.default_value) {}
  const KnobSpec& spec() const { return spec_; }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  friend class KnobRegistry;
  KnobSpec spec_;
  std::atomic<int64_t> value_;
  std::function<void(int64_t)> on_change_;
  absl::Mutex set_mutex_;  // held by `Set` while it changes the value and runs `on_change_`
};

// Owns the knobs of one database.
//
// Thread-safety:  all methods may be called from any thread.
// Lifetime:       a returned reference is valid as long as the registry.
class KnobRegistry {
 public:
  // Adds a knob; the name must be new and the default within bounds (checked).
  // `on_change` runs in the setter's thread after each change of the value, never for the default,
  // one call at a time; it may read any knob and set any other one.
  Knob& Define(KnobSpec spec, std::function<void(int64_t)> on_change = nullptr);

  // `NotFound` for an unknown name, `InvalidArgument` out of bounds; both name what is allowed.
  absl::Status Set(absl::string_view name, int64_t value);
  absl::StatusOr<int64_t> Get(absl::string_view name) const;

  struct Setting {
    KnobSpec spec;
    int64_t value;
  };
  // Sorted by name.
  std::vector<Setting> List() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<std::string, std::unique_ptr<Knob>> knobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb
