#include "engine/base/memory_file_system.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/disk/content.h"
#include "engine/base/disk/errno_status.h"
#include "engine/base/random.h"
#include "engine/base/status.h"

namespace kyrodb {
namespace {

using disk::Change;
using disk::Content;
using disk::ErrnoStatus;

struct Node;
using Entries = absl::btree_map<std::string, std::shared_ptr<Node>>;

// A change of a directory that no sync covers yet: `from` goes, `to` becomes `node`. An empty name
// does nothing, so this says create, remove and rename.
struct EntryChange {
  std::string from;
  std::string to;
  std::shared_ptr<Node> node;
};

void ApplyEntryChange(const EntryChange& change, Entries* entries) {
  if (!change.from.empty()) entries->erase(change.from);
  if (!change.to.empty()) (*entries)[change.to] = change.node;
}

// A file's bytes: what is on the disk, what the system shows, and how one became the other.
struct FileState {
  std::shared_ptr<const Content> durable = std::make_shared<Content>();
  std::shared_ptr<Content> current = std::make_shared<Content>();
  // Somebody else has `current` too: it must be copied before it is changed.
  bool is_shared = false;
  std::vector<Change> unsynced;
  bool is_locked = false;

  std::shared_ptr<Content> Share() {
    is_shared = true;
    return current;
  }

  void Apply(Change change) {
    if (is_shared) {
      current = std::make_shared<Content>(*current);
      is_shared = false;
    }
    disk::ApplyChange(change, current.get());
    unsynced.push_back(std::move(change));
  }

  void Sync() {
    durable = Share();
    unsynced.clear();
  }
};

struct DirectoryState {
  Entries durable;
  Entries current;
  std::vector<EntryChange> unsynced;

  void Apply(EntryChange change) {
    ApplyEntryChange(change, &current);
    unsynced.push_back(std::move(change));
  }

  void Sync() {
    for (const EntryChange& change : unsynced) ApplyEntryChange(change, &durable);
    unsynced.clear();
  }
};

// An inode: it lives as long as a name or an open file refers to it. Only one of the two states is
// in use.
struct Node {
  uint64_t id = 0;
  bool is_directory = false;
  FileState file;
  DirectoryState directory;
};

using Parts = std::vector<std::string>;

// The names on the way from the root. The working directory is the root.
Parts SplitPath(absl::string_view path) {
  Parts parts;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.emplace_back(part);
    }
  }
  return parts;
}

// The whole disk. Open files share it with the file system object, so that either may go first.
struct Disk {
  mutable absl::Mutex mutex;
  std::shared_ptr<Node> root ABSL_GUARDED_BY(mutex);
  uint64_t node_count ABSL_GUARDED_BY(mutex) = 0;
  uint64_t operation_count ABSL_GUARDED_BY(mutex) = 0;
  uint64_t stop_at ABSL_GUARDED_BY(mutex) = std::numeric_limits<uint64_t>::max();
  bool is_stopped ABSL_GUARDED_BY(mutex) = false;

  absl::Status CheckRunning(absl::string_view operation, absl::string_view path) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    if (!is_stopped) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat(operation, " \"", path, "\": the disk stopped at operation ", stop_at));
  }

  // Counts a state-changing operation, or refuses it.
  absl::Status Begin(absl::string_view operation, absl::string_view path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (operation_count >= stop_at) is_stopped = true;
    KYRO_RETURN_IF_ERROR(CheckRunning(operation, path));
    ++operation_count;
    return absl::OkStatus();
  }

  std::shared_ptr<Node> NewNode(bool is_directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    auto node = std::make_shared<Node>();
    node->id = node_count++;
    node->is_directory = is_directory;
    return node;
  }

  // Follows the first `depth` parts. Returns null with ENOENT or ENOTDIR in `*error`.
  std::shared_ptr<Node> Walk(const Parts& parts, size_t depth, int* error) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    std::shared_ptr<Node> node = root;
    for (size_t i = 0; i < depth; ++i) {
      if (!node->is_directory) {
        *error = ENOTDIR;
        return nullptr;
      }
      const auto found = node->directory.current.find(parts[i]);
      if (found == node->directory.current.end()) {
        *error = ENOENT;
        return nullptr;
      }
      node = found->second;
    }
    return node;
  }

  // The directory that has, or would have, the last part.
  std::shared_ptr<Node> WalkToParent(const Parts& parts, int* error) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    std::shared_ptr<Node> parent = Walk(parts, parts.size() - 1, error);
    if (parent && !parent->is_directory) {
      *error = ENOTDIR;
      return nullptr;
    }
    return parent;
  }
};

class MemoryWritableFile : public WritableFile {
 public:
  MemoryWritableFile(std::shared_ptr<Disk> disk, std::shared_ptr<Node> node, std::string path)
      : disk_(std::move(disk)), node_(std::move(node)), path_(std::move(path)) {}

  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(Begin("write"));
    if (offset > disk::kContentBytesMax || bytes.size() > disk::kContentBytesMax - offset) {
      return ErrnoStatus("write", path_, EFBIG);
    }
    if (!bytes.empty()) node_->file.Apply({.offset = offset, .bytes = std::string(bytes)});
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(Begin("sync"));
    node_->file.Sync();
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size_bytes) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(Begin("truncate"));
    if (size_bytes > disk::kContentBytesMax) return ErrnoStatus("truncate", path_, EFBIG);
    if (size_bytes != node_->file.current->size_bytes()) {
      node_->file.Apply({.is_truncate = true, .offset = size_bytes, .bytes = ""});
    }
    return absl::OkStatus();
  }

  absl::Status Close() override {
    absl::MutexLock lock(&disk_->mutex);
    is_closed_ = true;
    return disk_->CheckRunning("close", path_);
  }

 private:
  absl::Status Begin(absl::string_view operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mutex) {
    if (is_closed_) return disk::ClosedStatus(operation, path_);
    return disk_->Begin(operation, path_);
  }

  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<Node> node_;
  const std::string path_;
  bool is_closed_ = false;
};

class MemoryRandomAccessFile : public RandomAccessFile {
 public:
  MemoryRandomAccessFile(std::shared_ptr<Disk> disk, std::shared_ptr<Node> node, std::string path,
                         uint64_t size_bytes)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        size_bytes_(size_bytes) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size_bytes, char* buffer) const override {
    absl::ReaderMutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->CheckRunning("read", path_));
    return node_->file.current->Read(offset, size_bytes, buffer);
  }

  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<Node> node_;
  const std::string path_;
  const uint64_t size_bytes_;
};

class MemoryFileLock : public FileLock {
 public:
  MemoryFileLock(std::shared_ptr<Disk> disk, std::shared_ptr<Node> node)
      : disk_(std::move(disk)), node_(std::move(node)) {}
  ~MemoryFileLock() override {
    absl::MutexLock lock(&disk_->mutex);
    node_->file.is_locked = false;
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<Node> node_;
};

// Copies a tree to what a crash leaves of it. A node that several names lead to is copied once.
class CrashCopier {
 public:
  CrashCopier(MemoryFileSystem::Survivors survivors, uint64_t seed)
      : survivors_(survivors), seed_(seed) {}

  std::shared_ptr<Node> Copy(Node& source) {
    std::shared_ptr<Node>& copy = copies_[&source];
    if (copy) return copy;
    copy = std::make_shared<Node>();
    // `copies_` may move its values while the children are copied.
    const std::shared_ptr<Node> result = copy;
    result->id = source.id;
    result->is_directory = source.is_directory;
    // Drawn from the node's own number, so that a file's fate does not hang on its neighbours.
    const uint64_t node_seed = SplitMix64(seed_ ^ SplitMix64(source.id));
    if (source.is_directory) {
      for (const auto& [name, child] : SurvivingEntries(source.directory, node_seed)) {
        result->directory.current[name] = Copy(*child);
      }
      result->directory.durable = result->directory.current;
    } else {
      result->file.durable = SurvivingBytes(source.file, node_seed);
      // Shared, so never changed through this pointer.
      result->file.current = std::const_pointer_cast<Content>(result->file.durable);
      result->file.is_shared = true;
    }
    return result;
  }

 private:
  Entries SurvivingEntries(const DirectoryState& directory, uint64_t node_seed) const {
    switch (survivors_) {
      case MemoryFileSystem::Survivors::kNone:
        return directory.durable;
      case MemoryFileSystem::Survivors::kAll:
        return directory.current;
      case MemoryFileSystem::Survivors::kRandom:
        break;
    }
    Random random(node_seed);
    const auto prefix = static_cast<size_t>(random.Uniform(directory.unsynced.size() + 1));
    Entries entries = directory.durable;
    for (size_t i = 0; i < prefix; ++i) ApplyEntryChange(directory.unsynced[i], &entries);
    return entries;
  }

  std::shared_ptr<const Content> SurvivingBytes(FileState& file, uint64_t node_seed) const {
    switch (survivors_) {
      case MemoryFileSystem::Survivors::kNone:
        return file.durable;
      case MemoryFileSystem::Survivors::kAll:
        return file.Share();
      case MemoryFileSystem::Survivors::kRandom:
        break;
    }
    if (file.unsynced.empty()) return file.durable;
    return disk::SurvivingContent(file.durable, file.Share(), file.unsynced, node_seed);
  }

  const MemoryFileSystem::Survivors survivors_;
  const uint64_t seed_;
  absl::flat_hash_map<const Node*, std::shared_ptr<Node>> copies_;
};

class MemoryFileSystemImpl : public MemoryFileSystem {
 public:
  MemoryFileSystemImpl() : disk_(std::make_shared<Disk>()) {
    absl::MutexLock lock(&disk_->mutex);
    disk_->root = disk_->NewNode(/*is_directory=*/true);
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("create", path));
    const Parts parts = SplitPath(path);
    if (parts.empty()) return ErrnoStatus("create", path, EEXIST);
    int error = 0;
    const std::shared_ptr<Node> parent = disk_->WalkToParent(parts, &error);
    if (!parent) return ErrnoStatus("create", path, error);
    if (parent->directory.current.contains(parts.back())) {
      return ErrnoStatus("create", path, EEXIST);
    }
    std::shared_ptr<Node> node = disk_->NewNode(/*is_directory=*/false);
    parent->directory.Apply({.from = "", .to = parts.back(), .node = node});
    return std::make_unique<MemoryWritableFile>(disk_, std::move(node), std::string(path));
  }

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    absl::ReaderMutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->CheckRunning("open", path));
    const Parts parts = SplitPath(path);
    int error = 0;
    std::shared_ptr<Node> node = disk_->Walk(parts, parts.size(), &error);
    if (node && node->is_directory) error = EISDIR;
    if (error != 0) return ErrnoStatus("open", path, error);
    const uint64_t size_bytes = node->file.current->size_bytes();
    return std::make_unique<MemoryRandomAccessFile>(disk_, std::move(node), std::string(path),
                                                    size_bytes);
  }

  absl::Status CreateDirectory(absl::string_view path) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("create directory", path));
    const Parts parts = SplitPath(path);
    if (parts.empty()) return absl::OkStatus();
    int error = 0;
    const std::shared_ptr<Node> parent = disk_->WalkToParent(parts, &error);
    if (!parent) return ErrnoStatus("create directory", path, error);
    const auto found = parent->directory.current.find(parts.back());
    if (found != parent->directory.current.end()) {
      if (found->second->is_directory) return absl::OkStatus();
      return ErrnoStatus("create directory", path, EEXIST);
    }
    parent->directory.Apply(
        {.from = "", .to = parts.back(), .node = disk_->NewNode(/*is_directory=*/true)});
    return absl::OkStatus();
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("rename", from));
    const int error = RenameLocked(SplitPath(from), SplitPath(to));
    return error == 0 ? absl::OkStatus() : disk::RenameStatus(from, to, error);
  }

  absl::Status Link(absl::string_view from, absl::string_view to) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("link", to));
    const Parts from_parts = SplitPath(from), to_parts = SplitPath(to);
    int error = 0;
    const std::shared_ptr<Node> node = disk_->Walk(from_parts, from_parts.size(), &error);
    if (!node) return ErrnoStatus("link", from, error);
    if (node->is_directory) return ErrnoStatus("link", from, EISDIR);
    if (to_parts.empty()) return ErrnoStatus("link", to, EEXIST);
    const std::shared_ptr<Node> parent = disk_->WalkToParent(to_parts, &error);
    if (!parent) return ErrnoStatus("link", to, error);
    if (parent->directory.current.contains(to_parts.back())) {
      return ErrnoStatus("link", to, EEXIST);
    }
    parent->directory.Apply({.from = "", .to = to_parts.back(), .node = node});
    return absl::OkStatus();
  }

  absl::Status Remove(absl::string_view path) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("remove", path));
    const Parts parts = SplitPath(path);
    if (parts.empty()) return ErrnoStatus("remove", path, EBUSY);
    int error = 0;
    const std::shared_ptr<Node> parent = disk_->WalkToParent(parts, &error);
    if (!parent) return ErrnoStatus("remove", path, error);
    const auto found = parent->directory.current.find(parts.back());
    if (found == parent->directory.current.end()) return ErrnoStatus("remove", path, ENOENT);
    if (!found->second->directory.current.empty()) return ErrnoStatus("remove", path, ENOTEMPTY);
    parent->directory.Apply({.from = parts.back(), .to = "", .node = nullptr});
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->Begin("sync directory", path));
    KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, FindDirectory("sync directory", path));
    node->directory.Sync();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    absl::ReaderMutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->CheckRunning("list", path));
    KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, FindDirectory("list", path));
    std::vector<std::string> names;
    for (const auto& [name, child] : node->directory.current) names.push_back(name);
    return names;
  }

  absl::StatusOr<bool> Exists(absl::string_view path) override {
    absl::ReaderMutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->CheckRunning("stat", path));
    const Parts parts = SplitPath(path);
    int error = 0;
    return disk_->Walk(parts, parts.size(), &error) != nullptr;
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path,
                                                 absl::string_view owner) override {
    absl::MutexLock lock(&disk_->mutex);
    KYRO_RETURN_IF_ERROR(disk_->CheckRunning("lock", path));
    const Parts parts = SplitPath(path);
    if (parts.empty()) return ErrnoStatus("lock", path, EISDIR);
    int error = 0;
    const std::shared_ptr<Node> parent = disk_->WalkToParent(parts, &error);
    if (!parent) return ErrnoStatus("lock", path, error);
    const auto found = parent->directory.current.find(parts.back());
    std::shared_ptr<Node> node;
    if (found != parent->directory.current.end()) {
      node = found->second;
    } else {
      node = disk_->NewNode(/*is_directory=*/false);
      parent->directory.Apply({.from = "", .to = parts.back(), .node = node});
    }
    if (node->is_directory) return ErrnoStatus("lock", path, EISDIR);
    if (node->file.is_locked) {
      std::string text(static_cast<size_t>(node->file.current->size_bytes()), '\0');
      node->file.current->Read(0, text.size(), text.data());
      return disk::LockedStatus(path, text);
    }
    node->file.Apply({.is_truncate = true, .offset = 0, .bytes = ""});
    node->file.Apply({.offset = 0, .bytes = std::string(owner)});
    node->file.is_locked = true;
    return std::make_unique<MemoryFileLock>(disk_, std::move(node));
  }

  std::unique_ptr<MemoryFileSystem> CrashCopy(Survivors survivors, uint64_t seed) const override {
    auto copy = std::make_unique<MemoryFileSystemImpl>();
    std::shared_ptr<Node> root;
    uint64_t node_count = 0;
    {
      absl::MutexLock lock(&disk_->mutex);
      root = CrashCopier(survivors, seed).Copy(*disk_->root);
      node_count = disk_->node_count;
    }
    absl::MutexLock lock(&copy->disk_->mutex);
    copy->disk_->root = std::move(root);
    copy->disk_->node_count = node_count;
    return copy;
  }

  uint64_t operation_count() const override {
    absl::ReaderMutexLock lock(&disk_->mutex);
    return disk_->operation_count;
  }

  void StopAtOperation(uint64_t operation) override {
    absl::MutexLock lock(&disk_->mutex);
    disk_->stop_at = operation;
    disk_->is_stopped = false;
  }

 private:
  absl::StatusOr<std::shared_ptr<Node>> FindDirectory(absl::string_view operation,
                                                      absl::string_view path) const
      ABSL_SHARED_LOCKS_REQUIRED(disk_->mutex) {
    const Parts parts = SplitPath(path);
    int error = 0;
    std::shared_ptr<Node> node = disk_->Walk(parts, parts.size(), &error);
    if (node && !node->is_directory) error = ENOTDIR;
    if (error != 0) return ErrnoStatus(operation, path, error);
    return node;
  }

  // Returns 0 or the error number that rename(2) would give.
  int RenameLocked(const Parts& from, const Parts& to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mutex) {
    if (from.empty() || to.empty()) return EBUSY;
    int error = 0;
    const std::shared_ptr<Node> from_parent = disk_->WalkToParent(from, &error);
    if (!from_parent) return error;
    const std::shared_ptr<Node> to_parent = disk_->WalkToParent(to, &error);
    if (!to_parent) return error;
    const auto source = from_parent->directory.current.find(from.back());
    if (source == from_parent->directory.current.end()) return ENOENT;
    const std::shared_ptr<Node> node = source->second;
    const auto target = to_parent->directory.current.find(to.back());
    if (target != to_parent->directory.current.end()) {
      if (target->second == node) return 0;
      if (target->second->is_directory && !node->is_directory) return EISDIR;
      if (!target->second->is_directory && node->is_directory) return ENOTDIR;
      if (!target->second->directory.current.empty()) return ENOTEMPTY;
    }
    if (to.size() > from.size() && std::equal(from.begin(), from.end(), to.begin())) return EINVAL;
    if (from_parent == to_parent) {
      from_parent->directory.Apply({.from = from.back(), .to = to.back(), .node = node});
    } else {
      to_parent->directory.Apply({.from = "", .to = to.back(), .node = node});
      from_parent->directory.Apply({.from = from.back(), .to = "", .node = nullptr});
    }
    return 0;
  }

  const std::shared_ptr<Disk> disk_;
};

}  // namespace

std::unique_ptr<MemoryFileSystem> NewMemoryFileSystem() {
  return std::make_unique<MemoryFileSystemImpl>();
}

}  // namespace kyrodb
