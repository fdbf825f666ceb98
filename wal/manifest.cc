#include "wal/manifest.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::wal {

// Not with StrFormat, which ends the process when memory runs out: a destructor in it allocates.
std::string ManifestName(uint64_t number) {
  return absl::StrCat("MANIFEST-", absl::Dec(number, absl::kZeroPad6));
}

namespace {

constexpr uint32_t kManifestMagic = 0x4D59524B;  // "KRYM"
constexpr uint32_t kManifestVersion = 1;
constexpr uint64_t kManifestHeaderBytes = 32;
constexpr uint64_t kPayloadBytesMax = uint64_t{1} << 30;
constexpr char kCurrentName[] = "CURRENT";
constexpr char kTemporaryName[] = "CURRENT.tmp";
constexpr uint64_t kCurrentBytesMax = 64;

bool ParseManifestName(absl::string_view name, uint64_t* number) {
  constexpr absl::string_view kPrefix = "MANIFEST-";
  if (!absl::StartsWith(name, kPrefix)) return false;
  return absl::SimpleAtoi(name.substr(kPrefix.size()), number) && *number > 0 &&
         name == ManifestName(*number);
}

// CURRENT carries a checksum of its own: one flipped digit must not lead to an older manifest.
std::string CurrentText(uint64_t number) {
  const std::string name = ManifestName(number);
  return absl::StrCat(name, " crc32c=", absl::Hex(Crc32c(name), absl::kZeroPad8), "\n");
}

std::string EncodeManifest(uint64_t number, absl::string_view payload) {
  std::string checked;
  checked.reserve(kManifestHeaderBytes + payload.size());
  PutFixed32(&checked, kManifestVersion);
  PutFixed32(&checked, 0);
  PutFixed64(&checked, number);
  PutFixed64(&checked, payload.size());
  checked.append(payload.data(), payload.size());
  std::string bytes;
  bytes.reserve(kManifestHeaderBytes + payload.size());
  PutFixed32(&bytes, kManifestMagic);
  PutFixed32(&bytes, Crc32c(checked));
  return bytes + checked;
}

}  // namespace

bool LooksLikeManifest(absl::string_view bytes) {
  return bytes.size() >= sizeof(uint32_t) && LoadFixed32(bytes.data()) == kManifestMagic;
}

absl::StatusOr<uint64_t> ParseCurrent(absl::string_view path, absl::string_view text) {
  const size_t space = text.find(' ');
  uint64_t number = 0;
  if (space == absl::string_view::npos || !ParseManifestName(text.substr(0, space), &number) ||
      text != CurrentText(number)) {
    return absl::DataLossError(
        absl::StrFormat("%s offset 0 is damaged: it does not name a manifest", path));
  }
  return number;
}

absl::StatusOr<ManifestFile> ParseManifest(absl::string_view path, absl::string_view bytes) {
  const auto damaged = [&](uint64_t offset, absl::string_view what) {
    return absl::DataLossError(absl::StrFormat("%s offset %d is damaged: %s", path, offset, what));
  };
  ByteReader reader(bytes);
  const uint32_t magic = reader.Fixed32();
  const uint32_t crc = reader.Fixed32();
  const uint32_t version = reader.Fixed32();
  if (!reader.ok()) {
    return damaged(0, absl::StrFormat("it has %d bytes, a manifest has at least %d", bytes.size(),
                                      kManifestHeaderBytes));
  }
  if (magic != kManifestMagic) return damaged(0, "it does not begin with \"KRYM\"");
  if (Crc32c(bytes.substr(8)) != crc) return damaged(4, "the checksum does not match");
  if (version > kManifestVersion) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: manifest format version %d is newer than %d, the newest that this "
                        "program reads",
                        path, version, kManifestVersion));
  }
  if (version == 0) return damaged(8, "its format version is 0");
  reader.Fixed32();  // reserved
  const uint64_t number = reader.Fixed64();
  const uint64_t payload_bytes = reader.Fixed64();
  if (!reader.ok() || payload_bytes != reader.rest().size()) {
    return damaged(24, absl::StrFormat("it announces %d bytes and has %d", payload_bytes,
                                       reader.rest().size()));
  }
  return ManifestFile{.number = number, .payload = std::string(reader.rest())};
}

ManifestStore::ManifestStore(FileSystem* file_system, absl::string_view directory)
    : file_system_(file_system), directory_(directory) {}

absl::StatusOr<std::unique_ptr<ManifestStore>> ManifestStore::Open(FileSystem* file_system,
                                                                   absl::string_view directory) {
  std::unique_ptr<ManifestStore> store(new ManifestStore(file_system, directory));
  KYRO_ASSIGN_OR_RETURN(std::vector<std::string> names, file_system->List(directory));
  absl::MutexLock lock(&store->mutex_);
  bool has_current = false;
  for (const std::string& name : names) {
    uint64_t number = 0;
    if (name == kCurrentName) has_current = true;
    if (ParseManifestName(name, &number)) {
      store->number_max_ = std::max(store->number_max_, number);
    }
  }
  const std::string path = JoinPath(directory, kCurrentName);
  if (has_current) {
    absl::StatusOr<std::string> text = ReadFile(*file_system, path, kCurrentBytesMax);
    absl::StatusOr<uint64_t> number =
        text.ok() ? ParseCurrent(path, *text) : absl::StatusOr<uint64_t>(text.status());
    if (number.ok()) {
      store->current_ = *number;
      // The number of the manifest that CURRENT names is taken, even when its file is missing.
      store->number_max_ = std::max(store->number_max_, *number);
      // A process that died between the switch and its sync leaves a CURRENT that only the cache
      // knows. Whoever follows it now must not find another one after a power loss.
      if (absl::Status synced = file_system->SyncDirectory(directory); !synced.ok()) {
        store->poisoned_ = absl::FailedPreconditionError(absl::StrCat(
            "no manifest can be published, ", path, " cannot be made durable: ", synced.message()));
      }
    } else {
      store->damaged_ = number.status();
    }
  } else if (store->number_max_ > 1) {
    // A first `Publish` that crashed leaves number 1 without CURRENT; nothing leaves more.
    store->damaged_ = absl::DataLossError(
        absl::StrFormat("%s is missing, but %s is there", path, ManifestName(store->number_max_)));
  }
  return store;
}

absl::StatusOr<std::optional<std::string>> ManifestStore::Load() const {
  absl::MutexLock lock(&mutex_);
  KYRO_RETURN_IF_ERROR(damaged_);
  if (current_ == 0) return std::nullopt;
  const std::string path = JoinPath(directory_, ManifestName(current_));
  absl::StatusOr<std::string> bytes =
      ReadFile(*file_system_, path, kPayloadBytesMax + kManifestHeaderBytes);
  if (absl::IsNotFound(bytes.status())) {
    return absl::DataLossError(
        absl::StrFormat("%s is missing, but %s names it", path, kCurrentName));
  }
  KYRO_RETURN_IF_ERROR(bytes.status());
  KYRO_ASSIGN_OR_RETURN(ManifestFile manifest, ParseManifest(path, *bytes));
  if (manifest.number != current_) {
    return absl::DataLossError(absl::StrFormat("%s offset 16 is damaged: it is manifest number %d",
                                               path, manifest.number));
  }
  return std::move(manifest.payload);
}

absl::Status ManifestStore::Publish(absl::string_view payload) {
  absl::MutexLock lock(&mutex_);
  KYRO_RETURN_IF_ERROR(damaged_);
  KYRO_RETURN_IF_ERROR(poisoned_);
  if (payload.size() > kPayloadBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a manifest of %d bytes is too large, at most %d are possible",
                        payload.size(), kPayloadBytesMax));
  }
  // Never a number that a failed attempt may have left behind, except that the first stays number
  // 1: a higher one shows that there has been a CURRENT.
  const uint64_t number = current_ == 0 ? 1 : number_max_ + 1;
  number_max_ = number;
  const std::string path = JoinPath(directory_, ManifestName(number));
  const std::string temporary = JoinPath(directory_, kTemporaryName);

  // Up to the rename nothing refers to the new files: a failure leaves everything as it was.
  bool sync_failed = false;
  const auto write = [&](const std::string& name, absl::string_view bytes) -> absl::Status {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, file_system_->Create(name));
    KYRO_RETURN_IF_ERROR(file->Write(0, bytes));
    absl::Status synced = file->Sync();
    sync_failed = !synced.ok();
    KYRO_RETURN_IF_ERROR(synced);
    return file->Close();
  };
  const auto remove = [&](const std::string& name) -> absl::Status {
    absl::Status removed = file_system_->Remove(name);
    return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
  };
  const auto prepare = [&]() -> absl::Status {
    KYRO_RETURN_IF_ERROR(remove(path));  // of a first attempt that crashed
    KYRO_RETURN_IF_ERROR(write(path, EncodeManifest(number, payload)));
    absl::Status synced = file_system_->SyncDirectory(directory_);
    sync_failed = !synced.ok();
    KYRO_RETURN_IF_ERROR(synced);
    KYRO_RETURN_IF_ERROR(remove(temporary));  // of any
    return write(temporary, CurrentText(number));
  };
  if (absl::Status failed = prepare(); !failed.ok()) {
    failed = Annotate(failed, "the manifest was not published, the one before it stays");
    if (sync_failed) {
      poisoned_ = absl::FailedPreconditionError(
          absl::StrCat("no manifest can be published since a sync failed: ", failed.message()));
    }
    file_system_->Remove(temporary).IgnoreError();
    file_system_->Remove(path).IgnoreError();
    return failed;
  }

  // From here on a crash may show the old or the new manifest: both files must stay when something
  // fails, also when there is no memory left to say what.
  const std::string current = JoinPath(directory_, kCurrentName);
  const absl::Status poison = absl::FailedPreconditionError(
      absl::StrCat("no manifest can be published since the switch to ", path, " failed"));
  const absl::Status unknown = absl::UnavailableError(
      absl::StrCat("outcome unknown: the switch to ", path,
                   " failed, reopening the database shows which manifest holds"));
  const absl::Status switched = CatchOutOfMemory([&] {
    absl::Status status = file_system_->Rename(temporary, current);
    if (status.ok()) status = file_system_->SyncDirectory(directory_);
    return status;
  });
  if (!switched.ok()) {
    poisoned_ = poison;
    try {
      poisoned_ =
          absl::FailedPreconditionError(absl::StrCat(poison.message(), ": ", switched.message()));
      return absl::UnavailableError(absl::StrCat(unknown.message(), ": ", switched.message()));
    } catch (const std::bad_alloc&) {
      return unknown;
    }
  }
  const uint64_t previous = std::exchange(current_, number);
  try {
    RemoveOthers(previous);
  } catch (const std::bad_alloc&) {
    // The next one removes them.
  }
  return absl::OkStatus();
}

// Best effort: what stays is tried again after the next `Publish`.
void ManifestStore::RemoveOthers(uint64_t previous) {
  absl::StatusOr<std::vector<std::string>> names = file_system_->List(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    uint64_t number = 0;
    if (!ParseManifestName(name, &number) || number == current_ || number == previous) continue;
    file_system_->Remove(JoinPath(directory_, name)).IgnoreError();
  }
}

uint64_t ManifestStore::number() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

}  // namespace kyrodb::wal
