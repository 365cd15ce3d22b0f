#include "cli/console/messages.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/stage_name.h"
#include "base/text.h"
#include "cli/console/close_codes.h"
#include "cli/console/logging.h"
#include "cli/console/times.h"
#include "cli/options/options.h"

namespace cfpipe::cli {

namespace {
/// Names of a certificate that a message has room for.
constexpr std::size_t kShownPrincipals = 4;
/// Longest reason in a warning, in bytes.
constexpr std::size_t kMaxWhyBytes = 300;
constexpr std::int64_t kMinute = 60;  // seconds
}  // namespace

// clang-format off
Words words_for(Cause cause) {
  switch (cause) {
    case Cause::bad_hostname: return {"this is not a hostname", "give it as vm.example.com, with a :port or a /path if it has one", kUsage};
    case Cause::bad_url: return {"this is not a URL that can be used", "give it as https://vm.example.com", kUsage};
    case Cause::bad_header: return {"this header cannot be sent", "give it as --header 'Name: value'", kUsage};
    case Cause::bad_option: return {"the command line is not understood", "see cfpipe --help", kUsage};
    case Cause::state_unreadable: return {"a file of the state directory cannot be read", "mend or remove it; CFPIPE_HOME names another directory", kConfiguration};
    case Cause::state_foreign_owner: return {"a file of the state directory is not safely yours", "look who made it and why, then remove it", kConfiguration};
    case Cause::state_writable_by_others: return {"a file of the state directory is not yours alone", "end that with chmod go-w; it comes of a umask like 002, and does not with 022", kConfiguration};
    case Cause::state_write_failed: return {"a file cannot be written", "check the permissions and the space left there; CFPIPE_HOME names another state directory", kConfiguration};
    case Cause::cannot_listen: return {"cannot listen there", "end what uses that address, or choose another one", kConfiguration};
    case Cause::file_unusable: return {"this file cannot be used", "it has to be a file of yours that other users can neither read nor write (chmod 600)", kConfiguration};
    case Cause::program_missing: return {"a program that is needed here cannot be run", "install it, or put it on PATH", kConfiguration};
    case Cause::proxy_unusable: return {"the proxy that the environment names cannot be used", "mend or unset that variable, name the host in NO_PROXY, or give --proxy none", kConfiguration};
    case Cause::name_not_found: return {"the name does not resolve", "check its spelling and this machine's DNS", kUnavailable};
    case Cause::lookup_failed: return {"the name could not be looked up, a temporary failure", "check that this machine has a network and reaches its DNS servers, and try again", kUnavailable};
    case Cause::refused: return {"the connection was refused", "check the port, and that a firewall lets it through", kUnavailable};
    case Cause::unreachable: return {"there is no way to the edge", "check this machine's network", kUnavailable};
    case Cause::timed_out: return {"no answer in time", "check the network, and try again", kUnavailable};
    case Cause::proxy_refused: return {"the proxy did not let the connection through", "check that it allows this host and port; NO_PROXY goes around it", kUnavailable};
    case Cause::proxy_login_needed: return {"the proxy wants a login, or another one", "give it as --proxy http://user:password@host:port", kRefused};
    case Cause::proxy_failed: return {"the proxy's answer makes no sense", "check its address, its port and its kind (http:// or socks5h://)", kProtocol};
    case Cause::tls_unknown_issuer: return {"the certificate's issuer is not trusted", "behind a private authority or an inspecting proxy name its certificate with --ca-file or SSL_CERT_FILE", kUnavailable};
    case Cause::tls_name_mismatch: return {"the certificate is for another name", "check the hostname, and who answers for it", kUnavailable};
    case Cause::tls_expired: return {"the certificate is not valid at this time", "check this machine's clock, then tell the edge's operator", kUnavailable};
    case Cause::tls_certificate_unfit: return {"the certificate breaks a rule", "tell the edge's operator, who has to replace it", kUnavailable};
    case Cause::tls_failed: return {"the TLS handshake failed", "something in between may not let TLS 1.2 and up through", kUnavailable};
    case Cause::client_certificate_wanted: return {"the edge wants a client certificate, or another one", "name it with --cert and --key-file", kRefused};
    case Cause::client_certificate_unusable: return {"the client certificate cannot be used", "--cert and --key-file take PEM files that belong together", kConfiguration};
    case Cause::http_malformed: return {"the answer is not HTTP", "check the hostname and the port", kProtocol};
    case Cause::http_too_large: return {"the answer is larger than any honest one", "check the hostname, and who answers for it", kProtocol};
    case Cause::closed_early: return {"the edge closed the connection before it had answered", "try again; if it stays so, look at the edge's status page", kUnavailable};
    case Cause::redirect_refused: return {"a redirect where there may be none", "check the auth domain, and tell its operator", kProtocol};
    case Cause::not_an_application: return {"no Access application answers there", "check the hostname, and that the application covers it", kConfiguration};
    case Cause::untrusted_auth_domain: return {"the application names an auth domain that is not trusted", "if it is yours, name it with --auth-domain", kConfiguration};
    case Cause::metadata_invalid: return {"what the application says about itself cannot be believed", "check this machine's clock and the hostname, and tell the edge's operator", kProtocol};
    case Cause::clock_wrong: return {"this machine's clock and the edge's disagree", "set this machine's clock", kConfiguration};
    case Cause::nobody_signs_in: return {"this application does not ask users to sign in", "use it without: cfpipe access ssh and curl do", kRefused};
    case Cause::login_failed: return {"the login did not succeed", "try again; if it stays so, ask the application's administrator", kRefused};
    case Cause::login_timed_out: return {"the login was not completed in time", "run it again and open the URL it prints", kRefused};
    case Cause::login_cancelled: return {"interrupted before it was done", "run it again when you are ready", kRefused};
    case Cause::browser_failed: return {"no browser could be opened", "open the URL yourself, on any machine", kRefused};
    case Cause::token_missing: return {"there is no token for this application", "run cfpipe login with its URL", kRefused};
    case Cause::token_invalid: return {"the token cannot be used", "run cfpipe logout, then try again", kRefused};
    case Cause::token_rejected: return {"the edge does not accept the token", "log in again; if it stays so, ask the application's administrator", kRefused};
    case Cause::service_token_rejected: return {"the service token was rejected", "check its id and secret; the application needs a Service Auth policy that includes it", kRefused};
    case Cause::sign_refused: return {"the edge did not sign the key", "ask the application's administrator whether short-lived certificates are set up for it", kRefused};
    case Cause::certificate_invalid: return {"the edge's certificate cannot be used", "tell the edge's operator", kProtocol};
    case Cause::key_unusable: return {"this key cannot be used", "take an ed25519, an ECDSA, or an RSA key of 2048 bits or more, on a security key or not", kConfiguration};
    case Cause::agent_unreachable: return {"your ssh-agent does not answer", "start it, or check SSH_AUTH_SOCK", kConfiguration};
    case Cause::agent_key_missing: return {"your ssh-agent has not just one such key", "name one by its fingerprint, as ssh-add -l shows it", kConfiguration};
    case Cause::principal_mismatch: return {"the certificate is for another user name", "log in under that name, or have the server's AuthorizedPrincipalsFile for your account list it", kRefused};
    case Cause::denied: return {"the edge refused access", "ask the application's administrator to allow you in its policy; to sign in as another user, run cfpipe logout first", kRefused};
    case Cause::destination_denied: return {"the edge refused access, or this destination", "leave --destination out, or ask the application's administrator to allow you and it", kRefused};
    case Cause::not_a_websocket: return {"a web page answered instead of a tunnel", "check the hostname, and that WebSockets are turned on for it", kProtocol};
    case Cause::upgrade_redirected: return {"the edge sends this request elsewhere", "check the hostname, that it is an Access application, and that WebSockets are turned on", kProtocol};
    case Cause::origin_down: return {"the edge cannot reach the origin", "check that the server and its connector are running", kUnavailable};
    case Cause::origin_silent: return {"the tunnel is open and the server behind it says nothing", "check that it is running and is what the application names", kUnavailable};
    case Cause::not_ssh: return {"what answers behind the tunnel is no SSH server", "check the application's service", kProtocol};
    case Cause::ssh_shuts_out: return {"the server's sshd takes no logins at present", "wait some minutes; its administrator can name the edge to it (cfpipe-edge sshd-setup --edge-address) or raise MaxStartups", kUnavailable};
    case Cause::too_many_requests: return {"the edge asks for fewer requests", "wait a minute, then try again", kUnavailable};
    case Cause::edge_unavailable: return {"the edge cannot serve this request now", "try again in a minute; if it stays so, tell the edge's operator", kUnavailable};
    case Cause::unexpected_status: return {"an answer that makes no sense here", "try again; if it stays so, show this line to the edge's operator", kProtocol};
    case Cause::bad_accept: return {"the upgrade was answered wrongly", "a proxy in between may not know WebSockets", kProtocol};
    case Cause::protocol_violation: return {"the edge broke the protocol", "try again; if it stays so, show this line to the edge's operator", kProtocol};
    case Cause::lost: return {"the connection was lost", "check the network, and connect again", kLost};
    case Cause::peer_silent: return {"the edge stopped answering", "check the network, and connect again", kLost};
    case Cause::resume_refused: return {"the edge cannot continue the session", "connect again", kLost};
    case Cause::resume_elsewhere: return {"another end than the one that keeps the session has answered", "connect again", kLost};
    case Cause::access_ended: return {"the edge ended the session", "connect again; if it refuses, ask the application's administrator", kRefused};
    case Cause::local_connection: return {"the local connection failed", "check the program that opened it, and the network to it", kLost};
    case Cause::local_io: return {"standard input or output failed", "check where they lead", kLost};
    case Cause::system_short: return {"this process has reached a limit of the system", "raise the limit (ulimit -a shows it), or end what uses it up", kConfiguration};
    case Cause::internal: return {"internal error", "run it again with --log-level debug, and show what it says to the maintainers", kInternal};
  }
  return {"something unknown went wrong", "show this line to the maintainers", kProtocol};
}

Words words_for(NotListed why) {
  switch (why) {
    case NotListed::not_signed_in: return {"you are not signed in at this edge", "run cfpipe list with the URL of one of its applications", kRefused};
    case NotListed::sign_in_expired: return {"your sign-in at this edge has expired", "run cfpipe list with the URL of one of its applications", kRefused};
    case NotListed::sign_in_rejected: return {"the edge no longer accepts your sign-in", "run cfpipe list with the URL of one of its applications", kRefused};
    case NotListed::no_list: return {"this edge lists no applications for programs", "open that page in a browser, which shows what you may reach", kUnavailable};
  }
  return words_for(Cause::internal);
}
// clang-format on

Words words_for(const Failure& failure) {
  const bool closed = failure.cause == Cause::lost && failure.close_code != 0;
  return closed ? words_for_close_code(failure.close_code) : words_for(failure.cause);
}

std::string what_text(const Failure& failure) {
  return what_text(failure, words_for(failure));
}

std::string what_text(const Failure& failure, const Words& words) {
  std::string text(words.what);
  if (!failure.detail.empty()) text += ": " + printable(failure.detail, 300);
  std::string facts;
  const auto add = [&facts](const std::string& fact) { facts += (facts.empty() ? "" : ", ") + fact; };
  if (failure.http_status != 0) add(fmt::format("status {}", failure.http_status));
  if (!failure.location_host.empty()) add("to " + printable(failure.location_host, 253));
  if (!failure.ray.empty()) add("ray " + printable(failure.ray, 64));
  if (!facts.empty()) text += " (" + facts + ")";
  return text;
}

namespace {

std::string line_of(const Failure& failure, const Words& words) {
  return fmt::format("cfpipe: {}: {}; {}", stage_name(failure.stage), what_text(failure, words), words.hint);
}

}  // namespace

std::string line_for(const Failure& failure) {
  return line_of(failure, words_for(failure));
}

int report(const Failure& failure) {
  return report(failure, words_for(failure));
}

int report(const Failure& failure, const Words& words) {
  const std::string line = line_of(failure, words);
  std::fprintf(stderr, "%s\n", line.c_str());
  log_report(std::string_view(line).substr(line.find(' ') + 1));
  return words.status;
}

void print(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
}

bool person_reads(Streams streams) {
  return ::isatty(STDERR_FILENO) == 1 && (streams == Streams::standard_error || ::isatty(STDOUT_FILENO) == 1);
}

namespace {

std::optional<Cause> cause_of(tunnel::End end) {
  switch (end) {
    case tunnel::End::open:
    case tunnel::End::clean:
      return std::nullopt;
    case tunnel::End::cut:
      return Cause::lost;
    case tunnel::End::silent:
      return Cause::peer_silent;
    case tunnel::End::protocol:
      return Cause::protocol_violation;
    case tunnel::End::local:
      return Cause::local_io;
    case tunnel::End::dismissed:
      return Cause::access_ended;
  }
  return std::nullopt;
}

/// Of a login.
std::string code_text(std::string_view code) {
  return code.empty() ? std::string() : fmt::format("; if the page shows a code, it must be {}", code);
}

}  // namespace

std::optional<Failure> failure_of(const tunnel::Outcome& outcome, NearEnd near) {
  auto cause = cause_of(outcome.far);
  const bool connection = near == NearEnd::connection;
  // A reader of our output may leave when it has had enough, and so may the program behind a connection. An
  // input that breaks off is a loss, whatever its error.
  const bool lost = outcome.near == tunnel::End::local || (outcome.near_broke_off && !connection);
  if (!cause && lost) cause = connection ? Cause::local_connection : Cause::local_io;
  if (!cause) return std::nullopt;
  Failure failure(Stage::tunnel, *cause, outcome.detail);
  failure.close_code = outcome.far_close_code;
  return failure;
}

std::string login_text(std::string_view url, std::string_view code, bool browser_is_opened) {
  return fmt::format("cfpipe: login: {}{}:\n{}\n",
                     browser_is_opened
                         ? "log in on the page that opens in your browser; if none does, open this"
                         : "open this in a browser, on any machine, and log in",
                     code_text(code), url);
}

std::string listening_text(std::string_view address, bool reachable_from_elsewhere) {
  std::string text = fmt::format("cfpipe: listening on {}\n", address);
  if (reachable_from_elsewhere) {
    text +=
        "cfpipe: listen: other machines can reach this address, and all that connect get in as "
        "you\n";
  }
  return text;
}

std::string logged_in_text(std::string_view who, std::int64_t until, std::int64_t now) {
  std::string text = "cfpipe: login: you are logged in";
  if (!who.empty()) text += " as " + printable(who, kMaxEmailBytes);
  if (until > now) {
    // What is good for 8 hours has lost its first seconds on the way here.
    const std::int64_t left = until - now;
    const std::int64_t rounded = left < kMinute ? left : (left + kMinute - 1) / kMinute * kMinute;
    text += " until " + short_local_time(until, now) + " (" + duration(rounded) + ")";
  }
  return text + "\n";
}

std::string logged_out_text(std::string_view host, bool any) {
  const std::string_view of = host.empty() ? "" : " of ";
  return any ? fmt::format("cfpipe: token: the cached tokens{}{} are removed\n", of, host)
             : fmt::format("cfpipe: token: there were no cached tokens{}{}\n", of, host);
}

std::string certificate_text(std::string_view file, std::string_view principals, std::string_view left) {
  return fmt::format("cfpipe: certificate: {} is for {}, good for {}\n", file, principals, left);
}

std::string browser_failed_text(std::string_view why, bool opened) {
  return opened ? fmt::format(
                      "cfpipe: login: the browser did not end well: {}; if you are not logged in yet, open "
                      "the URL above yourself\n",
                      why)
                : fmt::format("cfpipe: login: no browser could be opened: {}; open the URL above yourself\n",
                              why);
}

std::string waiting_text(std::string_view url, std::string_view code) {
  if (!url.empty())
    return fmt::format(
        "cfpipe: login: another process is logging in; if its page is not open yet, open this{}:\n{}\n",
        code_text(code), url);
  return "cfpipe: login: another process is logging in; waiting for it\n";
}

std::string no_token_text(std::string_view host) {
  return fmt::format("cfpipe: token: there is none for {}; the request goes without\n", host);
}

std::string installed_text(std::string_view file, std::string_view host, bool installed, bool ssh_reads_it) {
  std::string text = installed ? fmt::format("cfpipe: config: {} is set up for {}\n", file, host)
                               : fmt::format("cfpipe: config: {} is no longer set up for {}\n", file,
                                             host.empty() ? "any host" : host);
  if (installed && !ssh_reads_it) {
    text += "cfpipe: config: ssh reads the account's home directory, and that is not $HOME\n";
  }
  return text;
}

std::string principal_text(const std::vector<std::string>& principals, std::string_view user) {
  const auto first = printable(principals.empty() ? std::string_view() : principals.front(), 64);
  const auto asked = printable(user, 64);
  std::string names = first;
  for (std::size_t i = 1; i < principals.size() && i < kShownPrincipals; ++i)
    names += ", " + printable(principals[i], 64);
  if (principals.size() > kShownPrincipals) names += ", …";
  return fmt::format(
      "cfpipe: certificate: warning: it is for {0}, you asked for {1}; log in as {2}, or on the server put "
      "'AuthorizedPrincipalsFile /etc/ssh/principals/%u' into sshd_config and the line '{2}' into "
      "/etc/ssh/principals/{1}\n",
      names, asked, first);
}

std::string clock_text(std::int64_t offset) {
  return fmt::format(
      "cfpipe: certificate: warning: this machine's clock is {}; set it, e.g. with timedatectl set-ntp "
      "true\n",
      spoken_offset(offset));
}

std::string forwarding_refused_text() {
  return "cfpipe: certificate: warning: the agent was asked to sign where ssh -A has forwarded it, and did "
         "not; to let it, add --forward-agent to ssh-config\n";
}

std::string nothing_kept_text(std::string_view why) {
  return fmt::format(
      "cfpipe: state: warning: nothing is kept for the next start: {}; CFPIPE_HOME names another directory\n",
      printable(why, kMaxWhyBytes));
}

std::string unused_certificate_text(std::optional<auth::KeyType> made) {
  std::string other;
  if (made) {
    const auto unmade = *made == auth::KeyType::ed25519 ? auth::KeyType::ecdsa_p256 : auth::KeyType::ed25519;
    other = fmt::format(" ({}; --key-type {} makes the other)", key_type_word(*made), key_type_word(unmade));
  }
  return "cfpipe: certificate: warning: ssh was told of the certificate and did not use it; if the server "
         "did not let you in, either something tells ssh not to (IdentitiesOnly, PubkeyAcceptedAlgorithms, "
         "PreferredAuthentications: see ssh -v), or the server does not take it: its authority, its kind of "
         "key" +
         other + ", or its names\n";
}

std::string token_text(std::string_view host, std::string_view token) {
  return fmt::format("Your token for {}:\n\n{}\n\n", host, token);
}

}  // namespace cfpipe::cli
