// Durable commits: transactions of 1 and 100 rows from 1, 4 and 16 threads, against RocksDB with
// synced write batches and a bare append and fdatasync per commit, on the same disk in the same
// run.
//
// Every store stays open from beginning to end; a round measures each of them for a while, one
// after the other, beginning with another one each time. Rows are 16-byte random keys with values
// of `--value-bytes`.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/report/report.h"
#include "bench/wal/commit_store.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

struct Flags {
  uint64_t milliseconds = 500;
  uint64_t rounds = 7;
  uint64_t value_bytes = 100;
  uint64_t seed = 1;
  std::vector<int> threads = {1, 4, 16};
  std::vector<uint64_t> batches = {1, 100};
  bool peers = true;
  std::string directory = "build/bench/wal";
  std::string output;
};

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// A file that is appended to and synced, with nothing around it: what one commit alone must cost.
class Probe final : public CommitStore {
 public:
  explicit Probe(const std::string& path)
      : fd_(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_APPEND, 0600)) {
    if (fd_ < 0) Die("cannot create " + path);
  }
  ~Probe() override { close(fd_); }
  std::string name() const override { return "write + fdatasync, 1 thread"; }
  void Commit(std::span<const KeyValue> rows) override {
    bytes_.clear();
    for (const auto& [key, value] : rows) bytes_.append(key).append(value);
    if (write(fd_, bytes_.data(), bytes_.size()) < 0 || fdatasync(fd_) != 0) Die("probe failed");
    ++count_;
  }
  Counts counts() const override { return {count_, count_}; }

 private:
  const int fd_;
  std::string bytes_;
  uint64_t count_ = 0;
};

// The rows of one commit of one thread, new keys each time.
class RowSource {
 public:
  RowSource(uint64_t seed, uint64_t batch, uint64_t value_bytes)
      : random_(seed), rows_(batch, {std::string(16, '\0'), std::string(value_bytes, 'v')}) {}
  const std::vector<KeyValue>& Next() {
    for (KeyValue& row : rows_) {
      for (size_t at = 0; at < 16; at += 8) {
        const uint64_t bits = random_.Next();
        std::copy_n(reinterpret_cast<const char*>(&bits), 8, row.first.data() + at);
      }
    }
    return rows_;
  }

 private:
  Random random_;
  std::vector<KeyValue> rows_;
};

struct Samples {
  std::vector<double> rows_per_second, commits_per_sync, micros_per_commit;
};

void Measure(const Flags& flags, CommitStore& store, int threads, uint64_t batch, uint64_t round,
             Samples* samples) {
  std::atomic<uint64_t> count{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  const CommitStore::Counts before = store.counts();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      RowSource rows(SplitMix64(flags.seed ^ (round << 32) ^ static_cast<uint64_t>(i)), batch,
                     flags.value_bytes);
      uint64_t mine = 0;
      for (; !stop.load(std::memory_order_relaxed); ++mine) store.Commit(rows.Next());
      count += mine;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(flags.milliseconds));
  stop = true;
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const CommitStore::Counts after = store.counts();
  const auto commits = static_cast<double>(count);
  samples->rows_per_second.push_back(commits * static_cast<double>(batch) / seconds.count());
  samples->micros_per_commit.push_back(1e6 * seconds.count() * threads / commits);
  if (after.syncs > before.syncs) {
    samples->commits_per_sync.push_back(static_cast<double>(after.commits - before.commits) /
                                        static_cast<double>(after.syncs - before.syncs));
  }
}

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.directory);
  std::filesystem::create_directories(flags.directory);
  std::vector<std::unique_ptr<CommitStore>> stores;
  const auto add = [&](absl::StatusOr<std::unique_ptr<CommitStore>> store) {
    if (!store.ok()) Die(store.status().ToString());
    stores.push_back(*std::move(store));
  };
  add(OpenKyroCommits(flags.directory + "/kyro"));
  if (flags.peers) {
    add(OpenRocksCommits(flags.directory + "/rocks", false));
    add(OpenRocksCommits(flags.directory + "/rocks-tuned", true));
  }
  add(std::make_unique<Probe>(flags.directory + "/probe"));
  const CommitStore* const probe = stores.back().get();

  Report report("wal", flags.seed);
  report.AddFlag("value_bytes", absl::StrCat(flags.value_bytes));
  report.AddFlag("milliseconds", absl::StrCat(flags.milliseconds));
  constexpr char kRows[] = "rows per second";
  constexpr char kPerSync[] = "commits per sync";
  constexpr char kMicros[] = "time of a commit";
  for (const uint64_t batch : flags.batches) {
    for (const int threads : flags.threads) {
      const std::string case_name =
          absl::StrCat("synced commits of ", batch, batch == 1 ? " row, " : " rows, ", threads,
                       threads == 1 ? " thread" : " threads");
      std::map<const CommitStore*, Samples> samples;
      for (uint64_t round = 0; round < flags.rounds; ++round) {
        for (size_t i = 0; i < stores.size(); ++i) {
          CommitStore& store = *stores[(i + round) % stores.size()];
          Measure(flags, store, &store == probe ? 1 : threads, batch, round, &samples[&store]);
        }
      }
      for (const auto& store : stores) {
        const Samples& of = samples[store.get()];
        report.Add(case_name, store->name(), kRows, "1/s", of.rows_per_second);
        report.Add(case_name, store->name(), kMicros, "us", of.micros_per_commit);
        if (store.get() != probe && !of.commits_per_sync.empty()) {
          report.Add(case_name, store->name(), kPerSync, "count", of.commits_per_sync);
        }
      }
      for (size_t i = 1; i < stores.size(); ++i) {
        report.Compare(case_name, kRows, "kyrodb", stores[i]->name(), Better::kHigher);
      }
      // What a transaction adds to the bare sync is told by one thread alone.
      if (threads == 1) {
        report.Compare(case_name, kMicros, "kyrodb", probe->name(), Better::kLower);
      }
    }
  }
  stores.clear();
  std::filesystem::remove_all(flags.directory);
  return Finish(report, flags.output);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) {
  kyrodb::bench::Flags flags;
  CLI::App app("durable commits against RocksDB and a bare write and fdatasync");
  app.add_option("--milliseconds", flags.milliseconds, "of one measurement")
      ->check(CLI::Range(10, 60000));
  app.add_option("--rounds", flags.rounds, "repetitions")->check(CLI::Range(1, 1000));
  app.add_option("--value-bytes", flags.value_bytes, "size of a value")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--threads", flags.threads, "writer threads, one case each")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--batches", flags.batches, "rows of a commit, one case each")
      ->delimiter(',')
      ->check(CLI::Range(1, 100000));
  app.add_option("--seed", flags.seed, "of the keys");
  app.add_flag("!--no-peers", flags.peers, "leave RocksDB out");
  app.add_option("--directory", flags.directory, "where the stores lie; emptied first");
  app.add_option("--output", flags.output, "JSON file (default build/bench/wal.json)");
  CLI11_PARSE(app, argc, argv);
  return kyrodb::bench::Run(flags);
}
