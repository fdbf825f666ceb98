// How the session that runs on this thread reads and writes values: its time zone, the moment its
// transaction began, the look of bytea.
//
// Values become text in many places that know nothing of sessions (casts within expressions, result
// sinks, error messages), so the style belongs to the thread while a session runs on it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace kyrodb::sql {

struct TextStyle {
  absl::TimeZone zone = absl::UTCTimeZone();
  // Units:  microseconds since 1970 UTC; what 'now' means.
  int64_t transaction_micros = 0;
  bool bytea_escape = false;
  // Digits beyond those that are always right; above 0 the shortest that read back the same.
  int extra_float_digits = 1;
};

// The style of this thread: that of the innermost scope, by default UTC.
const TextStyle& CurrentTextStyle();

// Lifetime:  `style` must outlive the scope; scopes nest.
class ScopedTextStyle {
 public:
  explicit ScopedTextStyle(const TextStyle* style);
  ~ScopedTextStyle();
  ScopedTextStyle(const ScopedTextStyle&) = delete;
  ScopedTextStyle& operator=(const ScopedTextStyle&) = delete;

 private:
  const TextStyle* outer_;
};

}  // namespace kyrodb::sql
