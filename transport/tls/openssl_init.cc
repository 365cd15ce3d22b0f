#include "transport/tls/openssl_init.h"

#include <openssl/crypto.h>

#include <cstdlib>

namespace cfpipe::transport {

void start_openssl_lean() {
  const char* configuration = std::getenv("OPENSSL_CONF");
  if (configuration != nullptr && *configuration != '\0') return;
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ATEXIT,
                      nullptr);
}

}  // namespace cfpipe::transport
