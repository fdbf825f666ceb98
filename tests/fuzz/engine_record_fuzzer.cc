// Goal:   no bytes make the decoders of the engine's own records crash, hang or read out of bounds:
//         the manifest's content, a commit's record, a table's definition, a row, a key, a vector
//         index segment.
// Method: the first byte of the input chooses the decoder. What the manifest's decoder accepts must
//         encode to the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/manifest_state.h"
#include "engine/core/write_set.h"
#include "engine/key_codec.h"
#include "engine/nearest/indexed_column.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

TableSchema Schema() {
  TableSchema schema{.name = "t"};
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "on", .type = {TypeId::kBoolean}});
  schema.columns.push_back({.name = "embedding", .type = {TypeId::kVector, 4}});
  schema.primary_key = {0, 1};
  return schema;
}

void Decode(uint8_t which, absl::string_view bytes) {
  static const TableSchema& schema = *new TableSchema(Schema());
  switch (which % 6) {
    case 0: {
      const absl::StatusOr<ManifestState> state = DecodeManifest(bytes);
      if (!state.ok()) return;
      const std::string again = EncodeManifest(*state);
      const absl::StatusOr<ManifestState> second = DecodeManifest(again);
      KYRO_CHECK(second.ok() && EncodeManifest(*second) == again);
      return;
    }
    case 1:
      VisitRecord(bytes, [](const RecordOperation&) { return absl::OkStatus(); }).IgnoreError();
      return;
    case 2: {
      Catalog catalog;
      AddCatalogRecord(TableKey(1), bytes, &catalog).IgnoreError();
      return;
    }
    case 3:
      DecodeRow(schema, bytes).status().IgnoreError();
      VectorColumnBytes(schema, bytes, 3).status().IgnoreError();
      return;
    case 4:
      DecodeKey(schema, bytes).status().IgnoreError();
      return;
    default: {
      IndexSchema index{.name = "i", .column = 3};
      index.id = 1;
      IndexedColumn::Load(index, 4, bytes).status().IgnoreError();
    }
  }
}

}  // namespace
}  // namespace kyrodb::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  kyrodb::engine::Decode(data[0],
                         absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
