#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/certificate/user_key.h"
#include "auth/ssh/certificate.h"
#include "auth/state/state_dir.h"

namespace cfpipe::auth {

/// Files of the certificate for a key of the user for one application: `<host><path>-user_key.pub` and
/// `-user_key-cert.pub` in the state directory. The key itself stays where and as it is.
class UserCertificate {
 public:
  UserCertificate(const StateDir& dir, std::string_view host, std::string_view path);
  std::string public_path() const;
  std::string cert_path() const;

  /// The certificate on disk if it is for that key and good_for_reuse() at `now` (Unix seconds).
  /// Stage::state.
  Result<std::optional<Certificate>> load(std::string_view key_blob, std::int64_t now) const;
  /// The certificate on disk even if it has expired, or nothing.
  std::optional<Certificate> certificate() const;
  /// At every instant the two files match, or there is no certificate. Stage::state.
  Result<void> store(const UserKey& key, const Certificate& certificate) const;

  /// Writes FILE-cert.pub beside the key's file, where `ssh -i FILE` finds it. Fails if there is a file that
  /// is no certificate of ours, which stays. Does nothing for a key in an agent. Stage::certificate,
  /// Cause::file_unusable.
  Result<void> put_beside(const UserKey& key, const Certificate& certificate) const;

 private:
  std::string comment(const Certificate& certificate) const;
  const StateDir& dir_;
  std::string host_;
  std::string base_;
};

}  // namespace cfpipe::auth
