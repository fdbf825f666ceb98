#include "engine/core/catalog_codec.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace kyrodb::engine {

std::string TableKey(ObjectId table) {
  std::string key = "t";
  for (int shift = 24; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>((table >> shift) & 0xFF));
  }
  return key;
}

std::optional<ObjectId> ParseTableKey(absl::string_view key) {
  if (key.size() != 5 || key[0] != 't') return std::nullopt;
  ObjectId id = 0;
  for (size_t i = 1; i < 5; ++i) id = (id << 8) | static_cast<uint8_t>(key[i]);
  return id;
}

absl::Status AddCatalogRecord(absl::string_view key, absl::string_view value, Catalog* catalog) {
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
