#include "engine/base/status.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace kyrodb {

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status result(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&result](absl::string_view type_url, const absl::Cord& payload) {
    result.SetPayload(type_url, payload);
  });
  return result;
}

absl::Status OutOfMemoryError() noexcept {
  try {
    static const absl::Status& error =
        *new absl::Status(absl::ResourceExhaustedError("out of memory"));
    return error;
  } catch (const std::bad_alloc&) {
    // Without a message a status needs no memory.
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

namespace internal {

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace internal
}  // namespace kyrodb
