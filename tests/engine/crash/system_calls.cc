#include "tests/engine/crash/system_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <map>
#include <mutex>
#include <optional>

namespace kyrodb::engine {
namespace {

using Kind = SystemCallFault::Kind;

// Before main() and after it calls come through here too.
struct Plan {
  std::mutex mutex;
  std::optional<SystemCallFault> fault;
  uint64_t seen_count = 0;
  uint64_t failure_count = 0;
  std::map<int, std::string> paths;  // of open descriptors
  std::string last_failed_path;
};

Plan& ThePlan() {
  static Plan& plan = *new Plan();
  return plan;
}

// Whether this call, to which a fault of `kind` applies, fails. Counts it.
bool Fails(Kind kind, const std::string& path) {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  if (!plan.fault || plan.fault->kind != kind) return false;
  const uint64_t number = plan.seen_count++;
  if (number < plan.fault->at) return false;
  const uint64_t behind = number - plan.fault->at;
  const bool again = kind == Kind::kInterrupted ? behind % 2 == 0 : true;
  if (behind > 0 && !(plan.fault->forever && again)) return false;
  ++plan.failure_count;
  plan.last_failed_path = path;
  return true;
}

std::string PathOf(int fd) {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  const auto it = plan.paths.find(fd);
  return it == plan.paths.end() ? "" : it->second;
}

// -1 with errno set when the call fails.
int Check(Kind kind, const std::string& path, int error) {
  if (Fails(Kind::kInterrupted, path)) {
    errno = EINTR;
    return -1;
  }
  if (Fails(kind, path)) {
    errno = error;
    return -1;
  }
  return 0;
}

}  // namespace

void SetSystemCallFault(const SystemCallFault& fault) {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  plan.fault = fault;
  plan.seen_count = 0;
  plan.failure_count = 0;
  plan.last_failed_path.clear();
}

void ClearSystemCallFault() {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  plan.fault.reset();
}

uint64_t SystemCallFailureCount() {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  return plan.failure_count;
}

std::string LastFailedPath() {
  Plan& plan = ThePlan();
  const std::lock_guard<std::mutex> lock(plan.mutex);
  return plan.last_failed_path;
}

}  // namespace kyrodb::engine

// The linker gives these names a meaning: a call of `open` becomes one of `__wrap_open`, and
// `__real_open` is the system's.
using kyrodb::engine::Check;
using kyrodb::engine::Fails;
using kyrodb::engine::PathOf;
using kyrodb::engine::ThePlan;
using Kind = kyrodb::engine::SystemCallFault::Kind;

extern "C" {
int __real_open(const char* path, int flags, ...);
ssize_t __real_pread(int fd, void* buffer, size_t count, off_t offset);
ssize_t __real_pwrite(int fd, const void* buffer, size_t count, off_t offset);
int __real_ftruncate(int fd, off_t size);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);
int __real_mkdir(const char* path, mode_t mode);

int __wrap_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (Check(Kind::kWriteError, path, EIO) != 0) return -1;
    if (Fails(Kind::kDiskFull, path)) {
      errno = ENOSPC;
      return -1;
    }
  } else if (Fails(Kind::kInterrupted, path)) {
    errno = EINTR;
    return -1;
  }
  const int fd = __real_open(path, flags, mode);
  if (fd >= 0) {
    const std::lock_guard<std::mutex> lock(ThePlan().mutex);
    ThePlan().paths[fd] = path;
  }
  return fd;
}

ssize_t __wrap_pread(int fd, void* buffer, size_t count, off_t offset) {
  if (Check(Kind::kReadError, PathOf(fd), EIO) != 0) return -1;
  return __real_pread(fd, buffer, count, offset);
}

ssize_t __wrap_pwrite(int fd, const void* buffer, size_t count, off_t offset) {
  const std::string path = PathOf(fd);
  if (Check(Kind::kWriteError, path, EIO) != 0) return -1;
  if (count > 1 && Fails(Kind::kShortWrite, path)) count /= 2;
  if (Fails(Kind::kDiskFull, path)) {
    // As disks do: what still fits is written, and the next call says that no more does.
    if (count > 1024) return __real_pwrite(fd, buffer, 512, offset);
    errno = ENOSPC;
    return -1;
  }
  return __real_pwrite(fd, buffer, count, offset);
}

int __wrap_fdatasync(int fd) { return Check(Kind::kSyncError, PathOf(fd), EIO); }
int __wrap_fsync(int fd) { return Check(Kind::kSyncError, PathOf(fd), EIO); }

int __wrap_ftruncate(int fd, off_t size) {
  if (Check(Kind::kWriteError, PathOf(fd), EIO) != 0) return -1;
  return __real_ftruncate(fd, size);
}

// These three are never interrupted.
int __wrap_rename(const char* from, const char* to) {
  if (Fails(Kind::kWriteError, to)) {
    errno = EIO;
    return -1;
  }
  return __real_rename(from, to);
}

int __wrap_unlink(const char* path) {
  if (Fails(Kind::kWriteError, path)) {
    errno = EIO;
    return -1;
  }
  return __real_unlink(path);
}

int __wrap_mkdir(const char* path, mode_t mode) {
  if (Fails(Kind::kWriteError, path)) {
    errno = EIO;
    return -1;
  }
  return __real_mkdir(path, mode);
}
}  // extern "C"
