// Goal:   the scanner cannot pass in silence: each rule finds its bad sample, names file and line,
//         and leaves the good sample beside it alone.
// Method: write small trees into a temporary folder and check them.
#include "tests/tidy/source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace kyrodb::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SourceTreeTest : public testing::Test {
 protected:
  SourceTreeTest()
      : root_(std::filesystem::path(testing::TempDir()) /
              absl::StrCat("kyro_tidy_",
                           testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~SourceTreeTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  SourceTree Read() const { return ReadTree(root_.string()); }

  // "path:line rule" of each finding.
  static std::vector<std::string> Brief(const std::vector<Finding>& findings) {
    std::vector<std::string> brief;
    for (const Finding& finding : findings) {
      brief.push_back(absl::StrCat(finding.path, ":", finding.line, " ", finding.rule));
    }
    return brief;
  }

  std::filesystem::path root_;
};

// A tree with one header and one private room in each module.
constexpr const char* kModules[] = {"engine/base", "wal", "learned_index", "vector", "tuner",
                                    "engine",      "sql", "server",        "bench",  "tests"};

TEST_F(SourceTreeTest, EveryEdgeOfTheMapIsAllowedAndEveryOtherOneIsFound) {
  for (const std::string to : kModules) Write(to + "/face.h", "#pragma once\n");
  std::vector<std::string> expected;
  for (const std::string from : kModules) {
    std::string text;
    size_t line = 0;
    for (const std::string to : kModules) {
      absl::StrAppend(&text, "#include \"", to, "/face.h\"\n");
      ++line;
      if (from != to && !AllowedGraph().at(from).contains(to)) {
        expected.push_back(absl::StrCat(from, "/user.cc:", line, " module graph"));
      }
    }
    Write(from + "/user.cc", text);
  }
  std::sort(expected.begin(), expected.end());
  std::vector<std::string> found = Brief(CheckIncludes(Read()));
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  // 10 modules have 90 edges; the map allows 30 of them.
  EXPECT_EQ(found.size(), 60u) << "the map has changed: is that meant?";
}

TEST(AllowedGraphTest, IsTheMapOfTheDesign) {
  const auto& graph = AllowedGraph();
  EXPECT_THAT(graph.at("engine/base"), IsEmpty());
  for (const char* low : {"wal", "learned_index", "vector", "tuner"}) {
    EXPECT_THAT(graph.at(low), ElementsAre("engine/base"));
  }
  EXPECT_THAT(graph.at("engine"), ElementsAre("engine/base", "learned_index", "vector", "wal"));
  EXPECT_THAT(graph.at("sql"), ElementsAre("engine", "engine/base"));
  EXPECT_THAT(graph.at("server"), ElementsAre("engine", "engine/base", "sql", "tuner"));
  for (const auto& [from, allowed] : graph) {
    EXPECT_FALSE(allowed.contains("bench")) << from;
    EXPECT_FALSE(allowed.contains("tests")) << from;
    for (const std::string& to : allowed) {
      EXPECT_FALSE(graph.at(to).contains(from)) << from << " and " << to << " include each other";
    }
  }
}

TEST_F(SourceTreeTest, OnlyMainIntroducesTheLowModules) {
  Write("wal/log.h", "#pragma once\n");
  Write("server/main.cc", "#include \"wal/log.h\"\n");
  Write("server/http.cc", "#include \"wal/log.h\"\n");
  Write("server/shell/main.cc", "#include \"wal/log.h\"\n");
  EXPECT_THAT(Brief(CheckIncludes(Read())),
              ElementsAre("server/http.cc:1 module graph", "server/shell/main.cc:1 module graph"));
}

TEST_F(SourceTreeTest, PrivateRoomsAreClosedToOtherModules) {
  Write("wal/frames/frame.h", "#pragma once\n");
  Write("engine/base/disk/content.h", "#pragma once\n");
  const std::string both =
      "#include \"wal/frames/frame.h\"\n#include \"engine/base/disk/content.h\"\n";
  Write("wal/log.cc", both);
  Write("engine/core/x.cc", both);
  Write("server/main.cc", both);
  Write("bench/wal/x.cc", both);
  Write("tests/engine/x_test.cc", both);
  Write("tests/wal/x_test.cc", both);
  Write("tests/base/x_test.cc", "#include \"engine/base/disk/content.h\"\n");
  EXPECT_THAT(
      Brief(CheckIncludes(Read())),
      ElementsAre("bench/wal/x.cc:1 private room", "bench/wal/x.cc:2 private room",
                  "engine/core/x.cc:1 private room", "engine/core/x.cc:2 private room",
                  "server/main.cc:1 private room", "server/main.cc:2 private room",
                  "tests/engine/x_test.cc:1 private room", "tests/engine/x_test.cc:2 private room",
                  "tests/wal/x_test.cc:2 private room", "wal/log.cc:2 private room"));
}

TEST_F(SourceTreeTest, IncludesThatHideTheirModuleAreFound) {
  Write("wal/log.h", "#pragma once\n");
  Write("sql/x.cc",
        "#include \"log.h\"\n"
        "#include \"../wal/log.h\"\n"
        "  #  include <wal/log.h>\n"
        "#include \"sql/missing.h\"\n"
        "#include <vector>\n"
        "#include \"absl/strings/match.h\"\n");
  EXPECT_THAT(
      Brief(CheckIncludes(Read())),
      ElementsAre("sql/x.cc:1 include path", "sql/x.cc:2 include path", "sql/x.cc:3 include path",
                  "sql/x.cc:3 module graph", "sql/x.cc:4 include path"));
}

TEST_F(SourceTreeTest, IncludesInCommentsDoNotCount) {
  Write("sql/x.h", "#pragma once\n");
  Write("wal/x.cc", "// #include \"sql/x.h\"\n/*\n#include \"sql/x.h\"\n*/\n");
  EXPECT_THAT(CheckIncludes(Read()), IsEmpty());
}

TEST_F(SourceTreeTest, ACircleOfHeadersIsFound) {
  Write("wal/a.h", "#pragma once\n#include \"wal/b.h\"\n");
  Write("wal/b.h", "#pragma once\n#include \"wal/c.h\"\n");
  Write("wal/c.h", "#pragma once\n#include \"wal/a.h\"\n");
  Write("wal/d.h", "#pragma once\n#include \"wal/a.h\"\n");
  const std::vector<Finding> findings = CheckIncludeCycles(Read());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].message, "wal/a.h -> wal/b.h -> wal/c.h -> wal/a.h");
}

TEST_F(SourceTreeTest, HeavyHeadersAreFoundInHeadersAndAtAModulesTop) {
  const std::string text =
      "#pragma once\n#include <hnswlib/hnswlib.h>\n#include <boost/json.hpp>\n";
  Write("vector/index/graph.cc", text);
  Write("vector/index/graph.h", text);
  Write("vector/graph.cc", text);
  EXPECT_THAT(
      Brief(CheckHeavyHeaders(Read())),
      ElementsAre("vector/graph.cc:2 heavy header", "vector/graph.cc:3 heavy header",
                  "vector/index/graph.h:2 heavy header", "vector/index/graph.h:3 heavy header"));
}

TEST_F(SourceTreeTest, EveryTopHeaderMustBeInTheHeaderSetAndNoPrivateOne) {
  Write("wal/CMakeLists.txt",
        "kyro_add_module(kyro_wal\n  SOURCES log.cc missing.h\n  HEADERS log.h\n"
        "          frames/frame.h\n  PUBLIC kyro_base)\n");
  Write("wal/log.h", "#pragma once\n");
  Write("wal/missing.h", "#pragma once\n");
  Write("wal/frames/frame.h", "#pragma once\n");
  EXPECT_THAT(Brief(CheckPublicFaces(Read())),
              ElementsAre("wal/frames/frame.h:0 public face", "wal/missing.h:0 public face"));
}

TEST_F(SourceTreeTest, StyleRulesFindTheirBadSamples) {
  Write("sql/good.h",
        "// A comment first.\n#pragma once\n// using namespace in a comment\n"
        "const char* s = \"using namespace x\";\n");
  Write("sql/late.h", "#include <vector>\n#pragma once\n");
  Write("sql/none.h", "int x;\n");
  Write("sql/using.cc", "\n\nusing   namespace std;\n");
  Write("sql/string_utils.cc", "");
  Write("sql/helpers.h", "#pragma once\n");
  Write("sql/common.cc", "");
  Write("sql/commonality.cc", "");
  Write("sql/long.cc", "// " + std::string(97, 'x') + "\n// " + std::string(98, 'x') + "\n");
  std::string umlauts = "// ";
  for (int i = 0; i < 97; ++i) umlauts += "ü";
  Write("sql/umlauts.cc", umlauts + "\n");
  EXPECT_THAT(Brief(CheckStyle(Read())),
              ElementsAre("sql/common.cc:0 file name", "sql/helpers.h:0 file name",
                          "sql/late.h:0 pragma once", "sql/long.cc:2 line length",
                          "sql/none.h:0 pragma once", "sql/string_utils.cc:0 file name",
                          "sql/using.cc:3 using namespace"));
}

TEST_F(SourceTreeTest, PathsOfSomebodysMachineAreFoundInCodeAndProse) {
  const std::string home =
      "/ho"
      "me/ada/kyro";
  Write("sql/x.cc", "const char* p = \"" + home + "\";\n");
  Write("sql/README.md", "see `" + home + "`\nand https://example.org" + home + "\n");
  Write("sql/CMakeLists.txt", "set(x " + home + ")\n");
  Write(".ci/run", "cd " + home + "\n");
  Write("Makefile",
        "x:\n\tcd $(HOME)/wo"
        "rk/kyro\n");
  EXPECT_THAT(Brief(CheckStyle(Read())),
              ElementsAre("sql/x.cc:1 machine path", ".ci/run:1 machine path",
                          "sql/CMakeLists.txt:1 machine path", "sql/README.md:1 machine path"));
}

TEST_F(SourceTreeTest, WhatIsNotOnTheMapIsFoundAtTheTop) {
  Write("README.md", "");
  Write("build/x.cc", "");
  Write(".github/x.cc", "");
  Write("notes/readme", "");
  Write("tools/x.cc", "");
  Write("TODO", "");
  EXPECT_THAT(Brief(CheckTopLevel(Read())), ElementsAre("TODO:0 top level", "tools:0 top level"));
}

TEST(BlankTest, CommentsAndLiteralsAreBlankedAndLinesStay) {
  EXPECT_EQ(Blank("a // b\nc", false), "a     \nc");
  EXPECT_EQ(Blank("a /* b\n c */ d", false), "a     \n      d");
  EXPECT_EQ(Blank("f(\"// no\"); // yes", false), "f(\"// no\");       ");
  EXPECT_EQ(Blank("f(\"a\\\"b\") + 'c'", true), "f(      ) +    ");
  EXPECT_EQ(Blank("x = 1'000; // y", true), "x = 1'000;     ");
  EXPECT_EQ(Blank("R\"(\" // )\" + z", true), std::string(10, ' ') + " + z");
  EXPECT_THAT(Blank("#include \"a/b.h\"\n", true), HasSubstr("a/b.h"));
  EXPECT_EQ(Blank("\"never closed", true), std::string(13, ' '));
}

}  // namespace
}  // namespace kyrodb::tidy
