// Goal:   a nearest search gives what an exact scan of the visible, matching rows gives: however
//         far the indexer is, after updates and deletes, for old snapshots, with own writes, with
//         filters, after a reopen, and when the segment is damaged.
// Method: small random sets where ef covers everything, so that graph answers are exact too and
//         must equal brute force in plain C++.
#include "engine/nearest.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/test_database.h"
#include "vector/metric.h"

namespace kyrodb::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint32_t kDimensions = 4;
using Model = std::map<int64_t, std::vector<float>>;

class NearestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = OpenOrDie(disk_.get());
    table_ = CreateTableOrDie(*database_, DocsTable("docs", kDimensions));
  }

  void CreateIndex(Metric metric = Metric::kL2) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    absl::StatusOr<ObjectId> index = transaction->CreateIndex(
        table_, {.name = "docs_embedding_idx", .column = 2, .metric = metric});
    ASSERT_TRUE(index.ok()) << index.status();
    ASSERT_TRUE(transaction->Commit().ok());
    index_ = *index;
    metric_ = metric;
  }

  std::vector<float> RandomVector() {
    std::vector<float> vector(kDimensions);
    for (float& x : vector) x = static_cast<float>(random_.Normal());
    return vector;
  }

  absl::Status PutRow(Transaction& transaction, int64_t id, const std::vector<float>& vector) {
    const std::shared_ptr<const TableSchema> schema = transaction.catalog()->FindTable(table_);
    const Row row = {Value(id), Value(absl::StrCat("row ", id)), Value(vector)};
    KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(*schema, row));
    KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(*schema, row));
    return transaction.Put(table_, key, bytes);
  }

  void Upsert(int64_t id) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    model_[id] = RandomVector();
    ASSERT_TRUE(PutRow(*transaction, id, model_[id]).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  void Delete(int64_t id) {
    std::unique_ptr<Transaction> transaction = database_->Begin();
    model_.erase(id);
    ASSERT_TRUE(transaction->Delete(table_, EncodeRowId(id)).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }

  void Index() { ASSERT_TRUE(database_->WaitForIndexes(absl::InfiniteDuration()).ok()); }

  void Reopen() {
    ASSERT_TRUE(database_->Close().ok());
    database_.reset();
    database_ = OpenOrDie(disk_.get());
    ASSERT_NE(database_, nullptr);
  }

  // Brute force over `model`: ids by distance, those for which `id % modulus == 0`.
  std::vector<int64_t> Expected(const Model& model, const std::vector<float>& query, size_t limit,
                                int64_t modulus) const {
    std::vector<std::pair<double, int64_t>> all;
    for (const auto& [id, vector] : model) {
      if (id % modulus == 0) all.emplace_back(vector::Distance(metric_, query, vector), id);
    }
    std::sort(all.begin(), all.end());
    std::vector<int64_t> ids;
    for (size_t i = 0; i < std::min(limit, all.size()); ++i) ids.push_back(all[i].second);
    return ids;
  }

  NearestAnswer Ask(Transaction& transaction, const std::vector<float>& query, size_t limit,
                    int64_t modulus) {
    const std::shared_ptr<const TableSchema> schema = transaction.catalog()->FindTable(table_);
    absl::StatusOr<NearestAnswer> answer = transaction.Nearest(
        {.table = table_, .index = index_, .query = query, .limit = limit, .ef_search = 2000},
        [&](absl::string_view, absl::string_view row) -> absl::StatusOr<bool> {
          KYRO_ASSIGN_OR_RETURN(const Value id, DecodeColumn(*schema, row, 0));
          return std::get<int64_t>(id) % modulus == 0;
        });
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(NearestAnswer{});
  }

  std::vector<int64_t> Ids(const NearestAnswer& answer) {
    std::vector<int64_t> ids;
    const std::shared_ptr<const TableSchema> schema =
        database_->Begin()->catalog()->FindTable(table_);
    for (const NearestNeighbor& neighbor : answer.neighbors) {
      ids.push_back(std::get<int64_t>(DecodeKey(*schema, neighbor.key).value()[0]));
    }
    return ids;
  }

  void ExpectExact(Transaction& transaction, const Model& model) {
    for (const int64_t modulus : {1, 2, 7, 50}) {
      for (const size_t limit : {size_t{1}, size_t{10}, size_t{1000}}) {
        const std::vector<float> query = RandomVector();
        EXPECT_EQ(Ids(Ask(transaction, query, limit, modulus)),
                  Expected(model, query, limit, modulus))
            << "limit " << limit << " modulus " << modulus;
      }
    }
  }
  void ExpectExact() { ExpectExact(*database_->Begin(), model_); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  Random random_{20261120};
  ObjectId table_ = 0;
  ObjectId index_ = 0;
  Metric metric_ = Metric::kL2;
  Model model_;
};

TEST_F(NearestTest, AnswersAreExactWhileTheIndexIsBuiltAndAfterwards) {
  for (int64_t id = 0; id < 300; ++id) Upsert(id);
  CreateIndex();
  EXPECT_THAT(Ask(*database_->Begin(), RandomVector(), 3, 1).statistics.plan,
              StartsWith("exact scan: the index is being built"));
  ExpectExact();
  Index();
  EXPECT_EQ(database_->index_statistics(index_)->indexed_count, 300u);
  EXPECT_EQ(Ask(*database_->Begin(), RandomVector(), 3, 1).statistics.plan, "graph + tail");
  ExpectExact();
}

TEST_F(NearestTest, TheTailIsScannedExactlyUntilTheIndexerComes) {
  CreateIndex();
  Index();
  for (int64_t id = 0; id < 300; ++id) Upsert(id);
  EXPECT_EQ(database_->index_statistics(index_)->tail_count, 300u);
  const NearestAnswer answer = Ask(*database_->Begin(), RandomVector(), 3, 1);
  EXPECT_EQ(answer.statistics.plan, "graph + tail");
  EXPECT_EQ(answer.statistics.tail_scanned, 300u);
  ExpectExact();
}

TEST_F(NearestTest, EveryMetricGivesTheOperatorsDistance) {
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
    SCOPED_TRACE(static_cast<int>(metric));
    model_.clear();
    database_.reset();
    disk_ = NewMemoryFileSystem();
    SetUp();
    CreateIndex(metric);
    for (int64_t id = 0; id < 200; ++id) Upsert(id);
    Index();
    ExpectExact();
    const std::vector<float> query = RandomVector();
    for (const NearestNeighbor& neighbor : Ask(*database_->Begin(), query, 5, 1).neighbors) {
      const int64_t id = std::get<int64_t>(
          DecodeKey(*database_->Begin()->catalog()->FindTable(table_), neighbor.key).value()[0]);
      EXPECT_EQ(neighbor.distance, vector::Distance(metric, query, model_[id]));
    }
  }
}

TEST_F(NearestTest, UpdatesAndDeletesAreSeenByNewSnapshotsOnly) {
  CreateIndex();
  for (int64_t id = 0; id < 200; ++id) Upsert(id);
  Index();
  const std::unique_ptr<Transaction> old = database_->Begin();
  const Model then = model_;
  for (int64_t id = 0; id < 200; id += 3) Upsert(id);
  for (int64_t id = 1; id < 200; id += 3) Delete(id);
  ExpectExact();
  ExpectExact(*old, then);
  Index();
  ExpectExact();
  ExpectExact(*old, then);
}

TEST_F(NearestTest, ATransactionSeesItsOwnVectors) {
  CreateIndex();
  for (int64_t id = 0; id < 100; ++id) Upsert(id);
  Index();
  std::unique_ptr<Transaction> transaction = database_->Begin();
  Model own = model_;
  for (int64_t id = 50; id < 150; ++id) {
    own[id] = RandomVector();
    ASSERT_TRUE(PutRow(*transaction, id, own[id]).ok());
  }
  for (int64_t id = 0; id < 20; ++id) {
    own.erase(id);
    ASSERT_TRUE(transaction->Delete(table_, EncodeRowId(id)).ok());
  }
  ExpectExact(*transaction, own);
  ExpectExact();
}

TEST_F(NearestTest, ARareFilterStillFillsTheLimit) {
  CreateIndex();
  for (int64_t id = 0; id < 1000; ++id) Upsert(id);
  Index();
  const NearestAnswer answer = Ask(*database_->Begin(), RandomVector(), 10, 97);
  EXPECT_EQ(answer.neighbors.size(), 10u);
  EXPECT_GT(answer.statistics.filtered_out, 0u);
}

TEST_F(NearestTest, RowsWithoutAVectorAreNoCandidates) {
  CreateIndex();
  Upsert(1);
  std::unique_ptr<Transaction> transaction = database_->Begin();
  const std::shared_ptr<const TableSchema> schema = transaction->catalog()->FindTable(table_);
  const Row row = {Value(int64_t{2}), Value(), Value()};
  ASSERT_TRUE(transaction->Put(table_, EncodeRowId(2), *EncodeRow(*schema, row)).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  ExpectExact();
}

TEST_F(NearestTest, ASegmentIsReloadedAndLaterChangesAreCaughtUp) {
  CreateIndex();
  for (int64_t id = 0; id < 300; ++id) Upsert(id);
  Index();
  Reopen();
  EXPECT_EQ(database_->recovery().rebuilt_indexes, 0u);
  EXPECT_EQ(database_->index_statistics(index_)->indexed_count, 300u) << "reloaded, not rebuilt";
  ExpectExact();
  // Changes after the segment was saved: some in runs, some only in the log.
  for (int64_t id = 0; id < 100; id += 2) Upsert(id);
  for (int64_t id = 1; id < 100; id += 2) Delete(id);
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(database_->Compact(table_).ok());
  for (int64_t id = 300; id < 320; ++id) Upsert(id);
  Delete(200);
  std::unique_ptr<MemoryFileSystem> after = disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
  database_.reset();
  disk_ = std::move(after);
  database_ = OpenOrDie(disk_.get());
  EXPECT_EQ(database_->recovery().rebuilt_indexes, 0u);
  EXPECT_GT(database_->index_statistics(index_)->tail_count, 0u);
  ExpectExact();
  Index();
  ExpectExact();
}

TEST_F(NearestTest, ADamagedSegmentIsRebuiltAndNeverBelieved) {
  CreateIndex();
  for (int64_t id = 0; id < 100; ++id) Upsert(id);
  Index();
  ASSERT_TRUE(database_->Close().ok());
  database_.reset();
  const std::string path = "db/vectors/" + disk_->List("db/vectors")->front();
  const std::string bytes = *ReadFile(*disk_, path);
  for (int round = 0; round < 40; ++round) {
    std::string damaged = bytes;
    if (round % 2 == 0) {
      damaged[random_.Uniform(damaged.size())] ^= static_cast<char>(1 + random_.Uniform(255));
    } else {
      damaged.resize(random_.Uniform(damaged.size()));
    }
    std::unique_ptr<MemoryFileSystem> copy =
        disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
    ASSERT_TRUE(copy->Remove(path).ok());
    ASSERT_TRUE(WriteFileSynced(*copy, path, damaged).ok());
    database_ = OpenOrDie(copy.get());
    ASSERT_NE(database_, nullptr);
    EXPECT_EQ(database_->recovery().rebuilt_indexes, 1u);
    ExpectExact();
    Index();
    ExpectExact();
    database_.reset();
  }
}

TEST_F(NearestTest, AGraphWithManyDeadNodesIsBuiltAnew) {
  CreateIndex();
  for (int64_t id = 0; id < 2500; ++id) Upsert(id);
  Index();
  for (int64_t id = 0; id < 2000; ++id) Delete(id);
  Index();
  Index();
  EXPECT_EQ(database_->index_statistics(index_)->dead_count, 0u);
  EXPECT_EQ(database_->index_statistics(index_)->indexed_count, 500u);
  ExpectExact();
}

TEST_F(NearestTest, BadQuestionsAreRefused) {
  CreateIndex();
  const auto ask = [&](ObjectId index, std::vector<float> query) {
    return database_->Begin()
        ->Nearest({.table = table_, .index = index, .query = query},
                  [](absl::string_view, absl::string_view) { return true; })
        .status();
  };
  EXPECT_THAT(std::string(ask(index_, {1, 2}).message()), HasSubstr("\"embedding\""));
  EXPECT_EQ(ask(index_, {1, 2}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ask(index_, {1, 2, 3, std::nanf("")}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ask(index_ + 1, {1, 2, 3, 4}).code(), absl::StatusCode::kNotFound);
}

// Writers, searchers and the indexer at once; every answer must be a set of rows of its snapshot.
TEST_F(NearestTest, SearchesRunBesideWritersAndTheIndexer) {
  ASSERT_TRUE(database_->Close().ok());
  database_.reset();
  OpenOptions options = QuietOptions(disk_.get());
  options.background = true;
  options.knobs = {{"write_buffer_bytes", 1 << 16}};
  database_ = Database::Open("db", options).value();
  CreateIndex();
  std::atomic<bool> stop{false};
  std::vector<std::jthread> threads;
  for (uint64_t thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      while (!stop) {
        const std::unique_ptr<Transaction> reader = database_->Begin();
        std::vector<float> query(kDimensions);
        for (float& x : query) x = static_cast<float>(random.Normal());
        const size_t rows = ScanAll(*reader, table_).size();
        const NearestAnswer answer = Ask(*reader, query, 5, 1);
        ASSERT_EQ(answer.neighbors.size(), std::min<size_t>(5, rows));
        for (size_t i = 1; i < answer.neighbors.size(); ++i) {
          ASSERT_LE(answer.neighbors[i - 1].distance, answer.neighbors[i].distance);
        }
      }
    });
  }
  for (int64_t id = 0; id < 600; ++id) {
    Upsert(id % 400);
    if (id % 7 == 0) Delete(id % 400);
  }
  stop = true;
  threads.clear();
  Index();
  ExpectExact();
}

}  // namespace
}  // namespace kyrodb::engine
