// Where things lie in a database directory:
//   LOCK, CURRENT, MANIFEST-<n>       the opener's lock and the published state
//   log/                              segments of the write-ahead log
//   archive/                          segments that the log let go (knob log_archive_bytes)
//   backup.tmp/                       files that a backup under way still copies
//   runs/run-<space>-<number>         immutable sorted runs
//   runs/values-<number>              large values that runs refer to
//   vectors/segment-<index>-<number>  vector index segments
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/schema.h"

namespace kyrodb::engine {

class FileNames {
 public:
  explicit FileNames(absl::string_view directory) : directory_(directory) {}
  const std::string& directory() const { return directory_; }
  std::string lock() const { return JoinPath(directory_, "LOCK"); }
  std::string log() const { return JoinPath(directory_, "log"); }
  std::string archive() const { return JoinPath(directory_, "archive"); }
  std::string backup_pins() const { return JoinPath(directory_, "backup.tmp"); }
  std::string runs() const { return JoinPath(directory_, "runs"); }
  std::string vectors() const { return JoinPath(directory_, "vectors"); }

  static std::string RunName(ObjectId space, uint64_t number) {
    return absl::StrCat("run-", space, "-", number);
  }
  static std::string ValuesName(uint64_t number) { return absl::StrCat("values-", number); }
  static std::string SegmentName(ObjectId index, uint64_t number) {
    return absl::StrCat("segment-", index, "-", number);
  }
  std::string Run(ObjectId space, uint64_t number) const {
    return JoinPath(runs(), RunName(space, number));
  }
  std::string Values(uint64_t number) const { return JoinPath(runs(), ValuesName(number)); }
  // What every path of `Values` begins with.
  std::string values_prefix() const { return JoinPath(runs(), "values-"); }
  std::string Segment(ObjectId index, uint64_t number) const {
    return JoinPath(vectors(), SegmentName(index, number));
  }

 private:
  std::string directory_;
};

}  // namespace kyrodb::engine
