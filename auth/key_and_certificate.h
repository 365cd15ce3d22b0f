#pragma once

#include "auth/ssh_cert.h"
#include "auth/ssh_key.h"

namespace cfpipe::auth {

/// What proves a person to a server: the certificate is over this key.
struct KeyAndCertificate {
  SshKey key;
  Certificate certificate;
};

}  // namespace cfpipe::auth
