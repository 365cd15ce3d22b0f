#include <string>
#include <string_view>

#include "auth/certificate/key_files.h"
#include "auth/discovery/application.h"
#include "auth/state/state_dir.h"
#include "auth/token/jwt.h"
#include "base/clock.h"
#include "cli/command/commands.h"
#include "cli/command/status_report.h"
#include "cli/console/messages.h"
#include "cli/console/stdout.h"
#include "cli/session/session_file.h"
#include "transport/net/url.h"

namespace cfpipe::cli {
namespace {

using auth::StateDir;

constexpr std::string_view kTokenSuffix = "-token";
constexpr std::string_view kOrgSuffix = "-org-token";
constexpr std::string_view kCertificateSuffix = "-cert.pub";

/// Of `<app>-<AUD>-token` and `<app>-<auth_domain>-<AUD>-token`: the application.
std::string application_in(std::string_view name, std::string_view auth_domain) {
  name.remove_suffix(kTokenSuffix.size());
  if (name.size() > auth::kAudCharacters && auth::is_aud(name.substr(name.size() - auth::kAudCharacters)))
    name.remove_suffix(auth::kAudCharacters + 1);
  const std::string second = "-" + std::string(auth_domain);
  if (!auth_domain.empty() && name.ends_with(second)) name.remove_suffix(second.size());
  return std::string(name);
}

SignIn sign_in_of(const StateDir& state, const std::string& name) {
  SignIn out;
  const bool org = name.ends_with(kOrgSuffix);
  if (org) out.auth_domain = name.substr(0, name.size() - kOrgSuffix.size());
  const auto file = state.read(name);
  const auto token = file && *file ? auth::parse_jwt((*file)->reveal()) : Result<auth::Jwt>(Failure());
  if (token) {
    const auto issuer = transport::parse_url(token->text("iss"));
    if (issuer) out.auth_domain = issuer->authority();
    out.identity = token->text("email");
    if (out.identity.empty()) out.identity = "service token " + token->text("common_name");
    out.expires = token->number("exp");
  } else {
    out.problem = file ? "is no token; cfpipe logout removes it" : what_text(file.error());
  }
  if (!org) out.application = application_in(name, out.auth_domain);
  return out;
}

Result<Status> look(const StateDir& state) {
  Status out;
  const auto tokens = state.list(kTokenSuffix);
  if (!tokens) return tokens.error();
  for (const auto& name : *tokens) out.sign_ins.push_back(sign_in_of(state, name));
  const auto certificates = state.list(kCertificateSuffix);
  if (!certificates) return certificates.error();
  for (const auto& name : *certificates) {
    const auto certificate = auth::read_certificate(state, name);
    if (!certificate) continue;
    const auto expires = static_cast<std::int64_t>(certificate->fields.valid_before);
    out.certificates.push_back({state.file(name), certificate->fields.principals, expires});
  }
  out.sessions = merged_sessions(read_session_files(state.path()), open_sessions());
  return out;
}

}  // namespace

int run_status(const Options& options) {
  const auto state = StateDir::open();
  if (!state) return report(state.error());
  const auto status = look(*state);
  if (!status) return report(status.error());
  const auto written = write_output(options.json ? status->json() : status->text(unix_now()));
  return written ? kOk : report(written.error());
}

}  // namespace cfpipe::cli
