// Reads the sources as text and reports where they break the module graph or the house style.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"

namespace kyrodb::tidy {

struct SourceFile {
  std::string path;  // from the root, with forward slashes
  std::string text;
  std::string code;           // text with comments blanked; same lines and columns
  std::string code_unquoted;  // and with string and character literals blanked
};

struct Finding {
  std::string path;
  size_t line = 0;   // from 1; 0 when the file as a whole is meant
  std::string rule;  // a short name
  std::string message;
};
std::string Describe(const std::vector<Finding>& findings);

struct SourceTree {
  std::string root;
  std::vector<SourceFile> sources;     // .h, .cc and .inc of the modules
  std::vector<SourceFile> texts;       // build files, scripts and prose
  std::vector<std::string> top_level;  // names of what lies at the root
};

// Reads all modules under `root`; skips build trees and hidden folders but for `.ci`.
SourceTree ReadTree(const std::string& root);

// The modules of the map and, for each, the modules whose public face it may include.
const absl::btree_map<std::string, absl::btree_set<std::string>>& AllowedGraph();

// "engine/base", "wal", … for a path from the root; empty outside of the map.
std::string ModuleOf(absl::string_view path);
// The folders between the module and the file; empty for its public face.
std::string RoomOf(absl::string_view path);

// Comments become blanks, and literals too when `literals` is set; newlines stay.
std::string Blank(absl::string_view text, bool literals);

// Each returns what it found, in order of paths.
std::vector<Finding> CheckIncludes(const SourceTree& tree);
std::vector<Finding> CheckIncludeCycles(const SourceTree& tree);
std::vector<Finding> CheckHeavyHeaders(const SourceTree& tree);
std::vector<Finding> CheckPublicFaces(const SourceTree& tree);
std::vector<Finding> CheckStyle(const SourceTree& tree);
std::vector<Finding> CheckTopLevel(const SourceTree& tree);

}  // namespace kyrodb::tidy
