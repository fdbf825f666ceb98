// CRC-32C (Castagnoli): the checksum of every file format here. SSE4.2 where the CPU has it, a
// table elsewhere; both give the same value.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace kyrodb {

uint32_t Crc32c(absl::string_view bytes);
// The checksum of A followed by `bytes`, where `crc` is the checksum of A.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes);
// The portable implementation, for tests and for CPUs without SSE4.2.
uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view bytes);

}  // namespace kyrodb
