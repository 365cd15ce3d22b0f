#include <unistd.h>

#include <cstdio>
#include <utility>

#include "base/platform/files.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/as_owner.h"

namespace cfpipe::edge {

int ca_revoke(const StateOption& option, const RevokeOptions& options) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto serials =
      operations(**store).revoke_certificates(options.app, options.serials, options.identity);
  if (!serials) return complain(serials.error());
  complain(std::to_string(serials->size()) + " revoked; servers know it once they have the list of " +
           "'cfpipe-edge ca krl --app " + options.app + "'");
  return kOk;
}

namespace {

int revocation_list(const StateOption& option, const std::string& hostname, std::string& list) {
  const auto agent = agent_ca(option, hostname);
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  auto made = operations(**store).revocation_list(hostname, agent ? &*agent : nullptr);
  if (!made) return complain(made.error());
  list = std::move(*made);
  return kOk;
}

int write_revocation_list(const StateOption& option, const std::string& hostname, const std::string& file) {
  // The file may be where root alone writes, and the state is its owner's: so a child looks into it.
  const auto made = run_in_child([&](std::string& list) { return revocation_list(option, hostname, list); });
  if (!made) return complain(made.error());
  if (made->status != kOk) return made->status;
  const auto written = replace_file(file, made->output, 0644);
  return written ? kOk : complain(written.error());
}

}  // namespace

int ca_krl(const StateOption& option, const std::string& hostname, const std::string& output) {
  if (!output.empty()) return write_revocation_list(option, hostname, output);
  if (::isatty(STDOUT_FILENO) == 1) {
    complain("the list is binary; name a file with --output");
    return kUsage;
  }
  std::string list;
  if (const int status = revocation_list(option, hostname, list); status != kOk) return status;
  return std::fwrite(list.data(), 1, list.size(), stdout) == list.size() ? kOk : kUnavailable;
}

}  // namespace cfpipe::edge
