// Reads and writes mixed, without syncing: YCSB's core workloads in process, one thread, and halves
// of gets and puts from several threads. Every operation is a unit of its own; ours is a
// transaction.
// Source: Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (SoCC 2010), table 2;
// workload F as in the YCSB distribution. One field of 100 bytes a row.
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/kv/distribution.h"
#include "bench/kv/store.h"
#include "bench/kv/workloads.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

enum class Act : uint8_t { kGet, kPut, kInsert, kScan, kReadModifyWrite };

struct Operation {
  Act act;
  uint8_t scan_rows;
  uint64_t number;
};

struct Workload {
  const char* name;
  Distribution distribution;
  // Percent of operations; they sum up to 100.
  unsigned get, put, insert, scan, read_modify_write;
};

constexpr Workload kYcsb[] = {
    {"YCSB A: 50 % get, 50 % put", Distribution::kZipfian, 50, 50, 0, 0, 0},
    {"YCSB B: 95 % get, 5 % put", Distribution::kZipfian, 95, 5, 0, 0, 0},
    {"YCSB C: get", Distribution::kZipfian, 100, 0, 0, 0, 0},
    {"YCSB D: 95 % get of latest, 5 % insert", Distribution::kLatest, 95, 0, 5, 0, 0},
    {"YCSB E: 95 % scan of 1 to 100, 5 % insert", Distribution::kZipfian, 0, 0, 5, 95, 0},
    {"YCSB F: 50 % get, 50 % read-modify-write", Distribution::kZipfian, 50, 0, 0, 0, 50},
};
constexpr Workload kHalves = {"50/50 get and put", Distribution::kUniform, 50, 50, 0, 0, 0};
constexpr int kThreadCounts[] = {1, 2, 4};

struct Answer {
  uint64_t found = 0;
  uint64_t digest = 0;
  bool operator==(const Answer&) const = default;
};

// Draws operations; inserts make the rows more.
std::vector<Operation> Draw(const Workload& workload, uint64_t count, Random& random,
                            RowPicker& picker, uint64_t* row_count) {
  std::vector<Operation> operations;
  operations.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t percent = random.Uniform(100);
    uint64_t until = workload.get;
    if (percent < until) {
      operations.push_back({Act::kGet, 0, picker.Next(random)});
    } else if (percent < (until += workload.put)) {
      operations.push_back({Act::kPut, 0, picker.Next(random)});
    } else if (percent < (until += workload.insert)) {
      operations.push_back({Act::kInsert, 0, (*row_count)++});
      picker.Grow(*row_count);
    } else if (percent < (until += workload.scan)) {
      operations.push_back(
          {Act::kScan, static_cast<uint8_t>(1 + random.Uniform(100)), picker.Next(random)});
    } else {
      operations.push_back({Act::kReadModifyWrite, 0, picker.Next(random)});
    }
  }
  return operations;
}

// The values written are those of the versions from `version` on.
Answer Perform(Session& session, const std::vector<Operation>& operations, uint64_t version) {
  Answer answer;
  absl::string_view value;
  const auto visit = [&](absl::string_view key, absl::string_view row) {
    ++answer.found;
    answer.digest += Digest(key) ^ Digest(row);
  };
  for (const Operation& operation : operations) {
    const Key key = KeyOf(operation.number);
    switch (operation.act) {
      case Act::kGet:
        if (!session.Get(key, &value)) break;
        ++answer.found;
        answer.digest += Digest(value);
        break;
      case Act::kPut:
      case Act::kInsert:
        session.Put(key, ValueOf(operation.number, version++));
        break;
      case Act::kScan:
        session.Scan(key, operation.scan_rows, visit);
        break;
      case Act::kReadModifyWrite:
        session.ReadModifyWrite(key, ValueOf(operation.number, version++));
        break;
    }
  }
  return answer;
}

class MixBench {
 public:
  explicit MixBench(Workbench& bench)
      : bench_(bench), random_(bench.flags.seed), row_count_(bench.flags.keys) {
    const Rows sorted = RowsOf(NumbersInKeyOrder(0, row_count_));
    const auto add = [&](const char* system, const auto& open) {
      if (!bench_.WantsSystem(system)) return;
      absl::StatusOr<std::unique_ptr<Store>> store =
          open(StoreOptions{.directory = bench_.FreshDirectory(system), .sync = false});
      Check(store.status(), system);
      Say(absl::StrCat("loading ", (*store)->name()));
      Check((*store)->LoadSorted(sorted), (*store)->name());
      Check((*store)->Compact(), (*store)->name());
      stores_.push_back(*std::move(store));
    };
    add("kyrodb", OpenKyroStore);
    add("rocksdb-default", [](const StoreOptions& options) {
      return OpenRocksStore(options, RocksConfiguration::kDefault);
    });
    add("rocksdb-block-cache", [](const StoreOptions& options) {
      return OpenRocksStore(options, RocksConfiguration::kBlockCache);
    });
  }
  ~MixBench() {
    stores_.clear();
    for (const char* system : {"kyrodb", "rocksdb-default", "rocksdb-block-cache"}) {
      bench_.RemoveDirectory(system);
    }
  }

  // The same operations for every store, another store first in each round; the first round warms
  // the caches and does not count.
  void Ycsb() {
    for (const Workload& workload : kYcsb) {
      if (!bench_.WantsCase(workload.name)) continue;
      RowPicker picker(workload.distribution, row_count_);
      for (uint64_t round = 0; round <= bench_.flags.rounds; ++round) {
        Say(absl::StrCat(workload.name, ", round ", round, " of ", bench_.flags.rounds));
        // A scan costs as much as some tens of gets.
        const uint64_t count = bench_.flags.operations / (workload.scan > 0 ? 10 : 1);
        const std::vector<Operation> operations =
            Draw(workload, count, random_, picker, &row_count_);
        std::optional<Answer> expected;
        for (size_t turn = 0; turn < stores_.size(); ++turn) {
          Store& store = *stores_[(turn + round) % stores_.size()];
          const std::unique_ptr<Session> session = store.NewSession();
          const Stopwatch stopwatch;
          const Answer answer = Perform(*session, operations, version_);
          const Spent done = stopwatch.spent();
          store.WaitUntilIdle();
          const Spent idle = stopwatch.spent();
          if (expected.value_or(answer) != answer) {
            Check(absl::InternalError(absl::StrCat("other answers in ", workload.name)),
                  store.name());
          }
          expected = answer;
          if (round > 0) Add(workload.name, store, done, idle, count);
        }
        version_ += count;
      }
    }
  }

  void Halves() {
    for (const int threads : kThreadCounts) {
      const std::string name = absl::StrCat(kHalves.name, ", ", threads, " threads");
      if (!bench_.WantsCase(name)) continue;
      RowPicker picker(kHalves.distribution, row_count_);
      for (uint64_t round = 0; round <= bench_.flags.rounds; ++round) {
        Say(absl::StrCat(name, ", round ", round, " of ", bench_.flags.rounds));
        const uint64_t count = bench_.flags.operations / static_cast<uint64_t>(threads);
        std::vector<std::vector<Operation>> operations;
        for (int i = 0; i < threads; ++i) {
          operations.push_back(Draw(kHalves, count, random_, picker, &row_count_));
        }
        for (size_t turn = 0; turn < stores_.size(); ++turn) {
          Store& store = *stores_[(turn + round) % stores_.size()];
          const auto [done, idle] = InThreads(store, operations);
          if (round > 0) {
            Add(name, store, done, idle, count * static_cast<uint64_t>(threads));
          }
        }
        version_ += count;
      }
    }
  }

 private:
  std::pair<Spent, Spent> InThreads(Store& store,
                                    const std::vector<std::vector<Operation>>& operations) {
    std::latch start(1);
    std::vector<std::jthread> threads;
    for (const std::vector<Operation>& part : operations) {
      threads.emplace_back([&, version = version_] {
        const std::unique_ptr<Session> session = store.NewSession();
        start.wait();
        const Answer answer = Perform(*session, part, version);
        uint64_t gets = 0;
        for (const Operation& operation : part) gets += operation.act == Act::kGet ? 1 : 0;
        if (answer.found != gets) Check(absl::InternalError("rows are missing"), store.name());
      });
    }
    const Stopwatch stopwatch;
    start.count_down();
    threads.clear();
    const Spent done = stopwatch.spent();
    store.WaitUntilIdle();
    return {done, stopwatch.spent()};
  }

  // Wall time of the operations alone, CPU time with the background work that they leave behind.
  void Add(absl::string_view case_name, const Store& store, const Spent& done, const Spent& idle,
           uint64_t count) {
    bench_.AddWork(case_name, store.name(),
                   {.wall_seconds = done.wall_seconds,
                    .thread_cpu_seconds = done.thread_cpu_seconds,
                    .process_cpu_seconds = idle.process_cpu_seconds},
                   count);
  }

  Workbench& bench_;
  Random random_;
  uint64_t row_count_;
  uint64_t version_ = 1;
  std::vector<std::unique_ptr<Store>> stores_;
};

}  // namespace

void RunMixes(Workbench& bench) {
  MixBench mix(bench);
  mix.Ycsb();
  bench.Save();
  mix.Halves();
}

}  // namespace kyrodb::bench
