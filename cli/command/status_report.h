#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session/open_sessions.h"

namespace cfpipe::cli {

/// A token of the state directory.
struct SignIn {
  std::string application;  ///< host and path; empty: every application of the auth domain
  std::string auth_domain;
  std::string identity;      ///< the email, or the client id of a service token
  std::int64_t expires = 0;  ///< Unix seconds; 0: never
  std::string problem;       ///< why the file cannot be used; nothing else is known then
};

/// A certificate of the state directory.
struct CertificateFile {
  std::string file;  ///< absolute
  std::vector<std::string> principals;
  std::int64_t expires = 0;  ///< Unix seconds
};

/// What `cfpipe status` shows.
struct Status {
  std::vector<SignIn> sign_ins;
  std::vector<CertificateFile> certificates;
  std::vector<OpenSession> sessions;

  /// For people: three lists. Times are local.
  std::string text(std::int64_t now) const;
  /// One JSON object on one line; times are Unix seconds.
  std::string json() const;
};

}  // namespace cfpipe::cli
