// Goal: text falls into the same tokens as in PostgreSQL.
// Method: tables of texts and their tokens; with libpg-query, its scanner gives the tokens' bounds.
#include "sql/parse/lexer.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kyrodb::sql {
namespace {

std::string Tokens(absl::string_view text) {
  Lexer lexer(text);
  std::vector<std::string> tokens;
  for (;;) {
    const Token token = lexer.Next();
    if (token.kind == TokenKind::kEnd) break;
    if (token.kind == TokenKind::kError) {
      tokens.push_back(absl::StrCat("!", lexer.error().message()));
      break;
    }
    tokens.emplace_back(token.raw);
  }
  return absl::StrJoin(tokens, " | ");
}

std::string ValueOf(absl::string_view text) {
  Lexer lexer(text);
  const Token token = lexer.Next();
  if (token.kind != TokenKind::kString) return "no string";
  std::string value;
  const absl::Status status = StringValue(token, value);
  return status.ok() ? value : absl::StrCat("!", SqlStateOf(status));
}

TEST(LexerTest, OperatorsFollowPostgresRules) {
  EXPECT_EQ(Tokens("a<->b"), "a | <-> | b");
  EXPECT_EQ(Tokens("a<-b"), "a | < | - | b");
  EXPECT_EQ(Tokens("a<=>b <#> c <+> d"), "a | <=> | b | <#> | c | <+> | d");
  // A trailing sign belongs to the next token unless one of ~ ! @ # % ^ & | ` ? is there.
  EXPECT_EQ(Tokens("a=-1"), "a | = | - | 1");
  EXPECT_EQ(Tokens("a@-1"), "a | @- | 1");
  EXPECT_EQ(Tokens("2*-+-3"), "2 | * | - | + | - | 3");
  EXPECT_EQ(Tokens("a<>-1"), "a | <> | - | 1");
  // Comments end operators.
  EXPECT_EQ(Tokens("a*/*x*/b"), "a | * | b");
  EXPECT_EQ(Tokens("a+--x\nb"), "a | + | b");
  EXPECT_EQ(Tokens("a||b->>'c'"), "a | || | b | ->> | 'c'");
  EXPECT_EQ(Tokens("a=>1 b:=2 c::d e:f"), "a | => | 1 | b | := | 2 | c | :: | d | e | : | f");
}

TEST(LexerTest, NumbersAndJunkBehindThem) {
  EXPECT_EQ(Tokens("1 1. .5 1.5e-3 1e5 99999999999999999999"),
            "1 | 1. | .5 | 1.5e-3 | 1e5 | 99999999999999999999");
  EXPECT_EQ(Tokens("1..10"), "1 | .. | 10");
  EXPECT_EQ(Tokens("123abc"), "!trailing junk after numeric literal at or near \"123abc\"");
  EXPECT_EQ(Tokens("1e"), "!trailing junk after numeric literal at or near \"1e\"");
  EXPECT_EQ(Tokens("$1 $22"), "$1 | $22");
  EXPECT_EQ(Tokens("$1a"), "!trailing junk after parameter at or near \"$1a\"");
}

TEST(LexerTest, StringsOfAllKindsGiveTheirValues) {
  EXPECT_EQ(ValueOf("'it''s'"), "it's");
  EXPECT_EQ(ValueOf("'a\\b'"), "a\\b");
  EXPECT_EQ(ValueOf("E'a\\n\\t\\'\\\\\\101\\x41\\u00e9''z'"), "a\n\t'\\AA\xC3\xA9'z");
  EXPECT_EQ(ValueOf("E'\\uD83D\\uDE00'"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(ValueOf("$$it's$$"), "it's");
  EXPECT_EQ(ValueOf("$x$a$$b$x$"), "a$$b");
  EXPECT_EQ(ValueOf("'a'\n  'b' -- c\n 'd'"), "abd");
  EXPECT_EQ(ValueOf("'a' 'b'"), "a");
  EXPECT_EQ(ValueOf("E'\\uZZZZ'"), "!22025");
  EXPECT_EQ(ValueOf("E'\\uD83D'"), "!42601");
  EXPECT_EQ(ValueOf("E'\\xff'"), "!22021");
  EXPECT_EQ(ValueOf("E'\\000'"), "!22021");
}

TEST(LexerTest, IdentifiersFoldUnlessQuoted) {
  Lexer lexer("FooBar \"Foo\"\"Bar\" SELECT Straße");
  EXPECT_EQ(IdentifierValue(lexer.Next()), "foobar");
  EXPECT_EQ(IdentifierValue(lexer.Next()), "Foo\"Bar");
  const Token select = lexer.Next();
  EXPECT_EQ(select.keyword, Keyword::kSelect);
  EXPECT_EQ(IdentifierValue(lexer.Next()),
            "stra\xC3\x9F"
            "e");
}

TEST(LexerTest, UnterminatedTextIsNamedFromItsBegin) {
  EXPECT_EQ(Tokens("a 'abc"), "a | !unterminated quoted string at or near \"'abc\"");
  EXPECT_EQ(Tokens("\"abc"), "!unterminated quoted identifier at or near \"\"abc\"");
  EXPECT_EQ(Tokens("$a$abc"), "!unterminated dollar-quoted string at or near \"$a$abc\"");
  EXPECT_EQ(Tokens("/* /* */ x"), "!unterminated /* comment at or near \"/* /* */ x\"");
  EXPECT_EQ(Tokens("\"\""), "!zero-length delimited identifier at or near \"\"\"\"");
  EXPECT_EQ(Tokens("x'1f"), "!unterminated hexadecimal string literal at or near \"x'1f\"");
}

TEST(LexerTest, NestedCommentsAreSpace) {
  EXPECT_EQ(Tokens("a /* b /* c */ d */ e -- f\ng"), "a | e | g");
}

TEST(LexerTest, PositionsCountCharactersOffsetsBytes) {
  Lexer lexer("'é日' x");
  lexer.Next();
  const Token token = lexer.Next();
  EXPECT_EQ(token.position, 6);
  EXPECT_EQ(token.offset, 8U);
}

TEST(LexerTest, BadEncodingIsRefusedWithItsOffset) {
  EXPECT_TRUE(CheckEncoding("plain and é日😀").ok());
  const auto refused = [](absl::string_view text, absl::string_view piece) {
    const absl::Status status = CheckEncoding(text);
    EXPECT_EQ(SqlStateOf(status), "22021");
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(std::string(piece)));
  };
  refused("abcdefgh\xff", "0xff at byte 8");
  refused("é\xc3", "0xc3 at byte 2");
  refused("\xc0\xaf", "0xc0 at byte 0");
  refused("\xed\xa0\x80", "0xed at byte 0");
  refused("\xf5\x80\x80\x80", "0xf5 at byte 0");
  refused(absl::string_view("abcdefghij\0k", 12), "0x00 at byte 10");
}

TEST(LexerTest, EveryKeywordIsFoundInAnyCase) {
  EXPECT_EQ(FindKeyword("select"), Keyword::kSelect);
  EXPECT_EQ(FindKeyword("SeLeCt"), Keyword::kSelect);
  EXPECT_EQ(FindKeyword("current_timestamp"), Keyword::kCurrentTimestamp);
  EXPECT_EQ(FindKeyword("selec"), Keyword::kNotKeyword);
  EXPECT_EQ(FindKeyword("model"), Keyword::kNotKeyword);
  int count = 0;
#define KYRO_KEYWORD(enumerator, word, word_category, word_bare_label) \
  EXPECT_EQ(FindKeyword(word), Keyword::enumerator);                   \
  EXPECT_EQ(InfoOf(Keyword::enumerator).text, word);                   \
  ++count;
#include "sql/parse/keywords.inc"
#undef KYRO_KEYWORD
  EXPECT_EQ(count, 460);
}

}  // namespace
}  // namespace kyrodb::sql
