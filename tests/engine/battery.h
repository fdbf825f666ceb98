// How much of the durability battery a test run does: `make test` a slice of it, `make test-long`
// (KYRO_LONG set) all of it, and a variable of its own whatever somebody wants.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kyrodb::engine {

// `quick`, or `full` with KYRO_LONG set, or what the variable KYRO_<name> says; printed. Sanitizers
// make everything ten times as expensive and look for other bugs: they do a tenth of `quick`.
inline uint64_t BatteryCount(absl::string_view name, uint64_t quick, uint64_t full) {
  const std::string variable = absl::StrCat("KYRO_", name);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  quick = quick < 10 ? 1 : quick / 10;
#endif
  uint64_t count = std::getenv("KYRO_LONG") == nullptr ? quick : full;
  if (const char* text = std::getenv(variable.c_str())) count = std::strtoull(text, nullptr, 0);
  std::printf("%s=%llu\n", variable.c_str(), static_cast<unsigned long long>(count));
  return count;
}

}  // namespace kyrodb::engine
