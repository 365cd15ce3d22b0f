#include "auth/ssh/verify.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <array>
#include <string>

#include "auth/ssh/key.h"
#include "auth/ssh/wire.h"
#include "base/openssl.h"

namespace cfpipe::auth {
namespace {

using BigNum = std::unique_ptr<BIGNUM, Free<BN_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuild = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PKeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

/// What a kind of key is to OpenSSL, and with which digest it signs under which name. RSA has two rows.
struct Scheme {
  std::string_view key;        ///< of the plain blob
  std::string_view signature;  ///< algorithm named in the signature
  const char* group;           ///< EC only
  const EVP_MD* (*digest)();
  bool security_key;
};
const EVP_MD* no_digest() {
  return nullptr;
}
constexpr std::array<Scheme, 8> kSchemes{{
    {"ssh-ed25519", "ssh-ed25519", nullptr, no_digest, false},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "P-256", EVP_sha256, false},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "P-384", EVP_sha384, false},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "P-521", EVP_sha512, false},
    {"ssh-rsa", "rsa-sha2-256", nullptr, EVP_sha256, false},
    {"ssh-rsa", "rsa-sha2-512", nullptr, EVP_sha512, false},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", nullptr, no_digest, true},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "P-256", EVP_sha256, true},
}};

const Scheme* find_scheme(std::string_view key, std::string_view signature) {
  for (const Scheme& scheme : kSchemes)
    if (scheme.key == key && scheme.signature == signature) return &scheme;
  return nullptr;
}

PKey from_params(const char* kind, OSSL_PARAM_BLD* build) {
  const Params params(OSSL_PARAM_BLD_to_param(build));
  const PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return PKey(key);
}

PKey ec_key(const char* group, std::string_view point) {
  const ParamBuild build(OSSL_PARAM_BLD_new());
  if (!build || OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return from_params("EC", build.get());
}

BigNum number(std::string_view bytes) {
  return BigNum(BN_bin2bn(unsigned_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

PKey rsa_key(std::string_view e_bytes, std::string_view n_bytes) {
  const BigNum e = number(e_bytes);
  const BigNum n = number(n_bytes);
  const ParamBuild build(OSSL_PARAM_BLD_new());
  if (!build || !e || !n || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return from_params("RSA", build.get());
}

/// `reader` stands behind the type of a blob that acceptable_user_key() has passed.
PKey public_key(const Scheme& scheme, SshReader& reader) {
  if (scheme.group != nullptr) {
    reader.string();  // the curve's name
    return ec_key(scheme.group, reader.string());
  }
  const std::string_view first = reader.string();
  if (scheme.key == "ssh-rsa") return rsa_key(first, reader.string());
  return PKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(first), first.size()));
}

/// The two mpints of RFC 5656 3.1.2 as the DER that OpenSSL takes; empty if they are none.
std::string ecdsa_der(std::string_view blob) {
  SshReader reader(blob);
  BigNum r = number(reader.string());
  BigNum s = number(reader.string());
  const EcdsaSignature signature(ECDSA_SIG_new());
  if (!reader.finished() || !r || !s || !signature ||
      ECDSA_SIG_set0(signature.get(), r.release(), s.release()) != 1)
    return {};
  unsigned char* raw = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &raw);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return der;
}

std::string sha256(std::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  std::size_t size = 0;
  EVP_Q_digest(nullptr, "SHA256", nullptr, data.data(), data.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size);
  return digest;
}

bool verifies(EVP_PKEY* key, const EVP_MD* digest, std::string_view signature, std::string_view data) {
  const MdCtx context(EVP_MD_CTX_new());
  return context && !signature.empty() &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(), unsigned_bytes(data),
                          data.size()) == 1;
}

}  // namespace

SignatureCheck check_signature(std::string_view key_blob, std::string_view signature, std::string_view data) {
  SshReader key(key_blob);
  const std::string_view key_kind = key.string();
  if (!key.ok() || key_kind.empty()) return SignatureCheck::bad;
  SshReader signed_by(signature);
  const Scheme* scheme = find_scheme(key_kind, signed_by.string());
  std::string value(signed_by.string());
  if (!signed_by.ok()) return SignatureCheck::bad;
  if (scheme == nullptr || !acceptable_user_key(key_blob)) return SignatureCheck::unknown_kind;

  const PKey handle = public_key(*scheme, key);
  std::string message(data);
  if (scheme->security_key) {
    // What such a key signs is digests, around what it says about the touch (PROTOCOL.u2f).
    const std::string_view application = key.string();
    SshWriter around;
    around.raw(sha256(application)).byte(signed_by.byte()).u32(signed_by.u32()).raw(sha256(data));
    message = around.take();
  }
  if (!signed_by.finished()) return SignatureCheck::bad;
  if (scheme->group != nullptr) value = ecdsa_der(value);
  const bool good = handle && verifies(handle.get(), scheme->digest(), value, message);
  ERR_clear_error();
  return good ? SignatureCheck::good : SignatureCheck::bad;
}

}  // namespace cfpipe::auth
