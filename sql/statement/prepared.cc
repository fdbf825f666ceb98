// Statements that are prepared, described and run in parts.
#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/statement/parameters.h"
#include "sql/statement/session_impl.h"

namespace kyrodb::sql {

class Prepared : public PreparedStatement {
 public:
  const std::string& text() const override { return text_; }
  const StatementDescription& description() const override { return description_; }
  bool empty() const override { return parsed_.statement == nullptr; }

  std::string text_;
  ParsedStatement parsed_;
  StatementDescription description_;
};

const ParsedStatement& ParsedOf(const PreparedStatement& prepared) {
  return static_cast<const Prepared&>(prepared).parsed_;
}

struct Session::Impl::PortalState : public Portal {
  const PreparedStatement& statement() const override { return *prepared; }

  std::shared_ptr<const Prepared> prepared;
  std::vector<Parameter> parameters;
  bool started = false;
  bool done = false;
  // Of a query that is read in parts.
  std::unique_ptr<Cursor> cursor;
  // Of another statement that returns rows: those that were not sent yet, and its tag.
  ResultSet rest;
  size_t next = 0;
};

namespace {

// Keeps the rows of a statement that are to be sent in parts.
class KeepingSink : public ResultSink {
 public:
  KeepingSink(ResultSet* result, ResultSink* notices) : result_(result), notices_(notices) {}
  absl::Status Columns(std::span<const ResultColumn> columns) override {
    result_->columns.assign(columns.begin(), columns.end());
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
  void Notice(absl::string_view severity, absl::string_view sqlstate,
              absl::string_view message) override {
    notices_->Notice(severity, sqlstate, message);
  }

 private:
  ResultSet* result_;
  ResultSink* notices_;
};

bool SameColumns(const std::vector<ResultColumn>& a, const std::vector<ResultColumn>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](const ResultColumn& x, const ResultColumn& y) { return x.type == y.type; });
}

absl::Status FailedTransaction() {
  return Error(sqlstate::kInFailedTransaction, 0,
               "current transaction is aborted, commands ignored until end of transaction block");
}

}  // namespace

absl::StatusOr<StatementDescription> Session::Impl::Describe(
    absl::string_view text, std::span<const std::optional<Type>> declared) {
  ParseOptions parse_options;
  parse_options.text_bytes_max = options_.script_bytes_max;
  KYRO_ASSIGN_OR_RETURN(const ParsedStatement parsed, ParseStatement(text, parse_options));
  return DescribeParsed(parsed, declared);
}

absl::StatusOr<StatementDescription> Session::Impl::DescribeParsed(
    const ParsedStatement& parsed, std::span<const std::optional<Type>> declared) {
  const Statement* statement = parsed.statement.get();
  StatementDescription description;
  description.command = CommandOf(*statement);
  if (failed_ && statement->kind != StatementKind::kTransaction) {
    return FailedTransaction();
  }
  std::vector<std::optional<Type>> types(static_cast<size_t>(parsed.parameter_count));
  for (size_t i = 0; i < std::min(declared.size(), types.size()); ++i) types[i] = declared[i];
  std::unique_ptr<engine::Transaction> own;
  if (transaction_ == nullptr) own = database_->Begin();
  BindContext bind;
  bind.catalog = (own != nullptr ? own : transaction_)->catalog();
  bind.own_virtual_tables = &own_tables_;
  bind.virtual_tables = options_.virtual_tables;
  bind.transaction_micros = database_->clock().WallMicros();
  const ScopedTextStyle style(RefreshStyle());
  bind.search_path = SearchPath();
  bind.parameter_types = &types;
  bind.parameter_count = parsed.parameter_count;
  Binder binder(bind);
  const bool explain = statement->kind == StatementKind::kExplain;
  if (explain) statement = statement->As<ExplainStatement>().statement.get();
  switch (statement->kind) {
    case StatementKind::kQuery: {
      KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<BoundQuery> query,
                            binder.BindQuery(statement->As<sql::Query>()));
      description.columns = query->columns;
      description.returns_rows = true;
      break;
    }
    case StatementKind::kInsert: {
      KYRO_ASSIGN_OR_RETURN(BoundInsert insert,
                            binder.BindInsert(statement->As<InsertStatement>()));
      description.columns = std::move(insert.returning_columns);
      break;
    }
    case StatementKind::kUpdate: {
      KYRO_ASSIGN_OR_RETURN(BoundUpdate update,
                            binder.BindUpdate(statement->As<UpdateStatement>()));
      description.columns = std::move(update.returning_columns);
      break;
    }
    case StatementKind::kDelete: {
      KYRO_ASSIGN_OR_RETURN(BoundDelete remove,
                            binder.BindDelete(statement->As<DeleteStatement>()));
      description.columns = std::move(remove.returning_columns);
      break;
    }
    case StatementKind::kFetch: {
      const auto& fetch = statement->As<FetchStatement>();
      KYRO_ASSIGN_OR_RETURN(const NamedCursor* const cursor, FindCursor(fetch.name.name));
      if (!fetch.move) description.columns = cursor->columns;
      break;
    }
    case StatementKind::kExecute: {
      const auto prepared = FindPrepared(statement->As<ExecuteStatement>().name.name);
      if (prepared != nullptr) description.columns = prepared->description().columns;
      break;
    }
    case StatementKind::kShow:
      description.columns = {{statement->As<ShowStatement>().name.name, kTextType}};
      if (description.columns[0].name == "all") {
        description.columns = {
            {"name", kTextType}, {"setting", kTextType}, {"description", kTextType}};
      }
      break;
    default:
      break;
  }
  if (explain) description.columns = {{"QUERY PLAN", kTextType}};
  description.returns_rows = description.returns_rows || !description.columns.empty();
  KYRO_RETURN_IF_ERROR(binder.CheckParameters());
  for (const std::optional<Type>& type : types) description.parameter_types.push_back(*type);
  return description;
}

absl::StatusOr<std::shared_ptr<const PreparedStatement>> Session::Impl::Prepare(
    absl::string_view text, std::span<const std::optional<Type>> declared) {
  auto prepared = std::make_shared<Prepared>();
  prepared->text_ = std::string(text);
  ParseOptions parse_options;
  parse_options.text_bytes_max = options_.script_bytes_max;
  KYRO_ASSIGN_OR_RETURN(std::vector<ParsedStatement> script,
                        ParseScript(prepared->text_, parse_options));
  if (script.size() > 1) {
    return Error(sqlstate::kSyntaxError, 0,
                 "cannot insert multiple commands into a prepared statement");
  }
  if (!script.empty()) {
    prepared->parsed_ = std::move(script[0]);
    KYRO_ASSIGN_OR_RETURN(prepared->description_, DescribeParsed(prepared->parsed_, declared));
  }
  return std::shared_ptr<const PreparedStatement>(std::move(prepared));
}

absl::StatusOr<std::unique_ptr<Portal>> Session::Impl::OpenPortal(
    std::shared_ptr<const PreparedStatement> statement, std::vector<Value> parameters) {
  auto portal = std::make_unique<PortalState>();
  portal->prepared = std::static_pointer_cast<const Prepared>(std::move(statement));
  const std::vector<Type>& types = portal->prepared->description_.parameter_types;
  if (parameters.size() != types.size()) {
    return Error("08P01", 0,
                 absl::StrCat("the statement has ", types.size(), " parameters, but ",
                              parameters.size(), " were given"));
  }
  if (failed_ && !portal->prepared->empty() &&
      portal->prepared->parsed_.statement->kind != StatementKind::kTransaction) {
    return FailedTransaction();
  }
  for (size_t i = 0; i < types.size(); ++i) {
    portal->parameters.emplace_back(std::move(parameters[i]), types[i]);
  }
  return std::unique_ptr<Portal>(std::move(portal));
}

absl::StatusOr<bool> Session::Impl::RunPortal(Portal* portal, uint64_t rows_max,
                                              Completion completion, ResultSink* sink) {
  cancelled_.store(false);
  running_.store(true);
  const auto finished = absl::MakeCleanup([this] { running_.store(false); });
  const ScopedTextStyle style(RefreshStyle());
  absl::StatusOr<bool> done =
      RunPortalOnce(static_cast<PortalState*>(portal), rows_max, completion, sink);
  if (!done.ok()) FailTransaction();
  return done;
}

absl::StatusOr<bool> Session::Impl::RunPortalOnce(PortalState* portal, uint64_t rows_max,
                                                  Completion completion, ResultSink* sink) {
  const Prepared& prepared = *portal->prepared;
  const ParsedStatement& parsed = prepared.parsed_;
  if (portal->started && portal->done) {
    // PostgreSQL answers a query that has ended with no rows, and refuses to run another statement
    // twice.
    if (prepared.description_.returns_rows) {
      KYRO_RETURN_IF_ERROR(sink->Columns(prepared.description_.columns));
      KYRO_RETURN_IF_ERROR(sink->Complete(absl::StrCat(prepared.description_.command, " 0")));
      return true;
    }
    return Error(sqlstate::kObjectNotInPrerequisiteState, 0, "portal cannot be run anymore");
  }
  const bool is_query = parsed.statement->kind == StatementKind::kQuery;
  if (!portal->started) {
    portal->started = true;
    statistics_ = {};
    last_plan_ = nullptr;
    const bool alone =
        completion == Completion::kCommit && rows_max == 0 && transaction_ == nullptr;
    if (!is_query || alone) {
      if (rows_max == 0) {
        KYRO_RETURN_IF_ERROR(RunStatement(parsed, prepared.text_, portal->parameters, alone, sink));
        portal->done = true;
        return true;
      }
      KeepingSink keeper(&portal->rest, sink);
      KYRO_RETURN_IF_ERROR(
          RunStatement(parsed, prepared.text_, portal->parameters, false, &keeper));
    } else {
      KYRO_ASSIGN_OR_RETURN(portal->cursor, OpenCursor(parsed, portal->parameters));
    }
    const std::vector<ResultColumn>& columns =
        is_query ? portal->cursor->planned.query->columns : portal->rest.columns;
    if (!SameColumns(columns, prepared.description_.columns)) {
      return Error(sqlstate::kFeatureNotSupported, 0, "cached plan must not change result type");
    }
  }
  if (portal->cursor != nullptr) {
    KYRO_RETURN_IF_ERROR(sink->Columns(portal->cursor->planned.query->columns));
    KYRO_ASSIGN_OR_RETURN(const uint64_t count,
                          portal->cursor->Fetch(rows_max, [&](std::span<const Row> rows) {
                            return sink->Batch(rows);
                          }));
    statistics_.returned = count;
    if (rows_max != 0 && count == rows_max) return false;
    portal->cursor.reset();
    portal->done = true;
    const std::string tag = absl::StrCat("SELECT ", count);
    statistics_.command_tag = tag;
    KYRO_RETURN_IF_ERROR(sink->Complete(tag));
    return true;
  }
  if (!portal->rest.columns.empty()) {
    KYRO_RETURN_IF_ERROR(sink->Columns(portal->rest.columns));
    const size_t count = std::min<size_t>(rows_max == 0 ? SIZE_MAX : rows_max,
                                          portal->rest.rows.size() - portal->next);
    const std::span<const Row> rows(portal->rest.rows);
    KYRO_RETURN_IF_ERROR(sink->Batch(rows.subspan(portal->next, count)));
    portal->next += count;
    if (portal->next < portal->rest.rows.size()) return false;
  }
  portal->done = true;
  KYRO_RETURN_IF_ERROR(sink->Complete(portal->rest.command_tag));
  return true;
}

Session::Impl::Cursor::~Cursor() {
  std::vector<Cursor*>& open = session->cursors_;
  open.erase(std::remove(open.begin(), open.end(), this), open.end());
}

absl::StatusOr<std::unique_ptr<Session::Impl::Cursor>> Session::Impl::OpenCursor(
    const ParsedStatement& parsed, std::span<const Parameter> parameters) {
  if (failed_) return FailedTransaction();
  if (transaction_ == nullptr) {
    Begin();
    implicit_ = !in_block_;
  }
  has_run_ = true;
  auto cursor = std::make_unique<Cursor>(this);
  cursors_.push_back(cursor.get());
  Prepare(parsed, parameters, &cursor->run);
  KYRO_RETURN_IF_ERROR(BindAndPlan(*parsed.statement, &cursor->run, parameters, &cursor->planned));
  KYRO_RETURN_IF_ERROR(RunCommonWrites(cursor->planned, &cursor->run));
  last_plan_ = cursor->planned.source;
  cursor->root = MakeOperator(*cursor->planned.source, *cursor->run.context);
  KYRO_RETURN_IF_ERROR(cursor->root->Open());
  return cursor;
}

absl::StatusOr<uint64_t> Session::Impl::Cursor::Fetch(
    uint64_t rows_max, absl::FunctionRef<absl::Status(std::span<const Row>)> receive) {
  if (closed) {
    return Error("34000", 0, "the cursor has ended with its transaction");
  }
  if (const int64_t timeout = session->settings_.Number("statement_timeout"); timeout > 0) {
    run.context->deadline_nanos = session->database_->clock().SteadyNanos() + timeout * 1000000;
  }
  uint64_t count = 0;
  while (rows_max == 0 || count < rows_max) {
    if (next == batch.size) {
      if (root == nullptr) break;
      KYRO_RETURN_IF_ERROR(run.context->CheckInterrupts());
      batch.Clear();
      next = 0;
      KYRO_ASSIGN_OR_RETURN(const bool more, root->Next(&batch));
      if (!more) {
        root.reset();
        batch.Clear();
        break;
      }
    }
    size_t taken = batch.size - next;
    if (rows_max != 0) taken = std::min<uint64_t>(taken, rows_max - count);
    KYRO_RETURN_IF_ERROR(receive(std::span<const Row>(&batch.rows[next], taken)));
    next += taken;
    count += taken;
  }
  return count;
}

absl::Status Session::Impl::Cursor::Settle() {
  if (closed || root == nullptr) return absl::OkStatus();
  std::vector<Row> rows(
      std::make_move_iterator(batch.rows.begin() + static_cast<ptrdiff_t>(next)),
      std::make_move_iterator(batch.rows.begin() + static_cast<ptrdiff_t>(batch.size)));
  for (;;) {
    KYRO_RETURN_IF_ERROR(run.context->CheckInterrupts());
    batch.Clear();
    KYRO_ASSIGN_OR_RETURN(const bool more, root->Next(&batch));
    if (!more) break;
    for (size_t i = 0; i < batch.size; ++i) {
      KYRO_RETURN_IF_ERROR(run.context->Charge(RowBytes(batch.rows[i])));
      rows.push_back(std::move(batch.rows[i]));
    }
  }
  root.reset();
  batch.rows = std::move(rows);
  batch.size = batch.rows.size();
  next = 0;
  return absl::OkStatus();
}

absl::Status Session::Impl::SettleCursors() {
  for (Cursor* cursor : cursors_) KYRO_RETURN_IF_ERROR(cursor->Settle());
  return absl::OkStatus();
}

void Session::Impl::SettleOrCloseCursors() {
  for (Cursor* cursor : cursors_) {
    if (!cursor->Settle().ok()) cursor->Close();
  }
}

void Session::Impl::Cursor::Close() {
  root.reset();
  batch = {};
  next = 0;
  closed = true;
}

void Session::Impl::CloseCursors() {
  for (Cursor* cursor : cursors_) cursor->Close();
}

}  // namespace kyrodb::sql
