// JSON in memory and as text, strict on the way in: RFC 8259, UTF-8, bounded depth, finite numbers,
// no member twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::server {

struct Json {
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // members in the order of the text
  // Integers that fit 64 bits with sign are int64_t, other numbers double.
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value = nullptr;

  template <typename T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(value);
  }
  bool is_number() const { return is<int64_t>() || is<double>(); }
  // The number as a double; 0 for anything else.
  double number() const;
  // "null", "a boolean", "a number", "a string", "an array" or "an object".
  absl::string_view kind() const;
  // The member of that name, null when there is none or this is no object.
  const Json* Find(absl::string_view name) const;
};

inline constexpr size_t kJsonDepthMax = 64;

// `InvalidArgument` saying what is wrong and at which byte (from 1).
absl::StatusOr<Json> ParseJson(absl::string_view text);

// Text without blanks.
std::string JsonText(const Json& json);
void AppendJson(std::string* out, const Json& json);
// The string in quotes, escaped; bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string* out, absl::string_view text);
// A number that reads back the same, or the strings "NaN", "Infinity", "-Infinity".
void AppendJsonNumber(std::string* out, double number);
// A value of the database: numbers and booleans as themselves, vectors as arrays, jsonb as it is,
// timestamps and bytea as the strings that SQL prints.
void AppendJsonValue(std::string* out, const engine::Type& type, const engine::Value& value);

}  // namespace kyrodb::server
