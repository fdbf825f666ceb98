// What the isolation workloads run on: the database, or a toy with a bug in it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::engine {

class StoreTransaction {
 public:
  virtual ~StoreTransaction() = default;
  virtual absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) = 0;
  // All keys from `begin` to before `end`, in order or in reverse.
  virtual absl::StatusOr<std::map<std::string, std::string>> Scan(absl::string_view begin,
                                                                  absl::string_view end,
                                                                  bool reverse) = 0;
  virtual absl::Status Put(absl::string_view key, absl::string_view value) = 0;
  // `Aborted` when it has to be tried again.
  virtual absl::Status Commit() = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual std::unique_ptr<StoreTransaction> Begin(bool serializable) = 0;
};

}  // namespace kyrodb::engine
