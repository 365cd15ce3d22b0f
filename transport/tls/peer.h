#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace cfpipe::transport {

/// Who is at the other end of a standing connection, for a person to read.
struct TlsPeer {
  std::string version;           ///< `TLSv1.3`
  std::string issuer;            ///< of its certificate, `O=…, CN=…`, printable; empty if it showed none
  std::int64_t valid_until = 0;  ///< Unix seconds
};
TlsPeer describe_peer(const SSL* ssl);

}  // namespace cfpipe::transport
