#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// The tokens that a login brings; either may be empty, not both.
struct TransferredTokens {
  Secret app_token;
  Secret org_token;
};

/// The result of a login that was declined or denied in the browser.
struct TransferRefusal {
  bool declined = false;  ///< by the user; otherwise by the edge
  std::string reason;     ///< the edge's text for the user
};

using BoxPrivateKey = std::array<std::uint8_t, 32>;

/// Opens nonce(24) || box from the holder of the public key `sender` (32 raw bytes). Nothing if it does not
/// open.
std::optional<Secret> open_box(const BoxPrivateKey& key, std::string_view nonce_and_box,
                               std::string_view sender);

/// The receiving end of one login: a fresh X25519 key pair (NaCl box). The public key is the capability that
/// fetches the tokens, so a pair is used once and never stored. The private half is wiped on destruction.
class TransferReceiver {
 public:
  TransferReceiver();
  ~TransferReceiver();
  TransferReceiver(const TransferReceiver&) = delete;
  TransferReceiver& operator=(const TransferReceiver&) = delete;

  const std::string& public_key() const { return public_key_; }  ///< URL-safe padded base64

  /// Opens a transfer: `body` is standard base64 of nonce(24) || box, `sender` the Service-Public-Key header
  /// (URL-safe base64). Stage::login, Cause::login_failed.
  Result<TransferredTokens> open(std::string_view body, std::string_view sender) const;
  /// The same for a refusal; nothing where it is none.
  std::optional<TransferRefusal> open_refusal(std::string_view body, std::string_view sender) const;

 private:
  Result<Secret> unseal(std::string_view body, std::string_view sender) const;
  BoxPrivateKey private_{};
  std::string public_key_;
};

/// The code that a user compares between terminal and page: eight characters in two groups, from the SHA-256
/// of the public key. Empty for a malformed key.
std::string transfer_code(std::string_view public_key);

/// The sending end, for an edge.
struct SealedTransfer {
  std::string body;        ///< standard base64 of nonce || box
  std::string public_key;  ///< for Service-Public-Key
};
/// Seals {"app_token":…,"org_token":…} to the receiver's public key with a fresh sender pair. Fails on a
/// malformed key.
Result<SealedTransfer> seal_transfer(std::string_view receiver_public_key, std::string_view app_token,
                                     std::string_view org_token);
/// Seals a refusal in the same way.
Result<SealedTransfer> seal_refusal(std::string_view receiver_public_key, const TransferRefusal& refusal);

}  // namespace cfpipe::auth
