// A key-value store as the benchmark sees it: ours and the peers behind one interface, so that
// every side runs the same loop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::bench {

using KeyValue = std::pair<std::string, std::string>;

// Reads one snapshot.
class Reader {
 public:
  virtual ~Reader() = default;
  // Copies the value into `*value`; false when the key is absent. Ends the process on an error: a
  // benchmark that fails has no result.
  virtual bool Get(absl::string_view key, std::string* value) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  // With its version or configuration.
  virtual std::string name() const = 0;
  // Writes everything in one durable unit or a few; the keys ascend.
  virtual absl::Status Load(std::span<const KeyValue> rows) = 0;
  // Brings the store into the state in which reads are measured (flushed, merged).
  virtual absl::Status Settle() = 0;
  virtual std::unique_ptr<Reader> NewReader() = 0;
  // One durable commit of one row.
  virtual absl::Status PutDurable(absl::string_view key, absl::string_view value) = 0;
};

// Each opens a new store in `directory`, which must exist and be empty.
absl::StatusOr<std::unique_ptr<Store>> OpenKyroStore(const std::string& directory);
// `tuned`: 1 GiB block cache, bloom filter, hash index in blocks, no compression; else defaults.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const std::string& directory, bool tuned);
absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const std::string& directory);
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory);

}  // namespace kyrodb::bench
