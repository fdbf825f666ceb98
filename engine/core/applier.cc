#include "engine/core/applier.h"

#include <optional>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/write_set.h"

namespace kyrodb::engine {

absl::Status Applier::Apply(Lsn lsn, absl::string_view record) {
  if (IsLoadRecord(record)) {
    KYRO_ASSIGN_OR_RETURN(const LoadRecord load, DecodeLoadRecord(record));
    if (loader_ == nullptr) return absl::InternalError("a bulk load is applied by its commit");
    KYRO_RETURN_IF_ERROR(loader_(lsn, load));
    views_->Publish(lsn);
    return absl::OkStatus();
  }
  std::shared_ptr<const Catalog> catalog = views_->catalog();
  std::shared_ptr<const Catalog> changed;
  // Operations come grouped by space, the catalog's first.
  std::optional<ObjectId> current;
  std::shared_ptr<KeySpace> space;
  std::vector<std::shared_ptr<IndexSlot>> slots;
  KYRO_RETURN_IF_ERROR(VisitRecord(record, [&](const RecordOperation& operation) {
    if (current != operation.space) {
      current = operation.space;
      // Rows of a table that is gone (dropped in this very commit, perhaps) go nowhere.
      const bool known = operation.space == kCatalogSpace || catalog->HasSpace(operation.space);
      space = known ? spaces_->GetOrCreate(operation.space) : nullptr;
      slots.clear();
      if (known && indexes_ != nullptr) slots = indexes_->OfTable(operation.space);
    }
    if (space == nullptr) return absl::OkStatus();
    space->Apply(lsn, operation.kind(), operation.key, operation.value);
    for (const auto& slot : slots) {
      slot->Apply(lsn, operation.key, ValueOf(operation.kind(), operation.value));
    }
    if (operation.space != kCatalogSpace) return absl::OkStatus();
    const std::optional<ObjectId> table = ParseTableKey(operation.key);
    const std::optional<ObjectId> object = ParseObjectKey(operation.key);
    if (!table.has_value() && !object.has_value()) return absl::OkStatus();
    Catalog next = *catalog;
    if (object.has_value()) {
      if (operation.is_delete) {
        if (next.HasSpace(*object)) spaces_->MarkDropped(*object, lsn);
        next = next.WithoutObject(*object);
      } else {
        KYRO_RETURN_IF_ERROR(AddCatalogRecord(operation.key, operation.value, &next));
        if (next.HasSpace(*object)) spaces_->GetOrCreate(*object);
      }
      catalog = changed = std::make_shared<const Catalog>(std::move(next));
      return absl::OkStatus();
    }
    const std::shared_ptr<const TableSchema> before = catalog->FindTable(*table);
    if (operation.is_delete) {
      next = next.Without(*table);
      spaces_->MarkDropped(*table, lsn);
      if (indexes_ != nullptr) indexes_->OnTableDropped(*table);
    } else {
      KYRO_RETURN_IF_ERROR(AddCatalogRecord(operation.key, operation.value, &next));
      spaces_->GetOrCreate(*table);
      for (const IndexSchema& index : next.FindTable(*table)->indexes) {
        if (index.has_entries()) spaces_->GetOrCreate(index.id);
      }
      if (indexes_ != nullptr) indexes_->OnTable(next.FindTable(*table));
    }
    if (before != nullptr) {
      for (const IndexSchema& index : before->indexes) {
        if (index.has_entries() && next.FindSpaceOwner(index.id) == nullptr) {
          spaces_->MarkDropped(index.id, lsn);
        }
      }
    }
    catalog = changed = std::make_shared<const Catalog>(std::move(next));
    return absl::OkStatus();
  }));
  views_->Publish(lsn, std::move(changed));
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
