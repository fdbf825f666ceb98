// Catalog: every definition at one moment, found by number and by name.
#include <utility>

#include "engine/schema.h"

namespace kyrodb::engine {

std::shared_ptr<const TableSchema> Catalog::FindTable(absl::string_view name) const {
  auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : FindTable(it->second);
}

std::shared_ptr<const TableSchema> Catalog::FindTable(absl::string_view schema,
                                                      absl::string_view name) const {
  if (schema == kPublicSchema) return FindTable(name);
  auto it = elsewhere_.find(Name(schema, name));
  return it == elsewhere_.end() ? nullptr : FindTable(it->second);
}

std::shared_ptr<const TableSchema> Catalog::FindTable(ObjectId id) const {
  auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

std::shared_ptr<const TableSchema> Catalog::FindIndexOwner(absl::string_view index_name) const {
  return FindIndexOwner(kPublicSchema, index_name);
}

std::shared_ptr<const TableSchema> Catalog::FindIndexOwner(absl::string_view schema,
                                                           absl::string_view index_name) const {
  auto it = owner_of_index_.find(Name(schema, index_name));
  return it == owner_of_index_.end() ? nullptr : FindTable(it->second);
}

std::vector<std::shared_ptr<const TableSchema>> Catalog::tables() const {
  std::vector<std::shared_ptr<const TableSchema>> tables;
  tables.reserve(by_id_.size());
  for (const auto& [name, id] : by_name_) tables.push_back(by_id_.at(id));
  for (const auto& [name, id] : elsewhere_) tables.push_back(by_id_.at(id));
  return tables;
}

std::shared_ptr<const TableSchema> Catalog::FindSpaceOwner(ObjectId space) const {
  const auto entries = owner_of_entries_.find(space);
  return FindTable(entries == owner_of_entries_.end() ? space : entries->second);
}

std::shared_ptr<const ObjectSchema> Catalog::FindObject(ObjectId id) const {
  auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : it->second;
}

std::shared_ptr<const ObjectSchema> Catalog::FindRelation(absl::string_view schema,
                                                          absl::string_view name) const {
  if (objects_.empty()) return nullptr;
  auto it = objects_by_name_.find(Name(schema, name));
  return it == objects_by_name_.end() ? nullptr : FindObject(it->second);
}

std::vector<std::shared_ptr<const ObjectSchema>> Catalog::objects() const {
  std::vector<std::shared_ptr<const ObjectSchema>> objects;
  objects.reserve(objects_.size());
  for (const auto& [name, id] : objects_by_name_) objects.push_back(objects_.at(id));
  return objects;
}

bool Catalog::HasSchema(absl::string_view name) const {
  return name == kPublicSchema || objects_by_name_.contains(Name("", name));
}

bool Catalog::IsTaken(absl::string_view schema, absl::string_view name) const {
  return FindTable(schema, name) != nullptr || FindRelation(schema, name) != nullptr ||
         owner_of_index_.contains(Name(schema, name));
}

bool Catalog::HasSpace(ObjectId space) const {
  if (by_id_.contains(space) || owner_of_entries_.contains(space)) return true;
  const std::shared_ptr<const ObjectSchema> object = FindObject(space);
  return object != nullptr && object->kind == ObjectKind::kSequence;
}

Catalog Catalog::With(std::shared_ptr<const TableSchema> schema) const {
  Catalog next = Without(schema->id);
  for (const IndexSchema& index : schema->indexes) {
    next.owner_of_index_[Name(schema->schema_name, index.name)] = schema->id;
    if (index.has_entries()) next.owner_of_entries_[index.id] = schema->id;
  }
  for (const ForeignKey& key : schema->foreign_keys) ++next.referenced_[key.referenced_table];
  if (schema->schema_name == kPublicSchema) {
    next.by_name_[schema->name] = schema->id;
  } else {
    next.elsewhere_[Name(schema->schema_name, schema->name)] = schema->id;
  }
  next.by_id_[schema->id] = std::move(schema);
  return next;
}

Catalog Catalog::Without(ObjectId id) const {
  Catalog next = *this;
  auto it = next.by_id_.find(id);
  if (it == next.by_id_.end()) return next;
  const TableSchema& table = *it->second;
  for (const IndexSchema& index : table.indexes) {
    next.owner_of_entries_.erase(index.id);
    next.owner_of_index_.erase(Name(table.schema_name, index.name));
  }
  for (const ForeignKey& key : table.foreign_keys) {
    if (--next.referenced_[key.referenced_table] == 0) next.referenced_.erase(key.referenced_table);
  }
  if (table.schema_name == kPublicSchema) {
    next.by_name_.erase(table.name);
  } else {
    next.elsewhere_.erase(Name(table.schema_name, table.name));
  }
  next.by_id_.erase(it);
  return next;
}

Catalog Catalog::WithObject(std::shared_ptr<const ObjectSchema> object) const {
  Catalog next = WithoutObject(object->id);
  next.objects_by_name_[Name(object->schema_name, object->name)] = object->id;
  next.objects_[object->id] = std::move(object);
  return next;
}

Catalog Catalog::WithoutObject(ObjectId id) const {
  Catalog next = *this;
  auto it = next.objects_.find(id);
  if (it == next.objects_.end()) return next;
  next.objects_by_name_.erase(Name(it->second->schema_name, it->second->name));
  next.objects_.erase(it);
  return next;
}

}  // namespace kyrodb::engine
