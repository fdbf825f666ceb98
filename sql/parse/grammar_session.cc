// Statements about a session: cursors, prepared statements, notifications.
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "sql/parse/grammar.h"

namespace kyrodb::sql {

StatementPtr Grammar::ParseDeclare() {
  auto declare = std::make_unique<DeclareCursorStatement>(token().position);
  Advance();
  declare->name = ParseColumnId();
  for (;;) {
    if (At(Keyword::kBinary)) {
      declare->binary_position = token().position;
      declare->binary = true;
      Advance();
    } else if (Accept(Keyword::kInsensitive) || Accept(Keyword::kAsensitive)) {
      // Cursors never see later writes.
    } else if (At(Keyword::kNo) && PeekIs(1, Keyword::kScroll)) {
      Advance();
      Advance();
      declare->scroll = false;
    } else if (Accept(Keyword::kScroll)) {
      declare->scroll = true;
    } else {
      break;
    }
  }
  Expect(Keyword::kCursor);
  if (Accept(Keyword::kWith)) {
    Expect(Keyword::kHold);
    declare->hold = true;
  } else if (At(Keyword::kWithout)) {
    Advance();
    Expect(Keyword::kHold);
  }
  Expect(Keyword::kFor);
  declare->query_begin = token().offset;
  const Position position = token().position;
  const StatementPtr query = ParseStatement();
  if (query != nullptr && query->kind != StatementKind::kQuery) {
    Fail(Error(sqlstate::kSyntaxError, position, "a cursor is declared for a query"));
  }
  declare->query_end = previous_end_;
  return declare;
}

int64_t Grammar::ParseSignedInteger() {
  bool negative = false;
  if (AtOperator("-") || AtOperator("+")) {
    negative = AtOperator("-");
    Advance();
  }
  const int64_t value = ParseInteger();
  return negative ? -value : value;
}

void Grammar::ParseFetchDirection(FetchStatement& fetch) {
  const auto at_count = [this] {
    return token().kind == TokenKind::kInteger || AtOperator("-") || AtOperator("+");
  };
  const auto turn = [&fetch](FetchDirection direction, int64_t count) {
    fetch.direction = direction;
    fetch.count = count;
  };
  switch (token().keyword) {
    case Keyword::kNext:
      Advance();
      return;
    case Keyword::kPrior:
      Advance();
      return turn(FetchDirection::kBackward, 1);
    case Keyword::kFirst:
      Advance();
      return turn(FetchDirection::kAbsolute, 1);
    case Keyword::kLast:
      Advance();
      return turn(FetchDirection::kAbsolute, -1);
    case Keyword::kAbsolute:
      Advance();
      return turn(FetchDirection::kAbsolute, ParseSignedInteger());
    case Keyword::kRelative:
      Advance();
      return turn(FetchDirection::kRelative, ParseSignedInteger());
    case Keyword::kAll:
      Advance();
      fetch.all = true;
      return;
    case Keyword::kForward:
    case Keyword::kBackward:
      fetch.direction =
          At(Keyword::kForward) ? FetchDirection::kForward : FetchDirection::kBackward;
      Advance();
      if (Accept(Keyword::kAll)) {
        fetch.all = true;
      } else if (at_count()) {
        fetch.count = ParseSignedInteger();
      }
      return;
    default:
      if (at_count()) fetch.count = ParseSignedInteger();
      return;
  }
}

StatementPtr Grammar::ParseFetch() {
  auto fetch = std::make_unique<FetchStatement>(token().position);
  fetch->move = At(Keyword::kMove);
  Advance();
  // A lone name is the cursor's, also where it is one of the words for directions.
  const Token& next = Peek(1);
  const bool is_name = IsColumnId(token()) && (next.kind == TokenKind::kEnd || PeekIs(1, ';'));
  if (!is_name) {
    ParseFetchDirection(*fetch);
    if (!Accept(Keyword::kFrom)) Accept(Keyword::kIn);
  }
  fetch->name = ParseColumnId();
  return fetch;
}

StatementPtr Grammar::ParseClose() {
  auto close = std::make_unique<CloseCursorStatement>(token().position);
  Advance();
  close->all = Accept(Keyword::kAll);
  if (!close->all) close->name = ParseColumnId();
  return close;
}

StatementPtr Grammar::ParsePrepare() {
  auto prepare = std::make_unique<PrepareStatement>(token().position);
  Advance();
  if (At(Keyword::kTransaction) && Peek(1).kind == TokenKind::kString) {
    FailUnsupported(prepare->position, "PREPARE TRANSACTION");
    return nullptr;
  }
  prepare->name = ParseColumnId();
  if (Accept('(')) {
    do {
      prepare->types.push_back(ParseTypeName());
    } while (Accept(','));
    Expect(')');
  }
  Expect(Keyword::kAs);
  prepare->statement_begin = token().offset;
  const Position position = token().position;
  const StatementPtr statement = ParseStatement();
  if (statement != nullptr) {
    switch (statement->kind) {
      case StatementKind::kQuery:
      case StatementKind::kInsert:
      case StatementKind::kUpdate:
      case StatementKind::kDelete:
        break;
      default:
        Fail(Error(sqlstate::kSyntaxError, position,
                   "only SELECT, INSERT, UPDATE, DELETE and VALUES can be prepared"));
    }
  }
  prepare->statement_end = previous_end_;
  // Its parameters are its own, not the script's.
  parameter_count_ = 0;
  return prepare;
}

StatementPtr Grammar::ParseExecute() {
  auto execute = std::make_unique<ExecuteStatement>(token().position);
  Advance();
  execute->name = ParseColumnId();
  if (Accept('(')) {
    if (!At(')')) execute->arguments = ParseExpressionList();
    Expect(')');
  }
  return execute;
}

StatementPtr Grammar::ParseDeallocate() {
  auto deallocate = std::make_unique<DeallocateStatement>(token().position);
  Advance();
  // PREPARE is noise, unless it is the name.
  if (At(Keyword::kPrepare) && (IsColumnId(Peek(1)) || PeekIs(1, Keyword::kAll))) Advance();
  deallocate->all = Accept(Keyword::kAll);
  if (!deallocate->all) deallocate->name = ParseColumnId();
  return deallocate;
}

StatementPtr Grammar::ParseDiscard() {
  auto discard = std::make_unique<DiscardStatement>(token().position);
  Advance();
  if (Accept(Keyword::kAll)) {
    discard->target = DiscardTarget::kAll;
  } else if (Accept(Keyword::kPlans)) {
    discard->target = DiscardTarget::kPlans;
  } else if (Accept(Keyword::kSequences)) {
    discard->target = DiscardTarget::kSequences;
  } else if (Accept(Keyword::kTemp) || Accept(Keyword::kTemporary)) {
    discard->target = DiscardTarget::kTemporary;
  } else {
    FailSyntax();
  }
  return discard;
}

StatementPtr Grammar::ParseListen() {
  auto listen = std::make_unique<ListenStatement>(token().position);
  listen->action = At(Keyword::kListen)     ? ListenAction::kListen
                   : At(Keyword::kUnlisten) ? ListenAction::kUnlisten
                                            : ListenAction::kNotify;
  Advance();
  if (listen->action == ListenAction::kUnlisten && AcceptOperator("*")) {
    listen->all = true;
    return listen;
  }
  listen->channel = ParseColumnId();
  if (listen->action == ListenAction::kNotify && Accept(',')) listen->payload = ParseString();
  return listen;
}

}  // namespace kyrodb::sql
