// DECLARE, FETCH, MOVE and CLOSE. A cursor that only goes forward reads its query as it is fetched;
// one that scrolls, or outlives its transaction, keeps its rows.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/statement/session_impl.h"

namespace kyrodb::sql {

absl::Status Session::Impl::RunDeclare(const DeclareCursorStatement& statement,
                                       absl::string_view text) {
  if (statement.binary) {
    return Error(sqlstate::kFeatureNotSupported, statement.binary_position,
                 "a BINARY cursor is not supported: ask for binary results in the protocol");
  }
  if (!in_block_ && !implicit_ && !statement.hold) {
    return Error(sqlstate::kNoActiveTransaction, 0,
                 "DECLARE CURSOR can only be used in transaction blocks");
  }
  if (named_cursors_.contains(statement.name.name)) {
    return Error("42P03", 0, absl::StrCat("cursor \"", statement.name.name, "\" already exists"));
  }
  auto named = std::make_unique<NamedCursor>();
  named->text =
      std::string(text.substr(statement.query_begin, statement.query_end - statement.query_begin));
  KYRO_ASSIGN_OR_RETURN(named->parsed, ParseStatement(named->text));
  KYRO_ASSIGN_OR_RETURN(named->cursor, OpenCursor(named->parsed, {}));
  named->columns = named->cursor->planned.query->columns;
  named->hold = statement.hold;
  named->declared_now = true;
  named->scrolls = statement.scroll.value_or(false);
  if (named->scrolls || named->hold) {
    uint64_t bytes = 0;
    ExecutionContext& context = *named->cursor->run.context;
    KYRO_RETURN_IF_ERROR(named->cursor
                             ->Fetch(0,
                                     [&](std::span<const Row> rows) -> absl::Status {
                                       for (const Row& row : rows) {
                                         bytes += RowBytes(row);
                                         KYRO_RETURN_IF_ERROR(context.Charge(RowBytes(row)));
                                         named->rows.push_back(row);
                                       }
                                       return absl::OkStatus();
                                     })
                             .status());
    named->cursor.reset();
  }
  named_cursors_[statement.name.name] = std::move(named);
  return absl::OkStatus();
}

absl::StatusOr<Session::Impl::NamedCursor*> Session::Impl::FindCursor(absl::string_view name) {
  const auto found = named_cursors_.find(name);
  if (found == named_cursors_.end()) {
    return Error("34000", 0, absl::StrCat("cursor \"", name, "\" does not exist"));
  }
  return found->second.get();
}

// Moves over kept rows. `position` is 0 before the first row, and one more than there are after the
// last.
uint64_t Session::Impl::NamedCursor::Move(const FetchStatement& fetch, std::vector<Row>* out) {
  const auto count = static_cast<int64_t>(rows.size());
  FetchDirection direction = fetch.direction;
  int64_t wanted = fetch.all ? count + 1 : fetch.count;
  if (direction == FetchDirection::kBackward) {
    direction = FetchDirection::kForward;
    wanted = -wanted;
  }
  uint64_t taken = 0;
  const auto take = [&] {
    if (position < 1 || position > count) return;
    ++taken;
    if (out != nullptr) out->push_back(rows[static_cast<size_t>(position - 1)]);
  };
  if (direction == FetchDirection::kForward) {
    if (wanted == 0) {
      take();
      return taken;
    }
    const int64_t step = wanted > 0 ? 1 : -1;
    for (int64_t i = 0; i != wanted && position <= count + 1 && position >= 0; i += step) {
      position = std::clamp<int64_t>(position + step, 0, count + 1);
      if (position == 0 || position == count + 1) break;
      take();
    }
    return taken;
  }
  if (direction == FetchDirection::kRelative) wanted += position;
  if (direction == FetchDirection::kAbsolute && wanted < 0) wanted += count + 1;
  position = std::clamp<int64_t>(wanted, 0, count + 1);
  take();
  return taken;
}

absl::Status Session::Impl::RunFetch(const FetchStatement& statement, Outcome* outcome) {
  KYRO_ASSIGN_OR_RETURN(NamedCursor * named, FindCursor(statement.name.name));
  outcome->returns_rows = !statement.move;
  outcome->columns = named->columns;
  std::vector<Row>* const out = statement.move ? nullptr : &outcome->rows;
  uint64_t count = 0;
  if (named->cursor == nullptr) {
    if (!named->scrolls && (statement.direction == FetchDirection::kBackward ||
                            (statement.direction == FetchDirection::kForward &&
                             statement.count < 0 && !statement.all))) {
      return WithHint(
          Error(sqlstate::kObjectNotInPrerequisiteState, 0, "cursor can only scan forward"),
          "Declare it with SCROLL option to enable backward scan.");
    }
    count = named->Move(statement, out);
  } else {
    const bool next_row = statement.direction == FetchDirection::kRelative && statement.count == 1;
    if ((statement.direction != FetchDirection::kForward && !next_row) ||
        (!statement.all && statement.count <= 0)) {
      return WithHint(
          Error(sqlstate::kObjectNotInPrerequisiteState, 0, "cursor can only scan forward"),
          "Declare it with SCROLL option to enable backward scan.");
    }
    Cursor& cursor = *named->cursor;
    KYRO_ASSIGN_OR_RETURN(
        count, cursor.Fetch(statement.all ? 0 : static_cast<uint64_t>(statement.count),
                            [&](std::span<const Row> rows) -> absl::Status {
                              if (out == nullptr) return absl::OkStatus();
                              for (const Row& row : rows) {
                                KYRO_RETURN_IF_ERROR(cursor.run.context->Charge(RowBytes(row)));
                                out->push_back(row);
                              }
                              return absl::OkStatus();
                            }));
    for (const Row& row : outcome->rows) cursor.run.context->Release(RowBytes(row));
  }
  outcome->tag = absl::StrCat(statement.move ? "MOVE " : "FETCH ", count);
  return absl::OkStatus();
}

absl::Status Session::Impl::RunCloseCursor(const CloseCursorStatement& statement) {
  if (statement.all) {
    CloseNamedCursors(true);
    return absl::OkStatus();
  }
  KYRO_RETURN_IF_ERROR(FindCursor(statement.name.name).status());
  named_cursors_.erase(statement.name.name);
  return absl::OkStatus();
}

void Session::Impl::CloseNamedCursors(bool all) {
  for (auto at = named_cursors_.begin(); at != named_cursors_.end();) {
    if (all || !at->second->hold) {
      at = named_cursors_.erase(at);
    } else {
      ++at;
    }
  }
}

void Session::Impl::EndNamedCursors(bool committed) {
  for (auto at = named_cursors_.begin(); at != named_cursors_.end();) {
    NamedCursor& named = *at->second;
    const bool stays = named.hold && (committed || !named.declared_now);
    named.declared_now = false;
    if (stays) {
      ++at;
    } else {
      at = named_cursors_.erase(at);
    }
  }
}

}  // namespace kyrodb::sql
