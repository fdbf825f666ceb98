#include "tests/engine/isolation/workload.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/base/random.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

std::vector<uint64_t> ParseList(absl::string_view text) {
  std::vector<uint64_t> list;
  for (const absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    uint64_t value = 0;
    EXPECT_TRUE(absl::SimpleAtoi(part, &value)) << text;
    list.push_back(value);
  }
  return list;
}

std::string ListKey(uint64_t number) { return absl::StrFormat("list/%06u", number); }

// Gives the other threads a chance in the middle of a transaction.
void MaybeYield(Random& random) {
  if (random.OneIn(3)) std::this_thread::yield();
}

}  // namespace

std::vector<ListTransaction> RunLists(Store& store, const WorkloadOptions& options) {
  std::atomic<uint64_t> moment{1};
  std::atomic<uint64_t> next_value{1};
  std::atomic<int64_t> left{options.transaction_count};
  // List n serves the values from n / list_count * (appends of a generation) on.
  const uint64_t lists = static_cast<uint64_t>(options.list_count);
  const uint64_t generation_values = lists * static_cast<uint64_t>(options.appends_per_list);
  std::vector<std::vector<ListTransaction>> histories(static_cast<size_t>(options.thread_count));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < options.thread_count; ++t) {
      threads.emplace_back([&, t] {
        Random random(options.seed * 1000 + static_cast<uint64_t>(t));
        while (left.fetch_sub(1) > 0) {
          const uint64_t generation = next_value.load() / generation_values;
          const auto pick = [&] { return ListKey(generation * lists + random.Uniform(lists)); };
          ListTransaction did;
          did.begin = moment.fetch_add(1);
          const std::unique_ptr<StoreTransaction> transaction = store.Begin(options.serializable);
          const auto run = [&]() -> absl::Status {
            const uint64_t count = 1 + random.Uniform(4);
            for (uint64_t i = 0; i < count; ++i) {
              MaybeYield(random);
              const uint64_t choice = random.Uniform(8);
              if (choice < 4) {
                // A read of the key alone.
                ListOperation read{.key = pick()};
                KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                                      transaction->Get(read.key));
                read.list = ParseList(found.value_or(""));
                did.operations.push_back(std::move(read));
              } else if (choice < 5) {
                // A read of a range: lists that are not there are empty.
                const uint64_t begin = generation * lists + random.Uniform(lists);
                const uint64_t end = begin + 1 + random.Uniform(3);
                KYRO_ASSIGN_OR_RETURN(
                    const auto found,
                    transaction->Scan(ListKey(begin), ListKey(end), random.OneIn(2)));
                for (uint64_t list = begin; list < end; ++list) {
                  ListOperation read{.key = ListKey(list)};
                  const auto at = found.find(read.key);
                  if (at != found.end()) read.list = ParseList(at->second);
                  did.operations.push_back(std::move(read));
                }
              } else {
                // What an append reads of the list is a read like others.
                ListOperation read{.key = pick()};
                KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                                      transaction->Get(read.key));
                read.list = ParseList(found.value_or(""));
                ListOperation append{
                    .is_append = true, .key = read.key, .value = next_value.fetch_add(1)};
                KYRO_RETURN_IF_ERROR(transaction->Put(
                    read.key, absl::StrFormat("%s %u", found.value_or(""), append.value)));
                did.operations.push_back(std::move(read));
                did.operations.push_back(std::move(append));
              }
            }
            MaybeYield(random);
            return transaction->Commit();
          };
          const absl::Status status = run();
          did.end = moment.fetch_add(1);
          did.outcome = status.ok() ? Outcome::kCommitted : Outcome::kAborted;
          EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
          histories[static_cast<size_t>(t)].push_back(std::move(did));
        }
      });
    }
  }
  ListTransaction last;
  last.begin = moment.fetch_add(1);
  const auto transaction = store.Begin(options.serializable);
  for (uint64_t list = 0; list < (next_value.load() / generation_values + 2) * lists; ++list) {
    ListOperation read{.key = ListKey(list)};
    const auto found = transaction->Get(read.key);
    EXPECT_TRUE(found.ok()) << found.status();
    if (found.ok()) read.list = ParseList(found->value_or(""));
    last.operations.push_back(std::move(read));
  }
  last.end = moment.fetch_add(1);
  std::vector<ListTransaction> history;
  for (auto& part : histories) {
    history.insert(history.end(), std::make_move_iterator(part.begin()),
                   std::make_move_iterator(part.end()));
  }
  history.push_back(std::move(last));
  return history;
}

std::vector<VersionTransaction> RunRegisters(Store& store, const WorkloadOptions& options) {
  struct Did {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::vector<std::pair<std::string, uint64_t>> reads;  // the value; 0: absent
    std::optional<std::pair<std::string, std::pair<uint64_t, uint64_t>>> set;  // from, to
  };
  std::atomic<uint64_t> moment{1};
  std::atomic<uint64_t> next_value{1};
  std::atomic<int64_t> left{options.transaction_count};
  std::vector<std::vector<Did>> histories(static_cast<size_t>(options.thread_count));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < options.thread_count; ++t) {
      threads.emplace_back([&, t] {
        Random random(options.seed * 1000 + static_cast<uint64_t>(t));
        while (left.fetch_sub(1) > 0) {
          const auto pick = [&] {
            return absl::StrFormat("register/%u",
                                   random.Uniform(static_cast<uint64_t>(options.list_count)));
          };
          Did did;
          did.begin = moment.fetch_add(1);
          const std::unique_ptr<StoreTransaction> transaction = store.Begin(options.serializable);
          const auto read = [&](const std::string& key) -> absl::StatusOr<uint64_t> {
            KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> found, transaction->Get(key));
            uint64_t value = 0;
            EXPECT_TRUE(!found.has_value() || absl::SimpleAtoi(*found, &value));
            did.reads.emplace_back(key, value);
            return value;
          };
          const auto run = [&]() -> absl::Status {
            const std::string key = pick();
            KYRO_ASSIGN_OR_RETURN(const uint64_t value, read(key));
            MaybeYield(random);
            const std::string other = pick();
            if (other != key && random.OneIn(2)) KYRO_RETURN_IF_ERROR(read(other).status());
            MaybeYield(random);
            if (random.OneIn(2)) {
              const uint64_t next = next_value.fetch_add(1);
              KYRO_RETURN_IF_ERROR(transaction->Put(key, absl::StrFormat("%u", next)));
              did.set = {key, {value, next}};
            }
            return transaction->Commit();
          };
          const absl::Status status = run();
          did.end = moment.fetch_add(1);
          EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
          if (status.ok()) histories[static_cast<size_t>(t)].push_back(std::move(did));
        }
      });
    }
  }
  // From each value one compare-and-set may succeed: that makes the chain of versions.
  std::map<std::string, std::unordered_map<uint64_t, uint64_t>> next;
  for (const auto& part : histories) {
    for (const Did& did : part) {
      if (!did.set.has_value()) continue;
      const auto& [key, change] = *did.set;
      EXPECT_TRUE(next[key].emplace(change.first, change.second).second)
          << "two transactions replaced value " << change.first << " of " << key;
    }
  }
  std::map<std::string, std::unordered_map<uint64_t, uint64_t>> positions;
  for (const auto& [key, chain] : next) {
    uint64_t position = 0;
    positions[key][0] = 0;
    for (auto link = chain.find(0); link != chain.end(); link = chain.find(link->second)) {
      positions[key][link->second] = ++position;
    }
    EXPECT_EQ(position, chain.size()) << "a value of " << key << " that nobody set was replaced";
  }
  std::vector<VersionTransaction> history;
  for (const auto& part : histories) {
    for (const Did& did : part) {
      VersionTransaction version{did.begin, did.end, {}, {}};
      for (const auto& [key, value] : did.reads) {
        EXPECT_TRUE(value == 0 || positions[key].contains(value)) << key << " was " << value;
        version.reads.emplace_back(key, positions[key][value]);
      }
      if (did.set.has_value()) {
        version.writes.emplace_back(did.set->first,
                                    positions[did.set->first][did.set->second.second]);
      }
      history.push_back(std::move(version));
    }
  }
  return history;
}

}  // namespace kyrodb::engine
