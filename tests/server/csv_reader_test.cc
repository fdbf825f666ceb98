// Goal:   CSV is read as RFC 4180 says, and every malformed line is refused with its number while
//         the ones after it are still read.
// Method: texts and the records that they stand for.
#include "server/import/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kyrodb::server {
namespace {

// Fields joined by '|', NULL as "~", records by newline with their line numbers; errors as text.
std::string ReadAll(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(&in);
  std::string out;
  for (int i = 0; i < 1000; ++i) {
    const auto record = reader.Next();
    if (!record.ok()) {
      absl::StrAppend(&out, reader.line(), " ! ", record.status().message(), "\n");
      continue;
    }
    if (!record->has_value()) return out;
    std::vector<std::string> shown;
    for (const CsvField& field : **record) {
      shown.push_back(field.text.empty() && !field.quoted ? "~" : field.text);
    }
    absl::StrAppend(&out, reader.line(), " ", absl::StrJoin(shown, "|"), "\n");
  }
  return out + "too many records";
}

TEST(CsvReaderTest, PlainFieldsEmptyFieldsAndBothLineEndsAreRead) {
  EXPECT_EQ(ReadAll("a,b,c\r\n1,,3\n4,5,"), "1 a|b|c\n2 1|~|3\n3 4|5|~\n");
  EXPECT_EQ(ReadAll(""), "");
  EXPECT_EQ(ReadAll("\n\r\n\n"), "");
  EXPECT_EQ(ReadAll("\n\nx\n\n\ny\n"), "3 x\n6 y\n");
}

TEST(CsvReaderTest, QuotesHoldCommasNewlinesAndDoubledQuotes) {
  EXPECT_EQ(ReadAll("\"a,b\",\"c\"\"d\"\n\"two\nlines\",x\nlast,\"\"\n"),
            "1 a,b|c\"d\n2 two\nlines|x\n4 last|\n");
  EXPECT_EQ(ReadAll("\"only\""), "1 only\n");
}

TEST(CsvReaderTest, AByteOrderMarkAndUnicodeAreNoTrouble) {
  EXPECT_EQ(ReadAll("\xef\xbb\xbfid,名前\n1,日本語\n"), "1 id|名前\n2 1|日本語\n");
}

TEST(CsvReaderTest, MalformedLinesAreRefusedAndReadingGoesOn) {
  EXPECT_EQ(ReadAll("a,b\"c\nok,1\n"),
            "1 ! field 2 has a quote inside that is not doubled\n2 ok|1\n");
  EXPECT_EQ(ReadAll("\"a\"x,b\nok,1\n"), "1 ! field 1 goes on after its closing quote\n2 ok|1\n");
  EXPECT_EQ(ReadAll("ok\n\"never closed\n\n"),
            "1 ok\n2 ! field 1 begins with a quote that is never closed\n");
}

}  // namespace
}  // namespace kyrodb::server
