#include <boost/asio/this_coro.hpp>

#include "auth/discovery/discovery.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/console/stdout.h"
#include "cli/session/session.h"

namespace cfpipe::cli {

namespace net = boost::asio;
namespace {

/// The cached token, or that for a service token; nothing if a login would be needed.
net::awaitable<Result<std::optional<Secret>>> cached_or_service_token(const Session& session,
                                                                      const auth::Application& app) {
  if (!session.access().service_token.given()) {
    co_return auth::cached_app_token(session.state(), app, session.access().edge_now());
  }
  auto token = co_await auth::obtain_app_token(session.access(), app);
  if (!token) co_return token.error();
  co_return std::optional<Secret>(std::move(*token));
}

}  // namespace

net::awaitable<int> run_token(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  auto app = co_await auth::discover((*session)->access());
  if (!app) co_return report(app.error());
  auto token = co_await cached_or_service_token(**session, *app);
  if (!token) co_return report(token.error());
  if (!*token) co_return report({Stage::token, Cause::token_missing, options.url.host.text()});
  const auto written = write_output((*token)->reveal());
  co_return written ? kOk : report(written.error());
}

}  // namespace cfpipe::cli
