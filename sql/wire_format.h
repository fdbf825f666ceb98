// Types and values as PostgreSQL's protocol and catalogs have them: numbers of types, modifiers,
// and values in binary format. (Values in text format: format.h.) Source: PostgreSQL 15
// documentation, chapters 52 ("System Catalogs", pg_type) and 55
// ("Frontend/Backend Protocol"); the binary forms by observation; pgvector 0.8's for vectors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::sql {

// What pg_type says of a type. Array types are not listed: they follow from their elements
// (name "_name", length -1, category 'A', alignment 'd' where the element has it, else 'i').
struct TypeInfo {
  engine::TypeId id;
  uint32_t oid;
  uint32_t array_oid;
  absl::string_view name;  // typname: "int4"
  int16_t length;          // typlen: bytes, -1 for variable length
  bool by_value;           // typbyval
  char category;           // typcategory
  bool preferred;          // typispreferred
  char alignment;          // typalign: c, s, i, d
  char storage;            // typstorage: p, x, m, e
};

// Every type but arrays, by oid.
std::span<const TypeInfo> AllTypes();
// Of an array the information of its elements; null for what is no type of a value.
const TypeInfo* FindTypeInfo(engine::TypeId id);

// The type of that number with that modifier (-1: none); arrays too. Nothing for other numbers.
std::optional<engine::Type> TypeFromOid(uint32_t oid, int32_t modifier = -1);
// The number of a type: 23 for integer, 1007 for integer[], 705 for unknown.
uint32_t TypeOid(const engine::Type& type);
// atttypmod: -1 without a modifier.
int32_t TypeModifier(const engine::Type& type);
// typlen.
int16_t TypeLength(const engine::Type& type);

// `value`, which is not null, in binary format.
std::string ToBinary(const engine::Type& type, const engine::Value& value);
// 22P03 for bytes that are no such value; otherwise the errors of the type's text form. Lengths
// and modifiers of `type` are not applied.
absl::StatusOr<engine::Value> FromBinary(const engine::Type& type, absl::string_view bytes);

}  // namespace kyrodb::sql
