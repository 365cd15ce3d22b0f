#include "cli/tunnel_opener.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "auth/agent_server.h"
#include "auth/certificate.h"
#include "auth/clock.h"
#include "auth/discovery.h"
#include "auth/known_application.h"
#include "auth/login.h"
#include "auth/token_cache.h"
#include "cli/identity.h"
#include "cli/messages.h"
#include "cli/principal.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;
using transport::Cause;
using transport::Failure;

using StreamPtr = std::unique_ptr<tunnel::Stream>;
using IdentityPtr = std::shared_ptr<const Identity>;

/// On whose behalf. Neither, with a service token and no certificate to make: then the headers are all it
/// takes. No token either where nobody has to log in, as it seems.
struct Credentials {
  std::optional<auth::Application> app;
  std::optional<auth::Secret> token;
  std::optional<Failure> unless_open;  ///< what is wrong if the tunnel does not open without a token
  bool check_later = false;            ///< the application was known and is due for another look
};
using CredentialsPtr = std::shared_ptr<const Credentials>;

/// One search for credentials, and those who wait for what it finds.
struct Search {
  Search(const net::any_io_executor& executor, bool believes)
      : believes_known(believes), over(executor, net::steady_timer::time_point::max()) {}
  bool believes_known;
  std::optional<Result<CredentialsPtr>> found;  ///< empty when over: it was cancelled
  net::steady_timer over;
};

/// Does something when the scope is left, also by a coroutine that is cancelled.
template <class F>
class AtEnd {
 public:
  explicit AtEnd(F f) : f_(std::move(f)) {}
  ~AtEnd() { f_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  F f_;
};

/// All from the state directory: nothing is asked before the dial. Nothing if something is missing.
Result<std::optional<Credentials>> known_credentials(const Session& session) {
  const auto& access = session.access();
  auto known = auth::known_application(access);
  if (!known || access.service_token.given()) return std::optional<Credentials>();
  auto token = auth::cached_app_token(session.state(), known->app, auth::unix_now(), auth::IfUnusable::keep);
  if (!token) return token.error();
  if (!*token) return std::optional<Credentials>();
  Credentials credentials;
  credentials.check_later = known->age >= auth::kKnownFresh;
  credentials.app = std::move(known->app);
  credentials.token = std::move(*token);
  return std::optional<Credentials>(std::move(credentials));
}

/// Asks the application. Where that asked for no login (Bypass), or is none of Access, which has the same
/// look from here, the tunnel is tried without one, unless there is a certificate to make: somebody has to be
/// known for that.
net::awaitable<Result<std::optional<Credentials>>> open_credentials(const Session& session,
                                                                    std::optional<auth::Application>& app) {
  auto found = co_await auth::find_application(session.access());
  Credentials credentials;
  if (!found) {
    if (found.error().cause != Cause::not_an_application) co_return found.error();
    credentials.unless_open = found.error();
  } else if (!found->open) {
    app = std::move(found->app);
    co_return std::optional<Credentials>();
  }
  spdlog::info("nobody is asked to log in; trying without a token");
  co_return std::optional<Credentials>(std::move(credentials));
}

/// Asks the application what it is, or who has to be known there: nobody, or then `app` is filled.
net::awaitable<Result<std::optional<Credentials>>> ask(const Session& session, bool may_be_open,
                                                       std::optional<auth::Application>& app) {
  if (may_be_open) co_return co_await open_credentials(session, app);
  auto found = co_await auth::discover(session.access());
  if (!found) co_return found.error();
  app = std::move(*found);
  co_return std::optional<Credentials>();
}

/// Dials the auth domain that an org token waits for: a token will be asked of it next.
net::awaitable<void> dial_ahead(const Session& session) {
  const auto& access = session.access();
  const auto known = auth::known_application(access);
  if (!known || access.service_token.given()) co_return;
  const auto org_token = auth::cached_org_token(session.state(), known->app.auth_domain, auth::unix_now(),
                                                auth::IfUnusable::keep);
  if (!org_token || !*org_token) co_return;
  const auto url = transport::parse_url(known->app.auth_domain);
  if (url) co_await access.http(*url).dial_ahead(*url);
}

/// ask(), and dial_ahead() meanwhile.
net::awaitable<Result<std::optional<Credentials>>> ask_and_dial_ahead(const Session& session,
                                                                      bool may_be_open,
                                                                      std::optional<auth::Application>& app) {
  std::optional<Result<std::optional<Credentials>>> open;
  const auto ask_into = [](const Session& s, bool may, auto& application, auto& out) -> net::awaitable<void> {
    out = co_await ask(s, may, application);
  };
  auto asking = ask_into(session, may_be_open, app, open);
  auto dialling = dial_ahead(session);
  auto both = std::move(asking) && std::move(dialling);
  co_await std::move(both);
  co_return std::move(*open);
}

net::awaitable<Result<CredentialsPtr>> find_credentials(const Session& session, const Options& options,
                                                        bool believe_known) {
  Credentials credentials;
  const bool headers_suffice =
      (session.access().service_token.given() || options.brings_token) && !options.short_lived_cert;
  if (headers_suffice) co_return std::make_shared<const Credentials>();
  if (believe_known) {
    auto known = known_credentials(session);
    if (!known) co_return known.error();
    if (*known) co_return std::make_shared<const Credentials>(std::move(**known));
  }
  std::optional<auth::Application> app;
  auto open = co_await ask_and_dial_ahead(session, believe_known && !options.short_lived_cert, app);
  if (!open) co_return open.error();
  if (*open) co_return std::make_shared<const Credentials>(std::move(**open));
  auto token = co_await auth::obtain_app_token(session.access(), *app);
  if (!token) co_return token.error();
  credentials.app = std::move(*app);
  credentials.token = std::move(*token);
  co_return std::make_shared<const Credentials>(std::move(credentials));
}

/// One tunnel is best off with a connection of its own; many share one where the edge can.
transport::TunnelProtocol protocol_for(const Options& options) {
  const bool many = options.listen && options.transport == Transport::automatic;
  return many ? transport::TunnelProtocol::http2 : transport::TunnelProtocol::http1;
}

/// Never ends by itself.
net::awaitable<void> check_application(const Session& session) {
  co_await auth::check_known_application(session.access());
  net::steady_timer forever(co_await net::this_coro::executor, net::steady_timer::time_point::max());
  co_await forever.async_wait(net::as_tuple(net::use_awaitable));
}

}  // namespace

struct TunnelOpener::Impl {
  Impl(net::any_io_executor e, Session& s, const Options& o)
      : executor(std::move(e)), session(s), options(o), source(s.app_http(), protocol_for(o)) {}

  net::awaitable<Result<CredentialsPtr>> credentials(bool believe_known);
  net::awaitable<Result<CredentialsPtr>> search(bool believe_known);
  net::awaitable<void> dial(const Credentials& credentials, std::optional<Result<StreamPtr>>& out);
  net::awaitable<void> certify(const Credentials& credentials, std::optional<Result<void>>& out);
  net::awaitable<Result<StreamPtr>> open_with(const Credentials& credentials);

  net::any_io_executor executor;
  Session& session;
  const Options& options;
  transport::TunnelSource source;
  std::unique_ptr<auth::AgentServer> agent;
  IdentityPtr identity;  ///< the last that was made
  bool warned_of_principal = false;
  std::shared_ptr<Search> search_in_progress;
  bool check_due = false;
  bool checking = false;
};

net::awaitable<Result<CredentialsPtr>> TunnelOpener::Impl::search(bool believe_known) {
  const auto mine = std::make_shared<Search>(executor, believe_known);
  search_in_progress = mine;
  const AtEnd let_the_others_go([this, &mine] {
    search_in_progress.reset();
    mine->over.cancel();
  });
  mine->found = co_await find_credentials(session, options, believe_known);
  co_return *mine->found;
}

/// Of those who come while the same is being searched for, all get what is found: one login, one refusal.
net::awaitable<Result<CredentialsPtr>> TunnelOpener::Impl::credentials(bool believe_known) {
  while (const auto other = search_in_progress) {
    co_await other->over.async_wait(net::as_tuple(net::use_awaitable));
    if (other->believes_known == believe_known && other->found) co_return *other->found;
  }
  co_return co_await search(believe_known);
}

net::awaitable<void> TunnelOpener::Impl::dial(const Credentials& credentials,
                                              std::optional<Result<StreamPtr>>& out) {
  transport::WebSocketRequest request(options.url);
  request.headers = options.headers;
  request.deadline = options.deadlines.upgrade;
  request.times = transport::WebSocketTimes::pinging_every(options.ping_interval);
  const auto& service_token = session.access().service_token;
  service_token.add_to(request.headers);
  if (credentials.token && !service_token.given() && !options.brings_token) {
    request.headers.emplace_back("Cf-Access-Token", std::string(credentials.token->reveal()));
  }
  out = co_await source.open(request);
  if (*out) co_return;
  Failure failure = out->error();
  const bool turned_away = failure.cause == Cause::token_rejected || failure.cause == Cause::denied;
  if (turned_away && service_token.given()) {
    failure.cause = Cause::service_token_rejected;
  } else if (failure.cause == Cause::denied && options.names_destination) {
    failure.cause = Cause::destination_denied;
  }
  out = failure;
}

net::awaitable<void> TunnelOpener::Impl::certify(const Credentials& credentials,
                                                 std::optional<Result<void>>& out) {
  out = Result<void>();
  if (!options.short_lived_cert || (identity && good_for_a_while(*identity))) co_return;
  auto made = co_await make_identity(session, options, *credentials.token);
  if (made) {
    identity = std::move(*made);
    if (!warned_of_principal) warned_of_principal = warn_of_principal(*identity->certificate, options);
  } else {
    out = made.error();
  }
}

net::awaitable<Result<StreamPtr>> TunnelOpener::Impl::open_with(const Credentials& credentials) {
  std::optional<Result<StreamPtr>> stream;
  std::optional<Result<void>> certified;
  auto dialling = dial(credentials, stream);
  auto certifying = certify(credentials, certified);
  auto both = std::move(dialling) && std::move(certifying);
  co_await std::move(both);
  if (!*stream) co_return stream->error();
  if (!*certified) co_return certified->error();
  if (agent && identity) offer(*agent, *identity);
  check_due = credentials.check_later;
  co_return std::move(**stream);
}

TunnelOpener::TunnelOpener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TunnelOpener::~TunnelOpener() = default;

Result<std::unique_ptr<TunnelOpener>> TunnelOpener::make(net::any_io_executor executor, Session& session,
                                                         const Options& options) {
  auto impl = std::make_unique<Impl>(executor, session, options);
  if (!options.agent.empty()) {
    auth::AgentServerOptions agent_options(options.agent);
    agent_options.allow_forwarding = options.forward_agent;
    agent_options.refused_forwarding = [] { print(forwarding_refused_text()); };
    auto serving = auth::AgentServer::open(executor, agent_options);
    if (!serving) return serving.error();
    impl->agent = std::move(*serving);
  }
  return std::unique_ptr<TunnelOpener>(new TunnelOpener(std::move(impl)));
}

net::awaitable<Result<StreamPtr>> TunnelOpener::open() {
  for (bool again = true;; again = false) {
    const auto found = co_await impl_->credentials(again);
    if (!found) co_return found.error();
    const auto& credentials = **found;
    auto opened = co_await impl_->open_with(credentials);
    if (opened) co_return opened;
    if (credentials.unless_open) co_return *credentials.unless_open;
    if (!again || !auth::token_was_refused(opened.error())) co_return opened;
    if (!credentials.token) continue;  // somebody has to log in after all
    spdlog::info("{}: the token was not accepted, logging in again", impl_->options.url.host);
    const auto dropped = auth::drop_app_token(impl_->session.access(), *credentials.app, *credentials.token);
    if (!dropped) co_return dropped.error();
  }
}

net::awaitable<tunnel::Outcome> TunnelOpener::carry(tunnel::Relay& relay) {
  if (!impl_->check_due || impl_->checking) co_return co_await relay.run();
  impl_->checking = true;
  const AtEnd let_another_check([this] { impl_->checking = false; });
  auto pumping = relay.run();
  auto checking = check_application(impl_->session);
  auto either = std::move(pumping) || std::move(checking);
  auto first = co_await std::move(either);
  co_return std::get<tunnel::Outcome>(std::move(first));
}

}  // namespace cfpipe::cli
