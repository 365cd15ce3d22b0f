#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "base/platform/files.h"

namespace cfpipe::edge {

/// The files of a development edge's TLS, all in the state directory.
struct DevTls {
  std::string ca_file;           ///< tls-ca.pem, what clients are told to trust
  std::string certificate_file;  ///< leaf and CA
  std::string key_file;
};

/// Makes a TLS CA and a server certificate for the names, or uses those of an earlier start as long as they
/// fit the names and last for a good while. Stage::state.
Result<DevTls> prepare_dev_tls(const std::string& dir, const std::vector<std::string>& names,
                               std::time_t now);

}  // namespace cfpipe::edge
