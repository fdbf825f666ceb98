#include "sql/catalog/objects.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql/catalog/catalog_table.h"
#include "sql/format.h"
#include "sql/parse/parser.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

constexpr uint32_t kFirstVirtualOid = 12000;
constexpr uint32_t kFirstKeyIndexOid = 0x40000000;
constexpr uint32_t kFirstConstraintOid = 0x50000000;
constexpr uint32_t kFirstDefaultOid = 0x60000000;
constexpr uint32_t kPlacesPerTable = 64;

// Numbers that clients know by heart.
uint32_t KnownOid(absl::string_view name) {
  struct Known {
    absl::string_view name;
    uint32_t oid;
  };
  static constexpr Known kKnown[] = {
      {"pg_type", 1247},    {"pg_attribute", 1249},  {"pg_proc", 1255},
      {"pg_class", 1259},   {"pg_attrdef", 2604},    {"pg_constraint", 2606},
      {"pg_index", 2610},   {"pg_namespace", 2615},  {"pg_database", 1262},
      {"pg_am", 2601},      {"pg_opclass", 2616},    {"pg_operator", 2617},
      {"pg_authid", 1260},  {"pg_extension", 3079},  {"pg_trigger", 2620},
      {"pg_rewrite", 2618}, {"pg_description", 2609}};
  for (const Known& known : kKnown) {
    if (known.name == name) return known.oid;
  }
  return 0;
}

std::vector<Relation> VirtualRelations() {
  std::vector<Relation> relations;
  uint32_t next = kFirstVirtualOid;
  for (const auto& table : SystemCatalog().tables()) {
    Relation relation;
    relation.name = std::string(table->name());
    relation.schema = std::string(table->schema());
    relation.kind = relation.schema == "information_schema" ? 'v' : 'r';
    const uint32_t known = KnownOid(relation.name);
    relation.oid = known != 0 ? known : next++;
    relation.virtual_table = table;
    relations.push_back(std::move(relation));
  }
  return relations;
}

std::string KeyName(const engine::TableSchema& table) { return absl::StrCat(table.name, "_pkey"); }

void AddIndexes(const std::shared_ptr<const engine::TableSchema>& table,
                std::vector<Relation>* relations) {
  const auto add = [&](uint32_t oid, std::string name, const engine::IndexSchema* index) {
    Relation relation;
    relation.oid = oid;
    relation.name = std::move(name);
    relation.schema = "public";
    relation.kind = 'i';
    relation.table = table;
    relation.index = index;
    relation.is_key_index = index == nullptr;
    relations->push_back(std::move(relation));
  };
  if (!table->primary_key.empty()) {
    add(OidOfKeyIndex(table->id), KeyName(*table), nullptr);
  }
  for (const engine::IndexSchema& index : table->indexes) {
    add(OidOfObject(index.id), index.name, &index);
  }
}

std::string QualifiedTable(const engine::TableSchema& table) {
  return absl::StrCat(QuoteIdentifier("public"), ".", QuoteIdentifier(table.name));
}

std::string NameList(const engine::TableSchema& table, const std::vector<uint32_t>& columns) {
  std::vector<std::string> names;
  for (const uint32_t column : columns)
    names.push_back(QuoteIdentifier(table.columns[column].name));
  return absl::StrJoin(names, ", ");
}

// "vector_cosine_ops" where it is not the default of the method.
std::string OperatorClass(const engine::TableSchema& table, const engine::IndexSchema& index) {
  const absl::string_view suffix = index.metric == engine::Metric::kCosine         ? "cosine_ops"
                                   : index.metric == engine::Metric::kInnerProduct ? "ip_ops"
                                   : index.metric == engine::Metric::kL2           ? "l2_ops"
                                                                                   : "l1_ops";
  return absl::StrCat(engine::TypeName(engine::Type{table.columns[index.column].type.id, 0}), "_",
                      suffix);
}

std::vector<std::string> IndexColumns(const Relation& index) {
  const engine::TableSchema& table = *index.table;
  std::vector<std::string> columns;
  if (index.is_key_index) {
    for (const uint32_t column : table.primary_key) {
      columns.push_back(QuoteIdentifier(table.columns[column].name));
    }
  } else if (index.index->is_zorder()) {
    for (const uint32_t column : index.index->columns) {
      columns.push_back(QuoteIdentifier(table.columns[column].name));
    }
  } else if (index.index->is_btree()) {
    for (const engine::IndexPart& part : index.index->parts) {
      columns.push_back(part.is_expression() ? absl::StrCat("(", part.expression_sql, ")")
                                             : QuoteIdentifier(table.columns[part.column].name));
    }
  } else {
    columns.push_back(QuoteIdentifier(table.columns[index.index->column].name));
  }
  return columns;
}

}  // namespace

uint32_t OidOfKeyIndex(engine::ObjectId table) { return kFirstKeyIndexOid + table; }
uint32_t OidOfConstraint(engine::ObjectId table, size_t place) {
  return kFirstConstraintOid + table * kPlacesPerTable + static_cast<uint32_t>(place);
}
uint32_t OidOfDefault(engine::ObjectId table, size_t column) {
  return kFirstDefaultOid + table * 2048 + static_cast<uint32_t>(column);
}

uint32_t OidOfSchema(absl::string_view name) {
  if (name == "pg_catalog") return kPgCatalogOid;
  if (name == "information_schema") return kInformationSchemaOid;
  if (name == "public") return kPublicOid;
  return 0;
}

uint32_t OidOfMethod(absl::string_view method) {
  if (method == "btree") return kBtreeOid;
  if (method == "hnsw") return kHnswOid;
  if (method == "ivfflat") return kIvfflatOid;
  if (method == "zorder") return kZOrderOid;
  return 0;
}

std::vector<Relation> AllRelations(const engine::Catalog& catalog) {
  std::vector<Relation> relations;
  for (const auto& table : catalog.tables()) {
    Relation relation;
    relation.oid = OidOfObject(table->id);
    relation.name = table->name;
    relation.schema = "public";
    relation.table = table;
    relations.push_back(std::move(relation));
    AddIndexes(table, &relations);
  }
  static const std::vector<Relation>* const kVirtual =
      new std::vector<Relation>(VirtualRelations());
  relations.insert(relations.end(), kVirtual->begin(), kVirtual->end());
  return relations;
}

std::optional<Relation> FindRelation(const engine::Catalog& catalog, uint32_t oid) {
  for (Relation& relation : AllRelations(catalog)) {
    if (relation.oid == oid) return std::move(relation);
  }
  return std::nullopt;
}

std::optional<Relation> FindRelationByName(const engine::Catalog& catalog, absl::string_view name) {
  // As an expression: names fold and quotes go.
  const absl::StatusOr<ExpressionPtr> parsed = ParseExpression(name);
  if (!parsed.ok()) return std::nullopt;
  const auto* column = (*parsed)->If<ColumnExpression>();
  if (column == nullptr) return std::nullopt;
  const std::vector<Identifier>& parts = column->name.parts;
  const std::string& last = parts.back().name;
  std::optional<Relation> best;
  for (Relation& relation : AllRelations(catalog)) {
    if (relation.name != last) continue;
    if (parts.size() > 1) {
      if (relation.schema == parts[parts.size() - 2].name) return std::move(relation);
      continue;
    }
    if (relation.schema == "pg_catalog") return std::move(relation);
    if (relation.schema == "public") best = std::move(relation);
  }
  return best;
}

std::vector<RelationColumn> ColumnsOf(const Relation& relation) {
  std::vector<RelationColumn> columns;
  if (relation.virtual_table != nullptr) {
    for (const VirtualColumn& column : relation.virtual_table->columns()) {
      columns.push_back({.name = column.name, .type = column.type});
    }
    return columns;
  }
  const engine::TableSchema& table = *relation.table;
  if (relation.is_index()) {
    const auto add = [&](uint32_t ordinal) {
      columns.push_back({.name = table.columns[ordinal].name, .type = table.columns[ordinal].type});
    };
    if (relation.is_key_index) {
      for (const uint32_t ordinal : table.primary_key) add(ordinal);
    } else if (relation.index->is_zorder()) {
      for (const uint32_t ordinal : relation.index->columns) add(ordinal);
    } else {
      add(relation.index->column);
    }
    return columns;
  }
  for (const engine::ColumnSchema& column : table.columns) {
    columns.push_back({.name = column.name,
                       .type = column.type,
                       .not_null = column.not_null,
                       .default_sql = column.default_sql,
                       .generated_sql = column.generated_sql});
  }
  for (const uint32_t ordinal : table.primary_key) columns[ordinal].not_null = true;
  return columns;
}

bool IsVisible(const Relation& relation) {
  if (relation.schema == "pg_catalog") return true;
  if (relation.schema != "public") return false;
  return !absl::StartsWith(relation.name, "pg_") ||
         SystemCatalog().Find(absl::StrCat("pg_catalog.", relation.name)) == nullptr;
}

std::string DisplayName(const Relation& relation) {
  const std::string name = QuoteIdentifier(relation.name);
  return IsVisible(relation) ? name : absl::StrCat(QuoteIdentifier(relation.schema), ".", name);
}

std::vector<ConstraintInfo> ConstraintsOf(std::shared_ptr<const engine::TableSchema> table) {
  std::vector<ConstraintInfo> constraints;
  const auto add = [&](std::string name, char kind) -> ConstraintInfo& {
    ConstraintInfo& info = constraints.emplace_back();
    info.oid = OidOfConstraint(table->id, constraints.size() - 1);
    info.name = std::move(name);
    info.kind = kind;
    info.table = table;
    return info;
  };
  if (!table->primary_key.empty()) {
    ConstraintInfo& info = add(KeyName(*table), 'p');
    info.columns = table->primary_key;
    info.index_oid = OidOfKeyIndex(table->id);
  }
  return constraints;
}

std::string IndexDefinition(const Relation& index, int column) {
  const std::vector<std::string> columns = IndexColumns(index);
  if (column > 0) {
    return static_cast<size_t>(column) <= columns.size() ? columns[static_cast<size_t>(column) - 1]
                                                         : "";
  }
  const bool btree = index.is_key_index;
  const bool unique = index.is_key_index || index.index->unique;
  std::vector<std::string> parts;
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string part = columns[i];
    if (!index.is_key_index && !index.index->has_entries()) {
      absl::StrAppend(&part, " ", OperatorClass(*index.table, *index.index));
    }
    if (!index.is_key_index && index.index->is_btree()) {
      const engine::IndexPart& order = index.index->parts[i];
      if (order.descending) part += " DESC";
      if (order.nulls_first != order.descending) {
        part += order.nulls_first ? " NULLS FIRST" : " NULLS LAST";
      }
    }
    parts.push_back(std::move(part));
  }
  std::string text =
      absl::StrCat("CREATE ", unique ? "UNIQUE " : "", "INDEX ", QuoteIdentifier(index.name),
                   " ON ", QualifiedTable(*index.table), " USING ",
                   btree ? absl::string_view("btree") : absl::string_view(index.index->method),
                   " (", absl::StrJoin(parts, ", "), ")");
  if (index.is_key_index) return text;
  if (index.index->nulls_not_distinct) text += " NULLS NOT DISTINCT";
  if (!index.index->where_sql.empty()) {
    absl::StrAppend(&text, " WHERE (", index.index->where_sql, ")");
  }
  if (index.index->method == "hnsw" &&
      (index.index->m != 16 || index.index->ef_construction != 64)) {
    absl::StrAppend(&text, " WITH (m='", index.index->m, "', ef_construction='",
                    index.index->ef_construction, "')");
  }
  return text;
}

std::string ConstraintDefinition(const ConstraintInfo& constraint) {
  return absl::StrCat("PRIMARY KEY (", NameList(*constraint.table, constraint.columns), ")");
}

std::string FormatType(uint32_t oid, int32_t modifier) {
  if (oid == 0) return "-";
  const std::optional<engine::Type> type = TypeFromOid(oid, modifier);
  if (!type.has_value()) return "???";
  return engine::TypeName(*type);
}

}  // namespace kyrodb::sql
