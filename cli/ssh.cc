#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/first_byte.h"
#include "cli/hang_up.h"
#include "cli/messages.h"
#include "cli/principal.h"
#include "cli/tunnel_opener.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {
namespace net = boost::asio;

net::awaitable<int> run_ssh(Options options, Interrupts& interrupts) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());

  if (!options.short_lived_cert) warn_of_principal_on_disk(**session, options);
  tunnel::Relay* running = nullptr;
  const HangUpWatch watch(executor, STDIN_FILENO, STDOUT_FILENO, [&] {
    spdlog::info("nobody is at the other end of standard input and output any more");
    running != nullptr ? running->abandon_near() : interrupts.raise();
  });
  auto opener = TunnelOpener::make(executor, **session, options);
  if (!opener) co_return report(opener.error());
  auto opened = co_await (*opener)->open();
  if (!opened) co_return report(opened.error());
  spdlog::info("tunnel to {} is open", options.url.host);

  auto terminal = tunnel::make_fd_stream(executor, STDIN_FILENO, STDOUT_FILENO, false);
  tunnel::Relay relay(executor, *terminal, **opened);
  FirstByte first_byte(executor, options.deadlines.first_byte, relay);
  interrupts.divert([&relay] { relay.stop(); });
  running = &relay;
  auto carrying = (*opener)->carry(relay);
  const auto outcome = co_await std::move(carrying);
  running = nullptr;
  const bool asked_to_stop = interrupts.raised();
  interrupts.divert({});

  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  if (first_byte.missed()) co_return report(first_byte.failure(options.url));
  const auto failure = failure_of(outcome);
  co_return failure && !asked_to_stop ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
