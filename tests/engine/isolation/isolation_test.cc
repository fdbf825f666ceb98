// Goal:   transactions are as isolated as their level says, with many threads, while memtables are
//         frozen, flushed and merged under them.
// Method: list-append and register histories checked as in history.h. Under snapshot isolation
// write
//         skew must turn up: it shows that the load can produce it. KYRO_ISOLATION_TRANSACTIONS
//         sets how many transactions each case runs.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "absl/time/clock.h"
#include "engine/base/random.h"
#include "tests/engine/isolation/history.h"
#include "tests/engine/isolation/workload.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::IsEmpty;

class EngineTransaction : public StoreTransaction {
 public:
  EngineTransaction(std::unique_ptr<Transaction> transaction, ObjectId table)
      : transaction_(std::move(transaction)), table_(table) {}
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) override {
    return transaction_->Get(table_, key);
  }
  absl::StatusOr<std::map<std::string, std::string>> Scan(absl::string_view begin,
                                                          absl::string_view end,
                                                          bool reverse) override {
    KYRO_ASSIGN_OR_RETURN(
        const std::unique_ptr<Iterator> rows,
        transaction_->Scan(table_, {.begin = std::string(begin), .end = std::string(end)},
                           {.reverse = reverse}));
    std::map<std::string, std::string> found;
    for (; rows->Valid(); rows->Next()) found.emplace(rows->key(), rows->value());
    KYRO_RETURN_IF_ERROR(rows->status());
    return found;
  }
  absl::Status Put(absl::string_view key, absl::string_view value) override {
    return transaction_->Put(table_, key, value);
  }
  absl::Status Commit() override { return transaction_->Commit().status(); }

 private:
  const std::unique_ptr<Transaction> transaction_;
  const ObjectId table_;
};

// The database, with a thread that checkpoints and merges all the time.
class EngineStore : public Store {
 public:
  explicit EngineStore(std::vector<std::pair<std::string, int64_t>> knobs = {}) {
    OpenOptions options = QuietOptions(disk_.get());
    options.segment_bytes = 1 << 20;
    options.knobs.insert(options.knobs.end(), knobs.begin(), knobs.end());
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open("db", options);
    EXPECT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    table_ = CreateTableOrDie(*database_, DocsTable());
    background_ = std::jthread([this](std::stop_token stop) {
      for (int round = 0; !stop.stop_requested(); ++round) {
        EXPECT_TRUE(round % 4 == 3 ? database_->Compact(table_).ok()
                                   : database_->Checkpoint().ok());
        std::this_thread::yield();
      }
    });
  }
  std::unique_ptr<StoreTransaction> Begin(bool serializable) override {
    return std::make_unique<EngineTransaction>(
        database_->Begin(serializable ? IsolationLevel::kSerializable : IsolationLevel::kSnapshot),
        table_);
  }

 private:
  const std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  ObjectId table_ = 0;
  std::jthread background_;
};

int TransactionCount(int usual) {
  const char* text = std::getenv("KYRO_ISOLATION_TRANSACTIONS");
  return text == nullptr ? usual : std::atoi(text);
}

std::vector<std::string> Names(const std::vector<Anomaly>& anomalies) {
  std::vector<std::string> names;
  for (const Anomaly& anomaly : anomalies) {
    names.push_back(anomaly.name);
    std::printf("%s: %s\n", anomaly.name.c_str(), anomaly.detail.c_str());
  }
  return names;
}

size_t CommittedCount(const std::vector<ListTransaction>& history) {
  size_t count = 0;
  for (const auto& transaction : history) count += transaction.outcome == Outcome::kCommitted;
  return count;
}

TEST(IsolationTest, SnapshotIsolationLosesNothingAndShowsOnlyWriteSkew) {
  EngineStore store;
  const WorkloadOptions options{.transaction_count = TransactionCount(50000)};
  const auto history = RunLists(store, options);
  EXPECT_GT(CommittedCount(history), history.size() / 4);
  EXPECT_THAT(Names(CheckLists(history, Level::kSnapshot)), IsEmpty());
  EXPECT_THAT(Names(CheckLists(history, Level::kSerializable)),
              Contains(AnyOf("G2", "G2-realtime")));
}

TEST(IsolationTest, SerializableTransactionsCouldHaveRunOneAfterTheOther) {
  EngineStore store;
  const WorkloadOptions options{.transaction_count = TransactionCount(50000), .serializable = true};
  const auto history = RunLists(store, options);
  EXPECT_GT(CommittedCount(history), history.size() / 4);
  EXPECT_THAT(Names(CheckLists(history, Level::kSerializable)), IsEmpty());
}

TEST(IsolationTest, AReadSetThatIsTooLargeIsCoarseAndNeverForgets) {
  // Room for a few keys, and for none.
  for (const int64_t bytes : {1000, 0}) {
    EngineStore store({{"read_set_bytes_max", bytes}});
    const WorkloadOptions options{.transaction_count = TransactionCount(4000),
                                  .serializable = true};
    EXPECT_THAT(Names(CheckLists(RunLists(store, options), Level::kSerializable)), IsEmpty());
  }
}

TEST(IsolationTest, RegistersWithCompareAndSetAreLinear) {
  for (const bool serializable : {false, true}) {
    EngineStore store;
    const WorkloadOptions options{.transaction_count = TransactionCount(10000),
                                  .serializable = serializable,
                                  .list_count = 4};
    EXPECT_THAT(Names(CheckVersions(RunRegisters(store, options),
                                    serializable ? Level::kSerializable : Level::kSnapshot)),
                IsEmpty());
  }
}

}  // namespace
}  // namespace kyrodb::engine
