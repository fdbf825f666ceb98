// How many columns of a terminal a text takes.
// Source: Unicode Standard Annex #11, "East Asian Width", and the general categories Mn and Me.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb::server {

// Wide characters take two columns, combining marks none; a byte that is no UTF-8 takes one.
size_t DisplayWidth(absl::string_view text);

// The text on one line without control characters: newlines as `↵`, tabs as a blank, others as
// U+FFFD, so that no stored text can move the cursor.
std::string OneLine(absl::string_view text);

}  // namespace kyrodb::server
