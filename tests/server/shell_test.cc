// Goal:   the shell prints exactly what it should, on a terminal and off, and its commands do what
//         `\?` says.
// Method: scripts in, text out; an in-process shell over a fresh database.
#include "server/shell/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "server/shell/display_width.h"
#include "tests/server/test_host.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

class ShellTest : public testing::Test {
 protected:
  void SetUp() override {
    host_ = OpenHostOrDie(folder_.path("db"));
    ASSERT_NE(host_, nullptr);
  }
  void TearDown() override { EXPECT_TRUE(host_->Close().ok()); }

  // Both streams in one, and whether all went well.
  std::string Run(const std::string& script, ShellOptions options = {}) {
    std::ostringstream out;
    Shell shell(host_.get(), &out, &out, options);
    std::istringstream in(script);
    good_ = shell.RunStream(in);
    return out.str();
  }

  TemporaryFolder folder_;
  std::unique_ptr<Host> host_;
  bool good_ = false;
};

TEST_F(ShellTest, ResultsArePrintedAsPsqlDoes) {
  EXPECT_EQ(Run("CREATE TABLE t (id bigint PRIMARY KEY, title text);\n"
                "INSERT INTO t VALUES (1, 'one'), (20, NULL), (3, 'trois');\n"
                "SELECT * FROM t ORDER BY id;\n"
                "SELECT id FROM t WHERE id = 99;\n"),
            "CREATE TABLE\n"
            "INSERT 0 3\n"
            " id | title \n"
            "----+-------\n"
            "  1 | one\n"
            "  3 | trois\n"
            " 20 | NULL\n"
            "(3 rows)\n"
            "\n"
            " id \n"
            "----\n"
            "(0 rows)\n"
            "\n");
  EXPECT_TRUE(good_);
}

TEST_F(ShellTest, StatementsMayTakeSeveralLinesAndShareOne) {
  EXPECT_EQ(Run("SELECT 1 AS a,\n       ';' AS b\n;  SELECT 2\nAS c; -- done\nSELECT 3 AS d"),
            " a | b \n---+---\n 1 | ;\n(1 row)\n\n"
            " c \n---\n 2\n(1 row)\n\n"
            " d \n---\n 3\n(1 row)\n\n");
}

TEST_F(ShellTest, AnErrorHasACaretAndEndsTheScript) {
  EXPECT_EQ(Run("SELECT nme;\nSELECT 1;\n"),
            "ERROR:  column \"nme\" does not exist\n"
            "LINE 1: SELECT nme;\n"
            "               ^\n");
  EXPECT_FALSE(good_);
}

TEST_F(ShellTest, ExpandedOutputHasALineForEachValue) {
  EXPECT_EQ(Run("\\x on\nSELECT 1 AS a, 'two' AS bcd;\n\\x\n\\x sideways\n"),
            "Expanded display is on.\n"
            "-[ RECORD 1 ]\n"
            "a   | 1\n"
            "bcd | two\n"
            "(1 row)\n"
            "\n"
            "Expanded display is off.\n"
            "\\x: \"sideways\" is neither on nor off\n");
  EXPECT_FALSE(good_);
}

TEST_F(ShellTest, ATerminalGetsBoxesShortVectorsAndWideCharacters) {
  ShellOptions options;
  options.interactive = true;
  options.terminal_width = 200;
  const std::string out =
      Run("\\timing off\n"
          "SELECT 7 AS n, '日本' AS t, NULL AS x, '[1,2,3,4,5,6,7]'::vector AS v;\n",
          options);
  EXPECT_EQ(out,
            "Timing is off.\n"
            "┌───┬──────┬──────┬──────────────────────────┐\n"
            "│ n │  t   │  x   │            v             │\n"
            "├───┼──────┼──────┼──────────────────────────┤\n"
            "│ 7 │ 日本 │ NULL │ [1.00, 2.00, 3.00, … 7d] │\n"
            "└───┴──────┴──────┴──────────────────────────┘\n"
            "(1 row)\n");
}

TEST_F(ShellTest, StoredTextCannotMoveTheCursor) {
  EXPECT_THAT(Run("SELECT 'a' || chr(27) || '[2Jb' AS t;\n"), testing::Not(HasSubstr("\033")));
  EXPECT_EQ(OneLine("a\nb\tc\x01"), "a↵b c\xef\xbf\xbd");
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1u);
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2u);
}

TEST_F(ShellTest, TablesAndIndexesAreListedAndDescribed) {
  const std::string out =
      Run("CREATE TABLE docs (id bigint PRIMARY KEY, title text NOT NULL,\n"
          "  e vector(256) GENERATED ALWAYS AS (embed(title)) STORED);\n"
          "CREATE INDEX docs_e_idx ON docs USING hnsw (e vector_cosine_ops);\n"
          "\\d docs\n\\dt\n\\di\n\\d\n\\dt x*\n\\d docs_e_idx\n");
  EXPECT_TRUE(good_) << out;
  EXPECT_THAT(out, HasSubstr("Table \"docs\"\n"
                             " Column |    Type     | Nullable |                  Default"));
  EXPECT_THAT(out, HasSubstr("vector(256)"));
  EXPECT_THAT(out, HasSubstr("generated always as ("));
  EXPECT_THAT(out, HasSubstr("    PRIMARY KEY, learned (id)\n"
                             "    docs_e_idx hnsw (e vector_cosine_ops) WITH (m = 16, "
                             "ef_construction = 64)\n"));
  EXPECT_THAT(out, HasSubstr("List of tables"));
  EXPECT_THAT(out, HasSubstr("List of indexes"));
  EXPECT_THAT(out, HasSubstr("Nothing is named \"x*\""));
  EXPECT_THAT(out, HasSubstr("Index \"docs_e_idx\" of table \"docs\""));
  EXPECT_THAT(Run("\\d nothing\n"), HasSubstr("there is no relation named \"nothing\""));
  EXPECT_FALSE(good_);
}

TEST_F(ShellTest, FilesAreIncludedAndUnknownCommandsRefused) {
  const std::string path = folder_.path("script.sql");
  std::ofstream(path) << "\\echo from the file\nSELECT 1 AS one;\n";
  EXPECT_EQ(Run("\\i " + path + "\n"), "from the file\n one \n-----\n   1\n(1 row)\n\n");
  EXPECT_THAT(Run("\\i " + folder_.path("absent") + "\n"), HasSubstr("cannot open"));
  EXPECT_FALSE(good_);
  EXPECT_EQ(Run("\\frobnicate 1\n"), "unknown command \\frobnicate; \\? lists the commands\n");
  EXPECT_FALSE(good_);
  std::ofstream(path) << "\\i " << path << "\n";
  EXPECT_THAT(Run("\\i " + path + "\n"), HasSubstr("more than 16 deep"));
}

TEST_F(ShellTest, QuitEndsTheScriptAndHelpListsTheCommands) {
  EXPECT_EQ(Run("\\q\nSELECT 1;\n"), "");
  EXPECT_TRUE(good_);
  EXPECT_THAT(Run("\\?\n"), HasSubstr("\\timing"));
  EXPECT_THAT(Run("\\timing on\nSELECT 1;\n"), HasSubstr("Time: "));
}

TEST_F(ShellTest, TransactionsSpanStatements) {
  EXPECT_EQ(Run("CREATE TABLE t (id bigint PRIMARY KEY);\nBEGIN;\nINSERT INTO t VALUES (1);\n"
                "ROLLBACK;\nSELECT count(*) FROM t;\n"),
            "CREATE TABLE\nBEGIN\nINSERT 0 1\nROLLBACK\n count \n-------\n     0\n(1 row)\n\n");
}

}  // namespace
}  // namespace kyrodb::server
