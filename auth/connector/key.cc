#include "auth/connector/key.h"

#include <openssl/pem.h>

#include <initializer_list>
#include <stdexcept>

#include "base/x509.h"

namespace cfpipe::auth {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Each part with its length in front of it, so that no two lists of parts are the same text.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    out += std::to_string(part.size());
    out += ':';
    out += part;
  }
  return out;
}

}  // namespace

ConnectorKey ConnectorKey::generate() {
  PKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) throw std::runtime_error("OpenSSL could not make a key");
  return ConnectorKey(std::move(key));
}

Result<ConnectorKey> ConnectorKey::from_pem(std::string_view pem) {
  PKey key = pem.size() > kMaxConnectorKeyFileBytes ? nullptr : private_key_from_pem(pem);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1)
    return Failure(Stage::state, Cause::key_unusable, "not an unencrypted Ed25519 key in PEM");
  return ConnectorKey(std::move(key));
}

Secret ConnectorKey::pem() const {
  return private_key_pem(key_.get());
}

std::string ConnectorKey::public_key() const {
  std::string out(kConnectorKeyBytes, '\0');
  std::size_t size = out.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1)
    throw std::runtime_error("OpenSSL could not read a key");
  return out;
}

std::string ConnectorKey::sign(std::string_view message) const {
  std::string out(kConnectorSignatureBytes, '\0');
  std::size_t size = out.size();
  const MdCtx context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes_of(message),
                     message.size()) != 1)
    throw std::runtime_error("OpenSSL could not sign");
  return out;
}

bool signed_by_connector(std::string_view public_key, std::string_view message, std::string_view signature) {
  if (public_key.size() != kConnectorKeyBytes || signature.size() != kConnectorSignatureBytes) return false;
  const PKey key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size()));
  const MdCtx context(EVP_MD_CTX_new());
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                          message.size()) == 1;
}

std::string enrolment_message(std::string_view edge, std::string_view secret, std::string_view public_key) {
  return joined({"cfpipe-connector-enroll-1", edge, secret, public_key});
}

std::string attach_message(std::string_view edge, const AttachClaim& claim, std::string_view nonce) {
  return joined({"cfpipe-connector-attach-1", edge, claim.id, claim.instance, claim.version, nonce});
}

}  // namespace cfpipe::auth
