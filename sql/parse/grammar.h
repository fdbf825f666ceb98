// The grammar's working state: one recursive-descent method per rule, spread over grammar*.cc by
// subject. `parser.h` is the way in.
//
// Errors are latched: the first one wins, and from then on every token reads as the end of the
// text, so rules need no checks of their own to stop; what they return then is thrown away.
// (Children may be null only after an error.)
//
// Height: `depth_` counts the rules above, `height_` bounds the height of the trees completed in
// the rule at work; a node that is folded over finished ones (`a + b + c`) adds one. Their sum
// never exceeds `ParseOptions::depth_max`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sql/parse/ast.h"
#include "sql/parse/lexer.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {

// Binding powers, weakest first. Source: PostgreSQL 15 documentation, table 4.2.
enum class Precedence : int {
  kLowest = 0,
  kOr,
  kAnd,
  kNot,
  kIs,
  kComparison,
  kLike,  // BETWEEN, IN, LIKE, ILIKE, SIMILAR
  kOther,
  kAdditive,
  kMultiplicative,
  kPower,
  kAtTimeZone,
  kCollate,
  kUnarySign,
  kCast,
};

class Grammar {
 public:
  Grammar(absl::string_view text, const ParseOptions& options);

  // The status of everything so far.
  const absl::Status& status() const { return status_; }

  void ParseScript(std::vector<ParsedStatement>& statements);
  ExpressionPtr ParseWholeExpression();
  TypeName ParseWholeTypeName();

 private:
  // One rule deeper.
  class Scope {
   public:
    explicit Scope(Grammar& grammar) : grammar_(grammar), outer_height_(grammar.height_) {
      grammar_.height_ = 0;
      ++grammar_.depth_;
      grammar_.CheckHeight();
    }
    ~Scope() {
      --grammar_.depth_;
      const int32_t height = grammar_.height_ + 1;
      grammar_.height_ = height > outer_height_ ? height : outer_height_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Grammar& grammar_;
    int32_t outer_height_;
  };

  // Tokens -----------------------------------------------------------------------------------
  const Token& token() const { return window_[0]; }
  const Token& Peek(size_t ahead);  // Peek(0) is token(); at most 3
  void Advance();
  bool At(Keyword keyword) const { return token().keyword == keyword; }
  bool At(char punctuation) const { return token().IsPunctuation(punctuation); }
  bool AtOperator(absl::string_view op) const { return token().IsOperator(op); }
  bool AtEnd() const { return token().kind == TokenKind::kEnd; }
  // An identifier (no keyword) that reads `word`.
  bool AtWord(absl::string_view word) const;
  bool PeekIs(size_t ahead, Keyword keyword) { return Peek(ahead).keyword == keyword; }
  bool PeekIs(size_t ahead, char punctuation) { return Peek(ahead).IsPunctuation(punctuation); }
  bool Accept(Keyword keyword);
  bool Accept(char punctuation);
  bool AcceptOperator(absl::string_view op);
  // All of them in a row, or none.
  bool AcceptAll(std::initializer_list<Keyword> keywords);
  void Expect(Keyword keyword);
  void Expect(char punctuation);

  // Errors -----------------------------------------------------------------------------------
  void Fail(absl::Status status);
  void FailSyntax();  // at the current token
  void FailSyntaxAt(const Token& token);
  void FailUnsupported(Position position, absl::string_view what);  // "… is not supported"
  void CheckHeight();
  void Grow() {
    ++height_;
    CheckHeight();
  }

  // Names ------------------------------------------------------------------------------------
  static bool IsColumnId(const Token& token);
  static bool IsTypeOrFunctionName(const Token& token);
  static bool IsLabel(const Token& token);
  static bool IsBareLabel(const Token& token);
  Identifier TakeIdentifier();  // whatever the current token is
  Identifier ParseColumnId();
  Identifier ParseLabel();
  QualifiedName ParseQualifiedName();
  std::vector<Identifier> ParseColumnIdList();            // a, b, c
  std::vector<Identifier> ParseParenthesisedColumnIds();  // (a, b, c)
  std::string ParseString();
  int64_t ParseInteger();
  Option ParseOption();                   // k, a.k, k = v
  std::vector<Option> ParseOptionList();  // (k = v, …)
  // The word, string or number at the current token into `option`; EXPLAIN and COPY style.
  void ParseOptionValue(Option& option);

  // Types ------------------------------------------------------------------------------------
  TypeName ParseTypeName();
  // Without SETOF and array bounds; for typed literals.
  TypeName ParseSimpleTypeName();
  bool ParseBuiltInType(TypeName& type);
  void ParseTypeModifiers(TypeName& type);
  void ParseIntervalFields(TypeName& type);
  std::string ParseTimeZoneSuffix(absl::string_view base);

  // Expressions ------------------------------------------------------------------------------
  ExpressionPtr ParseExpression() { return ParseExpressionAt(Precedence::kLowest, false); }
  // `restricted`: PostgreSQL's b_expr, which leaves AND, OR, NOT, IN, LIKE, … to the rule around.
  ExpressionPtr ParseRestrictedExpression() { return ParseExpressionAt(Precedence::kLowest, true); }
  ExpressionPtr ParseExpressionAt(Precedence min, bool restricted);
  // Folds the operators from the current token on over `left`; false: none of `min` or stronger.
  bool ParseInfix(ExpressionPtr& left, LogicalExpression*& chain, Precedence min, bool restricted);
  bool ParseInfixKeyword(ExpressionPtr& left, LogicalExpression*& chain, Precedence min,
                         bool restricted);
  void ParseLogical(ExpressionPtr& left, LogicalExpression*& chain, bool is_and);
  void ParseBinary(ExpressionPtr& left, Precedence precedence, bool restricted);
  void ParseQuantified(ExpressionPtr& left, Position position, std::string op,
                       std::vector<Identifier> op_schema);
  void ParseIs(ExpressionPtr& left, bool restricted);
  void ParseBetween(ExpressionPtr& left, bool negated, Position position);
  void ParseIn(ExpressionPtr& left, bool negated, Position position);
  void ParseLike(ExpressionPtr& left, LikeType type, bool negated, Position position);
  void ParseCastSuffix(ExpressionPtr& left);
  // After an operator that does not associate: the next must not be as strong.
  void RefuseChain(Precedence precedence);
  Precedence InfixPrecedence();
  void ParseOperatorName(std::string& op, std::vector<Identifier>& schema);

  ExpressionPtr ParsePrefix(bool restricted);
  ExpressionPtr ParsePrefixKeyword(bool restricted);
  ExpressionPtr ParseSign(bool restricted);
  ExpressionPtr ParsePrefixOperator(bool restricted);
  ExpressionPtr ParseNumber();
  ExpressionPtr ParseStringLiteral();
  ExpressionPtr ParseParameter();
  ExpressionPtr ParseParenthesised();
  ExpressionPtr ParseNameExpression();
  ExpressionPtr ParseTypedLiteral(TypeName type);
  bool AtBuiltInTypeLiteral();
  ExpressionPtr ParseIndirection(ExpressionPtr operand);
  ExpressionPtr ParseCase();
  ExpressionPtr ParseCast();
  ExpressionPtr ParseArray();
  ExpressionPtr ParseArrayElements(Position position);
  ExpressionPtr ParseRow();
  ExpressionPtr ParseCoalesce(CoalesceType type);
  ExpressionPtr ParseExists();
  ExpressionPtr ParseSpecialValue(SpecialValue value, bool takes_precision);
  ExpressionPtr ParseExtract();
  ExpressionPtr ParsePosition();
  ExpressionPtr ParseSubstring();
  ExpressionPtr ParseOverlay();
  ExpressionPtr ParseTrim();
  ExpressionPtr ParseFunctionCall(QualifiedName name);
  void ParseFunctionArgument(FunctionExpression& call);
  void ParseFunctionSuffix(FunctionExpression& call);
  std::unique_ptr<FunctionExpression> MakeCall(absl::string_view name, Position position,
                                               CallSyntax syntax);
  static void AddArgument(FunctionExpression& call, ExpressionPtr value);
  WindowSpecification ParseWindowSpecification();
  FrameBound ParseFrameBound();
  std::vector<ExpressionPtr> ParseExpressionList();

  // Queries ----------------------------------------------------------------------------------
  // The current token (or the one `ahead`) begins a query, parentheses aside.
  bool AtQueryStart(size_t ahead = 0);
  QueryPtr ParseQuery();
  QueryPtr ParseParenthesisedQuery();
  // What follows `left`, a query in parentheses that turned out to be an operand.
  QueryPtr ContinueQuery(QueryPtr left);
  bool AtQueryContinuation() const;
  QueryPtr ParseQueryWith(WithPtr with, Position position);
  void ParseQuerySuffix(Query& query);
  QueryBodyPtr ParseSetOperations(QueryBodyPtr left, bool intersect_only);
  QueryBodyPtr ParseQueryOperand();
  static QueryBodyPtr BodyOfOperand(QueryPtr query);
  QueryBodyPtr ParseSelectBody();
  QueryBodyPtr ParseValuesBody();
  WithPtr ParseWith();
  std::vector<SelectItem> ParseSelectList();
  bool AtSelectListEnd() const;
  std::vector<GroupingElement> ParseGroupingList();
  GroupingElement ParseGroupingElement();
  std::vector<OrderItem> ParseOrderBy();  // after ORDER BY
  NullsOrder ParseNullsOrder();
  LockingClause ParseLocking();
  std::vector<TableRefPtr> ParseFromList();
  TableRefPtr ParseTableRef();
  TableRefPtr ParseJoins(TableRefPtr left);
  TableRefPtr ParseTablePrimary();
  TableRefPtr ParseFunctionTable();
  struct QueryOrTable {
    QueryPtr query;
    TableRefPtr table;
  };
  QueryOrTable ParseParenthesisedTable();
  TableRefPtr FinishSubquery(QueryPtr query, Position position, bool lateral);
  bool ParseAlias(Alias& alias);

  // Statements that change rows ---------------------------------------------------------------
  StatementPtr ParseStatement();
  StatementPtr ParseWithStatement(WithPtr with, Position position);
  StatementPtr ParseInsert(WithPtr with);
  StatementPtr ParseUpdate(WithPtr with);
  StatementPtr ParseDelete(WithPtr with);
  std::vector<Assignment> ParseSetList();
  void ParseOnConflict(OnConflict& conflict);
  std::vector<SelectItem> ParseReturning();
  ExpressionPtr ParseWhere();
  QualifiedName ParseTargetTable(bool& only);
  StatementPtr ParseCopy();
  void ParseCopyOptions(CopyStatement& copy);

  // Definitions -------------------------------------------------------------------------------
  StatementPtr ParseCreate();
  StatementPtr ParseCreateTable(Position position, bool temporary, bool unlogged,
                                Position modifier_position);
  void ParseTableElement(CreateTableStatement& create);
  void ParseTableSuffix(CreateTableStatement& create);
  ColumnDefinition ParseColumnDefinition();
  bool ParseColumnConstraint(ColumnDefinition& column);
  bool AtTableConstraint() const;
  Constraint ParseTableConstraint();
  void ParseReferences(Constraint& constraint);
  void ParseIndexConstraintSuffix(Constraint& constraint);
  void ParseConstraintAttributes(Constraint& constraint);
  StatementPtr ParseCreateIndex(Position position, bool unique);
  IndexElement ParseIndexElement();
  StatementPtr ParseCreateView(Position position, bool or_replace, bool temporary, bool recursive);
  StatementPtr ParseCreateMaterializedView(Position position);
  StatementPtr ParseCreateExtension(Position position);
  StatementPtr ParseDrop();
  StatementPtr ParseAlter();
  AlterTableAction ParseAlterAction(ObjectType object);
  void ParseAlterColumn(AlterTableAction& action);
  StatementPtr ParseTruncate();
  StatementPtr ParseReindex();
  StatementPtr ParseCreateSchema(Position position);
  StatementPtr ParseCreateSequence(Position position, bool temporary);
  StatementPtr ParseAlterSequence(Position position);
  SequenceClauses ParseSequenceClauses(bool is_alter);
  int64_t ParseSignedInteger();
  StatementPtr ParseComment();
  DropBehavior ParseDropBehavior();
  bool ParseIfExists();
  bool ParseIfNotExists();

  // Everything else ---------------------------------------------------------------------------
  StatementPtr ParseTransaction();
  TransactionModes ParseTransactionModes();
  StatementPtr ParseExplain();
  StatementPtr ParseSet();
  StatementPtr ParseReset();
  StatementPtr ParseShow();
  SetValue ParseSetValue();
  Identifier ParseSettingName();
  StatementPtr ParseVacuum();
  StatementPtr ParseAnalyze();
  std::vector<VacuumTarget> ParseVacuumTargets();
  StatementPtr RefuseStatement();

  // What belongs to a session (grammar_session.cc) ---------------------------------------------
  StatementPtr ParseDeclare();
  StatementPtr ParseFetch();
  void ParseFetchDirection(FetchStatement& fetch);
  int64_t ParseSequenceNumber();
  StatementPtr ParseClose();
  StatementPtr ParsePrepare();
  StatementPtr ParseExecute();
  StatementPtr ParseDeallocate();
  StatementPtr ParseDiscard();
  StatementPtr ParseListen();

  ParseOptions options_;
  Lexer lexer_;
  std::array<Token, 4> window_;
  size_t window_count_ = 0;
  size_t previous_end_ = 0;  // byte after the last token taken
  absl::Status status_;
  int32_t depth_ = 0;
  int32_t height_ = 0;
  int32_t parameter_count_ = 0;
};

}  // namespace kyrodb::sql
