// Goal: a shell knows when a buffer is ready to run.
// Method: buffers cut in every kind of open construct.
#include "sql/script.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kyrodb::sql {
namespace {

using ::testing::ElementsAre;

TEST(ScriptTest, AStatementIsCompleteAtItsSemicolon) {
  EXPECT_TRUE(IsComplete("SELECT 1;"));
  EXPECT_TRUE(IsComplete("SELECT 1; -- done\n /* really */ "));
  EXPECT_FALSE(IsComplete("SELECT 1"));
  EXPECT_FALSE(IsComplete(""));
  EXPECT_FALSE(IsComplete(" ;;"));
  EXPECT_FALSE(IsComplete("-- only a comment;"));
  EXPECT_FALSE(IsComplete("SELECT 1; SELECT"));
}

TEST(ScriptTest, OpenConstructsKeepTheBufferOpenAndAreNamed) {
  EXPECT_EQ(SplitScript("SELECT 'a;").open, '\'');
  EXPECT_EQ(SplitScript("SELECT \"a;").open, '"');
  EXPECT_EQ(SplitScript("SELECT $x$ a; $$;").open, '$');
  EXPECT_EQ(SplitScript("SELECT /* /* */ ;").open, '*');
  EXPECT_EQ(SplitScript("SELECT (1;").open, '(');
  EXPECT_EQ(SplitScript("SELECT 1").open, '-');
  EXPECT_EQ(SplitScript("SELECT 1;").open, '=');
  for (const char* text : {"SELECT 'a;", "SELECT \"a;", "SELECT $x$ a; $$;", "/* /* */ ;",
                           "SELECT (1;", "INSERT INTO t VALUES (1);\nSELECT 'x;"}) {
    EXPECT_FALSE(IsComplete(text)) << text;
  }
}

TEST(ScriptTest, StatementsAreSplitOutsideQuotes) {
  const ScriptSplit split = SplitScript("SELECT ';'; ;\n SELECT $$;$$ ; SELECT (2");
  EXPECT_THAT(split.statements, ElementsAre("SELECT ';'", "SELECT $$;$$"));
  EXPECT_EQ(split.rest, "SELECT (2");
}

TEST(ScriptTest, ATokenThatIsNoneDoesNotHideTheSemicolon) {
  const ScriptSplit split = SplitScript("SELECT 1x; SELECT {2};");
  EXPECT_THAT(split.statements, ElementsAre("SELECT 1x", "SELECT {2}"));
  EXPECT_TRUE(IsComplete("\xff\xfe;"));
}

}  // namespace
}  // namespace kyrodb::sql
