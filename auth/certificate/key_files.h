#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "auth/ssh/key_and_certificate.h"
#include "auth/state/state_dir.h"

namespace cfpipe::auth {

/// Least remaining validity, in seconds, of a certificate that is used again.
inline constexpr std::uint64_t kCertReuseMargin = 60;

/// Type of generated keys by default: Cloudflare's edge certifies it, and programs that read cloudflared's
/// key files expect it.
inline constexpr KeyType kDefaultKeyType = KeyType::ecdsa_p256;

/// True if a certificate from disk is valid for kCertReuseMargin more at `now`, both by this machine's clock
/// and by the edge's: its line records the difference.
bool good_for_reuse(const Certificate& certificate, std::int64_t now);

/// The certificate in a file of the state directory; nothing if it is missing or malformed.
std::optional<Certificate> read_certificate(const StateDir& dir, const std::string& name);

/// Comment of a certificate's line on disk: `words`, and the edge's clock offset in seconds unless 0, which
/// read_clock_offset() reads.
std::string file_comment(std::string_view words, std::int64_t clock_offset);
std::int64_t read_clock_offset(std::string_view comment);

/// Lock that keeps other processes from replacing a pair of files. Stage::state.
Result<Fd> lock_key_files(const std::string& path);

/// The three files of one application, `<host><path>-cf_key`, `.pub`, `-cert.pub` (access-protocol, "Files").
/// At every instant the private key and the certificate on disk match each other, or there is no certificate:
/// replacing a pair removes the certificate first and writes it last. Writers hold an flock on
/// `<host><path>-cf_key.flock`.
class KeyFiles {
 public:
  KeyFiles(const StateDir& dir, std::string_view host, std::string_view path);
  std::string key_path() const;
  std::string cert_path() const;

  /// The pair on disk if it matches, parses, is good for kCertReuseMargin at `now` (Unix seconds) and of the
  /// given type, if any; nothing otherwise. A key file that is a symlink or belongs to another user is a
  /// failure (Stage::state).
  Result<std::optional<KeyAndCertificate>> load(std::int64_t now, std::optional<KeyType> type = {}) const;
  /// The certificate on disk even if it has expired, or nothing.
  std::optional<Certificate> certificate() const;
  /// The private key on disk, if there is a usable one, for signing again over the same key.
  Result<std::optional<SshKey>> load_key() const;
  Result<void> store(const SshKey& key, const Certificate& certificate) const;

 private:
  const StateDir& dir_;
  std::string base_;
};

}  // namespace cfpipe::auth
