// INSERT, UPDATE, DELETE, and the expressions that a table keeps.
#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// The names of a table's columns, at slots from `slot_begin`.
Scope::Relation NamesOf(const engine::TableSchema& schema, absl::string_view alias,
                        uint32_t slot_begin) {
  Scope::Relation relation;
  relation.alias = std::string(alias);
  for (uint32_t i = 0; i < schema.columns.size(); ++i) {
    // No relation of a query: nothing is marked as used.
    relation.columns.push_back(
        {schema.columns[i].name, schema.columns[i].type, slot_begin + i, UINT32_MAX, i, false});
  }
  return relation;
}

}  // namespace

absl::StatusOr<uint32_t> Binder::TargetColumn(const engine::TableSchema& schema,
                                              const Identifier& name) {
  const std::optional<uint32_t> found = schema.FindColumn(name.name);
  if (found.has_value()) return *found;
  absl::Status status = Error(
      sqlstate::kUndefinedColumn, name.position,
      absl::StrCat("column \"", name.name, "\" of relation \"", schema.name, "\" does not exist"));
  std::vector<std::string> names;
  for (const engine::ColumnSchema& column : schema.columns) names.push_back(column.name);
  const std::string near = Nearest(name.name, names);
  if (!near.empty()) {
    status = WithHint(status, absl::StrCat("Perhaps you meant the column \"", near, "\"."));
  }
  return status;
}

absl::StatusOr<BoundPtr> Binder::BindDefault(const engine::ColumnSchema& column,
                                             const Expression& expression) {
  Scope none;
  none.clause = "DEFAULT expressions";
  if (expression.kind == ExpressionKind::kSubquery) {
    return Error(sqlstate::kFeatureNotSupported, expression.position,
                 "cannot use subquery in DEFAULT expression");
  }
  absl::StatusOr<BoundPtr> bound = Bind(expression, &none);
  if (!bound.ok()) {
    if (SqlStateOf(bound.status()) == sqlstate::kUndefinedColumn) {
      return WithSqlState(Error(sqlstate::kFeatureNotSupported, PositionOf(bound.status()),
                                "cannot use column reference in DEFAULT expression"),
                          sqlstate::kFeatureNotSupported);
    }
    return bound.status();
  }
  const Type from = (*bound)->type;
  if (!CanCast(from.id, column.type.id, CastContext::kAssignment)) {
    return WithHint(
        Error(sqlstate::kDatatypeMismatch, expression.position,
              absl::StrCat("column \"", column.name, "\" is of type ", BaseTypeName(column.type.id),
                           " but default expression is of type ", BaseTypeName(from.id))),
        "You will need to rewrite or cast the expression.");
  }
  return Coerce(*std::move(bound), column.type, CastContext::kAssignment);
}

absl::StatusOr<BoundGenerated> Binder::BindGenerated(const engine::TableSchema& schema,
                                                     uint32_t column,
                                                     const Expression& expression) {
  Scope scope;
  scope.clause = "column generation expressions";
  scope.relations.push_back(NamesOf(schema, schema.name, 0));
  BoundGenerated generated;
  generated.column = column;
  KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, &scope));
  absl::Status status;
  VisitExpression(*bound, [&](const BoundExpression& e) {
    if (e.kind == BoundKind::kSubquery) {
      status = Error(sqlstate::kFeatureNotSupported, e.position,
                     "cannot use subquery in column generation expression");
    }
    if (e.kind == BoundKind::kParameter) {
      status = Error(sqlstate::kInvalidObjectDefinition, e.position,
                     "cannot use a parameter in column generation expression");
    }
    if (e.function != nullptr && e.function->volatility != Volatility::kImmutable &&
        !(e.function->variadic && e.function->volatility == Volatility::kStable)) {
      status = Error(sqlstate::kInvalidObjectDefinition, e.position,
                     "generation expression is not immutable");
    }
    if (e.kind != BoundKind::kColumn) return;
    if (!schema.columns[e.slot].generated_sql.empty()) {
      status = WithDetail(
          Error(sqlstate::kInvalidObjectDefinition, e.position,
                absl::StrCat("cannot use generated column \"", schema.columns[e.slot].name,
                             "\" in column generation expression")),
          "A generated column cannot reference another generated column.");
    }
    if (std::find(generated.inputs.begin(), generated.inputs.end(), e.slot) ==
        generated.inputs.end()) {
      generated.inputs.push_back(e.slot);
    }
  });
  KYRO_RETURN_IF_ERROR(status);
  KYRO_ASSIGN_OR_RETURN(generated.expression,
                        CoerceToColumn(std::move(bound), schema.columns[column]));
  return generated;
}

absl::Status Binder::BindGeneratedColumns(const engine::TableSchema& schema,
                                          std::vector<BoundGenerated>* generated) {
  for (uint32_t i = 0; i < schema.columns.size(); ++i) {
    const engine::ColumnSchema& column = schema.columns[i];
    if (column.generated_sql.empty()) continue;
    KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression, ParseExpression(column.generated_sql));
    absl::StatusOr<BoundGenerated> bound = BindGenerated(schema, i, *expression);
    // Positions in the stored text mean nothing to the user.
    if (!bound.ok()) {
      return Annotate(bound.status(), absl::StrCat("generated column \"", column.name, "\""));
    }
    generated->push_back(*std::move(bound));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundPtr> Binder::BindRowExpression(const engine::TableSchema& schema,
                                                   const Expression& expression,
                                                   absl::string_view what, bool immutable) {
  Scope scope;
  scope.clause = std::string(what);
  scope.relations.push_back(NamesOf(schema, schema.name, 0));
  KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, &scope));
  absl::Status status;
  VisitExpression(*bound, [&](const BoundExpression& e) {
    if (!status.ok()) return;
    const std::string one(what.substr(0, what.size() - (what.back() == 's' ? 1 : 0)));
    if (e.kind == BoundKind::kSubquery) {
      status = Error(sqlstate::kFeatureNotSupported, e.position,
                     absl::StrCat("cannot use subquery in ", one));
    }
    if (e.kind == BoundKind::kParameter) {
      status = Error(sqlstate::kUndefinedParameter, e.position,
                     absl::StrCat("there is no parameter $", e.slot + 1));
    }
    if (immutable && e.function != nullptr && e.function->volatility != Volatility::kImmutable &&
        !(e.function->variadic && e.function->volatility == Volatility::kStable)) {
      status = Error(sqlstate::kInvalidObjectDefinition, e.position,
                     absl::StrCat("functions in ", one, " must be marked IMMUTABLE"));
    }
  });
  KYRO_RETURN_IF_ERROR(status);
  return ResolveUnknown(std::move(bound));
}

absl::Status Binder::BindChecks(const engine::TableSchema& schema,
                                std::vector<BoundCheck>* checks) {
  for (const engine::CheckConstraint& check : schema.checks) {
    KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression, ParseExpression(check.sql));
    absl::StatusOr<BoundPtr> bound =
        BindRowExpression(schema, *expression, "check constraints", /*immutable=*/false);
    // Positions in the stored text mean nothing to the user.
    if (!bound.ok()) {
      return Annotate(bound.status(), absl::StrCat("constraint \"", check.name, "\""));
    }
    checks->push_back({check.name, *std::move(bound)});
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundPtr> Binder::DefaultFor(const engine::TableSchema& schema, uint32_t column) {
  const engine::ColumnSchema& definition = schema.columns[column];
  if (definition.identity != engine::Identity::kNone) {
    for (const auto& object : context_.catalog->objects()) {
      if (object->kind != engine::ObjectKind::kSequence || object->owner_table != schema.id ||
          object->owner_column != definition.name) {
        continue;
      }
      const TypeId types[] = {TypeId::kText};
      KYRO_ASSIGN_OR_RETURN(const ScalarFunction* next, ResolveFunction("nextval", types, 0));
      std::vector<BoundPtr> arguments;
      arguments.push_back(MakeConstant(
          kTextType,
          absl::StrCat(QuoteIdentifier(object->schema_name), ".", QuoteIdentifier(object->name)),
          0));
      KYRO_ASSIGN_OR_RETURN(BoundPtr call, MakeCall(next, std::move(arguments), 0));
      return Coerce(std::move(call), definition.type, CastContext::kAssignment);
    }
  }
  if (definition.default_sql.empty()) return MakeConstant(definition.type, Null{}, 0);
  KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression, ParseExpression(definition.default_sql));
  return BindDefault(definition, *expression);
}

absl::Status Binder::BindReturning(const std::vector<SelectItem>& items,
                                   const engine::TableSchema& schema, const Identifier& alias,
                                   std::vector<ResultColumn>* columns,
                                   std::vector<BoundPtr>* outputs) {
  if (items.empty()) return absl::OkStatus();
  Scope scope;
  scope.clause = "RETURNING";
  scope.relations.push_back(NamesOf(schema, alias.name.empty() ? schema.name : alias.name, 0));
  return BindSelectItems(items, &scope, outputs, columns);
}

absl::StatusOr<BoundInsert> Binder::BindInsert(const InsertStatement& statement) {
  const size_t common_tables_before = common_tables_.size();
  ++query_depth_;
  const auto restore = absl::MakeCleanup([&] {
    --query_depth_;
    common_tables_.resize(common_tables_before);
  });
  KYRO_RETURN_IF_ERROR(PushCommonTables(statement.with.get()));
  BoundInsert insert;
  KYRO_ASSIGN_OR_RETURN(insert.table, FindTable(statement.table));
  const engine::TableSchema& schema = *insert.table;
  const size_t column_count = schema.columns.size();

  std::vector<uint32_t> targets;
  if (statement.columns.empty()) {
    for (uint32_t i = 0; i < column_count; ++i) targets.push_back(i);
  } else {
    for (const Identifier& name : statement.columns) {
      KYRO_ASSIGN_OR_RETURN(const uint32_t column, TargetColumn(schema, name));
      if (std::find(targets.begin(), targets.end(), column) != targets.end()) {
        return Error(sqlstate::kDuplicateColumn, name.position,
                     absl::StrCat("column \"", name.name, "\" specified more than once"));
      }
      targets.push_back(column);
    }
  }
  const auto check_generated = [&](uint32_t column, Position position) {
    if (schema.columns[column].identity == engine::Identity::kAlways &&
        statement.overriding == Overriding::kNone) {
      return WithHint(
          WithDetail(Error(sqlstate::kGeneratedAlways, position,
                           absl::StrCat("cannot insert a non-DEFAULT value into column \"",
                                        schema.columns[column].name, "\"")),
                     absl::StrCat("Column \"", schema.columns[column].name,
                                  "\" is an identity column defined as GENERATED ALWAYS.")),
          "Use OVERRIDING SYSTEM VALUE to override.");
    }
    if (schema.columns[column].generated_sql.empty()) return absl::OkStatus();
    return WithDetail(
        Error(sqlstate::kGeneratedAlways, position,
              absl::StrCat("cannot insert a non-DEFAULT value into column \"",
                           schema.columns[column].name, "\"")),
        absl::StrCat("Column \"", schema.columns[column].name, "\" is a generated column."));
  };
  const auto overrides = [&](uint32_t column) {
    return statement.overriding == Overriding::kUserValue &&
           schema.columns[column].identity != engine::Identity::kNone;
  };
  const auto check_count = [&](size_t count, Position extra) -> absl::Status {
    if (count > targets.size()) {
      return Error(sqlstate::kSyntaxError, extra,
                   "INSERT has more expressions than target columns");
    }
    if (count < targets.size() && !statement.columns.empty()) {
      return Error(sqlstate::kSyntaxError, statement.columns[count].position,
                   "INSERT has more target columns than expressions");
    }
    return absl::OkStatus();
  };

  const ValuesBody* values = nullptr;
  if (statement.source != nullptr && statement.source->body->kind == QueryBodyKind::kValues &&
      statement.source->with == nullptr && statement.source->order_by.empty() &&
      statement.source->limit == nullptr && statement.source->offset == nullptr) {
    values = &statement.source->body->As<ValuesBody>();
  }
  if (statement.source == nullptr || values != nullptr) {
    // Rows of expressions, each bound for its column.
    const size_t row_count = values == nullptr ? 1 : values->rows.size();
    size_t expected = 0;
    for (size_t r = 0; r < row_count; ++r) {
      const std::vector<ExpressionPtr>* row = values == nullptr ? nullptr : &values->rows[r];
      const size_t count = row == nullptr ? 0 : row->size();
      if (r == 0) expected = count;
      if (count != expected) {
        return Error(sqlstate::kSyntaxError, values->row_positions[r],
                     "VALUES lists must all be the same length");
      }
      if (row != nullptr) {
        KYRO_RETURN_IF_ERROR(
            check_count(count, count > targets.size() ? (*row)[targets.size()]->position : 0));
      }
      std::vector<BoundPtr> bound(column_count);
      for (size_t i = 0; i < count; ++i) {
        const Expression& expression = *(*row)[i];
        if (expression.kind == ExpressionKind::kDefault) continue;
        const uint32_t column = targets[i];
        KYRO_RETURN_IF_ERROR(check_generated(column, expression.position));
        // The value that is there is not used.
        if (overrides(column)) continue;
        Scope none;
        none.clause = "VALUES";
        KYRO_ASSIGN_OR_RETURN(BoundPtr value, Bind(expression, &none));
        KYRO_ASSIGN_OR_RETURN(bound[column],
                              CoerceToColumn(std::move(value), schema.columns[column]));
      }
      for (uint32_t column = 0; column < column_count; ++column) {
        if (bound[column] != nullptr || !schema.columns[column].generated_sql.empty()) continue;
        KYRO_ASSIGN_OR_RETURN(bound[column], DefaultFor(schema, column));
      }
      insert.rows.push_back(std::move(bound));
    }
  } else {
    if (statement.source->body->kind == QueryBodyKind::kSelect &&
        statement.source->with == nullptr) {
      for (const uint32_t column : targets) insert_types_.push_back(schema.columns[column].type);
    }
    KYRO_ASSIGN_OR_RETURN(insert.source, BindQuery(*statement.source, nullptr));
    const std::vector<ResultColumn>& columns = insert.source->columns;
    KYRO_RETURN_IF_ERROR(check_count(columns.size(), statement.source->body->position));
    insert.from_source.resize(column_count);
    for (uint32_t i = 0; i < columns.size(); ++i) {
      const uint32_t column = targets[i];
      KYRO_RETURN_IF_ERROR(check_generated(column, statement.source->body->position));
      if (overrides(column)) continue;
      KYRO_ASSIGN_OR_RETURN(insert.from_source[column],
                            CoerceToColumn(MakeColumn(columns[i].type, i, columns[i].name,
                                                      statement.source->body->position),
                                           schema.columns[column]));
    }
    for (uint32_t column = 0; column < column_count; ++column) {
      if (insert.from_source[column] != nullptr || !schema.columns[column].generated_sql.empty()) {
        continue;
      }
      KYRO_ASSIGN_OR_RETURN(insert.from_source[column], DefaultFor(schema, column));
    }
  }
  KYRO_RETURN_IF_ERROR(BindGeneratedColumns(schema, &insert.generated));
  KYRO_RETURN_IF_ERROR(BindChecks(schema, &insert.checks));

  const OnConflict& conflict = statement.on_conflict;
  insert.conflict = conflict.action;
  if (conflict.action != ConflictAction::kNone) {
    KYRO_RETURN_IF_ERROR(BindArbiters(conflict, schema, &insert));
    if (conflict.action == ConflictAction::kUpdate) {
      Scope scope;
      scope.clause = "ON CONFLICT DO UPDATE";
      const std::string& alias = statement.alias.name.empty() ? schema.name : statement.alias.name;
      scope.relations.push_back(NamesOf(schema, alias, 0));
      Scope::Relation excluded = NamesOf(schema, "excluded", static_cast<uint32_t>(column_count));
      // Without a qualifier a name means the existing row.
      for (Scope::Column& column : excluded.columns) column.merged = true;
      scope.relations.push_back(std::move(excluded));
      KYRO_RETURN_IF_ERROR(BindAssignments(conflict.set, schema, &scope, &insert.conflict_set));
      if (conflict.where != nullptr) {
        KYRO_ASSIGN_OR_RETURN(insert.conflict_where, BindBoolean(*conflict.where, &scope, "WHERE"));
      }
    }
  }
  KYRO_RETURN_IF_ERROR(BindReturning(statement.returning, schema, statement.alias,
                                     &insert.returning_columns, &insert.returning));
  return insert;
}

absl::Status Binder::BindArbiters(const OnConflict& conflict, const engine::TableSchema& schema,
                                  BoundInsert* insert) {
  const bool rows_have_key = !schema.has_hidden_key();
  if (!conflict.constraint.name.empty()) {
    if (rows_have_key && conflict.constraint.name == schema.PrimaryKeyName()) {
      insert->conflict_on_key = true;
      return absl::OkStatus();
    }
    const engine::IndexSchema* const index = schema.FindIndex(conflict.constraint.name);
    if (index == nullptr || !index->is_constraint) {
      return Error(sqlstate::kUndefinedObject, conflict.constraint.position,
                   absl::StrCat("constraint \"", conflict.constraint.name, "\" for table \"",
                                schema.name, "\" does not exist"));
    }
    insert->conflict_indexes.push_back(index->name);
    return absl::OkStatus();
  }
  if (conflict.targets.empty()) {
    if (conflict.action == ConflictAction::kUpdate) {
      return WithHint(
          Error(sqlstate::kSyntaxError, conflict.position,
                "ON CONFLICT DO UPDATE requires inference specification or constraint name"),
          "For example, ON CONFLICT (column_name).");
    }
    insert->conflict_on_key = rows_have_key;
    for (const engine::IndexSchema& index : schema.indexes) {
      if (index.is_btree() && index.unique) insert->conflict_indexes.push_back(index.name);
    }
    return absl::OkStatus();
  }
  // A set of columns and expressions: the order does not matter.
  absl::btree_set<std::string> wanted;
  for (const ExpressionPtr& target : conflict.targets) {
    const auto* column = target->If<ColumnExpression>();
    if (column != nullptr && column->name.parts.size() == 1) {
      KYRO_RETURN_IF_ERROR(TargetColumn(schema, column->name.parts[0]).status());
    } else {
      KYRO_RETURN_IF_ERROR(
          BindRowExpression(schema, *target, "ON CONFLICT", /*immutable=*/false).status());
    }
    wanted.insert(ToString(*target));
  }
  std::string where;
  if (conflict.target_where != nullptr) {
    KYRO_RETURN_IF_ERROR(
        BindRowExpression(schema, *conflict.target_where, "ON CONFLICT", false).status());
    where = ToString(*conflict.target_where);
  }
  const auto name_of = [&](uint32_t column) {
    return QuoteIdentifier(schema.columns[column].name);
  };
  absl::btree_set<std::string> key;
  for (const uint32_t part : schema.primary_key) key.insert(name_of(part));
  insert->conflict_on_key = rows_have_key && key == wanted;
  for (const engine::IndexSchema& index : schema.indexes) {
    if (!index.is_btree() || !index.unique) continue;
    if (!index.where_sql.empty() && index.where_sql != where) continue;
    absl::btree_set<std::string> parts;
    for (const engine::IndexPart& part : index.parts) {
      parts.insert(part.is_expression() ? part.expression_sql : name_of(part.column));
    }
    if (parts == wanted) insert->conflict_indexes.push_back(index.name);
  }
  if (insert->conflict_on_key || !insert->conflict_indexes.empty()) return absl::OkStatus();
  return Error(sqlstate::kInvalidColumnReference, conflict.targets[0]->position,
               "there is no unique or exclusion constraint matching the ON CONFLICT "
               "specification");
}

absl::Status Binder::BindAssignments(const std::vector<Assignment>& set,
                                     const engine::TableSchema& schema, Scope* scope,
                                     std::vector<std::pair<uint32_t, BoundPtr>>* out) {
  for (const Assignment& assignment : set) {
    std::vector<const Expression*> values;
    if (!assignment.parenthesised) {
      values.push_back(assignment.value.get());
    } else if (const auto* row = assignment.value->If<RowExpression>()) {
      for (const ExpressionPtr& element : row->elements) values.push_back(element.get());
    } else if (assignment.columns.size() == 1 &&
               assignment.value->kind != ExpressionKind::kSubquery) {
      values.push_back(assignment.value.get());
    } else {
      return NotSupported(assignment.position, "assigning a query to several columns");
    }
    if (values.size() != assignment.columns.size()) {
      return Error(sqlstate::kSyntaxError, assignment.position,
                   "number of columns does not match number of values");
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const Identifier& name = assignment.columns[i];
      KYRO_ASSIGN_OR_RETURN(const uint32_t column, TargetColumn(schema, name));
      for (const auto& [other, expression] : *out) {
        if (other == column) {
          return Error(sqlstate::kSyntaxError, name.position,
                       absl::StrCat("multiple assignments to same column \"", name.name, "\""));
        }
      }
      const bool is_default = values[i]->kind == ExpressionKind::kDefault;
      if (schema.columns[column].identity == engine::Identity::kAlways && !is_default) {
        return WithDetail(
            Error(sqlstate::kGeneratedAlways, name.position,
                  absl::StrCat("column \"", name.name, "\" can only be updated to DEFAULT")),
            absl::StrCat("Column \"", name.name,
                         "\" is an identity column defined as GENERATED ALWAYS."));
      }
      if (!schema.columns[column].generated_sql.empty()) {
        if (is_default) continue;
        return WithDetail(
            Error(sqlstate::kGeneratedAlways, name.position,
                  absl::StrCat("column \"", name.name, "\" can only be updated to DEFAULT")),
            absl::StrCat("Column \"", name.name, "\" is a generated column."));
      }
      BoundPtr bound;
      if (is_default) {
        KYRO_ASSIGN_OR_RETURN(bound, DefaultFor(schema, column));
      } else {
        KYRO_ASSIGN_OR_RETURN(bound, Bind(*values[i], scope));
        KYRO_ASSIGN_OR_RETURN(bound, CoerceToColumn(std::move(bound), schema.columns[column]));
      }
      out->emplace_back(column, std::move(bound));
    }
  }
  return absl::OkStatus();
}

absl::Status Binder::BindWriteSource(const QualifiedName& name, const Identifier& alias,
                                     const std::vector<TableRefPtr>& others,
                                     const ExpressionPtr& where,
                                     std::shared_ptr<const engine::TableSchema> table, Scope* scope,
                                     BoundQuery* query) {
  query->select = std::make_unique<BoundSelect>();
  BoundSelect& select = *query->select;
  scope->select = &select;
  BoundRelation relation;
  relation.kind = RelationKind::kTable;
  relation.alias = name.last();
  for (const engine::ColumnSchema& column : table->columns) {
    relation.columns.push_back({column.name, column.type});
  }
  relation.table = std::move(table);
  Alias written;
  written.name = alias;
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<BoundFrom> from,
                        AddRelation(std::move(relation), written, name.position(), scope));
  select.from.push_back(std::move(from));
  select.relations[0].key_slot = select.width++;
  for (const TableRefPtr& ref : others) {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<BoundFrom> other, BindFrom(*ref, scope, nullptr));
    select.from.push_back(std::move(other));
  }
  if (where != nullptr) {
    scope->clause = "WHERE";
    KYRO_ASSIGN_OR_RETURN(BoundPtr condition, BindBoolean(*where, scope, "WHERE"));
    select.where.push_back(std::move(condition));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundUpdate> Binder::BindUpdate(const UpdateStatement& statement) {
  const size_t common_tables_before = common_tables_.size();
  ++query_depth_;
  const auto restore = absl::MakeCleanup([&] {
    --query_depth_;
    common_tables_.resize(common_tables_before);
  });
  KYRO_RETURN_IF_ERROR(PushCommonTables(statement.with.get()));
  BoundUpdate update;
  KYRO_ASSIGN_OR_RETURN(update.table, FindTable(statement.table));
  const engine::TableSchema& schema = *update.table;
  update.source = std::make_shared<BoundQuery>();
  Scope scope;
  KYRO_RETURN_IF_ERROR(BindWriteSource(statement.table, statement.alias, statement.from,
                                       statement.where, update.table, &scope, update.source.get()));
  BoundSelect& select = *update.source->select;
  scope.clause = "UPDATE";
  std::vector<std::pair<uint32_t, BoundPtr>> set;
  KYRO_RETURN_IF_ERROR(BindAssignments(statement.set, schema, &scope, &set));
  BoundRelation& target = select.relations[0];
  for (uint32_t i = 0; i < schema.columns.size(); ++i) {
    target.used[i] = true;
    select.outputs.push_back(MakeColumn(schema.columns[i].type, i, schema.columns[i].name, 0));
  }
  select.outputs.push_back(MakeColumn(kByteaType, *target.key_slot, "key", 0));
  for (auto& [column, expression] : set) {
    update.columns.push_back(column);
    select.outputs.push_back(std::move(expression));
  }
  for (const BoundPtr& output : select.outputs) {
    update.source->columns.push_back({output->name, output->type});
  }
  KYRO_RETURN_IF_ERROR(BindGeneratedColumns(schema, &update.generated));
  KYRO_RETURN_IF_ERROR(BindChecks(schema, &update.checks));
  KYRO_RETURN_IF_ERROR(BindReturning(statement.returning, schema, statement.alias,
                                     &update.returning_columns, &update.returning));
  return update;
}

absl::StatusOr<BoundDelete> Binder::BindDelete(const DeleteStatement& statement) {
  const size_t common_tables_before = common_tables_.size();
  ++query_depth_;
  const auto restore = absl::MakeCleanup([&] {
    --query_depth_;
    common_tables_.resize(common_tables_before);
  });
  KYRO_RETURN_IF_ERROR(PushCommonTables(statement.with.get()));
  BoundDelete bound;
  KYRO_ASSIGN_OR_RETURN(bound.table, FindTable(statement.table));
  const engine::TableSchema& schema = *bound.table;
  bound.source = std::make_shared<BoundQuery>();
  Scope scope;
  KYRO_RETURN_IF_ERROR(BindWriteSource(statement.table, statement.alias, statement.using_tables,
                                       statement.where, bound.table, &scope, bound.source.get()));
  BoundSelect& select = *bound.source->select;
  BoundRelation& target = select.relations[0];
  for (uint32_t i = 0; i < schema.columns.size(); ++i) {
    // Only RETURNING reads the row.
    if (!statement.returning.empty()) target.used[i] = true;
    select.outputs.push_back(MakeColumn(schema.columns[i].type, i, schema.columns[i].name, 0));
  }
  select.outputs.push_back(MakeColumn(kByteaType, *target.key_slot, "key", 0));
  for (const BoundPtr& output : select.outputs) {
    bound.source->columns.push_back({output->name, output->type});
  }
  KYRO_RETURN_IF_ERROR(BindReturning(statement.returning, schema, statement.alias,
                                     &bound.returning_columns, &bound.returning));
  return bound;
}

absl::Status Binder::CheckParameters() const {
  if (context_.parameter_types == nullptr) return absl::OkStatus();
  for (size_t i = 0; i < context_.parameter_types->size(); ++i) {
    if (!(*context_.parameter_types)[i].has_value()) {
      return Error(sqlstate::kIndeterminateDatatype, 0,
                   absl::StrCat("could not determine data type of parameter $", i + 1));
    }
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
