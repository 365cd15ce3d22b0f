#include "edge/config/policy_trial.h"

#include <utility>

namespace cfpipe::edge {

Trial try_application(const ApplicationConfig& app, Subject subject) {
  const std::string provider = subject.login_method;
  const bool counts = provider.empty() || takes_sign_ins_of(app, provider);
  if (!counts) {
    subject.email.clear();
    subject.login_method.clear();
    subject.groups = {};
  }
  Trial out{std::move(subject), {}, {}};
  out.verdict = decide(app.policies, out.seen);
  const bool by_provider = !counts && !out.verdict.passes();
  out.reason = by_provider ? "allowed_idps does not name '" + provider + "'" : reason_of(out.verdict);
  return out;
}

}  // namespace cfpipe::edge
