// Goal:   files become rows through SQL, bad lines are named, and what is asked for on error is
//         done.
// Method: small texts into a real database, then SELECT.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "server/import/importer.h"
#include "sql/error.h"
#include "sql/format.h"
#include "tests/server/test_host.h"

namespace kyrodb::server {
namespace {

using testing::HasSubstr;

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    host_ = OpenHostOrDie(folder_.path("db"));
    ASSERT_NE(host_, nullptr);
  }
  void TearDown() override { EXPECT_TRUE(host_->Close().ok()); }

  // What happened, in short.
  std::string Load(const std::string& text, ImportOptions options) {
    options.table = "t";
    std::istringstream in(text);
    std::ostringstream shown;
    Progress progress(&shown, Progress::Style::kNone, "t", "rows");
    const auto report = Import(*host_, in, options, &progress);
    if (!report.ok()) return std::string(report.status().message());
    std::string out = absl::StrCat(report->accepted_count, " in, ", report->rejected_count, " out",
                                   report->stopped ? ", stopped" : "");
    for (const RejectedRecord& each : report->rejections) {
      absl::StrAppend(&out, "\n", each.line, ": ", each.status.message());
    }
    return out;
  }
  // Rows as psql -A prints them.
  std::string Query(const std::string& sql) {
    const auto result = host_->NewSession()->Query(sql);
    if (!result.ok()) return std::string(result.status().message());
    std::string out;
    for (const engine::Row& row : result->rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        absl::StrAppend(
            &out, i == 0 ? "" : "|",
            engine::IsNull(row[i]) ? "~" : sql::FormatValue(result->columns[i].type, row[i]));
      }
      out.push_back('\n');
    }
    return out;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Host> host_;
};

constexpr char kColumns[] = "id bigint PRIMARY KEY, title text, score double precision";

TEST_F(ImportTest, CsvBecomesRowsWithNullsQuotesAndUnicode) {
  EXPECT_EQ(Load("id,title,score\n1,\"a, \"\"b\"\"\nc\",1.5\n2,,\n3,\"\",-inf\n4,日本,1e3\n",
                 {.create = kColumns}),
            "4 in, 0 out");
  EXPECT_EQ(Query("SELECT * FROM t ORDER BY id"),
            "1|a, \"b\"\nc|1.5\n2|~|~\n3||-Infinity\n4|日本|1000\n");
}

TEST_F(ImportTest, BadLinesStopTheImportOrAreSkipped) {
  const std::string text =
      "id,title\n1,one\n2,two,three\nx,four\n5,\"five\"x\n6,six\n1,one again\n";
  EXPECT_EQ(Load(text, {.create = kColumns}),
            "1 in, 1 out, stopped\n3: the line has 3 fields, the header 2");
  EXPECT_EQ(Query("SELECT id FROM t"), "1\n");
  EXPECT_EQ(Query("DELETE FROM t"), "");
  const std::string skipped = Load(text, {.skip_bad_lines = true});
  EXPECT_THAT(skipped, HasSubstr("2 in, 4 out\n3: "));
  EXPECT_THAT(skipped, HasSubstr("\n4: invalid input syntax for type bigint: \"x\""));
  EXPECT_THAT(skipped, HasSubstr("\n5: field 2 goes on after its closing quote"));
  EXPECT_THAT(skipped, HasSubstr("\n7: "));
  EXPECT_EQ(Query("SELECT id, title FROM t ORDER BY id"), "1|one\n6|six\n");
}

TEST_F(ImportTest, UpsertReplacesOnlyTheColumnsOfTheFile) {
  EXPECT_EQ(Load("id,title,score\n1,one,1\n", {.create = kColumns}), "1 in, 0 out");
  EXPECT_EQ(Load("id,title\n1,uno\n2,due\n", {.on_conflict = OnConflict::kUpdate}), "2 in, 0 out");
  EXPECT_EQ(Query("SELECT * FROM t ORDER BY id"), "1|uno|1\n2|due|~\n");
}

TEST_F(ImportTest, JsonLinesAreRowsAndEachBadOneIsNamed) {
  ImportOptions options{.format = ImportFormat::kJsonl,
                        .create = "id bigint PRIMARY KEY, j jsonb, v vector(2), at timestamptz",
                        .skip_bad_lines = true};
  const std::string report = Load(
      "{\"id\": 1, \"j\": {\"b\": [1]}, \"v\": [1, 2.5], \"at\": \"2026-11-20 10:00+00\"}\n"
      "\n"
      "[1]\n"
      "{\"id\": 2, \"v\": [1]}\n"
      "{\"id\": 3, \"v\": [1, \"x\"]}\n"
      "{\"id\": 4.5}\n"
      "{\"id\": 5, \"j\": \"text\"}\n"
      "{}\n"
      "{\"id\": 6",
      options);
  EXPECT_THAT(report, HasSubstr("2 in, 6 out"));
  EXPECT_THAT(report, HasSubstr("3: a record must be a JSON object, got an array"));
  EXPECT_THAT(report, HasSubstr("\n4: "));
  EXPECT_THAT(report, HasSubstr("5: column \"v\": element 1 is \"x\""));
  EXPECT_THAT(report, HasSubstr("6: column \"id\" is bigint, got a number: 4.5"));
  EXPECT_THAT(report, HasSubstr("8: the record has no members"));
  EXPECT_THAT(report, HasSubstr("9: malformed JSON"));
  EXPECT_EQ(Query("SELECT * FROM t ORDER BY id"),
            "1|{\"b\": [1]}|[1,2.5]|2026-11-20 10:00:00+00\n5|\"text\"|~|~\n");
}

TEST_F(ImportTest, GeneratedColumnsFillThemselves) {
  EXPECT_EQ(Load("id,title\n1,hello world\n",
                 {.create = "id bigint PRIMARY KEY, title text, "
                            "e vector(256) GENERATED ALWAYS AS (embed(title)) STORED"}),
            "1 in, 0 out");
  EXPECT_EQ(Query("SELECT (e <=> embed('hello world')) < 0.0001 FROM t"), "t\n");
}

TEST_F(ImportTest, WhatCannotBeginSaysWhy) {
  EXPECT_EQ(Load("id\n1\n", {}), "table \"t\" does not exist");
  EXPECT_THAT(Load("id\n1\n", {.create = "id wrongtype"}), HasSubstr("wrongtype"));
  EXPECT_EQ(Load("", {.create = kColumns}),
            "the file is empty, expected a header line of column names");
  EXPECT_EQ(Load("id,nope\n1,2\n", {}), "header names \"nope\", which is no column of \"t\"");
  EXPECT_EQ(Load("id,id\n1,2\n", {}), "header names \"id\" twice");
  EXPECT_EQ(Load("id,title,score\n", {}), "0 in, 0 out");
  EXPECT_FALSE(FormatOf("", "data.parquet").ok());
  EXPECT_EQ(*FormatOf("", "DATA.CSV"), ImportFormat::kCsv);
  EXPECT_EQ(*FormatOf("jsonl", "data.csv"), ImportFormat::kJsonl);
}

TEST_F(ImportTest, ManyRowsGoInInBatchesAndTheProgressCountsThem) {
  std::string text = "id,title\n";
  for (int i = 0; i < 3000; ++i) absl::StrAppend(&text, i, ",row ", i, "\n");
  EXPECT_EQ(Load(text, {.create = kColumns}), "3000 in, 0 out");
  EXPECT_EQ(Query("SELECT count(*), min(id), max(id) FROM t"), "3000|0|2999\n");
  std::ostringstream shown;
  Progress progress(&shown, Progress::Style::kLines, "t", "rows");
  progress.Finish(1234567);
  EXPECT_THAT(shown.str(), HasSubstr("t  100 %  1,234,567 rows"));
}

}  // namespace
}  // namespace kyrodb::server
