// Reads. Ours has to go through the whole read path: a memtable with rows that overwrite older
// ones, and four runs of about 1, 4, 15 and 80 % of the rows that are not merged, while an older
// snapshot is held. The peers are compacted first, which is their best case; then they get the same
// late rows, which stay in their memtables where they have one.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/kv/distribution.h"
#include "bench/kv/store.h"
#include "bench/kv/workloads.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

constexpr char kGetPresent[] = "cached get, present key";
constexpr char kGetAbsent[] = "cached get, absent key";
constexpr char kCommit[] = "durable commit of one row, 1 thread";
constexpr uint64_t kScanRows = 100;
constexpr size_t kBatchKeys = 64;
constexpr uint64_t kVerifiedKeys = 20000;
constexpr double kPartShares[] = {0.80, 0.15, 0.04, 0.01};

// What a turn has read, to be the same for every store.
struct Answer {
  uint64_t found = 0;
  uint64_t digest = 0;
  bool operator==(const Answer&) const = default;
};

// Which rows there are, and which of them were written twice.
struct Data {
  uint64_t loaded;       // numbers [0, loaded) come first, version 0
  uint64_t overwritten;  // every `stride`-th of them is written again, as version 1
  uint64_t stride;
  uint64_t total;  // numbers [loaded, total) come late, version 0

  explicit Data(const Flags& flags)
      : loaded(flags.keys),
        overwritten(std::min(flags.memtable_rows, flags.keys / 20) / 2),
        stride(overwritten == 0 ? 1 : loaded / overwritten),
        total(loaded + overwritten) {}
  uint64_t VersionOf(uint64_t number) const {
    return number < overwritten * stride && number % stride == 0 ? 1 : 0;
  }
  Rows LateRows(uint64_t seed) const {
    Rows rows;
    for (const uint64_t i : NumbersInRandomOrder(0, 2 * overwritten, seed)) {
      const bool is_new = i >= overwritten;
      rows.Add(is_new ? loaded + i - overwritten : i * stride, is_new ? 0 : 1);
    }
    return rows;
  }
};

struct Contestant {
  std::string system;  // and its directory
  std::unique_ptr<Store> store;
};

class ReadBench {
 public:
  explicit ReadBench(Workbench& bench)
      : bench_(bench),
        data_(bench.flags),
        cache_bytes_(std::max(data_.total * 116 * 2, kCacheMin)) {}

  void Run() {
    Load();
    Rounds("cached", AllStores(), CachedLoops());
    NameBestRocks();
    bench_.Save();
    Quarter();
    bench_.Save();
    Commits();
    Close();
  }

 private:
  static constexpr uint64_t kCacheMin = uint64_t{256} << 20;
  static constexpr uint64_t kQuarterMin = uint64_t{1} << 20;  // no buffer pool is smaller
  struct Loop {
    std::string case_name;
    uint64_t count;
    // Reads by numbers that `seed` decides; false when the store has no such read.
    std::function<bool(Reader&, uint64_t seed, Answer*)> body;
  };

  StoreOptions OptionsOf(absl::string_view system) const {
    return {.directory = bench_.FreshDirectory(system), .sync = true, .cache_bytes = cache_bytes_};
  }

  using Opener = absl::FunctionRef<absl::StatusOr<std::unique_ptr<Store>>(const StoreOptions&)>;
  void Add(absl::string_view system, const Rows& sorted, Opener open) {
    if (!bench_.WantsSystem(system)) return;
    absl::StatusOr<std::unique_ptr<Store>> store = open(OptionsOf(system));
    Check(store.status(), system);
    Say(absl::StrCat("loading ", (*store)->name()));
    Check((*store)->LoadSorted(sorted), (*store)->name());
    Check((*store)->Compact(), (*store)->name());
    contestants_.push_back({std::string(system), *std::move(store)});
  }

  void LoadOurs() {
    if (!bench_.WantsSystem("kyrodb")) return;
    absl::StatusOr<std::unique_ptr<PartedStore>> ours = OpenKyroStore(OptionsOf("kyrodb"));
    Check(ours.status(), "kyrodb: open");
    Say("loading kyrodb");
    uint64_t begin = 0;
    double share = 0;
    for (const double part : kPartShares) {
      share += part;
      const auto end = static_cast<uint64_t>(share * static_cast<double>(data_.loaded) + 0.5);
      Check((*ours)->LoadRun(RowsOf(NumbersInKeyOrder(begin, end))), "kyrodb: load");
      begin = end;
    }
    old_snapshot_ = (*ours)->NewReader();
    contestants_.push_back({"kyrodb", *std::move(ours)});
  }

  void LoadPeers() {
    const Rows sorted = RowsOf(NumbersInKeyOrder(0, data_.loaded));
    const auto rocks = [&](absl::string_view system, RocksConfiguration configuration) {
      Add(system, sorted,
          [&](const StoreOptions& options) { return OpenRocksStore(options, configuration); });
    };
    rocks("rocksdb-default", RocksConfiguration::kDefault);
    rocks("rocksdb-block-cache", RocksConfiguration::kBlockCache);
    rocks("rocksdb-mapped", RocksConfiguration::kMapped);
    rocks("rocksdb-plain", RocksConfiguration::kPlainTable);
    Add("lmdb", sorted,
        [](const StoreOptions& options) { return OpenLmdbStore(options, /*writable_map=*/false); });
    Add("leveldb-default", sorted,
        [](const StoreOptions& options) { return OpenLevelStore(options, /*tuned=*/false); });
    Add("leveldb-tuned", sorted,
        [](const StoreOptions& options) { return OpenLevelStore(options, /*tuned=*/true); });
    Add("sqlite", sorted, OpenSqliteStore);
  }

  void Load() {
    LoadOurs();
    LoadPeers();
    const Rows late = data_.LateRows(bench_.flags.seed);
    for (Contestant& contestant : contestants_) {
      Check(contestant.store->Write(late, 0, late.size(), 1000), contestant.store->name());
    }
    for (Contestant& contestant : contestants_) {
      // Its log is not a memtable: reads are better off without it.
      if (contestant.system == "sqlite") Check(contestant.store->Settle(), "sqlite");
      Verify(*contestant.store);
      if (const std::string state = contestant.store->State(); !state.empty()) {
        Say(absl::StrCat(contestant.store->name(), ": ", state));
        bench_.report.AddFlag(absl::StrCat("state of ", contestant.store->name()), state);
      }
    }
    absl::string_view value;
    if (old_snapshot_ != nullptr && data_.overwritten > 0 &&
        !(old_snapshot_->Get(KeyOf(0), &value) && value == ValueOf(0, 0))) {
      Check(absl::InternalError("an old snapshot sees a new row"), "kyrodb");
    }
  }

  // Compares whole values, present and absent, outside of any measurement; reads everything once.
  void Verify(Store& store) {
    const std::unique_ptr<Reader> reader = store.NewReader();
    uint64_t count = 0;
    std::string last;
    if (reader->Scan("", data_.total + 1,
                     [&](absl::string_view key, absl::string_view) {
                       if (count++ > 0 && key <= last)
                         Check(absl::InternalError("keys out of order"), "scan");
                       last.assign(key.data(), key.size());
                     }) &&
        count != data_.total) {
      Check(absl::InternalError(absl::StrCat("a scan saw ", count, " rows of ", data_.total)),
            store.name());
    }
    Random random(bench_.flags.seed);
    absl::string_view value;
    for (uint64_t i = 0; i < kVerifiedKeys; ++i) {
      const uint64_t number = random.Uniform(data_.total);
      if (!reader->Get(KeyOf(number), &value) ||
          value != ValueOf(number, data_.VersionOf(number))) {
        Check(absl::InternalError(absl::StrCat("row ", number, " is wrong")), store.name());
      }
      if (reader->Get(KeyOf(kAbsentNumber + number), &value)) {
        Check(absl::InternalError("an absent row was found"), store.name());
      }
    }
  }

  std::vector<Store*> AllStores() {
    std::vector<Store*> stores;
    for (const Contestant& contestant : contestants_) stores.push_back(contestant.store.get());
    return stores;
  }

  Loop Gets(std::string case_name, Distribution distribution, uint64_t count, uint64_t first) {
    auto picker = std::make_shared<RowPicker>(distribution, data_.total);
    return {std::move(case_name), count,
            [picker, count, first](Reader& reader, uint64_t seed, Answer* answer) {
              Random random(seed);
              absl::string_view value;
              for (uint64_t i = 0; i < count; ++i) {
                if (!reader.Get(KeyOf(first + picker->Next(random)), &value)) continue;
                ++answer->found;
                answer->digest += Digest(value);
              }
              return true;
            }};
  }
  Loop Batches() {
    const uint64_t total = data_.total;
    const uint64_t count = bench_.flags.gets / kBatchKeys * kBatchKeys;
    return {absl::StrCat("cached get, batches of ", kBatchKeys), count,
            [total, count](Reader& reader, uint64_t seed, Answer* answer) {
              Random random(seed);
              Key keys[kBatchKeys];
              absl::string_view views[kBatchKeys];
              for (uint64_t i = 0; i < count; i += kBatchKeys) {
                for (size_t j = 0; j < kBatchKeys; ++j) {
                  keys[j] = KeyOf(random.Uniform(total));
                  views[j] = keys[j];
                }
                if (!reader.MultiGet(views, [&](size_t, absl::string_view value) {
                      ++answer->found;
                      answer->digest += Digest(value);
                    })) {
                  return false;
                }
              }
              return true;
            }};
  }
  Loop Scans(std::string case_name, bool back) {
    const uint64_t total = data_.total;
    const uint64_t count = bench_.flags.scans;
    return {std::move(case_name), count,
            [total, count, back](Reader& reader, uint64_t seed, Answer* answer) {
              Random random(seed);
              const auto visit = [&](absl::string_view key, absl::string_view value) {
                ++answer->found;
                answer->digest += Digest(key) ^ Digest(value);
              };
              for (uint64_t i = 0; i < count; ++i) {
                const Key key = KeyOf(random.Uniform(total));
                if (!(back ? reader.ScanBack(key, kScanRows, visit)
                           : reader.Scan(key, kScanRows, visit))) {
                  return false;
                }
              }
              return true;
            }};
  }
  std::vector<Loop> CachedLoops() {
    const uint64_t gets = bench_.flags.gets;
    return {Gets(kGetPresent, Distribution::kUniform, gets, 0),
            Gets(kGetAbsent, Distribution::kUniform, gets, kAbsentNumber), Batches(),
            Scans("scan of 100 rows", false), Scans("scan of 100 rows backwards", true)};
  }

  // Runs every loop on every store, another store first in each round. The first round warms the
  // caches and does not count.
  void Rounds(absl::string_view what, const std::vector<Store*>& stores,
              const std::vector<Loop>& loops,
              const std::function<void(Store&)>& before_turn = nullptr) {
    Random seeds(bench_.flags.seed);
    for (uint64_t round = 0; round <= bench_.flags.rounds; ++round) {
      Say(absl::StrCat(what, " reads, round ", round, " of ", bench_.flags.rounds));
      for (const Loop& loop : loops) {
        const uint64_t seed = seeds.Next();
        if (!bench_.WantsCase(loop.case_name)) continue;
        std::optional<Answer> expected;
        for (size_t turn = 0; turn < stores.size(); ++turn) {
          Store& store = *stores[(turn + round) % stores.size()];
          if (before_turn != nullptr) before_turn(store);
          const std::unique_ptr<Reader> reader = store.NewReader();
          Answer answer;
          const Stopwatch stopwatch;
          const bool has = loop.body(*reader, seed, &answer);
          const Spent spent = stopwatch.spent();
          if (!has) continue;
          if (expected.value_or(answer) != answer) {
            Check(absl::InternalError(absl::StrCat("other answers in \"", loop.case_name, "\"")),
                  store.name());
          }
          expected = answer;
          if (round > 0) bench_.AddReads(loop.case_name, store.name(), spent, loop.count);
        }
      }
    }
  }

  // The same with caches of a quarter of the data. Misses go through the operating system's page
  // cache on both sides; in the last case that is dropped before every turn, so that they go to
  // the disk.
  void Quarter() {
    const uint64_t quarter = std::max(data_.total * (kKeyBytes + kValueBytes) / 4, kQuarterMin);
    bench_.report.AddFlag("quarter cache bytes", absl::StrCat(quarter));
    std::vector<Store*> stores;
    for (Store* store : AllStores()) {
      if (store->SetCacheBytes(quarter)) stores.push_back(store);
    }
    const uint64_t gets = bench_.flags.gets;
    Rounds("quarter cache", stores,
           {Gets("get, cache 1/4 of data, uniform", Distribution::kUniform, gets, 0),
            Gets("get, cache 1/4 of data, Zipfian", Distribution::kZipfian, gets, 0)});
    Rounds("quarter cache, disk", stores,
           {Gets("get, cache 1/4 of data, page cache dropped", Distribution::kUniform,
                 bench_.flags.cold_gets, 0)},
           [&](Store& store) { DropPageCache(store); });
    for (Store* store : stores) store->SetCacheBytes(cache_bytes_);
  }

  void DropPageCache(const Store& store) {
    for (const Contestant& contestant : contestants_) {
      if (contestant.store.get() != &store) continue;
      for (const auto& entry :
           std::filesystem::recursive_directory_iterator(bench_.Directory(contestant.system))) {
        if (!entry.is_regular_file()) continue;
        const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        close(file);
      }
    }
  }

  void Commits() {
    if (!bench_.WantsCase(kCommit)) return;
    Random random(bench_.flags.seed);
    for (uint64_t round = 0; round < bench_.flags.rounds; ++round) {
      Say(absl::StrCat("single commits, round ", round + 1, " of ", bench_.flags.rounds));
      Rows rows;
      for (uint64_t i = 0; i < bench_.flags.commits; ++i) {
        rows.Add(random.Uniform(data_.total), 2 + round);
      }
      for (size_t turn = 0; turn < contestants_.size(); ++turn) {
        Store& store = *contestants_[(turn + round) % contestants_.size()].store;
        const Stopwatch stopwatch;
        Check(store.Write(rows, 0, rows.size(), 1), store.name());
        bench_.AddReads(kCommit, store.name(), stopwatch.spent(), rows.size());
      }
    }
  }

  // RocksDB's best configuration is the one whose cached gets measured best here.
  void NameBestRocks() {
    std::string best;
    double best_median = 0;
    for (const Contestant& contestant : contestants_) {
      const std::string name = contestant.store->name();
      const double median = bench_.record.Median(kGetPresent, "CPU time", name);
      if (median == 0 || !absl::StartsWith(name, "RocksDB")) continue;
      if (!best.empty() && median >= best_median) continue;
      best = name;
      best_median = median;
    }
    if (best.empty()) return;
    bench_.report.AddFlag("RocksDB best of cached gets", best);
    bench_.record.Alias(kGetPresent, best, "RocksDB best of cached gets");
    bench_.record.Alias(kGetAbsent, best, "RocksDB best of cached gets");
  }

  void Close() {
    old_snapshot_.reset();
    for (Contestant& contestant : contestants_) {
      contestant.store.reset();
      bench_.RemoveDirectory(contestant.system);
    }
  }

  Workbench& bench_;
  const Data data_;
  const uint64_t cache_bytes_;
  std::vector<Contestant> contestants_;
  std::unique_ptr<Reader> old_snapshot_;
};

}  // namespace

void RunReads(Workbench& bench) { ReadBench(bench).Run(); }

}  // namespace kyrodb::bench
