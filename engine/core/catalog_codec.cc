#include "engine/core/catalog_codec.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace kyrodb::engine {

namespace {

std::string MakeKey(char kind, ObjectId id) {
  std::string key(1, kind);
  for (int shift = 24; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>((id >> shift) & 0xFF));
  }
  return key;
}

std::optional<ObjectId> ParseKey(char kind, absl::string_view key) {
  if (key.size() != 5 || key[0] != kind) return std::nullopt;
  ObjectId id = 0;
  for (size_t i = 1; i < 5; ++i) id = (id << 8) | static_cast<uint8_t>(key[i]);
  return id;
}

}  // namespace

std::string TableKey(ObjectId table) { return MakeKey('t', table); }
std::optional<ObjectId> ParseTableKey(absl::string_view key) { return ParseKey('t', key); }
std::string ObjectKey(ObjectId object) { return MakeKey('o', object); }
std::optional<ObjectId> ParseObjectKey(absl::string_view key) { return ParseKey('o', key); }

absl::Status AddCatalogRecord(absl::string_view key, absl::string_view value, Catalog* catalog) {
  if (const std::optional<ObjectId> id = ParseObjectKey(key); id.has_value()) {
    KYRO_ASSIGN_OR_RETURN(ObjectSchema object, DecodeObject(value));
    if (object.id != *id) {
      return absl::DataLossError(absl::StrCat("catalog record of object ", *id,
                                              " holds the definition of object ", object.id));
    }
    *catalog = catalog->WithObject(std::make_shared<const ObjectSchema>(std::move(object)));
    return absl::OkStatus();
  }
  const std::optional<ObjectId> table = ParseTableKey(key);
  if (!table.has_value()) return absl::OkStatus();
  KYRO_ASSIGN_OR_RETURN(TableSchema schema, DecodeSchema(value));
  if (schema.id != *table) {
    return absl::DataLossError(absl::StrCat("catalog record of table ", *table,
                                            " holds the definition of table ", schema.id));
  }
  *catalog = catalog->With(std::make_shared<const TableSchema>(std::move(schema)));
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
