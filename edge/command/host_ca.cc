#include <cstdio>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/ca/ssh_ca.h"
#include "edge/command/commands.h"
#include "edge/process/public_file.h"

namespace cfpipe::edge {

int ca_sign_host(const StateOption& option, const HostCertificateOptions& options) {
  const auto fine = Operations::check_host_certificate(options.app, options.names, options.duration);
  if (!fine) return complain(fine.error());
  const auto key = read_public_file(options.key_file);  // while this process may still be root
  if (!key) {
    complain(key.error().detail + "; it is the .pub file of the host's key");
    return kBadConfig;
  }
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto issued = operations(**store).sign_host(options.app, options.names, *key, options.duration);
  if (!issued) return complain(issued.error());
  std::printf("%s\n", issued->line.c_str());
  complain("good until " + rfc3339(issued->expires) +
           "; sshd presents it with HostCertificate, and ssh believes it with the line of " +
           "'cfpipe-edge ca known-hosts --app " + options.app + "' in known_hosts");
  return kOk;
}

int ca_known_hosts(const StateOption& option, const std::string& hostname) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto line = SshCa((*store)->keys(), (*store)->serials()).known_hosts_line(hostname);
  if (!line) return complain(line.error());
  std::printf("%s\n", line->c_str());
  return kOk;
}

}  // namespace cfpipe::edge
