#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auth/ssh/key.h"
#include "base/error.h"
#include "base/secret.h"
#include "transport/dial/http_client.h"
#include "transport/dial/proxy_settings.h"
#include "transport/net/url.h"
#include "transport/websocket/stream.h"

namespace cfpipe::cli {

/// What --destination is sent as.
inline constexpr std::string_view kDestinationHeader = "Cf-Access-Jump-Destination";

enum class Command { ssh, ssh_gen, ssh_config, login, token, curl, logout, doctor, status, list };
enum class ConfigStyle { plain, agent, match, chain };
/// The word of --key-type for this kind of key; messages use it too. `rsa` is never made, and has one for
/// them.
std::string_view key_type_word(auth::KeyType type);
/// What ssh-config does with its text: prints it, puts it into ~/.ssh, takes it out again.
enum class Install { none, install, uninstall };

/// Where listener mode listens: a Unix-domain socket, or a TCP port (0: any that is free).
struct ListenAddress {
  std::string socket_path;  ///< absolute, or empty
  Host host;
  std::uint16_t port = 0;  ///< 0: any free one
};

/// Which protocol tunnels run over.
enum class Transport { automatic, h1, h2 };

/// How long each stage may take (users: "silent hang"); all of them together are less than the 120 s that
/// sshd gives a login.
struct Deadlines {
  std::chrono::milliseconds dns{5'000};
  std::chrono::milliseconds tcp{10'000};
  std::chrono::milliseconds proxy{10'000};
  std::chrono::milliseconds tls{10'000};
  std::chrono::milliseconds upgrade{15'000};
  std::chrono::milliseconds first_byte{0};  ///< 0: there is none
};

/// A whole command line, checked: every combination in here means something.
struct Options {
  Command command = Command::ssh;
  transport::Url url;  ///< what --hostname or the URL argument named
  std::string target;  ///< the same as it was given
  bool has_url =
      false;  ///< logout, list and ssh-config --uninstall work without; ssh-config shows an example
  transport::Headers headers;  ///< of --header and --destination
  bool names_destination = false;
  bool brings_token = false;  ///< a header authenticates: no login
  std::string service_token_id;
  Secret service_token_secret;
  std::string service_token_file;  ///< instead of the two, or empty
  std::optional<ListenAddress> listen;
  Transport transport = Transport::automatic;
  bool short_lived_cert = false;
  std::string agent;                      ///< path of the agent socket to serve, or empty
  bool forward_agent = false;             ///< serve also those whom that agent is forwarded to
  std::string key;                        ///< the user's own to certify, as --key has it, or empty
  std::optional<auth::KeyType> key_type;  ///< of a key that is made
  std::string user;                       ///< whom ssh logs in as, or empty
  std::chrono::milliseconds ping_interval = transport::WebSocketTimes{}.ping_every;
  ConfigStyle style = ConfigStyle::plain;
  Install install = Install::none;  ///< ssh-config
  bool quiet = false;               ///< login: print nothing
  bool bare_token = false;          ///< login: print nothing but the token
  bool auto_close = false;
  std::vector<std::string> curl_arguments;  ///< curl: the URL, over https, and all that follows it
  bool allow_request = false;               ///< curl: also without a token
  bool json = false;                        ///< doctor, status, list: as JSON
  bool key_in_memory = false;               ///< doctor: what that block starts serves an agent
  std::string block;  ///< doctor: the file whose block for the host says the rest, or empty
  std::string ca_file;
  std::optional<Authority> connect_to;
  std::string cert_file;                                  ///< PEM, or empty
  std::string key_file;                                   ///< PEM; empty: the key is in cert_file too
  std::shared_ptr<const transport::ProxySettings> proxy;  ///< null: none
  std::string proxy_flag;  ///< --proxy as it was given, `none` for none; empty: it was not
  Deadlines deadlines;
  std::string deadline_flags;  ///< those of the command line, each with a space in front
  std::string auth_domain;
  bool no_browser = false;
  bool resume = true;  ///< come back to a tunnel whose connection was lost, where the edge keeps it
  std::chrono::milliseconds login_timeout{0};  ///< 0: as long as usual
  bool fedramp = false;
  std::string log_file;
  std::string log_directory;
  std::string log_level;
};

/// Text that was asked for instead of a command: --help, --version.
struct AskedText {
  std::string text;
};

/// Looks up an environment variable; null if there is none.
using Environment = std::function<const char*(const char*)>;

}  // namespace cfpipe::cli
