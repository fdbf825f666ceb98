// A file system that the kernel mounts and that forgets: what a process has not synced is lost when
// the power goes. So a real process, with real system calls, meets what a real disk does to it.
//
// Source: the idea is LazyFS's (Ramos et al., "When Amnesia Strikes: Understanding and Reproducing
// Data Loss Bugs with Fault Injection", PVLDB 2024).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace kyrodb::engine {

// Everything is kept in memory, twice: as processes see it and as the disk holds it. `fsync` of a
// file makes its bytes and its length durable, not its name; `fsync` of a directory the names in
// it. A rename is atomic. What is not durable is lost with the power, or a part of it survives:
// pages in sectors of 512 bytes, each by chance; names in the order in which they were changed, up
// to some moment; a length without its bytes, which then read as zeros.
//
// Thread-safety:  one thread at a time, besides the processes that use the files.
class ForgetfulMount {
 public:
  virtual ~ForgetfulMount() = default;

  // Mounts an empty file system on `directory`, an existing one. `Unavailable` where that is not
  // permitted or this program was built without libfuse3.
  static absl::StatusOr<std::unique_ptr<ForgetfulMount>> Mount(const std::string& directory);

  // Nobody may have a file open. The same seed forgets the same.
  virtual void LosePower(uint64_t seed) = 0;

  // Files and directories whose names were lost so far, and sectors.
  virtual uint64_t lost_name_count() const = 0;
  virtual uint64_t lost_sector_count() const = 0;
};

}  // namespace kyrodb::engine
