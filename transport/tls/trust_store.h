#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace cfpipe::transport {

/// Default places of certificate authorities, as in programs written in Go, such as the public client.
struct TrustPlaces {
  std::string named_file;                ///< $SSL_CERT_FILE; empty: not set
  std::vector<std::string> bundles;      ///< PEM; of those the first that is there. Empty beside `named_file`
  std::vector<std::string> directories;  ///< $SSL_CERT_DIR, parted by colons, or the system's

  static TrustPlaces of_environment();
  /// A text that changes with each file and directory named here.
  std::string state() const;
};

/// A text that changes with the identity and content of a file or directory.
std::string state_of(const std::string& path);

/// Makes `context` trust the authorities in these places. The named file is read at once, and passed over if
/// it does not exist or holds no certificate. Directories are asked for an issuer by the hash of its name,
/// which parses next to nothing. The bundles, and then all files of the directories, are read only for a peer
/// whose issuer is not found so. Stage::config, Cause::bad_option, when the named file cannot be read.
Result<void> trust(SSL_CTX* context, TrustPlaces places);

/// Whether a chain with that verdict (X509_V_ERR_…) might be valid with more authorities.
bool lacks_an_issuer(long verdict);

/// Why a file could not be loaded: the system's words where it was the system, which are no fault of the
/// file's if this process has reached a limit. Empties OpenSSL's queue of errors.
Failure load_failure(const std::string& what);

}  // namespace cfpipe::transport
