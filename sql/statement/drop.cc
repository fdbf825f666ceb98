// DROP: what is named, and what depends on it.
#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"
#include "sql/statement/definition.h"
#include "sql/statement/dependencies.h"

namespace kyrodb::sql {

std::set<engine::ObjectId> RelationsOfView(const engine::ObjectSchema& view,
                                           const DefinitionContext& context) {
  std::set<engine::ObjectId> relations;
  const absl::StatusOr<ParsedStatement> parsed = ParseStatement(view.sql);
  if (!parsed.ok()) return relations;
  BindContext bind = *context.bind;
  bind.catalog = context.transaction->catalog();
  bind.referenced = &relations;
  Binder binder(bind);
  // What does not bind depends on what it names all the same.
  (void)binder.BindQuery(parsed->statement->As<Query>()).status();
  return relations;
}

std::vector<std::shared_ptr<const engine::ObjectSchema>> ViewsOn(engine::ObjectId relation,
                                                                 const DefinitionContext& context) {
  std::vector<std::shared_ptr<const engine::ObjectSchema>> views;
  for (const auto& object : context.transaction->catalog()->objects()) {
    if (object->kind != engine::ObjectKind::kView || object->id == relation) continue;
    if (RelationsOfView(*object, context).contains(relation)) views.push_back(object);
  }
  return views;
}

namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// One DROP statement at work.
class Dropper {
 public:
  Dropper(const DropStatement& statement, const DefinitionContext& context)
      : statement_(statement), context_(context) {}

  absl::Status DropOne(const QualifiedName& name);
  // Tells what went with the named ones.
  void Report() const;

 private:
  std::shared_ptr<const engine::Catalog> catalog() const { return context_.transaction->catalog(); }
  bool cascades() const { return statement_.behavior == DropBehavior::kCascade; }
  bool IsNamed(absl::string_view schema, absl::string_view relation) const {
    return std::any_of(
        statement_.names.begin(), statement_.names.end(), [&](const QualifiedName& name) {
          return name.last() == relation && (name.parts.size() < 2 || name.parts[0].name == schema);
        });
  }
  absl::Status Blocked(const std::string& what, const std::vector<std::string>& dependents) const;

  absl::Status DropTable(const engine::TableSchema& table);
  absl::Status DropView(const engine::ObjectSchema& view);
  absl::Status DropViews(const std::string& what,
                         const std::vector<std::shared_ptr<const engine::ObjectSchema>>& views,
                         std::vector<std::string> others);
  absl::Status DropIndex(const QualifiedName& name, const engine::TableSchema& table);
  absl::Status DropSequence(const engine::ObjectSchema& sequence);
  absl::Status DropSchema(const QualifiedName& name);

  const DropStatement& statement_;
  const DefinitionContext& context_;
  std::vector<std::string> cascaded_;
};

absl::Status Dropper::Blocked(const std::string& what,
                              const std::vector<std::string>& dependents) const {
  return WithHint(
      WithDetail(Error(sqlstate::kDependentObjectsStillExist, 0,
                       absl::StrCat("cannot drop ", what, " because other objects depend on it")),
                 absl::StrJoin(dependents, "\n")),
      "Use DROP ... CASCADE to drop the dependent objects too.");
}

absl::Status Dropper::DropViews(
    const std::string& what, const std::vector<std::shared_ptr<const engine::ObjectSchema>>& views,
    std::vector<std::string> others) {
  std::vector<std::string> dependents = std::move(others);
  for (const auto& view : views) {
    if (IsNamed(view->schema_name, view->name)) continue;
    dependents.push_back(absl::StrCat("view ", QuoteIdentifier(view->name), " depends on ", what));
  }
  if (!dependents.empty() && !cascades()) return Blocked(what, dependents);
  for (const auto& view : views) {
    // It may have gone with another.
    if (catalog()->FindObject(view->id) == nullptr) continue;
    if (IsNamed(view->schema_name, view->name) && !cascades()) continue;
    cascaded_.push_back(absl::StrCat("view ", QuoteIdentifier(view->name)));
    KYRO_RETURN_IF_ERROR(DropView(*view));
  }
  return absl::OkStatus();
}

absl::Status Dropper::DropTable(const engine::TableSchema& table) {
  const std::string what = absl::StrCat("table ", QuoteIdentifier(table.name));
  std::vector<std::string> keys;
  std::vector<engine::TableSchema> altered;
  for (const auto& other : catalog()->tables()) {
    if (other->id == table.id || !catalog()->IsReferenced(table.id)) continue;
    engine::TableSchema next = *other;
    std::erase_if(next.foreign_keys, [&](const engine::ForeignKey& key) {
      if (key.referenced_table != table.id) return false;
      if (!IsNamed(other->schema_name, other->name)) {
        const std::string text = absl::StrCat("constraint ", QuoteIdentifier(key.name),
                                              " on table ", QuoteIdentifier(other->name));
        keys.push_back(absl::StrCat(text, " depends on ", what));
        if (cascades()) cascaded_.push_back(text);
      }
      return true;
    });
    if (next.foreign_keys.size() != other->foreign_keys.size()) altered.push_back(std::move(next));
  }
  KYRO_RETURN_IF_ERROR(DropViews(what, ViewsOn(table.id, context_), keys));
  for (engine::TableSchema& next : altered) {
    KYRO_RETURN_IF_ERROR(context_.transaction->AlterTable(std::move(next)));
  }
  for (const auto& object : catalog()->objects()) {
    if (object->kind == engine::ObjectKind::kSequence && object->owner_table == table.id) {
      KYRO_RETURN_IF_ERROR(context_.transaction->DropObject(object->id));
    }
  }
  return context_.transaction->DropTable(table.id);
}

absl::Status Dropper::DropView(const engine::ObjectSchema& view) {
  const std::string what = absl::StrCat("view ", QuoteIdentifier(view.name));
  KYRO_RETURN_IF_ERROR(DropViews(what, ViewsOn(view.id, context_), {}));
  return context_.transaction->DropObject(view.id);
}

absl::Status Dropper::DropIndex(const QualifiedName& name, const engine::TableSchema& table) {
  const engine::IndexSchema* const index = table.FindIndex(name.last());
  if (index->is_constraint) {
    return WithHint(Error(sqlstate::kDependentObjectsStillExist, 0,
                          absl::StrCat("cannot drop index ", index->name, " because constraint ",
                                       index->name, " on table ", table.name, " requires it")),
                    absl::StrCat("You can drop constraint ", index->name, " on table ", table.name,
                                 " instead."));
  }
  return context_.transaction->DropIndex(table.id, index->id);
}

absl::Status Dropper::DropSequence(const engine::ObjectSchema& sequence) {
  const std::string what = absl::StrCat("sequence ", QuoteIdentifier(sequence.name));
  const std::shared_ptr<const engine::TableSchema> owner =
      sequence.owner_table == 0 ? nullptr : catalog()->FindTable(sequence.owner_table);
  if (owner != nullptr) {
    const std::optional<uint32_t> column = owner->FindColumn(sequence.owner_column);
    if (column.has_value() && owner->columns[*column].identity != engine::Identity::kNone) {
      return WithHint(
          Error(sqlstate::kDependentObjectsStillExist, 0,
                absl::StrCat("cannot drop ", what, " because column ", sequence.owner_column,
                             " of table ", owner->name, " requires it")),
          absl::StrCat("You can drop column ", sequence.owner_column, " of table ", owner->name,
                       " instead."));
    }
    if (column.has_value() && !owner->columns[*column].default_sql.empty()) {
      const std::string dependent = absl::StrCat("default value for column ", sequence.owner_column,
                                                 " of table ", owner->name);
      if (!cascades()) return Blocked(what, {absl::StrCat(dependent, " depends on ", what)});
      cascaded_.push_back(dependent);
      engine::TableSchema next = *owner;
      next.columns[*column].default_sql.clear();
      KYRO_RETURN_IF_ERROR(context_.transaction->AlterTable(std::move(next)));
    }
  }
  return context_.transaction->DropObject(sequence.id);
}

absl::Status Dropper::DropSchema(const QualifiedName& name) {
  const std::string& schema = name.last();
  const std::string what = absl::StrCat("schema ", QuoteIdentifier(schema));
  std::vector<std::string> dependents;
  std::vector<std::shared_ptr<const engine::TableSchema>> tables = catalog()->tables();
  std::sort(tables.begin(), tables.end(),
            [](const auto& a, const auto& b) { return a->id < b->id; });
  for (const auto& table : tables) {
    if (table->schema_name != schema) continue;
    dependents.push_back(absl::StrCat("table ", schema, ".", table->name, " depends on ", what));
  }
  engine::ObjectId id = 0;
  for (const auto& object : catalog()->objects()) {
    if (object->kind == engine::ObjectKind::kSchema && object->name == schema) id = object->id;
    if (object->schema_name != schema || object->owner_table != 0) continue;
    dependents.push_back(
        absl::StrCat(object->kind == engine::ObjectKind::kView ? "view " : "sequence ", schema, ".",
                     object->name, " depends on ", what));
  }
  if (!dependents.empty() && !cascades()) return Blocked(what, dependents);
  for (const std::string& dependent : dependents) {
    cascaded_.push_back(dependent.substr(0, dependent.find(" depends on ")));
  }
  for (const auto& object : catalog()->objects()) {
    if (object->schema_name != schema || object->kind != engine::ObjectKind::kView ||
        catalog()->FindObject(object->id) == nullptr) {
      continue;
    }
    KYRO_RETURN_IF_ERROR(DropView(*object));
  }
  for (const auto& table : catalog()->tables()) {
    if (table->schema_name == schema) KYRO_RETURN_IF_ERROR(DropTable(*table));
  }
  for (const auto& object : catalog()->objects()) {
    if (object->schema_name == schema && catalog()->FindObject(object->id) != nullptr) {
      KYRO_RETURN_IF_ERROR(context_.transaction->DropObject(object->id));
    }
  }
  return context_.transaction->DropObject(id);
}

void Dropper::Report() const {
  if (cascaded_.size() == 1) {
    context_.notice("00000", absl::StrCat("drop cascades to ", cascaded_[0]));
  } else if (cascaded_.size() > 1) {
    context_.notice("00000", absl::StrCat("drop cascades to ", cascaded_.size(), " other objects"));
  }
}

absl::Status Dropper::DropOne(const QualifiedName& qualified) {
  const std::string& name = qualified.last();
  const ObjectType wanted = statement_.object;
  const std::string word = absl::AsciiStrToLower(ObjectWord(wanted));
  const bool is_relation = wanted == ObjectType::kTable || wanted == ObjectType::kIndex ||
                           wanted == ObjectType::kView || wanted == ObjectType::kMaterializedView ||
                           wanted == ObjectType::kSequence;
  BindContext bind = *context_.bind;
  bind.catalog = catalog();
  Binder binder(bind);
  if (is_relation) {
    const auto table = binder.FindTableOrNull(qualified);
    const auto object = table == nullptr ? binder.FindObject(qualified) : nullptr;
    const auto owner =
        table == nullptr && object == nullptr ? binder.FindIndexOwner(qualified) : nullptr;
    const bool is_view = object != nullptr && object->kind == engine::ObjectKind::kView;
    if (wanted == ObjectType::kTable && table != nullptr) return DropTable(*table);
    if (wanted == ObjectType::kView && is_view) return DropView(*object);
    if (wanted == ObjectType::kSequence && object != nullptr && !is_view) {
      return DropSequence(*object);
    }
    if (wanted == ObjectType::kIndex && owner != nullptr) return DropIndex(qualified, *owner);
    if (table != nullptr || object != nullptr || owner != nullptr) {
      return WithHint(
          Error(sqlstate::kWrongObjectType, qualified.position(),
                absl::StrCat("\"", name, "\" is not a",
                             wanted == ObjectType::kIndex ? "n index" : absl::StrCat(" ", word))),
          absl::StrCat("Use DROP ", table != nullptr    ? "TABLE to remove a table."
                                    : is_view           ? "VIEW to remove a view."
                                    : object != nullptr ? "SEQUENCE to remove a sequence."
                                                        : "INDEX to remove an index."));
    }
  } else if (wanted == ObjectType::kExtension && name == "vector") {
    return NotSupported(qualified.position(), "dropping the extension vector");
  } else if (wanted == ObjectType::kSchema && name == "public") {
    return NotSupported(qualified.position(), "dropping the schema public");
  } else if (wanted == ObjectType::kSchema && catalog()->HasSchema(name)) {
    return DropSchema(qualified);
  }
  const std::string message =
      absl::StrCat(word, " \"", is_relation ? ToString(qualified) : name, "\" does not exist");
  if (statement_.if_exists) {
    context_.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  const bool like_table = is_relation && wanted != ObjectType::kIndex;
  const absl::string_view sqlstate = like_table                      ? sqlstate::kUndefinedTable
                                     : wanted == ObjectType::kSchema ? absl::string_view("3F000")
                                                                     : sqlstate::kUndefinedObject;
  absl::Status status = Error(sqlstate, qualified.position(), message);
  if (wanted == ObjectType::kTable) {
    std::vector<std::string> names;
    for (const auto& known : catalog()->tables()) names.push_back(known->name);
    const std::string near = Nearest(name, names);
    if (!near.empty()) {
      status = WithHint(status, absl::StrCat("Perhaps you meant the table \"", near, "\"."));
    }
  }
  return status;
}

}  // namespace

absl::Status Drop(const DropStatement& statement, const DefinitionContext& context) {
  Dropper dropper(statement, context);
  for (const QualifiedName& name : statement.names) {
    KYRO_RETURN_IF_ERROR(dropper.DropOne(name));
  }
  dropper.Report();
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
