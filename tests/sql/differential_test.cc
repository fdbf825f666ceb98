// Goal:   on what PostgreSQL's and SQLite's languages share, the two engines give the same rows.
// Method: random tables (with nulls and duplicates) in both; random queries over typed expressions,
//         joins, grouping, ordering, set operations and subqueries; rows are compared as text, in
//         order where the query orders completely, else sorted. The seed is printed; set
//         KYRO_SEED to replay it. Where SQLite has other rules (division, booleans as values, LIKE)
//         the generator stays away or a pragma makes them equal.
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/session.h"

namespace kyrodb::sql {
namespace {

uint64_t Seed() {
  const char* given = std::getenv("KYRO_SEED");
  uint64_t seed = 20261120;
  if (given != nullptr) {
    EXPECT_TRUE(absl::SimpleAtoi(given, &seed)) << "KYRO_SEED is no number: " << given;
  }
  return seed;
}

constexpr int kQueries = 6000;

std::string Real(double value) { return absl::StrFormat("%.9g", value); }

class Sqlite {
 public:
  Sqlite() {
    EXPECT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
    Rows("PRAGMA case_sensitive_like = ON");
  }
  ~Sqlite() { sqlite3_close(db_); }
  // Rows as text, or one line "ERROR …".
  std::vector<std::string> Rows(const std::string& text) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, text.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      return {absl::StrCat("ERROR ", sqlite3_errmsg(db_))};
    }
    std::vector<std::string> rows;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      std::vector<std::string> values;
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        switch (sqlite3_column_type(statement, i)) {
          case SQLITE_NULL:
            values.push_back("NULL");
            break;
          case SQLITE_FLOAT:
            values.push_back(Real(sqlite3_column_double(statement, i)));
            break;
          default:
            values.push_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, i)));
        }
      }
      rows.push_back(absl::StrJoin(values, "|"));
    }
    sqlite3_finalize(statement);
    return rows;
  }

 private:
  sqlite3* db_ = nullptr;
};

std::vector<std::string> KyroRows(Session& session, const std::string& text) {
  const absl::StatusOr<ResultSet> result = session.Query(text);
  if (!result.ok()) {
    return {absl::StrCat("ERROR ", SqlStateOf(result.status()), " ", result.status().message())};
  }
  std::vector<std::string> rows;
  for (const engine::Row& row : result->rows) {
    std::vector<std::string> values;
    for (size_t i = 0; i < row.size(); ++i) {
      const engine::Value& value = row[i];
      const engine::Type& type = result->columns[i].type;
      if (engine::IsNull(value)) {
        values.push_back("NULL");
      } else if (const auto* truth = std::get_if<bool>(&value)) {
        values.push_back(*truth ? "1" : "0");
      } else if (const auto* integer = std::get_if<int64_t>(&value)) {
        values.push_back(absl::StrCat(*integer));
      } else if (const auto* real = std::get_if<double>(&value)) {
        values.push_back(Real(*real));
      } else if (type.id == engine::TypeId::kNumeric) {
        // SQLite has doubles where PostgreSQL has numeric.
        values.push_back(Real(std::strtod(FormatValue(type, value).c_str(), nullptr)));
      } else {
        values.push_back(std::get<std::string>(value));
      }
    }
    rows.push_back(absl::StrJoin(values, "|"));
  }
  return rows;
}

// Makes queries out of what is in scope.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string Query() {
    aliases_.clear();
    ordered_ = false;
    if (random_.OneIn(8)) return SetOperation();
    if (random_.OneIn(4)) return Grouped();
    std::string text = random_.OneIn(5) ? "SELECT DISTINCT " : "SELECT ";
    const bool distinct = text.size() > 8;
    const std::string from = From();
    std::vector<std::string> items;
    const uint64_t count = 1 + random_.Uniform(3);
    for (uint64_t i = 0; i < count; ++i) items.push_back(absl::StrCat(Any(3), " AS c", i));
    absl::StrAppend(&text, absl::StrJoin(items, ", "), from);
    if (!random_.OneIn(4)) absl::StrAppend(&text, " WHERE ", Bool(3));
    if (random_.OneIn(2)) {
      // Every output in some direction: then equal rows are the same rows.
      std::vector<std::string> keys;
      for (uint64_t i = 0; i < count; ++i) keys.push_back(Direction(absl::StrCat(i + 1)));
      if (!distinct && random_.OneIn(3)) {
        keys.insert(keys.begin(), Direction(absl::StrCat("(", Int(2), " + 0)")));
      }
      if (keys.size() == count) {
        ordered_ = true;
        absl::StrAppend(&text, " ORDER BY ", absl::StrJoin(keys, ", "));
        if (random_.OneIn(2)) {
          absl::StrAppend(&text, " LIMIT ", random_.Uniform(12));
          if (random_.OneIn(2)) absl::StrAppend(&text, " OFFSET ", random_.Uniform(6));
        }
      } else {
        absl::StrAppend(&text, " ORDER BY ", absl::StrJoin(keys, ", "));
      }
    }
    return text;
  }
  bool ordered() const { return ordered_; }

 private:
  std::string Direction(const std::string& key) {
    return absl::StrCat(key, random_.OneIn(2) ? " DESC" : "",
                        random_.OneIn(2) ? " NULLS FIRST" : " NULLS LAST");
  }

  std::string From() {
    const auto table = [this](const char* alias) {
      aliases_.push_back(alias);
      return absl::StrCat(random_.OneIn(2) ? "t1 " : "t2 ", alias);
    };
    std::string text = absl::StrCat(" FROM ", table("a"));
    switch (random_.Uniform(6)) {
      case 0:
        absl::StrAppend(&text, ", ", table("b"));
        break;
      case 1:
        absl::StrAppend(&text, " JOIN ", table("b"));
        absl::StrAppend(&text, " ON a.k = b.k");
        break;
      case 2:
        absl::StrAppend(&text, " LEFT JOIN ", table("b"));
        absl::StrAppend(&text, " ON ", random_.OneIn(2) ? "a.k = b.k AND " : "", Bool(1));
        break;
      case 3:
        absl::StrAppend(&text, " JOIN ", table("b"));
        absl::StrAppend(&text, " ON ", Bool(2));
        break;
      default:
        break;
    }
    return text;
  }

  std::string Grouped() {
    const std::string from = From();
    // Never a bare constant: those have a meaning of their own here.
    const std::string key = random_.OneIn(2) ? absl::StrCat("(", Text(1), " || '')")
                                             : absl::StrCat("(", Int(1), " + 0)");
    std::string text =
        absl::StrCat("SELECT ", key, " AS g, count(*), ", Aggregate(), ", ", Aggregate(), from);
    if (random_.OneIn(2)) absl::StrAppend(&text, " WHERE ", Bool(2));
    absl::StrAppend(&text, " GROUP BY ", key);
    if (random_.OneIn(3)) absl::StrAppend(&text, " HAVING count(*) > ", random_.Uniform(4));
    return text;
  }

  std::string Aggregate() {
    switch (random_.Uniform(6)) {
      case 0:
        return absl::StrCat("sum(", Int(1), ")");
      case 1:
        return absl::StrCat("min(", random_.OneIn(2) ? Int(1) : Text(1), ")");
      case 2:
        return absl::StrCat("max(", random_.OneIn(2) ? Int(1) : Text(1), ")");
      case 3:
        return absl::StrCat("count(DISTINCT ", random_.OneIn(2) ? Int(1) : Text(1), ")");
      case 4:
        return absl::StrCat("avg(", Int(1), ")");
      default:
        return absl::StrCat("count(", random_.OneIn(2) ? Int(1) : Text(1), ") FILTER (WHERE ",
                            Bool(1), ")");
    }
  }

  std::string SetOperation() {
    const char* const operations[] = {"UNION", "UNION ALL", "INTERSECT", "EXCEPT"};
    const auto side = [this] {
      aliases_.clear();
      const std::string from = From();
      return absl::StrCat("SELECT ", Int(2), ", ", Text(1), from, " WHERE ", Bool(2));
    };
    const std::string left = side();
    return absl::StrCat(left, " ", operations[random_.Uniform(4)], " ", side());
  }

  std::string Alias() { return aliases_[random_.Uniform(aliases_.size())]; }
  std::string Any(int depth) { return random_.OneIn(3) ? Text(depth) : Int(depth); }
  std::string Number() { return absl::StrCat(static_cast<int64_t>(random_.Uniform(21)) - 10); }

  std::string Int(int depth) {
    if (depth == 0 || random_.OneIn(3)) {
      if (random_.OneIn(4)) return Number();
      const char* const columns[] = {"id", "k", "n"};
      return absl::StrCat(Alias(), ".", columns[random_.Uniform(3)]);
    }
    const int d = depth - 1;
    switch (random_.Uniform(10)) {
      case 0:
        return absl::StrCat("(", Int(d), " + ", Int(d), ")");
      case 1:
        return absl::StrCat("(", Int(d), " - ", Int(d), ")");
      case 2:
        return absl::StrCat("(", Int(d), " * ", Number(), ")");
      case 3:
        return absl::StrCat("(", Int(d), " / ", 1 + random_.Uniform(5), ")");
      case 4:
        return absl::StrCat("(", Int(d), " % ", 1 + random_.Uniform(5), ")");
      case 5:
        return absl::StrCat("CASE WHEN ", Bool(d), " THEN ", Int(d), " ELSE ", Int(d), " END");
      case 6:
        return absl::StrCat("COALESCE(", Int(d), ", ", Int(d), ")");
      case 7:
        return absl::StrCat("NULLIF(", Int(d), ", ", Int(d), ")");
      case 8:
        return absl::StrCat("length(", Text(d), ")");
      default:
        if (depth >= 2 && random_.OneIn(3)) {
          return absl::StrCat("(SELECT max(x.n) FROM t2 x WHERE x.k = ", Int(0), ")");
        }
        return absl::StrCat("abs(", Int(d), ")");
    }
  }

  std::string Text(int depth) {
    if (depth == 0 || random_.OneIn(2)) {
      if (random_.OneIn(4))
        return absl::StrCat("'", std::string(1, "abxyz"[random_.Uniform(5)]), "'");
      return absl::StrCat(Alias(), ".s");
    }
    const int d = depth - 1;
    switch (random_.Uniform(5)) {
      case 0:
        return absl::StrCat("(", Text(d), " || ", Text(d), ")");
      case 1:
        return absl::StrCat("upper(", Text(d), ")");
      case 2:
        return absl::StrCat("COALESCE(", Text(d), ", ", Text(d), ")");
      case 3:
        return absl::StrCat("substr(", Text(d), ", ", 1 + random_.Uniform(3), ", ",
                            random_.Uniform(3), ")");
      default:
        return absl::StrCat("replace(", Text(d), ", 'a', 'bb')");
    }
  }

  std::string Compare() {
    const char* const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    return operators[random_.Uniform(6)];
  }

  std::string Bool(int depth) {
    const int d = std::max(depth - 1, 0);
    if (depth > 0) {
      switch (random_.Uniform(8)) {
        case 0:
          return absl::StrCat("(", Bool(d), " AND ", Bool(d), ")");
        case 1:
          return absl::StrCat("(", Bool(d), " OR ", Bool(d), ")");
        case 2:
          return absl::StrCat("(NOT ", Bool(d), ")");
        case 3:
          if (depth >= 2 && random_.OneIn(2)) {
            return absl::StrCat("(", Int(d), random_.OneIn(2) ? " NOT" : "",
                                " IN (SELECT y.k FROM t1 y WHERE y.n ", Compare(), " ", Number(),
                                "))");
          }
          return absl::StrCat("EXISTS (SELECT 1 FROM t2 z WHERE z.k = ", Alias(), ".k)");
        default:
          break;
      }
    }
    switch (random_.Uniform(8)) {
      case 0:
        return absl::StrCat("(", Int(d), " IS ", random_.OneIn(2) ? "NOT " : "", "NULL)");
      case 1:
        return absl::StrCat("(", Int(d), " BETWEEN ", Number(), " AND ", Int(d), ")");
      case 2:
        return absl::StrCat("(", Int(d), random_.OneIn(2) ? " NOT" : "", " IN (", Number(), ", ",
                            Int(d), ", ", Number(), "))");
      case 3:
        return absl::StrCat("(", Text(d), random_.OneIn(2) ? " NOT" : "", " LIKE '",
                            std::string(1, "ab%_"[random_.Uniform(4)]), "%')");
      case 4:
        return absl::StrCat("(", Text(d), " ", Compare(), " ", Text(d), ")");
      case 5:
        return absl::StrCat("(", Alias(), ".id ", Compare(), " ", Number(), ")");
      case 6:
        return absl::StrCat("(", Int(d), " IS ", random_.OneIn(2) ? "NOT " : "", "DISTINCT FROM ",
                            Int(d), ")");
      default:
        return absl::StrCat("(", Int(d), " ", Compare(), " ", Int(d), ")");
    }
  }

  Random random_;
  std::vector<std::string> aliases_;
  bool ordered_ = false;
};

class DifferentialTest : public ::testing::Test {
 protected:
  DifferentialTest() : disk_(NewMemoryFileSystem()) {
    engine::OpenOptions options;
    options.file_system = disk_.get();
    database_ = *engine::Database::Open("db", options);
    session_ = std::make_unique<Session>(database_.get());
  }
  void Both(const std::string& text) {
    const std::vector<std::string> ours = KyroRows(*session_, text);
    const std::vector<std::string> theirs = sqlite_.Rows(text);
    ASSERT_TRUE(ours.empty()) << ours[0] << "\n" << text;
    ASSERT_TRUE(theirs.empty()) << theirs[0] << "\n" << text;
  }
  void MakeTables(Random& random) {
    for (const char* table : {"t1", "t2"}) {
      Both(absl::StrCat("CREATE TABLE ", table,
                        " (id integer PRIMARY KEY, k integer, n integer, s text)"));
      for (int id = -8; id <= 12; ++id) {
        const auto number = [&random] {
          return random.OneIn(5) ? std::string("NULL")
                                 : absl::StrCat(static_cast<int64_t>(random.Uniform(9)) - 4);
        };
        std::string text = "NULL";
        if (!random.OneIn(5)) {
          text = "'";
          for (uint64_t n = random.Uniform(4); n > 0; --n)
            text.push_back("abAx"[random.Uniform(4)]);
          text += "'";
        }
        Both(absl::StrCat("INSERT INTO ", table, " VALUES (", id, ", ", number(), ", ", number(),
                          ", ", text, ")"));
      }
      // Rows are found by them instead of by looking at all.
      for (const char* columns : {"(k)", "(n DESC, s)", "(s, k)", "(abs(n), k)", "(k) WHERE n > 0",
                                  "(n, k) WHERE s IS NOT NULL"}) {
        if (random.OneIn(2))
          Both(absl::StrCat("CREATE INDEX ", table, "_", ++index_count_, " ON ", table, " ",
                            columns));
      }
    }
  }

  int index_count_ = 0;
  std::unique_ptr<MemoryFileSystem> disk_;
  std::unique_ptr<engine::Database> database_;
  std::unique_ptr<Session> session_;
  Sqlite sqlite_;
};

TEST_F(DifferentialTest, RandomQueriesGiveSqlitesRows) {
  const uint64_t seed = Seed();
  std::cout << "seed " << seed << " (KYRO_SEED)\n";
  Random random(seed);
  MakeTables(random);
  int rows_seen = 0;
  for (int i = 0; i < kQueries; ++i) {
    Generator generator(SplitMix64(seed + static_cast<uint64_t>(i)));
    const std::string text = generator.Query();
    std::vector<std::string> ours = KyroRows(*session_, text);
    std::vector<std::string> theirs = sqlite_.Rows(text);
    if (!generator.ordered()) {
      std::sort(ours.begin(), ours.end());
      std::sort(theirs.begin(), theirs.end());
    }
    rows_seen += static_cast<int>(theirs.size());
    ASSERT_EQ(ours, theirs) << text << "\nseed " << seed << ", query " << i;
  }
  EXPECT_GT(rows_seen, kQueries);
}

TEST_F(DifferentialTest, RandomWritesLeaveSqlitesTables) {
  const uint64_t seed = Seed() + 1;
  std::cout << "seed " << seed << "\n";
  Random random(seed);
  MakeTables(random);
  const auto number = [&random] {
    return absl::StrCat(static_cast<int64_t>(random.Uniform(9)) - 4);
  };
  for (int i = 0; i < 800; ++i) {
    const std::string table = random.OneIn(2) ? "t1" : "t2";
    const std::string id = absl::StrCat(static_cast<int64_t>(random.Uniform(30)) - 10);
    std::string text;
    switch (random.Uniform(7)) {
      case 0:
        text = absl::StrCat("INSERT INTO ", table, " VALUES (", id, ", ", number(), ", ", number(),
                            ", 'w", i, "') ON CONFLICT (id) DO NOTHING");
        break;
      case 1:
        text = absl::StrCat("INSERT INTO ", table, " AS t VALUES (", id, ", ", number(),
                            ", 1, 'u') ON CONFLICT (id) DO UPDATE SET n = COALESCE(t.n, 0) + "
                            "excluded.n, s = excluded.s WHERE t.k IS NOT NULL");
        break;
      case 2:
        text = absl::StrCat("UPDATE ", table, " SET n = n + 1, s = s || 'z' WHERE k = ", number());
        break;
      case 3:
        text = absl::StrCat("UPDATE ", table, " SET k = n, n = k WHERE id BETWEEN ", number(),
                            " AND ", id);
        break;
      case 4:
        text = absl::StrCat("DELETE FROM ", table, " WHERE id = ", id);
        break;
      case 5:
        text = absl::StrCat("DELETE FROM ", table, " WHERE n > ", 3 + random.Uniform(3),
                            " AND id IN (SELECT k FROM t1)");
        break;
      default:
        text = absl::StrCat("INSERT INTO ", table, " SELECT id + 100, k, n, s FROM ", table,
                            " WHERE id = ", id, " AND NOT EXISTS (SELECT 1 FROM ", table,
                            " x WHERE x.id = ", id, " + 100)");
    }
    ASSERT_NO_FATAL_FAILURE(Both(text));
    if (i % 20 == 0) {
      for (const char* all : {"SELECT * FROM t1 ORDER BY id", "SELECT * FROM t2 ORDER BY id"}) {
        ASSERT_EQ(KyroRows(*session_, all), sqlite_.Rows(all)) << text << "\nseed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace kyrodb::sql
