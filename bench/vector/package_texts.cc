#include "bench/vector/package_texts.h"

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

// Calls `visit(name, value)` for each field and `visit("", "")` at the end of each paragraph. A
// continuation line follows its value after a newline, without its leading space.
template <typename Visit>
void ForEachField(absl::string_view text, const Visit& visit) {
  absl::string_view name;
  std::string value;
  const auto finish = [&] {
    if (!name.empty()) visit(name, value);
    name = absl::string_view();
    value.clear();
  };
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) {
      finish();
      visit("", "");
    } else if (line[0] == ' ') {
      absl::StrAppend(&value, "\n", line.substr(1) == "." ? "" : line.substr(1));
    } else {
      finish();
      const size_t colon = line.find(':');
      if (colon == absl::string_view::npos) continue;
      name = line.substr(0, colon);
      value = std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  finish();
  visit("", "");
}

absl::StatusOr<std::string> ReadWhole(absl::string_view path) {
  const std::unique_ptr<FileSystem> files = NewPosixFileSystem();
  return ReadFile(*files, path, uint64_t{1} << 30);
}

}  // namespace

absl::StatusOr<std::vector<PackageText>> LoadPackageTexts(absl::string_view translation_path,
                                                          absl::string_view packages_path) {
  absl::flat_hash_map<std::string, std::string> sources;
  if (!packages_path.empty()) {
    KYRO_ASSIGN_OR_RETURN(const std::string packages, ReadWhole(packages_path));
    std::string package, source;
    ForEachField(packages, [&](absl::string_view name, absl::string_view value) {
      if (name == "Package") package = std::string(value);
      if (name == "Source") source = std::string(value.substr(0, value.find(' ')));
      if (!name.empty()) return;
      if (!source.empty()) sources[package] = source;
      package.clear();
      source.clear();
    });
  }
  KYRO_ASSIGN_OR_RETURN(const std::string translation, ReadWhole(translation_path));
  std::vector<PackageText> texts;
  absl::flat_hash_set<std::string> seen_bodies, seen_sources;
  std::string package, description;
  ForEachField(translation, [&](absl::string_view name, absl::string_view value) {
    if (name == "Package") package = std::string(value);
    if (name == "Description" || name == "Description-en") description = std::string(value);
    if (!name.empty()) return;
    const size_t newline = description.find('\n');
    if (newline != std::string::npos) {
      const auto source = sources.find(package);
      PackageText text{package, description.substr(0, newline), description.substr(newline + 1)};
      if (seen_sources.insert(source == sources.end() ? package : source->second).second &&
          seen_bodies.insert(text.body).second) {
        texts.push_back(std::move(text));
      }
    }
    package.clear();
    description.clear();
  });
  return texts;
}

}  // namespace kyrodb::bench
