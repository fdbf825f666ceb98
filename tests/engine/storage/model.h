// What storage should hold, in the simplest form there is; and a disk to hold it on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/metrics.h"
#include "engine/base/random.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/run.h"
#include "engine/storage/run_writer.h"

namespace kyrodb::engine {

struct ModelVersion {
  EntryKind kind = EntryKind::kPut;
  std::string value;
};

// Keys ascending, versions of a key from new to old: a map whose walk is the internal order.
using ModelVersions = std::map<Lsn, ModelVersion, std::greater<>>;
using Model = std::map<std::string, ModelVersions>;

// The version that a reader at `snapshot` finds, deletes included.
inline std::optional<std::pair<Lsn, ModelVersion>> ModelGet(const Model& model,
                                                            absl::string_view key, Lsn snapshot) {
  const auto entry = model.find(std::string(key));
  if (entry == model.end()) return std::nullopt;
  const auto version = entry->second.lower_bound(snapshot);
  if (version == entry->second.end()) return std::nullopt;
  return *version;
}

// The rest of `model` from `key` on, one line a version.
inline std::vector<std::string> ModelLines(const Model& model, absl::string_view from = "") {
  std::vector<std::string> lines;
  for (auto entry = model.lower_bound(std::string(from)); entry != model.end(); ++entry) {
    for (const auto& [lsn, version] : entry->second) {
      lines.push_back(absl::StrFormat("%s@%u%s%s", entry->first, lsn,
                                      version.kind == EntryKind::kPut ? "=" : "-", version.value));
    }
  }
  return lines;
}

// What `iterator`, already positioned, gives.
inline std::vector<std::string> IteratorLines(InternalIterator& iterator,
                                              size_t count_max = ~size_t{0}) {
  std::vector<std::string> lines;
  for (; iterator.Valid() && lines.size() < count_max; iterator.Next()) {
    lines.push_back(absl::StrFormat("%s@%u%s%s", iterator.key(), iterator.lsn(),
                                    iterator.kind() == EntryKind::kPut ? "=" : "-",
                                    iterator.value()));
  }
  return lines;
}

// A string of random bytes, with many zeros and 0xFFs.
inline std::string RandomBytes(Random& random, size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  for (char& byte : bytes) {
    const uint64_t choice = random.Uniform(8);
    byte = choice == 0 ? '\0' : static_cast<char>(choice == 1 ? 0xFF : random.Uniform(256));
  }
  return bytes;
}

// What the look-up that never waits says in the end, with the pages that it missed brought in.
// What it leaves to the careful one is asked there.
inline absl::StatusOr<std::optional<FoundVersion>> QuickGet(BufferPool& pool, const Run& run,
                                                            absl::string_view key, Lsn snapshot) {
  const KeyProbe probe(key);
  for (int round = 0; round < 8; ++round) {
    QuickFind find;
    {
      const Epochs::Guard guard = pool.epochs().Enter();
      run.TryGet(probe, snapshot, {}, &find);
      if (find.outcome == QuickFind::Outcome::kAbsent) return std::nullopt;
      if (find.outcome == QuickFind::Outcome::kFound) {
        return FoundVersion{.kind = find.kind, .lsn = find.lsn, .value = std::string(find.value)};
      }
    }
    if (find.outcome == QuickFind::Outcome::kAskCarefully) break;
    RecordPages pages;
    if (run.TryGetPastPool(probe, snapshot, &pages, &find)) {
      if (find.outcome != QuickFind::Outcome::kFound) break;
      return FoundVersion{.kind = find.kind, .lsn = find.lsn, .value = std::string(find.value)};
    }
    if (absl::Status status = run.LoadMissing(find); !status.ok()) {
      if (!absl::IsDataLoss(status)) return status;
      break;
    }
  }
  return run.Get(key, snapshot);
}

// A disk, a pool and metrics.
class StorageTest : public testing::Test {
 protected:
  using Run = kyrodb::engine::Run;  // not testing::Test::Run

  // Writes `model` as run file `file_number`; the bounds are given to the writer when
  // `with_bounds`.
  absl::Status WriteModel(const Model& model, uint64_t file_number, bool with_bounds = true) {
    RunWriterOptions options;
    options.file_number = file_number;
    if (with_bounds && !model.empty()) {
      options.smallest_key = model.begin()->first;
      options.largest_key = model.rbegin()->first;
    }
    absl::StatusOr<std::unique_ptr<RunWriter>> writer =
        RunWriter::Create(*disk_, Path(file_number), options);
    if (!writer.ok()) return writer.status();
    for (const auto& [key, versions] : model) {
      for (const auto& [lsn, version] : versions) {
        absl::Status status = (*writer)->Add(key, lsn, version.kind, version.value);
        if (!status.ok()) return status;
      }
    }
    return (*writer)->Finish().status();
  }

  absl::StatusOr<std::shared_ptr<Run>> Open(uint64_t file_number) {
    return Run::Open(*disk_, Path(file_number), file_number, pool_, metrics_);
  }

  std::shared_ptr<Run> MakeRun(const Model& model, uint64_t file_number, bool with_bounds = true) {
    const absl::Status status = WriteModel(model, file_number, with_bounds);
    EXPECT_TRUE(status.ok()) << status;
    absl::StatusOr<std::shared_ptr<Run>> run = Open(file_number);
    EXPECT_TRUE(run.ok()) << run.status();
    return *std::move(run);
  }

  static std::string Path(uint64_t file_number) { return absl::StrFormat("%06u.run", file_number); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  MetricsRegistry metrics_;
  BufferPool pool_{uint64_t{4} << 20, metrics_};
};

}  // namespace kyrodb::engine
