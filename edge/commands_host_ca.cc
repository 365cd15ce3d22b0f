#include <algorithm>
#include <cstdio>
#include <ctime>

#include "edge/acts.h"
#include "edge/commands.h"
#include "edge/files.h"
#include "edge/ssh_ca.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

/// The names that the certificate is for, or nothing if one of them is none.
std::vector<std::string> names_of(const HostKeyQuestion& question) {
  std::vector<std::string> names = question.names;
  if (names.empty()) names.push_back(question.app);
  const bool fit = std::all_of(names.begin(), names.end(), valid_hostname);
  return fit ? names : std::vector<std::string>();
}

}  // namespace

int ca_sign_host(const StateOption& option, const HostKeyQuestion& question) {
  const auto names = names_of(question);
  if (!valid_hostname(question.app) || names.empty()) {
    complain("--app and --hostname must be host names");
    return kUsage;
  }
  const auto lifetime = parse_duration(question.duration);
  if (!lifetime || *lifetime < kMinCertificateTtl || *lifetime > kMaxHostCertificate) {
    complain("--duration must be between 60s and 87600h, such as 8760h or 365d");
    return kUsage;
  }
  const auto key = read_file(question.key_file);
  if (!key) return complain(key.error());
  if (!*key) {
    complain(question.key_file + " does not exist; it is the .pub file of the host's key");
    return kBadConfig;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  const auto issued = ca.sign_host(question.app, names, trimmed(**key), *lifetime, std::time(nullptr));
  if (!issued) return complain(issued.error());
  const std::string until = rfc3339(issued->expires);
  const auto recorded = Acts(**state, std::time(nullptr))
                            .record("host_certificate", {}, question.app, issued->key_id + " until " + until);
  if (!recorded) return complain(recorded.error());
  std::printf("%s\n", issued->line.c_str());
  complain("good until " + until +
           "; sshd presents it with HostCertificate, and ssh believes it with the line of " +
           "'cfpipe-edge ca known-hosts --app " + question.app + "' in known_hosts");
  return kOk;
}

int ca_known_hosts(const StateOption& option, const std::string& hostname) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto line = SshCa(**state).known_hosts_line(hostname);
  if (!line) return complain(line.error());
  std::printf("%s\n", line->c_str());
  return kOk;
}

}  // namespace cfpipe::edge
