#include "sql/statement/sequence.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"
#include "sql/statement/index_definition.h"

namespace kyrodb::sql {
namespace {

struct Limits {
  int64_t min;
  int64_t max;
};

Limits LimitsOf(const Type& type) {
  if (engine::TypeName(type) == "smallint") return {INT16_MIN, INT16_MAX};
  if (type.id == TypeId::kInteger) return {INT32_MIN, INT32_MAX};
  return {INT64_MIN, INT64_MAX};
}

// What a sequence is that nothing is said of but its type.
engine::SequenceOptions Defaults(const Type& type, int64_t increment) {
  const Limits limits = LimitsOf(type);
  engine::SequenceOptions options;
  options.type = type.id;
  options.increment = increment;
  options.min = increment > 0 ? 1 : limits.min;
  options.max = increment > 0 ? limits.max : -1;
  options.start = increment > 0 ? options.min : options.max;
  return options;
}

absl::Status Apply(const SequenceClauses& clauses, bool is_new, engine::SequenceOptions* options) {
  Type type{options->type, 0};
  if (clauses.type.has_value()) {
    KYRO_ASSIGN_OR_RETURN(type, ResolveType(*clauses.type));
    if (type.id != TypeId::kInteger && type.id != TypeId::kBigint &&
        engine::TypeName(type) != "smallint") {
      return Error(sqlstate::kInvalidParameterValue, clauses.type->position,
                   "sequence type must be smallint, integer, or bigint");
    }
  }
  const int64_t increment = clauses.increment.value_or(options->increment);
  if (increment == 0) {
    return Error(sqlstate::kInvalidParameterValue, 0, "INCREMENT must not be zero");
  }
  const engine::SequenceOptions fresh = Defaults(type, increment);
  const Limits limits = LimitsOf(type);
  const bool turns = (increment > 0) != (options->increment > 0);
  options->type = type.id;
  options->increment = increment;
  if (clauses.max.has_value()) {
    options->max = *clauses.max;
  } else if (clauses.no_max || is_new || turns || clauses.type.has_value()) {
    options->max = fresh.max;
  }
  if (clauses.min.has_value()) {
    options->min = *clauses.min;
  } else if (clauses.no_min || is_new || turns || clauses.type.has_value()) {
    options->min = fresh.min;
  }
  for (const auto& [value, word] :
       {std::pair(options->max, "MAXVALUE"), {options->min, "MINVALUE"}}) {
    if (value < limits.min || value > limits.max) {
      return Error(sqlstate::kInvalidParameterValue, 0,
                   absl::StrCat(word, " (", value, ") is out of range for sequence data type ",
                                engine::TypeName(type)));
    }
  }
  if (options->min >= options->max) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 absl::StrCat("MINVALUE (", options->min, ") must be less than MAXVALUE (",
                              options->max, ")"));
  }
  if (clauses.start.has_value()) {
    options->start = *clauses.start;
  } else if (is_new) {
    options->start = increment > 0 ? options->min : options->max;
  }
  if (options->start < options->min) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 absl::StrCat("START value (", options->start, ") cannot be less than MINVALUE (",
                              options->min, ")"));
  }
  if (options->start > options->max) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 absl::StrCat("START value (", options->start,
                              ") cannot be greater than MAXVALUE (", options->max, ")"));
  }
  if (clauses.cycle.has_value()) options->cycle = *clauses.cycle;
  if (clauses.cache.has_value()) {
    if (*clauses.cache <= 0) {
      return Error(sqlstate::kInvalidParameterValue, 0,
                   absl::StrCat("CACHE (", *clauses.cache, ") must be greater than zero"));
    }
    options->cache = *clauses.cache;
  }
  return absl::OkStatus();
}

absl::Status SetOwner(const SequenceClauses& clauses, const DefinitionContext& context,
                      engine::ObjectSchema* sequence) {
  if (clauses.owned_by.empty()) return absl::OkStatus();
  if (clauses.owned_by.parts.size() == 1 && clauses.owned_by.last() == "none") {
    sequence->owner_table = 0;
    sequence->owner_column.clear();
    return absl::OkStatus();
  }
  if (clauses.owned_by.parts.size() < 2) {
    return WithHint(
        Error(sqlstate::kSyntaxError, clauses.owned_by.position(), "invalid OWNED BY option"),
        "Specify OWNED BY table.column or OWNED BY NONE.");
  }
  QualifiedName table_name = clauses.owned_by;
  const Identifier column = table_name.parts.back();
  table_name.parts.pop_back();
  Binder binder(*context.bind);
  KYRO_ASSIGN_OR_RETURN(const auto table, binder.FindTable(table_name));
  if (!table->FindColumn(column.name).has_value()) {
    return Error(sqlstate::kUndefinedColumn, column.position,
                 absl::StrCat("column \"", column.name, "\" of relation \"", table->name,
                              "\" does not exist"));
  }
  sequence->owner_table = table->id;
  sequence->owner_column = column.name;
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateSequence(const CreateSequenceStatement& statement,
                            const DefinitionContext& context) {
  if (statement.temporary) {
    return Error(sqlstate::kFeatureNotSupported, statement.position,
                 "a temporary sequence is not supported yet");
  }
  KYRO_ASSIGN_OR_RETURN(const std::string schema, SchemaForNew(statement.name, context));
  if (context.transaction->catalog()->IsTaken(schema, statement.name.last())) {
    const std::string message =
        absl::StrCat("relation \"", statement.name.last(), "\" already exists");
    if (!statement.if_not_exists) {
      return Error(sqlstate::kDuplicateTable, statement.name.position(), message);
    }
    context.notice(sqlstate::kDuplicateTable, absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  engine::ObjectSchema sequence;
  sequence.kind = engine::ObjectKind::kSequence;
  sequence.schema_name = schema;
  sequence.name = statement.name.last();
  KYRO_RETURN_IF_ERROR(Apply(statement.clauses, /*is_new=*/true, &sequence.sequence));
  KYRO_RETURN_IF_ERROR(SetOwner(statement.clauses, context, &sequence));
  return context.transaction->CreateObject(std::move(sequence)).status();
}

absl::Status AlterSequence(const AlterSequenceStatement& statement,
                           const DefinitionContext& context) {
  Binder binder(*context.bind);
  const std::shared_ptr<const engine::ObjectSchema> found = binder.FindObject(statement.name);
  if (found == nullptr || found->kind != engine::ObjectKind::kSequence) {
    const std::string message =
        absl::StrCat("relation \"", ToString(statement.name), "\" does not exist");
    if (!statement.if_exists || found != nullptr) {
      return Error(found == nullptr ? sqlstate::kUndefinedTable : sqlstate::kWrongObjectType,
                   statement.name.position(),
                   found == nullptr
                       ? message
                       : absl::StrCat("\"", statement.name.last(), "\" is not a sequence"));
    }
    context.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  engine::ObjectSchema next = *found;
  KYRO_ASSIGN_OR_RETURN(engine::SequenceState state, context.transaction->LastValue(found->id));
  KYRO_RETURN_IF_ERROR(Apply(statement.clauses, /*is_new=*/false, &next.sequence));
  KYRO_RETURN_IF_ERROR(SetOwner(statement.clauses, context, &next));
  if (statement.clauses.restart) {
    state = {.last = statement.clauses.restart_value.value_or(next.sequence.start),
             .is_called = false};
  }
  if (state.last < next.sequence.min || state.last > next.sequence.max) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 state.last < next.sequence.min
                     ? absl::StrCat("RESTART value (", state.last,
                                    ") cannot be less than MINVALUE (", next.sequence.min, ")")
                     : absl::StrCat("RESTART value (", state.last,
                                    ") cannot be greater than MAXVALUE (", next.sequence.max, ")"));
  }
  if (!statement.new_name.name.empty()) next.name = statement.new_name.name;
  KYRO_RETURN_IF_ERROR(context.transaction->AlterObject(std::move(next)));
  if (!statement.clauses.restart) return absl::OkStatus();
  return context.transaction->SetSequence(found->id, state);
}

std::shared_ptr<const engine::ObjectSchema> FindOwnedSequence(const engine::Catalog& catalog,
                                                              engine::ObjectId table,
                                                              absl::string_view column) {
  for (const auto& object : catalog.objects()) {
    if (object->kind == engine::ObjectKind::kSequence && object->owner_table == table &&
        object->owner_column == column) {
      return object;
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> CreateOwnedSequence(engine::ObjectId table_id,
                                                const std::string& column, const Type& type,
                                                const SequenceClauses* clauses,
                                                const DefinitionContext& context) {
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  const std::shared_ptr<const engine::TableSchema> table = catalog->FindTable(table_id);
  engine::ObjectSchema sequence;
  sequence.kind = engine::ObjectKind::kSequence;
  sequence.schema_name = table->schema_name;
  sequence.name = FreeRelationName(*catalog, table->schema_name, table->name, column, "seq");
  sequence.sequence = Defaults(type, 1);
  if (clauses != nullptr) {
    KYRO_RETURN_IF_ERROR(Apply(*clauses, /*is_new=*/true, &sequence.sequence));
  }
  sequence.owner_table = table_id;
  sequence.owner_column = column;
  const std::string name =
      table->schema_name == engine::kPublicSchema
          ? QuoteIdentifier(sequence.name)
          : absl::StrCat(QuoteIdentifier(table->schema_name), ".", QuoteIdentifier(sequence.name));
  KYRO_RETURN_IF_ERROR(context.transaction->CreateObject(std::move(sequence)).status());
  return absl::StrCat("nextval(", QuoteString(name), ")");
}

absl::StatusOr<std::shared_ptr<const engine::ObjectSchema>> SequenceRunner::Find(
    absl::string_view name) const {
  // Read as an identifier is: folded unless it is quoted.
  absl::StatusOr<TypeName> parsed = ParseTypeName(name);
  std::vector<std::string> parts;
  if (parsed.ok()) {
    for (const Identifier& part : parsed->name.parts) parts.push_back(part.name);
  } else {
    parts = absl::StrSplit(name, '.');
  }
  const std::shared_ptr<const engine::Catalog> catalog = transaction_->catalog();
  std::shared_ptr<const engine::ObjectSchema> found;
  if (parts.size() == 2) {
    found = catalog->FindRelation(parts[0], parts[1]);
  } else if (parts.size() == 1) {
    for (const std::string& schema : *search_path_) {
      found = catalog->FindRelation(schema, parts[0]);
      if (found != nullptr) break;
    }
  }
  if (found == nullptr) {
    return Error(sqlstate::kUndefinedTable, 0,
                 absl::StrCat("relation \"", name, "\" does not exist"));
  }
  if (found->kind != engine::ObjectKind::kSequence) {
    return Error(sqlstate::kWrongObjectType, 0,
                 absl::StrCat("\"", found->name, "\" is not a sequence"));
  }
  return found;
}

absl::StatusOr<int64_t> SequenceRunner::Next(absl::string_view name) {
  KYRO_ASSIGN_OR_RETURN(const auto sequence, Find(name));
  absl::StatusOr<int64_t> value = transaction_->NextValue(sequence->id);
  if (!value.ok()) {
    if (value.status().code() != absl::StatusCode::kOutOfRange) return value.status();
    return Error("2200H", 0, value.status().message());
  }
  memory_->current[sequence->id] = *value;
  memory_->last = sequence->id;
  return *value;
}

absl::StatusOr<int64_t> SequenceRunner::Current(absl::string_view name) {
  KYRO_ASSIGN_OR_RETURN(const auto sequence, Find(name));
  const auto found = memory_->current.find(sequence->id);
  if (found != memory_->current.end()) return found->second;
  return Error(sqlstate::kObjectNotInPrerequisiteState, 0,
               absl::StrCat("currval of sequence \"", sequence->name,
                            "\" is not yet defined in this session"));
}

absl::StatusOr<int64_t> SequenceRunner::Set(absl::string_view name, int64_t value, bool is_called) {
  KYRO_ASSIGN_OR_RETURN(const auto sequence, Find(name));
  const engine::SequenceOptions& options = sequence->sequence;
  if (value < options.min || value > options.max) {
    return Error(sqlstate::kNumericValueOutOfRange, 0,
                 absl::StrCat("setval: value ", value, " is out of bounds for sequence \"",
                              sequence->name, "\" (", options.min, "..", options.max, ")"));
  }
  KYRO_RETURN_IF_ERROR(
      transaction_->SetSequence(sequence->id, {.last = value, .is_called = is_called}));
  if (is_called) memory_->current[sequence->id] = value;
  return value;
}

absl::StatusOr<int64_t> SequenceRunner::Last() {
  if (memory_->last.has_value()) {
    const auto found = memory_->current.find(*memory_->last);
    if (found != memory_->current.end()) return found->second;
  }
  return Error(sqlstate::kObjectNotInPrerequisiteState, 0,
               "lastval is not yet defined in this session");
}

}  // namespace kyrodb::sql
