#pragma once

#include "auth/ssh/certificate.h"
#include "cli/session/session.h"

namespace cfpipe::cli {

/// Whether sshd accepts the certificate for that user without an AuthorizedPrincipalsFile.
bool is_for(const auth::Certificate& certificate, std::string_view user);

/// Warns on standard error if the certificate is not for the user that ssh logs in as (--user); true if it
/// did.
bool warn_of_principal(const auth::Certificate& certificate, const Options& options);

/// The same for the certificate that ssh finds on disk, if that is still good.
void warn_of_principal_on_disk(const Session& session, const Options& options);

}  // namespace cfpipe::cli
