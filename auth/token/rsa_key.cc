#include "auth/token/rsa_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <climits>
#include <stdexcept>

namespace cfpipe::auth {
namespace {

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;

/// Stands in for OpenSSL's own callback, which would ask for a pass phrase on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

PKey generate_rsa(unsigned bits) {
  PKey key(EVP_RSA_gen(bits));
  if (!key) throw std::runtime_error("OpenSSL cannot generate an RSA key");
  return key;
}

Secret rsa_private_pem(EVP_PKEY* key) {
  // The secure-memory BIO wipes its buffer when it is freed.
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    ERR_clear_error();
    return Secret();
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Secret(std::string(data, static_cast<std::size_t>(size)));
}

Result<PKey> rsa_from_pem(std::string_view pem) {
  const Failure unusable(Stage::state, Cause::key_unusable, "not an RSA private key of 2048 to 8192 bits");
  if (pem.size() > INT_MAX) return unusable;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr) : nullptr);
  if (!key || !usable_rsa(key.get())) {
    ERR_clear_error();
    return unusable;
  }
  return key;
}

bool usable_rsa(EVP_PKEY* key) {
  return key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kMinRsaBits &&
         EVP_PKEY_get_bits(key) <= kMaxRsaBits;
}

}  // namespace cfpipe::auth
