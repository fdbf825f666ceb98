// The one place where the operating system's error numbers become status codes.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kyrodb::disk {

// `<operation> "<path>": <the system's text for error_number>` with the code that file_system.h
// promises.
absl::Status ErrnoStatus(absl::string_view operation, absl::string_view path, int error_number);

// The same for a rename, naming both paths.
absl::Status RenameStatus(absl::string_view from, absl::string_view to, int error_number);

// The use of a file after its `Close`.
absl::Status ClosedStatus(absl::string_view operation, absl::string_view path);

// A lock that somebody else holds; `owner` is the text found in the lock file, which may be
// anything.
absl::Status LockedStatus(absl::string_view path, absl::string_view owner);

}  // namespace kyrodb::disk
