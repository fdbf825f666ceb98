#include "server/pg/users.h"

#include <openssl/sha.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"

namespace kyrodb::server::pg {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr int kIterations = 4096;

}  // namespace

Users::Users() : secret_(RandomBytes(SHA256_DIGEST_LENGTH)) {}

absl::StatusOr<Users> Users::Parse(absl::string_view text) {
  Users users;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    const auto bad = [&](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("password file, line ", number, ": ", what));
    };
    if (colon == 0 || colon == absl::string_view::npos || colon + 1 == line.size()) {
      return bad("expected name:password");
    }
    const absl::string_view secret = line.substr(colon + 1);
    ScramVerifier verifier;
    if (absl::StartsWith(secret, "SCRAM-SHA-256$")) {
      absl::StatusOr<ScramVerifier> parsed = ScramVerifier::Parse(secret);
      if (!parsed.ok()) return bad(parsed.status().message());
      verifier = *std::move(parsed);
    } else {
      verifier = ScramVerifier::Make(secret, RandomBytes(kSaltBytes), kIterations);
    }
    if (!users.verifiers_.emplace(line.substr(0, colon), std::move(verifier)).second) {
      return bad(absl::StrCat("user \"", line.substr(0, colon), "\" is there twice"));
    }
  }
  return users;
}

absl::StatusOr<Users> Users::Load(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the password file ", file));
  }
  return Parse(text.str());
}

ScramVerifier Users::VerifierOf(absl::string_view name, bool* known) const {
  const auto found = verifiers_.find(name);
  *known = found != verifiers_.end();
  if (*known) return found->second;
  ScramVerifier verifier;
  verifier.iterations = kIterations;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  const std::string seed = absl::StrCat(secret_, name);
  SHA256(reinterpret_cast<const unsigned char*>(seed.data()), seed.size(), digest);
  verifier.salt.assign(reinterpret_cast<const char*>(digest), kSaltBytes);
  verifier.stored_key = std::string(SHA256_DIGEST_LENGTH, '\0');
  verifier.server_key = std::string(SHA256_DIGEST_LENGTH, '\0');
  return verifier;
}

}  // namespace kyrodb::server::pg
