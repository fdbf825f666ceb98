// Names of objects for values of regclass, regtype and regnamespace.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {

class CatalogNames : public ObjectNames {
 public:
  // `catalog` gives the definitions of the moment, null when there are none.
  explicit CatalogNames(std::function<std::shared_ptr<const engine::Catalog>()> catalog)
      : catalog_(std::move(catalog)) {}
  std::optional<uint32_t> Find(engine::TypeId kind, absl::string_view name) const override;
  std::optional<std::string> Name(engine::TypeId kind, uint32_t oid) const override;

 private:
  const std::function<std::shared_ptr<const engine::Catalog>()> catalog_;
};

}  // namespace kyrodb::sql
