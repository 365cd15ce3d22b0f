#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "auth/agent_server.h"
#include "auth/certificate.h"
#include "auth/clock.h"
#include "auth/discovery.h"
#include "auth/known_application.h"
#include "auth/login.h"
#include "auth/token_cache.h"
#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/session.h"
#include "transport/websocket_client.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;
using auth::KeyAndCertificate;
using transport::Cause;
using transport::Failure;
using transport::Stage;

using StreamPtr = std::unique_ptr<tunnel::Stream>;
using IdentityPtr = std::shared_ptr<const KeyAndCertificate>;

/// On whose behalf. Neither, with a service token and no certificate to make: then the headers are all it
/// takes.
struct Credentials {
  std::optional<auth::Application> app;
  std::optional<auth::Secret> token;
  bool check_later = false;  ///< the application was known and is due for another look
};

/// An open tunnel, and the certificate to go with it if one was wanted.
struct Opened {
  StreamPtr stream;
  IdentityPtr identity;
  bool check_later = false;
};

/// All from the state directory: nothing is asked before the dial. Nothing if something is missing.
Result<std::optional<Credentials>> known_credentials(const Session& session) {
  const auto& access = session.access();
  auto known = auth::known_application(access);
  if (!known || access.service_token.given()) return std::optional<Credentials>();
  auto token = auth::cached_app_token(session.state(), known->app, auth::unix_now());
  if (!token) return token.error();
  if (!*token) return std::optional<Credentials>();
  Credentials credentials;
  credentials.check_later = known->age >= auth::kKnownFresh;
  credentials.app = std::move(known->app);
  credentials.token = std::move(*token);
  return std::optional<Credentials>(std::move(credentials));
}

net::awaitable<Result<Credentials>> get_credentials(const Session& session, const Options& options,
                                                    bool believe_known) {
  Credentials credentials;
  if (session.access().service_token.given() && !options.short_lived_cert) co_return credentials;
  if (believe_known) {
    auto known = known_credentials(session);
    if (!known) co_return known.error();
    if (*known) co_return std::move(**known);
  }
  auto app = co_await auth::discover(session.access());
  if (!app) co_return app.error();
  auto token = co_await auth::obtain_app_token(session.access(), *app);
  if (!token) co_return token.error();
  credentials.app = std::move(*app);
  credentials.token = std::move(*token);
  co_return credentials;
}

net::awaitable<void> dial(Session& session, const Options& options, const Credentials& credentials,
                          std::optional<Result<StreamPtr>>& out) {
  transport::WebSocketRequest request(options.url);
  request.headers = options.headers;
  const auto& service_token = session.access().service_token;
  service_token.add_to(request.headers);
  if (!service_token.given()) {
    request.headers.emplace_back("Cf-Access-Token", std::string(credentials.token->reveal()));
  }
  out = co_await transport::open_websocket(session.app_http(), request);
  if (!*out && out->error().cause == Cause::token_rejected && service_token.given()) {
    Failure failure = out->error();
    failure.cause = Cause::service_token_rejected;
    out = failure;
  }
}

net::awaitable<Result<IdentityPtr>> make_identity(const Session& session, const Options& options,
                                                  const auth::Secret& token) {
  if (options.agent.empty()) {
    const auth::KeyFiles files(session.state(), options.url.host, key_path(options.url));
    auto pair = co_await auth::renew_key_files(session.access(), files, token);
    if (!pair) co_return pair.error();
    co_return std::make_shared<const KeyAndCertificate>(std::move(*pair));
  }
  auto key = auth::SshKey::generate(auth::KeyType::ecdsa_p256);
  auto certificate = co_await auth::sign_key(session.access(), token, key);
  if (!certificate) co_return certificate.error();
  KeyAndCertificate pair{std::move(key), std::move(*certificate)};
  co_return std::make_shared<const KeyAndCertificate>(std::move(pair));
}

net::awaitable<void> certify(const Session& session, const Options& options, const Credentials& credentials,
                             std::optional<Result<IdentityPtr>>& out) {
  if (!options.short_lived_cert) {
    out = IdentityPtr();
  } else {
    out = co_await make_identity(session, options, *credentials.token);
  }
}

/// Dials and has the key signed at the same time.
net::awaitable<Result<Opened>> open_with(Session& session, const Options& options,
                                         const Credentials& credentials) {
  std::optional<Result<StreamPtr>> stream;
  std::optional<Result<IdentityPtr>> identity;
  auto dialling = dial(session, options, credentials, stream);
  auto certifying = certify(session, options, credentials, identity);
  auto both = std::move(dialling) && std::move(certifying);
  co_await std::move(both);
  if (!*stream) co_return stream->error();
  if (!*identity) co_return identity->error();
  co_return Opened{std::move(**stream), std::move(**identity), credentials.check_later};
}

/// Credentials and tunnel; once more with a new token if the edge did not take the first.
net::awaitable<Result<Opened>> open_tunnel(Session& session, const Options& options) {
  for (bool again = true;; again = false) {
    auto credentials = co_await get_credentials(session, options, again);
    if (!credentials) co_return credentials.error();
    auto opened = co_await open_with(session, options, *credentials);
    if (opened || !again || !credentials->token || !auth::token_was_refused(opened.error())) co_return opened;
    spdlog::info("{}: the token was not accepted, logging in again", options.url.host);
    auto dropped = auth::drop_app_token(session.access(), *credentials->app, *credentials->token);
    if (!dropped) co_return dropped.error();
  }
}

/// Never ends by itself.
net::awaitable<void> check_application(const Session& session) {
  co_await auth::check_known_application(session.access());
  net::steady_timer forever(co_await net::this_coro::executor, net::steady_timer::time_point::max());
  co_await forever.async_wait(net::as_tuple(net::use_awaitable));
}

/// Pumps until the tunnel ends; what was believed about the application is looked at meanwhile if that is
/// due.
net::awaitable<tunnel::Outcome> run_relay(tunnel::Relay& relay, const Session& session, bool check) {
  if (!check) co_return co_await relay.run();
  auto pumping = relay.run();
  auto checking = check_application(session);
  auto either = std::move(pumping) || std::move(checking);
  auto first = co_await std::move(either);
  co_return std::get<tunnel::Outcome>(std::move(first));
}

/// Any of the standard descriptors that is closed becomes /dev/null, so that no socket of ours gets its
/// number.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);
  }
}

}  // namespace

net::awaitable<int> run_ssh(Options options, Interrupts& interrupts) {
  fill_standard_descriptors();
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());

  // The agent's socket is there before the tunnel is: ssh asks it only after bytes of ours have reached it.
  std::unique_ptr<auth::AgentServer> agent;
  if (!options.agent.empty()) {
    const auth::AgentServerOptions agent_options(options.agent);
    auto serving = auth::AgentServer::open(executor, agent_options);
    if (!serving) co_return report(serving.error());
    agent = std::move(*serving);
  }

  auto opened = co_await open_tunnel(**session, options);
  if (!opened) co_return report(opened.error());
  if (agent) agent->offer(opened->identity);
  spdlog::info("tunnel to {} is open", options.url.host);

  auto terminal = tunnel::make_fd_stream(executor, STDIN_FILENO, STDOUT_FILENO, false);
  tunnel::Relay relay(executor, *terminal, *opened->stream);
  interrupts.divert([&relay] { relay.stop(); });
  auto running = run_relay(relay, **session, opened->check_later);
  const auto outcome = co_await std::move(running);
  const bool asked_to_stop = interrupts.raised();
  interrupts.divert({});

  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  const auto failure = failure_of(outcome);
  co_return failure && !asked_to_stop ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
