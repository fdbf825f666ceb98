// MD5, for md5() and for the hashed results of sqllogictest files; not for security.
// Source: RFC 1321.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// 32 lower-case hexadecimal digits.
std::string Md5Hex(absl::string_view bytes);

}  // namespace kyrodb::sql
