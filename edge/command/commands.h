#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "edge/api/operations.h"
#include "edge/command/sshd_config.h"
#include "edge/config/config.h"
#include "edge/process/as_owner.h"
#include "edge/process/checked_config.h"
#include "edge/process/console.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// Parses the command line, runs one command, returns the exit status.
int run_command_line(int argc, char** argv);
/// What --version prints; `verbose`: with the libraries inside.
std::string version_text(bool verbose);

struct DevOptions {
  std::string listen = "127.0.0.1:8443";
  std::string origin = "127.0.0.1:22";
  std::vector<std::string> hostnames{"vm.localhost"};
  std::string connector;  ///< that dials the origin; empty: the edge does
  std::string auth_domain = "auth.localhost";
  std::string email;                ///< empty: the login name at localhost
  std::vector<std::string> groups;  ///< of everybody who signs in
  std::string state;                ///< empty: under the user's state directory
  bool terminal = false;            ///< browsers are shown one
};
/// `admin_listen`: in the place of the configuration's; empty: that. `supervised`: see supervise().
int run_edge(const std::string& config_path, const std::string& admin_listen, bool supervised);
int run_dev(const DevOptions& options);
/// The configuration that `dev` serves; a Failure (Stage::input) says which option is wrong.
Result<Config> dev_config(const DevOptions& options);

struct ServeOptions {
  std::string config_path;  ///< empty: `dev`, where browsers and clients use the port that is listened on
  std::optional<Listener> admin;  ///< where metrics are, if not where the configuration says
};
/// Serves until SIGTERM or SIGINT, and reads the file again on SIGHUP.
int serve(Config config, const ServeOptions& options);

int check_config(const std::string& config_path);

/// A question to the policies of a configuration: what they would decide, and why.
struct PolicyTestOptions {
  std::string config_path;
  std::string app;
  std::string email;
  std::vector<std::string> groups;
  std::string login_method;
  bool groups_unknown = false;  ///< the identity provider did not say
  std::string ip;
  std::string service_token;
};
/// Prints how each policy was decided; kOk if the subject gets in, kDenied if not.
int policy_test(const PolicyTestOptions& options);

/// Where `dev` keeps its state unless told otherwise: $XDG_STATE_HOME or ~/.local/state, `cfpipe-edge-dev` in
/// it.
std::string dev_state_dir();

/// The configuration of commands that are not told which edge they are about: the file that the variable
/// names, or else the system's. Where that is missing, the state of `dev` is meant.
inline constexpr const char* kSystemConfig = "/etc/cfpipe/edge.yaml";
inline constexpr const char* kConfigVariable = "CFPIPE_EDGE_CONFIG";
/// `given`: the value of --config, or empty.
std::string config_path_of(const std::string& given);
/// Which state: --state DIR, or that of --config FILE, or of the edge that is there.
struct StateOption {
  std::string dir;
  std::string config_path;
};
/// Root becomes the user whom the state belongs to first, and so cannot do after this what root alone can.
/// `known`: fail where no edge has ever been. The state's directory.
Result<std::string> own_state_dir(const StateOption& option, bool known);
/// The same, and opens the state in it.
Result<std::unique_ptr<Store>> open_store(const StateOption& option, bool known);
/// The application's CA, if that is in an agent and the option says which configuration it is in. To be asked
/// before open_store(), after which the configuration may be out of reach.
std::optional<AgentCa> agent_ca(const StateOption& option, const std::string& hostname);
/// The auth domain with the public port, if the option says which configuration it is in; the same holds.
std::optional<Authority> auth_authority(const StateOption& option);
/// The application's public keys of its CA, as lines; those of an agent are in the configuration alone. Opens
/// the state.
Result<std::vector<std::string>> ca_lines(const StateOption& option, const std::string& hostname);
/// `type`: ed25519, ecdsa or rsa; empty: the preset.
int ca_generate(const StateOption& state, const std::string& hostname, const std::string& type);
int ca_show(const StateOption& state, const std::string& hostname);
/// Makes the next CA, and prints the lines of both.
int ca_rotate(const StateOption& state, const std::string& hostname, const std::string& type);
/// Lets the next CA sign in the place of the present one.
int ca_cancel(const StateOption& state, const std::string& hostname);
int ca_retire(const StateOption& state, const std::string& hostname);
int ca_list(const StateOption& state);
/// Certificates of an application to be revoked.
struct RevokeOptions {
  std::string app;
  std::vector<std::uint64_t> serials;
  std::string identity;  ///< an email or the name of a service token: all that they may still use
};
int ca_revoke(const StateOption& state, const RevokeOptions& options);
/// Writes the list for sshd's RevokedKeys, to standard output unless a file is named.
int ca_krl(const StateOption& state, const std::string& hostname, const std::string& output);
/// A host's key to be certified.
struct HostCertificateOptions {
  std::string app;
  std::string key_file;            ///< the .pub file, - for standard input
  std::vector<std::string> names;  ///< empty: that of the application
  std::string duration = "8760h";
};
int ca_sign_host(const StateOption& state, const HostCertificateOptions& options);
/// Prints the line for known_hosts.
int ca_known_hosts(const StateOption& state, const std::string& hostname);
/// The host keys that terminals in the browser have seen first.
int host_key_list(const StateOption& state, bool json);
int host_key_forget(const StateOption& state, const std::string& hostname);
/// Prints id and secret, once, as the two variables that cfpipe reads.
int service_token_create(const StateOption& state, const std::string& name, const std::string& duration);
int service_token_list(const StateOption& state, bool json);
int service_token_revoke(const StateOption& state, const std::string& name);
/// Prints a token by which one connector of that name enrols. `auth_domain`: in the place of the
/// configuration's; empty: that.
int connector_create(const StateOption& state, const std::string& name, const std::string& auth_domain);
int connector_list(const StateOption& state, bool json);
/// One connector, or all of a name.
int connector_revoke(const StateOption& state, const std::string& id_or_name);
/// A server's sshd that is to trust an application's CA, or no longer.
struct SshdSetupOptions {
  std::string app;
  std::string ca_keys;  ///< file with its public keys, - for standard input; empty: those of the state
  std::vector<std::string> edge_addresses;  ///< as given; empty: loopback, if the keys are those of the state
  SshdPlace place;
  bool no_reload = false;
  bool uninstall = false;
  bool dry_run = false;  ///< says what would be changed
};
int sshd_setup(const StateOption& state, const SshdSetupOptions& options);
/// Refuses that person's tokens issued up to now, and has a running edge end their tunnels.
int revoke_person(const StateOption& state, const std::string& email);
/// The same for one sign-in, by the name that the audit has for it.
int revoke_session(const StateOption& state, const std::string& session);
/// Which open tunnels; what is empty is any.
struct TunnelListOptions {
  std::string identity;
  std::string application;
  bool json = false;
};
/// Sign-ins that are good, newest first: of one person, or with an empty email of everybody.
int session_list(const StateOption& state, const std::string& email, bool json);
/// Tunnels and terminals that are open, of one identity and application or, where those are empty, of all.
int tunnel_list(const StateOption& state, const TunnelListOptions& options);
/// Has a running edge end one, and waits until it has.
int tunnel_end(const StateOption& state, std::int64_t id);
/// The applications of a configuration.
int application_list(const std::string& config_path, bool json);
/// Copies the state, keys and all, into a new file; the edge may be running.
int back_up(const StateOption& state, const std::string& path);
/// Which rows of the audit, all of which have to fit; what is empty is anything.
struct AuditOptions {
  std::string since;  ///< a time, or how long ago
  std::string until;  ///< rows before that
  std::string identity;
  std::string application;
  std::vector<std::string> kinds;  ///< any of them
  bool follow = false;             ///< prints new rows as they come, and does not end by itself
  bool json = false;
};
int show_audit(const StateOption& state, const AuditOptions& options);

/// What administrators do, in the name of the user who runs this command; at the system's time unless told
/// another.
Operations operations(Store& store, std::optional<std::int64_t> now = std::nullopt);

}  // namespace cfpipe::edge
