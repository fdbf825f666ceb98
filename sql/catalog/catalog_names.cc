#include "sql/catalog/catalog_names.h"

#include "sql/catalog/functions.h"
#include "sql/catalog/objects.h"
#include "sql/parse/parser.h"
#include "sql/types/type.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {

std::optional<uint32_t> CatalogNames::Find(engine::TypeId kind, absl::string_view name) const {
  const std::shared_ptr<const engine::Catalog> catalog = catalog_();
  if (catalog == nullptr) return std::nullopt;
  switch (kind) {
    case TypeId::kRegclass: {
      const std::optional<Relation> relation = FindRelationByName(*catalog, name);
      if (!relation.has_value()) return std::nullopt;
      return relation->oid;
    }
    case TypeId::kRegtype: {
      const absl::StatusOr<TypeName> parsed = ParseTypeName(name);
      if (!parsed.ok()) return std::nullopt;
      const absl::StatusOr<Type> type = ResolveType(*parsed);
      if (!type.ok()) return std::nullopt;
      return TypeOid(*type);
    }
    case TypeId::kRegnamespace: {
      const uint32_t oid = OidOfSchema(name);
      if (oid == 0) return std::nullopt;
      return oid;
    }
    case TypeId::kRegproc:
      for (const FunctionEntry& entry : AllFunctions()) {
        if (entry.name == name) return entry.oid;
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> CatalogNames::Name(engine::TypeId kind, uint32_t oid) const {
  const std::shared_ptr<const engine::Catalog> catalog = catalog_();
  if (catalog == nullptr) return std::nullopt;
  switch (kind) {
    case TypeId::kRegclass: {
      const std::optional<Relation> relation = FindRelation(*catalog, oid);
      if (!relation.has_value()) return std::nullopt;
      return DisplayName(*relation);
    }
    case TypeId::kRegtype: {
      const std::optional<Type> type = TypeFromOid(oid);
      if (!type.has_value()) return std::nullopt;
      return engine::TypeName(*type);
    }
    case TypeId::kRegnamespace:
      for (const char* name : {"pg_catalog", "public", "information_schema"}) {
        if (OidOfSchema(name) == oid) return name;
      }
      return std::nullopt;
    case TypeId::kRegproc: {
      const FunctionEntry* const entry = FindFunctionEntry(oid);
      if (entry == nullptr) return std::nullopt;
      return entry->name;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace kyrodb::sql
