// How the session that runs on this thread reads and writes values: its time zone, the moment its
// transaction began, the look of bytea.
//
// Values become text in many places that know nothing of sessions (casts within expressions, result
// sinks, error messages), so the style belongs to the thread while a session runs on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/value.h"

namespace kyrodb::sql {

// What numbers of objects are called, for values of regclass and its like.
class ObjectNames {
 public:
  virtual ~ObjectNames() = default;
  // Nothing when there is no such object.
  virtual std::optional<uint32_t> Find(engine::TypeId kind, absl::string_view name) const = 0;
  virtual std::optional<std::string> Name(engine::TypeId kind, uint32_t oid) const = 0;
};

struct TextStyle {
  absl::TimeZone zone = absl::UTCTimeZone();
  // Units:  microseconds since 1970 UTC; what 'now' means.
  int64_t transaction_micros = 0;
  bool bytea_escape = false;
  // Digits beyond those that are always right; above 0 the shortest that read back the same.
  int extra_float_digits = 1;
  const ObjectNames* names = nullptr;  // null: objects are numbers
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
