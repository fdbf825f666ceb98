// The texts of the demo: what Debian says about its packages.
// Source: deb-control(5) for the paragraphs; the Translation-en index for long descriptions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kyrodb::server::demo {

struct Package {
  int64_t id = 0;  // a hash of the name: stable, and spread over 63 bits
  std::string name;
  std::string section;
  std::string title;  // the short description
  std::string body;   // the long one; may be empty
};

struct Corpus {
  std::vector<Package> packages;  // in an order that is arbitrary, but always the same
  uint64_t long_count = 0;        // how many have a long description
  std::string origin;             // for people: where the texts come from
};

// `available`: what `apt-cache dumpavail` prints; `translations`: any number of Translation-en
// indexes in one file, which may be absent; `manual`: what `man -k .` prints, used when `available`
// holds nothing. `NotFound` when there is no text at all.
absl::StatusOr<Corpus> ReadCorpus(const std::string& available, const std::string& translations,
                                  const std::string& manual);

}  // namespace kyrodb::server::demo
