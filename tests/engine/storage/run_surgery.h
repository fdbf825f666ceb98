// Makes run files that are wrong in ways that checksums do not catch: after bytes were changed,
// every checksum is made right again. For the damage test and the fuzzer.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/storage/page_region.h"
#include "engine/storage/run_format.h"

namespace kyrodb::engine {

inline void StoreFixed32(std::string* bytes, uint64_t offset, uint32_t value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

// Makes the checksums of a file right as far as its footer makes sense; true when all are.
inline bool ResealRun(std::string* bytes) {
  if (bytes->size() < kRunTailBytes) return false;
  const uint64_t footer_offset = bytes->size() - kRunTailBytes;
  const auto section = [&](uint64_t index) {
    return RunSection{.offset = LoadFixed64(bytes->data() + footer_offset + 16 * index),
                      .size_bytes = LoadFixed64(bytes->data() + footer_offset + 16 * index + 8)};
  };
  const auto fits = [&](const RunSection& s) {
    return s.offset <= footer_offset && s.size_bytes <= footer_offset - s.offset;
  };
  const RunSection checksums = section(kRunSectionCount - 2);
  const RunSection properties = section(kRunSectionCount - 1);
  const bool sensible = fits(checksums) && fits(properties);
  if (sensible) {
    for (uint64_t i = 0; i < checksums.size_bytes / 4; ++i) {
      if ((i + 1) * kPageBytes > bytes->size()) break;
      StoreFixed32(bytes, checksums.offset + 4 * i,
                   Crc32c(absl::string_view(*bytes).substr(i * kPageBytes, kPageBytes)));
    }
    const auto crc = [&](const RunSection& s) {
      return Crc32c(absl::string_view(*bytes).substr(s.offset, s.size_bytes));
    };
    StoreFixed32(bytes, footer_offset + kRunSectionCount * 16, crc(checksums));
    StoreFixed32(bytes, footer_offset + kRunSectionCount * 16 + 4, crc(properties));
  }
  StoreFixed32(bytes, footer_offset + kRunFooterBytes - 4,
               Crc32c(absl::string_view(*bytes).substr(footer_offset, kRunFooterBytes - 4)));
  std::string identity;
  PutFixed32(&identity, kRunFormatVersion);
  PutFixed64(&identity, kRunMagic);
  const uint64_t trailer_offset = bytes->size() - kRunTrailerBytes;
  StoreFixed32(bytes, trailer_offset, kRunFormatVersion);
  StoreFixed32(bytes, trailer_offset + 4, Crc32c(identity));
  std::memcpy(bytes->data() + trailer_offset + 8, &kRunMagic, sizeof(kRunMagic));
  return sensible;
}

}  // namespace kyrodb::engine
