// Loads into empty stores: ascending keys by each store's best way, then random order through the
// log in one thread. Each store is made, loaded, timed and removed before the next one.
#include <algorithm>
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

struct Contestant {
  const char* system;
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const StoreOptions&)> open;
};

Contestant Kyro() {
  return {"kyrodb", [](const StoreOptions& options) -> absl::StatusOr<std::unique_ptr<Store>> {
            return OpenKyroStore(options);
          }};
}
Contestant Rocks(const char* system, RocksConfiguration configuration) {
  return {system, [configuration](const StoreOptions& options) {
            return OpenRocksStore(options, configuration);
          }};
}
Contestant Lmdb(bool writable_map) {
  return {"lmdb", [writable_map](const StoreOptions& options) {
            return OpenLmdbStore(options, writable_map);
          }};
}
Contestant Level() {
  return {"leveldb",
          [](const StoreOptions& options) { return OpenLevelStore(options, /*tuned=*/true); }};
}

void CheckSome(Store& store, const Rows& rows) {
  const std::unique_ptr<Reader> reader = store.NewReader();
  Random random(1);
  absl::string_view value;
  for (int i = 0; i < 1000; ++i) {
    const size_t at = random.Uniform(rows.size());
    if (!reader->Get(rows.key(at), &value) || value != rows.value(at)) {
      Check(absl::InternalError("a loaded row is missing or wrong"), store.name());
    }
  }
}

// Opens a new store of each kind in every round, another kind first each time.
void LoadRounds(Workbench& bench, absl::string_view case_name, std::vector<Contestant> contestants,
                bool sync, const std::function<void(Store&)>& load) {
  if (!bench.WantsCase(case_name)) return;
  std::erase_if(contestants, [&](const Contestant& contestant) {
    return !bench.WantsSystem(contestant.system);
  });
  for (uint64_t round = 0; round < bench.flags.load_rounds; ++round) {
    for (size_t turn = 0; turn < contestants.size(); ++turn) {
      const StoreOptions options{.directory = bench.FreshDirectory("load"), .sync = sync};
      absl::StatusOr<std::unique_ptr<Store>> store =
          contestants[(turn + round) % contestants.size()].open(options);
      Check(store.status(), "load: open");
      Say(absl::StrCat(case_name, ", round ", round + 1, ": ", (*store)->name()));
      load(**store);
      store->reset();
      bench.RemoveDirectory("load");
    }
  }
}

void SortedLoads(Workbench& bench) {
  const Rows rows = RowsOf(NumbersInKeyOrder(0, bench.flags.keys));
  LoadRounds(bench, "sorted bulk load, per row",
             {Kyro(),
              Lmdb(/*writable_map=*/false),
              Lmdb(/*writable_map=*/true),
              Rocks("rocksdb-block-cache", RocksConfiguration::kBlockCache),
              Level(),
              {"sqlite", OpenSqliteStore}},
             /*sync=*/true, [&](Store& store) {
               const Stopwatch stopwatch;
               Check(store.LoadSorted(rows), store.name());
               bench.AddWork("sorted bulk load, per row", store.name(), stopwatch.spent(),
                             rows.size());
               CheckSome(store, rows);
             });
}

void RandomLoads(Workbench& bench) {
  // Half of the keys: five write buffers, so that flushes and merges are part of it.
  const Rows rows = RowsOf(
      NumbersInRandomOrder(0, std::max<uint64_t>(bench.flags.keys / 2, 1), bench.flags.seed));
  const auto load = [&](std::string case_name, bool sync, size_t batch_rows, size_t count) {
    LoadRounds(bench, case_name,
               {Kyro(), Rocks("rocksdb-default", RocksConfiguration::kDefault),
                Rocks("rocksdb-block-cache", RocksConfiguration::kBlockCache)},
               sync, [&](Store& store) {
                 const Stopwatch stopwatch;
                 Check(store.Write(rows, 0, count, batch_rows), store.name());
                 bench.AddWork(absl::StrCat(case_name, ", per row"), store.name(),
                               stopwatch.spent(), count);
                 Check(store.Settle(), store.name());
                 bench.AddWork(absl::StrCat(case_name, ", until settled, per row"), store.name(),
                               stopwatch.spent(), count);
                 if (count == rows.size()) CheckSome(store, rows);
               });
  };
  load("random load, batches of 1000, no sync", /*sync=*/false, 1000, rows.size());
  load("random load, batches of 1000, each synced", /*sync=*/true, 1000, rows.size());
  load("random load, single rows, no sync", /*sync=*/false, 1, rows.size() / 5);
}

}  // namespace

void RunLoads(Workbench& bench) {
  SortedLoads(bench);
  bench.Save();
  RandomLoads(bench);
}

}  // namespace kyrodb::bench
