#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

namespace edge_mock {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

struct TlsFiles {
  std::string certificate;
  std::string key;
};

struct LeafWishes {
  std::vector<std::string> names;
  bool expired = false;
};

/// Makes DIR/tls-ca.pem and its key at the first start, and a fresh leaf at every start. Throws on failure.
TlsFiles prepare_tls(const std::string& dir, const LeafWishes& wishes);

/// The RSA key of that file, made and stored (0600) if there is none.
Key load_or_make_rsa(const std::string& file);

/// A self-signed certificate over the key, for the `public_certs` of the key set.
std::string certificate_over(EVP_PKEY* key, const std::string& name);

}  // namespace edge_mock
