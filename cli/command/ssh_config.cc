#include <unistd.h>

#include <array>
#include <climits>
#include <string>

#include "auth/certificate/user_key.h"
#include "auth/state/state_dir.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/console/stdout.h"
#include "cli/options/parse_values.h"
#include "transport/tls/openssl_init.h"

namespace cfpipe::cli {
namespace {

using transport::Url;

/// In the text for no host.
constexpr const char* kExampleHost = "vm.example.com";

Failure no_ssh_config(std::string why) {
  return {Stage::input, Cause::bad_option, std::move(why)};
}

/// `%` starts a token of ssh's in every value here; doubled it is itself.
std::string percent_doubled(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '%' ? 2 : 1, c);
  return out;
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("/._-+:@%,=").find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

/// A token of ssh's as one word for the shell, whatever user or host it stands for. OpenSSH before 9.6 puts
/// in what is typed as it is.
constexpr std::string_view kHostWord = "'%h'";
constexpr std::string_view kUserWord = "'%r'";

/// A word for the shell that ssh runs commands in. ssh itself wants the quotes of a line balanced by its own
/// rules, under which a backslash escapes a quote even inside quotes: so a single quote is written as '"'"'
/// and never as '\''.
std::string quoted_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('"'"')";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string shell_word(std::string_view text) {
  return is_plain(text) ? std::string(text) : quoted_word(text);
}

/// A word inside `bash -c '…'`: double quotes, which the outer single ones leave alone. Host and user are $1
/// and $2 there.
std::string inner_word(std::string_view text) {
  return is_plain(text) ? std::string(text) : '"' + std::string(text) + '"';
}

/// Characters that have no spelling which both ssh and the shell take for themselves, in every place they are
/// needed.
bool can_be_written(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || std::string_view("'\"\\`$").find(c) != std::string_view::npos)
      return false;
  }
  return true;
}

class Writer {
 public:
  Writer(const Options& options, const Places& places)
      : options_(options), places_(places), url_(options.url), wildcard_(url_.host.is_pattern()) {}

  std::string plain() const { return "Host " + url_.host.text() + "\n" + proxy({}); }

  std::string agent(const AgentSocket& at) const {
    const std::string socket = percent_doubled(at.directory) + "/" + at.name;
    return "Host " + url_.host.text() + "\n" +
           proxy(" --short-lived-cert --agent " + quoted_word(socket) +
                 (options_.forward_agent ? " --forward-agent" : "") + key_flags(shell_word) + user_flag()) +
           kByCertificate + "  IdentitiesOnly no\n  IdentityFile none\n  IdentityAgent " +
           config_word(socket) + "\n";
  }

  std::string match() const {
    return "Match host " + url_.host.text() + " exec \"" +
           command(shell_word, "ssh-gen", target(std::string(kHostWord))) + key_flags(shell_word) + "\"\n" +
           proxy(key_flag(shell_word) + user_flag()) + kByCertificate + key_files("%h") +
           "  IdentitiesOnly yes\n";
  }

  std::string chain() const {
    const std::string host = url_.host.text();
    const std::string inner = wildcard_ ? "cfpipe-$1" : "cfpipe-" + host;
    std::string options;
    if (wildcard_) {
      options = " -o \"HostKeyAlias=$1\" -o IdentitiesOnly=yes -o \"IdentityFile=" + identity_file("$1") +
                "\" -o \"CertificateFile=" + certificate_file("$1") + "\"";
    }
    std::string text = "Host " + host + "\n  ProxyCommand bash -c '" +
                       command(inner_word, "ssh-gen", target("\"$1\"")) + key_flags(inner_word) +
                       "; ssh -tt" + options + " -- \"$2@" + inner + "\" >&2 <&1' cfpipe " +
                       std::string(kHostWord) + " " + std::string(kUserWord) + "\n" + kNoFdpass + kNoAlive +
                       "\nHost cfpipe-" + host + "\n";
    if (!wildcard_) text += "  HostName " + host + "\n";
    text += proxy(key_flag(shell_word) + user_flag()) + kByCertificate;
    if (!wildcard_) text += key_files(host) + "  IdentitiesOnly yes\n";
    return text;
  }

  bool strips_a_prefix() const { return wildcard_ && url_.host.text().starts_with("cfpipe-"); }

 private:
  using Quote = std::string (*)(std::string_view);

  static std::string config_word(const std::string& text) { return is_plain(text) ? text : '"' + text + '"'; }

  /// The host as the command line of this cfpipe has to name it, with the port and path that ssh knows
  /// nothing of.
  std::string target(const std::string& host) const {
    std::string out = host;
    if (url_.port != 443) out += ":" + std::to_string(url_.port);
    if (url_.path() != "/") out += percent_doubled(url_.path());
    return out;
  }

  std::string command(Quote quote, std::string_view name, const std::string& target) const {
    std::string out =
        quote(percent_doubled(places_.program)) + " access " + std::string(name) + " --hostname " + target;
    const auto add = [&](std::string_view flag, const std::string& value) {
      if (!value.empty()) out += " " + std::string(flag) + " " + quote(percent_doubled(value));
    };
    add("--ca-file", options_.ca_file);
    add("--auth-domain", options_.auth_domain);
    add("--connect-to", options_.connect_to ? options_.connect_to->text() : std::string());
    add("--service-token-file", options_.service_token_file);
    add("--proxy", options_.proxy_flag);
    add("--cert", options_.cert_file);
    add("--key-file", options_.key_file);
    out += options_.deadline_flags;
    if (options_.no_browser) out += " --no-browser";
    if (options_.fedramp) out += " --fedramp";
    return out;
  }

  std::string proxy(const std::string& more) const {
    return "  ProxyCommand " + command(shell_word, "ssh", target(std::string(kHostWord))) + more + "\n" +
           kNoFdpass + kNoAlive;
  }

  std::string key_flag(Quote quote) const {
    return options_.key.empty() ? std::string() : " --key " + quote(percent_doubled(options_.key));
  }
  /// For what makes a certificate; what only looks at it need not know of which kind.
  std::string key_flags(Quote quote) const {
    if (!options_.key_type) return key_flag(quote);
    return " --key-type " + std::string(key_type_word(*options_.key_type));
  }

  /// Names of files have the host and the path, but no port.
  std::string state_file(const std::string& host, std::string_view suffix) const {
    std::string name;
    if (url_.path() != "/") name = auth::StateDir::safe_name(url_.path());
    return percent_doubled(places_.state_dir) + "/" + host + percent_doubled(name) + std::string(suffix);
  }
  /// What ssh is told to log in with. Of a key in the user's agent that is the public half.
  std::string identity_file(const std::string& host) const {
    if (options_.key.empty()) return state_file(host, "-cf_key");
    if (options_.key.starts_with(auth::kAgentKeyPrefix)) return state_file(host, "-user_key.pub");
    return percent_doubled(auth::private_key_path(options_.key));
  }
  std::string certificate_file(const std::string& host) const {
    return state_file(host, options_.key.empty() ? "-cf_key-cert.pub" : "-user_key-cert.pub");
  }
  std::string key_files(const std::string& host) const {
    const auto line = [&](std::string_view keyword, const std::string& file) {
      return "  " + std::string(keyword) + " " + config_word(file) + "\n";
    };
    return line("IdentityFile", identity_file(host)) + line("CertificateFile", certificate_file(host));
  }

  /// ssh knows best whom it logs in as.
  static std::string user_flag() { return " --user=" + std::string(kUserWord); }

  /// What a block depends on it says itself: ssh takes the first value, and a `Host *` behind it may say
  /// otherwise. PubkeyAcceptedKeyTypes is what OpenSSH before 8.5 calls PubkeyAcceptedAlgorithms; `+` leaves
  /// the default list.
  static constexpr const char* kNoFdpass = "  ProxyUseFdpass no\n";
  /// Whether the way is there the tunnel finds out, which may come back; ssh would end before it has.
  static constexpr const char* kNoAlive = "  ServerAliveInterval 0\n";
  static constexpr const char* kByCertificate =
      "  PubkeyAuthentication yes\n"
      "  PreferredAuthentications publickey,keyboard-interactive,password\n"
      "  PubkeyAcceptedKeyTypes +ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n";
  const Options& options_;
  const Places& places_;
  const Url& url_;
  bool wildcard_;
};

std::string own_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "cfpipe";
}

std::string absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  std::array<char, PATH_MAX> here{};
  return ::getcwd(here.data(), here.size()) == nullptr ? path : std::string(here.data()) + "/" + path;
}

}  // namespace

Result<std::string> ssh_config_text(const Options& options, const Places& places) {
  for (const auto* text :
       {&options.ca_file, &options.auth_domain, &options.service_token_file, &options.proxy_flag,
        &options.cert_file, &options.key_file, &options.key, &options.url.target, &places.program,
        &places.state_dir, &places.sockets.runtime_dir}) {
    if (!can_be_written(*text)) {
      return no_ssh_config(printable(*text) + " holds a character that ssh_config has no spelling for");
    }
  }
  if (options.url.target.find('?') != std::string::npos) {
    return no_ssh_config(
        "a '?' has no place in ssh_config here; for several hosts write *, as in *.example.com");
  }
  if (!is_plain(options.url.path())) {
    return no_ssh_config("a path like this has no place in ssh_config");
  }
  const Writer writer(options, places);
  if (writer.strips_a_prefix() &&
      (options.style == ConfigStyle::match || options.style == ConfigStyle::chain)) {
    return no_ssh_config("key file names have no cfpipe- in front: for this pattern take --style agent");
  }
  switch (options.style) {
    case ConfigStyle::plain:
      return writer.plain();
    case ConfigStyle::agent:
      if (const auto socket = agent_socket(places.sockets, options.url.host)) return writer.agent(*socket);
      return no_ssh_config(
          "no room for the agent's socket in " + printable(places.state_dir) +
          ", and no XDG_RUNTIME_DIR that has: set CFPIPE_HOME to a shorter path of a file system "
          "that holds sockets, or take --style match");
    case ConfigStyle::match:
      return writer.match();
    case ConfigStyle::chain:
      return writer.chain();
  }
  return no_ssh_config("no such style");
}

int run_ssh_config(const Options& options) {
  transport::start_openssl_lean();  // for the random names of temporary files
  if (options.install == Install::uninstall) return install_ssh_config(options, {});
  auto state = auth::StateDir::open();
  if (!state) return report(state.error());
  Options found;
  found.url = options.has_url ? options.url : *parse_hostname(kExampleHost);
  found.style = options.style;
  found.ca_file = absolute(options.ca_file);
  found.auth_domain = options.auth_domain;
  found.connect_to = options.connect_to;
  found.service_token_file = absolute(options.service_token_file);
  found.proxy_flag = options.proxy_flag;
  found.deadline_flags = options.deadline_flags;
  found.cert_file = absolute(options.cert_file);
  found.key_file = absolute(options.key_file);
  found.no_browser = options.no_browser;
  found.fedramp = options.fedramp;
  found.key_type = options.key_type;
  found.forward_agent = options.forward_agent;
  const bool in_agent = options.key.starts_with(auth::kAgentKeyPrefix);
  found.key = in_agent ? options.key : absolute(options.key);
  Places places{own_path(), absolute(state->path())};
  if (options.style == ConfigStyle::agent) places.sockets = SocketPlaces::look(places.state_dir);
  auto text = ssh_config_text(found, places);
  if (!text) return report(text.error());
  if (!options.has_url)
    text->insert(0, std::string("# For the hostname of yours in place of ") + kExampleHost + ":\n");
  if (options.install == Install::install) return install_ssh_config(options, *text);
  const auto written = write_output(*text);
  return written ? kOk : report(written.error());
}

}  // namespace cfpipe::cli
