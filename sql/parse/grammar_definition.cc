// CREATE, ALTER, DROP, TRUNCATE.
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sql/parse/grammar.h"

namespace kyrodb::sql {

bool Grammar::ParseIfExists() {
  if (!At(Keyword::kIf)) return false;
  return AcceptAll({Keyword::kIf, Keyword::kExists});
}

bool Grammar::ParseIfNotExists() {
  return AcceptAll({Keyword::kIf, Keyword::kNot, Keyword::kExists});
}

DropBehavior Grammar::ParseDropBehavior() {
  if (Accept(Keyword::kCascade)) return DropBehavior::kCascade;
  if (Accept(Keyword::kRestrict)) return DropBehavior::kRestrict;
  return DropBehavior::kDefault;
}

StatementPtr Grammar::ParseCreate() {
  const Position position = token().position;
  Advance();
  const bool or_replace = AcceptAll({Keyword::kOr, Keyword::kReplace});
  const Position modifier_position = token().position;
  bool temporary = false;
  bool unlogged = false;
  if (Accept(Keyword::kTemp) || Accept(Keyword::kTemporary)) {
    temporary = true;
  } else if ((At(Keyword::kLocal) || At(Keyword::kGlobal)) &&
             (PeekIs(1, Keyword::kTemp) || PeekIs(1, Keyword::kTemporary))) {
    Advance();
    Advance();
    temporary = true;
  } else if (Accept(Keyword::kUnlogged)) {
    unlogged = true;
  }
  if (!or_replace && At(Keyword::kTable)) {
    return ParseCreateTable(position, temporary, unlogged, modifier_position);
  }
  if (!unlogged && At(Keyword::kView)) {
    return ParseCreateView(position, or_replace, temporary, false);
  }
  if (!unlogged && At(Keyword::kRecursive) && PeekIs(1, Keyword::kView)) {
    Advance();
    return ParseCreateView(position, or_replace, temporary, true);
  }
  if (!or_replace && !temporary && !unlogged) {
    if (At(Keyword::kIndex)) return ParseCreateIndex(position, false);
    if (At(Keyword::kUnique) && PeekIs(1, Keyword::kIndex)) {
      Advance();
      return ParseCreateIndex(position, true);
    }
    if (At(Keyword::kExtension)) return ParseCreateExtension(position);
    if (At(Keyword::kSchema)) return ParseCreateSchema(position);
  }
  if (!or_replace && !unlogged && At(Keyword::kSequence)) {
    return ParseCreateSequence(position, temporary);
  }
  if (!temporary && !or_replace && At(Keyword::kMaterialized) && PeekIs(1, Keyword::kView)) {
    if (unlogged) {
      FailUnsupported(modifier_position, "UNLOGGED");
      return nullptr;
    }
    Advance();
    return ParseCreateMaterializedView(position);
  }
  switch (token().keyword) {
    case Keyword::kAccess:
    case Keyword::kCast:
    case Keyword::kCollation:
    case Keyword::kConstraint:
    case Keyword::kConversion:
    case Keyword::kDatabase:
    case Keyword::kDefault:
    case Keyword::kDomain:
    case Keyword::kEvent:
    case Keyword::kForeign:
    case Keyword::kFunction:
    case Keyword::kGroup:
    case Keyword::kLanguage:
    case Keyword::kOperator:
    case Keyword::kPolicy:
    case Keyword::kProcedure:
    case Keyword::kPublication:
    case Keyword::kRole:
    case Keyword::kRule:
    case Keyword::kServer:
    case Keyword::kStatistics:
    case Keyword::kSubscription:
    case Keyword::kTablespace:
    case Keyword::kText:
    case Keyword::kTransform:
    case Keyword::kTrigger:
    case Keyword::kTrusted:
    case Keyword::kType:
    case Keyword::kUser:
      FailUnsupported(token().position,
                      absl::StrCat("CREATE ", absl::AsciiStrToUpper(token().raw)));
      return nullptr;
    default:
      break;
  }
  for (const absl::string_view word : {"aggregate", "model", "stream", "consumer"}) {
    if (absl::EqualsIgnoreCase(token().raw, word)) {
      FailUnsupported(token().position, absl::StrCat("CREATE ", absl::AsciiStrToUpper(word)));
      return nullptr;
    }
  }
  FailSyntax();
  return nullptr;
}

// CREATE TABLE -----------------------------------------------------------------------------------

StatementPtr Grammar::ParseCreateTable(Position position, bool temporary, bool unlogged,
                                       Position modifier_position) {
  auto create = std::make_unique<CreateTableStatement>(position);
  create->temporary = temporary;
  create->unlogged = unlogged;
  create->modifier_position = temporary || unlogged ? modifier_position : 0;
  Expect(Keyword::kTable);
  create->if_not_exists = ParseIfNotExists();
  create->table = ParseQualifiedName();
  if (At(Keyword::kOf) || At(Keyword::kPartition)) {
    FailUnsupported(token().position,
                    absl::StrCat("CREATE TABLE … ", absl::AsciiStrToUpper(token().raw), " OF"));
    return nullptr;
  }
  bool columns_only = false;  // names without types: CREATE TABLE t (a, b) AS …
  if (At('(')) {
    Advance();
    if (IsColumnId(token()) && (PeekIs(1, ',') || PeekIs(1, ')'))) {
      columns_only = true;
      create->column_names = ParseColumnIdList();
    } else if (!At(')')) {
      do {
        ParseTableElement(*create);
      } while (Accept(','));
    }
    Expect(')');
  } else if (!At(Keyword::kAs) && !At(Keyword::kUsing) && !At(Keyword::kWith) &&
             !At(Keyword::kOn) && !At(Keyword::kTablespace) && !At(Keyword::kWithout)) {
    FailSyntax();
    return nullptr;
  } else {
    columns_only = true;
  }
  ParseTableSuffix(*create);
  const bool may_query = columns_only || (create->columns.empty() && create->constraints.empty());
  if (may_query && At(Keyword::kAs) && (columns_only || create->column_names.empty())) {
    Advance();
    if (At(Keyword::kExecute)) {
      FailUnsupported(token().position, "CREATE TABLE … AS EXECUTE");
      return nullptr;
    }
    create->as_query = ParseQuery();
    if (AcceptAll({Keyword::kWith, Keyword::kNo, Keyword::kData})) {
      create->with_no_data = true;
    } else {
      AcceptAll({Keyword::kWith, Keyword::kData});
    }
  } else if (columns_only) {
    FailSyntax();
  }
  return create;
}

void Grammar::ParseTableSuffix(CreateTableStatement& create) {
  if (At(Keyword::kInherits)) {
    FailUnsupported(token().position, "INHERITS");
  } else if (At(Keyword::kPartition)) {
    FailUnsupported(token().position, "PARTITION BY");
  } else if (At(Keyword::kUsing)) {
    FailUnsupported(token().position, "a table access method");
  }
  if (At(Keyword::kWith) && PeekIs(1, '(')) {
    Advance();
    create.options = ParseOptionList();
  } else if (At(Keyword::kWithout)) {
    FailUnsupported(token().position, "WITHOUT OIDS");
  }
  if (At(Keyword::kOn)) {
    FailUnsupported(token().position, "ON COMMIT");
  } else if (At(Keyword::kTablespace)) {
    FailUnsupported(token().position, "TABLESPACE");
  }
}

bool Grammar::AtTableConstraint() const {
  switch (token().keyword) {
    case Keyword::kConstraint:
    case Keyword::kCheck:
    case Keyword::kUnique:
    case Keyword::kPrimary:
    case Keyword::kForeign:
      return true;
    default:
      return false;
  }
}

void Grammar::ParseTableElement(CreateTableStatement& create) {
  if (At(Keyword::kLike) || At(Keyword::kExclude)) {
    if (At(Keyword::kLike) || PeekIs(1, '(') || PeekIs(1, Keyword::kUsing)) {
      FailUnsupported(token().position,
                      absl::StrCat(absl::AsciiStrToUpper(token().raw), " in CREATE TABLE"));
      return;
    }
  }
  if (AtTableConstraint()) {
    create.constraints.push_back(ParseTableConstraint());
  } else {
    create.columns.push_back(ParseColumnDefinition());
  }
}

ColumnDefinition Grammar::ParseColumnDefinition() {
  ColumnDefinition column;
  column.position = token().position;
  column.name = ParseColumnId();
  column.type = ParseTypeName();
  if (At(Keyword::kCompression)) FailUnsupported(token().position, "COMPRESSION");
  if (At(Keyword::kOptions)) FailUnsupported(token().position, "OPTIONS of a column");
  while (ParseColumnConstraint(column)) {
  }
  return column;
}

bool Grammar::ParseColumnConstraint(ColumnDefinition& column) {
  Constraint constraint;
  constraint.position = token().position;
  if (Accept(Keyword::kCollate)) {
    if (!column.collation.empty()) {
      Fail(Error(sqlstate::kSyntaxError, constraint.position,
                 "multiple COLLATE clauses not allowed"));
      return false;
    }
    column.collation = ParseQualifiedName();
    return true;
  }
  const bool named = Accept(Keyword::kConstraint);
  if (named) constraint.name = ParseColumnId();
  switch (token().keyword) {
    case Keyword::kNot:
      if (!named && (PeekIs(1, Keyword::kDeferrable))) {
        if (column.constraints.empty()) {
          Fail(Error(sqlstate::kSyntaxError, token().position, "misplaced NOT DEFERRABLE clause"));
          return false;
        }
        ParseConstraintAttributes(column.constraints.back());
        return true;
      }
      Advance();
      Expect(Keyword::kNull);
      constraint.type = ConstraintType::kNotNull;
      break;
    case Keyword::kNull:
      Advance();
      constraint.type = ConstraintType::kNull;
      break;
    case Keyword::kUnique:
      Advance();
      constraint.type = ConstraintType::kUnique;
      if (AcceptAll({Keyword::kNulls, Keyword::kNot, Keyword::kDistinct})) {
        constraint.nulls_not_distinct = true;
      } else {
        AcceptAll({Keyword::kNulls, Keyword::kDistinct});
      }
      ParseIndexConstraintSuffix(constraint);
      break;
    case Keyword::kPrimary:
      Advance();
      Expect(Keyword::kKey);
      constraint.type = ConstraintType::kPrimaryKey;
      ParseIndexConstraintSuffix(constraint);
      break;
    case Keyword::kCheck:
      Advance();
      constraint.type = ConstraintType::kCheck;
      Expect('(');
      constraint.expression = ParseExpression();
      Expect(')');
      constraint.no_inherit = AcceptAll({Keyword::kNo, Keyword::kInherit});
      break;
    case Keyword::kDefault:
      Advance();
      constraint.type = ConstraintType::kDefault;
      constraint.expression = ParseRestrictedExpression();
      break;
    case Keyword::kGenerated: {
      Advance();
      constraint.identity_always = Accept(Keyword::kAlways);
      if (!constraint.identity_always) {
        Expect(Keyword::kBy);
        Expect(Keyword::kDefault);
      }
      Expect(Keyword::kAs);
      if (Accept(Keyword::kIdentity)) {
        constraint.type = ConstraintType::kIdentity;
        if (Accept('(')) {
          constraint.identity_options =
              std::make_shared<SequenceClauses>(ParseSequenceClauses(/*is_alter=*/false));
          Expect(')');
        }
        break;
      }
      constraint.type = ConstraintType::kGenerated;
      const Position open = token().position;
      Expect('(');
      constraint.expression = ParseExpression();
      Expect(')');
      Expect(Keyword::kStored);
      if (!constraint.identity_always) {
        Fail(Error(sqlstate::kSyntaxError, open,
                   "for a generated column, GENERATED ALWAYS must be specified"));
      }
      break;
    }
    case Keyword::kReferences:
      ParseReferences(constraint);
      break;
    case Keyword::kDeferrable:
    case Keyword::kInitially:
      if (named) break;
      if (column.constraints.empty()) {
        Fail(Error(sqlstate::kSyntaxError, token().position, "misplaced DEFERRABLE clause"));
        return false;
      }
      ParseConstraintAttributes(column.constraints.back());
      return true;
    default:
      if (named) FailSyntax();
      return false;
  }
  column.constraints.push_back(std::move(constraint));
  return true;
}

void Grammar::ParseConstraintAttributes(Constraint& constraint) {
  for (;;) {
    const Position position = token().position;
    const bool is_deferred = AcceptAll({Keyword::kInitially, Keyword::kDeferred});
    if (is_deferred || Accept(Keyword::kDeferrable)) {
      if (constraint.type != ConstraintType::kForeignKey &&
          constraint.type != ConstraintType::kUnique &&
          constraint.type != ConstraintType::kPrimaryKey) {
        Fail(Error(sqlstate::kSyntaxError, position, "misplaced DEFERRABLE clause"));
        return;
      }
      constraint.deferrable_position = position;
      constraint.initially_deferred = constraint.initially_deferred || is_deferred;
    } else if (AcceptAll({Keyword::kNot, Keyword::kDeferrable}) ||
               AcceptAll({Keyword::kInitially, Keyword::kImmediate})) {
      // What holds without the words, too.
      if (constraint.type != ConstraintType::kForeignKey &&
          constraint.type != ConstraintType::kUnique &&
          constraint.type != ConstraintType::kPrimaryKey) {
        Fail(Error(sqlstate::kSyntaxError, position, "misplaced NOT DEFERRABLE clause"));
        return;
      }
    } else if (constraint.type == ConstraintType::kForeignKey &&
               AcceptAll({Keyword::kNot, Keyword::kValid})) {
      constraint.not_valid = true;
    } else {
      return;
    }
  }
}

void Grammar::ParseIndexConstraintSuffix(Constraint& constraint) {
  if (At(Keyword::kWith) && PeekIs(1, '(')) {
    Advance();
    constraint.options = ParseOptionList();
  }
  if (At(Keyword::kUsing) && PeekIs(1, Keyword::kIndex)) {
    FailUnsupported(token().position, "USING INDEX");
  }
}

// At REFERENCES.
void Grammar::ParseReferences(Constraint& constraint) {
  constraint.type = ConstraintType::kForeignKey;
  Expect(Keyword::kReferences);
  constraint.references = ParseQualifiedName();
  if (At('(')) constraint.reference_columns = ParseParenthesisedColumnIds();
  if (Accept(Keyword::kMatch)) {
    if (!At(Keyword::kFull) && !At(Keyword::kSimple)) {
      if (At(Keyword::kPartial)) {
        FailUnsupported(token().position, "MATCH PARTIAL");
      } else {
        FailSyntax();
      }
      return;
    }
    constraint.match = TakeIdentifier().name;
  }
  while (At(Keyword::kOn) && (PeekIs(1, Keyword::kDelete) || PeekIs(1, Keyword::kUpdate))) {
    Advance();
    std::string& action = At(Keyword::kDelete) ? constraint.on_delete : constraint.on_update;
    if (!action.empty()) {
      FailSyntax();
      return;
    }
    Advance();
    if (AcceptAll({Keyword::kNo, Keyword::kAction})) {
      action = "no action";
    } else if (Accept(Keyword::kRestrict)) {
      action = "restrict";
    } else if (Accept(Keyword::kCascade)) {
      action = "cascade";
    } else if (AcceptAll({Keyword::kSet, Keyword::kNull})) {
      action = "set null";
    } else if (AcceptAll({Keyword::kSet, Keyword::kDefault})) {
      action = "set default";
    } else {
      FailSyntax();
      return;
    }
    if (At('(')) FailUnsupported(token().position, "a column list of SET NULL or SET DEFAULT");
  }
}

Constraint Grammar::ParseTableConstraint() {
  Constraint constraint;
  constraint.position = token().position;
  if (Accept(Keyword::kConstraint)) constraint.name = ParseColumnId();
  switch (token().keyword) {
    case Keyword::kCheck:
      Advance();
      constraint.type = ConstraintType::kCheck;
      Expect('(');
      constraint.expression = ParseExpression();
      Expect(')');
      for (;;) {
        if (AcceptAll({Keyword::kNo, Keyword::kInherit})) {
          constraint.no_inherit = true;
        } else if (AcceptAll({Keyword::kNot, Keyword::kValid})) {
          constraint.not_valid = true;
        } else {
          break;
        }
      }
      return constraint;
    case Keyword::kUnique:
    case Keyword::kPrimary:
      if (Accept(Keyword::kUnique)) {
        constraint.type = ConstraintType::kUnique;
        if (AcceptAll({Keyword::kNulls, Keyword::kNot, Keyword::kDistinct})) {
          constraint.nulls_not_distinct = true;
        } else {
          AcceptAll({Keyword::kNulls, Keyword::kDistinct});
        }
      } else {
        Advance();
        Expect(Keyword::kKey);
        constraint.type = ConstraintType::kPrimaryKey;
      }
      if (At(Keyword::kUsing) && PeekIs(1, Keyword::kIndex)) {
        FailUnsupported(token().position, "USING INDEX");
        return constraint;
      }
      constraint.columns = ParseParenthesisedColumnIds();
      if (Accept(Keyword::kInclude)) constraint.include = ParseParenthesisedColumnIds();
      ParseIndexConstraintSuffix(constraint);
      break;
    case Keyword::kForeign:
      Advance();
      Expect(Keyword::kKey);
      constraint.columns = ParseParenthesisedColumnIds();
      ParseReferences(constraint);
      break;
    case Keyword::kExclude:
      FailUnsupported(token().position, "EXCLUDE");
      return constraint;
    default:
      FailSyntax();
      return constraint;
  }
  ParseConstraintAttributes(constraint);
  return constraint;
}

// CREATE INDEX, VIEW, EXTENSION ------------------------------------------------------------------

StatementPtr Grammar::ParseCreateIndex(Position position, bool unique) {
  auto create = std::make_unique<CreateIndexStatement>(position);
  create->unique = unique;
  Expect(Keyword::kIndex);
  create->concurrently = Accept(Keyword::kConcurrently);
  create->if_not_exists = ParseIfNotExists();
  if (create->if_not_exists || !At(Keyword::kOn)) create->name.parts.push_back(ParseColumnId());
  Expect(Keyword::kOn);
  create->table = ParseTargetTable(create->only);
  if (Accept(Keyword::kUsing)) create->method = ParseColumnId();
  Expect('(');
  do {
    create->elements.push_back(ParseIndexElement());
  } while (Accept(','));
  Expect(')');
  if (Accept(Keyword::kInclude)) create->include = ParseParenthesisedColumnIds();
  if (AcceptAll({Keyword::kNulls, Keyword::kNot, Keyword::kDistinct})) {
    create->nulls_not_distinct = true;
  } else {
    AcceptAll({Keyword::kNulls, Keyword::kDistinct});
  }
  if (Accept(Keyword::kWith)) create->options = ParseOptionList();
  if (At(Keyword::kTablespace)) FailUnsupported(token().position, "TABLESPACE");
  create->where = ParseWhere();
  return create;
}

IndexElement Grammar::ParseIndexElement() {
  IndexElement element;
  element.position = token().position;
  if (At('(')) {
    Advance();
    element.expression = ParseExpression();
    Expect(')');
  } else if (IsColumnId(token()) && !PeekIs(1, '(') && !PeekIs(1, '.')) {
    auto column = std::make_unique<ColumnExpression>(element.position);
    column->name.parts.push_back(TakeIdentifier());
    element.expression = std::move(column);
  } else {
    const Token first = token();
    element.expression = ParsePrefix(false);
    if (element.expression == nullptr) return element;
    switch (element.expression->kind) {
      case ExpressionKind::kFunction:
        if (const auto& call = element.expression->As<FunctionExpression>();
            call.filter == nullptr && call.over == nullptr && call.within_group.empty()) {
          break;
        }
        [[fallthrough]];
      default:
        FailSyntaxAt(first);
        return element;
      case ExpressionKind::kCoalesce:
      case ExpressionKind::kSpecialValue:
        break;
    }
  }
  if (Accept(Keyword::kCollate)) element.collation = ParseQualifiedName();
  const bool nulls =
      At(Keyword::kNulls) && (PeekIs(1, Keyword::kFirst) || PeekIs(1, Keyword::kLast));
  if (IsColumnId(token()) && !nulls) {
    element.operator_class = ParseQualifiedName();
    if (At('(')) element.operator_class_options = ParseOptionList();
  }
  if (Accept(Keyword::kDesc)) {
    element.descending = true;
  } else {
    element.ascending = Accept(Keyword::kAsc);
  }
  element.nulls = ParseNullsOrder();
  return element;
}

StatementPtr Grammar::ParseCreateView(Position position, bool or_replace, bool temporary,
                                      bool recursive) {
  auto create = std::make_unique<CreateViewStatement>(position);
  create->or_replace = or_replace;
  create->temporary = temporary;
  create->recursive = recursive;
  Expect(Keyword::kView);
  create->name = ParseQualifiedName();
  if (recursive || At('(')) create->columns = ParseParenthesisedColumnIds();
  if (Accept(Keyword::kWith)) create->options = ParseOptionList();
  Expect(Keyword::kAs);
  create->query = ParseQuery();
  if (Accept(Keyword::kWith)) {
    create->check_option = "cascaded";
    if (Accept(Keyword::kLocal)) {
      create->check_option = "local";
    } else {
      Accept(Keyword::kCascaded);
    }
    Expect(Keyword::kCheck);
    Expect(Keyword::kOption);
  }
  return create;
}

StatementPtr Grammar::ParseCreateMaterializedView(Position position) {
  auto create = std::make_unique<CreateViewStatement>(position);
  create->materialized = true;
  Expect(Keyword::kView);
  create->if_not_exists = ParseIfNotExists();
  create->name = ParseQualifiedName();
  if (At('(')) create->columns = ParseParenthesisedColumnIds();
  if (At(Keyword::kUsing)) FailUnsupported(token().position, "a table access method");
  if (Accept(Keyword::kWith)) create->options = ParseOptionList();
  if (At(Keyword::kTablespace)) FailUnsupported(token().position, "TABLESPACE");
  Expect(Keyword::kAs);
  create->query = ParseQuery();
  if (AcceptAll({Keyword::kWith, Keyword::kNo, Keyword::kData})) {
    create->with_no_data = true;
  } else {
    AcceptAll({Keyword::kWith, Keyword::kData});
  }
  return create;
}

StatementPtr Grammar::ParseCreateExtension(Position position) {
  auto create = std::make_unique<CreateExtensionStatement>(position);
  Expect(Keyword::kExtension);
  create->if_not_exists = ParseIfNotExists();
  create->name = ParseColumnId();
  Accept(Keyword::kWith);
  for (;;) {
    if (Accept(Keyword::kSchema)) {
      create->schema = ParseColumnId();
    } else if (Accept(Keyword::kVersion)) {
      create->version = token().kind == TokenKind::kString ? ParseString() : ParseColumnId().name;
    } else if (Accept(Keyword::kCascade)) {
      create->cascade = true;
    } else {
      return create;
    }
  }
}

// SCHEMA, SEQUENCE, REINDEX, COMMENT ------------------------------------------------------------

StatementPtr Grammar::ParseCreateSchema(Position position) {
  auto create = std::make_unique<CreateSchemaStatement>(position);
  Expect(Keyword::kSchema);
  create->if_not_exists = ParseIfNotExists();
  if (At(Keyword::kAuthorization)) {
    FailUnsupported(token().position, "AUTHORIZATION");
    return nullptr;
  }
  create->name = ParseColumnId();
  if (At(Keyword::kAuthorization)) FailUnsupported(token().position, "AUTHORIZATION");
  if (At(Keyword::kCreate) || At(Keyword::kGrant)) {
    FailUnsupported(token().position, "an element of CREATE SCHEMA");
  }
  return create;
}

int64_t Grammar::ParseSequenceNumber() {
  const bool negative = AcceptOperator("-");
  if (!negative) AcceptOperator("+");
  int64_t value = 0;
  if (token().kind != TokenKind::kInteger ||
      !absl::SimpleAtoi(absl::StrCat(negative ? "-" : "", token().raw), &value)) {
    FailSyntax();
    return 0;
  }
  Advance();
  return value;
}

SequenceClauses Grammar::ParseSequenceClauses(bool is_alter) {
  SequenceClauses clauses;
  for (;;) {
    if (Accept(Keyword::kAs)) {
      clauses.type = ParseTypeName();
    } else if (Accept(Keyword::kIncrement)) {
      Accept(Keyword::kBy);
      clauses.increment = ParseSequenceNumber();
    } else if (Accept(Keyword::kMinvalue)) {
      clauses.min = ParseSequenceNumber();
    } else if (Accept(Keyword::kMaxvalue)) {
      clauses.max = ParseSequenceNumber();
    } else if (AcceptAll({Keyword::kNo, Keyword::kMinvalue})) {
      clauses.no_min = true;
    } else if (AcceptAll({Keyword::kNo, Keyword::kMaxvalue})) {
      clauses.no_max = true;
    } else if (Accept(Keyword::kStart)) {
      Accept(Keyword::kWith);
      clauses.start = ParseSequenceNumber();
    } else if (Accept(Keyword::kCache)) {
      clauses.cache = ParseSequenceNumber();
    } else if (Accept(Keyword::kCycle)) {
      clauses.cycle = true;
    } else if (AcceptAll({Keyword::kNo, Keyword::kCycle})) {
      clauses.cycle = false;
    } else if (AcceptAll({Keyword::kOwned, Keyword::kBy})) {
      clauses.owned_by = ParseQualifiedName();
    } else if (is_alter && Accept(Keyword::kRestart)) {
      clauses.restart = true;
      const bool with = Accept(Keyword::kWith);
      if (with || AtOperator("-") || AtOperator("+") || token().kind == TokenKind::kInteger) {
        clauses.restart_value = ParseSequenceNumber();
      }
    } else {
      return clauses;
    }
  }
}

StatementPtr Grammar::ParseCreateSequence(Position position, bool temporary) {
  auto create = std::make_unique<CreateSequenceStatement>(position);
  create->temporary = temporary;
  Expect(Keyword::kSequence);
  create->if_not_exists = ParseIfNotExists();
  create->name = ParseQualifiedName();
  create->clauses = ParseSequenceClauses(/*is_alter=*/false);
  return create;
}

StatementPtr Grammar::ParseAlterSequence(Position position) {
  auto alter = std::make_unique<AlterSequenceStatement>(position);
  Expect(Keyword::kSequence);
  alter->if_exists = ParseIfExists();
  alter->name = ParseQualifiedName();
  if (AcceptAll({Keyword::kRename, Keyword::kTo})) {
    alter->new_name = ParseColumnId();
    return alter;
  }
  if (At(Keyword::kOwner) || At(Keyword::kSet)) {
    FailUnsupported(token().position,
                    absl::StrCat("ALTER SEQUENCE … ", absl::AsciiStrToUpper(token().raw)));
    return nullptr;
  }
  const Token first = token();
  alter->clauses = ParseSequenceClauses(/*is_alter=*/true);
  if (token().position == first.position) FailSyntax();
  return alter;
}

StatementPtr Grammar::ParseReindex() {
  auto reindex = std::make_unique<ReindexStatement>(token().position);
  Advance();
  if (At('(')) reindex->options = ParseOptionList();
  if (Accept(Keyword::kIndex)) {
    reindex->target = ReindexTarget::kIndex;
  } else if (Accept(Keyword::kTable)) {
    reindex->target = ReindexTarget::kTable;
  } else if (Accept(Keyword::kSchema)) {
    reindex->target = ReindexTarget::kSchema;
  } else if (Accept(Keyword::kDatabase)) {
    reindex->target = ReindexTarget::kDatabase;
  } else if (At(Keyword::kSystem)) {
    FailUnsupported(token().position, "REINDEX SYSTEM");
    return nullptr;
  } else {
    FailSyntax();
    return nullptr;
  }
  reindex->concurrently = Accept(Keyword::kConcurrently);
  reindex->name = ParseQualifiedName();
  return reindex;
}

StatementPtr Grammar::ParseComment() {
  auto comment = std::make_unique<CommentStatement>(token().position);
  Advance();
  Expect(Keyword::kOn);
  const Position position = token().position;
  switch (token().keyword) {
    case Keyword::kTable:
    case Keyword::kColumn:
    case Keyword::kIndex:
    case Keyword::kView:
    case Keyword::kSequence:
    case Keyword::kSchema:
    case Keyword::kConstraint:
    case Keyword::kExtension:
    case Keyword::kDatabase:
      comment->object = absl::AsciiStrToLower(token().raw);
      Advance();
      break;
    default:
      FailUnsupported(position, absl::StrCat("COMMENT ON ", absl::AsciiStrToUpper(token().raw)));
      return nullptr;
  }
  comment->name = ParseQualifiedName();
  if (comment->object == "constraint") {
    Expect(Keyword::kOn);
    comment->of = ParseQualifiedName();
  }
  Expect(Keyword::kIs);
  if (!Accept(Keyword::kNull)) comment->text = ParseString();
  return comment;
}

// DROP, TRUNCATE ---------------------------------------------------------------------------------

StatementPtr Grammar::ParseDrop() {
  auto drop = std::make_unique<DropStatement>(token().position);
  Advance();
  switch (token().keyword) {
    case Keyword::kTable:
      drop->object = ObjectType::kTable;
      break;
    case Keyword::kIndex:
      drop->object = ObjectType::kIndex;
      break;
    case Keyword::kView:
      drop->object = ObjectType::kView;
      break;
    case Keyword::kSequence:
      drop->object = ObjectType::kSequence;
      break;
    case Keyword::kSchema:
      drop->object = ObjectType::kSchema;
      break;
    case Keyword::kExtension:
      drop->object = ObjectType::kExtension;
      break;
    case Keyword::kType:
      drop->object = ObjectType::kType;
      break;
    case Keyword::kMaterialized:
      if (PeekIs(1, Keyword::kView)) {
        drop->object = ObjectType::kMaterializedView;
        Advance();
        break;
      }
      FailSyntax();
      return nullptr;
    case Keyword::kAccess:
    case Keyword::kAggregate:
    case Keyword::kCast:
    case Keyword::kCollation:
    case Keyword::kConversion:
    case Keyword::kDatabase:
    case Keyword::kDomain:
    case Keyword::kEvent:
    case Keyword::kForeign:
    case Keyword::kFunction:
    case Keyword::kGroup:
    case Keyword::kLanguage:
    case Keyword::kOperator:
    case Keyword::kOwned:
    case Keyword::kPolicy:
    case Keyword::kProcedure:
    case Keyword::kPublication:
    case Keyword::kRole:
    case Keyword::kRoutine:
    case Keyword::kRule:
    case Keyword::kServer:
    case Keyword::kStatistics:
    case Keyword::kSubscription:
    case Keyword::kTablespace:
    case Keyword::kText:
    case Keyword::kTransform:
    case Keyword::kTrigger:
    case Keyword::kUser:
      FailUnsupported(token().position, absl::StrCat("DROP ", absl::AsciiStrToUpper(token().raw)));
      return nullptr;
    default:
      for (const absl::string_view word : {"model", "stream", "consumer"}) {
        if (AtWord(word)) {
          FailUnsupported(token().position, absl::StrCat("DROP ", absl::AsciiStrToUpper(word)));
          return nullptr;
        }
      }
      FailSyntax();
      return nullptr;
  }
  Advance();
  if (drop->object == ObjectType::kIndex) drop->concurrently = Accept(Keyword::kConcurrently);
  drop->if_exists = ParseIfExists();
  do {
    drop->names.push_back(ParseQualifiedName());
  } while (Accept(','));
  drop->behavior = ParseDropBehavior();
  return drop;
}

StatementPtr Grammar::ParseTruncate() {
  auto truncate = std::make_unique<TruncateStatement>(token().position);
  Advance();
  Accept(Keyword::kTable);
  do {
    bool only = false;
    truncate->tables.push_back(ParseTargetTable(only));
    truncate->only = truncate->only || only;
  } while (Accept(','));
  if (AcceptAll({Keyword::kRestart, Keyword::kIdentity})) {
    truncate->restart_identity = true;
  } else {
    AcceptAll({Keyword::kContinue, Keyword::kIdentity});
  }
  truncate->behavior = ParseDropBehavior();
  return truncate;
}

// ALTER ------------------------------------------------------------------------------------------

StatementPtr Grammar::ParseAlter() {
  auto alter = std::make_unique<AlterTableStatement>(token().position);
  Advance();
  switch (token().keyword) {
    case Keyword::kTable:
      break;
    case Keyword::kIndex:
      alter->object = ObjectType::kIndex;
      break;
    case Keyword::kView:
      alter->object = ObjectType::kView;
      break;
    case Keyword::kSequence:
      return ParseAlterSequence(alter->position);
    default:
      if (token().kind == TokenKind::kKeyword || AtWord("model") || AtWord("stream")) {
        FailUnsupported(token().position,
                        absl::StrCat("ALTER ", absl::AsciiStrToUpper(token().raw)));
      } else {
        FailSyntax();
      }
      return nullptr;
  }
  Advance();
  if (At(Keyword::kAll)) {
    FailUnsupported(token().position, "ALTER … ALL IN TABLESPACE");
    return nullptr;
  }
  alter->if_exists = ParseIfExists();
  alter->table = ParseTargetTable(alter->only);
  const bool alone = At(Keyword::kRename) || (At(Keyword::kSet) && PeekIs(1, Keyword::kSchema));
  do {
    alter->actions.push_back(ParseAlterAction(alter->object));
  } while (!alone && Accept(','));
  return alter;
}

AlterTableAction Grammar::ParseAlterAction(ObjectType object) {
  AlterTableAction action;
  action.position = token().position;
  if (Accept(Keyword::kRename)) {
    if (Accept(Keyword::kTo)) {
      action.action = AlterAction::kRenameTable;
    } else if (object == ObjectType::kTable && Accept(Keyword::kConstraint)) {
      action.action = AlterAction::kRenameConstraint;
      action.name = ParseColumnId();
      Expect(Keyword::kTo);
    } else if (object != ObjectType::kIndex) {
      action.action = AlterAction::kRenameColumn;
      Accept(Keyword::kColumn);
      action.name = ParseColumnId();
      Expect(Keyword::kTo);
    } else {
      FailSyntax();
    }
    action.new_name = ParseColumnId();
    return action;
  }
  if (At(Keyword::kSet) && PeekIs(1, '(')) {
    action.action = AlterAction::kSetOptions;
    Advance();
    action.options = ParseOptionList();
    return action;
  }
  if (At(Keyword::kReset) && PeekIs(1, '(')) {
    action.action = AlterAction::kResetOptions;
    Advance();
    action.options = ParseOptionList();
    return action;
  }
  if (object != ObjectType::kIndex && At(Keyword::kSet) && PeekIs(1, Keyword::kSchema)) {
    action.action = AlterAction::kSetSchema;
    Advance();
    Advance();
    action.new_name = ParseColumnId();
    return action;
  }
  if (object == ObjectType::kTable) {
    if (Accept(Keyword::kAdd)) {
      if (AtTableConstraint()) {
        action.action = AlterAction::kAddConstraint;
        action.constraint = ParseTableConstraint();
        return action;
      }
      action.action = AlterAction::kAddColumn;
      Accept(Keyword::kColumn);
      action.if_not_exists = ParseIfNotExists();
      action.column = ParseColumnDefinition();
      return action;
    }
    if (Accept(Keyword::kDrop)) {
      if (Accept(Keyword::kConstraint)) {
        action.action = AlterAction::kDropConstraint;
      } else {
        action.action = AlterAction::kDropColumn;
        Accept(Keyword::kColumn);
      }
      action.if_exists = ParseIfExists();
      action.name = ParseColumnId();
      action.behavior = ParseDropBehavior();
      return action;
    }
    if (At(Keyword::kAlter) && !PeekIs(1, Keyword::kConstraint)) {
      Advance();
      ParseAlterColumn(action);
      return action;
    }
  }
  switch (token().keyword) {
    case Keyword::kAlter:
    case Keyword::kAttach:
    case Keyword::kCluster:
    case Keyword::kDepends:
    case Keyword::kDetach:
    case Keyword::kDisable:
    case Keyword::kEnable:
    case Keyword::kForce:
    case Keyword::kInherit:
    case Keyword::kNo:
    case Keyword::kNot:
    case Keyword::kOf:
    case Keyword::kOptions:
    case Keyword::kOwner:
    case Keyword::kReplica:
    case Keyword::kSet:
    case Keyword::kValidate:
      FailUnsupported(token().position,
                      absl::StrCat("ALTER … ", absl::AsciiStrToUpper(token().raw)));
      break;
    default:
      FailSyntax();
  }
  return action;
}

// After ALTER TABLE t ALTER.
void Grammar::ParseAlterColumn(AlterTableAction& action) {
  Accept(Keyword::kColumn);
  action.name = ParseColumnId();
  const Position position = token().position;
  if (AcceptAll({Keyword::kSet, Keyword::kDefault})) {
    action.action = AlterAction::kSetDefault;
    action.expression = ParseExpression();
  } else if (AcceptAll({Keyword::kDrop, Keyword::kDefault})) {
    action.action = AlterAction::kDropDefault;
  } else if (AcceptAll({Keyword::kSet, Keyword::kNot, Keyword::kNull})) {
    action.action = AlterAction::kSetNotNull;
  } else if (AcceptAll({Keyword::kDrop, Keyword::kNot, Keyword::kNull})) {
    action.action = AlterAction::kDropNotNull;
  } else if (AcceptAll({Keyword::kDrop, Keyword::kExpression})) {
    action.action = AlterAction::kDropExpression;
    action.if_exists = ParseIfExists();
  } else if (At(Keyword::kType) ||
             (At(Keyword::kSet) && PeekIs(1, Keyword::kData) && PeekIs(2, Keyword::kType))) {
    if (Accept(Keyword::kSet)) Advance();
    Advance();
    action.action = AlterAction::kSetType;
    action.type = ParseTypeName();
    if (At(Keyword::kCollate)) FailUnsupported(token().position, "COLLATE in ALTER COLUMN");
    if (Accept(Keyword::kUsing)) action.expression = ParseExpression();
  } else if (At(Keyword::kSet) || At(Keyword::kReset) || At(Keyword::kAdd) || At(Keyword::kDrop) ||
             At(Keyword::kRestart)) {
    FailUnsupported(position, absl::StrCat("ALTER COLUMN … ", absl::AsciiStrToUpper(token().raw),
                                           " ", absl::AsciiStrToUpper(Peek(1).raw)));
  } else {
    FailSyntax();
  }
}

}  // namespace kyrodb::sql
