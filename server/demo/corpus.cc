#include "server/demo/corpus.h"

#include <algorithm>
#include <fstream>
#include <functional>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/random.h"

namespace kyrodb::server::demo {
namespace {

constexpr size_t kBodyBytesMax = 8000;

using Paragraph = absl::flat_hash_map<std::string, std::string>;

// Calls `take` with the fields of every paragraph; continuation lines are joined by newlines.
void ReadParagraphs(const std::string& path, const std::function<void(Paragraph&)>& take) {
  std::ifstream file(path);
  Paragraph paragraph;
  std::string line;
  std::string* last = nullptr;
  while (std::getline(file, line)) {
    if (line.empty()) {
      if (!paragraph.empty()) take(paragraph);
      paragraph.clear();
      last = nullptr;
    } else if (line[0] == ' ' || line[0] == '\t') {
      if (last != nullptr) absl::StrAppend(last, "\n", line);
    } else if (const size_t colon = line.find(':'); colon != std::string::npos) {
      last = &paragraph[line.substr(0, colon)];
      *last = std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  if (!paragraph.empty()) take(paragraph);
}

// " one line\n .\n another" as plain text.
std::string LongText(absl::string_view raw) {
  std::string text;
  while (!raw.empty()) {
    const size_t end = raw.find('\n');
    const absl::string_view line = absl::StripAsciiWhitespace(raw.substr(0, end));
    raw = end == absl::string_view::npos ? absl::string_view() : raw.substr(end + 1);
    if (line.empty() || line == ".") continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", line);
  }
  if (text.size() > kBodyBytesMax) {
    size_t end = kBodyBytesMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
  }
  return text;
}

int64_t IdOf(absl::string_view name) {
  uint64_t hash = 0;
  for (const char c : name) hash = SplitMix64(hash ^ static_cast<unsigned char>(c));
  return static_cast<int64_t>(hash >> 1);
}

void ReadManual(const std::string& path, absl::btree_map<std::string, Package>* packages) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    Package package;
    package.name = std::string(absl::StripAsciiWhitespace(line.substr(0, dash)));
    package.title = std::string(absl::StripAsciiWhitespace(line.substr(dash + 3)));
    package.section = "man";
    packages->emplace(package.name, package);
  }
}

}  // namespace

absl::StatusOr<Corpus> ReadCorpus(const std::string& available, const std::string& translations,
                                  const std::string& manual) {
  absl::flat_hash_map<std::string, std::string> bodies;  // by the md5 of the description
  ReadParagraphs(translations, [&bodies](Paragraph& paragraph) {
    const std::string& text = paragraph["Description-en"];
    const size_t end = text.find('\n');
    if (end != std::string::npos) bodies[paragraph["Description-md5"]] = LongText(text.substr(end));
  });
  absl::btree_map<std::string, Package> packages;
  ReadParagraphs(available, [&](Paragraph& paragraph) {
    Package package;
    package.name = paragraph["Package"];
    package.section = paragraph["Section"];
    const std::string& text = paragraph["Description"];
    const size_t end = text.find('\n');
    package.title = text.substr(0, end);
    if (end != std::string::npos) package.body = LongText(text.substr(end));
    if (package.name.empty() || package.title.empty()) return;
    if (package.body.empty()) {
      const auto body = bodies.find(paragraph["Description-md5"]);
      if (body != bodies.end()) package.body = body->second;
    }
    packages.emplace(package.name, std::move(package));
  });
  Corpus corpus;
  corpus.origin = "descriptions of Debian packages";
  if (packages.empty()) {
    ReadManual(manual, &packages);
    corpus.origin = "summaries of manual pages, as there is no package list";
  }
  if (packages.empty()) {
    return absl::NotFoundError(absl::StrCat("no texts in ", available, " or ", manual));
  }
  absl::flat_hash_map<int64_t, std::string> names;
  for (auto& [name, package] : packages) {
    package.id = IdOf(name);
    if (!names.emplace(package.id, name).second) continue;  // never seen: 2^-63 a pair
    if (!package.body.empty()) ++corpus.long_count;
    corpus.packages.push_back(std::move(package));
  }
  // Neither the alphabet nor the keys decide what is loaded first.
  std::sort(corpus.packages.begin(), corpus.packages.end(), [](const Package& a, const Package& b) {
    return SplitMix64(static_cast<uint64_t>(a.id)) < SplitMix64(static_cast<uint64_t>(b.id));
  });
  return corpus;
}

}  // namespace kyrodb::server::demo
