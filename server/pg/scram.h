// SCRAM-SHA-256, the server's side.
// Source: RFC 5802, RFC 7677; PostgreSQL 15 documentation, section 55.3 ("SASL Authentication") and
// the verifier's form in section 53.8 (pg_authid).
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::server::pg {

// What a server keeps of a password.
struct ScramVerifier {
  int iterations = 4096;
  std::string salt;        // bytes
  std::string stored_key;  // bytes
  std::string server_key;  // bytes

  // The password is used as its bytes are: names that SASLprep would change (compatibility forms,
  // non-ASCII blanks) are not normalised.
  static ScramVerifier Make(absl::string_view password, absl::string_view salt, int iterations);
  // "SCRAM-SHA-256$4096:salt$stored:server", as PostgreSQL stores it.
  std::string ToString() const;
  static absl::StatusOr<ScramVerifier> Parse(absl::string_view text);
};

// `count` bytes that nobody can foresee.
std::string RandomBytes(size_t count);

// One exchange: the client's first message, then its final one.
//
// Errors:  08P01 for what is no SCRAM message, 28P01 when the proof is wrong.
class ScramExchange {
 public:
  // `known`: false for a user that does not exist; the exchange goes on to its end and then fails,
  // so that nobody learns which names there are. `channel`: whether the connection is TLS.
  ScramExchange(ScramVerifier verifier, bool known)
      : verifier_(std::move(verifier)), known_(known) {}

  // Returns the server's first message.
  absl::StatusOr<std::string> Begin(absl::string_view client_first);
  // Returns the server's final message.
  absl::StatusOr<std::string> Finish(absl::string_view client_final);

 private:
  const ScramVerifier verifier_;
  const bool known_;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;
  std::string nonce_;
};

}  // namespace kyrodb::server::pg
