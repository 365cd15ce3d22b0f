#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::service {

/// Files of sshd's configuration that are read, how deep they may include each other, bytes of a file,
/// accounts whose keys are looked at, and rules that are told of.
inline constexpr std::size_t kMaxSshdFiles = 64;
inline constexpr int kMaxSshdIncludes = 16;
inline constexpr std::size_t kMaxSshdFileBytes = 1024 * 1024;
inline constexpr std::size_t kMaxSshdAccounts = 2'000;
inline constexpr std::size_t kMaxSshdRules = 20;

/// A client as sshd sees it: its address, and its name, which is the address unless UseDNS is on.
struct SshdClient {
  std::string address;
  std::string name;
};

/// Whether a list of `HOST` matches the client: Match Address and, with `names`, AllowUsers, DenyUsers and
/// from= (sshd_config(5), sshd(8), PATTERNS in ssh_config(5)).
bool matches_client(std::string_view list, const SshdClient& client, bool names);

/// Rules of a configuration and of the keys that it reads which take 127.0.0.1 for something else than the
/// rest of 127.0.0.0/8, as far as this user may read them: AllowUsers, DenyUsers, Match and from=. Each is
/// one printable line, with its place and the next step.
std::vector<std::string> sshd_loopback_rules(const std::string& config = "/etc/ssh/sshd_config");

}  // namespace cfpipe::service
