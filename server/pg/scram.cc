#include "server/pg/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "server/pg/message.h"
#include "sql/error.h"

namespace kyrodb::server::pg {
namespace {

constexpr absl::string_view kMechanism = "SCRAM-SHA-256";
constexpr size_t kNonceBytes = 18;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Hmac(absl::string_view key, absl::string_view text) {
  unsigned char out[SHA256_DIGEST_LENGTH];
  unsigned int size = sizeof(out);
  KYRO_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(),
                  out, &size) != nullptr);
  return std::string(reinterpret_cast<const char*>(out), size);
}

std::string Hash(absl::string_view text) {
  unsigned char out[SHA256_DIGEST_LENGTH];
  SHA256(Bytes(text), text.size(), out);
  return std::string(reinterpret_cast<const char*>(out), sizeof(out));
}

std::string Base64(absl::string_view bytes) { return absl::Base64Escape(bytes); }

absl::Status Malformed(absl::string_view detail) {
  return sql::WithDetail(ProtocolViolation("malformed SCRAM message"), detail);
}

// The value of "x=value"; false when it is something else.
bool Attribute(absl::string_view part, char name, absl::string_view* value) {
  if (part.size() < 2 || part[0] != name || part[1] != '=') return false;
  *value = part.substr(2);
  return true;
}

}  // namespace

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  KYRO_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) ==
             1);
  return bytes;
}

ScramVerifier ScramVerifier::Make(absl::string_view password, absl::string_view salt,
                                  int iterations) {
  unsigned char salted[SHA256_DIGEST_LENGTH];
  KYRO_CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(salt),
                               static_cast<int>(salt.size()), iterations, EVP_sha256(),
                               sizeof(salted), salted) == 1);
  const absl::string_view key(reinterpret_cast<const char*>(salted), sizeof(salted));
  ScramVerifier verifier;
  verifier.iterations = iterations;
  verifier.salt = std::string(salt);
  verifier.stored_key = Hash(Hmac(key, "Client Key"));
  verifier.server_key = Hmac(key, "Server Key");
  return verifier;
}

std::string ScramVerifier::ToString() const {
  return absl::StrCat(kMechanism, "$", iterations, ":", Base64(salt), "$", Base64(stored_key), ":",
                      Base64(server_key));
}

absl::StatusOr<ScramVerifier> ScramVerifier::Parse(absl::string_view text) {
  const auto bad = [] {
    return absl::InvalidArgumentError(
        "a SCRAM verifier looks like SCRAM-SHA-256$4096:salt$stored:server");
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '$');
  if (parts.size() != 3 || parts[0] != kMechanism) return bad();
  const std::vector<absl::string_view> work = absl::StrSplit(parts[1], ':');
  const std::vector<absl::string_view> keys = absl::StrSplit(parts[2], ':');
  ScramVerifier verifier;
  if (work.size() != 2 || keys.size() != 2 || !absl::SimpleAtoi(work[0], &verifier.iterations) ||
      verifier.iterations < 1 || !absl::Base64Unescape(work[1], &verifier.salt) ||
      !absl::Base64Unescape(keys[0], &verifier.stored_key) ||
      !absl::Base64Unescape(keys[1], &verifier.server_key) ||
      verifier.stored_key.size() != SHA256_DIGEST_LENGTH ||
      verifier.server_key.size() != SHA256_DIGEST_LENGTH) {
    return bad();
  }
  return verifier;
}

absl::StatusOr<std::string> ScramExchange::Begin(absl::string_view client_first) {
  // gs2-header = ("n" | "y" | "p=…") "," [authzid] ","
  const std::vector<absl::string_view> parts = absl::StrSplit(client_first, ',');
  if (parts.size() < 4) return Malformed("The first message has too few parts.");
  if (absl::StartsWith(parts[0], "p=")) {
    return Malformed("Channel binding was not offered.");
  }
  if (parts[0] != "n" && parts[0] != "y") return Malformed("Unexpected channel-binding flag.");
  if (!parts[1].empty()) {
    return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                      "client uses authorization identity, but it is not supported");
  }
  if (absl::StartsWith(parts[2], "m=")) {
    return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                      "client requires an unsupported SCRAM extension");
  }
  absl::string_view user;
  absl::string_view nonce;
  // The name is that of the start packet, whatever is said here.
  if (!Attribute(parts[2], 'n', &user) || !Attribute(parts[3], 'r', &nonce) || nonce.empty()) {
    return Malformed("The first message lacks a name or a nonce.");
  }
  for (const char c : nonce) {
    if (c < 0x21 || c > 0x7e) return Malformed("The nonce has characters that cannot be printed.");
  }
  gs2_header_ = absl::StrCat(parts[0], ",,");
  client_first_bare_ = std::string(client_first.substr(gs2_header_.size()));
  nonce_ = absl::StrCat(nonce, Base64(RandomBytes(kNonceBytes)));
  server_first_ =
      absl::StrCat("r=", nonce_, ",s=", Base64(verifier_.salt), ",i=", verifier_.iterations);
  return server_first_;
}

absl::StatusOr<std::string> ScramExchange::Finish(absl::string_view client_final) {
  const size_t proof_at = client_final.rfind(",p=");
  if (proof_at == absl::string_view::npos) return Malformed("The final message has no proof.");
  const absl::string_view without_proof = client_final.substr(0, proof_at);
  const std::vector<absl::string_view> parts = absl::StrSplit(without_proof, ',');
  absl::string_view channel;
  absl::string_view nonce;
  if (parts.size() < 2 || !Attribute(parts[0], 'c', &channel) ||
      !Attribute(parts[1], 'r', &nonce)) {
    return Malformed("The final message lacks a part.");
  }
  std::string proof;
  if (!absl::Base64Unescape(client_final.substr(proof_at + 3), &proof) ||
      proof.size() != SHA256_DIGEST_LENGTH) {
    return Malformed("The proof is malformed.");
  }
  if (channel != Base64(gs2_header_)) return Malformed("The channel binding has changed.");
  if (nonce != nonce_) return Malformed("The nonce does not match.");
  const std::string message =
      absl::StrCat(client_first_bare_, ",", server_first_, ",", without_proof);
  const std::string signature = Hmac(verifier_.stored_key, message);
  std::string client_key(SHA256_DIGEST_LENGTH, '\0');
  for (size_t i = 0; i < client_key.size(); ++i) {
    client_key[i] = static_cast<char>(proof[i] ^ signature[i]);
  }
  const std::string stored = Hash(client_key);
  const bool equal =
      CRYPTO_memcmp(stored.data(), verifier_.stored_key.data(), SHA256_DIGEST_LENGTH) == 0;
  if (!equal || !known_) return sql::Error("28P01", 0, "password authentication failed");
  return absl::StrCat("v=", Base64(Hmac(verifier_.server_key, message)));
}

}  // namespace kyrodb::server::pg
