// Group commit: synced appends from 1, 4 and 16 threads, against a bare write and fdatasync per
// record on the same disk in the same run. What a log can win is commits per sync.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/report/report.h"
#include "engine/base/metrics.h"
#include "engine/base/posix_file_system.h"
#include "wal/log.h"

namespace kyrodb::bench {
namespace {

struct Flags {
  uint64_t milliseconds = 500;
  uint64_t rounds = 5;
  uint64_t record_bytes = 200;
  std::string directory = "build/bench/wal";
  std::string output;
};

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// Runs `operation` in `threads` threads for a while; operations per second.
double Rate(const Flags& flags, int threads, const std::function<void()>& operation) {
  std::atomic<uint64_t> count{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      while (!stop) {
        operation();
        ++count;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(flags.milliseconds));
  stop = true;
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(count) / seconds.count();
}

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.directory);
  std::filesystem::create_directories(flags.directory + "/log");
  const std::string record(flags.record_bytes, 'x');
  const std::unique_ptr<FileSystem> disk = NewPosixFileSystem();
  MetricsRegistry metrics;
  const wal::LogOptions options{.file_system = disk.get(),
                                .directory = flags.directory + "/log",
                                .database_id = 1,
                                .metrics = &metrics};
  absl::StatusOr<wal::RecoveryResult> recovered =
      wal::Recover({.file_system = disk.get(), .directory = options.directory, .database_id = 1},
                   [](wal::Lsn, absl::string_view) { return absl::OkStatus(); });
  if (!recovered.ok()) Die(recovered.status().ToString());
  absl::StatusOr<std::unique_ptr<wal::Log>> log = wal::Log::Open(options, *recovered);
  if (!log.ok()) Die(log.status().ToString());

  const int fd = open((flags.directory + "/probe").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const auto probe = [&] {
    if (write(fd, record.data(), record.size()) < 0 || fdatasync(fd) != 0) Die("probe failed");
  };
  const auto append = [&] {
    if (const auto lsn = (*log)->Append(record); !lsn.ok()) Die(lsn.status().ToString());
  };

  Report report("wal", /*seed=*/0);
  report.AddFlag("record_bytes", absl::StrCat(flags.record_bytes));
  report.AddFlag("milliseconds", absl::StrCat(flags.milliseconds));
  constexpr char kProbe[] = "write + fdatasync per record, 1 thread";
  for (const int threads : {1, 4, 16}) {
    const std::string case_name = absl::StrCat("synced append, ", threads, " threads");
    std::vector<double> ours, bare, per_sync;
    for (uint64_t round = 0; round < flags.rounds; ++round) {
      bare.push_back(Rate(flags, 1, probe));
      Counter& syncs = metrics.counter("kyro_wal_syncs_total", "");
      const uint64_t syncs_before = syncs.value();
      const wal::Lsn lsn_before = (*log)->last_lsn();
      ours.push_back(Rate(flags, threads, append));
      per_sync.push_back(static_cast<double>((*log)->last_lsn() - lsn_before) /
                         static_cast<double>(std::max<uint64_t>(1, syncs.value() - syncs_before)));
    }
    report.Add(case_name, "kyrodb", "commits per second", "1/s", ours);
    report.Add(case_name, kProbe, "commits per second", "1/s", bare);
    report.Add(case_name, "kyrodb", "commits per sync", "count", per_sync);
    report.Compare(case_name, "commits per second", "kyrodb", kProbe, Better::kHigher);
  }
  close(fd);
  if (const absl::Status status = (*log)->Close(); !status.ok()) Die(status.ToString());
  log->reset();
  std::filesystem::remove_all(flags.directory);
  return Finish(report, flags.output);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) {
  kyrodb::bench::Flags flags;
  CLI::App app("synced log appends against a bare write and fdatasync");
  app.add_option("--milliseconds", flags.milliseconds, "of one measurement")
      ->check(CLI::Range(10, 60000));
  app.add_option("--rounds", flags.rounds, "repetitions")->check(CLI::Range(1, 1000));
  app.add_option("--record-bytes", flags.record_bytes, "size of a record")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--directory", flags.directory, "where the log lies; emptied first");
  app.add_option("--output", flags.output, "JSON file (default build/bench/wal.json)");
  CLI11_PARSE(app, argc, argv);
  return kyrodb::bench::Run(flags);
}
