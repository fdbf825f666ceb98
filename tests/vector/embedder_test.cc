// Goal:   `Embedder`'s promises, and that hashbag puts texts of the same words near each other.
// Method: properties over small texts; one vector is pinned by its checksum, so that a change of
//         any constant, which would make stored embeddings useless, cannot pass unnoticed.
#include "vector/embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "vector/hashbag.h"
#include "vector/metric.h"

namespace kyrodb::vector {
namespace {

class HashbagTest : public testing::Test {
 protected:
  std::vector<float> Embed(absl::string_view text) const {
    auto vector = embedder_->Embed(text);
    EXPECT_TRUE(vector.ok()) << vector.status();
    return *vector;
  }
  double Cosine(absl::string_view a, absl::string_view b) const {
    return Distance(Metric::kCosine, Embed(a), Embed(b));
  }
  std::unique_ptr<Embedder> embedder_ = CreateHashbagEmbedder().value();
};

TEST_F(HashbagTest, EveryTextGivesAUnitVectorOfTheRightSize) {
  Random random(31);
  std::vector<std::string> texts = {
      "",     " ", "a", "hello", "Ünïcödé 数据库", std::string(1, '\0'), std::string(100000, 'x'),
      "...!?"};
  for (int i = 0; i < 200; ++i) {
    std::string& text = texts.emplace_back(random.Uniform(300), ' ');
    for (char& c : text) c = static_cast<char>(random.Next());
  }
  EXPECT_EQ(embedder_->dimensions(), 256u);
  for (const std::string& text : texts) {
    const std::vector<float> vector = Embed(text);
    ASSERT_EQ(vector.size(), 256u);
    double squares = 0;
    for (const float value : vector) squares += double{value} * double{value};
    EXPECT_NEAR(squares, 1, 1e-5);
  }
}

TEST_F(HashbagTest, TextsThatShareWordsAreNearer) {
  const double same = Cosine("edit video on the command line", "command line video editing tool");
  const double other = Cosine("edit video on the command line", "database server with replication");
  EXPECT_LT(same, 0.6);
  EXPECT_GT(other, 0.75);
  // Spelling carries over: no word in common, but the stems.
  EXPECT_LT(Cosine("editing videos", "video editor"), 0.8);
}

TEST_F(HashbagTest, RareWordsCountMoreThanCommonOnes) {
  EXPECT_LT(Cosine("the theremin", "a theremin"), Cosine("the theremin", "the harpsichord"));
}

TEST_F(HashbagTest, CaseAndPunctuationDoNotMatter) {
  EXPECT_EQ(Embed("Quick, brown FOX!"), Embed("quick brown fox"));
}

TEST_F(HashbagTest, ATextWithoutWordsIsFarFromAllButItsLike) {
  EXPECT_EQ(Embed(""), Embed(" ?! "));
  EXPECT_NEAR(Cosine("", ""), 0, 1e-6);
  EXPECT_NEAR(Cosine("", "a text with several words in it"), 1, 0.25);
}

TEST_F(HashbagTest, DimensionsAndSeedAreHonoured) {
  for (const size_t dimensions : {size_t{8}, size_t{65}, size_t{384}, size_t{4096}}) {
    auto embedder = CreateHashbagEmbedder({.dimensions = dimensions});
    ASSERT_TRUE(embedder.ok());
    EXPECT_EQ((*embedder)->Embed("word")->size(), dimensions);
  }
  auto seeded = CreateHashbagEmbedder({.seed = 5});
  ASSERT_TRUE(seeded.ok());
  EXPECT_EQ(embedder_->name(), "hashbag256");
  EXPECT_EQ((*seeded)->name(), "hashbag256-5");
  EXPECT_GT(Distance(Metric::kCosine, Embed("some words"), *(*seeded)->Embed("some words")), 0.6);
  for (const size_t bad : {size_t{0}, size_t{7}, size_t{4097}}) {
    const absl::Status status = CreateHashbagEmbedder({.dimensions = bad}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(std::to_string(bad)));
  }
}

TEST_F(HashbagTest, VectorsAreTheSameOnEveryMachine) {
  const std::vector<float> vector =
      Embed("KyroDB keeps rows, events and vectors on one ordered, durable key space");
  EXPECT_EQ(Crc32c({reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)}),
            3402630683u);
}

TEST_F(HashbagTest, ThreadsShareOneEmbedder) {
  const std::vector<float> expected = Embed("shared by many threads");
  std::vector<std::thread> threads;
  std::atomic<int> differing{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        if (*embedder_->Embed("shared by many threads") != expected) ++differing;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differing, 0);
}

}  // namespace
}  // namespace kyrodb::vector
