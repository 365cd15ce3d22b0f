#include <boost/asio/this_coro.hpp>

#include "auth/clock.h"
#include "auth/discovery.h"
#include "auth/token_cache.h"
#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/session.h"

namespace cfpipe::cli {

namespace net = boost::asio;

net::awaitable<int> run_token(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  auto app = co_await auth::discover((*session)->access());
  if (!app) co_return report(app.error());
  auto token = auth::cached_app_token((*session)->state(), *app, auth::unix_now());
  if (!token) co_return report(token.error());
  if (!*token) co_return report({transport::Stage::token, transport::Cause::token_missing, options.url.host});
  const auto written = write_output((*token)->reveal());
  co_return written ? kOk : report(written.error());
}

}  // namespace cfpipe::cli
