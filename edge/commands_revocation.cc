#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "edge/acts.h"
#include "edge/commands.h"
#include "edge/files.h"

namespace cfpipe::edge {
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
  const auto agent = agent_ca(option, hostname);
  const auto list = Acts(**state, std::time(nullptr)).revocation_list(hostname, agent ? &*agent : nullptr);
  if (!list) return complain(list.error());
  if (output.empty())
    return std::fwrite(list->data(), 1, list->size(), stdout) == list->size() ? kOk : kUnavailable;
  const auto written = replace_file(output, *list, 0644);
  return written ? kOk : complain(written.error());
}

}  // namespace cfpipe::edge
