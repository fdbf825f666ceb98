// The settings of a session: PostgreSQL's names where a setting has its meaning here, `kyro.<knob>`
// for the knobs of the database. A setting that cannot be honoured is refused, never ignored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/knobs.h"
#include "sql/parse/ast.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {

// Order:  SET LOCAL lasts to the end of the transaction; SET is taken back when its transaction
//         is rolled back. Knobs are the database's: they change at once and for everybody.
class Settings {
 public:
  Settings(KnobRegistry* knobs, int64_t work_mem_kilobytes, int64_t statement_timeout_ms);

  absl::Status Set(const SetStatement& statement);
  // Sets what RESET goes back to.
  absl::Status SetDefault(absl::string_view name, absl::string_view value);
  // 42704 for an unknown name.
  absl::StatusOr<std::string> Show(absl::string_view name, Position position) const;
  struct Entry {
    std::string name;
    std::string value;
    std::string description;
  };
  std::vector<Entry> List() const;

  void BeginTransaction();
  void EndTransaction(bool committed);

  // As numbers, for those who act on them.
  int64_t Number(absl::string_view name) const;
  bool Switch(absl::string_view name) const;
  // Grows whenever a value may have changed.
  uint64_t version() const { return version_; }
  // How values are read and written under these settings.
  TextStyle MakeTextStyle() const;

 private:
  std::string ValueOf(absl::string_view name) const;

  KnobRegistry* const knobs_;
  uint64_t version_ = 1;
  absl::btree_map<std::string, std::string> defaults_;
  absl::btree_map<std::string, std::string> values_;
  absl::btree_map<std::string, std::string> local_;
  absl::btree_map<std::string, std::string> values_at_begin_;
};

}  // namespace kyrodb::sql
