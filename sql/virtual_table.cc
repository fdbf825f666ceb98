#include "sql/virtual_table.h"

#include "absl/strings/str_cat.h"

namespace kyrodb::sql {

absl::Status VirtualTableRegistry::Add(std::shared_ptr<const VirtualTable> table) {
  absl::MutexLock lock(&mutex_);
  const std::string name = table->schema().empty()
                               ? std::string(table->name())
                               : absl::StrCat(table->schema(), ".", table->name());
  if (!tables_.emplace(name, std::move(table)).second) {
    return absl::AlreadyExistsError(absl::StrCat("virtual table \"", name, "\" already exists"));
  }
  return absl::OkStatus();
}

std::shared_ptr<const VirtualTable> VirtualTableRegistry::Find(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const VirtualTable>> VirtualTableRegistry::tables() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<const VirtualTable>> all;
  for (const auto& [name, table] : tables_) all.push_back(table);
  return all;
}

}  // namespace kyrodb::sql
