// The syntax tree: what the parser found, nothing resolved yet. Plain structs with a `kind`;
// `node.As<T>()` gives the concrete type.
//
// Every node carries the 1-based *character* position of its first characteristic token (an
// operator node that of its operator, as PostgreSQL reports it), ready to be handed to
// `Error(sqlstate, node.position, message)`. Names are already folded: unquoted ones lower case.
// Height: no path from a statement to a leaf is longer than `ParseOptions::depth_max` (a chain of
// AND or OR is one flat node), so recursion over the tree, its destruction included, is safe.
// `deparse.h` turns trees back into SQL text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::sql {

struct Expression;
struct Query;
struct QueryBody;
struct Statement;
struct TableRef;
using ExpressionPtr = std::unique_ptr<Expression>;
using QueryPtr = std::unique_ptr<Query>;
using QueryBodyPtr = std::unique_ptr<QueryBody>;
using StatementPtr = std::unique_ptr<Statement>;
using TableRefPtr = std::unique_ptr<TableRef>;

// ---------------------------------------------------------------------------------------------
// Names and types

struct Identifier {
  std::string name;
  Position position = 0;
};

// `docs`, `public.docs`; never empty where the grammar demands a name.
struct QualifiedName {
  std::vector<Identifier> parts;

  Position position() const { return parts.empty() ? 0 : parts.front().position; }
  const std::string& last() const { return parts.back().name; }
  bool empty() const { return parts.empty(); }
};

// A type as written. The grammar's own words are mapped to PostgreSQL's internal names, so the
// binder sees one spelling: smallint → int2, int/integer → int4, bigint → int8, real → float4,
// float/double precision → float8, decimal/dec/numeric → numeric, boolean → bool, char/character →
// bpchar, varchar/character varying → varchar, timestamp [with time zone] → timestamp/timestamptz,
// (char and bit without a length get 1, as PostgreSQL does), time … → time/timetz, bit [varying] →
// bit/varbit, interval, json (others keep their name).
struct TypeName {
  Position position = 0;
  QualifiedName name;
  std::vector<ExpressionPtr> modifiers;  // vector(3), numeric(10, 2); any expression parses
  std::vector<int32_t> array_bounds;     // one per [] pair, -1 where no size was given
  std::string interval_fields;           // "day", "hour to minute", …; empty: none
  bool setof = false;
};

// ---------------------------------------------------------------------------------------------
// Expressions

enum class ExpressionKind {
  kLiteral,
  kParameter,
  kColumn,
  kStar,
  kUnary,
  kBinary,
  kLogical,
  kNot,
  kIsTest,
  kDistinctFrom,
  kBetween,
  kInList,
  kLike,
  kCast,
  kCase,
  kCoalesce,
  kFunction,
  kSpecialValue,
  kSubquery,
  kQuantified,
  kArray,
  kRow,
  kSubscript,
  kField,
  kCollate,
  kDefault,
};

struct Expression {
  const ExpressionKind kind;
  Position position;

  Expression(ExpressionKind k, Position p) : kind(k), position(p) {}
  virtual ~Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  template <typename T>
  const T& As() const {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& As() {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<T&>(*this);
  }
  // Null where the node is of another kind.
  template <typename T>
  const T* If() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
  template <typename T>
  T* If() {
    return kind == T::kKind ? static_cast<T*>(this) : nullptr;
  }
};

// Gives every concrete expression its tag and constructor.
template <ExpressionKind kind_value>
struct ExpressionOf : Expression {
  static constexpr ExpressionKind kKind = kind_value;
  explicit ExpressionOf(Position p) : Expression(kKind, p) {}
};

enum class LiteralType {
  kNull,
  kBoolean,    // `boolean`
  kInteger,    // `integer`; a minus sign in front is already folded in
  kNumeric,    // `text`: decimals, exponents, and integers beyond 64 bits; sign folded in
  kString,     // `text`, unescaped; an untyped literal until the binder knows better
  kBitString,  // `text`: digits 0/1 after "b", hex digits after "x": "b101", "x1f"
};

struct LiteralExpression : ExpressionOf<ExpressionKind::kLiteral> {
  using ExpressionOf::ExpressionOf;
  LiteralType type = LiteralType::kNull;
  bool boolean = false;
  int64_t integer = 0;
  std::string text;
};

// $1, $2, …: `number` counts from 1, at most 65,535.
struct ParameterExpression : ExpressionOf<ExpressionKind::kParameter> {
  using ExpressionOf::ExpressionOf;
  int32_t number = 0;
};

// a, t.a, s.t.a
struct ColumnExpression : ExpressionOf<ExpressionKind::kColumn> {
  using ExpressionOf::ExpressionOf;
  QualifiedName name;
};

// *, t.*. A bare * is parsed in select lists and RETURNING only; t.* parses wherever a column does,
// and the binder refuses it outside of select lists, ROW(…) and function arguments.
struct StarExpression : ExpressionOf<ExpressionKind::kStar> {
  using ExpressionOf::ExpressionOf;
  QualifiedName qualifier;  // empty for a bare *
};

// Prefix operators other than NOT: "-", "+", "@", "~", …
struct UnaryExpression : ExpressionOf<ExpressionKind::kUnary> {
  using ExpressionOf::ExpressionOf;
  std::string op;
  std::vector<Identifier> op_schema;  // from OPERATOR(schema.op); usually empty
  ExpressionPtr operand;
};

// Every infix operator but AND and OR; "!=" is already "<>".
struct BinaryExpression : ExpressionOf<ExpressionKind::kBinary> {
  using ExpressionOf::ExpressionOf;
  std::string op;
  std::vector<Identifier> op_schema;
  ExpressionPtr left;
  ExpressionPtr right;
};

// AND or OR over two or more operands, in the order written. Chains without parentheses of their
// own are flat: `a AND b AND c` has three operands.
struct LogicalExpression : ExpressionOf<ExpressionKind::kLogical> {
  using ExpressionOf::ExpressionOf;
  bool is_and = true;
  std::vector<ExpressionPtr> operands;
};

struct NotExpression : ExpressionOf<ExpressionKind::kNot> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;
};

enum class IsTest { kNull, kTrue, kFalse, kUnknown };

// x IS [NOT] NULL | TRUE | FALSE | UNKNOWN; also x ISNULL, x NOTNULL.
struct IsTestExpression : ExpressionOf<ExpressionKind::kIsTest> {
  using ExpressionOf::ExpressionOf;
  IsTest test = IsTest::kNull;
  bool negated = false;
  ExpressionPtr operand;
};

// a IS [NOT] DISTINCT FROM b
struct DistinctFromExpression : ExpressionOf<ExpressionKind::kDistinctFrom> {
  using ExpressionOf::ExpressionOf;
  bool negated = false;
  ExpressionPtr left;
  ExpressionPtr right;
};

// x [NOT] BETWEEN [SYMMETRIC] low AND high
struct BetweenExpression : ExpressionOf<ExpressionKind::kBetween> {
  using ExpressionOf::ExpressionOf;
  bool negated = false;
  bool symmetric = false;
  ExpressionPtr operand;
  ExpressionPtr low;
  ExpressionPtr high;
};

// x [NOT] IN (a, b, …); with a query instead of a list it is a SubqueryExpression.
struct InListExpression : ExpressionOf<ExpressionKind::kInList> {
  using ExpressionOf::ExpressionOf;
  bool negated = false;
  ExpressionPtr operand;
  std::vector<ExpressionPtr> items;
};

enum class LikeType { kLike, kIlike, kSimilar };

// x [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE e]
struct LikeExpression : ExpressionOf<ExpressionKind::kLike> {
  using ExpressionOf::ExpressionOf;
  LikeType type = LikeType::kLike;
  bool negated = false;
  ExpressionPtr operand;
  ExpressionPtr pattern;
  ExpressionPtr escape;  // null: none given
};

// CAST(x AS type), x::type, and typed literals: type 'text'.
struct CastExpression : ExpressionOf<ExpressionKind::kCast> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;
  TypeName type;
};

struct CaseBranch {
  ExpressionPtr when;
  ExpressionPtr then;
};

struct CaseExpression : ExpressionOf<ExpressionKind::kCase> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;  // null: CASE WHEN condition …
  std::vector<CaseBranch> branches;
  ExpressionPtr otherwise;  // null: no ELSE
};

enum class CoalesceType { kCoalesce, kNullif, kGreatest, kLeast };

struct CoalesceExpression : ExpressionOf<ExpressionKind::kCoalesce> {
  using ExpressionOf::ExpressionOf;
  CoalesceType type = CoalesceType::kCoalesce;
  std::vector<ExpressionPtr> arguments;  // NULLIF: exactly two
};

enum class NullsOrder { kDefault, kFirst, kLast };

struct OrderItem {
  Position position = 0;
  ExpressionPtr expression;
  bool descending = false;
  NullsOrder nulls = NullsOrder::kDefault;
  // From ORDER BY x USING <op>; then `descending` says nothing.
  std::string using_op;
};

enum class FrameUnit { kNone, kRows, kRange, kGroups };
enum class FrameBoundType {
  kUnboundedPreceding,
  kPreceding,  // `offset` is set
  kCurrentRow,
  kFollowing,  // `offset` is set
  kUnboundedFollowing,
};
enum class FrameExclusion { kNoOthers, kCurrentRow, kGroup, kTies };

struct FrameBound {
  FrameBoundType type = FrameBoundType::kCurrentRow;
  ExpressionPtr offset;
};

struct WindowSpecification {
  Position position = 0;
  // OVER w (then everything else is empty), or the base window in OVER (w …).
  Identifier name;
  bool is_reference = false;  // OVER w, without parentheses
  std::vector<ExpressionPtr> partition_by;
  std::vector<OrderItem> order_by;
  FrameUnit frame = FrameUnit::kNone;
  FrameBound frame_begin;
  FrameBound frame_end;
  FrameExclusion exclusion = FrameExclusion::kNoOthers;
};

struct FunctionArgument {
  Identifier name;  // empty for positional arguments; k => 10 has one
  ExpressionPtr value;
};

// How the call was written; the arguments are in the function's own order either way.
enum class CallSyntax {
  kPlain,
  kExtract,     // EXTRACT(field FROM x)      → extract('field', x)
  kPosition,    // POSITION(a IN b)           → position(b, a)
  kSubstring,   // SUBSTRING(x FROM a FOR b)  → substring(x, a, b)
  kOverlay,     // OVERLAY(x PLACING y FROM a [FOR b]) → overlay(x, y, a [, b])
  kTrim,        // TRIM([BOTH|LEADING|TRAILING] [c] FROM x) → btrim|ltrim|rtrim(x [, c])
  kAtTimeZone,  // x AT TIME ZONE z           → timezone(z, x)
};

struct FunctionExpression : ExpressionOf<ExpressionKind::kFunction> {
  using ExpressionOf::ExpressionOf;
  QualifiedName name;
  std::vector<FunctionArgument> arguments;
  CallSyntax syntax = CallSyntax::kPlain;
  bool star = false;      // count(*)
  bool distinct = false;  // count(DISTINCT x)
  bool variadic = false;  // f(a, VARIADIC b): the last argument
  std::vector<OrderItem> order_by;
  std::vector<OrderItem> within_group;
  ExpressionPtr filter;                       // FILTER (WHERE …)
  std::unique_ptr<WindowSpecification> over;  // null: no OVER
};

enum class SpecialValue {
  kCurrentDate,
  kCurrentTime,
  kCurrentTimestamp,
  kLocaltime,
  kLocaltimestamp,
  kCurrentUser,
  kSessionUser,
  kUser,
  kCurrentRole,
  kCurrentCatalog,
  kCurrentSchema,
};

struct SpecialValueExpression : ExpressionOf<ExpressionKind::kSpecialValue> {
  using ExpressionOf::ExpressionOf;
  SpecialValue value = SpecialValue::kCurrentTimestamp;
  std::optional<int32_t> precision;  // CURRENT_TIMESTAMP(3)
};

enum class SubqueryType {
  kScalar,
  kExists,
  kIn,     // operand [NOT] IN (query); `negated`
  kAny,    // operand op ANY (query)
  kAll,    // operand op ALL (query)
  kArray,  // ARRAY(query)
};

struct SubqueryExpression : ExpressionOf<ExpressionKind::kSubquery> {
  using ExpressionOf::ExpressionOf;
  SubqueryType type = SubqueryType::kScalar;
  bool negated = false;
  std::string op;                     // kAny, kAll: an operator, or "like", "not ilike", …
  std::vector<Identifier> op_schema;  // from OPERATOR(schema.op)
  ExpressionPtr operand;              // kIn, kAny, kAll
  QueryPtr query;
};

// operand op ANY|ALL (array)
struct QuantifiedExpression : ExpressionOf<ExpressionKind::kQuantified> {
  using ExpressionOf::ExpressionOf;
  std::string op;  // an operator, or "like", "not like", "ilike", "not ilike"
  std::vector<Identifier> op_schema;
  bool is_all = false;
  ExpressionPtr operand;
  ExpressionPtr array;
};

// ARRAY[a, b]; inner rows of ARRAY[[…],[…]] are ArrayExpressions themselves.
struct ArrayExpression : ExpressionOf<ExpressionKind::kArray> {
  using ExpressionOf::ExpressionOf;
  std::vector<ExpressionPtr> elements;
};

// ROW(…) or (a, b, …)
struct RowExpression : ExpressionOf<ExpressionKind::kRow> {
  using ExpressionOf::ExpressionOf;
  bool explicit_row = false;  // the word ROW was there
  std::vector<ExpressionPtr> elements;
};

// x[i] or x[low:high], where either bound of a slice may be null. `a[1][2]` is one look-up in an
// array of two dimensions: two nodes, the outer one not `separate`; `(a[1])[2]` is two look-ups.
struct SubscriptExpression : ExpressionOf<ExpressionKind::kSubscript> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;
  bool slice = false;
  bool separate = false;  // the operand is a subscript in parentheses of its own
  ExpressionPtr low;      // the index where `slice` is false
  ExpressionPtr high;
};

// (x).field, (x).*
struct FieldExpression : ExpressionOf<ExpressionKind::kField> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;
  Identifier field;
  bool star = false;
};

struct CollateExpression : ExpressionOf<ExpressionKind::kCollate> {
  using ExpressionOf::ExpressionOf;
  ExpressionPtr operand;
  QualifiedName collation;
};

// DEFAULT as a value in VALUES lists of INSERT and in SET clauses. As in PostgreSQL it parses
// wherever an expression does; the binder refuses it elsewhere (42601 DEFAULT is not allowed in
// this context).
struct DefaultExpression : ExpressionOf<ExpressionKind::kDefault> {
  using ExpressionOf::ExpressionOf;
};

// ---------------------------------------------------------------------------------------------
// Queries

struct SelectItem {
  Position position = 0;
  ExpressionPtr expression;  // StarExpression for * and t.*
  Identifier alias;          // empty: none given
};

struct Alias {
  Identifier name;  // empty: none given
  std::vector<Identifier> columns;
};

enum class TableRefKind { kTable, kFunction, kSubquery, kJoin };

struct TableRef {
  const TableRefKind kind;
  Position position;
  Alias alias;
  bool lateral = false;

  TableRef(TableRefKind k, Position p) : kind(k), position(p) {}
  virtual ~TableRef() = default;
  TableRef(const TableRef&) = delete;
  TableRef& operator=(const TableRef&) = delete;

  template <typename T>
  const T& As() const {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& As() {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<T&>(*this);
  }
};

template <TableRefKind kind_value>
struct TableRefOf : TableRef {
  static constexpr TableRefKind kKind = kind_value;
  explicit TableRefOf(Position p) : TableRef(kKind, p) {}
};

struct NamedTable : TableRefOf<TableRefKind::kTable> {
  using TableRefOf::TableRefOf;
  QualifiedName name;
  bool only = false;
};

struct FunctionTable : TableRefOf<TableRefKind::kFunction> {
  using TableRefOf::TableRefOf;
  ExpressionPtr call;  // a FunctionExpression, SpecialValueExpression or CoalesceExpression
  bool with_ordinality = false;
};

struct SubqueryTable : TableRefOf<TableRefKind::kSubquery> {
  using TableRefOf::TableRefOf;
  QueryPtr query;
};

enum class JoinType { kInner, kLeft, kRight, kFull, kCross };

struct JoinTable : TableRefOf<TableRefKind::kJoin> {
  using TableRefOf::TableRefOf;
  JoinType type = JoinType::kInner;
  bool natural = false;
  TableRefPtr left;
  TableRefPtr right;
  ExpressionPtr on;                       // null: none
  std::vector<Identifier> using_columns;  // empty: none
  Identifier using_alias;                 // JOIN … USING (…) AS alias
};

enum class QueryBodyKind { kSelect, kValues, kSetOperation, kNested };

struct QueryBody {
  const QueryBodyKind kind;
  Position position;

  QueryBody(QueryBodyKind k, Position p) : kind(k), position(p) {}
  virtual ~QueryBody() = default;
  QueryBody(const QueryBody&) = delete;
  QueryBody& operator=(const QueryBody&) = delete;

  template <typename T>
  const T& As() const {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& As() {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<T&>(*this);
  }
};

template <QueryBodyKind kind_value>
struct QueryBodyOf : QueryBody {
  static constexpr QueryBodyKind kKind = kind_value;
  explicit QueryBodyOf(Position p) : QueryBody(kKind, p) {}
};

enum class GroupingType { kExpression, kRollup, kCube, kSets };

// One entry of GROUP BY: an expression (`()` is an empty row), ROLLUP/CUBE(…) or GROUPING SETS(…).
struct GroupingElement {
  Position position = 0;
  GroupingType type = GroupingType::kExpression;
  ExpressionPtr expression;                // kExpression; null for ()
  std::vector<ExpressionPtr> expressions;  // kRollup, kCube
  std::vector<GroupingElement> sets;       // kSets
};

struct NamedWindow {
  Identifier name;
  WindowSpecification specification;
};

struct SelectBody : QueryBodyOf<QueryBodyKind::kSelect> {
  using QueryBodyOf::QueryBodyOf;
  bool distinct = false;
  std::vector<ExpressionPtr> distinct_on;
  std::vector<SelectItem> items;  // may be empty: SELECT FROM t
  std::vector<TableRefPtr> from;  // comma list
  ExpressionPtr where;
  bool group_by_distinct = false;
  std::vector<GroupingElement> group_by;
  ExpressionPtr having;
  std::vector<NamedWindow> windows;
};

struct ValuesBody : QueryBodyOf<QueryBodyKind::kValues> {
  using QueryBodyOf::QueryBodyOf;
  // Rows may differ in length: the binder says so. DefaultExpression may stand for a value.
  std::vector<std::vector<ExpressionPtr>> rows;
  std::vector<Position> row_positions;
};

enum class SetOperation { kUnion, kIntersect, kExcept };

struct SetOperationBody : QueryBodyOf<QueryBodyKind::kSetOperation> {
  using QueryBodyOf::QueryBodyOf;
  SetOperation operation = SetOperation::kUnion;
  bool all = false;
  QueryBodyPtr left;
  QueryBodyPtr right;
};

// A parenthesised query with WITH, ORDER BY, LIMIT or locking of its own, as an operand.
struct NestedBody : QueryBodyOf<QueryBodyKind::kNested> {
  using QueryBodyOf::QueryBodyOf;
  QueryPtr query;
};

enum class Materialization { kDefault, kAlways, kNever };

struct CommonTable {
  Identifier name;
  std::vector<Identifier> columns;
  Materialization materialized = Materialization::kDefault;
  StatementPtr statement;  // Query, InsertStatement, UpdateStatement or DeleteStatement
};

struct WithClause {
  Position position = 0;
  bool recursive = false;
  std::vector<CommonTable> tables;
};
using WithPtr = std::unique_ptr<WithClause>;

enum class LockStrength { kUpdate, kNoKeyUpdate, kShare, kKeyShare };

struct LockingClause {
  Position position = 0;
  LockStrength strength = LockStrength::kUpdate;
  std::vector<QualifiedName> of;
  bool nowait = false;
  bool skip_locked = false;
};

// ---------------------------------------------------------------------------------------------
// Statements

enum class StatementKind {
  kQuery,
  kInsert,
  kUpdate,
  kDelete,
  kCreateTable,
  kCreateIndex,
  kCreateView,
  kCreateExtension,
  kDrop,
  kAlterTable,
  kTruncate,
  kTransaction,
  kExplain,
  kSet,
  kShow,
  kCheckpoint,
  kVacuum,
  kAnalyze,
  kCopy,
  kDeclareCursor,
  kFetch,
  kCloseCursor,
  kPrepare,
  kExecute,
  kDeallocate,
  kDiscard,
  kListen,
  kReindex,
  kCreateSchema,
  kCreateSequence,
  kAlterSequence,
  kComment,
};

struct Statement {
  const StatementKind kind;
  Position position;

  Statement(StatementKind k, Position p) : kind(k), position(p) {}
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename T>
  const T& As() const {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& As() {
    KYRO_DCHECK(kind == T::kKind);
    return static_cast<T&>(*this);
  }
};

template <StatementKind kind_value>
struct StatementOf : Statement {
  static constexpr StatementKind kKind = kind_value;
  explicit StatementOf(Position p) : Statement(kKind, p) {}
};

// SELECT, VALUES, TABLE t, set operations, with everything around them.
struct Query : StatementOf<StatementKind::kQuery> {
  using StatementOf::StatementOf;
  WithPtr with;  // null: none
  QueryBodyPtr body;
  std::vector<OrderItem> order_by;
  ExpressionPtr limit;  // null: none, or LIMIT ALL
  Position limit_position = 0;
  bool with_ties = false;  // FETCH FIRST n ROWS WITH TIES
  ExpressionPtr offset;
  Position offset_position = 0;
  std::vector<LockingClause> locking;
};

// One `c = e`, or `(a, b) = (…)` with several columns: then `value` is a RowExpression with as many
// elements (DefaultExpression allowed), or a scalar SubqueryExpression.
struct Assignment {
  Position position = 0;
  std::vector<Identifier> columns;
  bool parenthesised = false;
  ExpressionPtr value;
};

enum class ConflictAction { kNone, kNothing, kUpdate };

struct OnConflict {
  Position position = 0;
  ConflictAction action = ConflictAction::kNone;
  // The arbiter: columns or expressions, with an optional predicate; or a constraint's name; or
  // nothing at all (DO NOTHING only).
  std::vector<ExpressionPtr> targets;
  ExpressionPtr target_where;
  Identifier constraint;
  std::vector<Assignment> set;
  ExpressionPtr where;
};

enum class Overriding { kNone, kSystemValue, kUserValue };

struct InsertStatement : StatementOf<StatementKind::kInsert> {
  using StatementOf::StatementOf;
  WithPtr with;
  QualifiedName table;
  Identifier alias;
  std::vector<Identifier> columns;  // empty: all of them, in order
  Overriding overriding = Overriding::kNone;
  QueryPtr source;  // VALUES or a query; null: DEFAULT VALUES
  OnConflict on_conflict;
  std::vector<SelectItem> returning;
};

struct UpdateStatement : StatementOf<StatementKind::kUpdate> {
  using StatementOf::StatementOf;
  WithPtr with;
  QualifiedName table;
  bool only = false;
  Identifier alias;
  std::vector<Assignment> set;
  std::vector<TableRefPtr> from;
  ExpressionPtr where;
  std::vector<SelectItem> returning;
};

struct DeleteStatement : StatementOf<StatementKind::kDelete> {
  using StatementOf::StatementOf;
  WithPtr with;
  QualifiedName table;
  bool only = false;
  Identifier alias;
  std::vector<TableRefPtr> using_tables;
  ExpressionPtr where;
  std::vector<SelectItem> returning;
};

// One k = v of WITH (…), EXPLAIN (…), COPY … (…). A bare key has no value.
struct Option {
  Identifier name;                   // "m", or "toast.autovacuum" with its dot
  std::optional<std::string> value;  // as text: 16, cosine, true, 'quoted' without its quotes
  bool value_is_string = false;      // was a quoted string
  Position value_position = 0;
};

enum class ConstraintType {
  kNotNull,
  kNull,
  kPrimaryKey,
  kUnique,
  kCheck,
  kForeignKey,
  kDefault,
  kGenerated,
  kIdentity
};

// What CREATE and ALTER SEQUENCE say, and the parentheses after AS IDENTITY.
struct SequenceClauses {
  std::optional<TypeName> type;
  std::optional<int64_t> increment;
  std::optional<int64_t> min;
  std::optional<int64_t> max;
  std::optional<int64_t> start;
  std::optional<int64_t> cache;
  bool no_min = false;
  bool no_max = false;
  std::optional<bool> cycle;
  bool restart = false;
  std::optional<int64_t> restart_value;
  QualifiedName owned_by;  // table.column, or the one part "none"; empty: not given
};

// A column's or a table's constraint; column-level ones leave `columns` empty.
struct Constraint {
  Position position = 0;
  ConstraintType type = ConstraintType::kNotNull;
  Identifier name;                  // CONSTRAINT name …; empty: none
  std::vector<Identifier> columns;  // table-level PRIMARY KEY, UNIQUE, FOREIGN KEY
  ExpressionPtr expression;         // kCheck, kDefault, kGenerated
  // kForeignKey
  QualifiedName references;
  std::vector<Identifier> reference_columns;
  std::string on_delete;  // "cascade", "set null", …; empty: not given
  std::string on_update;
  std::string match;  // "full", "simple"; empty: not given
  // kIdentity
  bool identity_always = false;
  std::shared_ptr<SequenceClauses> identity_options;  // null: none
  // kUnique, kPrimaryKey
  std::vector<Identifier> include;
  std::vector<Option> options;
  bool nulls_not_distinct = false;
  bool no_inherit = false;
  bool not_valid = false;
  // DEFERRABLE, INITIALLY …: zero where not written.
  Position deferrable_position = 0;
  bool initially_deferred = false;
};

struct ColumnDefinition {
  Position position = 0;
  Identifier name;
  TypeName type;
  QualifiedName collation;
  std::vector<Constraint> constraints;  // in the order written
};

struct CreateTableStatement : StatementOf<StatementKind::kCreateTable> {
  using StatementOf::StatementOf;
  bool if_not_exists = false;
  bool temporary = false;
  bool unlogged = false;
  Position modifier_position = 0;  // of TEMPORARY or UNLOGGED
  QualifiedName table;
  std::vector<ColumnDefinition> columns;
  std::vector<Constraint> constraints;
  std::vector<Option> options;  // WITH (…)
  QueryPtr as_query;            // CREATE TABLE … AS query; then `column_names` may be given
  std::vector<Identifier> column_names;
  bool with_no_data = false;
};

struct IndexElement {
  Position position = 0;
  ExpressionPtr expression;  // a bare column is a ColumnExpression with one part
  QualifiedName collation;
  QualifiedName operator_class;  // empty: the default one
  std::vector<Option> operator_class_options;
  bool descending = false;
  bool ascending = false;  // ASC was written
  NullsOrder nulls = NullsOrder::kDefault;
};

struct CreateIndexStatement : StatementOf<StatementKind::kCreateIndex> {
  using StatementOf::StatementOf;
  bool unique = false;
  bool concurrently = false;
  bool if_not_exists = false;
  bool only = false;
  QualifiedName name;  // empty: to be chosen
  QualifiedName table;
  Identifier method;  // empty: the default one
  std::vector<IndexElement> elements;
  std::vector<Identifier> include;
  bool nulls_not_distinct = false;
  std::vector<Option> options;
  ExpressionPtr where;
};

struct CreateViewStatement : StatementOf<StatementKind::kCreateView> {
  using StatementOf::StatementOf;
  bool or_replace = false;
  bool temporary = false;
  bool recursive = false;
  bool materialized = false;
  bool if_not_exists = false;
  QualifiedName name;
  std::vector<Identifier> columns;
  std::vector<Option> options;
  QueryPtr query;
  std::string check_option;  // "local", "cascaded"; empty: none
  bool with_no_data = false;
};

struct CreateExtensionStatement : StatementOf<StatementKind::kCreateExtension> {
  using StatementOf::StatementOf;
  bool if_not_exists = false;
  Identifier name;
  Identifier schema;
  std::string version;
  bool cascade = false;
};

enum class ObjectType {
  kTable,
  kIndex,
  kView,
  kMaterializedView,
  kSequence,
  kSchema,
  kExtension,
  kType
};
enum class DropBehavior { kDefault, kCascade, kRestrict };

struct DropStatement : StatementOf<StatementKind::kDrop> {
  using StatementOf::StatementOf;
  ObjectType object = ObjectType::kTable;
  bool if_exists = false;
  bool concurrently = false;
  std::vector<QualifiedName> names;
  DropBehavior behavior = DropBehavior::kDefault;
};

enum class AlterAction {
  kAddColumn,         // column, if_not_exists
  kDropColumn,        // name, if_exists, behavior
  kSetDefault,        // name, expression
  kDropDefault,       // name
  kSetNotNull,        // name
  kDropNotNull,       // name
  kSetType,           // name, type, expression (USING, or null)
  kAddConstraint,     // constraint
  kDropConstraint,    // name, if_exists, behavior
  kRenameColumn,      // name, new_name
  kRenameConstraint,  // name, new_name
  kRenameTable,       // new_name
  kSetSchema,         // new_name
  kSetOptions,        // options
  kResetOptions,      // options (keys only)
  kDropExpression,    // name, if_exists
};

struct AlterTableAction {
  Position position = 0;
  AlterAction action = AlterAction::kAddColumn;
  bool if_exists = false;
  bool if_not_exists = false;
  Identifier name;
  Identifier new_name;
  ColumnDefinition column;
  TypeName type;
  ExpressionPtr expression;
  Constraint constraint;
  std::vector<Option> options;
  DropBehavior behavior = DropBehavior::kDefault;
};

// ALTER TABLE, and ALTER INDEX | VIEW where the form exists there too (RENAME TO, SET (…)).
struct AlterTableStatement : StatementOf<StatementKind::kAlterTable> {
  using StatementOf::StatementOf;
  ObjectType object = ObjectType::kTable;
  bool if_exists = false;
  bool only = false;
  QualifiedName table;
  std::vector<AlterTableAction> actions;
};

enum class ReindexTarget { kIndex, kTable, kSchema, kDatabase };

struct ReindexStatement : StatementOf<StatementKind::kReindex> {
  using StatementOf::StatementOf;
  ReindexTarget target = ReindexTarget::kIndex;
  bool concurrently = false;
  std::vector<Option> options;
  QualifiedName name;
};

struct CreateSchemaStatement : StatementOf<StatementKind::kCreateSchema> {
  using StatementOf::StatementOf;
  bool if_not_exists = false;
  Identifier name;
};

struct CreateSequenceStatement : StatementOf<StatementKind::kCreateSequence> {
  using StatementOf::StatementOf;
  bool if_not_exists = false;
  bool temporary = false;
  QualifiedName name;
  SequenceClauses clauses;
};

struct AlterSequenceStatement : StatementOf<StatementKind::kAlterSequence> {
  using StatementOf::StatementOf;
  bool if_exists = false;
  QualifiedName name;
  SequenceClauses clauses;
  Identifier new_name;  // RENAME TO; empty: none
};

// COMMENT ON object name IS 'text' | NULL.
struct CommentStatement : StatementOf<StatementKind::kComment> {
  using StatementOf::StatementOf;
  std::string object;  // "table", "column", "index", …
  QualifiedName name;
  QualifiedName of;  // CONSTRAINT name ON of
  std::optional<std::string> text;
};

struct TruncateStatement : StatementOf<StatementKind::kTruncate> {
  using StatementOf::StatementOf;
  std::vector<QualifiedName> tables;
  bool only = false;
  bool restart_identity = false;
  DropBehavior behavior = DropBehavior::kDefault;
};

enum class TransactionAction {
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kReleaseSavepoint,
  kRollbackToSavepoint,
};
enum class IsolationLevel { kReadUncommitted, kReadCommitted, kRepeatableRead, kSerializable };

struct TransactionModes {
  std::optional<IsolationLevel> isolation;
  std::optional<bool> read_only;
  std::optional<bool> deferrable;
  Position isolation_position = 0;
};

struct TransactionStatement : StatementOf<StatementKind::kTransaction> {
  using StatementOf::StatementOf;
  TransactionAction action = TransactionAction::kBegin;
  TransactionModes modes;  // kBegin
  Identifier savepoint;
  bool and_chain = false;
  Position chain_position = 0;
};

struct ExplainStatement : StatementOf<StatementKind::kExplain> {
  using StatementOf::StatementOf;
  // EXPLAIN ANALYZE VERBOSE and EXPLAIN (ANALYZE, FORMAT JSON) both end up here; names lower case.
  std::vector<Option> options;
  StatementPtr statement;
  // Whether ANALYZE is asked for (no value, or on/true/1).
  bool analyze() const;
};

enum class SetScope { kSession, kLocal };

// One value of SET; numbers and words as text.
struct SetValue {
  Position position = 0;
  std::string text;
  bool is_string = false;  // was quoted
  bool is_number = false;
};

// SET name = value | TO value | TO DEFAULT, SET TIME ZONE v (name "timezone"), RESET name | ALL,
// SET TRANSACTION … and SET SESSION CHARACTERISTICS AS TRANSACTION … (`is_transaction`).
struct SetStatement : StatementOf<StatementKind::kSet> {
  using StatementOf::StatementOf;
  bool reset = false;  // RESET …
  SetScope scope = SetScope::kSession;
  Identifier name;  // dotted names as one: "hnsw.ef_search"; "all" for RESET ALL
  bool to_default = false;
  std::vector<SetValue> values;
  bool is_transaction = false;
  bool is_session_characteristics = false;
  TransactionModes modes;
};

struct ShowStatement : StatementOf<StatementKind::kShow> {
  using StatementOf::StatementOf;
  Identifier name;  // "all" for SHOW ALL, "timezone" for SHOW TIME ZONE
};

struct CheckpointStatement : StatementOf<StatementKind::kCheckpoint> {
  using StatementOf::StatementOf;
};

struct VacuumTarget {
  QualifiedName table;
  std::vector<Identifier> columns;
};

struct VacuumStatement : StatementOf<StatementKind::kVacuum> {
  using StatementOf::StatementOf;
  std::vector<Option> options;        // FULL, FREEZE, VERBOSE, ANALYZE, …; names lower case
  std::vector<VacuumTarget> targets;  // empty: everything
};

struct AnalyzeStatement : StatementOf<StatementKind::kAnalyze> {
  using StatementOf::StatementOf;
  std::vector<Option> options;
  std::vector<VacuumTarget> targets;
};

struct CopyStatement : StatementOf<StatementKind::kCopy> {
  using StatementOf::StatementOf;
  QualifiedName table;  // empty where `query` is set
  std::vector<Identifier> columns;
  StatementPtr query;
  bool from = false;             // FROM: into the table
  bool standard_stream = false;  // STDIN or STDOUT
  bool program = false;
  std::string file;  // or the program's command line
  Position file_position = 0;
  std::vector<Option> options;  // names lower case; old-style CSV HEADER … in the new spelling
  ExpressionPtr where;
};

// DECLARE name [BINARY] [[NO] SCROLL] CURSOR [WITH HOLD] FOR query. The query is kept as a place in
// the script: the cursor outlives the script's tree.
struct DeclareCursorStatement : StatementOf<StatementKind::kDeclareCursor> {
  using StatementOf::StatementOf;
  Identifier name;
  bool binary = false;
  Position binary_position = 0;
  std::optional<bool> scroll;
  bool hold = false;
  size_t query_begin = 0;  // bytes of the script
  size_t query_end = 0;
};

enum class FetchDirection { kForward, kBackward, kAbsolute, kRelative };

// FETCH and MOVE. FORWARD 0 is the current row again.
struct FetchStatement : StatementOf<StatementKind::kFetch> {
  using StatementOf::StatementOf;
  bool move = false;
  FetchDirection direction = FetchDirection::kForward;
  int64_t count = 1;
  bool all = false;  // FORWARD ALL, BACKWARD ALL
  Identifier name;
};

struct CloseCursorStatement : StatementOf<StatementKind::kCloseCursor> {
  using StatementOf::StatementOf;
  bool all = false;
  Identifier name;
};

// PREPARE name [(types)] AS statement
struct PrepareStatement : StatementOf<StatementKind::kPrepare> {
  using StatementOf::StatementOf;
  Identifier name;
  std::vector<TypeName> types;
  size_t statement_begin = 0;  // bytes of the script
  size_t statement_end = 0;
};

struct ExecuteStatement : StatementOf<StatementKind::kExecute> {
  using StatementOf::StatementOf;
  Identifier name;
  std::vector<ExpressionPtr> arguments;
};

struct DeallocateStatement : StatementOf<StatementKind::kDeallocate> {
  using StatementOf::StatementOf;
  bool all = false;
  Identifier name;
};

enum class DiscardTarget { kAll, kPlans, kSequences, kTemporary };

struct DiscardStatement : StatementOf<StatementKind::kDiscard> {
  using StatementOf::StatementOf;
  DiscardTarget target = DiscardTarget::kAll;
};

enum class ListenAction { kListen, kUnlisten, kNotify };

// LISTEN channel, UNLISTEN channel | *, NOTIFY channel [, 'payload']
struct ListenStatement : StatementOf<StatementKind::kListen> {
  using StatementOf::StatementOf;
  ListenAction action = ListenAction::kListen;
  bool all = false;
  Identifier channel;
  std::string payload;
};

}  // namespace kyrodb::sql
