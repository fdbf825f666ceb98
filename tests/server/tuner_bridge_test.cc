// Goal:   the tuner sees what the database does, moves its memory through the knobs, and its
//         decisions can be read with SQL.
// Method: a real database, windows run by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/tuner_bridge/database_environment.h"
#include "tests/server/test_host.h"

namespace kyrodb::server {
namespace {

TEST(TunerBridgeTest, AWindowCountsWhatHappenedSinceTheLastOne) {
  TemporaryFolder folder;
  const auto host = OpenHostOrDie(folder.path("db"));
  auto environment = DatabaseEnvironment::Create(host->database());
  ASSERT_TRUE(environment.ok());
  {
    const auto session = host->NewSession();
    ASSERT_TRUE(session->Query("CREATE TABLE t (id bigint PRIMARY KEY)").ok());
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(session->Query(absl::StrCat("INSERT INTO t VALUES (", i, ")")).ok());
    }
    ASSERT_TRUE(host->database().Checkpoint().ok());
    ASSERT_TRUE(session->Query("SELECT * FROM t WHERE id = 3").ok());
  }
  const auto first = (*environment)->Observe();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GE(first->writes, 11u);
  EXPECT_GE(first->flush_count, 1u);
  EXPECT_GT(first->flushed_bytes, 0u);
  EXPECT_GT(first->stored_bytes, 0u);
  EXPECT_EQ(first->reads, first->pool_hits + first->pool_misses);
  EXPECT_GT(first->reads, 0u);
  EXPECT_EQ(first->allocation.buffer_pool_bytes, int64_t{256} << 20);
  const auto second = (*environment)->Observe();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->writes, 0u);
  EXPECT_EQ(second->flush_count, 0u);
  EXPECT_TRUE(host->Close().ok());
}

TEST(TunerBridgeTest, APoolSlightlyTooSmallSaysWhatMoreWouldBring) {
  TemporaryFolder folder;
  const auto host = OpenHostOrDie(folder.path("db"));
  const auto session = host->NewSession();
  ASSERT_TRUE(session->Query("CREATE TABLE t (id bigint PRIMARY KEY, note text)").ok());
  // About 37 MiB in pages of which a walk in circles uses all, against a pool of 32 MiB.
  ASSERT_TRUE(session
                  ->Query("INSERT INTO t SELECT g, repeat('x', 1000) FROM "
                          "generate_series(1, 38000) AS s(g)")
                  .ok());
  ASSERT_TRUE(host->database().Checkpoint().ok());
  ASSERT_TRUE(host->database().knobs().Set("buffer_pool_bytes", int64_t{32} << 20).ok());
  auto environment = DatabaseEnvironment::Create(host->database());
  ASSERT_TRUE(environment.ok());
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(session->Query("SELECT count(note) FROM t").ok());
  }
  const auto seen = (*environment)->Observe();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->ghost_bytes, int64_t{8} << 20);
  EXPECT_GT(seen->pool_ghost_hits, 1000u);
  EXPECT_LT(seen->pool_tail_hits, seen->pool_ghost_hits);
  EXPECT_TRUE(host->Close().ok());
}

TEST(TunerBridgeTest, AnAllocationIsSetAsAWholeOrNotAtAll) {
  TemporaryFolder folder;
  const auto host = OpenHostOrDie(folder.path("db"));
  auto environment = DatabaseEnvironment::Create(host->database());
  ASSERT_TRUE(environment.ok());
  const tuner::Limits limits = (*environment)->DefaultLimits();
  EXPECT_TRUE(limits.Validate().ok());
  EXPECT_EQ(limits.budget_bytes, int64_t{320} << 20);
  ASSERT_TRUE((*environment)
                  ->SetAllocation({.write_buffer_bytes = int64_t{100} << 20,
                                   .buffer_pool_bytes = int64_t{220} << 20})
                  .ok());
  EXPECT_EQ(*host->database().knobs().Get("buffer_pool_bytes"), int64_t{220} << 20);
  EXPECT_EQ(*host->database().knobs().Get("write_buffer_bytes"), int64_t{100} << 20);
  // The pool's half is fine, the other is not: both stay.
  EXPECT_FALSE((*environment)
                   ->SetAllocation({.write_buffer_bytes = 1, .buffer_pool_bytes = 200 << 20})
                   .ok());
  EXPECT_EQ(*host->database().knobs().Get("buffer_pool_bytes"), int64_t{220} << 20);
  EXPECT_EQ(*host->database().knobs().Get("write_buffer_bytes"), int64_t{100} << 20);
  EXPECT_TRUE(host->Close().ok());
}

TEST(TunerBridgeTest, DecisionsAreATable) {
  TemporaryFolder folder;
  auto opened = Host::Open({.directory = folder.path("db"),
                            .tuner_mode = tuner::Mode::kObserve,
                            .tuner_interval = absl::Hours(1)});
  ASSERT_TRUE(opened.ok()) << opened.status();
  const std::unique_ptr<Host> host = *std::move(opened);
  {
    const auto session = host->NewSession();
    const auto before = session->Query("SELECT count(*) FROM kyro_tuner_decisions");
    ASSERT_TRUE(before.ok()) << before.status();
    ASSERT_TRUE(session->Query("CREATE TABLE t (id bigint PRIMARY KEY)").ok());
    for (int i = 0; i < 600; ++i) {
      ASSERT_TRUE(session->Query(absl::StrCat("INSERT INTO t VALUES (", i, ")")).ok());
    }
    ASSERT_TRUE(host->tuner().StepOnce().ok());
    const auto rows = session->Query(
        "SELECT id, mode, policy, operations, action, verdict, write_buffer_bytes_before "
        "FROM kyro_tuner_decisions ORDER BY id DESC LIMIT 1");
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->rows.size(), 1u);
    EXPECT_EQ(rows->rows[0][1], engine::Value(std::string("observe")));
    EXPECT_EQ(rows->rows[0][2], engine::Value(std::string("marginal_utility")));
    EXPECT_GE(std::get<int64_t>(rows->rows[0][3]), 600);
    EXPECT_EQ(rows->rows[0][6], engine::Value(int64_t{64} << 20));
  }
  EXPECT_TRUE(host->Close().ok());
}

}  // namespace
}  // namespace kyrodb::server
