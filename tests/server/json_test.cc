// Goal:   JSON goes in strictly and comes out as it was; nothing that a client sends can break it.
// Method: texts in, texts out, errors by message; random bytes.
#include "server/json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace kyrodb::server {
namespace {

std::string RoundTrip(absl::string_view text) {
  const auto json = ParseJson(text);
  return json.ok() ? JsonText(*json) : std::string(json.status().message());
}

TEST(JsonTest, EveryKindOfValueComesBack) {
  const std::string text =
      R"({"a":[1,-2,2.5,true,false,null,"x\n\"\\ü😀"],"b":{"":[]},"c":{},"d":9223372036854775807})";
  EXPECT_EQ(RoundTrip(text), text);
  EXPECT_EQ(RoundTrip(" [ 1 , 2 ] "), "[1,2]");
  EXPECT_EQ(RoundTrip(R"("\u00fc\ud83d\ude00")"), "\"ü😀\"");
}

TEST(JsonTest, ErrorsSayWhatAndWhere) {
  EXPECT_THAT(RoundTrip("[1,]"), testing::StartsWith("malformed JSON at byte 4"));
  EXPECT_THAT(RoundTrip("[1"), testing::HasSubstr("ends too early"));
  EXPECT_THAT(RoundTrip(""), testing::HasSubstr("ends too early"));
  EXPECT_THAT(RoundTrip("[1e400]"), testing::HasSubstr("out of the range"));
  EXPECT_THAT(RoundTrip("[-1e400]"), testing::HasSubstr("out of the range"));
  EXPECT_THAT(RoundTrip("{\"a\":1,\"a\":2}"), testing::HasSubstr("\"a\" appears twice"));
  EXPECT_THAT(RoundTrip("1 2"), testing::HasSubstr("more text follows"));
  EXPECT_THAT(RoundTrip("\"\xc0\xaf\""), testing::StartsWith("malformed JSON"));
  EXPECT_THAT(RoundTrip("Infinity"), testing::StartsWith("malformed JSON at byte 1"));
  EXPECT_THAT(RoundTrip(std::string(70, '[')), testing::HasSubstr("at most 64 levels"));
}

TEST(JsonTest, StringsThatAreNoUtf8AreWrittenAsSomethingThatIs) {
  std::string out;
  AppendJsonString(&out, absl::string_view("a\xff\x01\xe2\x82", 5));
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\\u0001\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonTest, RandomBytesNeverBreakTheParserAndGoodOnesComeBack) {
  Random random(5);
  const absl::string_view alphabet = "{}[]\",:0123456789.eE+-truefalsn \\u";
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    const size_t length = random.Uniform(12);
    for (size_t k = 0; k < length; ++k) text.push_back(alphabet[random.Uniform(alphabet.size())]);
    const auto json = ParseJson(text);
    if (!json.ok()) continue;
    ++good;
    const std::string written = JsonText(*json);
    EXPECT_EQ(RoundTrip(written), written) << text;
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace kyrodb::server
