#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace cfpipe::transport {

/// Where certificate authorities are looked for that no option names: as the programs written in Go do it,
/// which the public client is one of.
struct TrustPlaces {
  std::string named_file;                ///< $SSL_CERT_FILE; empty: not set
  std::vector<std::string> bundles;      ///< PEM; of those the first that is there. Empty beside `named_file`
  std::vector<std::string> directories;  ///< $SSL_CERT_DIR, parted by colons, or the system's

  static TrustPlaces of_environment();
  /// A text that changes with each file and directory named here.
  std::string state() const;
};

/// A file or directory as it is now: another one, or other content, is another text.
std::string state_of(const std::string& path);

/// Has `context` trust the authorities in these places. The named file is read at once, and passed over if it
/// does not exist or holds no certificate. Directories are asked for an issuer by the hash of its name, which
/// parses next to nothing. The bundles, and then all files of the directories, are read only for a peer whose
/// issuer is not found so. Stage::config, Cause::bad_option, when the named file cannot be read.
Result<void> trust(SSL_CTX* context, TrustPlaces places);

/// True if a chain of that verdict (X509_V_ERR_…) might hold with more authorities.
bool lacks_an_issuer(long verdict);

/// Why a file could not be loaded: the system's words where it was the system, which are no fault of the
/// file's if this process has reached a limit. Empties OpenSSL's queue of errors.
Failure load_failure(const std::string& what);

}  // namespace cfpipe::transport
