#include <boost/asio/this_coro.hpp>

#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/console/stdout.h"
#include "cli/session/session.h"
#include "cli/session/verified_token.h"

namespace cfpipe::cli {

namespace net = boost::asio;

net::awaitable<int> run_login(Options options) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  auto token = co_await verified_token(**session);
  if (!token) co_return report(token.error());
  if (token->empty()) co_return report({Stage::login, Cause::nobody_signs_in, options.url.host.text()});
  if (options.quiet) co_return kOk;
  const Secret text(options.bare_token ? std::string(token->reveal())
                                       : token_text(options.url.host.text(), token->reveal()));
  const auto written = write_output(text.reveal());
  co_return written ? kOk : report(written.error());
}

}  // namespace cfpipe::cli
