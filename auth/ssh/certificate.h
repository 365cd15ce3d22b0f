#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/ssh/key.h"

namespace cfpipe::auth {

/// Seconds by which a user certificate is backdated, for clock skew.
inline constexpr std::uint64_t kCertBackdate = 60;
/// Bounds of a certificate: bytes of its line, principals.
inline constexpr std::size_t kMaxCertLineBytes = 32 * 1024;
inline constexpr std::size_t kMaxPrincipals = 256;

/// The fields of an OpenSSH certificate (PROTOCOL.certkeys) that this code sets or checks.
struct CertFields {
  std::uint64_t serial = 0;
  std::string key_id;
  std::vector<std::string> principals;
  std::uint64_t valid_after = 0;                                      ///< Unix seconds
  std::uint64_t valid_before = 0;                                     ///< Unix seconds, exclusive
  std::vector<std::pair<std::string, std::string>> critical_options;  ///< name, value; sorted by name
  std::vector<std::string> extensions;                                ///< names of empty extensions; sorted
};

/// The five `permit-*` extensions that `ssh-keygen -s` puts into a user certificate by default, sorted.
std::vector<std::string> default_extensions();

/// Builds a user certificate for `user_key_blob` and signs it with the CA key (ed25519 or P-256). Returns
/// the one-line form `type base64`, no newline. The blob must be acceptable_user_key: Cause::key_unusable
/// otherwise.
Result<std::string> make_user_certificate(std::string_view user_key_blob, const CertFields& fields,
                                          const SshKey& ca);

/// A certificate to be signed by a CA whose key is in an agent.
struct UnsignedCertificate {
  std::string type;     ///< `…-cert-v01@openssh.com`
  std::string body;     ///< the signed bytes
  std::string ca_blob;  ///< the CA's public key
};
/// The same without the signature. The CA's blob is a plain key, of any kind that acceptable_host_key takes.
Result<UnsignedCertificate> prepare_user_certificate(std::string_view user_key_blob, const CertFields& fields,
                                                     std::string_view ca_blob);
/// The one-line form, with the CA's signature blob. One that its key has not made is
/// Cause::certificate_invalid.
Result<std::string> finish_certificate(const UnsignedCertificate& certificate, std::string_view signature);

/// acceptable_user_key() without the sk- kinds: at a server no person can touch a security key.
bool acceptable_host_key(std::string_view blob);

/// The same for the key of a host (PROTOCOL.certkeys, type 2), whose principals are host names. The blob must
/// be acceptable_host_key.
Result<std::string> make_host_certificate(std::string_view host_key_blob, const CertFields& fields,
                                          const SshKey& ca);

struct Certificate {
  std::string line;           ///< trimmed one-line form
  std::string comment;        ///< behind the base64 of the line
  std::string blob;           ///< decoded
  std::string type;           ///< `…-cert-v01@openssh.com`
  std::string user_key_blob;  ///< the plain key it is over
  std::string ca_blob;        ///< the signer's public key
  CertFields fields;
  /// Seconds by which the edge's clock is ahead of ours; 0 within kClockTolerance.
  std::int64_t clock_offset = 0;
};
/// Parses a one-line user certificate; structure is checked, the signature is not
/// (sshd does). Stage::certificate, Cause::certificate_invalid.
Result<Certificate> parse_certificate(std::string_view line);

/// The same line with another comment.
std::string line_with_comment(const Certificate& certificate, std::string_view comment);

/// The plain key of a key blob: the one inside a certificate of any kind (a host's too), else the blob as it
/// is. Empty if it is cut short.
std::string plain_key_blob(std::string_view blob);

}  // namespace cfpipe::auth
