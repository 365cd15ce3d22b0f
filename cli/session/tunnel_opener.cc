#include "cli/session/tunnel_opener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "auth/agent/server.h"
#include "auth/certificate/signing.h"
#include "auth/discovery/application_cache.h"
#include "auth/discovery/discovery.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "cli/console/messages.h"
#include "cli/session/credentials.h"
#include "cli/session/identity.h"
#include "cli/session/principal_warning.h"
#include "cli/session/resumable_tunnels.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;

/// Longest destination in a line of the log, in bytes.
constexpr std::size_t kShownDestination = 300;

/// Where a tunnel leads, for the log.
std::string tunnel_end_text(const Options& options) {
  std::string text = options.url.host.text();
  for (const auto& [name, value] : options.headers) {
    if (options.names_destination && name == kDestinationHeader)
      text += " for " + printable(value, kShownDestination);
  }
  return text;
}

using StreamPtr = std::unique_ptr<tunnel::Stream>;
using ResumeKeys = std::optional<tunnel::ResumeKeys>;
using ResumeValue = std::function<std::string()>;
using IdentityPtr = std::shared_ptr<const Identity>;

/// Work that one does and several wait for.
template <class T>
struct Shared {
  explicit Shared(const net::any_io_executor& executor)
      : over(executor, net::steady_timer::time_point::max()) {}
  std::optional<Result<T>> result;  ///< empty when over: it was cancelled
  net::steady_timer over;
};
struct Search : Shared<CredentialsPtr> {
  Search(const net::any_io_executor& executor, bool believes) : Shared(executor), believes_known(believes) {}
  bool believes_known;
};
using Signing = Shared<void>;

/// One tunnel is best off with a connection of its own; many share one where the edge can.
transport::TunnelProtocol protocol_for(const Options& options) {
  const bool many = options.listen && options.transport == Transport::automatic;
  const bool wanted = many || options.transport == Transport::h2;
  return wanted ? transport::TunnelProtocol::http2 : transport::TunnelProtocol::http1;
}

/// What was awaited may have ended for that reason alone.
bool opening_cancelled(const net::cancellation_state& state) {
  return state.cancelled() != net::cancellation_type::none;
}

}  // namespace

struct TunnelOpener::Impl {
  Impl(net::any_io_executor e, Session& s, const Options& o)
      : executor(std::move(e)),
        session(s),
        options(o),
        source(s.app_http(), protocol_for(o)),
        resumable(executor, s.state(), o.url) {}

  net::awaitable<Result<CredentialsPtr>> credentials(bool believe_known);
  net::awaitable<Result<CredentialsPtr>> search(bool believe_known);
  bool needs_certificate() const {
    return options.short_lived_cert && !(identity && good_for_a_while(*identity));
  }
  bool serves_agent() const { return agent != nullptr; }
  net::awaitable<Result<void>> certified();
  net::awaitable<Result<void>> sign();
  net::awaitable<Result<void>> sign_with(const Credentials& credentials);
  Result<void> drop_token(const Credentials& credentials);

  net::awaitable<void> dial(const Credentials& credentials, ResumeValue resume,
                            std::optional<Result<Carrier>>& out);
  net::awaitable<void> make_files(const Credentials& credentials, std::optional<Result<void>>& out);
  net::awaitable<Result<Carrier>> open_with(const Credentials& credentials, const ResumeValue& resume);
  net::awaitable<Result<Carrier>> open(const ResumeValue& resume);
  net::awaitable<Result<Carrier>> dial_again(ResumeValue resume);
  net::awaitable<Result<CredentialsPtr>> renewed() const;
  net::awaitable<void> keep_connected(TunnelProgress& progress);
  net::awaitable<void> check_application(TunnelProgress& progress);

  net::any_io_executor executor;
  Session& session;
  const Options& options;
  transport::TunnelSource source;
  ResumableTunnels resumable;
  PublishedSession published{session.state().path(), session_of(options)};
  std::unique_ptr<auth::AgentServer> agent;
  IdentityPtr identity;  ///< the last that was made
  CredentialsPtr used;   ///< that the last tunnel was opened with
  bool warned_of_principal = false;
  std::shared_ptr<Search> search_in_progress;
  std::shared_ptr<Signing> signing_in_progress;
  bool check_due = false;
  std::weak_ptr<const bool> check;  ///< of the tunnel beside which the application is checked
};

// ---- credentials ----

net::awaitable<Result<CredentialsPtr>> TunnelOpener::Impl::search(bool believe_known) {
  const auto mine = std::make_shared<Search>(executor, believe_known);
  search_in_progress = mine;
  const ScopeExit let_the_others_go([this, &mine] {
    search_in_progress.reset();
    mine->over.cancel();
  });
  auto result = co_await find_credentials(session, options, believe_known);
  const auto state = co_await net::this_coro::cancellation_state;
  if (!opening_cancelled(state)) mine->result = result;
  co_return result;
}

/// Of those who come while the same is being searched for, all get what is found: one login, one refusal.
net::awaitable<Result<CredentialsPtr>> TunnelOpener::Impl::credentials(bool believe_known) {
  while (const auto other = search_in_progress) {
    co_await other->over.async_wait(net::as_tuple(net::use_awaitable));
    if (other->believes_known == believe_known && other->result) co_return *other->result;
  }
  co_return co_await search(believe_known);
}

Result<void> TunnelOpener::Impl::drop_token(const Credentials& credentials) {
  spdlog::info("{}: the token was not accepted, logging in again", options.url.host.text());
  return auth::drop_app_token(session.state(), *credentials.app, *credentials.token);
}

// ---- the certificate ----

net::awaitable<Result<void>> TunnelOpener::Impl::sign_with(const Credentials& credentials) {
  if (!needs_certificate()) co_return Result<void>();
  auto made = co_await make_identity(session, options, credentials);
  if (!made) co_return made.error();
  identity = std::move(*made);
  if (!warned_of_principal) warned_of_principal = warn_of_principal(*identity->certificate, options);
  co_return Result<void>();
}

/// Once more with a new token if the edge did not take the first.
net::awaitable<Result<void>> TunnelOpener::Impl::sign() {
  for (bool again = true;; again = false) {
    const auto found = co_await credentials(again);
    if (!found) co_return found.error();
    auto made = co_await sign_with(**found);
    if (made || !again || !auth::token_was_refused(made.error())) co_return made;
    const auto dropped = drop_token(**found);
    if (!dropped) co_return dropped.error();
  }
}

/// For the agent; many tunnels that need it at once share one.
net::awaitable<Result<void>> TunnelOpener::Impl::certified() {
  while (const auto other = signing_in_progress) {
    co_await other->over.async_wait(net::as_tuple(net::use_awaitable));
    if (other->result) co_return *other->result;
  }
  if (!needs_certificate()) co_return Result<void>();
  const auto mine = std::make_shared<Signing>(executor);
  signing_in_progress = mine;
  const ScopeExit let_the_others_go([this, &mine] {
    signing_in_progress.reset();
    mine->over.cancel();
  });
  agent->expect();
  auto result = co_await sign();
  const auto state = co_await net::this_coro::cancellation_state;
  if (!result && opening_cancelled(state)) co_return result;  // the next caller begins anew
  if (result && identity) {
    offer(*agent, *identity);
  } else {
    agent->give_up();
  }
  mine->result = result;
  co_return result;
}

// ---- the tunnel ----

net::awaitable<void> TunnelOpener::Impl::dial(const Credentials& credentials, ResumeValue resume,
                                              std::optional<Result<Carrier>>& out) {
  transport::WebSocketRequest request(options.url);
  request.headers = options.headers;
  request.deadline = options.deadlines.upgrade;
  request.times = transport::WebSocketTimes::pinging_every(options.ping_interval);
  const auto& service_token = session.access().service_token;
  service_token.add_to(request.headers);
  if (credentials.token && !service_token.given() && !options.brings_token) {
    request.headers.emplace_back("Cf-Access-Token", std::string(credentials.token->reveal()));
  }
  Carrier carrier;
  request.resume = std::move(resume);
  request.resume_answered = [&carrier](std::string_view value) { carrier.answer = value; };
  auto opened = co_await source.open(request);
  if (opened) {
    carrier.stream = std::move(*opened);
    out = std::move(carrier);
    co_return;
  }
  Failure failure = opened.error();
  const bool turned_away = failure.cause == Cause::token_rejected || failure.cause == Cause::denied;
  if (turned_away && service_token.given()) {
    failure.cause = Cause::service_token_rejected;
  } else if (failure.cause == Cause::denied && options.names_destination) {
    failure.cause = Cause::destination_denied;
  }
  out = failure;
}

net::awaitable<void> TunnelOpener::Impl::make_files(const Credentials& credentials,
                                                    std::optional<Result<void>>& out) {
  out = Result<void>();
  // No caller waits here for the agent's certificate.
  if (!serves_agent()) out = co_await sign_with(credentials);
}

net::awaitable<Result<Carrier>> TunnelOpener::Impl::open_with(const Credentials& credentials,
                                                              const ResumeValue& resume) {
  std::optional<Result<Carrier>> stream;
  std::optional<Result<void>> made;
  auto dialling = dial(credentials, resume, stream);
  auto making = make_files(credentials, made);
  auto both = std::move(dialling) && std::move(making);
  co_await std::move(both);
  if (!*stream) co_return stream->error();
  if (!*made) co_return made->error();
  check_due = credentials.check_later;
  co_return std::move(**stream);
}

net::awaitable<Result<Carrier>> TunnelOpener::Impl::open(const ResumeValue& resume) {
  for (bool again = true;; again = false) {
    const auto found = co_await credentials(again);
    if (!found) co_return found.error();
    used = *found;
    auto opened = co_await open_with(**found, resume);
    if (opened) co_return opened;
    if ((*found)->unless_open) co_return *(*found)->unless_open;
    if (!again || !auth::token_was_refused(opened.error())) co_return opened;
    if (!(*found)->token) continue;  // a login is needed after all
    const auto dropped = drop_token(**found);
    if (!dropped) co_return dropped.error();
  }
}

// ---- its further connections ----

/// A token in place of one that was refused, without a login: a program owns the terminal by now.
net::awaitable<Result<CredentialsPtr>> TunnelOpener::Impl::renewed() const {
  const Failure login_needed(Stage::login, Cause::token_rejected, "a login is needed");
  if (!used->app || !used->token) co_return login_needed;
  const auto dropped = auth::drop_app_token(session.state(), *used->app, *used->token);
  if (!dropped) co_return dropped.error();
  auto token = co_await auth::renew_app_token(session.access(), *used->app);
  if (!token) co_return token.error();
  if (!*token) co_return login_needed;
  Credentials credentials;
  credentials.app = used->app;
  credentials.token = std::move(**token);
  co_return std::make_shared<const Credentials>(std::move(credentials));
}

net::awaitable<Result<Carrier>> TunnelOpener::Impl::dial_again(ResumeValue resume) {
  std::optional<Result<Carrier>> carrier;
  auto with = used;
  co_await dial(*with, resume, carrier);
  if (*carrier || !auth::token_was_refused(carrier->error())) co_return std::move(*carrier);
  auto other = co_await renewed();
  if (!other) co_return other.error();
  used = *other;
  co_await dial(**other, resume, carrier);
  co_return std::move(*carrier);
}

net::awaitable<void> TunnelOpener::Impl::keep_connected(TunnelProgress& progress) {
  if (!progress.resumption) co_return;
  co_await progress.resumption->run(*progress.published);
}

net::awaitable<void> TunnelOpener::Impl::check_application(TunnelProgress& progress) {
  if (!check_due || !check.expired()) co_return;
  progress.check = std::make_shared<const bool>(true);
  check = progress.check;
  co_await auth::check_known_application(session.access());
}

// ---- what others see ----

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

// The dial's failure comes first: of two failures with one cause it is always the same that is told.
net::awaitable<Result<StreamPtr>> TunnelOpener::open(TunnelProgress& progress) {
  ResumeKeys keys;
  // With the request, not before: the first key takes OpenSSL's start, for which there is time while TCP
  // connects.
  const ResumeValue resume = [this, &keys]() -> std::string {
    if (!impl_->options.resume) return {};
    if (!keys) keys = tunnel::ResumeKeys::make();
    return keys ? text_of(tunnel::ResumeOpen{keys->public_key()}) : std::string();
  };
  auto opened = co_await impl_->open(resume);
  if (!opened) co_return opened.error();
  if (progress.certificate && !*progress.certificate) co_return progress.certificate->error();
  spdlog::info("tunnel to {} is open", tunnel_end_text(impl_->options));
  progress.open = true;
  progress.published = std::make_unique<PublishedTunnel>(impl_->published);
  if (!keys) co_return std::move(opened->stream);
  const auto again = [impl = impl_.get()](std::string value) {
    return impl->dial_again([value = std::move(value)] { return value; });
  };
  auto begun = co_await impl_->resumable.begin(std::move(*opened), std::move(*keys), again);
  if (!begun) co_return begun.error();
  progress.resumption = std::move(begun->resumption);
  co_return std::move(begun->stream);
}

net::awaitable<Result<void>> TunnelOpener::certify_agent(TunnelProgress& progress) {
  auto made = Result<void>();
  if (impl_->serves_agent()) made = co_await impl_->certified();
  progress.certificate = made;
  co_return progress.open ? made : Result<void>();
}

net::awaitable<Result<void>> TunnelOpener::look_after(TunnelProgress& progress) {
  auto checking = impl_->check_application(progress);
  auto resuming = impl_->keep_connected(progress);
  auto publishing = progress.published->publish_if_it_lasts();
  auto all = std::move(checking) && std::move(resuming) && std::move(publishing);
  co_await std::move(all);
  co_return Result<void>();
}

void TunnelOpener::publish() {
  impl_->published.publish();
}

bool TunnelOpener::certificate_was_declined() const {
  return impl_->agent && !impl_->warned_of_principal && impl_->agent->was_declined();
}

std::optional<auth::KeyType> TunnelOpener::made_key_type() const {
  const auto& identity = impl_->identity;
  return identity && identity->ours ? std::optional(identity->ours->key.type()) : std::nullopt;
}

}  // namespace cfpipe::cli
