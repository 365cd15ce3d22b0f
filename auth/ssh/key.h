#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// Types of generated keys. `rsa` is for CAs where policies allow nothing else; it signs with rsa-sha2-512
/// (RFC 8332).
enum class KeyType { ecdsa_p256, ed25519, rsa };
/// Size of the modulus of generated RSA keys, in bits.
inline constexpr unsigned kNewRsaBits = 3072;

/// A key pair for SSH (RFC 4253 6.6, RFC 5656, RFC 8709). The private key leaves this object only by
/// private_pem() and private_file().
class SshKey {
 public:
  static SshKey generate(KeyType type);
  /// Reads PEM: `EC PRIVATE KEY` (P-256, what cloudflared writes), PKCS#8 of every type, OpenSSH's own of
  /// P-256 and ed25519.
  /// Stage::certificate, Cause::key_unusable.
  static Result<SshKey> from_pem(std::string_view pem);

  KeyType type() const { return type_; }
  std::string public_blob() const;                                  ///< wire form, `string type, …`
  std::string authorized_key(std::string_view comment = {}) const;  ///< `type base64[ comment]`, no newline
  /// `EC PRIVATE KEY` for P-256, else PKCS#8.
  Secret private_pem() const;
  /// The same key in a form that every OpenSSH reads: `EC PRIVATE KEY`, or OpenSSH's own for ed25519.
  Secret private_file() const;
  /// Signature blob over `data`: `string algorithm, string signature`. Empty if OpenSSL fails.
  std::string sign(std::string_view data) const;
  EVP_PKEY* handle() const { return key_.get(); }

 private:
  SshKey(KeyType type, PKey key) : type_(type), key_(std::move(key)) {}
  KeyType type_;
  PKey key_;
};

/// A parsed authorized_keys line without options: `type base64[ comment]`.
struct PublicKeyLine {
  std::string type;
  std::string blob;
  std::string comment;
};
/// Longest such line, in bytes.
inline constexpr std::size_t kMaxKeyLineBytes = 16 * 1024;
/// Checks that the base64 is right and that the blob names the same type. Stage::certificate,
/// Cause::key_unusable.
Result<PublicKeyLine> parse_public_key_line(std::string_view line, std::size_t limit = kMaxKeyLineBytes);

/// `type base64`, what an edge is asked to certify.
std::string public_key_line(std::string_view blob);

/// True if the blob is a plain user key of a kind an edge may certify: ed25519, ECDSA P-256/384/521, RSA of
/// 2048 bits or more, and the two sk- kinds; points on their curve, exact lengths, nothing behind the last
/// field.
bool acceptable_user_key(std::string_view blob);

/// `SHA256:…` as ssh-keygen -l prints it.
std::string fingerprint(std::string_view blob);

}  // namespace cfpipe::auth
