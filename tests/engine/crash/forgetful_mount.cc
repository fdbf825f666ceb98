#include "tests/engine/crash/forgetful_mount.h"

#ifdef KYRO_HAVE_FUSE
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/random.h"

namespace kyrodb::engine {

#ifdef KYRO_HAVE_FUSE
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kRootId = FUSE_ROOT_ID;

using Names = std::map<std::string, uint64_t>;

struct Node {
  uint64_t id = 0;
  bool is_directory = false;
  // Of a file: as processes see it, as the disk has it, and which pages may differ.
  std::string bytes, durable_bytes;
  std::set<uint64_t> dirty_pages;
  // Of a directory.
  Names names, durable_names;
};

// One change of names: `name` in `directory` leads to `id`, or to nothing; of a rename two at once.
struct NameChange {
  struct Part {
    uint64_t directory = 0;
    std::string name;
    std::optional<uint64_t> id;
  };
  std::vector<Part> parts;
};

// The two views of the files, without the kernel. Errors are negative numbers of errno, or 0.
class ForgetfulDisk {
 public:
  ForgetfulDisk() { NewNode(/*is_directory=*/true); }

  Node* Find(uint64_t id) {
    const auto it = nodes_.find(id);
    return it == nodes_.end() ? nullptr : &it->second;
  }
  Node* Look(uint64_t directory, const std::string& name) {
    Node* const parent = Find(directory);
    if (parent == nullptr) return nullptr;
    const auto it = parent->names.find(name);
    return it == parent->names.end() ? nullptr : Find(it->second);
  }

  Node* Make(uint64_t directory, const std::string& name, bool is_directory) {
    Node& made = NewNode(is_directory);
    Change({{{directory, name, made.id}}});
    return &made;
  }
  void Link(uint64_t directory, const std::string& name, uint64_t id) {
    Change({{{directory, name, id}}});
  }
  void Unlink(uint64_t directory, const std::string& name) {
    Change({{{directory, name, std::nullopt}}});
  }
  void Rename(uint64_t from_directory, const std::string& from, uint64_t to_directory,
              const std::string& to) {
    const uint64_t id = Look(from_directory, from)->id;
    Change({{{from_directory, from, std::nullopt}, {to_directory, to, id}}});
  }

  void Write(Node& file, uint64_t offset, const char* bytes, size_t size) {
    if (file.bytes.size() < offset + size) Resize(file, offset + size);
    std::memcpy(file.bytes.data() + offset, bytes, size);
    MarkDirty(file, offset, offset + size);
  }
  void Resize(Node& file, uint64_t size) {
    const uint64_t before = file.bytes.size();
    file.bytes.resize(size);
    MarkDirty(file, std::min(before, size), std::max(before, size));
  }
  void Sync(Node& node) {
    if (!node.is_directory) {
      node.durable_bytes.resize(node.bytes.size());
      for (const uint64_t page : node.dirty_pages) CopyDurable(node, page * kPageBytes, kPageBytes);
      node.dirty_pages.clear();
      return;
    }
    // The changes that concern this directory, in their order; of the others none.
    std::vector<NameChange> rest;
    for (NameChange& change : pending_) {
      const bool concerns =
          std::any_of(change.parts.begin(), change.parts.end(),
                      [&](const NameChange::Part& part) { return part.directory == node.id; });
      if (concerns) {
        MakeDurable(change);
      } else {
        rest.push_back(std::move(change));
      }
    }
    pending_ = std::move(rest);
  }

  void LosePower(uint64_t seed) {
    Random random(seed);
    // Nothing, everything, or the changes up to some moment.
    const size_t kept = random.OneIn(3)   ? 0
                        : random.OneIn(2) ? pending_.size()
                                          : random.Uniform(pending_.size() + 1);
    for (size_t i = 0; i < kept; ++i) MakeDurable(pending_[i]);
    lost_names_ += pending_.size() - kept;
    pending_.clear();
    for (auto& [id, node] : nodes_) {
      if (node.is_directory) {
        node.names = node.durable_names;
      } else {
        LoseBytes(node, random);
      }
    }
    ForgetUnreachable();
  }

  uint64_t lost_names() const { return lost_names_; }
  uint64_t lost_sectors() const { return lost_sectors_; }

 private:
  Node& NewNode(bool is_directory) {
    const uint64_t id = next_id_++;
    Node& node = nodes_[id];
    node.id = id;
    node.is_directory = is_directory;
    return node;
  }

  static void Apply(const NameChange::Part& part, Names* names) {
    if (part.id.has_value()) {
      (*names)[part.name] = *part.id;
    } else {
      names->erase(part.name);
    }
  }
  void Change(NameChange change) {
    for (const NameChange::Part& part : change.parts) Apply(part, &Find(part.directory)->names);
    pending_.push_back(std::move(change));
  }
  void MakeDurable(const NameChange& change) {
    for (const NameChange::Part& part : change.parts) {
      if (Node* directory = Find(part.directory)) Apply(part, &directory->durable_names);
    }
  }

  static void MarkDirty(Node& file, uint64_t begin, uint64_t end) {
    for (uint64_t page = begin / kPageBytes; page * kPageBytes < end; ++page) {
      file.dirty_pages.insert(page);
    }
  }
  static void CopyDurable(Node& file, uint64_t offset, uint64_t size) {
    const uint64_t end = std::min({offset + size, static_cast<uint64_t>(file.bytes.size()),
                                   static_cast<uint64_t>(file.durable_bytes.size())});
    if (offset < end) {
      std::memcpy(file.durable_bytes.data() + offset, file.bytes.data() + offset, end - offset);
    }
  }
  void LoseBytes(Node& file, Random& random) {
    if (!file.dirty_pages.empty()) {
      // The length may have been written before the bytes, or after.
      if (random.OneIn(2)) file.durable_bytes.resize(file.bytes.size());
      const uint64_t survive_percent = random.OneIn(3) ? 0 : random.Uniform(101);
      for (const uint64_t page : file.dirty_pages) {
        for (uint64_t at = page * kPageBytes; at < (page + 1) * kPageBytes; at += kSectorBytes) {
          if (random.Uniform(100) < survive_percent) {
            CopyDurable(file, at, kSectorBytes);
          } else {
            ++lost_sectors_;
          }
        }
      }
    }
    file.dirty_pages.clear();
    file.bytes = file.durable_bytes;
  }
  void ForgetUnreachable() {
    std::set<uint64_t> reachable = {kRootId};
    std::vector<uint64_t> open = {kRootId};
    while (!open.empty()) {
      const Node& node = nodes_.at(open.back());
      open.pop_back();
      for (const auto& [name, id] : node.names) {
        if (reachable.insert(id).second) open.push_back(id);
      }
    }
    std::erase_if(nodes_, [&](const auto& entry) { return !reachable.contains(entry.first); });
  }

  std::map<uint64_t, Node> nodes_;
  std::vector<NameChange> pending_;
  uint64_t next_id_ = kRootId;
  uint64_t lost_names_ = 0;
  uint64_t lost_sectors_ = 0;
};

// What the kernel asks, answered from the disk. It caches nothing: it may not know of power losses.
class FuseMount final : public ForgetfulMount {
 public:
  ~FuseMount() override {
    if (session_ == nullptr) return;
    if (thread_.joinable()) {
      fuse_session_exit(session_);
      fuse_session_unmount(session_);
      thread_.join();
    }
    fuse_session_destroy(session_);
  }

  absl::Status Start(const std::string& directory) {
    char name[] = "forgetful";
    char* arguments[] = {name, nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    static const fuse_lowlevel_ops kOperations = Operations();
    session_ = fuse_session_new(&args, &kOperations, sizeof(kOperations), this);
    if (session_ == nullptr) return absl::UnavailableError("libfuse3 makes no session");
    if (fuse_session_mount(session_, directory.c_str()) != 0) {
      return absl::UnavailableError(absl::StrCat("cannot mount a FUSE file system on ", directory));
    }
    thread_ = std::thread([this] { fuse_session_loop(session_); });
    return absl::OkStatus();
  }

  void LosePower(uint64_t seed) override {
    std::lock_guard lock(mutex_);
    disk_.LosePower(seed);
  }
  uint64_t lost_name_count() const override {
    std::lock_guard lock(mutex_);
    return disk_.lost_names();
  }
  uint64_t lost_sector_count() const override {
    std::lock_guard lock(mutex_);
    return disk_.lost_sectors();
  }

 private:
  static FuseMount& Of(fuse_req_t request) {
    return *static_cast<FuseMount*>(fuse_req_userdata(request));
  }
  static struct stat StatOf(const Node& node) {
    struct stat info = {};
    info.st_ino = node.id;
    info.st_mode = node.is_directory ? S_IFDIR | 0700 : S_IFREG | 0600;
    info.st_nlink = 1;
    info.st_size = static_cast<off_t>(node.bytes.size());
    return info;
  }
  static fuse_entry_param EntryOf(const Node& node) {
    fuse_entry_param entry = {};
    entry.ino = node.id;
    entry.attr = StatOf(node);
    return entry;
  }
  // Calls `answer` with the node and the lock held; without a node the request fails.
  template <typename Answer>
  static void WithNode(fuse_req_t request, fuse_ino_t id, const Answer& answer) {
    FuseMount& mount = Of(request);
    std::lock_guard lock(mount.mutex_);
    Node* const node = mount.disk_.Find(id);
    if (node == nullptr) {
      fuse_reply_err(request, ENOENT);
    } else {
      answer(mount.disk_, *node);
    }
  }

  static void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    WithNode(request, parent, [&](ForgetfulDisk& disk, Node&) {
      const Node* const found = disk.Look(parent, name);
      if (found == nullptr) {
        fuse_reply_err(request, ENOENT);
        return;
      }
      const fuse_entry_param entry = EntryOf(*found);
      fuse_reply_entry(request, &entry);
    });
  }
  static void GetAttributes(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk&, Node& node) {
      const struct stat info = StatOf(node);
      fuse_reply_attr(request, &info, 0);
    });
  }
  static void SetAttributes(fuse_req_t request, fuse_ino_t id, struct stat* wanted, int which,
                            fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      if ((which & FUSE_SET_ATTR_SIZE) != 0) {
        disk.Resize(node, static_cast<uint64_t>(wanted->st_size));
      }
      const struct stat info = StatOf(node);
      fuse_reply_attr(request, &info, 0);
    });
  }
  static void MakeDirectory(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t) {
    WithNode(request, parent, [&](ForgetfulDisk& disk, Node&) {
      const fuse_entry_param entry = EntryOf(*disk.Make(parent, name, /*is_directory=*/true));
      fuse_reply_entry(request, &entry);
    });
  }
  static void Create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t,
                     fuse_file_info* file) {
    WithNode(request, parent, [&](ForgetfulDisk& disk, Node&) {
      const fuse_entry_param entry = EntryOf(*disk.Make(parent, name, /*is_directory=*/false));
      file->direct_io = 1;
      fuse_reply_create(request, &entry, file);
    });
  }
  static void Remove(fuse_req_t request, fuse_ino_t parent, const char* name) {
    WithNode(request, parent, [&](ForgetfulDisk& disk, Node&) {
      const Node* const found = disk.Look(parent, name);
      if (found != nullptr && found->names.empty()) disk.Unlink(parent, name);
      fuse_reply_err(request, found == nullptr ? ENOENT : found->names.empty() ? 0 : ENOTEMPTY);
    });
  }
  static void Rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                     const char* new_name, unsigned flags) {
    WithNode(request, parent, [&](ForgetfulDisk& disk, Node&) {
      const bool is_possible = flags == 0 && disk.Look(parent, name) != nullptr;
      if (is_possible) disk.Rename(parent, name, new_parent, new_name);
      fuse_reply_err(request, is_possible ? 0 : flags == 0 ? ENOENT : EINVAL);
    });
  }
  static void Link(fuse_req_t request, fuse_ino_t id, fuse_ino_t new_parent, const char* new_name) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      disk.Link(new_parent, new_name, id);
      const fuse_entry_param entry = EntryOf(node);
      fuse_reply_entry(request, &entry);
    });
  }
  static void Open(fuse_req_t request, fuse_ino_t id, fuse_file_info* file) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      if ((file->flags & O_TRUNC) != 0) disk.Resize(node, 0);
      file->direct_io = 1;
      fuse_reply_open(request, file);
    });
  }
  static void Read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk&, Node& node) {
      const auto begin = std::min(static_cast<size_t>(offset), node.bytes.size());
      fuse_reply_buf(request, node.bytes.data() + begin, std::min(size, node.bytes.size() - begin));
    });
  }
  static void Write(fuse_req_t request, fuse_ino_t id, const char* bytes, size_t size, off_t offset,
                    fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      disk.Write(node, static_cast<uint64_t>(offset), bytes, size);
      fuse_reply_write(request, size);
    });
  }
  static void Sync(fuse_req_t request, fuse_ino_t id, int, fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      disk.Sync(node);
      fuse_reply_err(request, 0);
    });
  }
  // Entries are numbered by their place; who lists while names change may miss some, as elsewhere.
  static void List(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, fuse_file_info*) {
    WithNode(request, id, [&](ForgetfulDisk& disk, Node& node) {
      std::string buffer(size, '\0');
      size_t used = 0;
      off_t place = 0;
      for (const auto& [name, child] : node.names) {
        if (++place <= offset) continue;
        const Node* const found = disk.Find(child);
        if (found == nullptr) continue;
        const struct stat info = StatOf(*found);
        const size_t needed = fuse_add_direntry(request, buffer.data() + used, size - used,
                                                name.c_str(), &info, place);
        if (needed > size - used) break;
        used += needed;
      }
      fuse_reply_buf(request, buffer.data(), used);
    });
  }

  static fuse_lowlevel_ops Operations() {
    fuse_lowlevel_ops operations = {};
    operations.lookup = Lookup;
    operations.getattr = GetAttributes;
    operations.setattr = SetAttributes;
    operations.mkdir = MakeDirectory;
    operations.create = Create;
    operations.unlink = Remove;
    operations.rmdir = Remove;
    operations.rename = Rename;
    operations.link = Link;
    operations.open = Open;
    operations.read = Read;
    operations.write = Write;
    operations.fsync = Sync;
    operations.fsyncdir = Sync;
    operations.readdir = List;
    return operations;
  }

  fuse_session* session_ = nullptr;
  std::thread thread_;
  mutable std::mutex mutex_;
  ForgetfulDisk disk_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ForgetfulMount>> ForgetfulMount::Mount(
    const std::string& directory) {
  auto mount = std::make_unique<FuseMount>();
  if (absl::Status status = mount->Start(directory); !status.ok()) return status;
  return mount;
}

#else

absl::StatusOr<std::unique_ptr<ForgetfulMount>> ForgetfulMount::Mount(const std::string&) {
  return absl::UnavailableError("this program was built without libfuse3 (package libfuse3-dev)");
}

#endif

}  // namespace kyrodb::engine
