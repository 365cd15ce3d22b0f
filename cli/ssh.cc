#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>

#include "auth/agent_server.h"
#include "auth/certificate.h"
#include "auth/discovery.h"
#include "auth/login.h"
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
};

/// An open tunnel, and the certificate to go with it if one was wanted.
struct Opened {
  StreamPtr stream;
  IdentityPtr identity;
};

net::awaitable<Result<Credentials>> get_credentials(const Session& session, const Options& options) {
  Credentials credentials;
  if (session.access().service_token.given() && !options.short_lived_cert) co_return credentials;
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
  co_return Opened{std::move(**stream), std::move(**identity)};
}

/// Credentials and tunnel; once more with a new token if the edge did not take the first.
net::awaitable<Result<Opened>> open_tunnel(Session& session, const Options& options) {
  for (bool again = true;; again = false) {
    auto credentials = co_await get_credentials(session, options);
    if (!credentials) co_return credentials.error();
    auto opened = co_await open_with(session, options, *credentials);
    if (opened || !again || !credentials->token || !auth::token_was_refused(opened.error())) co_return opened;
    spdlog::info("{}: the token was not accepted, logging in again", options.url.host);
    auto dropped = auth::drop_app_token(session.access(), *credentials->app, *credentials->token);
    if (!dropped) co_return dropped.error();
  }
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
  const auto outcome = co_await relay.run();
  const bool asked_to_stop = interrupts.raised();
  interrupts.divert({});

  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  const auto failure = failure_of(outcome);
  co_return failure && !asked_to_stop ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
