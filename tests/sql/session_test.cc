// Goal:   a session speaks as its header promises: batches, parameters, transactions, retries,
//         cancelling, limits; and no input breaks it.
// Method: a database on a disk in memory; threads where conflicts and cancelling need them.
#include "sql/session.h"

#include <atomic>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

using engine::Row;
using engine::Type;
using engine::TypeId;
using engine::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Type kInteger{TypeId::kInteger, 0};
constexpr Type kBigint{TypeId::kBigint, 0};
constexpr Type kText{TypeId::kText, 0};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : disk_(NewMemoryFileSystem()) { Open(); }
  void Open() {
    engine::OpenOptions options;
    options.file_system = disk_.get();
    absl::StatusOr<std::unique_ptr<engine::Database>> opened =
        engine::Database::Open("db", options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
    session_ = std::make_unique<Session>(database_.get());
  }
  void Reopen() {
    session_.reset();
    EXPECT_TRUE(database_->Close().ok());
    database_.reset();
    Open();
  }

  // Rows as text, values separated by |; or the error as "SQLSTATE: message".
  std::vector<std::string> Ask(absl::string_view text, std::vector<Parameter> parameters = {}) {
    return Ask(*session_, text, std::move(parameters));
  }
  static std::vector<std::string> Ask(Session& session, absl::string_view text,
                                      std::vector<Parameter> parameters = {}) {
    const absl::StatusOr<ResultSet> result = session.Query(text, parameters);
    if (!result.ok()) {
      return {absl::StrCat(SqlStateOf(result.status()), ": ", result.status().message())};
    }
    std::vector<std::string> rows;
    for (const Row& row : result->rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        absl::StrAppend(
            &line, i > 0 ? "|" : "",
            engine::IsNull(row[i]) ? "NULL" : FormatValue(result->columns[i].type, row[i]));
      }
      rows.push_back(line);
    }
    return rows;
  }

  std::unique_ptr<MemoryFileSystem> disk_;
  std::unique_ptr<engine::Database> database_;
  std::unique_ptr<Session> session_;
};

// Writes down the calls it gets.
class RecordingSink : public ResultSink {
 public:
  absl::Status Columns(std::span<const ResultColumn> columns) override {
    calls.push_back(absl::StrCat("columns ", columns.size()));
    return absl::OkStatus();
  }
  absl::Status Batch(std::span<const Row> rows) override {
    calls.push_back(absl::StrCat("batch ", rows.size()));
    largest = std::max(largest, rows.size());
    total += rows.size();
    if (batches_until_gone > 0 && --batches_until_gone == 0) {
      return absl::UnavailableError("the client has gone");
    }
    return absl::OkStatus();
  }
  absl::Status Complete(absl::string_view tag) override {
    calls.push_back(std::string(tag));
    return absl::OkStatus();
  }
  void Notice(absl::string_view severity, absl::string_view sqlstate,
              absl::string_view message) override {
    calls.push_back(absl::StrCat(severity, " ", sqlstate, " ", message));
  }

  std::vector<std::string> calls;
  size_t largest = 0;
  size_t total = 0;
  int batches_until_gone = 0;
};

TEST_F(SessionTest, StatementsAnswerInOrderWithTheirTags) {
  RecordingSink sink;
  ASSERT_TRUE(session_
                  ->Execute("CREATE TABLE t (id bigint PRIMARY KEY); "
                            "INSERT INTO t VALUES (1), (2) RETURNING id; ; "
                            "SELECT * FROM t; UPDATE t SET id = id; DELETE FROM t WHERE id = 1; "
                            "DROP TABLE t; COMMIT",
                            &sink)
                  .ok());
  EXPECT_THAT(sink.calls,
              ElementsAre("CREATE TABLE", "columns 1", "batch 2", "INSERT 0 2", "columns 1",
                          "batch 2", "SELECT 2", "UPDATE 2", "DELETE 1", "DROP TABLE",
                          "WARNING 25P01 there is no transaction in progress", "COMMIT"));
}

TEST_F(SessionTest, BigResultsComeInBatches) {
  RecordingSink sink;
  ASSERT_TRUE(session_->Execute("SELECT g FROM generate_series(1, 10000) g", &sink).ok());
  EXPECT_EQ(sink.total, 10000u);
  EXPECT_LE(sink.largest, 1024u);
  EXPECT_EQ(sink.calls.back(), "SELECT 10000");
}

TEST_F(SessionTest, AClientThatGoesAwayStopsTheScript) {
  RecordingSink sink;
  sink.batches_until_gone = 3;
  const absl::Status status =
      session_->Execute("SELECT g FROM generate_series(1, 1000000000) g", &sink);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Ask("SELECT 1"), ElementsAre("1"));
}

TEST_F(SessionTest, ParametersTakeTheTypeThatTheStatementWants) {
  Ask("CREATE TABLE t (id bigint PRIMARY KEY, i integer, d double precision, s text, b boolean, "
      "z timestamptz, v vector(2), j jsonb)");
  EXPECT_THAT(Ask("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *",
                  {Value(int64_t{1}), Value(int64_t{2}), Value(int64_t{3}), Value("x"), Value(true),
                   Value("2026-11-20"), Value("[1,2]"), Value("{\"b\":1,\"a\":2}")}),
              ElementsAre("1|2|3|x|t|2026-11-20 00:00:00+00|[1,2]|{\"a\": 2, \"b\": 1}"));
  EXPECT_THAT(Ask("SELECT s FROM t WHERE id = $1", {Value("1")}), ElementsAre("x"));
  EXPECT_THAT(Ask("SELECT s FROM t WHERE id = $1", {Parameter(Value(int64_t{1}), kInteger)}),
              ElementsAre("x"));
  EXPECT_THAT(
      Ask("SELECT s FROM t WHERE id IN ($1, $2)", {Value(int64_t{1}), Value(engine::Null{})}),
      ElementsAre("x"));
  EXPECT_EQ(session_->last_statistics().access_path, "Point Lookup");
  EXPECT_THAT(Ask("SELECT v <-> $1 FROM t", {Value(std::vector<float>{1, 2})}), ElementsAre("0"));
  EXPECT_THAT(Ask("SELECT $1::integer + 1", {Value("41")}), ElementsAre("42"));
  EXPECT_THAT(Ask("SELECT $1", {Value("text")}), ElementsAre("text"));
  EXPECT_THAT(Ask("SELECT $1 IS NULL", {Value(engine::Null{})}), ElementsAre("t"));
  EXPECT_THAT(Ask("SELECT id FROM t LIMIT $1", {Value(int64_t{1})}), ElementsAre("1"));
  EXPECT_THAT(Ask("SELECT $2 || $1", {Value("b"), Value("a")}), ElementsAre("ab"));
}

TEST_F(SessionTest, WrongParametersAreRefused) {
  Ask("CREATE TABLE t (id bigint PRIMARY KEY, i integer, v vector(2))");
  EXPECT_THAT(Ask("SELECT * FROM t WHERE id = $1", {Value("one")}),
              ElementsAre("22P02: invalid input syntax for type bigint: \"one\""));
  EXPECT_THAT(Ask("INSERT INTO t (id, i) VALUES (1, $1)", {Value(int64_t{1} << 40)}),
              ElementsAre("22003: integer out of range"));
  EXPECT_THAT(Ask("INSERT INTO t (id, v) VALUES (1, $1)", {Value(std::vector<float>{1})}),
              ElementsAre("22000: expected 2 dimensions, not 1"));
  EXPECT_THAT(Ask("SELECT $1 <-> $1", {Value(std::vector<float>{std::nanf("")})}),
              ElementsAre("22000: NaN not allowed in vector"));
  EXPECT_THAT(Ask("SELECT $1", {Value("a"), Value("b")}),
              ElementsAre("08P01: the statement has 1 parameters, but 2 were given"));
  EXPECT_THAT(Ask("SELECT $1; SELECT $1", {Value("a")}),
              ElementsAre("42601: cannot insert multiple commands into a prepared statement"));
  EXPECT_THAT(Ask("SELECT $1", {Value("\xFF")}),
              ElementsAre("22021: invalid byte sequence for encoding \"UTF8\": 0xff"));
  EXPECT_THAT(Ask("SELECT $1", {Value(std::string("a\0b", 3))}),
              ElementsAre("22021: invalid byte sequence for encoding \"UTF8\": 0x00"));
  EXPECT_THAT(Ask("SELECT $1 + 1", {Parameter(Value("x"), kInteger)}),
              ElementsAre("22023: the value of parameter $1 is not of type integer"));
}

TEST_F(SessionTest, DescribeTellsTypesWithoutRunning) {
  Ask("CREATE TABLE t (id bigint PRIMARY KEY, s text)");
  absl::StatusOr<StatementDescription> description =
      session_->Describe("INSERT INTO t VALUES ($1, $2) RETURNING s, id + 1 AS next");
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_THAT(description->parameter_types, ElementsAre(kBigint, kText));
  ASSERT_EQ(description->columns.size(), 2u);
  EXPECT_EQ(description->columns[1].name, "next");
  EXPECT_EQ(description->command, "INSERT");
  EXPECT_THAT(Ask("SELECT count(*) FROM t"), ElementsAre("0"));
  description = session_->Describe("SELECT $1 + 1, $2", std::vector<std::optional<Type>>{});
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_THAT(description->parameter_types, ElementsAre(kInteger, kText));
  description = session_->Describe("EXPLAIN SELECT 1");
  ASSERT_TRUE(description.ok());
  EXPECT_EQ(description->columns[0].name, "QUERY PLAN");
  EXPECT_EQ(SqlStateOf(session_->Describe("SELECT nope").status()), "42703");
  EXPECT_EQ(SqlStateOf(session_->Describe("SELECT 1 WHERE $2 = 1").status()), "42P18");
}

TEST_F(SessionTest, EverythingSurvivesAReopen) {
  Ask("CREATE TABLE t (id bigint PRIMARY KEY, a integer DEFAULT 1 + 2, "
      "twice integer GENERATED ALWAYS AS (a * 2) STORED, e vector(2) DEFAULT '[1,2]')");
  Ask("CREATE INDEX ON t USING hnsw (e vector_l2_ops)");
  Ask("INSERT INTO t (id) VALUES (1)");
  Reopen();
  Ask("INSERT INTO t (id, a) VALUES (2, 5)");
  EXPECT_THAT(Ask("SELECT * FROM t ORDER BY id"), ElementsAre("1|3|6|[1,2]", "2|5|10|[1,2]"));
  Ask("CREATE TABLE bag (x integer)");
  Ask("INSERT INTO bag VALUES (1)");
  Reopen();
  Ask("INSERT INTO bag VALUES (2)");
  EXPECT_THAT(Ask("SELECT x FROM bag ORDER BY x"), ElementsAre("1", "2"));
  EXPECT_THAT(Ask("SELECT id FROM t ORDER BY e <-> '[1,2]' LIMIT 5"), ElementsAre("1", "2"));
}

TEST_F(SessionTest, ConflictingCountersAreRetriedUntilTheyAllCount) {
  Ask("CREATE TABLE c (id integer PRIMARY KEY, n bigint NOT NULL)");
  constexpr int kThreads = 4;
  constexpr int kRounds = 100;
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, &failures] {
        SessionOptions options;
        options.conflict_retries_max = 1000;
        Session session(database_.get(), options);
        for (int i = 0; i < kRounds; ++i) {
          if (!session
                   .Query("INSERT INTO c AS c VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = "
                          "c.n + excluded.n")
                   .ok()) {
            ++failures;
          }
        }
      });
    }
  }
  EXPECT_EQ(failures.load(), 0);
  EXPECT_THAT(Ask("SELECT n FROM c"), ElementsAre(absl::StrCat(kThreads * kRounds)));
}

TEST_F(SessionTest, WithoutRetriesAConflictIsToldAsOne) {
  Ask("CREATE TABLE c (id integer PRIMARY KEY, n bigint)");
  Ask("INSERT INTO c VALUES (1, 0)");
  Session other(database_.get());
  Ask("BEGIN");
  Ask("UPDATE c SET n = 1");
  Ask(other, "UPDATE c SET n = 2");
  EXPECT_THAT(Ask("COMMIT"),
              ElementsAre("40001: could not serialize access due to concurrent update"));
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
  EXPECT_THAT(Ask("SELECT n FROM c"), ElementsAre("2"));
}

TEST_F(SessionTest, TheStatusFollowsTheTransaction) {
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
  Ask("BEGIN");
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kInTransaction);
  Ask("SELECT nope");
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kFailed);
  Ask("ROLLBACK");
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
}

TEST_F(SessionTest, CancelEndsTheStatementThatRunsAndNoOther) {
  session_->Cancel();  // nothing runs
  EXPECT_THAT(Ask("SELECT 1"), ElementsAre("1"));
  std::atomic<bool> done{false};
  std::jthread canceller([&] {
    while (!done) {
      session_->Cancel();
      std::this_thread::yield();
    }
  });
  EXPECT_THAT(Ask("SELECT count(*) FROM generate_series(1, 4000000000) g"),
              ElementsAre("57014: canceling statement due to user request"));
  done = true;
  canceller.join();
  EXPECT_THAT(Ask("SELECT 1"), ElementsAre("1"));
}

TEST_F(SessionTest, CancelReachesIntoJoinsAndSubqueries) {
  for (const char* text : {"SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, "
                           "100000) b WHERE a + b < 0",
                           "SELECT (SELECT count(*) FROM generate_series(1, 4000000000) g)",
                           "SELECT count(*) FROM generate_series(1, 4000000000) g WHERE g < 0"}) {
    std::atomic<bool> done{false};
    std::jthread canceller([&] {
      while (!done) {
        session_->Cancel();
        std::this_thread::yield();
      }
    });
    EXPECT_THAT(Ask(text), ElementsAre("57014: canceling statement due to user request")) << text;
    done = true;
  }
}

class FruitTable : public VirtualTable {
 public:
  absl::string_view name() const override { return "fruit"; }
  const std::vector<VirtualColumn>& columns() const override { return columns_; }
  absl::Status Scan(RowReceiver receive) const override {
    for (int64_t i = 0; i < 3; ++i) {
      absl::Status status = receive({Value(i), Value(absl::StrCat("fruit ", i))});
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<VirtualColumn> columns_ = {{"id", kBigint}, {"name", kText}};
};

TEST_F(SessionTest, LayersAboveMayAddTables) {
  VirtualTableRegistry registry;
  ASSERT_TRUE(registry.Add(std::make_shared<FruitTable>()).ok());
  EXPECT_EQ(registry.Add(std::make_shared<FruitTable>()).code(), absl::StatusCode::kAlreadyExists);
  SessionOptions options;
  options.virtual_tables = &registry;
  Session session(database_.get(), options);
  EXPECT_THAT(Ask(session, "SELECT name FROM fruit WHERE id > 0 ORDER BY id DESC LIMIT 1"),
              ElementsAre("fruit 2"));
  EXPECT_EQ(session.last_statistics().access_path, "Virtual Scan");
  EXPECT_THAT(Ask(session, "INSERT INTO fruit VALUES (1, 'x')"),
              ElementsAre("42809: \"fruit\" is a virtual table and cannot be changed"));
  EXPECT_THAT(Ask(session, "CREATE TABLE fruit (x integer)"),
              ElementsAre("42P07: relation \"fruit\" already exists"));
}

TEST_F(SessionTest, TheStatisticsSayHowRowsWereFound) {
  Ask("CREATE TABLE t (id bigint PRIMARY KEY, g integer, e vector(2))");
  Ask("CREATE INDEX ON t USING hnsw (e vector_l2_ops)");
  Ask("INSERT INTO t SELECT g, g % 2, ('[' || g || ',0]')::vector FROM generate_series(1, 100) g");
  EXPECT_EQ(session_->last_statistics().affected, 100u);
  EXPECT_GT(session_->last_statistics().commit_lsn, 0u);
  Ask("SELECT id FROM t WHERE g = 1 ORDER BY e <-> '[0,0]' LIMIT 5");
  const StatementStatistics& statistics = session_->last_statistics();
  EXPECT_EQ(statistics.access_path, "Nearest Search");
  EXPECT_EQ(statistics.returned, 5u);
  EXPECT_GE(statistics.candidates, 5u);
  EXPECT_GE(statistics.filtered_out, 4u);
  EXPECT_THAT(statistics.plan, HasSubstr("Nearest Search using t_e_idx on t"));
  EXPECT_NE(statistics.nearest_plan, "");
  Ask("SELECT * FROM t WHERE g = 7");
  EXPECT_EQ(session_->last_statistics().access_path, "Sequential Scan");
  EXPECT_EQ(session_->last_statistics().candidates, 100u);
  EXPECT_EQ(session_->last_statistics().filtered_out, 100u);
}

TEST_F(SessionTest, MemoryOfAStatementIsBounded) {
  SessionOptions options;
  options.statement_memory_bytes_max = 1 << 20;
  Session session(database_.get(), options);
  for (const char* text :
       {"SELECT g FROM generate_series(1, 100000) g ORDER BY g DESC",
        "SELECT g, count(*) FROM generate_series(1, 100000) g GROUP BY g",
        "SELECT DISTINCT g FROM generate_series(1, 100000) g",
        "SELECT count(*) FROM generate_series(1, 5) a JOIN generate_series(1, 100000) b ON b = a",
        "SELECT g FROM generate_series(1, 100000) g EXCEPT SELECT 1 FROM generate_series(1, "
        "100000) x(y) WHERE y < 0",
        "SELECT 1 WHERE 0 IN (SELECT g FROM generate_series(1, 100000) g)",
        "SELECT string_agg(repeat('x', 100), '') FROM generate_series(1, 100000) g"}) {
    EXPECT_THAT(Ask(session, text), ElementsAre(HasSubstr("53200: the statement needs more than")))
        << text;
  }
  EXPECT_THAT(Ask(session, "SELECT count(*) FROM generate_series(1, 100000)"),
              ElementsAre("100000"));
}

TEST_F(SessionTest, GarbageGivesErrorsAndTheSessionLives) {
  Random random(3);
  std::string garbage;
  for (int i = 0; i < 1 << 20; ++i) garbage.push_back(static_cast<char>(random.Next()));
  EXPECT_THAT(Ask(garbage), ElementsAre(::testing::AnyOf(HasSubstr("22021"), HasSubstr("42601"))));
  const absl::string_view words[] = {
      "SELECT", "FROM",     "t",         "(",        ")",         ",",           "1",      "'x'",
      "*",      "+",        "WHERE",     "ORDER BY", "LIMIT",     "AND",         "NOT",    "IN",
      "NULL",   "CASE",     "WHEN",      "END",      "::integer", "GROUP BY",    "JOIN",   "ON",
      "count",  "id",       ".",         ";",        "VALUES",    "INSERT INTO", "AS",     "$1",
      "UNION",  "DISTINCT", "BETWEEN",   "EXISTS",   "LATERAL",   "<->",         "UPDATE", "SET",
      "=",      "DELETE",   "RETURNING", "WITH"};
  Ask("CREATE TABLE t (id integer PRIMARY KEY, e vector(2))");
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (uint64_t n = 1 + random.Uniform(14); n > 0; --n) {
      absl::StrAppend(&text, words[random.Uniform(std::size(words))], " ");
    }
    Ask(text);
    if (session_->transaction_status() != TransactionStatus::kIdle) Ask("ROLLBACK");
  }
  EXPECT_THAT(Ask("SELECT 1"), ElementsAre("1"));
}

TEST_F(SessionTest, DeepAndWideExpressionsAreAnsweredOrRefused) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "(";
  EXPECT_THAT(Ask("SELECT " + deep),
              ElementsAre(::testing::AnyOf(HasSubstr("54001"), HasSubstr("42601"))));
  std::string sum = "SELECT 1";
  for (int i = 0; i < 400; ++i) sum += " + 1";
  EXPECT_THAT(Ask(sum), ElementsAre("401"));
  // However deep, the answer is right or the depth is refused.
  const auto right_or_refused = ::testing::AnyOf("1", HasSubstr("54001"), HasSubstr("54000"));
  for (const int depth : {20, 60, 100, 200, 400, 5000}) {
    std::string subqueries = "1";
    std::string nested = "SELECT 1 AS x";
    std::string exists = "SELECT 1";
    std::string unions = "SELECT 1";
    std::string joins = "SELECT 1 FROM (VALUES (1)) t";
    std::string cases = "1";
    std::string functions = "'x'";
    for (int i = 0; i < depth; ++i) {
      subqueries = absl::StrCat("(SELECT ", subqueries, ")");
      nested = absl::StrCat("SELECT x FROM (", nested, ") AS s");
      exists = absl::StrCat("SELECT 1 WHERE EXISTS (", exists, ")");
      absl::StrAppend(&unions, " UNION SELECT 1");
      absl::StrAppend(&joins, " JOIN (VALUES (1)) t", i, " ON true");
      cases = absl::StrCat("CASE WHEN true THEN ", cases, " END");
      functions = absl::StrCat("lower(", functions, ")");
    }
    for (const std::string& text :
         {absl::StrCat("SELECT ", subqueries), nested, exists, unions, joins,
          absl::StrCat("SELECT ", cases), absl::StrCat("SELECT length(", functions, ")")}) {
      EXPECT_THAT(Ask(text), ElementsAre(right_or_refused)) << depth << ": " << text.substr(0, 60);
    }
  }
  EXPECT_THAT(Ask("SELECT (SELECT (SELECT (SELECT (SELECT 1))))"), ElementsAre("1"));
  std::string in = "SELECT 7 IN (0";
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&in, ",", i);
  EXPECT_THAT(Ask(in + ")"), ElementsAre("t"));
  std::string conditions = "SELECT 1 WHERE true";
  for (int i = 0; i < 20000; ++i) conditions += " AND true";
  EXPECT_THAT(Ask(conditions), ElementsAre("1"));
  std::string columns = "SELECT 1";
  for (int i = 0; i < 2000; ++i) columns += ", 1";
  EXPECT_THAT(Ask(columns), ElementsAre("54011: target lists can have at most 1664 entries"));
  std::string tables = "SELECT 1 FROM (VALUES (1)) t0";
  for (int i = 1; i < 300; ++i) absl::StrAppend(&tables, ", (VALUES (1)) t", i);
  EXPECT_THAT(Ask(tables), ElementsAre(HasSubstr("54000: a query cannot join more than")));
}

TEST_F(SessionTest, AnOpenTransactionIsRolledBackWithItsSession) {
  Ask("CREATE TABLE t (id integer PRIMARY KEY)");
  {
    Session other(database_.get());
    Ask(other, "BEGIN");
    Ask(other, "INSERT INTO t VALUES (1)");
  }
  EXPECT_THAT(Ask("SELECT count(*) FROM t"), ElementsAre("0"));
}

TEST_F(SessionTest, SettingsAnswerByName) {
  EXPECT_EQ(session_->setting("server_version"), "15.0");
  EXPECT_EQ(session_->setting("TimeZone"), "UTC");
  EXPECT_EQ(session_->setting("nope"), std::nullopt);
  EXPECT_EQ(TypeOid(kBigint), 20u);
}

}  // namespace
}  // namespace kyrodb::sql
