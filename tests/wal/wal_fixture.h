// What the tests of the log share: a little store that is opened, crashed and read back in one line
// each, and records whose content can be checked from their LSN alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/file_system.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wal/cursor.h"
#include "wal/log.h"
#include "wal/recovery.h"

namespace kyrodb::wal {

inline constexpr uint64_t kDatabaseId = 0x1234567890ABCDEF;
inline constexpr char kDirectory[] = "/db";

inline std::unique_ptr<MemoryFileSystem> NewDisk() {
  std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  KYRO_CHECK(disk->CreateDirectory(kDirectory).ok());
  KYRO_CHECK(disk->SyncDirectory("/").ok());
  return disk;
}

// Small segments, nothing in the background: every operation is the test's own.
inline LogOptions TestOptions(FileSystem* file_system) {
  LogOptions options;
  options.file_system = file_system;
  options.directory = kDirectory;
  options.database_id = kDatabaseId;
  options.segment_bytes = 8192;
  options.prefill_chunk_bytes = 0;
  options.idle_marker_ms = 0;
  options.interval_ms = 0;
  return options;
}

struct Replayed {
  RecoveryResult result;
  std::map<Lsn, std::string> records;

  Lsn last_lsn() const { return records.empty() ? 0 : records.rbegin()->first; }
  // "1:a 2:b", and what was found beside the records.
  std::string ToString() const {
    std::vector<std::string> parts;
    for (const auto& [lsn, record] : records) parts.push_back(absl::StrCat(lsn, ":", record));
    if (result.damage.has_value()) {
      parts.push_back(
          absl::StrCat("lost[", result.damage->begin_lsn, ",", result.damage->end_lsn, ")"));
    }
    return absl::StrJoin(parts, " ");
  }
};

inline absl::StatusOr<Replayed> TryRecover(FileSystem* file_system, Lsn replay_from_lsn = 1) {
  Replayed replayed;
  absl::Status order;
  KYRO_ASSIGN_OR_RETURN(
      replayed.result,
      Recover({.file_system = file_system,
               .directory = kDirectory,
               .database_id = kDatabaseId,
               .replay_from_lsn = replay_from_lsn},
              [&](Lsn lsn, absl::string_view record) {
                const Lsn expected =
                    replayed.records.empty() ? replay_from_lsn : replayed.last_lsn() + 1;
                if (lsn != expected) {
                  order = absl::InternalError(absl::StrCat("got ", lsn, " after ", expected - 1));
                }
                replayed.records.emplace(lsn, std::string(record));
                return absl::OkStatus();
              }));
  KYRO_RETURN_IF_ERROR(order);
  return replayed;
}

// A name for the segment file at `index` in order of age.
inline std::vector<std::string> SegmentFiles(FileSystem* file_system) {
  std::vector<std::string> paths;
  const auto names = file_system->List(kDirectory);
  KYRO_CHECK(names.ok());
  for (const std::string& name : *names) {
    if (absl::StartsWith(name, "wal-")) paths.push_back(JoinPath(kDirectory, name));
  }
  return paths;
}

inline void ReplaceFile(FileSystem* file_system, const std::string& path, absl::string_view bytes) {
  file_system->Remove(path).IgnoreError();
  KYRO_CHECK(WriteFileSynced(*file_system, path, bytes).ok());
  KYRO_CHECK(file_system->SyncDirectory(kDirectory).ok());
}

// Opens, crashes and reopens a log on an in-memory disk.
class LogFixture : public ::testing::Test {
 protected:
  // Recovers, checks that nothing is damaged, and opens.
  void Open(Lsn replay_from_lsn = 1) {
    absl::Status status = TryOpen(replay_from_lsn);
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status TryOpen(Lsn replay_from_lsn = 1) {
    log_.reset();
    KYRO_ASSIGN_OR_RETURN(replayed_, TryRecover(disk_.get(), replay_from_lsn));
    options_.file_system = disk_.get();
    KYRO_ASSIGN_OR_RETURN(log_, Log::Open(options_, replayed_.result));
    return absl::OkStatus();
  }
  void Close() {
    ASSERT_TRUE(log_->Close().ok());
    log_.reset();
  }
  // The process is gone and so is the power.
  void Crash(MemoryFileSystem::Survivors survivors = MemoryFileSystem::Survivors::kNone,
             uint64_t seed = 0) {
    disk_ = disk_->CrashCopy(survivors, seed);
    log_.reset();
  }
  Lsn Append(absl::string_view record) {
    absl::StatusOr<Lsn> lsn = log_->Append(record);
    EXPECT_TRUE(lsn.ok()) << lsn.status();
    return lsn.value_or(0);
  }
  // What a recovery finds now.
  std::string Found(Lsn replay_from_lsn = 1) {
    absl::StatusOr<Replayed> replayed = TryRecover(disk_.get(), replay_from_lsn);
    return replayed.ok() ? replayed->ToString() : replayed.status().ToString();
  }
  std::string Bytes(const std::string& path) { return ReadFile(*disk_, path).value(); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewDisk();
  LogOptions options_ = TestOptions(nullptr);
  std::unique_ptr<Log> log_;
  Replayed replayed_;  // by the last `Open`
};

// `StatusIs(code, piece of the message)`.
MATCHER_P2(StatusIs, code, piece, "") {
  *result_listener << arg;
  return arg.code() == code && absl::StrContains(arg.message(), piece);
}

}  // namespace kyrodb::wal
