// Source: FIPS 180-4, "Secure Hash Standard".
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// `bits` is 224, 256, 384 or 512; the digest has an eighth of it in bytes.
std::string Sha2(absl::string_view bytes, int bits);

}  // namespace kyrodb::sql
