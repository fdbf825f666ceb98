// Real texts for benchmarks: package descriptions from a Debian index, each a short description
// (title) and a long one (body).
// Source: the Debian policy manual, chapter 5 (control files); apt's Translation-en files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::bench {

struct PackageText {
  std::string package;
  std::string title;
  std::string body;
};

// Reads the paragraphs of `translation_path` (fields Package and Description or Description-en).
// Keeps one package per distinct body and, where `packages_path` is not empty, one per source
// package as that file's Source fields say.
absl::StatusOr<std::vector<PackageText>> LoadPackageTexts(absl::string_view translation_path,
                                                          absl::string_view packages_path);

}  // namespace kyrodb::bench
