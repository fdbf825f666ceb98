#include "engine/index_key.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

constexpr char kNullFirst = '\x01';
constexpr char kValue = '\x02';
constexpr char kNullLast = '\x03';

}  // namespace

Type IndexPartType(const TableSchema& table, const IndexPart& part) {
  return part.is_expression() ? part.expression_type : table.columns[part.column].type;
}

bool IsIndexType(TypeId type) { return IsKeyType(type); }

absl::Status AppendIndexPart(std::string* key, const IndexPart& part, const Type& type,
                             const Value& value) {
  if (IsNull(value)) {
    key->push_back(part.nulls_first ? kNullFirst : kNullLast);
    return absl::OkStatus();
  }
  key->push_back(kValue);
  const size_t begin = key->size();
  KYRO_RETURN_IF_ERROR(AppendKeyComponent(key, type, value, /*last=*/false));
  if (part.descending) {
    for (size_t i = begin; i < key->size(); ++i) (*key)[i] = static_cast<char>(~(*key)[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> RowKeyOfEntry(absl::string_view key, absl::string_view value) {
  ByteReader reader(value);
  const uint64_t begin = reader.Varint64();
  if (!reader.ok() || begin > key.size()) {
    return absl::DataLossError("entry of an index is damaged");
  }
  return begin == 0 ? reader.rest() : key.substr(begin);
}

std::string IndexValuePrefix() { return std::string(1, kValue); }

std::string IndexBuildKey() { return std::string(1, '\0'); }

absl::StatusOr<std::shared_ptr<const IndexKeys>> IndexKeys::Make(
    std::shared_ptr<const TableSchema> table, const IndexSchema& index,
    const RowExpressionCompiler* compiler) {
  auto keys = std::shared_ptr<IndexKeys>(new IndexKeys(std::move(table), index));
  const auto compile =
      [&](const std::string& sql) -> absl::StatusOr<std::shared_ptr<const RowExpression>> {
    if (compiler == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("index \"", index.name, "\" needs SQL, which this program has not opened"));
    }
    keys->needs_row_ = true;
    return compiler->Compile(*keys->table_, sql);
  };
  for (const IndexPart& part : index.parts) {
    keys->expressions_.push_back(nullptr);
    if (!part.is_expression()) continue;
    KYRO_ASSIGN_OR_RETURN(keys->expressions_.back(), compile(part.expression_sql));
  }
  if (!index.where_sql.empty()) {
    KYRO_ASSIGN_OR_RETURN(keys->where_, compile(index.where_sql));
  }
  return keys;
}

absl::StatusOr<std::optional<Row>> IndexKeys::PartsOf(std::span<const Value> row) const {
  if (where_ != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const Value holds, where_->Evaluate(row));
    if (IsNull(holds) || !std::get<bool>(holds)) return std::nullopt;
  }
  Row parts(index_.parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (expressions_[i] == nullptr) {
      parts[i] = row[index_.parts[i].column];
    } else {
      KYRO_ASSIGN_OR_RETURN(parts[i], expressions_[i]->Evaluate(row));
    }
  }
  return parts;
}

absl::StatusOr<IndexEntry> IndexKeys::MakeEntry(const Row& parts, absl::string_view row_key) const {
  IndexEntry entry;
  entry.unique = index_.unique;
  for (size_t i = 0; i < parts.size(); ++i) {
    const IndexPart& part = index_.parts[i];
    if (IsNull(parts[i]) && !index_.nulls_not_distinct) entry.unique = false;
    KYRO_RETURN_IF_ERROR(AppendIndexPart(&entry.key, part, IndexPartType(*table_, part), parts[i]));
  }
  if (entry.unique) {
    PutVarint64(&entry.value, 0);
    entry.value.append(row_key.data(), row_key.size());
  } else {
    PutVarint64(&entry.value, entry.key.size());
    entry.key.append(row_key.data(), row_key.size());
  }
  if (entry.key.size() > kKeyBytesMax) {
    return absl::ResourceExhaustedError(absl::StrCat("entry of index \"", index_.name, "\" has ",
                                                     entry.key.size(), " bytes, the limit is ",
                                                     kKeyBytesMax));
  }
  return entry;
}

absl::StatusOr<std::optional<IndexEntry>> IndexKeys::EntryOf(std::span<const Value> row,
                                                             absl::string_view row_key) const {
  KYRO_ASSIGN_OR_RETURN(const std::optional<Row> parts, PartsOf(row));
  if (!parts.has_value()) return std::nullopt;
  return MakeEntry(*parts, row_key);
}

absl::StatusOr<std::optional<IndexEntry>> IndexKeys::EntryOf(absl::string_view row,
                                                             absl::string_view row_key) const {
  if (needs_row_) {
    KYRO_ASSIGN_OR_RETURN(const Row values, DecodeRow(*table_, row));
    return EntryOf(values, row_key);
  }
  Row parts(index_.parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    KYRO_ASSIGN_OR_RETURN(parts[i], DecodeColumn(*table_, row, index_.parts[i].column));
  }
  return MakeEntry(parts, row_key);
}

}  // namespace kyrodb::engine
