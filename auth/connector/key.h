#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::auth {

inline constexpr std::size_t kConnectorKeyBytes = 32;        ///< of the public key (RFC 8032)
inline constexpr std::size_t kConnectorSignatureBytes = 64;  ///< the same
/// Longest file of a private key, in bytes.
inline constexpr std::size_t kMaxConnectorKeyFileBytes = 4 * 1024;

/// The key pair of a connector, Ed25519, made where it stays.
class ConnectorKey {
 public:
  static ConnectorKey generate();
  /// PKCS#8. Stage::state, Cause::key_unusable.
  static Result<ConnectorKey> from_pem(std::string_view pem);
  Secret pem() const;
  std::string public_key() const;  ///< kConnectorKeyBytes
  std::string sign(std::string_view message) const;

 private:
  explicit ConnectorKey(PKey key) : key_(std::move(key)) {}
  PKey key_;
};

/// Whether the owner of that key has signed the message; false for bytes that are no key or no signature.
bool signed_by_connector(std::string_view public_key, std::string_view message, std::string_view signature);

/// What a connector signs when it enrols: `edge` is the authority that it has dialled, so that a signature
/// for one edge means nothing to another.
std::string enrolment_message(std::string_view edge, std::string_view secret, std::string_view public_key);

/// What a connector says of itself when it attaches.
struct AttachClaim {
  std::string id;
  std::string instance;
  std::string version;
};
/// The same for each attach.
std::string attach_message(std::string_view edge, const AttachClaim& claim, std::string_view nonce);

}  // namespace cfpipe::auth
