#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/ssh_cert.h"
#include "auth/ssh_key.h"
#include "auth/state_dir.h"

namespace cfpipe::auth {

/// A certificate is used again only if it is good for at least this many seconds more.
inline constexpr std::uint64_t kCertReuseMargin = 60;

struct KeyAndCertificate {
  SshKey key;
  Certificate certificate;
};

/// The three files of one application, `<host><path>-cf_key`, `.pub`, `-cert.pub` (access-protocol, "Files").
/// At every instant the private key and the certificate on disk match each other, or there is no certificate:
/// replacing a pair removes the certificate first and writes it last; concurrent writers are kept apart by
/// flock on
/// `<host><path>-cf_key.flock`.
class KeyFiles {
 public:
  KeyFiles(const StateDir& dir, std::string_view host, std::string_view path);
  std::string key_path() const;
  std::string cert_path() const;

  /// The pair on disk if it matches, parses, and is good for kCertReuseMargin at `now`; nothing otherwise.
  /// A key file that is someone else's or a link is a failure (Stage::state), not nothing.
  Result<std::optional<KeyAndCertificate>> load(std::uint64_t now) const;
  /// The private key on disk, if there is a usable one, for signing again over the same key.
  Result<std::optional<SshKey>> load_key() const;
  Result<void> store(const SshKey& key, const Certificate& certificate) const;

 private:
  const StateDir& dir_;
  std::string base_;
};

}  // namespace cfpipe::auth
