#include "cli/session/credentials.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "auth/discovery/application_cache.h"
#include "auth/discovery/discovery.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "base/log.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;

/// All from the state directory: nothing is asked before the dial. Nothing if something is missing.
Result<std::optional<Credentials>> known_credentials(const Session& session) {
  const auto& access = session.access();
  auto known = auth::known_application(access);
  if (!known || access.service_token.given()) return std::optional<Credentials>();
  auto token = auth::cached_app_token(session.state(), known->app, unix_now(), auth::IfUnusable::keep);
  if (!token) return token.error();
  if (!*token) return std::optional<Credentials>();
  Credentials credentials;
  credentials.check_later = known->age >= auth::kKnownFresh;
  credentials.app = std::move(known->app);
  credentials.token = std::move(*token);
  return std::optional<Credentials>(std::move(credentials));
}

/// Asks the application. If it needs no login (Bypass), or is not behind Access, which looks the same from
/// here, the tunnel is tried without one, unless there is a certificate to make: that needs a user.
net::awaitable<Result<std::optional<Credentials>>> open_credentials(const Session& session,
                                                                    std::optional<auth::Application>& app) {
  auto found = co_await auth::find_application(session.access());
  Credentials credentials;
  if (!found) {
    if (!auth::may_be_open(found.error())) co_return found.error();
    credentials.unless_open = found.error();
  } else if (!found->open) {
    app = std::move(found->app);
    co_return std::optional<Credentials>();
  }
  spdlog::info("the application asks for no login; trying without a token");
  session.tell_if_nothing_is_kept();
  co_return std::optional<Credentials>(std::move(credentials));
}

/// Asks the application for its metadata. Either credentials that need no login, or `app` is filled.
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
  const auto org_token =
      auth::cached_org_token(session.state(), known->app, unix_now(), auth::IfUnusable::keep);
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

}  // namespace

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

}  // namespace cfpipe::cli
