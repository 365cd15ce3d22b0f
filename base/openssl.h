#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace cfpipe {

/// Deleter for OpenSSL handles: `std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>`.
template <auto function>
struct Free {
  template <class T>
  void operator()(T* handle) const noexcept {
    function(handle);
  }
};

using PKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

/// The same bytes as the C libraries of cryptography take them.
inline const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* unsigned_bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace cfpipe
