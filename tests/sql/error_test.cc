// Goal: errors look as psql shows them and carry the right codes everywhere.
// Method: statuses built by hand, rendered and compared with text that psql 15 prints.
#include "sql/error.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kyrodb::sql {
namespace {

TEST(ErrorTest, PayloadsComeBackAsTheyWentIn) {
  absl::Status status = Error(sqlstate::kUndefinedColumn, 8, "column \"nme\" does not exist");
  status = WithHint(std::move(status), "perhaps \"name\"");
  status = WithDetail(std::move(status), "table has 3 columns");
  EXPECT_EQ(status.message(), "column \"nme\" does not exist");
  EXPECT_EQ(SqlStateOf(status), "42703");
  EXPECT_EQ(PositionOf(status), 8);
  EXPECT_EQ(HintOf(status), "perhaps \"name\"");
  EXPECT_EQ(DetailOf(status), "table has 3 columns");
  EXPECT_EQ(SqlStateOf(absl::OkStatus()), "00000");
  EXPECT_TRUE(WithHint(absl::OkStatus(), "nothing").ok());
}

TEST(ErrorTest, TheInnermostPositionWins) {
  EXPECT_EQ(PositionOf(WithPosition(Error("42601", 0, "x"), 5)), 5);
  EXPECT_EQ(PositionOf(WithPosition(Error("42601", 3, "x"), 5)), 3);
  EXPECT_EQ(PositionOf(Error("42601", 0, "x")), 0);
}

TEST(ErrorTest, StatusesFromBelowGetTheSqlStateOfTheirCode) {
  EXPECT_EQ(SqlStateOf(absl::InvalidArgumentError("")), "22023");
  EXPECT_EQ(SqlStateOf(absl::NotFoundError("")), "42704");
  EXPECT_EQ(SqlStateOf(absl::AlreadyExistsError("")), "42710");
  EXPECT_EQ(SqlStateOf(absl::FailedPreconditionError("")), "55000");
  EXPECT_EQ(SqlStateOf(absl::UnimplementedError("")), "0A000");
  EXPECT_EQ(SqlStateOf(absl::ResourceExhaustedError("")), "53000");
  EXPECT_EQ(SqlStateOf(absl::DataLossError("")), "XX001");
  EXPECT_EQ(SqlStateOf(absl::AbortedError("")), "40001");
  EXPECT_EQ(SqlStateOf(absl::UnavailableError("")), "57P03");
  EXPECT_EQ(SqlStateOf(absl::InternalError("")), "XX000");
  EXPECT_EQ(SqlStateOf(absl::UnknownError("")), "XX000");
}

TEST(ErrorTest, OneTableGivesHttpGrpcAndExitCodes) {
  const auto codes = [](absl::string_view sqlstate) {
    const absl::Status status = Error(sqlstate, 0, "x");
    return ::testing::Message() << HttpStatusOf(status) << " " << GrpcCodeOf(status) << " "
                                << ExitCodeOf(status);
  };
  EXPECT_EQ(codes("42601").GetString(), "400 3 1");
  EXPECT_EQ(codes("42P01").GetString(), "404 5 1");
  EXPECT_EQ(codes("42P07").GetString(), "409 6 1");
  EXPECT_EQ(codes("23505").GetString(), "409 6 1");
  EXPECT_EQ(codes("0A000").GetString(), "501 12 1");
  EXPECT_EQ(codes("40001").GetString(), "409 10 2");
  EXPECT_EQ(codes("53100").GetString(), "507 8 2");
  EXPECT_EQ(codes("57P03").GetString(), "503 14 2");
  EXPECT_EQ(codes("XX001").GetString(), "500 15 3");
  EXPECT_EQ(codes("XX000").GetString(), "500 13 4");
  EXPECT_EQ(HttpStatusOf(absl::OkStatus()), 200);
  EXPECT_EQ(HttpStatusOf(absl::InternalError("")), 500);
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
}

TEST(ErrorTest, TheCaretStandsUnderThePosition) {
  absl::Status status = Error("42703", 8, "column \"nme\" does not exist");
  status = WithHint(std::move(status), "Perhaps you meant \"name\".");
  EXPECT_EQ(RenderError(status, "SELECT nme FROM docs;"),
            "ERROR:  column \"nme\" does not exist\n"
            "LINE 1: SELECT nme FROM docs;\n"
            "               ^\n"
            "HINT:  Perhaps you meant \"name\".\n");
}

TEST(ErrorTest, LaterLinesAreNumberedAndShownAlone) {
  EXPECT_EQ(RenderError(Error("42601", 15, "x"), "SELECT 1,\r\n   *FROM;\nSELECT 2"),
            "ERROR:  x\nLINE 2:    *FROM;\n           ^\n");
}

TEST(ErrorTest, APositionAfterTheLastCharacterIsShown) {
  EXPECT_EQ(RenderError(Error("42601", 8, "syntax error at end of input"), "SELECT "),
            "ERROR:  syntax error at end of input\nLINE 1: SELECT \n               ^\n");
}

TEST(ErrorTest, PositionsCountCharactersAndCaretsCountColumns) {
  // Two-byte letters take one column, ideographs two.
  EXPECT_EQ(RenderError(Error("42703", 13, "x"), "SELECT 'é', nme"),
            "ERROR:  x\nLINE 1: SELECT 'é', nme\n                    ^\n");
  EXPECT_EQ(RenderError(Error("42703", 14, "x"), "SELECT '日本', nme"),
            "ERROR:  x\nLINE 1: SELECT '日本', nme\n                       ^\n");
}

TEST(ErrorTest, LongLinesAreCutAroundTheCaret) {
  const std::string line = "SELECT " + std::string(100, 'a') + ", nme, " + std::string(100, 'b');
  // As psql 15 prints it: 60 columns, ten of them right of the caret.
  EXPECT_EQ(RenderError(Error("42703", 110, "x"), line),
            "ERROR:  x\nLINE 1: ..." + std::string(48, 'a') + ", nme, bbbbb...\n" +
                std::string(11 + 50, ' ') + "^\n");
  EXPECT_EQ(RenderError(Error("42703", 1, "x"), line),
            "ERROR:  x\nLINE 1: SELECT " + std::string(53, 'a') + "...\n        ^\n");
}

TEST(ErrorTest, AnyBytesAndAnyPositionAreSafe) {
  EXPECT_EQ(RenderError(Error("42601", 99, "x"), "SELECT"), "ERROR:  x\n");
  EXPECT_EQ(RenderError(Error("42601", 2, "x"), "\xff\xff\x80\t"),
            "ERROR:  x\nLINE 1: ??? \n         ^\n");
  EXPECT_EQ(RenderError(Error("42601", 1, "x"), ""), "ERROR:  x\nLINE 1: \n        ^\n");
}

}  // namespace
}  // namespace kyrodb::sql
