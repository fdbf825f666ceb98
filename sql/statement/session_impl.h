// The insides of a session, for the files that each do one part of its work: sql/session.cc runs
// statements, the others here add prepared statements, cursors and COPY.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/random.h"
#include "engine/database.h"
#include "engine/transaction.h"
#include "sql/bind/binder.h"
#include "sql/catalog/catalog_names.h"
#include "sql/execute/context.h"
#include "sql/execute/modify.h"
#include "sql/execute/operator.h"
#include "sql/parse/parser.h"
#include "sql/plan/planner.h"
#include "sql/session.h"
#include "sql/statement/analyze.h"
#include "sql/statement/definition.h"
#include "sql/statement/sequence.h"
#include "sql/statement/settings.h"

namespace kyrodb::sql {

// What a statement gave, when its rows may only be sent after the commit.
struct Outcome {
  std::string tag;
  bool returns_rows = false;
  std::vector<ResultColumn> columns;
  std::vector<Row> rows;
};

absl::Status SendRows(const Outcome& outcome, ResultSink* sink);
// The first words of the statement's command tag.
std::string CommandOf(const Statement& statement);
// A conflict with another transaction, in PostgreSQL's words; other statuses as they are.
absl::Status TranslateConflict(absl::Status status);

// What the statement was parsed to.
const ParsedStatement& ParsedOf(const PreparedStatement& prepared);

struct CopyFormat;

// Notifications that wait for a session to take them.
class Mailbox : public NotificationListener {
 public:
  explicit Mailbox(std::function<void()> on_notification)
      : on_notification_(std::move(on_notification)) {}
  void Receive(const Notification& notification) override;
  // 53200 when more came than can be kept.
  absl::StatusOr<std::vector<Notification>> Take();

 private:
  const std::function<void()> on_notification_;
  absl::Mutex mutex_;
  std::vector<Notification> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
};

class Session::Impl {
 public:
  Impl(engine::Database* database, SessionOptions options);
  ~Impl();

  absl::Status Execute(absl::string_view text, std::span<const Parameter> parameters,
                       ResultSink* sink);
  absl::StatusOr<StatementDescription> Describe(absl::string_view text,
                                                std::span<const std::optional<Type>> declared);
  absl::StatusOr<std::shared_ptr<const PreparedStatement>> Prepare(
      absl::string_view text, std::span<const std::optional<Type>> declared);
  absl::StatusOr<std::unique_ptr<Portal>> OpenPortal(
      std::shared_ptr<const PreparedStatement> statement, std::vector<Value> parameters);
  absl::StatusOr<bool> RunPortal(Portal* portal, uint64_t rows_max, Completion completion,
                                 ResultSink* sink);
  // named_statements.cc
  absl::Status KeepPrepared(absl::string_view name,
                            std::shared_ptr<const PreparedStatement> statement);
  std::shared_ptr<const PreparedStatement> FindPrepared(absl::string_view name) const;
  void ForgetPrepared(absl::string_view name);
  absl::StatusOr<std::vector<Notification>> TakeNotifications() { return mailbox_.Take(); }
  bool is_listening() const { return !channels_.empty(); }
  absl::Status FinishImplicit();
  void FailTransaction();
  absl::Status SetDefault(absl::string_view name, absl::string_view value) {
    return settings_.SetDefault(name, value);
  }
  int64_t setting_number(absl::string_view name) const { return settings_.Number(name); }
  void Cancel() {
    if (running_.load()) cancelled_.store(true);
  }

  TransactionStatus transaction_status() const {
    if (!in_block_) return TransactionStatus::kIdle;
    return failed_ ? TransactionStatus::kFailed : TransactionStatus::kInTransaction;
  }
  const StatementStatistics& statistics() const;
  std::optional<std::string> setting(absl::string_view name) const {
    absl::StatusOr<std::string> value = settings_.Show(name, 0);
    if (!value.ok()) return std::nullopt;
    return *std::move(value);
  }
  engine::Database& database() const { return *database_; }

 private:
  struct Savepoint {
    std::string name;
    engine::Transaction::Mark mark;
  };
  // Of one statement that runs.
  struct Run {
    const Statement* statement = nullptr;
    absl::string_view text;  // of the script
    std::vector<std::optional<Type>> types;
    std::vector<Value> values;
    BindContext bind;
    std::unique_ptr<SequenceRunner> sequences;
    std::unique_ptr<ExecutionContext> context;
    PlanContext plan;
  };

  absl::Status RunStatement(const ParsedStatement& parsed, absl::string_view text,
                            std::span<const Parameter> parameters, bool alone, ResultSink* sink);
  absl::Status RunTransaction(const TransactionStatement& statement, bool alone, ResultSink* sink);
  absl::Status Dispatch(const ParsedStatement& parsed, absl::string_view text,
                        std::span<const Parameter> parameters, bool streaming, ResultSink* sink,
                        Outcome* outcome);
  absl::Status RunQuery(Run* run, std::span<const Parameter> parameters, bool streaming,
                        ResultSink* sink, Outcome* outcome);
  absl::Status RunWrite(Run* run, std::span<const Parameter> parameters, Outcome* outcome);
  absl::Status RunCreateTable(Run* run, Outcome* outcome, const NoticeReceiver& notice);
  absl::Status RunCreateIndex(Run* run, const NoticeReceiver& notice);
  DefinitionContext ForDefinition(Run* run, NoticeReceiver notice);
  std::vector<std::string> SearchPath() const;
  absl::Status RunExplain(const ExplainStatement& statement, Run* run,
                          std::span<const Parameter> parameters, Outcome* outcome);
  absl::Status RunMaintenance(const Statement& statement, Run* run);
  absl::Status RunSet(const SetStatement& statement, ResultSink* sink);
  absl::Status RunShow(const ShowStatement& statement, Outcome* outcome);

  // copy.cc
  absl::Status RunCopy(const CopyStatement& statement, Run* run, ResultSink* sink,
                       Outcome* outcome);
  absl::Status CopyQueryOut(const Statement& query, const CopyFormat& format, CopyShape shape,
                            Run* run, ResultSink* sink, Outcome* outcome);
  // named_statements.cc
  absl::Status RunPrepare(const PrepareStatement& statement, absl::string_view text);
  absl::Status RunExecute(const ExecuteStatement& statement, const ParsedStatement& parsed,
                          bool alone, ResultSink* sink);
  absl::StatusOr<std::vector<Parameter>> EvaluateArguments(const ExecuteStatement& statement,
                                                           const PreparedStatement& prepared,
                                                           const ParsedStatement& parsed);
  absl::Status RunDeallocate(const DeallocateStatement& statement);
  absl::Status RunDiscard(const DiscardStatement& statement);
  // notifications.cc
  absl::Status RunListen(const ListenStatement& statement);
  void Unlisten();
  void EndNotifications(bool committed);

  // Fills in what binding and execution need of the session.
  void Prepare(const ParsedStatement& parsed, std::span<const Parameter> parameters, Run* run);
  absl::Status BindParameters(Run* run, std::span<const Parameter> parameters);
  absl::StatusOr<StatementDescription> DescribeParsed(
      const ParsedStatement& parsed, std::span<const std::optional<Type>> declared);

  // The plan of a bound statement, with a node for the write on top of it, for EXPLAIN.
  struct Planned {
    // Of WITH, to run first, each with the plan of its source.
    std::vector<std::pair<BoundCommonWrite, PlanPtr>> common_writes;
    std::shared_ptr<BoundQuery> query;
    BoundInsert insert;
    BoundUpdate update;
    BoundDelete remove;
    PlanPtr source;
    std::shared_ptr<PlanNode> shown;
  };
  // A query that is read in parts. It ends with its transaction.
  //
  // Lifetime:  the parsed statement must outlive it; the session knows the open ones.
  struct Cursor {
    explicit Cursor(Impl* owner) : session(owner) {}
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    // Hands on at most `rows_max` rows (0: all), and returns how many.
    absl::StatusOr<uint64_t> Fetch(uint64_t rows_max,
                                   absl::FunctionRef<absl::Status(std::span<const Row>)> receive);
    // Reads what is left into memory, so that later writes do not show.
    absl::Status Settle();
    void Close();

    Impl* session;
    Run run;
    Planned planned;
    OperatorPtr root;  // null when everything was read
    Batch batch;       // rows [next, batch.size) are still to be handed on
    size_t next = 0;
    bool closed = false;  // its transaction is over
  };
  absl::StatusOr<std::unique_ptr<Cursor>> OpenCursor(const ParsedStatement& parsed,
                                                     std::span<const Parameter> parameters);
  // One of DECLARE. cursors.cc
  struct NamedCursor {
    // Over kept rows: moves, and appends those that it came by.
    uint64_t Move(const FetchStatement& fetch, std::vector<Row>* out);

    std::string text;
    ParsedStatement parsed;
    std::vector<ResultColumn> columns;
    std::unique_ptr<Cursor> cursor;  // null when the rows are kept
    std::vector<Row> rows;
    int64_t position = 0;
    bool scrolls = false;
    bool hold = false;
    bool declared_now = false;  // by the transaction that runs
  };
  absl::Status RunDeclare(const DeclareCursorStatement& statement, absl::string_view text);
  absl::StatusOr<NamedCursor*> FindCursor(absl::string_view name);
  absl::Status RunFetch(const FetchStatement& statement, Outcome* outcome);
  absl::Status RunCloseCursor(const CloseCursorStatement& statement);
  // All of them, or those without HOLD.
  void CloseNamedCursors(bool all);
  void EndNamedCursors(bool committed);

  // Before something is written or rolled back to a savepoint.
  absl::Status SettleCursors();
  // The same, but a cursor that cannot be read to its end is closed.
  void SettleOrCloseCursors();
  void CloseCursors();
  struct PortalState;
  absl::StatusOr<bool> RunPortalOnce(PortalState* portal, uint64_t rows_max, Completion completion,
                                     ResultSink* sink);

  absl::Status BindAndPlan(const Statement& statement, Run* run,
                           std::span<const Parameter> parameters, Planned* planned);
  absl::Status RunCommonWrites(const Planned& planned, Run* run);
  absl::StatusOr<WriteResult> RunPlanned(const Statement& statement, const Planned& planned,
                                         Run* run);

  // Without a level: as default_transaction_isolation says.
  void Begin(std::optional<IsolationLevel> isolation = std::nullopt);
  // Makes it the level of the open transaction, which must not have done anything yet.
  absl::Status SetIsolation(IsolationLevel isolation, Position position);
  absl::Status CheckDeferred();
  absl::Status Commit();
  void Abandon();
  void Notify(ResultSink* sink, absl::string_view severity, absl::string_view sqlstate,
              absl::string_view message);

  engine::Database* const database_;
  const SessionOptions options_;
  Settings settings_;
  Random random_;
  VirtualTableRegistry own_tables_;
  std::unique_ptr<engine::Transaction> transaction_;
  int64_t transaction_micros_ = 0;
  // How values look now, and of which settings that was made.
  TextStyle style_;
  uint64_t style_version_ = 0;
  const TextStyle* RefreshStyle();
  bool in_block_ = false;  // after BEGIN
  bool implicit_ = false;  // in the transaction of a script of several statements
  bool failed_ = false;
  bool read_only_ = false;
  bool serializable_ = false;  // the transaction
  bool has_run_ = false;       // whether it has run a statement
  std::vector<Savepoint> savepoints_;
  std::vector<Cursor*> cursors_;  // open ones
  absl::btree_map<std::string, std::unique_ptr<NamedCursor>> named_cursors_;
  absl::flat_hash_map<std::string, std::shared_ptr<const PreparedStatement>> prepared_;
  uint64_t prepared_bytes_ = 0;
  Mailbox mailbox_;
  absl::flat_hash_set<std::string> channels_;  // of LISTEN
  struct ListenChange {
    ListenAction action;
    bool all;
    std::string channel;
  };
  // For the commit.
  std::vector<ListenChange> to_listen_;
  std::vector<Notification> to_send_;
  std::vector<PendingReference> deferred_;  // looked at when the transaction commits
  SequenceMemory sequence_memory_;
  StatisticsCache statistics_cache_;
  const CatalogNames names_;
  const std::function<bool(absl::string_view name, std::string* value)> show_setting_;
  mutable StatementStatistics statistics_;
  PlanPtr last_plan_;
  std::atomic<bool> running_{false};
  std::atomic<bool> cancelled_{false};
};

}  // namespace kyrodb::sql
