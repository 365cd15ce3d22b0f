#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace cfpipe::transport {

/// Description of an open connection's peer for a message.
struct TlsPeer {
  std::string version;           ///< `TLSv1.3`
  std::string issuer;            ///< of its certificate, `O=…, CN=…`, printable; empty if it showed none
  std::int64_t valid_until = 0;  ///< Unix seconds
};
TlsPeer describe_peer(const SSL* ssl);

}  // namespace cfpipe::transport
