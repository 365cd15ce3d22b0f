// OpenSSH's interface to security keys (sk-api.h, version 10) by a device that is software: its key handles
// are the private keys themselves. For tests only.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

constexpr std::uint32_t kVersion = 0x000a0000;
constexpr std::uint32_t kEcdsa = 0;
constexpr std::uint32_t kEd25519 = 1;
constexpr int kFailed = -1;
constexpr int kUnsupported = -2;
constexpr std::uint32_t kCounter = 7;  ///< a device would count

/// What is handed over belongs to the caller, who frees every part of it.
struct Buffer {
  std::uint8_t* bytes;
  std::size_t size;
};
struct Enrolled {
  std::uint8_t flags;
  Buffer public_key, key_handle, signature, attestation, authdata;
};
struct Signed {
  std::uint8_t flags;
  std::uint32_t counter;
  Buffer r, s;
};

template <auto function>
struct Free {
  template <class T>
  void operator()(T* handle) const {
    function(handle);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

Buffer given(const std::string& text) {
  auto* bytes = static_cast<std::uint8_t*>(std::malloc(text.empty() ? 1 : text.size()));
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

template <class T>
T* zeroed() {
  return static_cast<T*>(std::calloc(1, sizeof(T)));
}

std::string private_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(key, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size > 0 ? size : 0));
  OPENSSL_free(der);
  return out;
}

std::string public_bytes(EVP_PKEY* key, std::uint32_t algorithm) {
  std::string out(algorithm == kEd25519 ? 32 : 65, '\0');
  std::size_t size = out.size();
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  const bool ok = algorithm == kEd25519 ? EVP_PKEY_get_raw_public_key(key, bytes, &size) == 1
                                        : EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, bytes,
                                                                          size, &size) == 1;
  return ok && size == out.size() ? out : std::string();
}

std::string sha256(const void* data, std::size_t size) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(static_cast<const unsigned char*>(data), size, reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string sign(EVP_PKEY* key, const EVP_MD* digest, const std::string& data) {
  const Context context(EVP_MD_CTX_new());
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  if (EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) != 1)
    return {};
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes,
                     data.size()) != 1)
    return {};
  out.resize(size);
  return out;
}

std::string bytes_of(const BIGNUM* number) {
  std::string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

}  // namespace

extern "C" {

std::uint32_t sk_api_version() {
  return kVersion;
}

int sk_enroll(std::uint32_t algorithm, const std::uint8_t*, std::size_t, const char*, std::uint8_t flags,
              const char*, void**, Enrolled** out) {
  if (algorithm != kEd25519 && algorithm != kEcdsa) return kUnsupported;
  const Key key(algorithm == kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return kFailed;
  *out = zeroed<Enrolled>();
  (*out)->flags = flags;
  (*out)->public_key = given(public_bytes(key.get(), algorithm));
  (*out)->key_handle = given(private_der(key.get()));
  (*out)->signature = given({});
  return 0;
}

int sk_sign(std::uint32_t algorithm, const std::uint8_t* data, std::size_t size, const char* application,
            const std::uint8_t* handle, std::size_t handle_size, std::uint8_t flags, const char*, void**,
            Signed** out) {
  const unsigned char* at = handle;
  const Key key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(handle_size)));
  if (!key) return kFailed;
  std::string message = sha256(application, std::strlen(application));
  message.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) message.push_back(static_cast<char>(kCounter >> shift));
  message += sha256(data, size);
  const std::string signature = sign(key.get(), algorithm == kEcdsa ? EVP_sha256() : nullptr, message);
  if (signature.empty()) return kFailed;
  *out = zeroed<Signed>();
  (*out)->flags = flags;
  (*out)->counter = kCounter;
  if (algorithm == kEd25519) {
    (*out)->r = given(signature);
    return 0;
  }
  at = reinterpret_cast<const unsigned char*>(signature.data());
  const std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> parts(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  (*out)->r = given(bytes_of(ECDSA_SIG_get0_r(parts.get())));
  (*out)->s = given(bytes_of(ECDSA_SIG_get0_s(parts.get())));
  return 0;
}

int sk_load_resident_keys(const char*, void**, void***, std::size_t*) {
  return kUnsupported;
}
}
