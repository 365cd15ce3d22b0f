#pragma once

namespace cfpipe::transport {

/// To be called before anything else of OpenSSL: it then reads no configuration file, unless $OPENSSL_CONF
/// names one, does not enter the ciphers under their old names, which only encrypted key files refer to, and
/// does not take itself apart when the process ends.
void start_openssl_lean();

}  // namespace cfpipe::transport
