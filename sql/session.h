// One client's conversation with the database in SQL: text and parameters in, typed rows out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/database.h"
#include "engine/schema.h"
#include "engine/value.h"
#include "sql/notification.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

// A column of a result: its output name and its type.
struct ResultColumn {
  std::string name;
  engine::Type type;
};

// One parameter ($1, $2, …). Without a type a string is taken as a quoted literal would be: it
// becomes whatever the statement wants there (a timestamp, a vector, …); other values without a
// type are boolean, bigint, double precision or vector, and null fits everywhere.
struct Parameter {
  Parameter() = default;
  // Not explicit, so that a list of plain values is a list of parameters.
  Parameter(engine::Value plain_value)  // NOLINT(google-explicit-constructor)
      : value(std::move(plain_value)) {}
  Parameter(engine::Value typed_value, engine::Type value_type)
      : value(std::move(typed_value)), type(value_type) {}

  engine::Value value;
  std::optional<engine::Type> type;
};

// How the rows of a COPY through the client look.
struct CopyShape {
  bool binary = false;
  size_t column_count = 0;
};

// The bytes of COPY … FROM STDIN.
class CopySource {
 public:
  virtual ~CopySource() = default;
  // Appends the next bytes, at least one; false at the end. 57014 when the client gave up.
  virtual absl::StatusOr<bool> Read(std::string* bytes) = 0;
};

// Receives what a script returns, statement by statement: `Columns` once for a statement that
// returns rows, `Batch` for its rows, `Complete` when it is done. A statement that fails has no
// `Complete`; what it sent before is void.
//
// Errors:  an error from a sink (the client has gone) stops the script and comes back from
//          `Session::Execute`.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  virtual absl::Status Columns(std::span<const ResultColumn> columns) = 0;
  // At most 1,024 rows; they are borrowed for the call.
  virtual absl::Status Batch(std::span<const engine::Row> rows) = 0;
  // `command_tag` as PostgreSQL's: "INSERT 0 3", "SELECT 10", "CREATE TABLE".
  virtual absl::Status Complete(absl::string_view command_tag) = 0;
  // A message that is no error; `severity` is "NOTICE" or "WARNING".
  virtual void Notice(absl::string_view severity, absl::string_view sqlstate,
                      absl::string_view message);
  // COPY … FROM STDIN: the source lives until the statement ends. 0A000 where there is no client
  // that could be asked.
  virtual absl::StatusOr<std::unique_ptr<CopySource>> CopyIn(const CopyShape& shape);
  // COPY … TO STDOUT: once, then the data in pieces, then `CopyOutDone`.
  virtual absl::Status CopyOut(const CopyShape& shape);
  virtual absl::Status CopyData(absl::string_view bytes);
  virtual absl::Status CopyOutDone();
};

// What is known of the last statement that ran.
//
// Units:  times in microseconds.
struct StatementStatistics {
  std::string command_tag;
  // The plan as EXPLAIN prints it, a line for each node; empty for statements without a plan.
  std::string plan;
  // How the rows were found: "Point Lookup", "Range Scan", "Z-Order Scan", "Nearest Search",
  // "Sequential Scan", "Virtual Scan" or empty; why; and, for a nearest search, what the engine
  // did.
  std::string access_path;
  std::string access_reason;
  std::string nearest_plan;
  uint64_t candidates = 0;    // rows looked at
  uint64_t filtered_out = 0;  // of those, refused by WHERE
  uint64_t tail_scanned = 0;  // not in the vector index yet, compared exactly
  uint64_t widened = 0;       // how often a vector search was widened to fill its LIMIT
  uint64_t returned = 0;      // rows sent to the client
  uint64_t affected = 0;      // rows written
  uint64_t retries = 0;       // how often a conflict made an autocommit statement start again
  int64_t parse_micros = 0;   // of the whole script
  int64_t bind_micros = 0;
  int64_t execute_micros = 0;  // with the commit
  engine::Lsn commit_lsn = 0;  // 0 when nothing was committed
  engine::Lsn durable_lsn = 0;
};

// What a statement wants and gives, without running it.
struct StatementDescription {
  std::vector<engine::Type> parameter_types;  // of $1, $2, …
  bool returns_rows = false;
  std::vector<ResultColumn> columns;
  std::string command;  // the first word of the command tag: "SELECT", "INSERT", …
};

// A statement that was parsed and bound once, to be run many times by the session that prepared it.
class PreparedStatement {
 public:
  virtual ~PreparedStatement() = default;
  virtual const std::string& text() const = 0;
  virtual const StatementDescription& description() const = 0;
  // The text was nothing but blanks and comments.
  virtual bool empty() const = 0;
};

// A prepared statement with its parameters, which gives its rows in parts. It is over when its
// transaction is; it must not outlive its session.
class Portal {
 public:
  virtual ~Portal() = default;
  virtual const PreparedStatement& statement() const = 0;
};

// What becomes of the transaction that a statement outside of BEGIN starts.
enum class Completion {
  kCommit,    // it ends with the statement
  kKeepOpen,  // the statements that come next join it, until `FinishImplicit`
};

// A whole result in memory.
struct ResultSet {
  std::vector<ResultColumn> columns;
  std::vector<engine::Row> rows;
  std::string command_tag;
  std::vector<std::string> notices;
};

enum class TransactionStatus {
  kIdle,           // every statement commits by itself
  kInTransaction,  // after BEGIN
  kFailed,         // a statement failed after BEGIN: only ROLLBACK is taken
};

struct SessionOptions {
  // Tables that layers above introduce; may be null, must outlive the session.
  const VirtualTableRegistry* virtual_tables = nullptr;
  std::string database_name = "kyrodb";
  std::string user_name = "kyro";
  uint64_t seed = 1;  // of random()
  // Limits; statements beyond them fail with SQLSTATE 54000 or 53200.
  size_t script_bytes_max = size_t{64} << 20;
  size_t script_statements_max = 100000;
  // Statements that are prepared under a name, their texts together.
  uint64_t prepared_bytes_max = uint64_t{16} << 20;
  // NOTIFY reaches the other sessions through this; may be null, must outlive the session.
  NotificationHub* notifications = nullptr;
  int32_t process_id = 0;  // that its notifications name
  // Called from any thread when there is something for `TakeNotifications`.
  std::function<void()> on_notification;
  // What sorts, groups, joins and collected rows of one statement may hold.
  uint64_t statement_memory_bytes_max = uint64_t{256} << 20;
  // An autocommit statement that conflicts with another starts again this often.
  int conflict_retries_max = 16;
  // 0: none. A statement that takes longer ends with 57014.
  int64_t statement_timeout_ms = 0;
};

// Order:          statements of a script run one after the other. A script of one statement
//                 commits by itself; a script of several runs in one implicit transaction, as
//                 PostgreSQL's simple query does; BEGIN … COMMIT as usual.
// Errors:         every error carries a SQLSTATE and, where it makes sense, a position in the text
//                 (sql/error.h). A statement that fails outside a transaction block leaves nothing
//                 behind; inside one it leaves the transaction failed (25P02).
// Thread-safety:  one thread at a time, except `Cancel`, which any thread may call.
// Lifetime:       the database and the virtual tables must outlive the session; the destructor
//                 rolls back an open transaction.
class Session {
 public:
  explicit Session(engine::Database* database, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs every statement of `text`. Parameters are allowed only when the text is one statement.
  absl::Status Execute(absl::string_view text, std::span<const Parameter> parameters,
                       ResultSink* sink);
  absl::Status Execute(absl::string_view text, ResultSink* sink) { return Execute(text, {}, sink); }

  // Runs `text` and collects the rows of its last statement that returns rows.
  absl::StatusOr<ResultSet> Query(absl::string_view text,
                                  std::span<const Parameter> parameters = {});

  // Binds the one statement in `text` without running it. `declared` gives types of the first
  // parameters where the client knows them.
  absl::StatusOr<StatementDescription> Describe(
      absl::string_view text, std::span<const std::optional<engine::Type>> declared = {});

  // The one statement in `text`, or none, to be run by `Run`. The types of its parameters are
  // settled now, as in `Describe`.
  absl::StatusOr<std::shared_ptr<const PreparedStatement>> Prepare(
      absl::string_view text, std::span<const std::optional<engine::Type>> declared = {});
  // Statements under names, which PREPARE, EXECUTE and DEALLOCATE share with the wire. 42P05 for a
  // name that is taken, 53200 beyond the limit; null when there is none.
  absl::Status KeepPrepared(absl::string_view name,
                            std::shared_ptr<const PreparedStatement> statement);
  std::shared_ptr<const PreparedStatement> FindPrepared(absl::string_view name) const;
  void ForgetPrepared(absl::string_view name);

  // `parameters` are values of the types that the statement's description names.
  absl::StatusOr<std::unique_ptr<Portal>> OpenPortal(
      std::shared_ptr<const PreparedStatement> statement, std::vector<engine::Value> parameters);
  // Runs a portal, or goes on with it, until it has sent `rows_max` rows (0: all). Returns whether
  // it is done: `Complete` was called, with the rows of this call in its tag. `columns` are sent
  // at every call.
  absl::StatusOr<bool> Run(Portal* portal, uint64_t rows_max, Completion completion,
                           ResultSink* sink);
  // Commits what `kKeepOpen` has left open; nothing happens inside of BEGIN … COMMIT.
  absl::Status FinishImplicit();
  // Says that the client's side of a statement has failed: a transaction block fails, an implicit
  // transaction is rolled back.
  void FailTransaction();

  // Notifications that have come for channels of LISTEN, in order. 53200 when there were more than
  // can be kept: some are lost.
  absl::StatusOr<std::vector<Notification>> TakeNotifications();
  bool is_listening() const;

  // Sets what RESET goes back to, as a client may when it connects.
  absl::Status SetDefault(absl::string_view name, absl::string_view value);

  // Makes the statement that runs now end soon with 57014; without one, nothing happens.
  void Cancel();

  TransactionStatus transaction_status() const;
  const StatementStatistics& last_statistics() const;
  // What SHOW would answer; nullopt for an unknown setting.
  std::optional<std::string> setting(absl::string_view name) const;
  // The same in the setting's own unit, without it: milliseconds, kilobytes.
  int64_t setting_number(absl::string_view name) const;
  engine::Database& database() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kyrodb::sql
