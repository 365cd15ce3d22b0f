#pragma once

#include <ctime>
#include <string>
#include <vector>

namespace cfpipe::edge {

/// What is wrong with an edge's TLS files: faults, with which it cannot serve, and what its clients will
/// object to.
struct TlsFileFindings {
  std::vector<std::string> certificate;  ///< faults of that file, with its path
  std::vector<std::string> key;          ///< the same
  std::vector<std::string> warnings;
};

/// Looks at the first certificate of the one file and at the key in the other, and whether they belong
/// together; at the time that the certificate is good for, and whether it is for each of `names`, hosts and
/// patterns of them. Never asks for a pass phrase.
TlsFileFindings look_at_tls_files(const std::string& certificate_file, const std::string& key_file,
                                  const std::vector<std::string>& names, std::time_t now);

}  // namespace cfpipe::edge
