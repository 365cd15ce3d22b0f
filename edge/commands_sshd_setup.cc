#include <algorithm>
#include <cstdio>
#include <utility>

#include "auth/ssh_key.h"
#include "edge/app_name.h"
#include "edge/commands.h"
#include "edge/files.h"
#include "edge/ip_range.h"
#include "edge/sshd_setup.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

/// Of the public keys that are read; two is what a CA that is being replaced has.
constexpr std::size_t kMaxKeysBytes = 64 * 1024;
constexpr const char* kStandardInput = "-";

transport::Failure fault(std::string text) {
  return {transport::Stage::input, transport::Cause::bad_option, std::move(text)};
}

Result<std::string> keys_text(const std::string& file) {
  if (file != kStandardInput) {
    auto text = read_file(file);
    if (!text) return text.error();
    if (!*text) return fault(file + " does not exist");
    return std::move(**text);
  }
  std::string text(kMaxKeysBytes, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stdin));
  if (text.size() == kMaxKeysBytes) return fault("standard input holds more than public keys");
  return text;
}

/// The keys in the lines that 'ca show' printed.
Result<std::vector<std::string>> given_keys(const std::string& file) {
  const auto text = keys_text(file);
  if (!text) return text.error();
  std::vector<std::string> lines;
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto key = auth::parse_public_key_line(line);
    if (!key || !auth::acceptable_user_key(key->blob))
      // Not shown: what was given by mistake may be a private key.
      return fault("line " + std::to_string(number) +
                   " is not the public key of a CA; give the lines of 'cfpipe-edge ca show'");
    lines.emplace_back(line);
  }
  if (lines.empty()) return fault("no public key was given; pipe in what 'cfpipe-edge ca show' prints");
  return lines;
}

Result<std::vector<std::string>> wanted_keys(const StateOption& option, const SshdQuestion& question) {
  if (question.uninstall) return std::vector<std::string>();
  if (!question.ca_keys.empty()) return given_keys(question.ca_keys);
  auto state = open_state(option, true);
  if (!state) return state.error();
  return ca_lines(option, **state, question.app);
}

/// The edge's addresses as given, or this machine's own where the edge's state is here.
Result<std::vector<std::string>> edge_addresses(const SshdQuestion& question) {
  for (const std::string& address : question.edge_addresses)
    if (!parse_ip_range(address))
      return fault("--edge-address takes addresses and ranges such as 10.0.0.2 or 2001:db8::/64");
  if (!question.edge_addresses.empty() || question.uninstall || !question.ca_keys.empty())
    return question.edge_addresses;
  return std::vector<std::string>{"127.0.0.1", "::1"};
}

void show(const FileChange& change) {
  if (!change.after) {
    std::printf("removes %s\n", change.path.c_str());
  } else {
    std::printf("writes %s:\n%s", change.path.c_str(), change.after->c_str());
  }
}

int carry_out(const SshdQuestion& question, const std::vector<FileChange>& changes) {
  if (auto changed = change_sshd(question.place, changes); !changed) return complain(changed.error());
  if (!question.no_reload) {
    const auto reloaded = reload_sshd(question.place);
    if (!reloaded) {
      undo(changes);
      complain("nothing was changed: " + reloaded.error().detail);
      return kBadConfig;
    }
    complain(*reloaded);
  }
  for (const FileChange& change : changes)
    std::printf("%s %s\n", change.after ? "wrote" : "removed", change.path.c_str());
  if (!question.uninstall)
    for (const std::string& advice : sshd_advice(question.place)) complain(advice);
  return kOk;
}

}  // namespace

int sshd_setup(const StateOption& option, const SshdQuestion& question) {
  if (!valid_app_name(question.app)) {
    complain("--app must be the name of an application, such as vm.example.com or vm.example.com/team-a");
    return kUsage;
  }
  auto addresses = edge_addresses(question);
  if (!addresses) return complain(addresses.error());
  auto lines = wanted_keys(option, question);
  if (!lines) return complain(lines.error());
  const SshdWishes wishes{question.app, std::move(*lines), std::move(*addresses)};
  const auto changes = plan_sshd_setup(question.place, wishes);
  if (!changes) return complain(changes.error());
  if (changes->empty()) {
    std::printf("nothing to change\n");
    return kOk;
  }
  if (!question.dry_run) return carry_out(question, *changes);
  for (const FileChange& change : *changes) show(change);
  return kOk;
}

}  // namespace cfpipe::edge
