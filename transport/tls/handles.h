#pragma once

#include <openssl/ssl.h>

#include <memory>

namespace cfpipe::transport {

template <auto function>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    function(handle);
  }
};
using SslCtx = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;

}  // namespace cfpipe::transport
