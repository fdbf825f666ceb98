// Goal:   a box that a zorder index answers has the rows that a scan of the table finds, whatever
//         the types that are compared, the values, nulls, updates, deletes and parameters.
// Method: random tables and conditions, each asked with index scans on and off.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "sql/format.h"
#include "sql/session.h"

namespace kyrodb::sql {
namespace {

constexpr const char* kColumns[] = {"a", "b", "c", "d"};

std::string RandomLiteral(Random& random) {
  constexpr const char* kSpecial[] = {
      "0",
      "'-0'::double precision",
      "'infinity'::double precision",
      "'-infinity'::double precision",
      "'nan'::double precision",
      "9007199254740993",
      "9007199254740992.0",
      "9223372036854775807",
      "-9223372036854775808",
      "2147483647",
      "-2147483648",
      "3000000000",
      "1e300",
      "-2.5",
      "NULL",
  };
  if (random.OneIn(5)) return kSpecial[random.Uniform(std::size(kSpecial))];
  const int64_t number = static_cast<int64_t>(random.Uniform(41)) - 20;
  return random.OneIn(3) ? absl::StrCat(number, ".5") : absl::StrCat(number);
}

std::string RandomCondition(const std::string& column, Random& random) {
  constexpr const char* kOperators[] = {"<", "<=", ">", ">=", "="};
  if (random.OneIn(2)) {
    return absl::StrCat(column, " BETWEEN ", RandomLiteral(random), " AND ", RandomLiteral(random));
  }
  const std::string op = kOperators[random.Uniform(std::size(kOperators))];
  return random.OneIn(4) ? absl::StrCat(RandomLiteral(random), " ", op, " ", column)
                         : absl::StrCat(column, " ", op, " ", RandomLiteral(random));
}

std::string RandomWhere(Random& random) {
  std::vector<std::string> conditions;
  for (const char* column : kColumns) {
    if (random.OneIn(3)) continue;
    for (uint64_t n = 1 + random.Uniform(2); n > 0; --n) {
      conditions.push_back(RandomCondition(column, random));
    }
  }
  if (random.OneIn(6)) conditions.push_back("id > 20");
  if (random.OneIn(6)) conditions.push_back("a > b");
  if (conditions.empty()) return "true";
  return absl::StrJoin(conditions, " AND ");
}

// A value that its column takes, by rounding and clamping nothing.
std::string RandomStored(char column, Random& random) {
  if (column != 'b' && random.OneIn(10)) return "NULL";
  if (column == 'c') {
    constexpr const char* kSpecial[] = {"'-0'",  "'infinity'", "'-infinity'",
                                        "'nan'", "1e-300",     "9007199254740992"};
    if (random.OneIn(6)) return kSpecial[random.Uniform(std::size(kSpecial))];
    return absl::StrCat(static_cast<int64_t>(random.Uniform(161)) - 80, " / 4.0");
  }
  if (random.OneIn(8)) {
    constexpr const char* kInteger[] = {"2147483647", "-2147483648"};
    constexpr const char* kBigint[] = {"9223372036854775807", "-9223372036854775808",
                                       "9007199254740993", "9007199254740992"};
    return column == 'a' ? kInteger[random.Uniform(2)] : kBigint[random.Uniform(4)];
  }
  return absl::StrCat(static_cast<int64_t>(random.Uniform(41)) - 20);
}

std::string Ask(Session& session, const std::string& text) {
  const absl::StatusOr<ResultSet> result = session.Query(text, {});
  if (!result.ok()) return result.status().ToString();
  std::vector<std::string> rows;
  for (const engine::Row& row : result->rows) {
    std::vector<std::string> values;
    for (size_t i = 0; i < row.size(); ++i) {
      values.push_back(IsNull(row[i]) ? "null" : FormatValue(result->columns[i].type, row[i]));
    }
    rows.push_back(absl::StrJoin(values, "|"));
  }
  std::sort(rows.begin(), rows.end());
  return absl::StrJoin(rows, "\n");
}

TEST(ZOrderSqlTest, FindsWhatAScanFinds) {
  for (const uint64_t seed : {1, 2}) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    const std::unique_ptr<FileSystem> disk = NewMemoryFileSystem();
    engine::OpenOptions options;
    options.file_system = disk.get();
    absl::StatusOr<std::unique_ptr<engine::Database>> database =
        engine::Database::Open("db", options);
    ASSERT_TRUE(database.ok()) << database.status();
    Session session(database->get());
    ASSERT_EQ(Ask(session,
                  "CREATE TABLE t (id bigint PRIMARY KEY, a integer, b bigint NOT NULL, "
                  "c double precision, d bigint)"),
              "");
    for (const char* columns : {"a, b", "b, c", "c, d, a", "d, c, b, a"}) {
      ASSERT_EQ(Ask(session, absl::StrCat("CREATE INDEX ON t USING zorder (", columns, ")")), "");
    }
    uint64_t by_index = 0;
    for (int step = 0; step < 150; ++step) {
      std::vector<std::string> values;
      for (const char* column : kColumns) values.push_back(RandomStored(*column, random));
      ASSERT_EQ(Ask(session, absl::StrCat("INSERT INTO t VALUES (", random.Uniform(80), ", ",
                                          absl::StrJoin(values, ", "),
                                          ") ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = "
                                          "excluded.b, c = excluded.c, d = excluded.d")),
                "");
      if (random.OneIn(5)) {
        ASSERT_TRUE(session.Query("BEGIN", {}).ok());
      }
      if (random.OneIn(8)) Ask(session, "DELETE FROM t WHERE " + RandomWhere(random));
      if (random.OneIn(8)) {
        Ask(session, "UPDATE t SET c = c + 1.5, d = 3 WHERE " + RandomWhere(random));
      }
      for (int i = 0; i < 3; ++i) {
        const std::string query =
            absl::StrCat("SELECT id, a, b, c, d FROM t WHERE ", RandomWhere(random));
        const std::string found = Ask(session, query);
        by_index += session.last_statistics().access_path == "Z-Order Scan";
        ASSERT_EQ(Ask(session, "SET enable_indexscan = off"), "");
        ASSERT_EQ(found, Ask(session, query)) << query;
        ASSERT_EQ(Ask(session, "SET enable_indexscan = on"), "");
      }
      Ask(session, random.OneIn(2) ? "COMMIT" : "ROLLBACK");
    }
    EXPECT_GT(by_index, 150u);
  }
}

}  // namespace
}  // namespace kyrodb::sql
