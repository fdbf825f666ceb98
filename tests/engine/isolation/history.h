// What transactions did, as their callers saw it, and whether an isolation level allows it.
//
// Source: Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions" (ICDE 2000) for the
// anomalies; Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
// Observations" (VLDB 2020) for lists whose appended values are unique, so that what was read tells
// the order of writes; Cerone and Gotsman, "Analysing Snapshot Isolation" (PODC 2016): a history is
// one of snapshot isolation when each cycle of dependencies has two anti-dependencies in a row.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kyrodb::engine {

enum class Outcome { kCommitted, kAborted };

// One read or append of a list. Values are unique over the whole history.
struct ListOperation {
  bool is_append = false;
  std::string key;
  uint64_t value = 0;          // that was appended
  std::vector<uint64_t> list;  // that was read
};

// Units:  `begin` and `end` are moments of one clock for all: a transaction whose end is less than
//         another's begin was over before that one was started.
struct ListTransaction {
  uint64_t begin = 0;
  uint64_t end = 0;
  Outcome outcome = Outcome::kCommitted;
  std::vector<ListOperation> operations;
};

// The same with versions: `position` 0 is the absence of the key, n its n-th version. Only
// committed transactions.
struct VersionTransaction {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::vector<std::pair<std::string, uint64_t>> reads;
  std::vector<std::pair<std::string, uint64_t>> writes;
};

enum class Level { kSnapshot, kSerializable };

// "G1a", "lost update", …, each with a sentence that names the transactions by their number.
struct Anomaly {
  std::string name;
  std::string detail;
};

// Everything in `history` that the level does not allow, at most a few of each kind. Some committed
// transaction must have read the final state of every key.
std::vector<Anomaly> CheckLists(const std::vector<ListTransaction>& history, Level level);

// Cycles alone. `G0`: writes only; `G1c`: with reads; `G-single`: one anti-dependency; `long fork`:
// several, no two in a row; `G2`: any; each "-realtime" when it takes the order of time to close
// it.
std::vector<Anomaly> CheckVersions(const std::vector<VersionTransaction>& history, Level level);

}  // namespace kyrodb::engine
