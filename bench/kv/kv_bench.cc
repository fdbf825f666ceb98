// Cached durable point gets and single durable commits: KyroDB embedded against Debian's RocksDB,
// LMDB and SQLite, in one process, round by round in turn. Keys have 16 bytes (a scattered number
// in two big-endian halves), values 100. Every get copies its value out and is checked.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "bench/report/report.h"
#include "engine/base/random.h"

namespace kyrodb::bench {
namespace {

struct Flags {
  uint64_t keys = 1000000;
  uint64_t lookups = 200000;
  uint64_t commits = 200;
  uint64_t rounds = 7;
  uint64_t seed = 1;
  std::string directory = "build/bench/kv";
  std::string output;
};

void Check(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", std::string(what).c_str(), status.ToString().c_str());
  std::exit(1);
}

std::string KeyOf(uint64_t number) {
  const uint64_t words[2] = {SplitMix64(number), number};
  std::string key;
  for (const uint64_t word : words) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      key.push_back(static_cast<char>((word >> shift) & 0xFF));
    }
  }
  return key;
}

std::string ValueOf(uint64_t number) {
  std::string value(100, '\0');
  Random random(number);
  for (char& c : value) c = static_cast<char>(random.Next());
  return value;
}

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int Run(const Flags& flags) {
  std::filesystem::remove_all(flags.directory);
  const auto directory = [&](absl::string_view name) {
    const std::string path = absl::StrCat(flags.directory, "/", name);
    std::filesystem::create_directories(path);
    return path;
  };
  std::vector<std::unique_ptr<Store>> stores;
  const auto add = [&](absl::StatusOr<std::unique_ptr<Store>> store) {
    Check(store.status(), "open");
    stores.push_back(*std::move(store));
  };
  add(OpenKyroStore(directory("kyrodb")));
  add(OpenRocksStore(directory("rocksdb-default"), /*tuned=*/false));
  add(OpenRocksStore(directory("rocksdb-tuned"), /*tuned=*/true));
  add(OpenLmdbStore(directory("lmdb")));
  add(OpenSqliteStore(directory("sqlite")));

  std::map<std::string, std::string> sorted;
  for (uint64_t i = 0; i < flags.keys; ++i) sorted[KeyOf(i)] = ValueOf(i);
  const std::vector<KeyValue> rows(sorted.begin(), sorted.end());
  sorted.clear();

  Report report("kv", flags.seed);
  report.AddFlag("keys", absl::StrCat(flags.keys));
  report.AddFlag("lookups", absl::StrCat(flags.lookups));
  report.AddFlag("commits", absl::StrCat(flags.commits));
  report.AddFlag("key_bytes", "16");
  report.AddFlag("value_bytes", "100");
  for (const auto& store : stores) {
    const double seconds = Seconds([&] { Check(store->Load(rows), store->name()); });
    report.Add("sorted load, durable", store->name(), "rows per second", "1/s",
               static_cast<double>(flags.keys) / seconds);
    Check(store->Settle(), store->name());
  }

  std::map<std::string, std::vector<double>> present, absent, commit;
  Random random(flags.seed);
  std::string value;
  uint64_t found = 0;
  for (uint64_t round = 0; round < flags.rounds + 1; ++round) {
    const uint64_t round_seed = random.Next();
    // Another store first in each round; round 0 warms the caches and does not count.
    for (size_t turn = 0; turn < stores.size(); ++turn) {
      Store& store = *stores[(turn + round) % stores.size()];
      const std::unique_ptr<Reader> reader = store.NewReader();
      const auto gets = [&](uint64_t begin, uint64_t end) {
        Random keys(round_seed);
        for (uint64_t i = 0; i < flags.lookups; ++i) {
          found += reader->Get(KeyOf(begin + keys.Uniform(end - begin)), &value) ? 1 : 0;
        }
      };
      const double lookups = static_cast<double>(flags.lookups);
      found = 0;
      const double hit = Seconds([&] { gets(0, flags.keys); });
      if (found != flags.lookups) Check(absl::InternalError("keys are missing"), store.name());
      found = 0;
      const double miss = Seconds([&] { gets(flags.keys, 2 * flags.keys); });
      if (found != 0) Check(absl::InternalError("absent keys were found"), store.name());
      if (round == 0) continue;
      present[store.name()].push_back(hit / lookups * 1e9);
      absent[store.name()].push_back(miss / lookups * 1e9);
    }
  }
  for (uint64_t round = 0; round < flags.rounds; ++round) {
    for (size_t turn = 0; turn < stores.size(); ++turn) {
      Store& store = *stores[(turn + round) % stores.size()];
      const double seconds = Seconds([&] {
        for (uint64_t i = 0; i < flags.commits; ++i) {
          const uint64_t number = random.Uniform(flags.keys);
          Check(store.PutDurable(KeyOf(number), ValueOf(number)), store.name());
        }
      });
      commit[store.name()].push_back(static_cast<double>(flags.commits) / seconds);
    }
  }

  for (const auto& store : stores) {
    const std::string name = store->name();
    report.Add("cached get, present key", name, "time per get", "ns", present[name]);
    report.Add("cached get, absent key", name, "time per get", "ns", absent[name]);
    report.Add("single-row durable commit, 1 thread", name, "commits per second", "1/s",
               commit[name]);
  }
  for (size_t i = 1; i < stores.size(); ++i) {
    const std::string peer = stores[i]->name();
    report.Compare("sorted load, durable", "rows per second", "kyrodb", peer, Better::kHigher);
    report.Compare("cached get, present key", "time per get", "kyrodb", peer, Better::kLower);
    report.Compare("cached get, absent key", "time per get", "kyrodb", peer, Better::kLower);
    report.Compare("single-row durable commit, 1 thread", "commits per second", "kyrodb", peer,
                   Better::kHigher);
  }
  stores.clear();
  std::filesystem::remove_all(flags.directory);
  return Finish(report, flags.output);
}

}  // namespace
}  // namespace kyrodb::bench

int main(int argc, char** argv) {
  kyrodb::bench::Flags flags;
  CLI::App app("point gets and durable commits against RocksDB, LMDB and SQLite");
  app.add_option("--keys", flags.keys, "rows in each store")->check(CLI::Range(1, 100000000));
  app.add_option("--lookups", flags.lookups, "gets in a round")->check(CLI::Range(1, 100000000));
  app.add_option("--commits", flags.commits, "commits in a round")->check(CLI::Range(1, 1000000));
  app.add_option("--rounds", flags.rounds, "measured rounds")->check(CLI::Range(1, 1000));
  app.add_option("--seed", flags.seed, "of keys and order");
  app.add_option("--directory", flags.directory, "where the stores lie; emptied first");
  app.add_option("--output", flags.output, "JSON file (default build/bench/kv.json)");
  CLI11_PARSE(app, argc, argv);
  return kyrodb::bench::Run(flags);
}
