#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "edge/config/config.h"
#include "edge/policy/identity.h"
#include "edge/store/key_store.h"
#include "edge/store/serial_store.h"

namespace cfpipe::edge {

/// Name of the file with the keys that a server's sshd trusts for users, beside its configuration.
inline constexpr const char* kKeysFile = "cfpipe_user_ca_keys";

/// How long a host's certificate may be good for, and is unless it is said.
inline constexpr std::chrono::seconds kMaxHostCertificate{10 * 365 * 24 * 3600};
inline constexpr std::chrono::seconds kDefaultHostCertificate{365 * 24 * 3600};
/// Timeout of an agent that signs, and signatures that are waited for at once.
inline constexpr std::chrono::milliseconds kCaTimeout{5'000};
inline constexpr std::size_t kMaxAgentSignatures = 64;

struct IssuedCertificate {
  std::string line;  ///< one line, no newline
  std::string key_id;
  std::uint64_t serial = 0;
  std::int64_t expires = 0;
};

/// The user names that a certificate is for: a person's, or those configured for a service token, which may
/// be none. What comes from an address or a claim is a user name by account_of() and never root.
std::vector<std::string> principals_of(const CertificateConfig& config, const Identity& identity);
/// Of a person without any: what there was, and why it was not taken.
std::string why_no_principals(const CertificateConfig& config, const Identity& identity);

/// The SSH certificate authorities, one for each application, all on one counter of serials.
class SshCa {
 public:
  SshCa(KeyStore& keys, SerialStore& serials) : keys_(keys), serials_(serials) {}

  /// Makes the application's CA unless it has one; true if it was made.
  Result<bool> ensure(std::string_view hostname, auth::KeyType type = auth::KeyType::ed25519);
  /// Makes the CA that is to follow; false if one waits already. The present one goes on signing until
  /// retire(), so that servers can be told of both in between. No type: that of the present one.
  /// Stage::config if there is no CA.
  Result<bool> rotate(std::string_view hostname, std::optional<auth::KeyType> type = std::nullopt);
  /// Deletes the CA that rotate() made, and the present one goes on signing; false if none waits.
  Result<bool> cancel(std::string_view hostname);
  /// The CA that rotate() made signs from now on, and the present one is no more; false if none waits.
  Result<bool> retire(std::string_view hostname);
  /// The lines for TrustedUserCAKeys: of the CA that signs, then of the one that waits, if any. Stage::config
  /// if there is no CA.
  Result<std::vector<std::string>> public_lines(std::string_view hostname);
  Result<std::vector<std::string>> hostnames();
  /// The kind of key to make for a user of an application with certificates. A CA that is not ed25519 is
  /// there for servers that take no ed25519, such as those in FIPS mode, and they take no such key of a user
  /// either.
  auth::KeyType user_key_type(const ApplicationConfig& app);

  /// Signs a user key of `owner` for these principals, of which there must be one: sshd's rules for a
  /// certificate without any are not ours to rely on. Stage::certificate / Cause::key_unusable for a key that
  /// is not fit to be certified. Where the application's CA is in an agent, that is asked, which may take its
  /// time; what `app` says and the rest outlive the await. Cause::agent_unreachable, agent_key_missing: it
  /// does not sign.
  boost::asio::awaitable<Result<IssuedCertificate>> sign(const ApplicationConfig& app, std::string_view owner,
                                                         const std::vector<std::string>& principals,
                                                         std::string_view public_key_line, std::int64_t now);

  /// Certifies a host's key for these names, by a CA of the application's that is for hosts alone and made at
  /// its first use, of the same type as the CA for people: who may sign for people should not be able to
  /// stand in for servers, and the reverse.
  Result<IssuedCertificate> sign_host(std::string_view hostname, const std::vector<std::string>& names,
                                      std::string_view public_key_line, std::chrono::seconds ttl,
                                      std::int64_t now);
  /// `ed25519`, `ecdsa` (P-256) or `rsa`; nothing for another word.
  static std::optional<auth::KeyType> type_named(std::string_view word);
  /// The line for known_hosts (`@cert-authority …`). Stage::config if no host was ever certified.
  Result<std::string> known_hosts_line(std::string_view hostname);

 private:
  using Maker = Result<std::string> (*)(std::string_view key_blob, const auth::CertFields& fields,
                                        const auth::SshKey& ca);
  struct Validity {
    std::int64_t from;  ///< Unix seconds
    std::chrono::seconds ttl;
  };
  /// Spends a serial; `fields` say all but serial, key id and times.
  Result<IssuedCertificate> issue(Maker make, std::string_view key_blob, const auth::SshKey& ca,
                                  std::string_view owner, auth::CertFields fields, Validity validity);
  /// What of a certificate is this edge's to say; the serial is spent.
  struct Draft {
    IssuedCertificate issued;  ///< all but the line
    auth::CertFields fields;
  };
  Result<Draft> draft(std::string_view owner, auth::CertFields fields, Validity validity);
  boost::asio::awaitable<Result<std::string>> ask_agent(const AgentCa& ca,
                                                        const auth::UnsignedCertificate& certificate);
  using SharedKey = std::shared_ptr<const auth::SshKey>;
  Result<SharedKey> load(std::string_view hostname);
  Result<std::optional<auth::SshKey>> read_key(const std::string& name);
  /// What a PEM that was read before is, for parsing takes longer than signing.
  struct Parsed {
    std::string digest;  ///< SHA-256 of the PEM
    SharedKey key;
  };

  KeyStore& keys_;
  SerialStore& serials_;
  std::map<std::string, Parsed, std::less<>> parsed_;  ///< by application
  std::size_t asking_ = 0;                             ///< agents, at the moment
};

}  // namespace cfpipe::edge
