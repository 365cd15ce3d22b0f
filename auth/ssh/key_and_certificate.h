#pragma once

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"

namespace cfpipe::auth {

/// What proves a person to a server: the certificate is over this key.
struct KeyAndCertificate {
  SshKey key;
  Certificate certificate;
};

}  // namespace cfpipe::auth
