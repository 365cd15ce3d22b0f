#pragma once

#include <openssl/evp.h>

#include <memory>

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

}  // namespace cfpipe
