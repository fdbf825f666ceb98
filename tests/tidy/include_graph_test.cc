// Goal:   the module graph of the design holds, sub-folders stay private, and the style rules that
//         a text scan can hold are held, in the sources as they are.
// Method: read every source as text; each check must find nothing. That the checks find something
//         where there is something is the matter of source_tree_test.cc.
#include <gtest/gtest.h>

#include "tests/tidy/source_tree.h"

namespace kyrodb::tidy {
namespace {

const SourceTree& Tree() {
  static const SourceTree& tree = *new SourceTree(ReadTree(KYRO_SOURCE_DIR));
  return tree;
}

void ExpectNone(const std::vector<Finding>& findings) {
  EXPECT_TRUE(findings.empty()) << findings.size() << " findings:\n" << Describe(findings);
}

TEST(SourcesTest, EveryModuleOfTheMapIsRead) {
  absl::btree_map<std::string, int> count;
  for (const SourceFile& file : Tree().sources) ++count[ModuleOf(file.path)];
  for (const auto& [module, unused] : AllowedGraph()) {
    EXPECT_GT(count[module], 0) << "no source read in " << module;
  }
  EXPECT_GT(Tree().texts.size(), 10u);
}

TEST(SourcesTest, ModulesIncludeOnlyWhatTheGraphAllowsAndNobodysPrivateRooms) {
  ExpectNone(CheckIncludes(Tree()));
}

TEST(SourcesTest, NoFileIncludesItselfOnADetour) { ExpectNone(CheckIncludeCycles(Tree())); }

TEST(SourcesTest, HeavyHeadersStayInPrivateSourceFiles) { ExpectNone(CheckHeavyHeaders(Tree())); }

TEST(SourcesTest, TopHeadersAreThePublicFaceAndCompileAlone) {
  ExpectNone(CheckPublicFaces(Tree()));
}

TEST(SourcesTest, TheHouseStyleIsKept) { ExpectNone(CheckStyle(Tree())); }

TEST(SourcesTest, TheTopLevelHoldsOnlyTheMap) { ExpectNone(CheckTopLevel(Tree())); }

}  // namespace
}  // namespace kyrodb::tidy
