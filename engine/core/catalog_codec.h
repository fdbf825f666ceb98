// The catalog's own key space: which keys stand for what.
//   "t" + big-endian u32 table id  →  EncodeSchema of the table
//   "o" + big-endian u32 id        →  EncodeObject of the view, sequence or schema
//   "s"                            →  varint, the next object id; written by every definition
//                                     change, so that two of them always conflict
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

inline constexpr absl::string_view kNextObjectIdKey = "s";

std::string TableKey(ObjectId table);
// nullopt when `key` is not a table's.
std::optional<ObjectId> ParseTableKey(absl::string_view key);
std::string ObjectKey(ObjectId object);
std::optional<ObjectId> ParseObjectKey(absl::string_view key);

// Adds one catalog record to `catalog`. `DataLoss` when it is damaged.
absl::Status AddCatalogRecord(absl::string_view key, absl::string_view value, Catalog* catalog);

}  // namespace kyrodb::engine
