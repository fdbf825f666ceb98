#include "engine/base/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/disk/errno_status.h"
#include "engine/base/status.h"

namespace kyrodb {
namespace {

using disk::ErrnoStatus;

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;
// What a lock file's owner text is read up to.
constexpr size_t kOwnerBytesMax = 4096;

// Repeats a call that a signal interrupted.
template <typename Call>
auto RetryInterrupted(const Call& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// The path as the system takes it. A NUL would cut it short, and no file has one in its name: such
// a path becomes the empty one, which names nothing (ENOENT).
std::string SystemPath(absl::string_view path) {
  return path.find('\0') == absl::string_view::npos ? std::string(path) : std::string();
}

// The path of a directory, in which the empty path is the working directory.
std::string SystemDirectoryPath(absl::string_view path) {
  return path.empty() ? "." : SystemPath(path);
}

// A file descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  // Not repeated after EINTR: Linux has let go of the descriptor by then.
  int Close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

absl::StatusOr<Descriptor> Open(absl::string_view operation, absl::string_view path,
                                const std::string& system_path, int flags) {
  const int fd =
      RetryInterrupted([&] { return ::open(system_path.c_str(), flags | O_CLOEXEC, kFileMode); });
  if (fd < 0) return ErrnoStatus(operation, path, errno);
  return Descriptor(fd);
}

// An offset past what the system's signed type can say is refused as the system would.
bool FitsOffset(uint64_t offset, uint64_t size_bytes) {
  constexpr auto kOffsetMax = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  return offset <= kOffsetMax && size_bytes <= kOffsetMax - offset;
}

// Returns 0 or the error number.
int WriteAll(int fd, uint64_t offset, absl::string_view bytes) {
  if (!FitsOffset(offset, bytes.size())) return EFBIG;
  while (!bytes.empty()) {
    const ssize_t written = RetryInterrupted(
        [&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written < 0) return errno;
    if (written == 0) return EIO;
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

// Returns 0 or the error number.
int ReadUpTo(int fd, uint64_t offset, size_t size_bytes, char* buffer, size_t* read_bytes) {
  *read_bytes = 0;
  while (*read_bytes < size_bytes) {
    if (!FitsOffset(offset + *read_bytes, 0)) return 0;  // past the end of any file
    const ssize_t got = RetryInterrupted([&] {
      return ::pread(fd, buffer + *read_bytes, size_bytes - *read_bytes,
                     static_cast<off_t>(offset + *read_bytes));
    });
    if (got < 0) return errno;
    if (got == 0) return 0;
    *read_bytes += static_cast<size_t>(got);
  }
  return 0;
}

class PosixWritableFile : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    if (!descriptor_.is_open()) return disk::ClosedStatus("write", path_);
    const int error = WriteAll(descriptor_.get(), offset, bytes);
    if (error != 0) return ErrnoStatus("write", path_, error);
    StartWriteback(offset, bytes.size());
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (!descriptor_.is_open()) return disk::ClosedStatus("sync", path_);
    if (RetryInterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0) {
      return ErrnoStatus("sync", path_, errno);
    }
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size_bytes) override {
    if (!descriptor_.is_open()) return disk::ClosedStatus("truncate", path_);
    if (!FitsOffset(size_bytes, 0)) return ErrnoStatus("truncate", path_, EFBIG);
    if (RetryInterrupted(
            [&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size_bytes)); }) != 0) {
      return ErrnoStatus("truncate", path_, errno);
    }
    return absl::OkStatus();
  }

  absl::Status Close() override {
    if (!descriptor_.is_open()) return absl::OkStatus();
    if (descriptor_.Close() != 0 && errno != EINTR) return ErrnoStatus("close", path_, errno);
    return absl::OkStatus();
  }

 private:
  // Sends what a long stream of large writes has left in the page cache on its way to the device,
  // so that the sync at its end finds little left to wait for. An error shows at that sync.
  void StartWriteback(uint64_t offset, size_t size_bytes) {
    constexpr size_t kLargeWriteBytes = size_t{256} << 10;
    constexpr uint64_t kStreamBytes = uint64_t{8} << 20;
    if (size_bytes < kLargeWriteBytes || offset != stream_end_) stream_begin_ = offset;
    stream_end_ = offset + size_bytes;
    if (stream_end_ - stream_begin_ < kStreamBytes) return;
    ::sync_file_range(descriptor_.get(), static_cast<off_t>(stream_begin_),
                      static_cast<off_t>(stream_end_ - stream_begin_), SYNC_FILE_RANGE_WRITE);
    stream_begin_ = stream_end_;
  }

  const std::string path_;
  Descriptor descriptor_;
  // Of large writes, each of which began where the one before ended.
  uint64_t stream_begin_ = 0;
  uint64_t stream_end_ = 0;
};

class PosixRandomAccessFile : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, Descriptor descriptor, uint64_t size_bytes)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_bytes_(size_bytes) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size_bytes, char* buffer) const override {
    size_t read_bytes = 0;
    const int error = ReadUpTo(descriptor_.get(), offset, size_bytes, buffer, &read_bytes);
    if (error != 0) return ErrnoStatus("read", path_, error);
    return read_bytes;
  }

  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  const std::string path_;
  const Descriptor descriptor_;
  const uint64_t size_bytes_;
};

// An "open file description" lock belongs to one open of the file, not to the process as the older
// POSIX locks do: a second opener in this process conflicts too, and closing some other descriptor
// of the same file does not drop it.
class PosixFileLock : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    KYRO_ASSIGN_OR_RETURN(Descriptor descriptor,
                          Open("create", path, SystemPath(path), O_RDWR | O_CREAT | O_EXCL));
    return std::make_unique<PosixWritableFile>(std::string(path), std::move(descriptor));
  }

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    KYRO_ASSIGN_OR_RETURN(Descriptor descriptor, Open("open", path, SystemPath(path), O_RDONLY));
    struct stat info;
    if (::fstat(descriptor.get(), &info) != 0) return ErrnoStatus("open", path, errno);
    if (S_ISDIR(info.st_mode)) return ErrnoStatus("open", path, EISDIR);
    return std::make_unique<PosixRandomAccessFile>(std::string(path), std::move(descriptor),
                                                   static_cast<uint64_t>(info.st_size));
  }

  absl::Status CreateDirectory(absl::string_view path) override {
    const std::string system_path = SystemPath(path);
    if (::mkdir(system_path.c_str(), kDirectoryMode) == 0) return absl::OkStatus();
    const int error = errno;
    struct stat info;
    if (error == EEXIST && ::stat(system_path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return absl::OkStatus();
    }
    return ErrnoStatus("create directory", path, error);
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    const std::string system_from = SystemPath(from);
    const std::string system_to = SystemPath(to);
    if (::rename(system_from.c_str(), system_to.c_str()) != 0) {
      return disk::RenameStatus(from, to, errno);
    }
    return absl::OkStatus();
  }

  absl::Status Link(absl::string_view from, absl::string_view to) override {
    if (::link(SystemPath(from).c_str(), SystemPath(to).c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    // Another device, a file system without links, or one file with too many of them.
    if (error == EXDEV || error == EPERM || error == EMLINK || error == EOPNOTSUPP) {
      return absl::UnimplementedError(
          ErrnoStatus("link", absl::StrCat(from, "\" to \"", to), error).message());
    }
    return ErrnoStatus("link", absl::StrCat(from, "\" to \"", to), error);
  }

  absl::Status Remove(absl::string_view path) override {
    const std::string system_path = SystemPath(path);
    if (::unlink(system_path.c_str()) == 0) return absl::OkStatus();
    if (errno == EISDIR && ::rmdir(system_path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus("remove", path, errno);
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    KYRO_ASSIGN_OR_RETURN(
        const Descriptor descriptor,
        Open("sync directory", path, SystemDirectoryPath(path), O_RDONLY | O_DIRECTORY));
    // EINVAL: this file system has no notion of syncing a directory, so there is nothing to wait
    // for.
    if (RetryInterrupted([&] { return ::fsync(descriptor.get()); }) != 0 && errno != EINVAL) {
      return ErrnoStatus("sync directory", path, errno);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    const std::string system_path = SystemDirectoryPath(path);
    DIR* const directory = ::opendir(system_path.c_str());
    if (directory == nullptr) return ErrnoStatus("list", path, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* const entry = ::readdir(directory)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
      errno = 0;
    }
    const int error = errno;
    ::closedir(directory);
    if (error != 0) return ErrnoStatus("list", path, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<bool> Exists(absl::string_view path) override {
    const std::string system_path = SystemDirectoryPath(path);
    struct stat info;
    if (::stat(system_path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return ErrnoStatus("stat", path, errno);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path,
                                                 absl::string_view owner) override {
    KYRO_ASSIGN_OR_RETURN(Descriptor descriptor,
                          Open("lock", path, SystemPath(path), O_RDWR | O_CREAT));
    struct flock whole_file = {};
    whole_file.l_type = F_WRLCK;
    whole_file.l_whence = SEEK_SET;
    if (RetryInterrupted([&] { return ::fcntl(descriptor.get(), F_OFD_SETLK, &whole_file); }) !=
        0) {
      if (errno != EAGAIN && errno != EACCES) return ErrnoStatus("lock", path, errno);
      char text[kOwnerBytesMax];
      size_t text_bytes = 0;
      const int error = ReadUpTo(descriptor.get(), 0, sizeof(text), text, &text_bytes);
      return disk::LockedStatus(path, absl::string_view(text, error == 0 ? text_bytes : 0));
    }
    // The text comes before the cut, so that the file is never seen empty while it is held.
    const absl::string_view text = owner.substr(0, kOwnerBytesMax);
    int error = WriteAll(descriptor.get(), 0, text);
    const auto size = static_cast<off_t>(text.size());
    if (error == 0 && RetryInterrupted([&] { return ::ftruncate(descriptor.get(), size); }) != 0) {
      error = errno;
    }
    if (error != 0) return ErrnoStatus("lock", path, error);
    return std::make_unique<PosixFileLock>(std::move(descriptor));
  }
};

}  // namespace

std::unique_ptr<FileSystem> NewPosixFileSystem() { return std::make_unique<PosixFileSystem>(); }

}  // namespace kyrodb
