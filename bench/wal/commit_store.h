// One face over the stores whose durable commits are compared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace kyrodb::bench {

using KeyValue = std::pair<std::string, std::string>;

// Errors:         a failing store ends the program: a benchmark has nothing to go on with.
// Thread-safety:  `Commit` may be called from any thread.
class CommitStore {
 public:
  virtual ~CommitStore() = default;
  virtual std::string name() const = 0;
  // Writes all of `rows` or none and returns when they survive a power loss.
  virtual void Commit(std::span<const KeyValue> rows) = 0;

  // Since the store was opened.
  struct Counts {
    uint64_t commits = 0;
    uint64_t syncs = 0;
  };
  virtual Counts counts() const = 0;
};

// `directory` must not exist.
absl::StatusOr<std::unique_ptr<CommitStore>> OpenKyroCommits(const std::string& directory);
// `tuned`: the configuration that measured best for synced commits, see the source.
absl::StatusOr<std::unique_ptr<CommitStore>> OpenRocksCommits(const std::string& directory,
                                                              bool tuned);

}  // namespace kyrodb::bench
