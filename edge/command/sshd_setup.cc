#include <algorithm>
#include <cstdio>
#include <utility>
#include <variant>

#include "auth/ssh/key.h"
#include "base/ip_range.h"
#include "base/text.h"
#include "edge/command/commands.h"
#include "edge/command/sshd_config.h"
#include "edge/policy/app_name.h"
#include "edge/process/as_owner.h"
#include "edge/process/public_file.h"
#include "service/sshd_sources.h"

namespace cfpipe::edge {
namespace {

Failure setup_fault(std::string text) {
  return {Stage::input, Cause::bad_option, std::move(text)};
}

std::vector<std::string> lines_without_ends(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// The keys in the lines that 'ca show' printed.
Result<std::vector<std::string>> given_keys(const std::string& file) {
  const auto text = read_public_file(file);
  if (!text) return text.error();
  std::vector<std::string> lines;
  int number = 0;
  for (const std::string& whole : lines_without_ends(*text)) {
    const std::string_view line = trimmed(whole);
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const auto key = auth::parse_public_key_line(line);
    if (!key || !auth::acceptable_user_key(key->blob))
      // Not shown: what was given by mistake may be a private key.
      return setup_fault("line " + std::to_string(number) +
                         " is not the public key of a CA; give the lines of 'cfpipe-edge ca show'");
    lines.emplace_back(line);
  }
  if (lines.empty()) return setup_fault("no public key was given; pipe in what 'cfpipe-edge ca show' prints");
  return lines;
}

int print_keys_of_state(const StateOption& option, const std::string& app, std::string& out) {
  const auto lines = ca_lines(option, app);
  if (!lines) return complain(lines.error());
  for (const std::string& line : *lines) out += line + "\n";
  return kOk;
}

/// The keys to trust; an exit status where that is what it came to, which has been complained about.
Result<std::variant<std::vector<std::string>, int>> wanted_keys(const StateOption& option,
                                                                const SshdSetupOptions& options) {
  using Keys = std::variant<std::vector<std::string>, int>;
  if (options.uninstall) return Keys();
  if (!options.ca_keys.empty()) {
    auto given = given_keys(options.ca_keys);
    if (!given) return given.error();
    return Keys(std::move(*given));
  }
  // sshd's files are root's and the state is its owner's: so a child looks into it.
  const auto shown =
      run_in_child([&](std::string& out) { return print_keys_of_state(option, options.app, out); });
  if (!shown) return shown.error();
  if (shown->status != kOk) return Keys(shown->status);
  return Keys(lines_without_ends(shown->output));
}

/// The edge's addresses as given, or this machine's own where the edge's state is here.
Result<std::vector<std::string>> edge_addresses(const SshdSetupOptions& options) {
  for (const std::string& address : options.edge_addresses)
    if (!parse_ip_range(address))
      return setup_fault("--edge-address takes addresses and ranges such as 10.0.0.2 or 2001:db8::/64");
  if (!options.edge_addresses.empty() || options.uninstall || !options.ca_keys.empty())
    return options.edge_addresses;
  return std::vector<std::string>{"127.0.0.1", "::1"};
}

/// Whether the people come from loopback, as those of a connector do.
bool serves_connector(const SshdSetupOptions& options) {
  const IpAddress loopback = *parse_ip("127.0.0.1");
  return std::any_of(options.edge_addresses.begin(), options.edge_addresses.end(),
                     [&](const std::string& one) {
                       const auto range = parse_ip_range(one);
                       return range && range->contains(loopback);
                     });
}

void show(const FileChange& change) {
  if (!change.after) {
    std::printf("removes %s\n", change.path.c_str());
  } else {
    std::printf("writes %s:\n%s", change.path.c_str(), change.after->c_str());
  }
}

int carry_out(const SshdSetupOptions& options, const std::vector<FileChange>& changes) {
  if (auto changed = change_sshd(options.place, changes); !changed) return complain(changed.error());
  if (!options.no_reload) {
    const auto reloaded = reload_sshd(options.place);
    if (!reloaded) {
      undo(changes);
      complain("nothing was changed: " + reloaded.error().detail);
      return kBadConfig;
    }
    complain(*reloaded);
  }
  for (const FileChange& change : changes)
    std::printf("%s %s\n", change.after ? "wrote" : "removed", change.path.c_str());
  if (options.uninstall) return kOk;
  for (const std::string& advice : sshd_advice(options.place)) complain(advice);
  if (serves_connector(options))
    for (const std::string& rule : service::sshd_loopback_rules(options.place.config)) complain(rule);
  return kOk;
}

}  // namespace

int sshd_setup(const StateOption& option, const SshdSetupOptions& options) {
  if (!valid_app_name(options.app)) {
    complain("--app must be the name of an application, such as vm.example.com or vm.example.com/team-a");
    return kUsage;
  }
  auto addresses = edge_addresses(options);
  if (!addresses) return complain(addresses.error());
  auto keys = wanted_keys(option, options);
  if (!keys) return complain(keys.error());
  if (const int* status = std::get_if<int>(&*keys)) return *status;
  const SshdWishes wishes{options.app, std::get<0>(std::move(*keys)), std::move(*addresses)};
  const auto changes = plan_sshd_setup(options.place, wishes);
  if (!changes) return complain(changes.error());
  if (changes->empty()) {
    std::printf("nothing to change\n");
    return kOk;
  }
  if (!options.dry_run) return carry_out(options, *changes);
  for (const FileChange& change : *changes) show(change);
  return kOk;
}

}  // namespace cfpipe::edge
