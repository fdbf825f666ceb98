#include "sql/catalog/catalog_table.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/array.h"
#include "engine/base/status.h"

namespace kyrodb::sql {
namespace {

Type TypeOfWord(absl::string_view word) {
  const bool is_array = absl::ConsumeSuffix(&word, "[]");
  static const absl::flat_hash_map<absl::string_view, TypeId>* const kTypes =
      new absl::flat_hash_map<absl::string_view, TypeId>{
          {"bool", TypeId::kBoolean},    {"int2", TypeId::kSmallint},
          {"int4", TypeId::kInteger},    {"int8", TypeId::kBigint},
          {"float4", TypeId::kReal},     {"float8", TypeId::kDouble},
          {"text", TypeId::kText},       {"name", TypeId::kName},
          {"oid", TypeId::kOid},         {"char", TypeId::kInternalChar},
          {"regproc", TypeId::kRegproc}, {"timestamptz", TypeId::kTimestamptz}};
  const auto found = kTypes->find(word);
  KYRO_CHECK(found != kTypes->end());
  return Type{is_array ? engine::ArrayOf(found->second) : found->second, 0};
}

Value DefaultOf(const Type& type) {
  switch (type.id) {
    case TypeId::kBoolean:
      return Value(false);
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kOid:
    case TypeId::kRegproc:
      return Value(int64_t{0});
    case TypeId::kReal:
    case TypeId::kDouble:
      return Value(0.0);
    case TypeId::kName:
    case TypeId::kInternalChar:
      return Value(std::string());
    default:
      return Value(Null{});
  }
}

class CatalogTable : public VirtualTable {
 public:
  CatalogTable(absl::string_view schema, absl::string_view name, absl::string_view columns,
               CatalogScan scan)
      : schema_(schema), name_(name), scan_(scan) {
    for (const absl::string_view column : absl::StrSplit(columns, ", ")) {
      const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(column, ' ');
      columns_.push_back({std::string(parts.first), TypeOfWord(parts.second)});
    }
  }
  absl::string_view schema() const override { return schema_; }
  absl::string_view name() const override { return name_; }
  const std::vector<VirtualColumn>& columns() const override { return columns_; }
  absl::Status Scan(RowReceiver receive) const override { return Scan(ScanContext(), receive); }
  absl::Status Scan(const ScanContext& context, RowReceiver receive) const override {
    if (scan_ == nullptr || context.catalog == nullptr) return absl::OkStatus();
    return scan_(CatalogRows(*this, context, receive));
  }

 private:
  const std::string schema_;
  const std::string name_;
  const CatalogScan scan_;
  std::vector<VirtualColumn> columns_;
};

}  // namespace

CatalogRow::CatalogRow(const VirtualTable& table) : table_(table) {
  // The standard's views leave open what does not apply.
  const bool standard = table.schema() == "information_schema";
  for (const VirtualColumn& column : table.columns()) {
    row_.push_back(standard ? Value(Null{}) : DefaultOf(column.type));
  }
}

CatalogRow& CatalogRow::Set(absl::string_view column, Value value) {
  const std::vector<VirtualColumn>& columns = table_.columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name != column) continue;
    row_[i] = std::move(value);
    return *this;
  }
  KYRO_CHECK(false);
  return *this;
}

std::shared_ptr<const VirtualTable> MakeCatalogTable(absl::string_view schema,
                                                     absl::string_view name,
                                                     absl::string_view columns, CatalogScan scan) {
  return std::make_shared<CatalogTable>(schema, name, columns, scan);
}

Value TextArray(const std::vector<std::string>& texts) {
  std::vector<Value> elements(texts.begin(), texts.end());
  return Value(engine::EncodeArray(engine::MakeArray(std::move(elements))));
}

Value OidArray(const std::vector<uint32_t>& oids) {
  std::vector<Value> elements;
  for (const uint32_t oid : oids) elements.emplace_back(static_cast<int64_t>(oid));
  return Value(engine::EncodeArray(engine::MakeArray(std::move(elements))));
}

void AddTable(VirtualTableRegistry* registry, std::shared_ptr<const VirtualTable> table) {
  const absl::Status added = registry->Add(std::move(table));
  KYRO_CHECK(added.ok());
}

const VirtualTableRegistry& SystemCatalog() {
  static const VirtualTableRegistry* const kCatalog = [] {
    auto* registry = new VirtualTableRegistry();
    AddRelationTables(registry);
    AddConstraintTables(registry);
    AddTypeTables(registry);
    AddDatabaseTables(registry);
    AddEmptyTables(registry);
    AddInformationSchema(registry);
    return registry;
  }();
  return *kCatalog;
}

}  // namespace kyrodb::sql
