// Rows of 4 KiB: written in random order, a part of them written again, until background work has
// settled. What it costs is the bytes that the process hands to the operating system for each byte
// of the rows, and the space that the files take in the end.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "bench/kv/workloads.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

constexpr char kCase[] = "rows of 4 KiB in random order, half of them twice, until settled";
constexpr size_t kLargeBytes = 4096;

// Incompressible, and a function of row and version.
void FillValue(uint64_t number, uint64_t version, std::string* value) {
  value->resize(kLargeBytes);
  Random random(SplitMix64(number) ^ version);
  for (size_t i = 0; i < kLargeBytes; i += 8) {
    const uint64_t word = random.Next();
    std::memcpy(value->data() + i, &word, sizeof(word));
  }
}

// Bytes of all writes of this process so far (proc(5), `wchar`).
uint64_t WrittenBytes() {
  uint64_t bytes = 0;
  std::FILE* const file = std::fopen("/proc/self/io", "r");
  if (file == nullptr) return 0;
  char line[128];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    std::sscanf(line, "wchar: %" SCNu64, &bytes);
  }
  std::fclose(file);
  return bytes;
}

uint64_t FileBytes(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

struct Contestant {
  const char* system;
  std::function<absl::StatusOr<std::unique_ptr<Store>>(StoreOptions)> open;
};

std::vector<Contestant> Contestants() {
  const auto kyro = [](uint64_t large_value_bytes) {
    return [large_value_bytes](StoreOptions options) -> absl::StatusOr<std::unique_ptr<Store>> {
      options.large_value_bytes = large_value_bytes;
      return OpenKyroStore(options);
    };
  };
  const auto rocks = [](RocksConfiguration configuration) {
    return [configuration](const StoreOptions& options) {
      return OpenRocksStore(options, configuration);
    };
  };
  return {{"kyrodb", kyro(1024)},
          {"kyrodb, values in runs", kyro(0)},
          {"rocksdb-default", rocks(RocksConfiguration::kDefault)},
          {"rocksdb-blob-files", rocks(RocksConfiguration::kBlobFiles)}};
}

void CheckSome(Store& store, uint64_t rows, const std::vector<uint8_t>& versions) {
  const std::unique_ptr<Reader> reader = store.NewReader();
  Random random(1);
  std::string expected;
  absl::string_view value;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t number = random.Uniform(rows);
    FillValue(number, versions[number], &expected);
    if (!reader->Get(KeyOf(number), &value) || value != expected) {
      Check(absl::InternalError("a row is missing or wrong"), store.name());
    }
  }
}

void Measure(Workbench& bench, const Contestant& contestant, uint64_t rows) {
  const StoreOptions options{.directory = bench.FreshDirectory("large"), .sync = false};
  absl::StatusOr<std::unique_ptr<Store>> store = contestant.open(options);
  Check(store.status(), contestant.system);
  Say(absl::StrCat(kCase, ": ", contestant.system));
  const uint64_t written_before = WrittenBytes();
  const Stopwatch stopwatch;
  std::vector<uint8_t> versions(rows, 1);
  uint64_t count = 0;
  {
    const std::unique_ptr<Session> session = (*store)->NewSession();
    std::string value;
    const auto write = [&](uint64_t number) {
      FillValue(number, versions[number], &value);
      session->Put(KeyOf(number), value);
      ++count;
    };
    for (const uint64_t number : NumbersInRandomOrder(0, rows, bench.flags.seed)) write(number);
    Random random(bench.flags.seed);
    for (uint64_t i = 0; i < rows / 2; ++i) {
      const uint64_t number = random.Uniform(rows);
      ++versions[number];
      write(number);
    }
  }
  Check((*store)->Settle(), contestant.system);
  bench.AddWork(kCase, contestant.system, stopwatch.spent(), count);
  const auto user_bytes = static_cast<double>(count * (kLargeBytes + kKeyBytes));
  bench.record.Add(kCase, "bytes written for each byte of the rows", "", Better::kLower,
                   contestant.system,
                   static_cast<double>(WrittenBytes() - written_before) / user_bytes);
  CheckSome(**store, rows, versions);
  Say((*store)->State());
  store->reset();
  bench.record.Add(kCase, "bytes of files for each byte of the newest rows", "", Better::kLower,
                   contestant.system,
                   static_cast<double>(FileBytes(options.directory)) /
                       static_cast<double>(rows * (kLargeBytes + kKeyBytes)));
  bench.RemoveDirectory("large");
}

}  // namespace

void RunLarge(Workbench& bench) {
  const uint64_t rows = std::max<uint64_t>(bench.flags.keys / 25, 100);
  if (!bench.WantsCase(kCase)) return;
  const std::vector<Contestant> contestants = Contestants();
  for (uint64_t round = 0; round < bench.flags.load_rounds; ++round) {
    for (size_t turn = 0; turn < contestants.size(); ++turn) {
      const Contestant& contestant = contestants[(turn + round) % contestants.size()];
      if (bench.WantsSystem(contestant.system)) Measure(bench, contestant, rows);
    }
  }
}

}  // namespace kyrodb::bench
