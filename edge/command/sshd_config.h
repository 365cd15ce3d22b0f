#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// Where a server's sshd is, and its configuration.
struct SshdPlace {
  std::string config = "/etc/ssh/sshd_config";
  std::string program = "/usr/sbin/sshd";
};

/// One file as it was and as it is to be; nothing: there is none.
struct FileChange {
  std::string path;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

/// The text of the file of trusted keys with `lines` as those of the application, in the place of the ones it
/// had; without lines it has none. Empty if no application has any.
std::string with_keys_of(std::string_view text, std::string_view app, const std::vector<std::string>& lines);

/// Whether sshd reads that file because an `Include` of the configuration, in front of its first `Match`,
/// names it.
bool includes(std::string_view config, const std::string& path);

/// What sshd is to be told.
struct SshdWishes {
  std::string app;                          ///< name of the application
  std::vector<std::string> lines;           ///< public keys of its CA; none: sshd trusts none of it
  std::vector<std::string> edge_addresses;  ///< from which all its people come, as sshd sees them; ranges too
};

/// The value of PerSourcePenaltyExemptList that has `addresses` as well; `present` is what sshd says it is
/// now.
std::string exempt_list(std::string_view present, const std::vector<std::string>& addresses);

/// What has to be changed for sshd to do as wished: trust the keys for users, and, where it counts failures
/// by address (OpenSSH 9.8 and later), not let one person's failures lock out all others behind the edge.
/// Nothing: all is so already. Stage::config says why it cannot be done.
Result<std::vector<FileChange>> plan_sshd_setup(const SshdPlace& place, const SshdWishes& wishes);

/// What an administrator should know about sshd's limits, which take all people behind an edge for one
/// client; a line each, empty if there is nothing to say or sshd cannot be asked.
std::vector<std::string> sshd_advice(const SshdPlace& place);

/// Makes the changes and asks sshd whether it likes them. If it does not, or does not come to use the keys,
/// every file is what it was, and Stage::config says why.
Result<void> change_sshd(const SshdPlace& place, const std::vector<FileChange>& changes);

/// Has a running sshd read its configuration again: what was done, in words. Stage::config if that failed.
Result<std::string> reload_sshd(const SshdPlace& place);

/// Every file as it was before; best effort.
void undo(const std::vector<FileChange>& changes);

}  // namespace cfpipe::edge
