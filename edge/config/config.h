#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/ssh/certificate.h"
#include "base/error.h"
#include "base/host.h"
#include "edge/config/listen_address.h"
#include "edge/http/trusted_proxies.h"
#include "edge/policy/destination.h"
#include "edge/policy/lifetimes.h"
#include "edge/policy/policy.h"

namespace cfpipe::edge {

/// Bounds of what a configuration may ask for.
inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
inline constexpr std::chrono::seconds kMinSession{60};
inline constexpr std::chrono::seconds kMinSessionLimit{1};
inline constexpr std::chrono::seconds kMinIdleLimit{1};
inline constexpr std::chrono::seconds kMinCertificateTtl{60};
inline constexpr std::chrono::seconds kDefaultSession{24 * 3600};
inline constexpr std::chrono::seconds kDefaultCertificateTtl{4 * 60};
inline constexpr std::size_t kMaxAgentSocketBytes = 107;
inline constexpr std::size_t kMaxForceCommandBytes = 4096;
inline constexpr std::size_t kMaxSourceAddresses = 64;
inline constexpr std::size_t kMaxHostKeys = 16;
inline constexpr std::size_t kMaxPerMinute = 100'000;
/// Of `limits: {memory}`, in bytes: fewer hold no dozen connections, more is a slip of the pen.
inline constexpr std::size_t kMinMemory = std::size_t{16} << 20;
inline constexpr std::size_t kMaxMemory = std::size_t{1} << 40;
/// Of `drain`: how long open tunnels may go on once the edge has been asked to end.
inline constexpr std::chrono::seconds kMinDrain{1};
inline constexpr std::chrono::seconds kMaxDrain{8 * 3600};
inline constexpr std::chrono::seconds kDefaultDrain{30};

/// Of `resume`: how long a tunnel waits for its client after it has lost its connection to it.
inline constexpr std::chrono::seconds kMinResume{10};
inline constexpr std::chrono::seconds kMaxResume{24 * 3600};
inline constexpr std::chrono::seconds kDefaultResume{30 * 60};

/// A CA whose key is in an ssh-agent, or behind one in a hardware module.
struct AgentCa {
  std::string socket;       ///< of the agent, an absolute path
  std::string public_line;  ///< its public key as `type base64 comment`
  std::string blob;         ///< the same in wire form
};

struct CertificateConfig {
  std::optional<AgentCa> agent;  ///< none: the key is in the state
  std::chrono::seconds ttl = kDefaultCertificateTtl;
  bool email_prefix = true;    ///< the part of the email before the @ is a principal
  bool root_by_email = false;  ///< also where that is root: of the built-in sign-in, which is on loopback
  std::vector<std::string> literals;  ///< principals that everyone gets who has signed in
  std::vector<std::string> claims;    ///< of the identity provider, whose values are principals
  /// Principals of service tokens by name; a service token that is not here gets no certificate.
  std::map<std::string, std::vector<std::string>, std::less<>> service_principals;
  std::vector<std::string> extensions = auth::default_extensions();  ///< what sshd may do for the holder
  std::string force_command;     ///< what sshd runs instead of what is asked for; empty: nothing
  std::string source_addresses;  ///< where sshd takes it from, as ssh-keygen writes them; empty: anywhere
};

/// Tunnels of all applications together, those that are being dialled among them. A user is a person or a
/// service token, an address an IPv6 one together with its /64. 0: no limit.
struct TunnelLimits {
  std::size_t per_user = 500;             ///< open at once
  std::size_t per_address = 2'000;        ///< the same
  std::size_t opens_per_user = 600;       ///< a minute
  std::size_t opens_per_address = 2'400;  ///< the same
  std::size_t in_all = 0;                 ///< open at once; what the edge has descriptors for
};

/// What one address may cause, an IPv6 one together with its /64; 0: no limit.
struct AddressLimits {
  /// Open at once; without a value what preset_per_address() says.
  std::optional<std::size_t> connections;
  std::size_t logins = 300;  ///< sign-ins begun and failed, a minute
};

/// Connectors, by name, that one application may have.
inline constexpr std::size_t kMaxConnectorsOfApplication = 64;

struct ApplicationConfig {
  std::string hostname;  ///< the canonical text of an AppName
  Host origin_host;
  std::uint16_t origin_port = 22;
  std::string origin_path;                ///< of a Unix-domain socket, in place of host and port
  std::vector<std::string> connectors{};  ///< that dial the origin, by name; empty: the edge does
  bool proxy_protocol = false;            ///< tell it who the client is (version 2)
  std::vector<Destination> destinations;  ///< where else a client may ask to be led
  std::chrono::seconds session_duration = kDefaultSession;
  std::chrono::seconds session_limit{0};  ///< of an open tunnel; 0: none
  std::chrono::seconds idle_limit{0};     ///< of an open tunnel through which nothing moves; 0: none
  std::optional<CertificateConfig> certificates;
  bool browser_terminal = false;  ///< a browser that opens the application gets a terminal
  bool browser_files = true;      ///< its page moves files as well, by SFTP
  bool ssh = true;                ///< people reach it by ssh: service ssh://, certificates or a terminal
  std::vector<std::string>
      host_keys;  ///< of its origin, `type base64`, for that; empty: the first that is seen
  std::vector<Policy> policies;
  std::vector<std::string> allowed_idps;  ///< names of providers whose sign-ins count; empty: all
};

/// True if a sign-in at that identity provider counts at the application (`allowed_idps`).
bool takes_sign_ins_of(const ApplicationConfig& app, const std::string& provider);

enum class IdentityProvider { dev, oidc };

/// The names of identity providers that the configuration gives none.
inline constexpr std::string_view kDefaultProviderName = "oidc";
inline constexpr std::string_view kDevProviderName = "dev";
inline constexpr std::size_t kMaxProviders = 16;

/// Where people sign in, and what is believed of them.
struct OidcConfig {
  std::string name{kDefaultProviderName};  ///< what policies, tokens and the audit call it
  /// One of several: it leads back to an address with its name, so that an answer of one provider is never
  /// taken for another's (RFC 9700 4.4.2.2).
  bool own_callback = false;
  std::string proxy;  ///< through which it is reached: a URL, or `none`; empty: as the environment says
  std::string proxy_login_file;    ///< `user:password` for that; empty: none
  std::string issuer;              ///< https, or http on loopback; exactly as the provider writes it
  std::string client_id;           ///< this edge, as the provider knows it
  std::string client_secret_file;  ///< empty: a public client
  std::string ca_file;             ///< whom to trust for the provider's TLS; empty: the system's authorities
  std::vector<std::string> scopes{"openid", "email", "profile"};
  std::string prompt;  ///< what the provider is to ask (OpenID Connect Core 3.1.2.1); may be empty
  std::string email_claim = "email";    ///< another one: only with allow_unverified_email
  std::string groups_claim = "groups";  ///< see read_groups()
  bool groups_claim_optional = false;   ///< a person without that claim is in no group
  bool allow_unverified_email = false;  ///< believe an address that the provider does not say is verified
  bool sign_out_at_provider = true;     ///< where it offers that
};

struct Config {
  std::optional<Listener> listen;
  bool plain_http = false;  ///< what comes to `listen` is not encrypted: proxies end TLS
  TrustedProxies proxies;   ///< who may stand in front of `listen`
  std::string certificate_file;
  std::string key_file;
  std::string auth_host;  ///< auth_domain without port
  std::uint16_t public_port =
      kHttpsPort;  ///< the port of auth_domain: where browsers and clients reach this edge
  std::vector<std::string>
      transfer_hosts;  ///< names besides auth_host that have the transfer store, and it alone
  std::string state_dir;
  std::optional<Listener> admin_listen;  ///< where metrics are; none: nowhere
  std::string audit_file;  ///< where the audit's rows are copied to; "-": standard output; empty: nowhere
  bool audit_continues = false;  ///< access is granted even while nothing can keep the audit's rows
  bool tunnels_stay = false;     ///< open ones, whatever becomes of what admitted them
  unsigned threads = 0;          ///< worker threads; 0: one per processor
  std::chrono::seconds drain = kDefaultDrain;    ///< of open tunnels, after SIGTERM
  std::chrono::seconds resume = kDefaultResume;  ///< 0: no tunnel outlives its connection
  std::chrono::seconds session_duration = kDefaultSession;
  TunnelLimits tunnel_limits;
  AddressLimits address_limits;
  std::optional<std::size_t> memory;        ///< held for peers, in bytes; none: a quarter of the process's
  std::size_t certificates_per_user = 600;  ///< signed for one person or service token, a minute; 0: no limit
  IdentityProvider identity_provider = IdentityProvider::oidc;
  std::string dev_email;                 ///< what the built-in sign-in page offers
  std::vector<std::string> dev_groups;   ///< of everybody who signs in there
  std::vector<OidcConfig> providers;     ///< of type oidc, where people sign in
  std::optional<Policy> administrators;  ///< who may administer; nothing: no user
  std::vector<ApplicationConfig> applications;
};

/// Most transfer_hosts of one edge.
inline constexpr std::size_t kMaxTransferHosts = 16;

struct ConfigFault {
  int line;  ///< from 1; 0: of the whole file
  std::string text;
};

/// A file that the configuration names, to be looked at before it is served.
struct ConfigFile {
  enum class Kind { secret, authorities, certificate, private_key };
  Kind kind;
  int line;
  std::string path;
};

struct LoadedConfig {
  Config config;  ///< to be used only without faults
  std::vector<ConfigFault> faults;
  std::vector<ConfigFile> files;
  std::vector<std::string> warnings;  ///< of the file itself
};

LoadedConfig parse_config(std::string_view yaml);
/// Fails (Stage::config) if the file cannot be read, or may be written by everybody; that its group may is a
/// warning.
Result<LoadedConfig> load_config(const std::string& path);

/// The groups that any policy names, sorted, each once: what this edge wants to know of people's groups.
std::vector<std::string> groups_named(const Config& config);

/// The names of all providers, in their order.
std::vector<std::string> provider_names(const Config& config);

/// The claims that principals are taken from, sorted, each once.
std::vector<std::string> claims_named(const Config& config);

}  // namespace cfpipe::edge
