#include "cli/command/curl.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

#include "auth/discovery/discovery.h"
#include "auth/login/token_cache.h"
#include "base/platform/own_file.h"
#include "base/platform/write_signals.h"
#include "base/shortage.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/session/session.h"
#include "cli/session/verified_token.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

constexpr const char* kProgram = "curl";
constexpr const char* kTokenCookie = "CF_Authorization";

/// A value in curl's configuration language.
std::string in_quotes(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"\n";
}

/// What the options say; of a proxy in the environment curl knows by itself.
std::string network_config(const Options& options) {
  std::string text;
  if (options.proxy_flag == "none") text += "noproxy = \"*\"\n";
  if (options.proxy && options.proxy->this_machine_too) {
    const auto& proxy = options.proxy->proxy;
    text += "proxy = " + in_quotes(proxy.shown());
    if (proxy.has_login())
      text += "proxy-user = " + in_quotes(proxy.user + ":" + std::string(proxy.password.reveal()));
    if (!options.ca_file.empty()) text += "proxy-cacert = " + in_quotes(options.ca_file);
  }
  if (!options.cert_file.empty()) text += "cert = " + in_quotes(options.cert_file);
  if (!options.key_file.empty()) text += "key = " + in_quotes(options.key_file);
  return text;
}

/// The token in the cache, or empty: no login and no message.
net::awaitable<Secret> token_if_any(const Session& session) {
  const auto app = co_await auth::discover(session.access());
  if (!app) co_return Secret();
  auto cached = auth::cached_app_token(session.state(), *app, session.access().edge_now());
  co_return cached&&* cached ? std::move(**cached) : Secret();
}

/// A file without a name, in memory alone, that is read from its start each time that it is opened.
Result<Fd> unnamed_file(std::string_view text) {
  Fd file(::memfd_create("curl", MFD_CLOEXEC));
  ssize_t written = 0;
  for (; file && !text.empty() && written >= 0; text.remove_prefix(static_cast<std::size_t>(written)))
    written = ::write(file.get(), text.data(), text.size());
  if (file && written >= 0) return file;
  return system_failure(Stage::config, Cause::local_io, "a file in memory for curl", errno);
}

std::string path_of(const Fd& file) {
  return "/dev/fd/" + std::to_string(file.get());
}

/// Turns this process into curl, which keeps our standard input and output and ends with a status of its own.
/// Returns only if that is not to be.
Failure become_curl(const std::vector<std::string>& arguments, const std::vector<Fd>& files) {
  std::vector<char*> argv;
  std::string name = kProgram;
  argv.push_back(name.data());
  std::vector<std::string> words = arguments;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // No socket of ours goes along, and nothing else but these files.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const Fd& file : files) ::fcntl(file.get(), F_SETFD, 0);
  restore_write_signals();
  ::execvp(kProgram, argv.data());
  const int error = errno;
  ignore_write_signals();
  return system_failure(Stage::config, Cause::program_missing, kProgram, error);
}

}  // namespace

std::string curl_cookies(const Options& options, const Secret& token) {
  if (token.empty()) return {};
  // https://curl.se/docs/http-cookies.html: host, its subdomains too?, path, over TLS alone?, end (0: none).
  std::string text = "#HttpOnly_" + options.url.host.text() + "\tFALSE\t/\tTRUE\t0\t";
  return text + kTokenCookie + "\t" + std::string(token.reveal()) + "\n";
}

std::string curl_config(const Options& options, const std::string& cookie_path) {
  std::string text;
  if (!cookie_path.empty()) text += "cookie = " + in_quotes(cookie_path);
  if (!options.ca_file.empty()) text += "cacert = " + in_quotes(options.ca_file);
  text += network_config(options);
  if (!options.connect_to) return text;
  const transport::Url& url = options.url;
  const Authority& to = *options.connect_to;
  return text + "connect-to = " +
         in_quotes(host_and_port(url.host, url.port) + ":" + host_and_port(to.host, to.port_or(url.port)));
}

std::vector<std::string> curl_arguments(const Options& options, const std::string& config_path) {
  std::vector<std::string> out{options.curl_arguments.front(), "-K", config_path};
  out.insert(out.end(), options.curl_arguments.begin() + 1, options.curl_arguments.end());
  return out;
}

net::awaitable<int> run_curl(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  Secret token;
  // A service token needs no login: report what is wrong with it.
  if (options.allow_request && !(*session)->access().service_token.given()) {
    token = co_await token_if_any(**session);
    if (token.empty()) print(no_token_text(options.url.host.text()));
  } else {
    auto verified = co_await verified_token(**session);
    if (!verified) co_return report(verified.error());
    token = std::move(*verified);
  }
  std::vector<Fd> files;
  std::string cookie_path;
  if (const Secret cookies(curl_cookies(options, token)); !cookies.empty()) {
    auto file = unnamed_file(cookies.reveal());
    if (!file) co_return report(file.error());
    cookie_path = path_of(*file);
    files.push_back(std::move(*file));
  }
  const Secret config(curl_config(options, cookie_path));  // a proxy's password may be in it
  auto file = unnamed_file(config.reveal());
  if (!file) co_return report(file.error());
  const std::string config_path = path_of(*file);
  files.push_back(std::move(*file));
  co_return report(become_curl(curl_arguments(options, config_path), files));
}

}  // namespace cfpipe::cli
