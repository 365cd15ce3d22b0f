#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/platform/own_file.h"

namespace cfpipe {

/// Most symlinks followed, and most path components walked, on the way to one secret.
inline constexpr std::size_t kMaxSecretLinks = 8;
inline constexpr std::size_t kMaxSecretSteps = 64;

/// The user and groups that read a secret.
struct SecretReader {
  uid_t user = 0;
  std::vector<gid_t> groups;  ///< the effective one and the supplementary ones

  static SecretReader this_process();
};

/// Why a file may not hold a secret; nothing if it may. It must be a plain file of the reader or of root that
/// only its owner may write. Other users may read it in two cases, both decided by root: a file of root that
/// one of the reader's groups may read (`chown root:cfpipe-edge`, Kubernetes' fsGroup), and a file of root
/// below /run/secrets (Docker, Podman). `below_run_secrets` refers to the path after symlinks are resolved.
std::optional<std::string> secret_file_fault(const struct stat& info, const SecretReader& reader,
                                             bool below_run_secrets);

/// Opens a secret of the user, such as a service token or an OAuth client secret; nothing if there is no such
/// file. A symlink on the way (Kubernetes' volumes have them) is followed if it and its directory belong to
/// the reader or root, and other users cannot replace it: they may not write the directory, or it has the
/// sticky bit. Stage::config, Cause::file_unusable; the reason is in detail, without the path.
Result<std::optional<OwnFile>> open_secret_file(const std::string& path);

}  // namespace cfpipe
