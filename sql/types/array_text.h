// Arrays as text: `{1,NULL,"a b"}`, `[2:3]={1,2}`.
// Source: PostgreSQL 15 documentation, section 8.15.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/array.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

std::string FormatArrayText(TypeId element, const engine::Array& array);
// `element` with its modifier. 22P02 "malformed array literal", 2202E for bad subscripts.
absl::StatusOr<engine::Array> ParseArrayText(const Type& element, absl::string_view text);

// The array in a value; empty for damaged bytes, which checksums keep away from here.
engine::Array LoadArray(TypeId element, const Value& value);

}  // namespace kyrodb::sql
