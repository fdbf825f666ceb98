#include "sql/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/index_key.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/execute/context.h"
#include "sql/execute/foreign_keys.h"
#include "sql/execute/modify.h"
#include "sql/execute/operator.h"
#include "sql/execute/row_writer.h"
#include "sql/format.h"
#include "sql/parse/parser.h"
#include "sql/plan/planner.h"
#include "sql/statement/alter_table.h"
#include "sql/statement/analyze.h"
#include "sql/statement/definition.h"
#include "sql/statement/parameters.h"
#include "sql/statement/row_expressions.h"
#include "sql/statement/sequence.h"
#include "sql/statement/session_impl.h"
#include "sql/statement/settings.h"
#include "sql/statement/system_tables.h"

namespace kyrodb::sql {
namespace {

bool IsWrite(StatementKind kind) {
  return kind == StatementKind::kInsert || kind == StatementKind::kUpdate ||
         kind == StatementKind::kDelete || kind == StatementKind::kTruncate;
}
bool IsDefinition(StatementKind kind) {
  return kind == StatementKind::kCreateTable || kind == StatementKind::kCreateIndex ||
         kind == StatementKind::kCreateView || kind == StatementKind::kCreateExtension ||
         kind == StatementKind::kDrop || kind == StatementKind::kAlterTable ||
         kind == StatementKind::kReindex || kind == StatementKind::kCreateSchema ||
         kind == StatementKind::kCreateSequence || kind == StatementKind::kAlterSequence ||
         kind == StatementKind::kComment;
}

// Whether a query changes rows in its WITH.
bool HasCommonWrites(const Statement& statement) {
  const auto& query = statement.As<sql::Query>();
  if (query.with == nullptr) return false;
  for (const CommonTable& table : query.with->tables) {
    if (table.statement->kind != StatementKind::kQuery) return true;
  }
  return false;
}

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

class CollectingSink : public ResultSink {
 public:
  explicit CollectingSink(ResultSet* result) : result_(result) {}
  absl::Status Columns(std::span<const ResultColumn> columns) override {
    result_->columns.assign(columns.begin(), columns.end());
    result_->rows.clear();
    return absl::OkStatus();
  }
  absl::Status Batch(std::span<const Row> rows) override {
    result_->rows.insert(result_->rows.end(), rows.begin(), rows.end());
    return absl::OkStatus();
  }
  absl::Status Complete(absl::string_view command_tag) override {
    result_->command_tag = std::string(command_tag);
    return absl::OkStatus();
  }
  void Notice(absl::string_view severity, absl::string_view, absl::string_view message) override {
    result_->notices.push_back(absl::StrCat(severity, ":  ", message));
  }

 private:
  ResultSet* result_;
};

}  // namespace

absl::Status SendRows(const Outcome& outcome, ResultSink* sink) {
  if (!outcome.returns_rows) return absl::OkStatus();
  KYRO_RETURN_IF_ERROR(sink->Columns(outcome.columns));
  for (size_t begin = 0; begin < outcome.rows.size(); begin += kBatchRows) {
    const size_t count = std::min(kBatchRows, outcome.rows.size() - begin);
    KYRO_RETURN_IF_ERROR(sink->Batch(std::span<const Row>(&outcome.rows[begin], count)));
  }
  return absl::OkStatus();
}

std::string CommandOf(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kQuery:
      return "SELECT";
    case StatementKind::kInsert:
      return "INSERT";
    case StatementKind::kUpdate:
      return "UPDATE";
    case StatementKind::kDelete:
      return "DELETE";
    case StatementKind::kCreateTable:
      return "CREATE TABLE";
    case StatementKind::kCreateIndex:
      return "CREATE INDEX";
    case StatementKind::kCreateView:
      return "CREATE VIEW";
    case StatementKind::kCreateExtension:
      return "CREATE EXTENSION";
    case StatementKind::kDrop:
      return absl::StrCat("DROP ", ObjectWord(statement.As<DropStatement>().object));
    case StatementKind::kAlterTable:
      return absl::StrCat("ALTER ", ObjectWord(statement.As<AlterTableStatement>().object));
    case StatementKind::kTruncate:
      return "TRUNCATE TABLE";
    case StatementKind::kTransaction:
      return "TRANSACTION";
    case StatementKind::kExplain:
      return "EXPLAIN";
    case StatementKind::kSet:
      return statement.As<SetStatement>().reset ? "RESET" : "SET";
    case StatementKind::kShow:
      return "SHOW";
    case StatementKind::kCheckpoint:
      return "CHECKPOINT";
    case StatementKind::kVacuum:
      return "VACUUM";
    case StatementKind::kAnalyze:
      return "ANALYZE";
    case StatementKind::kCopy:
      return "COPY";
    case StatementKind::kDeclareCursor:
      return "DECLARE CURSOR";
    case StatementKind::kFetch:
      return statement.As<FetchStatement>().move ? "MOVE" : "FETCH";
    case StatementKind::kCloseCursor:
      return statement.As<CloseCursorStatement>().all ? "CLOSE CURSOR ALL" : "CLOSE CURSOR";
    case StatementKind::kPrepare:
      return "PREPARE";
    case StatementKind::kExecute:
      return "EXECUTE";
    case StatementKind::kDeallocate:
      return statement.As<DeallocateStatement>().all ? "DEALLOCATE ALL" : "DEALLOCATE";
    case StatementKind::kDiscard:
      switch (statement.As<DiscardStatement>().target) {
        case DiscardTarget::kAll:
          return "DISCARD ALL";
        case DiscardTarget::kPlans:
          return "DISCARD PLANS";
        case DiscardTarget::kSequences:
          return "DISCARD SEQUENCES";
        case DiscardTarget::kTemporary:
          return "DISCARD TEMP";
      }
      return "DISCARD";
    case StatementKind::kListen:
      switch (statement.As<ListenStatement>().action) {
        case ListenAction::kListen:
          return "LISTEN";
        case ListenAction::kUnlisten:
          return "UNLISTEN";
        case ListenAction::kNotify:
          return "NOTIFY";
      }
      return "LISTEN";
    case StatementKind::kReindex:
      return "REINDEX";
    case StatementKind::kCreateSchema:
      return "CREATE SCHEMA";
    case StatementKind::kCreateSequence:
      return "CREATE SEQUENCE";
    case StatementKind::kAlterSequence:
      return "ALTER SEQUENCE";
    case StatementKind::kComment:
      return "COMMENT";
  }
  return "";
}

absl::Status TranslateConflict(absl::Status status) {
  if (status.code() == absl::StatusCode::kAborted) {
    return WithHint(WithDetail(Error(sqlstate::kSerializationFailure, 0,
                                     "could not serialize access due to concurrent update"),
                               status.message()),
                    "The transaction might succeed if retried.");
  }
  return status;
}

void ResultSink::Notice(absl::string_view, absl::string_view, absl::string_view) {}

Session::Impl::Impl(engine::Database* database, SessionOptions options)
    : database_(database),
      options_(std::move(options)),
      settings_(&database->knobs(), static_cast<int64_t>(options_.statement_memory_bytes_max >> 10),
                options_.statement_timeout_ms),
      random_(options_.seed),
      mailbox_(options_.on_notification),
      names_([this] {
        return transaction_ == nullptr ? std::shared_ptr<const engine::Catalog>()
                                       : transaction_->catalog();
      }),
      show_setting_([this](absl::string_view name, std::string* value) {
        absl::StatusOr<std::string> shown = settings_.Show(name, 0);
        if (!shown.ok()) return false;
        *value = *std::move(shown);
        return true;
      }) {
  AddSystemTables(database_, &own_tables_);
  database_->SetRowExpressionCompiler(&RowExpressions());
}

// Cursors and portals know the session, so they go first; the hub must not know it longer.
Session::Impl::~Impl() {
  CloseNamedCursors(true);
  if (options_.notifications != nullptr) Unlisten();
}

const StatementStatistics& Session::Impl::statistics() const {
  // Few ask for the plan's text, so it is written when somebody does.
  if (last_plan_ != nullptr && statistics_.plan.empty()) {
    statistics_.plan = absl::StrJoin(ExplainLines(*last_plan_), "\n");
  }
  return statistics_;
}

void Session::Impl::Begin(std::optional<IsolationLevel> isolation) {
  if (isolation.has_value()) {
    serializable_ = *isolation == IsolationLevel::kSerializable;
  } else {
    const absl::StatusOr<std::string> level = settings_.Show("default_transaction_isolation", 0);
    serializable_ = level.ok() && absl::AsciiStrToLower(*level) == "serializable";
  }
  transaction_ = database_->Begin(serializable_ ? engine::IsolationLevel::kSerializable
                                                : engine::IsolationLevel::kSnapshot);
  has_run_ = false;
  transaction_micros_ = database_->clock().WallMicros();
  read_only_ = settings_.Switch("default_transaction_read_only");
  settings_.BeginTransaction();
}

// Snapshot isolation gives what READ COMMITTED and REPEATABLE READ promise.
absl::Status Session::Impl::SetIsolation(IsolationLevel isolation, Position position) {
  const bool serializable = isolation == IsolationLevel::kSerializable;
  if (serializable == serializable_) return absl::OkStatus();
  if (has_run_ || !savepoints_.empty()) {
    return Error(sqlstate::kActiveTransaction, position,
                 "SET TRANSACTION ISOLATION LEVEL must be called before any query");
  }
  transaction_->Rollback();
  serializable_ = serializable;
  transaction_ = database_->Begin(serializable_ ? engine::IsolationLevel::kSerializable
                                                : engine::IsolationLevel::kSnapshot);
  return absl::OkStatus();
}

absl::Status Session::Impl::Commit() {
  if (absl::Status status = CheckDeferred(); !status.ok()) {
    Abandon();
    return status;
  }
  CloseCursors();
  absl::StatusOr<engine::CommitInfo> info = transaction_->Commit();
  transaction_.reset();
  savepoints_.clear();
  settings_.EndTransaction(info.ok());
  EndNamedCursors(info.ok());
  EndNotifications(info.ok());
  if (!info.ok()) return info.status();
  statistics_.commit_lsn = info->lsn;
  statistics_.durable_lsn = info->durable_lsn;
  return absl::OkStatus();
}

// References that were left for the end of the transaction.
absl::Status Session::Impl::CheckDeferred() {
  if (deferred_.empty()) return absl::OkStatus();
  const std::vector<PendingReference> pending = std::exchange(deferred_, {});
  ExecutionContext context;
  context.transaction = transaction_.get();
  context.database = database_;
  context.statistics = &statistics_;
  context.cancelled = &cancelled_;
  for (const PendingReference& reference : pending) {
    KYRO_RETURN_IF_ERROR(CheckPendingReference(reference, context));
  }
  return absl::OkStatus();
}

void Session::Impl::Abandon() {
  deferred_.clear();
  if (transaction_ == nullptr) return;
  CloseCursors();
  transaction_->Rollback();
  transaction_.reset();
  savepoints_.clear();
  settings_.EndTransaction(false);
  EndNamedCursors(false);
  EndNotifications(false);
}

void Session::Impl::Notify(ResultSink* sink, absl::string_view severity, absl::string_view sqlstate,
                           absl::string_view message) {
  absl::StatusOr<std::string> least = settings_.Show("client_min_messages", 0);
  if (least.ok() && (*least == "error" || (*least == "warning" && severity == "NOTICE"))) return;
  sink->Notice(severity, sqlstate, message);
}

absl::Status Session::Impl::Execute(absl::string_view text, std::span<const Parameter> parameters,
                                    ResultSink* sink) {
  cancelled_.store(false);
  running_.store(true);
  const auto finished = absl::MakeCleanup([this] { running_.store(false); });
  statistics_ = {};
  const int64_t begin = Clock::System().SteadyNanos();
  ParseOptions parse_options;
  parse_options.text_bytes_max = options_.script_bytes_max;
  absl::StatusOr<std::vector<ParsedStatement>> script = ParseScript(text, parse_options);
  const auto fail = [this](absl::Status status) {
    FailTransaction();
    return status;
  };
  if (!script.ok()) return fail(script.status());
  if (script->size() > options_.script_statements_max) {
    return fail(Error(sqlstate::kProgramLimitExceeded, 0,
                      absl::StrCat("a script cannot have more than ",
                                   options_.script_statements_max, " statements")));
  }
  if (!parameters.empty() && script->size() != 1) {
    return fail(Error(sqlstate::kSyntaxError, 0,
                      "cannot insert multiple commands into a prepared statement"));
  }
  const int64_t parse_micros = (Clock::System().SteadyNanos() - begin) / 1000;
  const bool alone = script->size() == 1;
  for (const ParsedStatement& parsed : *script) {
    statistics_ = {};
    last_plan_ = nullptr;
    statistics_.parse_micros = parse_micros;
    absl::Status status = RunStatement(parsed, text, parameters, alone, sink);
    if (!status.ok()) return fail(std::move(status));
  }
  return FinishImplicit();
}

absl::Status Session::Impl::FinishImplicit() {
  if (in_block_ || transaction_ == nullptr) {
    implicit_ = false;
    return absl::OkStatus();
  }
  absl::Status status = Commit();
  if (!status.ok()) {
    FailTransaction();
    return TranslateConflict(std::move(status));
  }
  implicit_ = false;
  return absl::OkStatus();
}

void Session::Impl::FailTransaction() {
  if (in_block_) {
    failed_ = true;
  } else {
    Abandon();
  }
  implicit_ = false;
}

const TextStyle* Session::Impl::RefreshStyle() {
  if (style_version_ != settings_.version()) {
    style_ = settings_.MakeTextStyle();
    style_version_ = settings_.version();
  }
  style_.transaction_micros = transaction_micros_;
  style_.names = &names_;
  return &style_;
}

absl::Status Session::Impl::RunStatement(const ParsedStatement& parsed, absl::string_view text,
                                         std::span<const Parameter> parameters, bool alone,
                                         ResultSink* sink) {
  const Statement& statement = *parsed.statement;
  if (statement.kind == StatementKind::kTransaction) {
    return RunTransaction(statement.As<TransactionStatement>(), alone, sink);
  }
  if (failed_) {
    return Error(sqlstate::kInFailedTransaction, 0,
                 "current transaction is aborted, commands ignored until end of transaction "
                 "block");
  }
  if ((statement.kind == StatementKind::kVacuum) && (in_block_ || !alone)) {
    return Error(sqlstate::kActiveTransaction, 0, "VACUUM cannot run inside a transaction block");
  }
  if (statement.kind == StatementKind::kExecute) {
    return RunExecute(statement.As<ExecuteStatement>(), parsed, alone, sink);
  }
  const bool autocommit = !in_block_ && alone;
  const bool is_read = statement.kind == StatementKind::kQuery && !HasCommonWrites(statement);
  const int64_t begin = Clock::System().SteadyNanos();
  for (int attempt = 0;; ++attempt) {
    if (transaction_ == nullptr) {
      Begin();
      implicit_ = !in_block_ && !alone;
    }
    const ScopedTextStyle style(RefreshStyle());
    Outcome outcome;
    absl::Status status = Dispatch(parsed, text, parameters, is_read, sink, &outcome);
    if (statement.kind != StatementKind::kSet && statement.kind != StatementKind::kShow) {
      has_run_ = true;
    }
    if (status.ok() && autocommit) status = Commit();
    if (!status.ok()) {
      if (autocommit) Abandon();
      const bool conflict = status.code() == absl::StatusCode::kAborted;
      // What a client has sent for COPY is gone.
      if (conflict && autocommit && !is_read && statement.kind != StatementKind::kCopy &&
          attempt < options_.conflict_retries_max && !cancelled_.load()) {
        // Somebody else was first: once more, on a new snapshot.
        const StatementStatistics last = statistics_;
        statistics_ = {};
        statistics_.parse_micros = last.parse_micros;
        statistics_.retries = last.retries + 1;
        continue;
      }
      return TranslateConflict(std::move(status));
    }
    KYRO_RETURN_IF_ERROR(SendRows(outcome, sink));
    statistics_.command_tag = outcome.tag;
    statistics_.execute_micros =
        (Clock::System().SteadyNanos() - begin) / 1000 - statistics_.bind_micros;
    return sink->Complete(outcome.tag);
  }
}

absl::Status Session::Impl::RunTransaction(const TransactionStatement& statement, bool,
                                           ResultSink* sink) {
  const auto set_modes = [this](const TransactionModes& modes) -> absl::Status {
    if (modes.isolation.has_value()) {
      KYRO_RETURN_IF_ERROR(SetIsolation(*modes.isolation, modes.isolation_position));
    }
    if (modes.deferrable.value_or(false)) {
      return NotSupported(modes.isolation_position, "a DEFERRABLE transaction");
    }
    if (modes.read_only.has_value()) read_only_ = *modes.read_only;
    return absl::OkStatus();
  };
  const auto begin = [&](const TransactionModes& modes) -> absl::Status {
    if (transaction_ == nullptr) Begin(modes.isolation);
    in_block_ = true;
    implicit_ = false;
    failed_ = false;
    absl::Status status = set_modes(modes);
    if (!status.ok()) {
      Abandon();
      in_block_ = false;
    }
    return status;
  };
  std::string tag;
  switch (statement.action) {
    case TransactionAction::kBegin:
      tag = "BEGIN";
      if (failed_) {
        return Error(sqlstate::kInFailedTransaction, 0,
                     "current transaction is aborted, commands ignored until end of transaction "
                     "block");
      }
      if (in_block_) {
        Notify(sink, "WARNING", sqlstate::kActiveTransaction,
               "there is already a transaction in progress");
        break;
      }
      KYRO_RETURN_IF_ERROR(begin(statement.modes));
      break;
    case TransactionAction::kCommit:
    case TransactionAction::kRollback: {
      const bool commit = statement.action == TransactionAction::kCommit && !failed_;
      tag = commit ? "COMMIT" : "ROLLBACK";
      if (!in_block_) {
        if (statement.and_chain) {
          return Error(sqlstate::kNoActiveTransaction, statement.chain_position,
                       absl::StrCat(tag, " AND CHAIN can only be used in transaction blocks"));
        }
        Notify(sink, "WARNING", sqlstate::kNoActiveTransaction,
               "there is no transaction in progress");
        // It still ends the transaction of a script.
      }
      in_block_ = false;
      implicit_ = false;
      failed_ = false;
      if (transaction_ != nullptr) {
        if (commit) {
          absl::Status status = Commit();
          if (!status.ok()) {
            Abandon();
            return TranslateConflict(std::move(status));
          }
        } else {
          Abandon();
        }
      }
      if (statement.and_chain) {
        TransactionModes modes = statement.modes;
        if (serializable_) modes.isolation = IsolationLevel::kSerializable;
        KYRO_RETURN_IF_ERROR(begin(modes));
      }
      break;
    }
    case TransactionAction::kSavepoint:
      tag = "SAVEPOINT";
      if (!in_block_) {
        return Error(sqlstate::kNoActiveTransaction, 0,
                     "SAVEPOINT can only be used in transaction blocks");
      }
      if (failed_) {
        return Error(sqlstate::kInFailedTransaction, 0,
                     "current transaction is aborted, commands ignored until end of transaction "
                     "block");
      }
      savepoints_.push_back({statement.savepoint.name, transaction_->SetMark()});
      break;
    case TransactionAction::kReleaseSavepoint:
    case TransactionAction::kRollbackToSavepoint: {
      const bool release = statement.action == TransactionAction::kReleaseSavepoint;
      tag = release ? "RELEASE" : "ROLLBACK";
      if (!in_block_) {
        return Error(sqlstate::kNoActiveTransaction, 0,
                     absl::StrCat(release ? "RELEASE SAVEPOINT" : "ROLLBACK TO SAVEPOINT",
                                  " can only be used in transaction blocks"));
      }
      if (failed_ && release) {
        return Error(sqlstate::kInFailedTransaction, 0,
                     "current transaction is aborted, commands ignored until end of transaction "
                     "block");
      }
      size_t found = savepoints_.size();
      while (found > 0 && savepoints_[found - 1].name != statement.savepoint.name) --found;
      if (found == 0) {
        return Error(sqlstate::kInvalidSavepoint, statement.savepoint.position,
                     absl::StrCat("savepoint \"", statement.savepoint.name, "\" does not exist"));
      }
      if (release) {
        savepoints_.resize(found - 1);
      } else {
        savepoints_.resize(found);
        SettleOrCloseCursors();
        transaction_->RollbackTo(savepoints_.back().mark);
        // The savepoint itself stays.
        savepoints_.back().mark = transaction_->SetMark();
        failed_ = false;
      }
      break;
    }
  }
  statistics_.command_tag = tag;
  return sink->Complete(tag);
}

void Session::Impl::Prepare(const ParsedStatement& parsed, std::span<const Parameter> parameters,
                            Run* run) {
  run->statement = parsed.statement.get();
  // Without any parameter, $1 is an unknown name.
  const int32_t parameter_count = parameters.empty() ? 0 : parsed.parameter_count;
  run->types.assign(static_cast<size_t>(parameter_count), std::nullopt);
  for (size_t i = 0; i < std::min(parameters.size(), run->types.size()); ++i) {
    run->types[i] = NaturalType(parameters[i]);
  }
  run->bind.catalog = transaction_->catalog();
  run->bind.own_virtual_tables = &own_tables_;
  run->bind.virtual_tables = options_.virtual_tables;
  run->bind.transaction_micros = transaction_micros_;
  run->bind.search_path = SearchPath();
  run->bind.parameter_types = &run->types;
  run->bind.parameter_count = parameter_count;
  run->context = std::make_unique<ExecutionContext>();
  ExecutionContext& context = *run->context;
  FunctionContext& functions = context.evaluation.functions;
  functions.transaction_micros = transaction_micros_;
  functions.statement_micros = database_->clock().WallMicros();
  functions.clock = &database_->clock();
  functions.random = &random_;
  run->sequences = std::make_unique<SequenceRunner>(transaction_.get(), &run->bind.search_path,
                                                    &sequence_memory_);
  functions.sequences = run->sequences.get();
  functions.embedder = &database_->embedder();
  functions.database_name = options_.database_name;
  functions.user_name = options_.user_name;
  functions.catalog = run->bind.catalog.get();
  functions.database = database_;
  functions.process_id = options_.process_id;
  functions.setting = &show_setting_;
  context.evaluation.subqueries = &context;
  context.transaction = transaction_.get();
  context.deferred = &deferred_;
  context.database = database_;
  context.ef_search = static_cast<size_t>(settings_.Number("hnsw.ef_search"));
  context.memory_bytes_max = static_cast<uint64_t>(settings_.Number("work_mem")) << 10;
  context.cancelled = &cancelled_;
  if (const int64_t timeout = settings_.Number("statement_timeout"); timeout > 0) {
    context.deadline_nanos = database_->clock().SteadyNanos() + timeout * 1000000;
  }
  context.statistics = &statistics_;
  context.settings = [this] {
    std::vector<ScanContext::Setting> settings;
    for (Settings::Entry& entry : settings_.List()) {
      settings.push_back(
          {std::move(entry.name), std::move(entry.value), std::move(entry.description)});
    }
    return settings;
  };
  run->plan.row_count = [this](const engine::TableSchema& table) {
    const absl::StatusOr<engine::SpaceStatistics> statistics =
        database_->space_statistics(table.id);
    if (!statistics.ok()) return 1000.0;
    return static_cast<double>(statistics->entry_count) +
           static_cast<double>(statistics->memtable_bytes) / 100;
  };
  run->plan.statistics = [this](const engine::TableSchema& table) {
    return LoadStatistics(table, transaction_.get(), &statistics_cache_);
  };
  run->plan.index_is_complete = [this](const engine::IndexSchema& index) {
    const auto building = transaction_->Get(index.id, engine::IndexBuildKey());
    return building.ok() && !building->has_value();
  };
  run->plan.use_indexes = settings_.Switch("enable_indexscan");
  run->plan.evaluation = &context.evaluation;
}

absl::Status Session::Impl::BindParameters(Run* run, std::span<const Parameter> parameters) {
  if (parameters.size() != run->types.size()) {
    return Error("08P01", 0,
                 absl::StrCat("the statement has ", run->types.size(), " parameters, but ",
                              parameters.size(), " were given"));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!run->types[i].has_value()) {
      return Error(sqlstate::kIndeterminateDatatype, 0,
                   absl::StrCat("could not determine data type of parameter $", i + 1));
    }
    KYRO_ASSIGN_OR_RETURN(Value value, ConvertParameter(parameters[i], *run->types[i], i + 1));
    run->values.push_back(std::move(value));
  }
  run->context->evaluation.parameters = run->values;
  return absl::OkStatus();
}

absl::Status Session::Impl::BindAndPlan(const Statement& statement, Run* run,
                                        std::span<const Parameter> parameters, Planned* planned) {
  const int64_t begin = Clock::System().SteadyNanos();
  Binder binder(run->bind);
  Planner planner(run->plan);
  const auto shown = [planned](absl::string_view verb, const engine::TableSchema& table,
                               const std::string& detail) {
    planned->shown = std::make_shared<PlanNode>(PlanKind::kOneRow);
    planned->shown->title = absl::StrCat(verb, " on ", QuoteIdentifier(table.name));
    if (!detail.empty()) planned->shown->details.push_back(detail);
    if (planned->source != nullptr) planned->shown->children.push_back(planned->source);
  };
  const auto plan_common_writes = [&]() -> absl::Status {
    for (BoundCommonWrite& write : binder.TakeCommonWrites()) {
      PlanPtr source;
      if (write.insert != nullptr) {
        KYRO_ASSIGN_OR_RETURN(source, PlanInsert(write.insert.get(), &planner));
      } else if (write.update != nullptr) {
        KYRO_ASSIGN_OR_RETURN(source, PlanUpdate(write.update.get(), &planner));
      } else {
        KYRO_ASSIGN_OR_RETURN(source, PlanDelete(write.remove.get(), &planner));
      }
      planned->common_writes.emplace_back(std::move(write), std::move(source));
    }
    return absl::OkStatus();
  };
  switch (statement.kind) {
    case StatementKind::kQuery: {
      KYRO_ASSIGN_OR_RETURN(planned->query, binder.BindQuery(statement.As<sql::Query>()));
      KYRO_RETURN_IF_ERROR(BindParameters(run, parameters));
      KYRO_RETURN_IF_ERROR(plan_common_writes());
      KYRO_ASSIGN_OR_RETURN(planned->source, planner.Plan(planned->query.get()));
      break;
    }
    case StatementKind::kInsert: {
      KYRO_ASSIGN_OR_RETURN(planned->insert, binder.BindInsert(statement.As<InsertStatement>()));
      KYRO_RETURN_IF_ERROR(BindParameters(run, parameters));
      KYRO_RETURN_IF_ERROR(plan_common_writes());
      KYRO_ASSIGN_OR_RETURN(planned->source, PlanInsert(&planned->insert, &planner));
      std::string detail;
      if (planned->source == nullptr) {
        detail = absl::StrCat("Rows: ", planned->insert.rows.size());
      }
      shown("Insert", *planned->insert.table, detail);
      if (planned->insert.conflict != ConflictAction::kNone) {
        planned->shown->details.push_back(absl::StrCat(
            "Conflict Resolution: ",
            planned->insert.conflict == ConflictAction::kNothing ? "NOTHING" : "UPDATE"));
      }
      break;
    }
    case StatementKind::kUpdate: {
      KYRO_ASSIGN_OR_RETURN(planned->update, binder.BindUpdate(statement.As<UpdateStatement>()));
      KYRO_RETURN_IF_ERROR(BindParameters(run, parameters));
      KYRO_RETURN_IF_ERROR(plan_common_writes());
      KYRO_ASSIGN_OR_RETURN(planned->source, PlanUpdate(&planned->update, &planner));
      shown("Update", *planned->update.table, "");
      break;
    }
    case StatementKind::kDelete: {
      KYRO_ASSIGN_OR_RETURN(planned->remove, binder.BindDelete(statement.As<DeleteStatement>()));
      KYRO_RETURN_IF_ERROR(BindParameters(run, parameters));
      KYRO_RETURN_IF_ERROR(plan_common_writes());
      KYRO_ASSIGN_OR_RETURN(planned->source, PlanDelete(&planned->remove, &planner));
      shown("Delete", *planned->remove.table, "");
      break;
    }
    default:
      return NotSupported(statement.position, absl::StrCat("EXPLAIN ", CommandOf(statement)));
  }
  statistics_.bind_micros = (Clock::System().SteadyNanos() - begin) / 1000;
  return absl::OkStatus();
}

absl::Status Session::Impl::RunCommonWrites(const Planned& planned, Run* run) {
  ExecutionContext& context = *run->context;
  if (read_only_ && !planned.common_writes.empty()) {
    return Error(sqlstate::kReadOnlyTransaction, 0,
                 "cannot execute a data-modifying statement in a read-only transaction");
  }
  for (const auto& [write, source] : planned.common_writes) {
    absl::StatusOr<WriteResult> result =
        write.insert != nullptr   ? RunInsert(*write.insert, source.get(), context)
        : write.update != nullptr ? RunUpdate(*write.update, *source, context)
                                  : RunDelete(*write.remove, *source, context);
    KYRO_RETURN_IF_ERROR(result.status());
    context.work_tables[write.rows.get()] =
        std::make_shared<const std::vector<Row>>(std::move(result->returned));
  }
  return absl::OkStatus();
}

absl::StatusOr<WriteResult> Session::Impl::RunPlanned(const Statement& statement,
                                                      const Planned& planned, Run* run) {
  ExecutionContext& context = *run->context;
  KYRO_RETURN_IF_ERROR(RunCommonWrites(planned, run));
  if (statement.kind == StatementKind::kInsert) {
    return RunInsert(planned.insert, planned.source.get(), context);
  }
  if (statement.kind == StatementKind::kUpdate) {
    return RunUpdate(planned.update, *planned.source, context);
  }
  return RunDelete(planned.remove, *planned.source, context);
}

absl::Status Session::Impl::RunQuery(Run* run, std::span<const Parameter> parameters,
                                     bool streaming, ResultSink* sink, Outcome* outcome) {
  Planned planned;
  KYRO_RETURN_IF_ERROR(BindAndPlan(*run->statement, run, parameters, &planned));
  last_plan_ = planned.source;
  uint64_t count = 0;
  KYRO_RETURN_IF_ERROR(RunCommonWrites(planned, run));
  if (streaming) {
    KYRO_RETURN_IF_ERROR(sink->Columns(planned.query->columns));
  } else {
    outcome->returns_rows = true;
    outcome->columns = planned.query->columns;
  }
  KYRO_RETURN_IF_ERROR(
      RunPlan(*planned.source, *run->context, [&](std::span<Row> rows) -> absl::Status {
        count += rows.size();
        statistics_.returned = count;
        if (streaming) return sink->Batch(rows);
        for (Row& row : rows) outcome->rows.push_back(std::move(row));
        return absl::OkStatus();
      }));
  outcome->tag = absl::StrCat("SELECT ", count);
  return absl::OkStatus();
}

absl::Status Session::Impl::RunWrite(Run* run, std::span<const Parameter> parameters,
                                     Outcome* outcome) {
  Planned planned;
  KYRO_RETURN_IF_ERROR(BindAndPlan(*run->statement, run, parameters, &planned));
  if (run->statement->kind != StatementKind::kInsert || planned.source != nullptr) {
    last_plan_ = planned.shown;
  }
  KYRO_ASSIGN_OR_RETURN(WriteResult result, RunPlanned(*run->statement, planned, run));
  statistics_.affected = result.affected;
  statistics_.returned = result.returned.size();
  const char* prefix = "DELETE ";
  const std::vector<ResultColumn>* columns = &planned.remove.returning_columns;
  if (run->statement->kind == StatementKind::kInsert) {
    prefix = "INSERT 0 ";
    columns = &planned.insert.returning_columns;
  } else if (run->statement->kind == StatementKind::kUpdate) {
    prefix = "UPDATE ";
    columns = &planned.update.returning_columns;
  }
  outcome->tag = absl::StrCat(prefix, result.affected);
  outcome->returns_rows = !columns->empty();
  outcome->columns = *columns;
  outcome->rows = std::move(result.returned);
  return absl::OkStatus();
}

std::vector<std::string> Session::Impl::SearchPath() const {
  return SchemasOf(settings_.Show("search_path", 0).value_or(""), options_.user_name);
}

DefinitionContext Session::Impl::ForDefinition(Run* run, NoticeReceiver notice) {
  return {.bind = &run->bind,
          .transaction = transaction_.get(),
          .execution = run->context.get(),
          .notice = std::move(notice)};
}

absl::Status Session::Impl::RunCreateTable(Run* run, Outcome* outcome,
                                           const NoticeReceiver& notice) {
  const auto& statement = run->statement->As<CreateTableStatement>();
  const DefinitionContext definition = ForDefinition(run, notice);
  outcome->tag = "CREATE TABLE";
  if (statement.as_query == nullptr) return CreateTable(statement, nullptr, definition).status();
  Binder binder(run->bind);
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<BoundQuery> query,
                        binder.BindQuery(*statement.as_query));
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId id, CreateTable(statement, query.get(), definition));
  outcome->tag = "CREATE TABLE AS";
  if (id == 0 || statement.with_no_data) return absl::OkStatus();
  BoundInsert insert;
  insert.table = transaction_->catalog()->FindTable(id);
  insert.source = query;
  for (uint32_t i = 0; i < query->columns.size(); ++i) {
    insert.from_source.push_back(MakeColumn(query->columns[i].type, i, query->columns[i].name, 0));
  }
  Planner planner(run->plan);
  KYRO_ASSIGN_OR_RETURN(const PlanPtr source, PlanInsert(&insert, &planner));
  KYRO_ASSIGN_OR_RETURN(const WriteResult result, RunInsert(insert, source.get(), *run->context));
  statistics_.affected = result.affected;
  outcome->tag = absl::StrCat("SELECT ", result.affected);
  return absl::OkStatus();
}

absl::Status Session::Impl::RunCreateIndex(Run* run, const NoticeReceiver& notice) {
  const auto& statement = run->statement->As<CreateIndexStatement>();
  if (statement.concurrently && (in_block_ || implicit_)) {
    return Error(sqlstate::kActiveTransaction, 0,
                 "CREATE INDEX CONCURRENTLY cannot run inside a transaction block");
  }
  DefinitionContext definition = ForDefinition(run, notice);
  const engine::Transaction::Mark mark = transaction_->SetMark();
  const auto build = statement.concurrently ? engine::IndexBuild::kLater : engine::IndexBuild::kNow;
  absl::StatusOr<CreatedIndex> created = CreateIndex(statement, build, definition);
  const bool too_large = absl::IsResourceExhausted(created.status());
  if (!statement.concurrently && (!too_large || in_block_ || implicit_)) return created.status();
  if (too_large) {
    // More rows than a transaction has room for: entry by entry, beside writers.
    transaction_->RollbackTo(mark);
    created = CreateIndex(statement, engine::IndexBuild::kLater, definition);
  }
  KYRO_RETURN_IF_ERROR(created.status());
  if (created->index == 0) return absl::OkStatus();
  run->context->transaction = nullptr;
  KYRO_RETURN_IF_ERROR(Commit());
  absl::Status status = database_->BuildIndex(created->table, created->index,
                                              [run] { return run->context->CheckInterrupts(); });
  Begin();
  if (status.ok()) return status;
  const std::shared_ptr<const engine::TableSchema> table =
      transaction_->catalog()->FindTable(created->table);
  if (table == nullptr) return status;
  (void)transaction_->DropIndex(created->table, created->index);
  KYRO_RETURN_IF_ERROR(Commit());
  Begin();
  return TranslateUnique(*table, std::move(status));
}

absl::Status Session::Impl::RunExplain(const ExplainStatement& statement, Run* run,
                                       std::span<const Parameter> parameters, Outcome* outcome) {
  bool timing = true;
  bool summary = statement.analyze();
  for (const Option& option : statement.options) {
    const std::string value = absl::AsciiStrToLower(option.value.value_or("on"));
    const bool on = value == "on" || value == "true" || value == "1";
    const std::string& name = option.name.name;
    if (name == "analyze") continue;
    if (name == "timing") {
      timing = on;
    } else if (name == "summary") {
      summary = on;
    } else if (name == "format") {
      if (value != "text") {
        return NotSupported(option.value_position, absl::StrCat("EXPLAIN (FORMAT ", value, ")"));
      }
    } else if (name == "costs" || name == "verbose" || name == "buffers" || name == "wal" ||
               name == "settings") {
      // There are no costs, so that switching them off is done already.
      if (on) {
        return NotSupported(option.name.position,
                            absl::StrCat("EXPLAIN (", absl::AsciiStrToUpper(name), ")"));
      }
    } else {
      return Error(sqlstate::kSyntaxError, option.name.position,
                   absl::StrCat("unrecognized EXPLAIN option \"", name, "\""));
    }
  }
  const Statement& inner = *statement.statement;
  if (statement.analyze() && IsWrite(inner.kind) && read_only_) {
    return Error(sqlstate::kReadOnlyTransaction, 0,
                 absl::StrCat("cannot execute ", CommandOf(inner), " in a read-only transaction"));
  }
  run->statement = &inner;
  Planned planned;
  KYRO_RETURN_IF_ERROR(BindAndPlan(inner, run, parameters, &planned));
  const PlanNode& shown = planned.shown != nullptr ? *planned.shown : *planned.source;
  outcome->returns_rows = true;
  outcome->columns = {ResultColumn{"QUERY PLAN", kTextType}};
  outcome->tag = "EXPLAIN";
  absl::flat_hash_map<const PlanNode*, NodeStatistics> nodes;
  std::vector<std::string> lines;
  const int64_t begin = Clock::System().SteadyNanos();
  if (statement.analyze()) {
    run->context->nodes = &nodes;
    if (inner.kind == StatementKind::kQuery) {
      KYRO_RETURN_IF_ERROR(
          RunPlan(*planned.source, *run->context, [](std::span<Row>) { return absl::OkStatus(); }));
    } else {
      KYRO_ASSIGN_OR_RETURN(const WriteResult result, RunPlanned(inner, planned, run));
      NodeStatistics& node = nodes[planned.shown.get()];
      node.rows = result.affected;
      node.loops = 1;
      node.nanos = Clock::System().SteadyNanos() - begin;
      statistics_.affected = result.affected;
    }
    const int64_t nanos = Clock::System().SteadyNanos() - begin;
    lines = ExplainLines(shown, [&](const PlanNode& plan) -> std::string {
      const auto found = nodes.find(&plan);
      if (found == nodes.end()) return " (never executed)";
      const NodeStatistics& node = found->second;
      std::string text = absl::StrCat(" (actual rows=", node.rows, " loops=", node.loops);
      if (timing) {
        absl::StrAppendFormat(&text, " time=%.3f ms", static_cast<double>(node.nanos) / 1e6);
      }
      for (const std::string& note : node.notes) absl::StrAppend(&text, "; ", note);
      return text + ")";
    });
    lines.push_back(absl::StrCat("Rows Looked At: ", statistics_.candidates,
                                 "  Filtered Out: ", statistics_.filtered_out));
    if (summary) {
      lines.push_back(absl::StrFormat("Planning Time: %.3f ms",
                                      static_cast<double>(statistics_.bind_micros) / 1e3));
      lines.push_back(absl::StrFormat("Execution Time: %.3f ms", static_cast<double>(nanos) / 1e6));
    }
  } else {
    lines = ExplainLines(shown);
    if (summary) {
      lines.push_back(absl::StrFormat("Planning Time: %.3f ms",
                                      static_cast<double>(statistics_.bind_micros) / 1e3));
    }
  }
  for (std::string& line : lines) outcome->rows.push_back({Value(std::move(line))});
  return absl::OkStatus();
}

absl::Status Session::Impl::RunMaintenance(const Statement& statement, Run* run) {
  if (statement.kind == StatementKind::kCheckpoint) return database_->Checkpoint();
  const auto analyze = [&](const std::vector<VacuumTarget>& targets) -> absl::Status {
    Binder binder(run->bind);
    std::vector<std::shared_ptr<const engine::TableSchema>> tables;
    for (const VacuumTarget& target : targets) {
      if (!target.columns.empty()) {
        return NotSupported(target.columns[0].position, "ANALYZE of columns");
      }
      KYRO_ASSIGN_OR_RETURN(std::shared_ptr<const engine::TableSchema> table,
                            binder.FindTable(target.table));
      tables.push_back(std::move(table));
    }
    if (targets.empty()) tables = transaction_->catalog()->tables();
    for (const auto& table : tables) {
      if (table->schema_name == kStatisticsSchema) continue;
      KYRO_RETURN_IF_ERROR(AnalyzeTable(*table, *run->context));
    }
    return absl::OkStatus();
  };
  if (statement.kind == StatementKind::kAnalyze) {
    for (const Option& option : statement.As<AnalyzeStatement>().options) {
      if (option.name.name == "verbose" || option.name.name == "skip_locked") continue;
      return NotSupported(option.name.position,
                          absl::StrCat("ANALYZE (", absl::AsciiStrToUpper(option.name.name), ")"));
    }
    return analyze(statement.As<AnalyzeStatement>().targets);
  }
  const auto& vacuum = statement.As<VacuumStatement>();
  bool analyzes = false;
  for (const Option& option : vacuum.options) {
    const std::string value = absl::AsciiStrToLower(option.value.value_or("on"));
    if (option.name.name == "analyze") {
      analyzes = value == "on" || value == "true" || value == "1";
      continue;
    }
    // Merging everything is what FULL asks for, and what is always done; no row needs freezing.
    if (option.name.name != "full" && option.name.name != "freeze") {
      return NotSupported(option.name.position,
                          absl::StrCat("VACUUM (", absl::AsciiStrToUpper(option.name.name), ")"));
    }
  }
  if (analyzes) KYRO_RETURN_IF_ERROR(analyze(vacuum.targets));
  std::vector<engine::ObjectId> spaces;
  Binder binder(run->bind);
  for (const VacuumTarget& target : vacuum.targets) {
    if (!target.columns.empty()) {
      return NotSupported(target.columns[0].position, "VACUUM of columns");
    }
    KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> table,
                          binder.FindTable(target.table));
    spaces.push_back(table->id);
  }
  if (vacuum.targets.empty()) {
    for (const auto& table : run->bind.catalog->tables()) spaces.push_back(table->id);
  }
  // The snapshot of this statement must not keep old versions alive.
  run->context->transaction = nullptr;
  KYRO_RETURN_IF_ERROR(Commit());
  for (const engine::ObjectId space : spaces) {
    KYRO_RETURN_IF_ERROR(run->context->CheckInterrupts());
    KYRO_RETURN_IF_ERROR(database_->Compact(space));
  }
  Begin();
  return absl::OkStatus();
}

absl::Status Session::Impl::RunSet(const SetStatement& statement, ResultSink* sink) {
  if (statement.is_transaction) {
    const std::optional<IsolationLevel> isolation = statement.modes.isolation;
    if (statement.modes.deferrable.value_or(false)) {
      return NotSupported(statement.position, "a DEFERRABLE transaction");
    }
    if (statement.is_session_characteristics) {
      if (isolation.has_value()) {
        SetStatement set(statement.position);
        set.name = {"default_transaction_isolation", statement.modes.isolation_position};
        set.values.push_back({statement.modes.isolation_position,
                              *isolation == IsolationLevel::kSerializable     ? "serializable"
                              : *isolation == IsolationLevel::kRepeatableRead ? "repeatable read"
                              : *isolation == IsolationLevel::kReadCommitted  ? "read committed"
                                                                             : "read uncommitted"});
        KYRO_RETURN_IF_ERROR(settings_.Set(set));
      }
      if (!statement.modes.read_only.has_value()) return absl::OkStatus();
      SetStatement set(statement.position);
      set.name = {"default_transaction_read_only", statement.position};
      set.values.push_back({statement.position, *statement.modes.read_only ? "on" : "off"});
      return settings_.Set(set);
    }
    if (!in_block_) {
      Notify(sink, "WARNING", sqlstate::kNoActiveTransaction,
             "SET TRANSACTION can only be used in transaction blocks");
      return absl::OkStatus();
    }
    if (isolation.has_value()) {
      KYRO_RETURN_IF_ERROR(SetIsolation(*isolation, statement.modes.isolation_position));
    }
    if (statement.modes.read_only.has_value()) read_only_ = *statement.modes.read_only;
    return absl::OkStatus();
  }
  const std::string name = absl::AsciiStrToLower(statement.name.name);
  if (statement.scope == SetScope::kLocal && !statement.reset && !in_block_) {
    Notify(sink, "WARNING", sqlstate::kNoActiveTransaction,
           "SET LOCAL can only be used in transaction blocks");
  }
  if (name == "transaction_isolation" && !statement.reset && !statement.to_default) {
    // Of this transaction alone: nothing is stored.
    const std::string level =
        statement.values.empty() ? "" : absl::AsciiStrToLower(statement.values[0].text);
    const bool serializable = level == "serializable";
    if (!serializable) KYRO_RETURN_IF_ERROR(settings_.Set(statement));
    if (!in_block_) return absl::OkStatus();
    return SetIsolation(
        serializable ? IsolationLevel::kSerializable : IsolationLevel::kRepeatableRead,
        statement.name.position);
  }
  KYRO_RETURN_IF_ERROR(settings_.Set(statement));
  if (name == "transaction_read_only") read_only_ = settings_.Switch(name);
  return absl::OkStatus();
}

absl::Status Session::Impl::RunShow(const ShowStatement& statement, Outcome* outcome) {
  outcome->returns_rows = true;
  outcome->tag = "SHOW";
  const std::string name = absl::AsciiStrToLower(statement.name.name);
  if (name == "all") {
    outcome->columns = {{"name", kTextType}, {"setting", kTextType}, {"description", kTextType}};
    for (Settings::Entry& entry : settings_.List()) {
      outcome->rows.push_back({Value(std::move(entry.name)), Value(std::move(entry.value)),
                               Value(std::move(entry.description))});
    }
    return absl::OkStatus();
  }
  std::string value;
  if (name == "transaction_read_only") {
    value = read_only_ ? "on" : "off";
  } else if (name == "transaction_isolation" && serializable_) {
    value = "serializable";
  } else {
    KYRO_ASSIGN_OR_RETURN(value, settings_.Show(name, statement.name.position));
  }
  // PostgreSQL names these two with their capitals.
  outcome->columns = {{name == "timezone"    ? "TimeZone"
                       : name == "datestyle" ? "DateStyle"
                                             : name,
                       kTextType}};
  outcome->rows.push_back({Value(std::move(value))});
  return absl::OkStatus();
}

absl::Status Session::Impl::Dispatch(const ParsedStatement& parsed, absl::string_view text,
                                     std::span<const Parameter> parameters, bool streaming,
                                     ResultSink* sink, Outcome* outcome) {
  const Statement& statement = *parsed.statement;
  const StatementKind kind = statement.kind;
  if (read_only_ && (IsWrite(kind) || IsDefinition(kind))) {
    return Error(
        sqlstate::kReadOnlyTransaction, 0,
        absl::StrCat("cannot execute ", CommandOf(statement), " in a read-only transaction"));
  }
  Run run;
  Prepare(parsed, parameters, &run);
  const bool takes_parameters =
      kind == StatementKind::kQuery || IsWrite(kind) || kind == StatementKind::kExplain;
  if (!takes_parameters) KYRO_RETURN_IF_ERROR(BindParameters(&run, parameters));
  const NoticeReceiver notice = [&](absl::string_view sqlstate, absl::string_view message) {
    Notify(sink, "NOTICE", sqlstate, message);
  };
  outcome->tag = CommandOf(statement);
  if (!cursors_.empty() && (IsWrite(kind) || IsDefinition(kind) || kind == StatementKind::kCopy)) {
    KYRO_RETURN_IF_ERROR(SettleCursors());
  }
  switch (kind) {
    case StatementKind::kQuery:
      return RunQuery(&run, parameters, streaming, sink, outcome);
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
      return RunWrite(&run, parameters, outcome);
    case StatementKind::kExplain:
      return RunExplain(statement.As<ExplainStatement>(), &run, parameters, outcome);
    case StatementKind::kCreateTable:
      return RunCreateTable(&run, outcome, notice);
    case StatementKind::kCreateIndex:
      return RunCreateIndex(&run, notice);
    case StatementKind::kReindex:
      return Reindex(statement.As<ReindexStatement>(), ForDefinition(&run, notice));
    case StatementKind::kCreateView:
      return CreateView(statement.As<CreateViewStatement>(), ForDefinition(&run, notice));
    case StatementKind::kCreateSchema:
      return CreateSchema(statement.As<CreateSchemaStatement>(), ForDefinition(&run, notice));
    case StatementKind::kCreateSequence:
      return CreateSequence(statement.As<CreateSequenceStatement>(), ForDefinition(&run, notice));
    case StatementKind::kAlterSequence:
      return AlterSequence(statement.As<AlterSequenceStatement>(), ForDefinition(&run, notice));
    case StatementKind::kDrop:
      return Drop(statement.As<DropStatement>(), ForDefinition(&run, notice));
    case StatementKind::kCreateExtension:
      return CreateExtension(statement.As<CreateExtensionStatement>(), ForDefinition(&run, notice));
    case StatementKind::kTruncate:
      return Truncate(statement.As<TruncateStatement>(), ForDefinition(&run, notice));
    case StatementKind::kCheckpoint:
    case StatementKind::kVacuum:
    case StatementKind::kAnalyze:
      return RunMaintenance(statement, &run);
    case StatementKind::kSet:
      return RunSet(statement.As<SetStatement>(), sink);
    case StatementKind::kShow:
      return RunShow(statement.As<ShowStatement>(), outcome);
    case StatementKind::kAlterTable:
      return AlterTable(statement.As<AlterTableStatement>(), ForDefinition(&run, notice));
    case StatementKind::kComment:
      return NotSupported(statement.position, CommandOf(statement));
    case StatementKind::kCopy:
      return RunCopy(statement.As<CopyStatement>(), &run, sink, outcome);
    case StatementKind::kDeclareCursor:
      return RunDeclare(statement.As<DeclareCursorStatement>(), text);
    case StatementKind::kFetch:
      return RunFetch(statement.As<FetchStatement>(), outcome);
    case StatementKind::kCloseCursor:
      return RunCloseCursor(statement.As<CloseCursorStatement>());
    case StatementKind::kPrepare:
      return RunPrepare(statement.As<PrepareStatement>(), text);
    case StatementKind::kDeallocate:
      return RunDeallocate(statement.As<DeallocateStatement>());
    case StatementKind::kDiscard:
      return RunDiscard(statement.As<DiscardStatement>());
    case StatementKind::kListen:
      return RunListen(statement.As<ListenStatement>());
    case StatementKind::kExecute:
    case StatementKind::kTransaction:
      break;
  }
  return Error(sqlstate::kInternalError, 0, "unknown kind of statement");
}

Session::Session(engine::Database* database, SessionOptions options)
    : impl_(std::make_unique<Impl>(database, std::move(options))) {}
Session::~Session() = default;

absl::Status Session::Execute(absl::string_view text, std::span<const Parameter> parameters,
                              ResultSink* sink) {
  return impl_->Execute(text, parameters, sink);
}

absl::StatusOr<ResultSet> Session::Query(absl::string_view text,
                                         std::span<const Parameter> parameters) {
  ResultSet result;
  CollectingSink sink(&result);
  KYRO_RETURN_IF_ERROR(impl_->Execute(text, parameters, &sink));
  return result;
}

absl::StatusOr<StatementDescription> Session::Describe(
    absl::string_view text, std::span<const std::optional<Type>> declared) {
  return impl_->Describe(text, declared);
}

absl::StatusOr<std::shared_ptr<const PreparedStatement>> Session::Prepare(
    absl::string_view text, std::span<const std::optional<Type>> declared) {
  return impl_->Prepare(text, declared);
}
absl::StatusOr<std::unique_ptr<Portal>> Session::OpenPortal(
    std::shared_ptr<const PreparedStatement> statement, std::vector<Value> parameters) {
  return impl_->OpenPortal(std::move(statement), std::move(parameters));
}
absl::StatusOr<bool> Session::Run(Portal* portal, uint64_t rows_max, Completion completion,
                                  ResultSink* sink) {
  return impl_->RunPortal(portal, rows_max, completion, sink);
}
absl::Status Session::FinishImplicit() { return impl_->FinishImplicit(); }
absl::Status Session::KeepPrepared(absl::string_view name,
                                   std::shared_ptr<const PreparedStatement> statement) {
  return impl_->KeepPrepared(name, std::move(statement));
}
std::shared_ptr<const PreparedStatement> Session::FindPrepared(absl::string_view name) const {
  return impl_->FindPrepared(name);
}
void Session::ForgetPrepared(absl::string_view name) { impl_->ForgetPrepared(name); }
absl::StatusOr<std::vector<Notification>> Session::TakeNotifications() {
  return impl_->TakeNotifications();
}
bool Session::is_listening() const { return impl_->is_listening(); }
void Session::FailTransaction() { impl_->FailTransaction(); }
absl::Status Session::SetDefault(absl::string_view name, absl::string_view value) {
  return impl_->SetDefault(name, value);
}

void Session::Cancel() { impl_->Cancel(); }
TransactionStatus Session::transaction_status() const { return impl_->transaction_status(); }
const StatementStatistics& Session::last_statistics() const { return impl_->statistics(); }
std::optional<std::string> Session::setting(absl::string_view name) const {
  return impl_->setting(name);
}
int64_t Session::setting_number(absl::string_view name) const {
  return impl_->setting_number(name);
}
engine::Database& Session::database() const { return impl_->database(); }

}  // namespace kyrodb::sql
