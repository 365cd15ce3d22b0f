#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "edge/acts.h"
#include "edge/commands.h"
#include "edge/files.h"
#include "edge/ssh_ca.h"
#include "edge/ssh_krl.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

/// The list of an application as of now. What was revoked longer ago than a certificate can live is not on
/// it.
Result<std::string> revocation_list(const StateOption& option, State& state, const std::string& hostname,
                                    std::int64_t now) {
  const auto lines = ca_lines(option, state, hostname);
  if (!lines) return lines.error();
  KeyRevocations revocations;
  revocations.version = static_cast<std::uint64_t>(now);
  revocations.generated = now;
  revocations.comment = "cfpipe-edge: revoked certificates of " + hostname;
  for (const std::string& line : *lines) {
    const auto key = auth::parse_public_key_line(line);
    if (!key) return key.error();
    revocations.ca_blobs.push_back(key->blob);
  }
  auto serials = state.revoked_certificates(hostname, now - kMaxCertificateTtl.count());
  if (!serials) return serials.error();
  revocations.serials = std::move(*serials);
  return make_krl(revocations);
}

}  // namespace

int ca_revoke(const StateOption& option, const RevocationQuestion& question) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto serials = Acts(**state, std::time(nullptr))
                           .revoke_certificates(question.app, question.serials, question.identity);
  if (!serials) return complain(serials.error());
  complain(std::to_string(serials->size()) + " revoked; servers know it once they have the list of " +
           "'cfpipe-edge ca krl --app " + question.app + "'");
  return kOk;
}

int ca_krl(const StateOption& option, const std::string& hostname, const std::string& output) {
  if (output.empty() && ::isatty(STDOUT_FILENO) == 1) {
    complain("the list is binary; name a file with --output");
    return kUsage;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto list = revocation_list(option, **state, hostname, std::time(nullptr));
  if (!list) return complain(list.error());
  if (output.empty())
    return std::fwrite(list->data(), 1, list->size(), stdout) == list->size() ? kOk : kUnavailable;
  const auto written = replace_file(output, *list, 0644);
  return written ? kOk : complain(written.error());
}

}  // namespace cfpipe::edge
