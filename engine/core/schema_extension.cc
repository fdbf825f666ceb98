#include "engine/core/schema_extension.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kStorageCountMax = 65535;  // as a row's header counts
constexpr uint64_t kConstraintCountMax = 4096;
constexpr uint64_t kObjectFormatVersion = 1;

// Flags of indexes, of their parts, and of foreign keys.
constexpr uint64_t kUnique = 1;
constexpr uint64_t kNullsNotDistinct = 2;
constexpr uint64_t kConstraint = 4;
constexpr uint64_t kPrimary = 8;
constexpr uint64_t kDescending = 1;
constexpr uint64_t kNullsFirst = 2;
constexpr uint64_t kExpression = 4;
constexpr uint64_t kFull = 1;
constexpr uint64_t kDeferrable = 2;
constexpr uint64_t kDeferred = 4;

absl::Status Damaged() { return absl::DataLossError("table definition is damaged"); }

void AppendOrdinals(const std::vector<uint32_t>& ordinals, std::string* out) {
  PutVarint64(out, ordinals.size());
  for (const uint32_t ordinal : ordinals) PutVarint64(out, ordinal);
}

bool TakeOrdinals(ByteReader* reader, uint64_t end, std::vector<uint32_t>* out) {
  const uint64_t count = reader->Varint64();
  if (!reader->ok() || count > kStorageCountMax) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t ordinal = reader->Varint64();
    if (!reader->ok() || ordinal >= end) return false;
    out->push_back(static_cast<uint32_t>(ordinal));
  }
  return true;
}

void AppendType(const Type& type, std::string* out) {
  PutVarint64(out, static_cast<uint64_t>(type.id));
  PutVarint64(out, type.dimensions);
}

bool TakeType(ByteReader* reader, Type* type) {
  const uint64_t id = reader->Varint64();
  type->id = static_cast<TypeId>(id);
  type->dimensions = static_cast<uint32_t>(reader->Varint64());
  return reader->ok() && IsValidType(id);
}

bool TakeIndex(ByteReader* reader, uint64_t column_count, IndexSchema* index) {
  const uint64_t flags = reader->Varint64();
  index->unique = (flags & kUnique) != 0;
  index->nulls_not_distinct = (flags & kNullsNotDistinct) != 0;
  index->is_constraint = (flags & kConstraint) != 0;
  index->is_primary = (flags & kPrimary) != 0;
  index->where_sql = std::string(reader->LengthPrefixed());
  const uint64_t part_count = reader->Varint64();
  if (!reader->ok() || part_count > kIndexPartsMax || (part_count > 0) != index->is_btree()) {
    return false;
  }
  for (uint64_t i = 0; i < part_count; ++i) {
    IndexPart part;
    const uint64_t part_flags = reader->Varint64();
    part.descending = (part_flags & kDescending) != 0;
    part.nulls_first = (part_flags & kNullsFirst) != 0;
    if ((part_flags & kExpression) != 0) {
      part.expression_sql = std::string(reader->LengthPrefixed());
      if (!TakeType(reader, &part.expression_type)) return false;
    } else {
      const uint64_t ordinal = reader->Varint64();
      if (!reader->ok() || ordinal >= column_count) return false;
      part.column = static_cast<uint32_t>(ordinal);
    }
    index->parts.push_back(std::move(part));
  }
  return reader->ok();
}

bool TakeForeignKey(ByteReader* reader, uint64_t column_count, ForeignKey* key) {
  key->name = std::string(reader->LengthPrefixed());
  if (!TakeOrdinals(reader, column_count, &key->columns)) return false;
  key->referenced_table = static_cast<ObjectId>(reader->Varint64());
  if (!TakeOrdinals(reader, kStorageCountMax, &key->referenced_columns)) return false;
  const uint64_t on_delete = reader->Varint64();
  const uint64_t on_update = reader->Varint64();
  const uint64_t flags = reader->Varint64();
  constexpr auto kActionMax = static_cast<uint64_t>(ForeignKeyAction::kSetDefault);
  if (!reader->ok() || on_delete > kActionMax || on_update > kActionMax ||
      key->columns.size() != key->referenced_columns.size()) {
    return false;
  }
  key->on_delete = static_cast<ForeignKeyAction>(on_delete);
  key->on_update = static_cast<ForeignKeyAction>(on_update);
  key->match_full = (flags & kFull) != 0;
  key->deferrable = (flags & kDeferrable) != 0;
  key->initially_deferred = (flags & kDeferred) != 0;
  return true;
}

}  // namespace

bool NeedsSchemaExtension(const TableSchema& schema) {
  return schema.schema_name != kPublicSchema || !schema.storage.empty() || !schema.checks.empty() ||
         !schema.foreign_keys.empty() || !schema.primary_key_name.empty() ||
         std::any_of(schema.indexes.begin(), schema.indexes.end(),
                     [](const IndexSchema& index) { return index.is_btree(); }) ||
         std::any_of(schema.columns.begin(), schema.columns.end(), [](const ColumnSchema& column) {
           return column.identity != Identity::kNone || column.missing.has_value();
         });
}

void AppendSchemaExtension(const TableSchema& schema, std::string* out) {
  PutLengthPrefixed(out, schema.schema_name);
  PutLengthPrefixed(out, schema.primary_key_name);
  AppendOrdinals(schema.storage, out);
  if (!schema.storage.empty()) PutVarint64(out, schema.storage_count);
  for (const ColumnSchema& column : schema.columns) {
    PutVarint64(out, static_cast<uint64_t>(column.identity));
    PutVarint64(out, column.missing.has_value() ? 1 : 0);
    if (column.missing.has_value()) PutLengthPrefixed(out, *column.missing);
  }
  for (const IndexSchema& index : schema.indexes) {
    PutVarint64(out,
                (index.unique ? kUnique : 0) | (index.nulls_not_distinct ? kNullsNotDistinct : 0) |
                    (index.is_constraint ? kConstraint : 0) | (index.is_primary ? kPrimary : 0));
    PutLengthPrefixed(out, index.where_sql);
    PutVarint64(out, index.parts.size());
    for (const IndexPart& part : index.parts) {
      PutVarint64(out, (part.descending ? kDescending : 0) | (part.nulls_first ? kNullsFirst : 0) |
                           (part.is_expression() ? kExpression : 0));
      if (part.is_expression()) {
        PutLengthPrefixed(out, part.expression_sql);
        AppendType(part.expression_type, out);
      } else {
        PutVarint64(out, part.column);
      }
    }
  }
  PutVarint64(out, schema.checks.size());
  for (const CheckConstraint& check : schema.checks) {
    PutLengthPrefixed(out, check.name);
    PutLengthPrefixed(out, check.sql);
  }
  PutVarint64(out, schema.foreign_keys.size());
  for (const ForeignKey& key : schema.foreign_keys) {
    PutLengthPrefixed(out, key.name);
    AppendOrdinals(key.columns, out);
    PutVarint64(out, key.referenced_table);
    AppendOrdinals(key.referenced_columns, out);
    PutVarint64(out, static_cast<uint64_t>(key.on_delete));
    PutVarint64(out, static_cast<uint64_t>(key.on_update));
    PutVarint64(out, (key.match_full ? kFull : 0) | (key.deferrable ? kDeferrable : 0) |
                         (key.initially_deferred ? kDeferred : 0));
  }
}

absl::StatusOr<TableSchema> TakeSchemaExtension(absl::string_view bytes, TableSchema schema) {
  ByteReader reader(bytes);
  const uint64_t column_count = schema.columns.size();
  schema.schema_name = std::string(reader.LengthPrefixed());
  schema.primary_key_name = std::string(reader.LengthPrefixed());
  if (!TakeOrdinals(&reader, kStorageCountMax, &schema.storage)) return Damaged();
  if (!schema.storage.empty()) {
    const uint64_t storage_count = reader.Varint64();
    if (!reader.ok() || schema.storage.size() != column_count || storage_count > kStorageCountMax) {
      return Damaged();
    }
    schema.storage_count = static_cast<uint32_t>(storage_count);
    std::vector<uint32_t> places = schema.storage;
    std::sort(places.begin(), places.end());
    if (std::adjacent_find(places.begin(), places.end()) != places.end() ||
        (!places.empty() && places.back() >= storage_count)) {
      return Damaged();
    }
  }
  for (ColumnSchema& column : schema.columns) {
    const uint64_t identity = reader.Varint64();
    const bool has_missing = reader.Varint64() != 0;
    if (!reader.ok() || identity > static_cast<uint64_t>(Identity::kByDefault)) return Damaged();
    column.identity = static_cast<Identity>(identity);
    if (has_missing) column.missing = std::string(reader.LengthPrefixed());
  }
  for (IndexSchema& index : schema.indexes) {
    if (!TakeIndex(&reader, column_count, &index)) return Damaged();
  }
  const uint64_t check_count = reader.Varint64();
  if (!reader.ok() || check_count > kConstraintCountMax) return Damaged();
  for (uint64_t i = 0; i < check_count; ++i) {
    CheckConstraint check;
    check.name = std::string(reader.LengthPrefixed());
    check.sql = std::string(reader.LengthPrefixed());
    if (!reader.ok()) return Damaged();
    schema.checks.push_back(std::move(check));
  }
  const uint64_t key_count = reader.Varint64();
  if (!reader.ok() || key_count > kConstraintCountMax) return Damaged();
  for (uint64_t i = 0; i < key_count; ++i) {
    ForeignKey key;
    if (!TakeForeignKey(&reader, column_count, &key)) return Damaged();
    schema.foreign_keys.push_back(std::move(key));
  }
  if (!reader.ok() || !reader.rest().empty()) return Damaged();
  return schema;
}

std::string EncodeObject(const ObjectSchema& object) {
  std::string out;
  PutVarint64(&out, kObjectFormatVersion);
  PutVarint64(&out, object.id);
  PutVarint64(&out, object.version);
  PutVarint64(&out, static_cast<uint64_t>(object.kind));
  PutLengthPrefixed(&out, object.schema_name);
  PutLengthPrefixed(&out, object.name);
  PutLengthPrefixed(&out, object.sql);
  PutVarint64(&out, object.columns.size());
  for (const ColumnSchema& column : object.columns) {
    PutLengthPrefixed(&out, column.name);
    AppendType(column.type, &out);
  }
  const SequenceOptions& sequence = object.sequence;
  for (const int64_t number :
       {sequence.start, sequence.increment, sequence.min, sequence.max, sequence.cache}) {
    PutFixed64(&out, static_cast<uint64_t>(number));
  }
  PutVarint64(&out, sequence.cycle ? 1 : 0);
  PutVarint64(&out, static_cast<uint64_t>(sequence.type));
  PutVarint64(&out, object.owner_table);
  PutLengthPrefixed(&out, object.owner_column);
  return out;
}

absl::StatusOr<ObjectSchema> DecodeObject(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint64_t format = reader.Varint64();
  if (reader.ok() && format > kObjectFormatVersion) {
    return absl::UnimplementedError(absl::StrCat("definition has format version ", format,
                                                 ", this program reads up to ",
                                                 kObjectFormatVersion));
  }
  const absl::Status damaged = absl::DataLossError("definition is damaged");
  ObjectSchema object;
  object.id = static_cast<ObjectId>(reader.Varint64());
  object.version = reader.Varint64();
  const uint64_t kind = reader.Varint64();
  if (!reader.ok() || kind < static_cast<uint64_t>(ObjectKind::kSchema) ||
      kind > static_cast<uint64_t>(ObjectKind::kSequence)) {
    return damaged;
  }
  object.kind = static_cast<ObjectKind>(kind);
  object.schema_name = std::string(reader.LengthPrefixed());
  object.name = std::string(reader.LengthPrefixed());
  object.sql = std::string(reader.LengthPrefixed());
  const uint64_t column_count = reader.Varint64();
  if (!reader.ok() || column_count > kStorageCountMax) return damaged;
  for (uint64_t i = 0; i < column_count; ++i) {
    ColumnSchema column;
    column.name = std::string(reader.LengthPrefixed());
    if (!TakeType(&reader, &column.type)) return damaged;
    object.columns.push_back(std::move(column));
  }
  SequenceOptions& sequence = object.sequence;
  for (int64_t* number :
       {&sequence.start, &sequence.increment, &sequence.min, &sequence.max, &sequence.cache}) {
    *number = static_cast<int64_t>(reader.Fixed64());
  }
  sequence.cycle = reader.Varint64() != 0;
  sequence.type = static_cast<TypeId>(reader.Varint64());
  object.owner_table = static_cast<ObjectId>(reader.Varint64());
  object.owner_column = std::string(reader.LengthPrefixed());
  if (!reader.ok() || !reader.rest().empty()) return damaged;
  return object;
}

}  // namespace kyrodb::engine
