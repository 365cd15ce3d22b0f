#include <boost/asio/this_coro.hpp>

#include "auth/certificate.h"
#include "auth/clock.h"
#include "auth/discovery.h"
#include "auth/login.h"
#include "cli/commands.h"
#include "cli/messages.h"
#include "cli/session.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// Token and signature; once more with a new token if the edge did not take the first.
net::awaitable<Result<void>> renew(const Session& session, const auth::KeyFiles& files) {
  auto app = co_await auth::discover(session.access());
  if (!app) co_return app.error();
  for (bool again = true;; again = false) {
    auto token = co_await auth::obtain_app_token(session.access(), *app);
    if (!token) co_return token.error();
    auto pair = co_await auth::renew_key_files(session.access(), files, *token);
    if (pair) co_return Result<void>();
    if (!again || !auth::token_was_refused(pair.error())) co_return pair.error();
    auto dropped = auth::drop_app_token(session.access(), *app, *token);
    if (!dropped) co_return dropped.error();
  }
}

}  // namespace

net::awaitable<int> run_ssh_gen(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  const auth::KeyFiles files((*session)->state(), options.url.host, key_path(options.url));
  auto pair = files.load(static_cast<std::uint64_t>(auth::unix_now()));
  if (!pair) co_return report(pair.error());
  if (*pair) co_return kOk;
  const auto renewed = co_await renew(**session, files);
  co_return renewed ? kOk : report(renewed.error());
}

}  // namespace cfpipe::cli
