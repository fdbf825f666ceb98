#include "engine/core/zorder_check.h"

#include <memory>
#include <optional>
#include <string>

#include "engine/base/status.h"
#include "engine/core/zorder_key.h"
#include "engine/iterator.h"

namespace kyrodb::engine {

absl::Status CheckZOrderEntries(
    const TableSchema& table, const IndexSchema& index, const KeySpace& rows,
    const KeySpace& entries, Lsn visible, WallMicros now,
    absl::FunctionRef<void(absl::string_view row_key, absl::string_view what)> tell,
    ZOrderFindings* findings) {
  *findings = ZOrderFindings{};
  const ZOrderKeys keys(table, index);
  std::string value, built_until;
  std::optional<WallMicros> expiry;
  KYRO_ASSIGN_OR_RETURN(const Lsn mark, entries.Get(ZOrderBuildKey(), visible, &built_until));
  findings->is_being_built = mark > 0;

  const std::unique_ptr<Iterator> row = rows.NewIterator(KeyRange{}, visible);
  for (; row->Valid(); row->Next()) {
    if (findings->is_being_built && row->key() >= built_until) break;
    const absl::StatusOr<std::optional<uint64_t>> code = keys.CodeOf(row->value());
    if (!code.ok()) {
      tell(row->key(), code.status().message());
      continue;
    }
    if (!code->has_value()) continue;
    KYRO_ASSIGN_OR_RETURN(const Lsn found,
                          entries.Get(ZOrderEntry(**code, row->key()), visible, &value));
    if (found > 0) continue;
    KYRO_RETURN_IF_ERROR(rows.Get(row->key(), visible, &value, kBeforeExpiry, &expiry).status());
    if (expiry.has_value() && *expiry <= now) {
      ++findings->expired_count;
    } else {
      tell(row->key(), "is not in the index");
    }
  }
  KYRO_RETURN_IF_ERROR(row->status());

  const std::unique_ptr<Iterator> entry = entries.NewIterator(KeyRange{}, visible);
  for (; entry->Valid(); entry->Next()) {
    if (entry->key() == ZOrderBuildKey()) continue;
    if (entry->key().size() < kZCodeBytes) {
      tell(entry->key(), "is a key of the index that is no entry");
      continue;
    }
    const absl::string_view row_key = entry->key().substr(kZCodeBytes);
    KYRO_ASSIGN_OR_RETURN(const Lsn found, rows.Get(row_key, visible, &value));
    if (found == 0) {
      KYRO_RETURN_IF_ERROR(
          entries.Get(entry->key(), visible, &value, kBeforeExpiry, &expiry).status());
      if (expiry.has_value() && *expiry <= now) {
        ++findings->expired_count;
      } else {
        tell(row_key, "is in the index and not in the table");
      }
      continue;
    }
    const absl::StatusOr<std::optional<uint64_t>> code = keys.CodeOf(value);
    // A row that cannot be read was told above.
    if (code.ok() && *code != ZCodeOf(entry->key())) {
      tell(row_key, "is in the index where it is not, or not any more");
    }
  }
  return entry->status();
}

}  // namespace kyrodb::engine
