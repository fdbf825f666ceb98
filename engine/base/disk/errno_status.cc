#include "engine/base/disk/errno_status.h"

#include <cerrno>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kyrodb::disk {
namespace {

absl::StatusCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status ErrnoStatus(absl::string_view operation, absl::string_view path, int error_number) {
  return absl::Status(
      CodeOf(error_number),
      absl::StrCat(operation, " \"", path, "\": ", std::generic_category().message(error_number)));
}

absl::Status RenameStatus(absl::string_view from, absl::string_view to, int error_number) {
  return ErrnoStatus("rename", absl::StrCat(from, "\" to \"", to), error_number);
}

absl::Status ClosedStatus(absl::string_view operation, absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(operation, " \"", path, "\": file is closed"));
}

absl::Status LockedStatus(absl::string_view path, absl::string_view owner) {
  return absl::FailedPreconditionError(
      absl::StrCat("lock \"", path, "\": held by ",
                   owner.empty() ? "another opener" : absl::Utf8SafeCEscape(owner)));
}

}  // namespace kyrodb::disk
