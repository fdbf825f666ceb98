// Binding: names become slots, operators become functions, literals become values of the type that
// the context wants; everything that can be wrong with a statement before it runs is said here,
// with its position.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "sql/bind/bound.h"
#include "sql/bind/expression.h"
#include "sql/parse/ast.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

// What names mean to a statement.
struct BindContext {
  std::shared_ptr<const engine::Catalog> catalog;
  // Searched in this order when no table has the name; either may be null.
  const VirtualTableRegistry* own_virtual_tables = nullptr;
  const VirtualTableRegistry* virtual_tables = nullptr;
  // Where names without a schema are looked for, in this order.
  std::vector<std::string> search_path = {std::string(engine::kPublicSchema)};
  // When not null, gets the number of each table and view that is named.
  std::set<engine::ObjectId>* referenced = nullptr;
  // For 'now', 'today' and their like in literals.
  int64_t transaction_micros = 0;
  // Types of parameters as far as they are known; binding fills in the others.
  std::vector<std::optional<Type>>* parameter_types = nullptr;
  int32_t parameter_count = 0;
};

// The names that an expression may use.
struct Scope {
  struct Column {
    std::string name;
    Type type;
    uint32_t slot = 0;
    uint32_t relation = 0;
    uint32_t column = 0;
    bool merged = false;  // by USING: only found with its table's name
  };
  struct Relation {
    std::string alias;
    std::vector<Column> columns;
  };
  Scope* parent = nullptr;
  BoundSelect* select = nullptr;
  std::vector<Relation> relations;
  // Named in errors about aggregates: "WHERE", "GROUP BY", "JOIN conditions"; empty: allowed.
  std::string clause;
  bool in_aggregate = false;
  // Of a query's outputs: functions that give rows may stand here.
  bool allows_sets = false;
  std::optional<size_t> set_relation;  // that holds them
  bool in_window = false;              // between the parentheses of a window function
  bool in_window_definition = false;   // after OVER
  const std::vector<NamedWindow>* windows = nullptr;
};

// Thread-safety:  one statement, one thread.
// Lifetime:       `context` must outlive the binder.
class Binder {
 public:
  explicit Binder(const BindContext& context) : context_(context) {}

  absl::StatusOr<std::shared_ptr<BoundQuery>> BindQuery(const Query& query, Scope* outer = nullptr);
  absl::StatusOr<BoundInsert> BindInsert(const InsertStatement& statement);
  absl::StatusOr<BoundUpdate> BindUpdate(const UpdateStatement& statement);
  absl::StatusOr<BoundDelete> BindDelete(const DeleteStatement& statement);

  // The table of that name; 42P01 when there is none. Virtual tables are refused with 42809.
  absl::StatusOr<std::shared_ptr<const engine::TableSchema>> FindTable(const QualifiedName& name);

  // The same, but null when there is no table of that name.
  std::shared_ptr<const engine::TableSchema> FindTableOrNull(const QualifiedName& name) const;
  // A view or sequence; null when there is none.
  std::shared_ptr<const engine::ObjectSchema> FindObject(const QualifiedName& name) const;
  // The table that has an index of that name; null when there is none.
  std::shared_ptr<const engine::TableSchema> FindIndexOwner(const QualifiedName& name) const;

  // A column's DEFAULT (over no row) and its generated expression (over the table's row), cast to
  // the column's type. `schema` may be one that is being created.
  absl::StatusOr<BoundPtr> BindDefault(const engine::ColumnSchema& column,
                                       const Expression& expression);
  absl::StatusOr<BoundGenerated> BindGenerated(const engine::TableSchema& schema, uint32_t column,
                                               const Expression& expression);

  // An expression over a row of the table: of an index, of a CHECK. `what` names it in messages:
  // "index expressions". With `immutable`, 42P17 for a function that is not.
  absl::StatusOr<BoundPtr> BindRowExpression(const engine::TableSchema& schema,
                                             const Expression& expression, absl::string_view what,
                                             bool immutable);
  absl::Status BindChecks(const engine::TableSchema& schema, std::vector<BoundCheck>* checks);
  // A cast as for assignment.
  absl::StatusOr<BoundPtr> CoerceToType(BoundPtr expression, const Type& type) {
    return Coerce(std::move(expression), type, CastContext::kAssignment);
  }
  absl::Status BindGeneratedColumns(const engine::TableSchema& schema,
                                    std::vector<BoundGenerated>* generated);
  // What a column gets that nothing else is given for.
  absl::StatusOr<BoundPtr> DefaultFor(const engine::TableSchema& schema, uint32_t column);

  // The statements in WITH that change rows, in their order; they run before the statement itself.
  std::vector<BoundCommonWrite> TakeCommonWrites() { return std::move(common_writes_); }

  // After binding: 42P18 when nothing said what type a parameter has.
  absl::Status CheckParameters() const;

 private:
  struct CommonTableScope {
    const CommonTable* table;
    size_t depth;  // how many of the stack it may see itself
    bool recursive = false;
    std::shared_ptr<const WorkTable> rows = nullptr;  // its rows are kept
  };

  // binder_expression.cc, binder_call.cc
  absl::StatusOr<BoundPtr> Bind(const Expression& expression, Scope* scope);
  absl::StatusOr<BoundPtr> BindLiteral(const LiteralExpression& literal);
  absl::StatusOr<BoundPtr> BindParameter(const ParameterExpression& parameter);
  absl::StatusOr<BoundPtr> BindColumn(const ColumnExpression& column, Scope* scope);
  absl::StatusOr<BoundPtr> BindOperator(const std::string& op,
                                        const std::vector<Identifier>& op_schema,
                                        std::vector<BoundPtr> arguments, Position position);
  absl::StatusOr<BoundPtr> BindCall(const FunctionExpression& call, Scope* scope);
  absl::StatusOr<BoundPtr> BindAggregate(const FunctionExpression& call, const std::string& name,
                                         Scope* scope);
  // `element`: the type that a cast wants of the elements; unknown: theirs decides.
  absl::StatusOr<BoundPtr> BindArray(const ArrayExpression& array, Scope* scope, TypeId element);
  absl::StatusOr<BoundPtr> BindSubscript(const SubscriptExpression& subscript, Scope* scope);
  // A set-returning function among a query's outputs becomes a relation of its own.
  absl::StatusOr<BoundPtr> BindSetOutput(const FunctionExpression& call, Scope* scope);
  // Adds one call in FROM to a relation.
  absl::Status BindSetCall(const Expression& call, Scope* inner, BoundRelation* relation);
  absl::StatusOr<BoundPtr> BindSpecialValue(const SpecialValueExpression& value);
  absl::StatusOr<BoundPtr> BindCast(const CastExpression& cast, Scope* scope);
  absl::StatusOr<BoundPtr> BindCase(const CaseExpression& expression, Scope* scope);
  absl::StatusOr<BoundPtr> BindCoalesce(const CoalesceExpression& expression, Scope* scope);
  absl::StatusOr<BoundPtr> BindLike(const LikeExpression& like, Scope* scope);
  absl::StatusOr<BoundPtr> BindSubquery(const SubqueryExpression& subquery, Scope* scope);
  absl::StatusOr<BoundPtr> BindQuantified(const QuantifiedExpression& quantified, Scope* scope);
  absl::StatusOr<BoundPtr> BindBoolean(const Expression& expression, Scope* scope,
                                       absl::string_view what);
  absl::StatusOr<BoundPtr> MakeCall(const ScalarFunction* function, std::vector<BoundPtr> arguments,
                                    Position position);
  absl::StatusOr<BoundPtr> MakeRowComparison(const std::string& op, const RowExpression& left,
                                             const RowExpression& right, Position position,
                                             Scope* scope);
  // Gives all `expressions` one type. `context` is "CASE", "IN", …; for comparisons (`op` not
  // empty) the error is that of the missing operator.
  absl::Status Unify(std::vector<BoundPtr*> expressions, absl::string_view context,
                     absl::string_view op, Position position);
  absl::StatusOr<BoundPtr> Coerce(BoundPtr expression, const Type& type, CastContext context);
  // For INSERT and UPDATE; 42804 names the column.
  absl::StatusOr<BoundPtr> CoerceToColumn(BoundPtr expression, const engine::ColumnSchema& column);
  // A literal whose type nothing decides is text.
  absl::StatusOr<BoundPtr> ResolveUnknown(BoundPtr expression);

  // binder_with.cc
  // Makes the common tables known; the caller takes them off the stack again.
  absl::Status PushCommonTables(const WithClause* with);
  absl::StatusOr<BoundRelation> BindCommonTable(size_t index, Scope* outer);
  absl::StatusOr<std::shared_ptr<BoundQuery>> BindRecursive(const CommonTable& table, Scope* outer);
  absl::StatusOr<std::shared_ptr<const WorkTable>> BindCommonWrite(const CommonTable& table);
  absl::StatusOr<std::shared_ptr<BoundQuery>> CastColumns(std::shared_ptr<BoundQuery> query,
                                                          const std::vector<ResultColumn>& columns,
                                                          Position position);

  // binder_window.cc
  absl::StatusOr<BoundPtr> BindWindow(const FunctionExpression& call, const std::string& name,
                                      Scope* scope);
  absl::Status BindWindowDefinition(const WindowSpecification& specification, Scope* scope,
                                    BoundWindow* window);
  absl::StatusOr<BoundPtr> BindWindowOrder(const Expression& expression, Scope* scope);
  // After grouping: gives window functions their slots.
  absl::Status FinishWindows(BoundSelect* select);

  // binder_query.cc, binder_from.cc, binder_group.cc
  absl::Status BindBody(const QueryBody& body, const Query* around, Scope* outer,
                        BoundQuery* query);
  absl::Status BindSelect(const SelectBody& body, const Query* around, Scope* outer,
                          BoundQuery* query);
  absl::Status BindValues(const ValuesBody& body, Scope* outer, BoundQuery* query);
  absl::Status BindSetOperation(const SetOperationBody& body, Scope* outer, BoundQuery* query);
  absl::Status BindOrderByOutput(const Query& around, BoundQuery* query);
  absl::Status BindLimit(const Query& around, Scope* outer, BoundQuery* query);
  absl::StatusOr<std::unique_ptr<BoundFrom>> BindFrom(const TableRef& ref, Scope* scope,
                                                      Scope* outer);
  absl::StatusOr<std::unique_ptr<BoundFrom>> BindJoin(const JoinTable& join, Scope* scope,
                                                      Scope* outer);
  absl::StatusOr<std::unique_ptr<BoundFrom>> AddRelation(BoundRelation relation, const Alias& alias,
                                                         Position position, Scope* scope);
  absl::StatusOr<BoundRelation> BindView(const engine::ObjectSchema& view, Position position);
  absl::StatusOr<BoundRelation> BindNamedTable(const NamedTable& table, Scope* outer);
  absl::StatusOr<BoundRelation> BindFunctionTable(const FunctionTable& table, Scope* scope,
                                                  Scope* outer);
  // Expands * and adds named outputs; `outputs` and `columns` grow together.
  absl::Status BindSelectItems(const std::vector<SelectItem>& items, Scope* scope,
                               std::vector<BoundPtr>* outputs, std::vector<ResultColumn>* columns,
                               const std::vector<Type>& wanted = {});
  absl::Status RewriteGrouped(BoundPtr* expression, BoundSelect* select);
  absl::Status RewriteOuter(BoundQuery* query, uint32_t depth, BoundSelect* select);
  absl::StatusOr<uint32_t> GroupSlotOf(const BoundExpression& column, uint32_t slot,
                                       BoundSelect* select, bool from_subquery);
  absl::StatusOr<SortKey> MakeSortKey(const OrderItem& item, uint32_t slot, const Type& type);

  // binder_write.cc
  absl::StatusOr<uint32_t> TargetColumn(const engine::TableSchema& schema, const Identifier& name);
  absl::Status BindReturning(const std::vector<SelectItem>& items,
                             const engine::TableSchema& schema, const Identifier& alias,
                             std::vector<ResultColumn>* columns, std::vector<BoundPtr>* outputs);
  // Finds what ON CONFLICT (…) or ON CONSTRAINT names.
  absl::Status BindArbiters(const OnConflict& conflict, const engine::TableSchema& schema,
                            BoundInsert* insert);
  absl::Status BindAssignments(const std::vector<Assignment>& set,
                               const engine::TableSchema& schema, Scope* scope,
                               std::vector<std::pair<uint32_t, BoundPtr>>* out);
  absl::Status BindWriteSource(const QualifiedName& name, const Identifier& alias,
                               const std::vector<TableRefPtr>& others, const ExpressionPtr& where,
                               std::shared_ptr<const engine::TableSchema> table, Scope* scope,
                               BoundQuery* query);

  const BindContext& context_;
  // The columns that INSERT … SELECT is for: literals without a type become these.
  std::vector<Type> insert_types_;
  // Common tables that may be named now, innermost last.
  std::vector<CommonTableScope> common_tables_;
  std::vector<BoundCommonWrite> common_writes_;
  int32_t view_depth_ = 0;
  int32_t query_depth_ = 0;
};

// Whether it is a function that only makes sense with OVER.
bool IsWindowFunction(absl::string_view name);
// The name that PostgreSQL gives to an output without alias.
std::string OutputName(const Expression& expression);
// The candidate nearest to `name`, when it is near enough to be what was meant; else empty.
std::string Nearest(absl::string_view name, const std::vector<std::string>& candidates);
// Calls `visit` for every expression of a query, with how many queries it lies below `query`.
void VisitQuery(BoundQuery* query, uint32_t depth,
                const std::function<void(BoundPtr*, uint32_t depth)>& visit);

}  // namespace kyrodb::sql
