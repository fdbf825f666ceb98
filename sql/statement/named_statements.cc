// PREPARE, EXECUTE, DEALLOCATE and DISCARD. The names are those of the wire's prepared statements,
// too.
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/statement/session_impl.h"

namespace kyrodb::sql {
namespace {

absl::Status NoStatement(absl::string_view name) {
  return Error("26000", 0,
               name.empty() ? "unnamed prepared statement does not exist"
                            : absl::StrCat("prepared statement \"", name, "\" does not exist"));
}

}  // namespace

absl::Status Session::Impl::KeepPrepared(absl::string_view name,
                                         std::shared_ptr<const PreparedStatement> statement) {
  if (prepared_.contains(name)) {
    return Error("42P05", 0, absl::StrCat("prepared statement \"", name, "\" already exists"));
  }
  const uint64_t bytes = statement->text().size() + name.size() + 256;
  if (prepared_bytes_ + bytes > options_.prepared_bytes_max) {
    return Error(sqlstate::kOutOfMemory, 0,
                 absl::StrCat("the prepared statements of a session may take ",
                              options_.prepared_bytes_max, " bytes"));
  }
  prepared_bytes_ += bytes;
  prepared_[std::string(name)] = std::move(statement);
  return absl::OkStatus();
}

std::shared_ptr<const PreparedStatement> Session::Impl::FindPrepared(absl::string_view name) const {
  const auto found = prepared_.find(name);
  return found == prepared_.end() ? nullptr : found->second;
}

void Session::Impl::ForgetPrepared(absl::string_view name) {
  const auto found = prepared_.find(name);
  if (found == prepared_.end()) return;
  prepared_bytes_ -= found->second->text().size() + name.size() + 256;
  prepared_.erase(found);
}

absl::Status Session::Impl::RunPrepare(const PrepareStatement& statement, absl::string_view text) {
  if (prepared_.contains(statement.name.name)) {
    return Error("42P05", 0,
                 absl::StrCat("prepared statement \"", statement.name.name, "\" already exists"));
  }
  std::vector<std::optional<Type>> types;
  for (const TypeName& name : statement.types) {
    KYRO_ASSIGN_OR_RETURN(const Type type, ResolveType(name));
    types.emplace_back(type);
  }
  KYRO_ASSIGN_OR_RETURN(std::shared_ptr<const PreparedStatement> prepared,
                        Prepare(text.substr(statement.statement_begin,
                                            statement.statement_end - statement.statement_begin),
                                types));
  return KeepPrepared(statement.name.name, std::move(prepared));
}

absl::StatusOr<std::vector<Parameter>> Session::Impl::EvaluateArguments(
    const ExecuteStatement& statement, const PreparedStatement& prepared,
    const ParsedStatement& parsed) {
  const std::vector<Type>& types = prepared.description().parameter_types;
  if (types.size() != statement.arguments.size()) {
    return WithDetail(Error(sqlstate::kSyntaxError, 0,
                            absl::StrCat("wrong number of parameters for prepared statement \"",
                                         statement.name.name, "\"")),
                      absl::StrCat("Expected ", types.size(), " parameters but got ",
                                   statement.arguments.size(), "."));
  }
  Run run;
  Prepare(parsed, {}, &run);
  Binder binder(run.bind);
  std::vector<Parameter> parameters;
  for (size_t i = 0; i < types.size(); ++i) {
    engine::ColumnSchema column;
    column.name = absl::StrCat("$", i + 1);
    column.type = types[i];
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, binder.BindDefault(column, *statement.arguments[i]));
    Planner planner(run.plan);
    KYRO_RETURN_IF_ERROR(planner.Prepare(&bound));
    KYRO_ASSIGN_OR_RETURN(Value value, EvaluateToValue(*bound, nullptr, run.context->evaluation));
    parameters.emplace_back(std::move(value), types[i]);
  }
  return parameters;
}

absl::Status Session::Impl::RunExecute(const ExecuteStatement& statement,
                                       const ParsedStatement& parsed, bool alone,
                                       ResultSink* sink) {
  const std::shared_ptr<const PreparedStatement> prepared = FindPrepared(statement.name.name);
  if (prepared == nullptr) return NoStatement(statement.name.name);
  if (prepared->empty()) return sink->Complete("EXECUTE");
  if (transaction_ == nullptr) {
    Begin();
    implicit_ = !in_block_ && !alone;
  }
  KYRO_ASSIGN_OR_RETURN(const std::vector<Parameter> parameters,
                        EvaluateArguments(statement, *prepared, parsed));
  return RunStatement(ParsedOf(*prepared), prepared->text(), parameters, alone, sink);
}

absl::Status Session::Impl::RunDeallocate(const DeallocateStatement& statement) {
  if (statement.all) {
    prepared_.clear();
    prepared_bytes_ = 0;
    return absl::OkStatus();
  }
  if (!prepared_.contains(statement.name.name)) return NoStatement(statement.name.name);
  ForgetPrepared(statement.name.name);
  return absl::OkStatus();
}

absl::Status Session::Impl::RunDiscard(const DiscardStatement& statement) {
  if (statement.target != DiscardTarget::kAll) {
    // Plans are made anew each time; there are no temporary tables.
    return absl::OkStatus();
  }
  if (in_block_) {
    return Error(sqlstate::kActiveTransaction, 0,
                 "DISCARD ALL cannot run inside a transaction block");
  }
  CloseNamedCursors(true);
  SetStatement reset(statement.position);
  reset.reset = true;
  reset.name.name = "all";
  KYRO_RETURN_IF_ERROR(settings_.Set(reset));
  prepared_.clear();
  prepared_bytes_ = 0;
  Unlisten();
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
