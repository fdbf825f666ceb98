// Numbers and truth as text.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// The shortest digits that read back the same, laid out as PostgreSQL does: without exponent while
// it is between -4 and `digits_max`.
std::string FormatShortest(double value, int digits_max);
std::string FormatShortest(float value, int digits_max);

// Between `least` and `greatest`; `type` is for the messages (22P02, 22003).
absl::StatusOr<int64_t> ParseIntegerText(absl::string_view text, absl::string_view type,
                                         int64_t least, int64_t greatest);
absl::StatusOr<double> ParseDoubleText(absl::string_view text);
absl::StatusOr<float> ParseRealText(absl::string_view text);
absl::StatusOr<bool> ParseBooleanText(absl::string_view text);

// Takes a float from the front of `text`; false when there is none. Too large a number is infinite,
// too small a one zero, and `out_of_range` says so.
bool TakeFloat(absl::string_view* text, double* value, bool* out_of_range);
bool TakeFloat(absl::string_view* text, float* value, bool* out_of_range);

}  // namespace kyrodb::sql
