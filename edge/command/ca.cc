#include <cstdio>
#include <memory>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/ca/ssh_ca.h"
#include "edge/command/commands.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {

namespace {

int print_lines(const Result<std::vector<std::string>>& lines) {
  if (!lines) return complain(lines.error());
  for (const std::string& line : *lines) std::printf("%s\n", line.c_str());
  return kOk;
}

const AgentCa* pointer_to(const std::optional<AgentCa>& agent) {
  return agent ? &*agent : nullptr;
}

}  // namespace

Result<std::vector<std::string>> ca_lines(const StateOption& option, const std::string& hostname) {
  const auto agent = agent_ca(option, hostname);
  auto store = open_store(option, true);
  if (!store) return store.error();
  return operations(**store).ca(hostname, pointer_to(agent));
}

int ca_generate(const StateOption& option, const std::string& hostname, const std::string& type) {
  const auto agent = agent_ca(option, hostname);
  // Asked of an edge that has never run, this makes its state.
  auto store = open_store(option, !valid_app_name(hostname) || agent);
  if (!store) return complain(store.error());
  return print_lines(operations(**store).generate_ca(hostname, pointer_to(agent), type));
}

int ca_show(const StateOption& option, const std::string& hostname) {
  return print_lines(ca_lines(option, hostname));
}

int ca_rotate(const StateOption& option, const std::string& hostname, const std::string& type) {
  const auto agent = agent_ca(option, hostname);
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto lines = operations(**store).rotate_ca(hostname, pointer_to(agent), type);
  if (lines)
    complain("the first line signs until 'cfpipe-edge ca retire --app " + hostname +
             "'; before that, give every server both lines");
  return print_lines(lines);
}

int ca_cancel(const StateOption& option, const std::string& hostname) {
  const auto agent = agent_ca(option, hostname);
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto lines = operations(**store).cancel_ca(hostname, pointer_to(agent));
  if (lines) complain("this line goes on signing; take the other one off the servers that have it");
  return print_lines(lines);
}

int ca_retire(const StateOption& option, const std::string& hostname) {
  const auto agent = agent_ca(option, hostname);
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto lines = operations(**store).retire_ca(hostname, pointer_to(agent));
  if (lines)
    complain("this line signs now; take the other one off the servers once its certificates have expired");
  return print_lines(lines);
}

int ca_list(const StateOption& option) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto names = SshCa((*store)->keys(), (*store)->serials()).hostnames();
  if (!names) return complain(names.error());
  for (const std::string& name : *names) std::printf("%s\n", name.c_str());
  return kOk;
}

}  // namespace cfpipe::edge
