#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kyrodb::tidy {
namespace {

namespace fs = std::filesystem;

// A test of a private room has to see it. This is the only way into one from outside, and only
// from `tests/<module>/` and `tests/fuzz/` (whose targets are single rooms).
constexpr bool kTestsMayEnterOwnRooms = true;

struct Include {
  size_t line;
  std::string path;
  bool angled;
};

std::vector<std::string> Lines(absl::string_view text) { return absl::StrSplit(text, '\n'); }

std::vector<Include> Includes(const SourceFile& file) {
  static const std::regex kPattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> includes;
  const std::vector<std::string> lines = Lines(file.code);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(lines[i], match, kPattern)) {
      includes.push_back({i + 1, match[2].str(), match[1].str() == "<"});
    }
  }
  return includes;
}

bool IsHeader(absl::string_view path) { return absl::EndsWith(path, ".h"); }
bool IsSource(absl::string_view path) {
  return IsHeader(path) || absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".inc");
}

std::string FileName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == absl::string_view::npos ? path : path.substr(slash + 1));
}

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

bool MayEnterRoom(absl::string_view from_path, const std::string& to_module) {
  if (ModuleOf(from_path) == to_module) return true;
  if (!kTestsMayEnterOwnRooms) return false;
  // The folder of engine/base's tests is tests/base.
  const std::string short_name = to_module == "engine/base" ? "base" : to_module;
  return absl::StartsWith(from_path, absl::StrCat("tests/", short_name, "/")) ||
         absl::StartsWith(from_path, "tests/fuzz/");
}

size_t CodePoints(absl::string_view line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::string Describe(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, finding.path, ":", finding.line, ": ", finding.rule, ": ",
                    finding.message, "\n");
  }
  return text;
}

const absl::btree_map<std::string, absl::btree_set<std::string>>& AllowedGraph() {
  static const auto& graph = *new absl::btree_map<std::string, absl::btree_set<std::string>>{
      {"engine/base", {}},
      {"wal", {"engine/base"}},
      {"learned_index", {"engine/base"}},
      {"vector", {"engine/base"}},
      {"tuner", {"engine/base"}},
      {"engine", {"engine/base", "wal", "learned_index", "vector"}},
      {"sql", {"engine/base", "engine"}},
      {"server", {"engine/base", "engine", "sql", "tuner"}},
      {"bench",
       {"engine/base", "wal", "learned_index", "vector", "tuner", "engine", "sql", "server"}},
      {"tests",
       {"engine/base", "wal", "learned_index", "vector", "tuner", "engine", "sql", "server"}},
  };
  return graph;
}

std::string ModuleOf(absl::string_view path) {
  if (absl::StartsWith(path, "engine/base/")) return "engine/base";
  const size_t slash = path.find('/');
  if (slash == absl::string_view::npos) return "";
  std::string first(path.substr(0, slash));
  return AllowedGraph().contains(first) ? first : "";
}

std::string RoomOf(absl::string_view path) {
  const std::string module = ModuleOf(path);
  const size_t slash = path.rfind('/');
  if (module.empty() || slash <= module.size()) return "";
  return std::string(path.substr(module.size() + 1, slash - module.size() - 1));
}

std::string Blank(absl::string_view text, bool literals) {
  std::string out(text);
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end && i < out.size(); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  bool include_line = false;
  for (size_t i = 0; i < text.size();) {
    if (i == 0 || text[i - 1] == '\n') {
      const size_t hash = text.find_first_not_of(" \t", i);
      include_line = hash != absl::string_view::npos && text[hash] == '#';
    }
    const absl::string_view rest = text.substr(i);
    size_t end = i + 1;
    if (absl::StartsWith(rest, "//")) {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (absl::StartsWith(rest, "/*")) {
      const size_t close = text.find("*/", i + 2);
      end = close == absl::string_view::npos ? text.size() : close + 2;
      blank(i, end);
    } else if (absl::StartsWith(rest, "R\"") && (i == 0 || !is_word(text[i - 1]))) {
      const size_t open = text.find('(', i);
      if (open != absl::string_view::npos) {
        const std::string closing = absl::StrCat(")", text.substr(i + 2, open - i - 2), "\"");
        const size_t close = text.find(closing, open);
        end = close == absl::string_view::npos ? text.size() : close + closing.size();
        if (literals) blank(i, end);
      }
    } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !is_word(text[i - 1])))) {
      // A quote after a word is a digit separator, 1'000.
      while (end < text.size() && text[end] != text[i] && text[end] != '\n') {
        end += text[end] == '\\' ? 2 : 1;
      }
      end = std::min(end + 1, text.size());
      if (literals && !include_line) blank(i, end);
    }
    i = end;
  }
  return out;
}

SourceTree ReadTree(const std::string& root) {
  SourceTree tree;
  tree.root = root;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    tree.top_level.push_back(entry.path().filename().string());
  }
  std::sort(tree.top_level.begin(), tree.top_level.end());

  const auto add = [&](const fs::path& file) {
    const std::string path = fs::relative(file, root).generic_string();
    const std::string name = FileName(path);
    const bool source = IsSource(path) && !ModuleOf(path).empty();
    const bool text = name == "CMakeLists.txt" || name == "Makefile" ||
                      absl::EndsWith(name, ".cmake") || absl::EndsWith(name, ".md") ||
                      absl::EndsWith(name, ".sh") || absl::EndsWith(name, ".py") ||
                      absl::EndsWith(name, ".json") || absl::EndsWith(name, ".slt") ||
                      absl::StartsWith(path, ".ci/");
    if (!source && !text) return;
    SourceFile read;
    read.path = path;
    read.text = ReadFile(file);
    if (source) {
      read.code = Blank(read.text, false);
      read.code_unquoted = Blank(read.text, true);
    }
    (source ? tree.sources : tree.texts).push_back(std::move(read));
  };
  for (const std::string& name : tree.top_level) {
    const fs::path path = fs::path(root) / name;
    if (fs::is_regular_file(path)) {
      add(path);
    } else if (fs::is_directory(path) && (ModuleOf(name + "/") == name || name == ".ci")) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) add(entry.path());
      }
    }
  }
  const auto by_path = [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; };
  std::sort(tree.sources.begin(), tree.sources.end(), by_path);
  std::sort(tree.texts.begin(), tree.texts.end(), by_path);
  return tree;
}

std::vector<Finding> CheckIncludes(const SourceTree& tree) {
  static const std::regex kThirdParty(R"(^(absl|gtest|gmock|benchmark|rapidcheck)/.*)");
  absl::btree_set<std::string> known;
  for (const SourceFile& file : tree.sources) known.insert(file.path);

  std::vector<Finding> findings;
  for (const SourceFile& file : tree.sources) {
    const std::string from = ModuleOf(file.path);
    for (const Include& include : Includes(file)) {
      const auto report = [&](std::string rule, std::string message) {
        findings.push_back({file.path, include.line, std::move(rule), std::move(message)});
      };
      const std::string to = ModuleOf(include.path);
      if (to.empty()) {
        if (!include.angled && !std::regex_match(include.path, kThirdParty)) {
          report("include path", absl::StrCat("\"", include.path,
                                              "\" is not a path from the root; write the whole "
                                              "path, or <…> for a library"));
        }
        continue;
      }
      // A system header such as <vector> has no slash; <engine/x.h> would be ours all the same.
      if (!known.contains(include.path)) {
        if (!include.angled) report("include path", absl::StrCat("no file ", include.path));
        continue;
      }
      if (include.angled) {
        report("include path", absl::StrCat("<", include.path, "> is ours: use quotes"));
      }
      if (from == to) continue;
      absl::btree_set<std::string> allowed = AllowedGraph().at(from);
      // The composition roots: of the program, and of the demo, which times the index alone.
      if (file.path == "server/main.cc" || file.path == "server/demo/main.cc") {
        allowed.insert({"wal", "learned_index", "vector"});
      }
      if (!allowed.contains(to)) {
        report("module graph", absl::StrCat(from, " must not include ", to));
      } else if (!RoomOf(include.path).empty() && !MayEnterRoom(file.path, to)) {
        report("private room", absl::StrCat(include.path, " is a private room of ", to));
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckIncludeCycles(const SourceTree& tree) {
  absl::btree_map<std::string, std::vector<std::string>> edges;
  for (const SourceFile& file : tree.sources) {
    for (const Include& include : Includes(file)) edges[file.path].push_back(include.path);
  }
  std::vector<Finding> findings;
  absl::btree_map<std::string, int> state;  // 1: on the path, 2: done
  std::vector<std::string> path;
  const std::function<void(const std::string&)> visit = [&](const std::string& node) {
    state[node] = 1;
    path.push_back(node);
    if (const auto found = edges.find(node); found != edges.end()) {
      for (const std::string& next : found->second) {
        if (!edges.contains(next)) continue;
        if (state[next] == 0) {
          visit(next);
        } else if (state[next] == 1) {
          std::string cycle;
          for (auto it = std::find(path.begin(), path.end(), next); it != path.end(); ++it) {
            absl::StrAppend(&cycle, *it, " -> ");
          }
          findings.push_back({node, 0, "include cycle", absl::StrCat(cycle, next)});
        }
      }
    }
    path.pop_back();
    state[node] = 2;
  };
  for (const SourceFile& file : tree.sources) {
    if (state[file.path] == 0) visit(file.path);
  }
  return findings;
}

std::vector<Finding> CheckHeavyHeaders(const SourceTree& tree) {
  static const std::regex kHeavy(R"(^(hnswlib|faiss|torch|grpc|grpcpp|boost|Eigen)/.*)");
  std::vector<Finding> findings;
  for (const SourceFile& file : tree.sources) {
    for (const Include& include : Includes(file)) {
      if (!std::regex_match(include.path, kHeavy)) continue;
      if (absl::EndsWith(file.path, ".cc") && !RoomOf(file.path).empty()) continue;
      findings.push_back({file.path, include.line, "heavy header",
                          absl::StrCat(include.path, " belongs in a .cc file of a sub-folder")});
    }
  }
  return findings;
}

// A header at a module's top is in the HEADERS of its CMakeLists.txt, and so compiled alone;
// a header of a private room is not.
std::vector<Finding> CheckPublicFaces(const SourceTree& tree) {
  absl::btree_map<std::string, std::string> listed;  // by module: the words after each HEADERS
  static const std::regex kHeaders(R"(\bHEADERS\b([^)]*?)(\b(PUBLIC|PRIVATE|SOURCES)\b|\)))");
  for (const SourceFile& file : tree.texts) {
    if (FileName(file.path) != "CMakeLists.txt" || !RoomOf(file.path).empty()) continue;
    // A folder may declare more than one library.
    std::string& words = listed[ModuleOf(file.path)];
    for (std::sregex_iterator match(file.text.begin(), file.text.end(), kHeaders), end;
         match != end; ++match) {
      absl::StrAppend(&words, (*match)[1].str(), " ");
    }
  }
  std::vector<Finding> findings;
  for (const SourceFile& file : tree.sources) {
    const std::string module = ModuleOf(file.path);
    if (!IsHeader(file.path) || module == "bench" || module == "tests") continue;
    const std::vector<std::string> words =
        absl::StrSplit(listed[module], absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
    const bool is_public = RoomOf(file.path).empty();
    const std::string name = file.path.substr(module.size() + 1);
    const bool is_listed = std::find(words.begin(), words.end(), name) != words.end();
    if (is_public && !is_listed) {
      findings.push_back({file.path, 0, "public face",
                          absl::StrCat("is not in the HEADERS of ", module, "/CMakeLists.txt")});
    } else if (!is_public && is_listed) {
      findings.push_back({file.path, 0, "public face", "a private header is in HEADERS"});
    }
  }
  return findings;
}

std::vector<Finding> CheckStyle(const SourceTree& tree) {
  static const std::regex kVagueName(
      R"((^|.*_)(util|utils|helper|helpers|common|misc)\.(h|cc|inc)$)");
  static const std::regex kUsingNamespace(R"(\busing\s+namespace\b)");
  // A folder of somebody's machine, where a path begins. In pieces, or this line would be one.
  static const std::regex kMachinePath(R"((^|[^A-Za-z0-9_.\-/})>]))"
                                       "/(work|home|root|Users)"
                                       "/[A-Za-z0-9_.]");
  constexpr size_t kColumnsMax = 100;

  std::vector<Finding> findings;
  const auto check_paths = [&](const SourceFile& file) {
    const std::vector<std::string> lines = Lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], kMachinePath)) {
        findings.push_back({file.path, i + 1, "machine path", lines[i]});
      }
    }
  };
  for (const SourceFile& file : tree.sources) {
    const auto report = [&](size_t line, std::string rule, std::string message) {
      findings.push_back({file.path, line, std::move(rule), std::move(message)});
    };
    if (std::regex_match(FileName(file.path), kVagueName)) {
      report(0, "file name", "says nothing; name the idea");
    }
    if (IsHeader(file.path)) {
      const absl::string_view code = absl::StripLeadingAsciiWhitespace(file.code);
      if (!absl::StartsWith(code, "#pragma once")) {
        report(0, "pragma once", "#pragma once must come before any code");
      }
    }
    check_paths(file);
    const std::vector<std::string> lines = Lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (const size_t columns = CodePoints(lines[i]); columns > kColumnsMax) {
        report(i + 1, "line length", absl::StrCat(columns, " columns, at most ", kColumnsMax));
      }
    }
    const std::vector<std::string> code_lines = Lines(file.code_unquoted);
    for (size_t i = 0; i < code_lines.size(); ++i) {
      if (std::regex_search(code_lines[i], kUsingNamespace)) {
        report(i + 1, "using namespace", "name what you use");
      }
    }
  }
  for (const SourceFile& file : tree.texts) check_paths(file);
  return findings;
}

std::vector<Finding> CheckTopLevel(const SourceTree& tree) {
  static const auto& files = *new absl::btree_set<std::string>{
      "CMakeLists.txt", "CMakePresets.json", "LICENSE", "Makefile", "README.md"};
  std::vector<Finding> findings;
  for (const std::string& name : tree.top_level) {
    if (name[0] == '.' || name == "build") continue;
    const fs::path path = fs::path(tree.root) / name;
    if (fs::is_directory(path)) {
      if (ModuleOf(name + "/") == name) continue;
      // A folder that the map does not know may be mounted here; code may not live in it.
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && IsSource(entry.path().string())) {
          findings.push_back({name, 0, "top level", "a folder with code that is not on the map"});
          break;
        }
      }
    } else if (!files.contains(name)) {
      findings.push_back({name, 0, "top level", "is not on the map"});
    }
  }
  return findings;
}

}  // namespace kyrodb::tidy
