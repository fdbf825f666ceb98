// Who may log in: the password file.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/pg/scram.h"

namespace kyrodb::server::pg {

// Thread-safety:  immutable after it is made.
class Users {
 public:
  Users();
  // `InvalidArgument` names the line that is wrong.
  static absl::StatusOr<Users> Parse(absl::string_view text);
  static absl::StatusOr<Users> Load(const std::string& file);

  // For a name that is not there, a verifier that nothing matches, always the same one.
  ScramVerifier VerifierOf(absl::string_view name, bool* known) const;
  bool empty() const { return verifiers_.empty(); }

 private:
  absl::flat_hash_map<std::string, ScramVerifier> verifiers_;
  std::string secret_;  // from which salts of unknown users are made
};

}  // namespace kyrodb::server::pg
