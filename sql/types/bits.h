// Strings of bits.
// Source: PostgreSQL 15 documentation, section 8.10.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// The bytes of a bit value: the number of bits, then these, the first highest.
std::string MakeBits(uint32_t count);
uint32_t BitCount(absl::string_view bits);
bool GetBit(absl::string_view bits, uint32_t index);
void SetBit(std::string* bits, uint32_t index, bool value);
absl::string_view BitBytes(absl::string_view bits);

// '101', 'b101', 'x1F'. 22P02.
absl::StatusOr<std::string> ParseBits(absl::string_view text);
std::string FormatBits(absl::string_view bits);
// As PostgreSQL's bitcmp: the bytes decide, then the length.
int CompareBits(absl::string_view a, absl::string_view b);
// Cut, or filled up with zeros at the end.
std::string ResizeBits(absl::string_view bits, uint32_t count);

}  // namespace kyrodb::sql
