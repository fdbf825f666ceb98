// Goal: no bytes on disk crash recovery or the manifest reader, or make them give records out of
// order. Method: libFuzzer's bytes become a log segment (their checksums repaired in half of the
// runs, or nothing past the first check would ever be reached), a second segment, and a manifest.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/status.h"
#include "wal/cursor.h"
#include "wal/log.h"
#include "wal/manifest.h"
#include "wal/recovery.h"

namespace {

constexpr uint64_t kDatabaseId = 1;
constexpr size_t kFrameHeaderBytes = 80;

// Walks the frames by their lengths and makes them belong here: place, identity and checksum.
void RepairFrames(std::string* bytes, uint64_t segment_id) {
  size_t offset = 0;
  while (bytes->size() - offset >= kFrameHeaderBytes) {
    char* frame = bytes->data() + offset;
    const size_t room = bytes->size() - offset - kFrameHeaderBytes;
    const uint32_t payload_bytes =
        static_cast<uint32_t>(std::min<size_t>(kyrodb::LoadFixed32(frame + 12) % 512, room));
    const uint32_t place = static_cast<uint32_t>(offset);
    std::memcpy(frame, "KYWF", 4);
    std::memcpy(frame + 12, &payload_bytes, 4);
    std::memcpy(frame + 20, &place, 4);
    std::memcpy(frame + 24, &kDatabaseId, 8);
    std::memcpy(frame + 48, &segment_id, 8);
    const size_t size = kFrameHeaderBytes + payload_bytes;
    const uint32_t crc = kyrodb::Crc32c(absl::string_view(frame + 8, size - 8));
    std::memcpy(frame + 4, &crc, 4);
    offset += size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using kyrodb::wal::Lsn;
  if (size < 3 || size > (1 << 16)) return 0;
  const bool repair = (data[0] & 1) != 0;
  const Lsn replay_from = 1 + (data[0] >> 4);
  const absl::string_view input(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t cut = std::min<size_t>(input.size(), (size_t{data[1]} << 8) | data[2]);
  std::string first(input.substr(0, cut));
  std::string second(input.substr(cut));
  if (repair) {
    RepairFrames(&first, 1);
    RepairFrames(&second, 2);
  }

  std::unique_ptr<kyrodb::MemoryFileSystem> disk = kyrodb::NewMemoryFileSystem();
  KYRO_CHECK(disk->CreateDirectory("/db").ok());
  KYRO_CHECK(kyrodb::WriteFileSynced(*disk, "/db/wal-0000000000000001.log", first).ok());
  KYRO_CHECK(kyrodb::WriteFileSynced(*disk, "/db/wal-0000000000000002.log", second).ok());
  Lsn expected = replay_from;
  const auto recovered = kyrodb::wal::Recover({.file_system = disk.get(),
                                               .directory = "/db",
                                               .database_id = kDatabaseId,
                                               .replay_from_lsn = replay_from},
                                              [&](Lsn lsn, absl::string_view) {
                                                KYRO_CHECK(lsn == expected);
                                                ++expected;
                                                return absl::OkStatus();
                                              });
  if (recovered.ok() && !recovered->damage.has_value() && recovered->last_lsn < ~Lsn{0} / 2 &&
      recovered->epoch_max < ~uint64_t{0}) {
    kyrodb::wal::LogOptions options;
    options.file_system = disk.get();
    options.directory = "/db";
    options.database_id = kDatabaseId;
    options.segment_bytes = 4096;
    options.prefill_chunk_bytes = 0;
    options.idle_marker_ms = 0;
    auto log = kyrodb::wal::Log::Open(options, *recovered);
    if (log.ok()) {
      KYRO_CHECK((*log)->Append("x").value() == recovered->last_lsn + 1);
      kyrodb::wal::Cursor cursor(log->get(), replay_from);
      for (int i = 0; i < 100; ++i) {
        const auto entry = cursor.Next();
        if (!entry.ok() || !entry->has_value()) break;
      }
    }
  }

  KYRO_CHECK(kyrodb::WriteFileSynced(*disk, "/db/CURRENT", input).ok());
  KYRO_CHECK(kyrodb::WriteFileSynced(*disk, "/db/MANIFEST-000001", input).ok());
  if (auto store = kyrodb::wal::ManifestStore::Open(disk.get(), "/db"); store.ok()) {
    (void)(*store)->Load();
  }
  // Past a CURRENT that is right, so that the manifest itself is read.
  KYRO_CHECK(disk->Remove("/db/CURRENT").ok());
  KYRO_CHECK(disk->Remove("/db/MANIFEST-000001").ok());
  auto store = kyrodb::wal::ManifestStore::Open(disk.get(), "/db");
  KYRO_CHECK(store.ok() && (*store)->Publish("x").ok());
  std::string manifest(input);
  if (repair && manifest.size() >= 32) {
    std::memcpy(manifest.data(), "KRYM", 4);
    const uint32_t crc = kyrodb::Crc32c(absl::string_view(manifest).substr(8));
    std::memcpy(manifest.data() + 4, &crc, 4);
  }
  KYRO_CHECK(disk->Remove("/db/MANIFEST-000001").ok());
  KYRO_CHECK(kyrodb::WriteFileSynced(*disk, "/db/MANIFEST-000001", manifest).ok());
  (void)(*store)->Load();
  return 0;
}
