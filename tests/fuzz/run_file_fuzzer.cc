// Goal:   no bytes make the run reader crash, hang or read out of bounds.
// Method: the first byte of the input chooses: bit 1, whether the rest is a whole file or changes
// to
//         a good one; bit 0, whether the checksums are made right, so that the fuzzer gets past
//         them to the parsing behind. Then everything is read.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/metrics.h"
#include "engine/base/status.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/run.h"
#include "engine/storage/run_writer.h"
#include "tests/engine/storage/run_surgery.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kFileNumber = 1;

// A small run with keys that share slices, versions, deletes and a value of several pages.
const std::string& SampleRun() {
  static const std::string* sample = [] {
    const auto disk = NewMemoryFileSystem();
    RunWriterOptions options;
    options.file_number = kFileNumber;
    options.smallest_key = "table/0000";
    options.largest_key = "table/9999";
    auto writer = RunWriter::Create(*disk, "run", options);
    KYRO_CHECK(writer.ok());
    for (int i = 0; i < 300; ++i) {
      const std::string key = absl::StrFormat("table/%04d/suffix/%d", i / 3, i % 3);
      KYRO_CHECK(
          (*writer)->Add(key, 9, EntryKind::kPut, std::string(i == 7 ? 20000 : 9, 'v')).ok());
      KYRO_CHECK((*writer)->Add(key, 5, EntryKind::kDelete, "").ok());
      const ApartValue apart{.file_number = 3 + static_cast<uint64_t>(i) % 2,
                             .offset = 2000 * static_cast<uint64_t>(i),
                             .size_bytes = 2000,
                             .expiry = 1};
      const auto kind = i % 2 == 0 ? EntryKind::kPut : EntryKind::kExpiringPut;
      if (i % 5 == 0) KYRO_CHECK((*writer)->AddApart(key, 3, kind, apart).ok());
    }
    KYRO_CHECK((*writer)->Finish().ok());
    return new std::string(*ReadFile(*disk, "run"));
  }();
  return *sample;
}

// The tail of a run is 140 bytes after up to 80 KiB of pages, more than a fuzzer invents: the input
// is applied to the sample as changes of (section, place, byte).
std::string Mutate(const uint8_t* data, size_t size) {
  std::string bytes = SampleRun();
  const uint64_t footer_offset = bytes.size() - kRunTailBytes;
  for (size_t i = 0; i + 4 <= size; i += 4) {
    const uint64_t which = data[i] % (kRunSectionCount + 1);
    RunSection section{.offset = footer_offset, .size_bytes = kRunTailBytes};
    if (which < kRunSectionCount) {
      section.offset = LoadFixed64(SampleRun().data() + footer_offset + 16 * which);
      section.size_bytes = LoadFixed64(SampleRun().data() + footer_offset + 16 * which + 8);
    }
    if (section.size_bytes == 0) continue;
    const uint64_t place = (data[i + 1] | uint64_t{data[i + 2]} << 8) % section.size_bytes;
    bytes[section.offset + place] = static_cast<char>(data[i + 3]);
  }
  return bytes;
}

void Read(const std::string& bytes) {
  const auto disk = NewMemoryFileSystem();
  MetricsRegistry metrics;
  BufferPool pool(uint64_t{1} << 20, metrics);
  KYRO_CHECK(WriteFileSynced(*disk, "run", bytes).ok());
  const auto run = Run::Open(*disk, "run", kFileNumber, pool, metrics);
  if (!run.ok()) return;
  for (const char* key : {"", "table/0000/suffix/0", "table/0002/suffix/1", "table/0050",
                          "table/0099/suffix/2", "table/00", "zzz"}) {
    for (const Lsn snapshot : {Lsn{4}, Lsn{5}, kLsnMax}) {
      (*run)->Get(key, snapshot).status().IgnoreError();
      const Epochs::Guard guard = pool.epochs().Enter();
      QuickFind find;
      (*run)->TryGet(KeyProbe(key), snapshot, {}, &find);
    }
    (*run)->LatestLsn(key).status().IgnoreError();
    (*run)->KeyBefore(key).status().IgnoreError();
  }
  for (const auto access : {Run::Access::kCached, Run::Access::kSequential}) {
    const auto iterator = (*run)->NewIterator(access);
    uint64_t count = 0;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++count;
    // Every version takes two bytes of the file at least.
    KYRO_CHECK(count <= bytes.size());
  }
}

}  // namespace
}  // namespace kyrodb::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t mode = data[0];
  std::string bytes = mode & 2 ? kyrodb::engine::Mutate(data + 1, size - 1)
                               : std::string(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (mode & 1) kyrodb::engine::ResealRun(&bytes);
  kyrodb::engine::Read(bytes);
  return 0;
}
