#include "cli/session/principal_warning.h"

#include <algorithm>

#include "auth/certificate/key_files.h"
#include "auth/certificate/user_certificate.h"
#include "base/clock.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {

bool is_for(const auth::Certificate& certificate, std::string_view user) {
  const auto& principals = certificate.fields.principals;
  return principals.empty() || std::find(principals.begin(), principals.end(), user) != principals.end();
}

bool warn_of_principal(const auth::Certificate& certificate, const Options& options) {
  if (options.user.empty() || is_for(certificate, options.user)) return false;
  print(principal_text(certificate.fields.principals, options.user));
  return true;
}

void warn_of_principal_on_disk(const Session& session, const Options& options) {
  if (options.user.empty()) return;
  const auto& url = options.url;
  const auto certificate =
      options.key.empty()
          ? auth::KeyFiles(session.state(), url.host.text(), key_path(url)).certificate()
          : auth::UserCertificate(session.state(), url.host.text(), key_path(url)).certificate();
  const bool over = certificate && static_cast<std::uint64_t>(unix_now() + certificate->clock_offset) >=
                                       certificate->fields.valid_before;
  if (certificate && !over) warn_of_principal(*certificate, options);
}

}  // namespace cfpipe::cli
