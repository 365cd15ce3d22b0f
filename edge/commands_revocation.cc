#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "edge/commands.h"
#include "edge/files.h"
#include "edge/ssh_ca.h"
#include "edge/ssh_krl.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

/// The certificates of this person, or service token, that may still be good.
Result<std::vector<std::uint64_t>> serials_of(State& state, const RevocationQuestion& question,
                                              std::int64_t now) {
  std::vector<std::uint64_t> serials;
  const auto read = state.read_audit(now - kMaxCertificateTtl.count(), [&](const AuditRow& row) {
    if (row.kind == "certificate" && row.application == question.app &&
        same_text(row.identity, question.identity))
      serials.push_back(row.serial);
  });
  if (!read) return read.error();
  return serials;
}

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
  if (!valid_hostname(question.app) || (question.serials.empty() && question.identity.empty())) {
    complain("say which: --app H and --serial N, or --identity E for all that somebody has");
    return kUsage;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const std::int64_t now = std::time(nullptr);
  std::vector<std::uint64_t> serials = question.serials;
  if (!question.identity.empty()) {
    const auto found = serials_of(**state, question, now);
    if (!found) return complain(found.error());
    serials.insert(serials.end(), found->begin(), found->end());
  }
  for (const std::uint64_t serial : serials) {
    if (auto done = (*state)->revoke_certificate(question.app, serial, now); !done)
      return complain(done.error());
    const int recorded = record_action(
        **state, {"ca_revoke", question.identity, question.app, "serial " + std::to_string(serial)});
    if (recorded != kOk) return recorded;
  }
  complain(std::to_string(serials.size()) + " revoked; servers know it once they have the list of " +
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
