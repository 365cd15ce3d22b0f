#include "cli/curl.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

#include "auth/discovery.h"
#include "auth/own_file.h"
#include "auth/token_cache.h"
#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/session.h"
#include "cli/verified_token.h"
#include "transport/shortage.h"
#include "transport/write_signals.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using auth::Fd;
using auth::Secret;
using transport::Cause;
using transport::Failure;
using transport::Stage;

constexpr const char* kProgram = "curl";
/// What a pipe takes without a reader (pipe(7)); a token is a header, and no server takes one as long as
/// this.
constexpr std::size_t kMaxConfigBytes = 60 * 1024;

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

/// What is in the cache, whoever may be there or not: no login, and no complaint.
net::awaitable<Secret> token_if_any(const Session& session) {
  const auto app = co_await auth::discover(session.access());
  if (!app) co_return Secret();
  auto cached = auth::cached_app_token(session.state(), *app, session.access().edge_now());
  co_return cached&&* cached ? std::move(**cached) : Secret();
}

/// A pipe that holds the text and has no writer any more.
Result<Fd> filled_pipe(std::string_view text) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return transport::system_failure(Stage::config, Cause::local_io, "a pipe for curl", errno);
  }
  Fd read_end(ends[0]);
  const Fd write_end(ends[1]);
  if (text.size() > kMaxConfigBytes ||
      ::write(write_end.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Failure(Stage::token, Cause::token_invalid, "longer than a header can be");
  }
  ::fcntl(read_end.get(), F_SETFL, 0);
  return read_end;
}

/// Turns this process into curl, which keeps our standard input and output and ends with a status of its own.
/// Returns only if that is not to be.
Failure become_curl(const std::vector<std::string>& arguments, const Fd& config) {
  std::vector<char*> argv;
  std::string name = kProgram;
  argv.push_back(name.data());
  std::vector<std::string> words = arguments;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // No socket of ours goes along, and nothing else but the pipe.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::fcntl(config.get(), F_SETFD, 0);
  transport::restore_write_signals();
  ::execvp(kProgram, argv.data());
  const int error = errno;
  transport::ignore_write_signals();
  return transport::system_failure(Stage::config, Cause::program_missing, kProgram, error);
}

}  // namespace

std::string curl_config(const Options& options, const Secret& token) {
  std::string text;
  if (!token.empty()) text += "header = " + in_quotes("cf-access-token: " + std::string(token.reveal()));
  if (!options.ca_file.empty()) text += "cacert = " + in_quotes(options.ca_file);
  text += network_config(options);
  if (!options.connect_to) return text;
  const transport::Url& url = options.url;
  const transport::Authority& to = *options.connect_to;
  return text + "connect-to = " +
         in_quotes(host_and_port(url.host, url.port) + ":" + host_and_port(to.host, to.port_or(url.port)));
}

std::vector<std::string> curl_arguments(const Options& options, int config_fd) {
  std::vector<std::string> out{options.curl_arguments.front(), "-K", "/dev/fd/" + std::to_string(config_fd)};
  out.insert(out.end(), options.curl_arguments.begin() + 1, options.curl_arguments.end());
  return out;
}

net::awaitable<int> run_curl(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  Secret token;
  // A service token needs nobody to log in: what is wrong with it is worth a word.
  if (options.allow_request && !(*session)->access().service_token.given()) {
    token = co_await token_if_any(**session);
    if (token.empty()) print(no_token_text(options.url.host.text()));
  } else {
    auto verified = co_await verified_token(**session);
    if (!verified) co_return report(verified.error());
    token = std::move(*verified);
  }
  const Secret config(curl_config(options, token));
  const auto pipe = filled_pipe(config.reveal());
  if (!pipe) co_return report(pipe.error());
  co_return report(become_curl(curl_arguments(options, pipe->get()), *pipe));
}

}  // namespace cfpipe::cli
