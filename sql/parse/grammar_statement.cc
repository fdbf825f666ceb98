// Statements that change rows, and everything that is neither a query nor a definition.
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sql/parse/grammar.h"

namespace kyrodb::sql {

void Grammar::ParseScript(std::vector<ParsedStatement>& statements) {
  while (status_.ok()) {
    while (Accept(';')) {
    }
    if (AtEnd()) return;
    ParsedStatement parsed;
    parsed.begin = token().offset;
    parameter_count_ = 0;
    height_ = 0;
    parsed.statement = ParseStatement();
    if (!status_.ok()) return;
    parsed.end = previous_end_;
    parsed.parameter_count = parameter_count_;
    statements.push_back(std::move(parsed));
    if (!At(';') && !AtEnd()) FailSyntax();
  }
}

StatementPtr Grammar::ParseStatement() {
  const Scope scope(*this);
  const Position position = token().position;
  switch (token().keyword) {
    case Keyword::kSelect:
    case Keyword::kValues:
    case Keyword::kTable:
      return ParseQuery();
    case Keyword::kWith: {
      WithPtr with = ParseWith();
      return ParseWithStatement(std::move(with), position);
    }
    case Keyword::kInsert:
      return ParseInsert(nullptr);
    case Keyword::kUpdate:
      return ParseUpdate(nullptr);
    case Keyword::kDelete:
      return ParseDelete(nullptr);
    case Keyword::kCreate:
      return ParseCreate();
    case Keyword::kDrop:
      return ParseDrop();
    case Keyword::kAlter:
      return ParseAlter();
    case Keyword::kTruncate:
      return ParseTruncate();
    case Keyword::kBegin:
    case Keyword::kStart:
    case Keyword::kCommit:
    case Keyword::kEnd:
    case Keyword::kRollback:
    case Keyword::kAbort:
    case Keyword::kSavepoint:
    case Keyword::kRelease:
      return ParseTransaction();
    case Keyword::kExplain:
      return ParseExplain();
    case Keyword::kSet:
      return ParseSet();
    case Keyword::kReset:
      return ParseReset();
    case Keyword::kShow:
      return ParseShow();
    case Keyword::kCheckpoint:
      Advance();
      return std::make_unique<CheckpointStatement>(position);
    case Keyword::kVacuum:
      return ParseVacuum();
    case Keyword::kAnalyze:
    case Keyword::kAnalyse:
      return ParseAnalyze();
    case Keyword::kCopy:
      return ParseCopy();
    case Keyword::kDeclare:
      return ParseDeclare();
    case Keyword::kFetch:
    case Keyword::kMove:
      return ParseFetch();
    case Keyword::kClose:
      return ParseClose();
    case Keyword::kPrepare:
      return ParsePrepare();
    case Keyword::kExecute:
      return ParseExecute();
    case Keyword::kDeallocate:
      return ParseDeallocate();
    case Keyword::kDiscard:
      return ParseDiscard();
    case Keyword::kListen:
    case Keyword::kUnlisten:
    case Keyword::kNotify:
      return ParseListen();
    case Keyword::kReindex:
      return ParseReindex();
    case Keyword::kComment:
      return ParseComment();
    default:
      if (At('(')) return ParseQuery();
      return RefuseStatement();
  }
}

// What PostgreSQL or DESIGN.md knows and this grammar does not, by its first word.
StatementPtr Grammar::RefuseStatement() {
  switch (token().keyword) {
    case Keyword::kCall:
    case Keyword::kCluster:
    case Keyword::kDo:
    case Keyword::kGrant:
    case Keyword::kImport:
    case Keyword::kLoad:
    case Keyword::kLock:
    case Keyword::kMerge:
    case Keyword::kReassign:
    case Keyword::kRefresh:
    case Keyword::kRevoke:
    case Keyword::kSecurity:
      FailUnsupported(token().position, absl::AsciiStrToUpper(token().raw));
      return nullptr;
    default:
      break;
  }
  for (const absl::string_view word : {"retrain", "subscribe", "append", "ack"}) {
    if (AtWord(word)) {
      FailUnsupported(token().position, absl::AsciiStrToUpper(word));
      return nullptr;
    }
  }
  FailSyntax();
  return nullptr;
}

StatementPtr Grammar::ParseWithStatement(WithPtr with, Position position) {
  StatementPtr statement;
  switch (token().keyword) {
    case Keyword::kInsert:
      statement = ParseInsert(std::move(with));
      break;
    case Keyword::kUpdate:
      statement = ParseUpdate(std::move(with));
      break;
    case Keyword::kDelete:
      statement = ParseDelete(std::move(with));
      break;
    case Keyword::kMerge:
      return RefuseStatement();
    default:
      return ParseQueryWith(std::move(with), position);
  }
  if (statement != nullptr) statement->position = position;
  return statement;
}

// INSERT, UPDATE, DELETE -------------------------------------------------------------------------

QualifiedName Grammar::ParseTargetTable(bool& only) {
  only = Accept(Keyword::kOnly);
  const bool parenthesised = only && Accept('(');
  QualifiedName name = ParseQualifiedName();
  if (parenthesised) Expect(')');
  if (AtOperator("*")) FailUnsupported(token().position, "table inheritance (*)");
  return name;
}

ExpressionPtr Grammar::ParseWhere() {
  if (!Accept(Keyword::kWhere)) return nullptr;
  if (At(Keyword::kCurrent) && PeekIs(1, Keyword::kOf)) {
    FailUnsupported(token().position, "WHERE CURRENT OF");
    return nullptr;
  }
  return ParseExpression();
}

std::vector<SelectItem> Grammar::ParseReturning() {
  if (!Accept(Keyword::kReturning)) return {};
  return ParseSelectList();
}

StatementPtr Grammar::ParseInsert(WithPtr with) {
  auto insert = std::make_unique<InsertStatement>(token().position);
  insert->with = std::move(with);
  Advance();
  Expect(Keyword::kInto);
  insert->table = ParseQualifiedName();
  if (Accept(Keyword::kAs)) insert->alias = ParseColumnId();
  if (At('(') && !AtQueryStart(1) && !PeekIs(1, '(')) {
    Advance();
    do {
      insert->columns.push_back(ParseColumnId());
      if (At('.') || At('[')) {
        FailUnsupported(token().position, "assigning to a part of a column");
      }
    } while (Accept(','));
    Expect(')');
  }
  if (Accept(Keyword::kOverriding)) {
    insert->overriding = At(Keyword::kUser) ? Overriding::kUserValue : Overriding::kSystemValue;
    if (!Accept(Keyword::kUser)) Expect(Keyword::kSystem);
    Expect(Keyword::kValue);
  }
  if (At(Keyword::kDefault) && insert->columns.empty() && insert->overriding == Overriding::kNone) {
    Advance();
    Expect(Keyword::kValues);
  } else if (At('(') || AtQueryStart()) {
    insert->source = ParseQuery();
  } else {
    FailSyntax();
  }
  if (AcceptAll({Keyword::kOn, Keyword::kConflict})) ParseOnConflict(insert->on_conflict);
  insert->returning = ParseReturning();
  return insert;
}

void Grammar::ParseOnConflict(OnConflict& conflict) {
  conflict.position = token().position;
  if (Accept('(')) {
    do {
      IndexElement element = ParseIndexElement();
      if (!element.collation.empty() || !element.operator_class.empty()) {
        FailUnsupported(element.position, "COLLATE or an operator class in ON CONFLICT");
      } else if (element.ascending || element.descending || element.nulls != NullsOrder::kDefault) {
        Fail(Error(sqlstate::kInvalidColumnReference, element.position,
                   "ASC/DESC and NULLS FIRST/LAST are not allowed in ON CONFLICT clause"));
      }
      conflict.targets.push_back(std::move(element.expression));
    } while (Accept(','));
    Expect(')');
    conflict.target_where = ParseWhere();
  } else if (Accept(Keyword::kOn)) {
    Expect(Keyword::kConstraint);
    conflict.constraint = ParseColumnId();
  }
  Expect(Keyword::kDo);
  if (Accept(Keyword::kNothing)) {
    conflict.action = ConflictAction::kNothing;
    return;
  }
  const Position position = token().position;
  Expect(Keyword::kUpdate);
  Expect(Keyword::kSet);
  conflict.action = ConflictAction::kUpdate;
  conflict.set = ParseSetList();
  conflict.where = ParseWhere();
  if (conflict.targets.empty() && conflict.constraint.name.empty()) {
    Fail(WithHint(Error(sqlstate::kSyntaxError, position,
                        "ON CONFLICT DO UPDATE requires inference specification or constraint "
                        "name"),
                  "For example, ON CONFLICT (column_name)."));
  }
}

std::vector<Assignment> Grammar::ParseSetList() {
  std::vector<Assignment> list;
  const auto column = [this] {
    Identifier name = ParseColumnId();
    if (At('.') || At('[')) {
      FailUnsupported(token().position, "assigning to a part of a column");
    }
    return name;
  };
  do {
    Assignment assignment;
    assignment.position = token().position;
    if (Accept('(')) {
      assignment.parenthesised = true;
      do {
        assignment.columns.push_back(column());
      } while (Accept(','));
      Expect(')');
    } else {
      assignment.columns.push_back(column());
    }
    if (!AcceptOperator("=")) FailSyntax();
    assignment.value = ParseExpression();
    list.push_back(std::move(assignment));
  } while (Accept(','));
  return list;
}

StatementPtr Grammar::ParseUpdate(WithPtr with) {
  auto update = std::make_unique<UpdateStatement>(token().position);
  update->with = std::move(with);
  Advance();
  update->table = ParseTargetTable(update->only);
  if (Accept(Keyword::kAs)) {
    update->alias = ParseColumnId();
  } else if (IsColumnId(token()) && !At(Keyword::kSet)) {
    update->alias = TakeIdentifier();
  }
  Expect(Keyword::kSet);
  update->set = ParseSetList();
  if (Accept(Keyword::kFrom)) update->from = ParseFromList();
  update->where = ParseWhere();
  update->returning = ParseReturning();
  return update;
}

StatementPtr Grammar::ParseDelete(WithPtr with) {
  auto statement = std::make_unique<DeleteStatement>(token().position);
  statement->with = std::move(with);
  Advance();
  Expect(Keyword::kFrom);
  statement->table = ParseTargetTable(statement->only);
  if (Accept(Keyword::kAs)) {
    statement->alias = ParseColumnId();
  } else if (IsColumnId(token()) && !At(Keyword::kSet)) {
    statement->alias = TakeIdentifier();
  }
  if (Accept(Keyword::kUsing)) statement->using_tables = ParseFromList();
  statement->where = ParseWhere();
  statement->returning = ParseReturning();
  return statement;
}

// COPY -------------------------------------------------------------------------------------------

StatementPtr Grammar::ParseCopy() {
  auto copy = std::make_unique<CopyStatement>(token().position);
  Advance();
  if (At(Keyword::kBinary)) {
    FailUnsupported(token().position, "COPY BINARY; use COPY … WITH (FORMAT binary)");
    return nullptr;
  }
  if (Accept('(')) {
    copy->query = ParseStatement();
    if (copy->query != nullptr) {
      switch (copy->query->kind) {
        case StatementKind::kQuery:
        case StatementKind::kInsert:
        case StatementKind::kUpdate:
        case StatementKind::kDelete:
          break;
        default:
          Fail(Error(sqlstate::kSyntaxError, copy->query->position,
                     "COPY (…) takes SELECT, INSERT, UPDATE or DELETE"));
      }
    }
    Expect(')');
    Expect(Keyword::kTo);
  } else {
    copy->table = ParseQualifiedName();
    if (At('(')) copy->columns = ParseParenthesisedColumnIds();
    copy->from = Accept(Keyword::kFrom);
    if (!copy->from) Expect(Keyword::kTo);
  }
  copy->program = Accept(Keyword::kProgram);
  copy->file_position = token().position;
  if (!copy->program && (At(Keyword::kStdin) || At(Keyword::kStdout))) {
    Advance();
    copy->standard_stream = true;
  } else {
    copy->file = ParseString();
  }
  if (At(Keyword::kUsing) || At(Keyword::kDelimiters)) {
    FailUnsupported(token().position, "DELIMITERS; use WITH (DELIMITER …)");
    return nullptr;
  }
  ParseCopyOptions(*copy);
  if (At(Keyword::kWhere)) {
    if (!copy->from) {
      FailSyntax();
      return nullptr;
    }
    copy->where = ParseWhere();
  }
  return copy;
}

void Grammar::ParseCopyOptions(CopyStatement& copy) {
  Accept(Keyword::kWith);
  if (Accept('(')) {
    do {
      Option option;
      option.name = ParseLabel();
      if (AtOperator("*")) {
        option.value_position = token().position;
        option.value = "*";
        Advance();
      } else if (At('(')) {
        FailUnsupported(token().position, "a column list as an option of COPY");
      } else if (!At(',') && !At(')')) {
        ParseOptionValue(option);
      }
      copy.options.push_back(std::move(option));
    } while (Accept(','));
    Expect(')');
    return;
  }
  // The old spelling, turned into the new one.
  for (;;) {
    Option option;
    option.name.position = token().position;
    switch (token().keyword) {
      case Keyword::kBinary:
      case Keyword::kCsv:
        option.name.name = "format";
        option.value_position = token().position;
        option.value = TakeIdentifier().name;
        break;
      case Keyword::kHeader:
      case Keyword::kFreeze:
        option.name = TakeIdentifier();
        break;
      case Keyword::kDelimiter:
      case Keyword::kNull:
      case Keyword::kQuote:
      case Keyword::kEscape:
      case Keyword::kEncoding: {
        const bool takes_as = !At(Keyword::kEncoding);
        option.name = TakeIdentifier();
        if (takes_as) Accept(Keyword::kAs);
        option.value_position = token().position;
        option.value = ParseString();
        option.value_is_string = true;
        break;
      }
      case Keyword::kForce:
        FailUnsupported(token().position, "FORCE in COPY");
        return;
      default:
        return;
    }
    copy.options.push_back(std::move(option));
  }
}

// Transactions -----------------------------------------------------------------------------------

StatementPtr Grammar::ParseTransaction() {
  auto statement = std::make_unique<TransactionStatement>(token().position);
  const Keyword verb = token().keyword;
  Advance();
  const auto noise = [this] {
    if (!Accept(Keyword::kWork)) Accept(Keyword::kTransaction);
  };
  const auto chain = [&] {
    statement->chain_position = token().position;
    if (Accept(Keyword::kAnd)) {
      statement->and_chain = !Accept(Keyword::kNo);
      Expect(Keyword::kChain);
    }
  };
  switch (verb) {
    case Keyword::kStart:
      Expect(Keyword::kTransaction);
      statement->modes = ParseTransactionModes();
      break;
    case Keyword::kBegin:
      noise();
      statement->modes = ParseTransactionModes();
      break;
    case Keyword::kCommit:
    case Keyword::kEnd:
      statement->action = TransactionAction::kCommit;
      if (verb == Keyword::kCommit && At(Keyword::kPrepared)) {
        FailUnsupported(statement->position, "COMMIT PREPARED");
        return nullptr;
      }
      noise();
      chain();
      break;
    case Keyword::kRollback:
    case Keyword::kAbort:
      statement->action = TransactionAction::kRollback;
      if (verb == Keyword::kRollback && At(Keyword::kPrepared)) {
        FailUnsupported(statement->position, "ROLLBACK PREPARED");
        return nullptr;
      }
      noise();
      if (verb == Keyword::kRollback && Accept(Keyword::kTo)) {
        statement->action = TransactionAction::kRollbackToSavepoint;
        // The word SAVEPOINT may be left out, and may be the savepoint's name.
        if (At(Keyword::kSavepoint) && IsColumnId(Peek(1))) Advance();
        statement->savepoint = ParseColumnId();
      } else {
        chain();
      }
      break;
    case Keyword::kSavepoint:
      statement->action = TransactionAction::kSavepoint;
      statement->savepoint = ParseColumnId();
      break;
    default:  // RELEASE
      statement->action = TransactionAction::kReleaseSavepoint;
      if (At(Keyword::kSavepoint) && IsColumnId(Peek(1))) Advance();
      statement->savepoint = ParseColumnId();
      break;
  }
  return statement;
}

TransactionModes Grammar::ParseTransactionModes() {
  TransactionModes modes;
  bool comma = false;
  for (;;) {
    const Position position = token().position;
    if (AcceptAll({Keyword::kIsolation, Keyword::kLevel})) {
      modes.isolation_position = position;
      if (Accept(Keyword::kSerializable)) {
        modes.isolation = IsolationLevel::kSerializable;
      } else if (AcceptAll({Keyword::kRepeatable, Keyword::kRead})) {
        modes.isolation = IsolationLevel::kRepeatableRead;
      } else if (AcceptAll({Keyword::kRead, Keyword::kCommitted})) {
        modes.isolation = IsolationLevel::kReadCommitted;
      } else if (AcceptAll({Keyword::kRead, Keyword::kUncommitted})) {
        modes.isolation = IsolationLevel::kReadUncommitted;
      } else {
        FailSyntax();
      }
    } else if (AcceptAll({Keyword::kRead, Keyword::kOnly})) {
      modes.read_only = true;
    } else if (AcceptAll({Keyword::kRead, Keyword::kWrite})) {
      modes.read_only = false;
    } else if (Accept(Keyword::kDeferrable)) {
      modes.deferrable = true;
    } else if (AcceptAll({Keyword::kNot, Keyword::kDeferrable})) {
      modes.deferrable = false;
    } else {
      if (comma) FailSyntax();
      return modes;
    }
    comma = Accept(',');
  }
}

// EXPLAIN, SET, SHOW, VACUUM, ANALYZE ------------------------------------------------------------

bool ExplainStatement::analyze() const {
  bool on = false;
  for (const Option& option : options) {
    if (option.name.name != "analyze") continue;
    on = !option.value.has_value() ||
         !(absl::EqualsIgnoreCase(*option.value, "off") ||
           absl::EqualsIgnoreCase(*option.value, "false") || *option.value == "0");
  }
  return on;
}

StatementPtr Grammar::ParseExplain() {
  auto explain = std::make_unique<ExplainStatement>(token().position);
  Advance();
  const auto add = [&](absl::string_view name) {
    Option option;
    option.name = {std::string(name), token().position};
    explain->options.push_back(std::move(option));
    Advance();
  };
  if (At('(') && !AtQueryStart(1) && !PeekIs(1, '(')) {
    Advance();
    do {
      Option option;
      if (At(Keyword::kAnalyze) || At(Keyword::kAnalyse)) {
        option.name = {"analyze", token().position};
        Advance();
      } else {
        option.name = ParseLabel();
      }
      if (!At(',') && !At(')')) ParseOptionValue(option);
      explain->options.push_back(std::move(option));
    } while (Accept(','));
    Expect(')');
  } else {
    if (At(Keyword::kAnalyze) || At(Keyword::kAnalyse)) add("analyze");
    if (At(Keyword::kVerbose)) add("verbose");
  }
  const Token first = token();
  explain->statement = ParseStatement();
  if (explain->statement == nullptr) return explain;
  switch (explain->statement->kind) {
    case StatementKind::kQuery:
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
      break;
    case StatementKind::kCreateTable:
      if (explain->statement->As<CreateTableStatement>().as_query != nullptr) break;
      [[fallthrough]];
    default:
      FailSyntaxAt(first);
  }
  return explain;
}

Identifier Grammar::ParseSettingName() {
  Identifier name = ParseColumnId();
  while (Accept('.')) absl::StrAppend(&name.name, ".", ParseColumnId().name);
  return name;
}

SetValue Grammar::ParseSetValue() {
  SetValue value;
  value.position = token().position;
  if (token().kind == TokenKind::kString) {
    value.text = ParseString();
    value.is_string = true;
    return value;
  }
  if (token().kind == TokenKind::kKeyword || IsLabel(token())) {
    // TRUE, FALSE and ON are reserved words, but values here.
    const bool allowed = token().kind != TokenKind::kKeyword || At(Keyword::kTrue) ||
                         At(Keyword::kFalse) || At(Keyword::kOn) ||
                         InfoOf(token().keyword).category != KeywordCategory::kReserved;
    if (!allowed) {
      FailSyntax();
      return value;
    }
    value.text = TakeIdentifier().name;
    return value;
  }
  Option option;
  ParseOptionValue(option);
  value.text = option.value.value_or("");
  value.is_number = true;
  return value;
}

StatementPtr Grammar::ParseSet() {
  auto set = std::make_unique<SetStatement>(token().position);
  Advance();
  if (At(Keyword::kTransaction) || (At(Keyword::kLocal) && PeekIs(1, Keyword::kTransaction))) {
    if (Accept(Keyword::kLocal)) set->scope = SetScope::kLocal;
    Advance();
    set->is_transaction = true;
    if (At(Keyword::kSnapshot)) {
      FailUnsupported(token().position, "SET TRANSACTION SNAPSHOT");
      return nullptr;
    }
    const Token first = token();
    set->modes = ParseTransactionModes();
    if (!set->modes.isolation && !set->modes.read_only && !set->modes.deferrable) {
      FailSyntaxAt(first);
    }
    return set;
  }
  if (At(Keyword::kSession) && PeekIs(1, Keyword::kCharacteristics)) {
    Advance();
    Advance();
    Expect(Keyword::kAs);
    Expect(Keyword::kTransaction);
    set->is_transaction = true;
    set->is_session_characteristics = true;
    set->modes = ParseTransactionModes();
    return set;
  }
  // `SET local.x = …` and `SET session.x = …` are settings, too.
  if ((At(Keyword::kSession) || At(Keyword::kLocal)) && !PeekIs(1, '.') &&
      !PeekIs(1, Keyword::kTo) && !Peek(1).IsOperator("=")) {
    if (At(Keyword::kLocal)) set->scope = SetScope::kLocal;
    Advance();
  }
  const Position position = token().position;
  const bool assigns = PeekIs(1, Keyword::kTo) || Peek(1).IsOperator("=");
  if (At(Keyword::kTime) && PeekIs(1, Keyword::kZone)) {
    Advance();
    Advance();
    set->name = {"timezone", position};
    if (Accept(Keyword::kLocal) || Accept(Keyword::kDefault)) {
      set->to_default = true;
    } else if (At(Keyword::kInterval)) {
      FailUnsupported(token().position, "SET TIME ZONE INTERVAL");
    } else {
      set->values.push_back(ParseSetValue());
    }
    return set;
  }
  if (At(Keyword::kNames) && !assigns) {
    Advance();
    set->name = {"client_encoding", position};
    if (token().kind == TokenKind::kString) {
      set->values.push_back(ParseSetValue());
    } else {
      Accept(Keyword::kDefault);
      set->to_default = true;
    }
    return set;
  }
  if (!assigns && !PeekIs(1, '.')) {
    for (const Keyword keyword : {Keyword::kRole, Keyword::kAuthorization, Keyword::kConstraints,
                                  Keyword::kSchema, Keyword::kCatalog, Keyword::kXml}) {
      if (At(keyword) || (At(Keyword::kSession) && PeekIs(1, keyword))) {
        FailUnsupported(position, absl::StrCat("SET ", absl::AsciiStrToUpper(token().raw)));
        return nullptr;
      }
    }
  }
  set->name = ParseSettingName();
  if (At(Keyword::kFrom) && PeekIs(1, Keyword::kCurrent)) {
    FailUnsupported(token().position, "SET … FROM CURRENT");
    return nullptr;
  }
  if (!Accept(Keyword::kTo) && !AcceptOperator("=")) FailSyntax();
  if (Accept(Keyword::kDefault)) {
    set->to_default = true;
    return set;
  }
  do {
    set->values.push_back(ParseSetValue());
  } while (Accept(','));
  return set;
}

StatementPtr Grammar::ParseReset() {
  auto set = std::make_unique<SetStatement>(token().position);
  Advance();
  set->reset = true;
  set->to_default = true;
  const Position position = token().position;
  if (Accept(Keyword::kAll)) {
    set->name = {"all", position};
  } else if (AcceptAll({Keyword::kTime, Keyword::kZone})) {
    set->name = {"timezone", position};
  } else if (AcceptAll({Keyword::kTransaction, Keyword::kIsolation, Keyword::kLevel})) {
    set->name = {"transaction_isolation", position};
  } else if (At(Keyword::kSession) && PeekIs(1, Keyword::kAuthorization)) {
    FailUnsupported(position, "RESET SESSION AUTHORIZATION");
  } else {
    set->name = ParseSettingName();
  }
  return set;
}

StatementPtr Grammar::ParseShow() {
  auto show = std::make_unique<ShowStatement>(token().position);
  Advance();
  const Position position = token().position;
  if (Accept(Keyword::kAll)) {
    show->name = {"all", position};
  } else if (AcceptAll({Keyword::kTime, Keyword::kZone})) {
    show->name = {"timezone", position};
  } else if (AcceptAll({Keyword::kTransaction, Keyword::kIsolation, Keyword::kLevel})) {
    show->name = {"transaction_isolation", position};
  } else if (AcceptAll({Keyword::kSession, Keyword::kAuthorization})) {
    show->name = {"session_authorization", position};
  } else {
    show->name = ParseSettingName();
  }
  return show;
}

std::vector<VacuumTarget> Grammar::ParseVacuumTargets() {
  std::vector<VacuumTarget> targets;
  if (!IsColumnId(token())) return targets;
  do {
    VacuumTarget target;
    target.table = ParseQualifiedName();
    if (At('(')) target.columns = ParseParenthesisedColumnIds();
    targets.push_back(std::move(target));
  } while (Accept(','));
  return targets;
}

StatementPtr Grammar::ParseVacuum() {
  auto vacuum = std::make_unique<VacuumStatement>(token().position);
  Advance();
  const auto flag = [&](Keyword keyword, absl::string_view name) {
    if (!At(keyword)) return;
    Option option;
    option.name = {std::string(name), token().position};
    vacuum->options.push_back(std::move(option));
    Advance();
  };
  if (Accept('(')) {
    do {
      Option option;
      option.name = ParseLabel();
      if (option.name.name == "analyse") option.name.name = "analyze";
      if (!At(',') && !At(')')) ParseOptionValue(option);
      vacuum->options.push_back(std::move(option));
    } while (Accept(','));
    Expect(')');
  } else {
    flag(Keyword::kFull, "full");
    flag(Keyword::kFreeze, "freeze");
    flag(Keyword::kVerbose, "verbose");
    flag(Keyword::kAnalyze, "analyze");
    flag(Keyword::kAnalyse, "analyze");
  }
  vacuum->targets = ParseVacuumTargets();
  return vacuum;
}

StatementPtr Grammar::ParseAnalyze() {
  auto analyze = std::make_unique<AnalyzeStatement>(token().position);
  Advance();
  if (Accept('(')) {
    do {
      Option option;
      option.name = ParseLabel();
      if (!At(',') && !At(')')) ParseOptionValue(option);
      analyze->options.push_back(std::move(option));
    } while (Accept(','));
    Expect(')');
  } else if (At(Keyword::kVerbose)) {
    Option option;
    option.name = TakeIdentifier();
    analyze->options.push_back(std::move(option));
  }
  analyze->targets = ParseVacuumTargets();
  return analyze;
}

}  // namespace kyrodb::sql
