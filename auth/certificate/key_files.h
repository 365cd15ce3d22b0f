#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "auth/ssh/key_and_certificate.h"
#include "auth/state/state_dir.h"

namespace cfpipe::auth {

/// A certificate is used again only if it is good for at least this many seconds more.
inline constexpr std::uint64_t kCertReuseMargin = 60;

/// The kind of key that is made if nothing names one: it is what Cloudflare's edge has always taken, and what
/// programs that read cloudflared's key files expect there.
inline constexpr KeyType kDefaultKeyType = KeyType::ecdsa_p256;

/// True if a certificate from disk is good for kCertReuseMargin at `now` by this machine's clock, and by that
/// of whoever made it: where the two differ, its line says so.
bool good_for_reuse(const Certificate& certificate, std::int64_t now);

/// The certificate in a file of the state directory, if there is one that can be read.
std::optional<Certificate> read_certificate(const StateDir& dir, const std::string& name);

/// What the line of a certificate on disk gets behind it: words, and by how much its maker's clock is ahead,
/// where it is. read_clock_offset() finds that again.
std::string file_comment(std::string_view words, std::int64_t clock_offset);
std::int64_t read_clock_offset(std::string_view comment);

/// Keeps other processes from replacing a pair of files meanwhile. Stage::state.
Result<Fd> lock_key_files(const std::string& path);

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

  /// The pair on disk if it matches, parses, is good for kCertReuseMargin at `now` (Unix seconds) and of the
  /// given type, if any; nothing otherwise. A key file that is someone else's or a link is a failure
  /// (Stage::state), not nothing.
  Result<std::optional<KeyAndCertificate>> load(std::int64_t now, std::optional<KeyType> type = {}) const;
  /// The certificate on disk whatever it is worth, or nothing.
  std::optional<Certificate> certificate() const;
  /// The private key on disk, if there is a usable one, for signing again over the same key.
  Result<std::optional<SshKey>> load_key() const;
  Result<void> store(const SshKey& key, const Certificate& certificate) const;

 private:
  const StateDir& dir_;
  std::string base_;
};

}  // namespace cfpipe::auth
