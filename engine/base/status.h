// What Debian's Abseil (20220623) does not have yet: the two macros that pass errors on, checks
// for broken invariants, and context added to a status on its way up.
#pragma once

#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb {

// Returns `status` with `context: ` before its message; code and payloads stay. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// `ResourceExhausted` "out of memory". Allocates nothing once it has been called before.
absl::Status OutOfMemoryError() noexcept;

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace internal

}  // namespace kyrodb

#define KYRO_STATUS_CONCAT_INNER(a, b) a##b
#define KYRO_STATUS_CONCAT(a, b) KYRO_STATUS_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expression` is not OK.
#define KYRO_RETURN_IF_ERROR(expression) \
  KYRO_RETURN_IF_ERROR_INNER(KYRO_STATUS_CONCAT(kyro_status_, __COUNTER__), expression)
#define KYRO_RETURN_IF_ERROR_INNER(status, expression)                   \
  do {                                                                   \
    if (absl::Status status = (expression); !status.ok()) return status; \
  } while (false)

// Assigns the value of a StatusOr to `target` (a declaration or an lvalue), or returns its status.
#define KYRO_ASSIGN_OR_RETURN(target, expression) \
  KYRO_ASSIGN_OR_RETURN_INNER(KYRO_STATUS_CONCAT(kyro_status_or_, __COUNTER__), target, expression)
#define KYRO_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                   \
  if (!holder.ok()) return holder.status();                     \
  target = std::move(holder).value()

// Ends the body of a function that returns a status or StatusOr and stands at a face that no
// exception may leave: `absl::Status F() try { … } KYRO_CATCH_OUT_OF_MEMORY`.
#define KYRO_CATCH_OUT_OF_MEMORY         \
  catch (const std::bad_alloc&) {        \
    return ::kyrodb::OutOfMemoryError(); \
  }

namespace kyrodb {
// The same for a part of a body: what `function` returns, or that memory was short.
template <typename Function>
auto CatchOutOfMemory(const Function& function) -> decltype(function()) try {
  return function();
}
KYRO_CATCH_OUT_OF_MEMORY
}  // namespace kyrodb

// Ends the process when an invariant of ours is broken. Never for user input or disk bytes.
#define KYRO_CHECK(condition)         \
  ((condition) ? static_cast<void>(0) \
               : ::kyrodb::internal::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define KYRO_DCHECK(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define KYRO_DCHECK(condition) KYRO_CHECK(condition)
#endif
