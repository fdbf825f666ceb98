#include "engine/schema.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/core/schema_extension.h"

namespace kyrodb::engine {
namespace {

// Version 1: the first. Fields in the order of the structs below; strings length-prefixed, numbers
// varints. A reader refuses a version above its own.
// Version 2: each index is followed by the count of its `columns` and these. Written only for a
// table that has an index with `columns`, so that an older program still reads all others.
// Version 3: followed by an extension (core/schema_extension.h). Written only for a table that has
// something of it.
constexpr uint64_t kSchemaFormatVersion = 3;
constexpr uint64_t kColumnCountMax = 1600;
constexpr uint64_t kIndexCountMax = 256;

// One number, from the lowest bit: metric (2 bits), quantization (3), rescore (2, exchanged so that
// 0 is the default) and recall target (10). An index of plain floats has its metric's number, which
// is all that was written before there were others.
uint64_t PackVectorOptions(const IndexSchema& index) {
  const uint64_t rescore =
      static_cast<uint64_t>(index.rescore) ^ static_cast<uint64_t>(Rescore::kSq12);
  return static_cast<uint64_t>(index.metric) | static_cast<uint64_t>(index.quantization) << 2 |
         rescore << 5 | uint64_t{index.recall_target_permille} << 7;
}

bool UnpackVectorOptions(uint64_t packed, IndexSchema& index) {
  const uint64_t metric = packed & 3, quantization = packed >> 2 & 7;
  const uint64_t rescore = (packed >> 5 & 3) ^ static_cast<uint64_t>(Rescore::kSq12);
  const uint64_t target = packed >> 7;
  if (metric > static_cast<uint64_t>(Metric::kCosine) ||
      quantization > static_cast<uint64_t>(Quantization::kRabitq) ||
      rescore > static_cast<uint64_t>(Rescore::kF32) || target >= 1000) {
    return false;
  }
  index.metric = static_cast<Metric>(metric);
  index.quantization = static_cast<Quantization>(quantization);
  index.rescore = static_cast<Rescore>(rescore);
  index.recall_target_permille = static_cast<uint32_t>(target);
  return true;
}

}  // namespace

bool IsZOrderType(TypeId type) {
  return type == TypeId::kInteger || type == TypeId::kBigint || type == TypeId::kDouble ||
         type == TypeId::kTimestamptz;
}

std::optional<uint32_t> TableSchema::FindColumn(absl::string_view column_name) const {
  for (uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column_name) return i;
  }
  return std::nullopt;
}

const IndexSchema* TableSchema::FindIndex(absl::string_view index_name) const {
  for (const IndexSchema& index : indexes) {
    if (index.name == index_name) return &index;
  }
  return nullptr;
}

const IndexSchema* TableSchema::FindIndex(ObjectId index_id) const {
  for (const IndexSchema& index : indexes) {
    if (index.id == index_id) return &index;
  }
  return nullptr;
}

std::vector<uint32_t> TableSchema::PrimaryKeyColumns() const {
  if (!primary_key.empty()) return primary_key;
  std::vector<uint32_t> ordinals;
  for (const IndexSchema& index : indexes) {
    if (!index.is_primary) continue;
    for (const IndexPart& part : index.parts) ordinals.push_back(part.column);
  }
  return ordinals;
}

std::string EncodeSchema(const TableSchema& schema) {
  const bool has_columns =
      std::any_of(schema.indexes.begin(), schema.indexes.end(),
                  [](const IndexSchema& index) { return !index.columns.empty(); });
  const uint64_t format = NeedsSchemaExtension(schema) ? 3 : has_columns ? 2 : 1;
  std::string out;
  PutVarint64(&out, format);
  PutVarint64(&out, schema.id);
  PutVarint64(&out, schema.version);
  PutLengthPrefixed(&out, schema.name);
  PutVarint64(&out, schema.columns.size());
  for (const ColumnSchema& column : schema.columns) {
    PutLengthPrefixed(&out, column.name);
    PutVarint64(&out, static_cast<uint64_t>(column.type.id));
    PutVarint64(&out, column.type.dimensions);
    PutVarint64(&out, column.not_null ? 1 : 0);
    PutLengthPrefixed(&out, column.default_sql);
    PutLengthPrefixed(&out, column.generated_sql);
  }
  PutVarint64(&out, schema.primary_key.size());
  for (uint32_t ordinal : schema.primary_key) PutVarint64(&out, ordinal);
  PutVarint64(&out, schema.indexes.size());
  for (const IndexSchema& index : schema.indexes) {
    PutVarint64(&out, index.id);
    PutLengthPrefixed(&out, index.name);
    PutLengthPrefixed(&out, index.method);
    PutVarint64(&out, index.column);
    PutVarint64(&out, PackVectorOptions(index));
    PutVarint64(&out, index.m);
    PutVarint64(&out, index.ef_construction);
    if (format < 2) continue;
    PutVarint64(&out, index.columns.size());
    for (const uint32_t column : index.columns) PutVarint64(&out, column);
  }
  if (format >= 3) AppendSchemaExtension(schema, &out);
  return out;
}

absl::StatusOr<TableSchema> DecodeSchema(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint64_t format = reader.Varint64();
  if (reader.ok() && format > kSchemaFormatVersion) {
    return absl::UnimplementedError(absl::StrCat("table definition has format version ", format,
                                                 ", this program reads up to ",
                                                 kSchemaFormatVersion));
  }
  const absl::Status damaged = absl::DataLossError("table definition is damaged");
  TableSchema schema;
  schema.id = static_cast<ObjectId>(reader.Varint64());
  schema.version = reader.Varint64();
  schema.name = std::string(reader.LengthPrefixed());
  const uint64_t column_count = reader.Varint64();
  if (!reader.ok() || column_count > kColumnCountMax) return damaged;
  for (uint64_t i = 0; i < column_count; ++i) {
    ColumnSchema column;
    column.name = std::string(reader.LengthPrefixed());
    const uint64_t type = reader.Varint64();
    if (!reader.ok() || !IsValidType(type)) return damaged;
    column.type.id = static_cast<TypeId>(type);
    column.type.dimensions = static_cast<uint32_t>(reader.Varint64());
    column.not_null = reader.Varint64() != 0;
    column.default_sql = std::string(reader.LengthPrefixed());
    column.generated_sql = std::string(reader.LengthPrefixed());
    schema.columns.push_back(std::move(column));
  }
  const uint64_t key_count = reader.Varint64();
  if (!reader.ok() || key_count > column_count) return damaged;
  for (uint64_t i = 0; i < key_count; ++i) {
    const uint64_t ordinal = reader.Varint64();
    if (!reader.ok() || ordinal >= column_count) return damaged;
    schema.primary_key.push_back(static_cast<uint32_t>(ordinal));
  }
  const uint64_t index_count = reader.Varint64();
  if (!reader.ok() || index_count > kIndexCountMax) return damaged;
  for (uint64_t i = 0; i < index_count; ++i) {
    IndexSchema index;
    index.id = static_cast<ObjectId>(reader.Varint64());
    index.name = std::string(reader.LengthPrefixed());
    index.method = std::string(reader.LengthPrefixed());
    index.column = static_cast<uint32_t>(reader.Varint64());
    const uint64_t vector_options = reader.Varint64();
    index.m = static_cast<uint32_t>(reader.Varint64());
    index.ef_construction = static_cast<uint32_t>(reader.Varint64());
    if (!reader.ok() || index.column >= column_count ||
        !UnpackVectorOptions(vector_options, index)) {
      return damaged;
    }
    const uint64_t indexed_count = format < 2 ? 0 : reader.Varint64();
    if (!reader.ok() || indexed_count > kZOrderColumnsMax ||
        index.is_zorder() != (indexed_count >= kZOrderColumnsMin)) {
      return damaged;
    }
    for (uint64_t column = 0; column < indexed_count; ++column) {
      const uint64_t ordinal = reader.Varint64();
      if (!reader.ok() || ordinal >= column_count ||
          !IsZOrderType(schema.columns[ordinal].type.id)) {
        return damaged;
      }
      index.columns.push_back(static_cast<uint32_t>(ordinal));
    }
    schema.indexes.push_back(std::move(index));
  }
  if (!reader.ok()) return damaged;
  if (format >= 3) return TakeSchemaExtension(reader.rest(), std::move(schema));
  if (!reader.rest().empty()) return damaged;
  return schema;
}

}  // namespace kyrodb::engine
