#include "sql/execute/index_scan.h"

#include <algorithm>
#include <utility>

#include "engine/base/status.h"
#include "engine/index_key.h"
#include "engine/key_codec.h"
#include "sql/execute/key_value.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {

absl::Status IndexReader::AppendPart(std::string* key, size_t part, const Value& value) const {
  const engine::IndexPart& definition = plan_.path.index->parts[part];
  return engine::AppendIndexPart(key, definition, engine::IndexPartType(*plan_.table, definition),
                                 value);
}

absl::StatusOr<std::optional<engine::KeyRange>> IndexReader::RangeBelow(const std::string& prefix) {
  const AccessPath& path = plan_.path;
  engine::KeyRange range = engine::KeyRange::Prefix(prefix);
  if (path.lower == nullptr && path.upper == nullptr) return range;
  const size_t part = path.equal.size();
  const engine::IndexPart& definition = path.index->parts[part];
  const Type type = engine::IndexPartType(*plan_.table, definition);
  // Nulls are within no bounds.
  const engine::KeyRange values = engine::KeyRange::Prefix(prefix + engine::IndexValuePrefix());
  range = values;
  const auto bound = [&](const BoundExpression& e, bool is_lower,
                         bool inclusive) -> absl::StatusOr<bool> {
    KYRO_ASSIGN_OR_RETURN(Value evaluated, EvaluateToValue(e, nullptr, context_.evaluation));
    const KeyValue value = ToKeyValue(type, e.type, std::move(evaluated));
    switch (value.kind) {
      case KeyValue::Kind::kNone:
        return false;
      case KeyValue::Kind::kBelow:
        return is_lower;
      case KeyValue::Kind::kAbove:
        return !is_lower;
      case KeyValue::Kind::kValue:
        break;
    }
    std::string key = prefix;
    KYRO_RETURN_IF_ERROR(AppendPart(&key, part, value.value));
    // All entries of the value begin with `key`, and lie before or after it as a whole.
    if (is_lower != definition.descending) {
      range.begin = std::max(range.begin, inclusive ? key : engine::PrefixSuccessor(key));
    } else {
      const std::string end = inclusive ? engine::PrefixSuccessor(key) : key;
      range.end = std::min(range.end, end);
    }
    return true;
  };
  if (path.lower != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const bool any, bound(*path.lower, true, path.lower_inclusive));
    if (!any) return std::nullopt;
  }
  if (path.upper != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const bool any, bound(*path.upper, false, path.upper_inclusive));
    if (!any) return std::nullopt;
  }
  if (range.begin >= range.end) return std::nullopt;
  return range;
}

absl::Status IndexReader::Open() {
  const AccessPath& path = plan_.path;
  std::vector<std::string> prefixes(1);
  for (size_t part = 0; part < path.equal.size(); ++part) {
    const Type type = engine::IndexPartType(*plan_.table, path.index->parts[part]);
    std::vector<std::string> longer;
    for (const BoundPtr& e : path.equal[part]) {
      Value value;
      if (e != nullptr) {
        KYRO_ASSIGN_OR_RETURN(Value evaluated, EvaluateToValue(*e, nullptr, context_.evaluation));
        KeyValue key_value = ToKeyValue(type, e->type, std::move(evaluated));
        if (key_value.kind != KeyValue::Kind::kValue) continue;
        value = std::move(key_value.value);
      }
      for (const std::string& prefix : prefixes) {
        longer.push_back(prefix);
        KYRO_RETURN_IF_ERROR(AppendPart(&longer.back(), part, value));
      }
    }
    prefixes = std::move(longer);
  }
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  // No stored key is longer than this.
  std::erase_if(prefixes, [](const std::string& key) { return key.size() > engine::kKeyBytesMax; });
  for (const std::string& prefix : prefixes) {
    KYRO_ASSIGN_OR_RETURN(std::optional<engine::KeyRange> range, RangeBelow(prefix));
    if (range.has_value()) ranges_.push_back(*std::move(range));
  }
  if (plan_.reverse) std::reverse(ranges_.begin(), ranges_.end());
  return absl::OkStatus();
}

absl::Status IndexReader::Fetch(size_t goal, std::vector<std::string>* keys,
                                std::vector<std::optional<std::string>>* rows) {
  keys->clear();
  rows->clear();
  const engine::ObjectId index = plan_.path.index->id;
  while (keys->size() < goal) {
    if (iterator_ == nullptr) {
      if (next_range_ == ranges_.size()) break;
      if (next_range_ % kBatchRows == kBatchRows - 1) {
        KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      }
      KYRO_ASSIGN_OR_RETURN(iterator_, context_.transaction->Scan(index, ranges_[next_range_++],
                                                                  {.reverse = plan_.reverse}));
    }
    if (!iterator_->Valid()) {
      KYRO_RETURN_IF_ERROR(iterator_->status());
      iterator_.reset();
      continue;
    }
    KYRO_ASSIGN_OR_RETURN(const absl::string_view key,
                          engine::RowKeyOfEntry(iterator_->key(), iterator_->value()));
    keys->emplace_back(key);
    iterator_->Next();
  }
  if (keys->empty()) return absl::OkStatus();
  const std::vector<absl::string_view> views(keys->begin(), keys->end());
  return context_.transaction->MultiGet(plan_.table->id, views, rows);
}

}  // namespace kyrodb::sql
