#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// Links that are followed on the way to one secret, at most, and components of the path that is walked.
inline constexpr std::size_t kMaxSecretLinks = 8;
inline constexpr std::size_t kMaxSecretSteps = 64;

/// Who reads a secret.
struct SecretReader {
  uid_t user = 0;
  std::vector<gid_t> groups;  ///< the effective one and the supplementary ones

  static SecretReader this_process();
};

/// What is wrong with a file as the place of a secret; nothing if it may be read. It has to be a plain file
/// of the reader's or of root, which nobody else may write. Others may read it in two cases, in which it is
/// root that has decided so: one of the reader's groups may, of a file of root's (`chown root:cfpipe-edge`,
/// Kubernetes' fsGroup); everybody may, of a file of root's below /run/secrets (Docker, Podman).
/// `below_run_secrets` is about the path that was really opened.
std::optional<std::string> secret_file_fault(const struct stat& info, const SecretReader& reader,
                                             bool below_run_secrets);

/// Opens a secret of the user's: a service token, a client's secret. A link on the way is followed
/// (Kubernetes' volumes are made of them) if it, and the directory that holds it, are the reader's or root's
/// and others cannot put another one in its place: they may not write the directory, or it has the sticky
/// bit. Nothing: there is no such file. Stage::config, Cause::file_unusable; the reason is in detail, without
/// the path.
Result<std::optional<OwnFile>> open_secret_file(const std::string& path);

}  // namespace cfpipe::auth
