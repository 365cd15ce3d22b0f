#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/ca/ssh_ca.h"
#include "edge/command/commands.h"
#include "edge/command/public_file.h"

namespace cfpipe::edge {

int ca_sign_host(const StateOption& option, const HostKeyQuestion& question) {
  const auto fine = Acts::check_host_certificate(question.app, question.names, question.duration);
  if (!fine) return complain(fine.error());
  const auto key = read_public_file(question.key_file);  // while this process may still be root
  if (!key) {
    complain(key.error().detail + "; it is the .pub file of the host's key");
    return kBadConfig;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto issued =
      Acts(**state, std::time(nullptr)).sign_host(question.app, question.names, *key, question.duration);
  if (!issued) return complain(issued.error());
  std::printf("%s\n", issued->line.c_str());
  complain("good until " + rfc3339(issued->expires) +
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
