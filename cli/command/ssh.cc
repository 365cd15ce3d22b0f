#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <memory>

#include "auth/agent/socket.h"
#include "base/platform/sandbox.h"
#include "base/scope_exit.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/session/first_byte_timeout.h"
#include "cli/session/hangup_watch.h"
#include "cli/session/principal_warning.h"
#include "cli/session/tunnel_opener.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {
namespace net = boost::asio;

namespace {

/// What a server says until it has refused a login, in bytes, with the largest keys of today. Behind more a
/// session may have begun, with another key or a password.
constexpr std::uint64_t kBytesOfALogin = 8 * 1024;

/// Between the tunnel and standard input and output; interrupts stop it in order. `running` is the relay as
/// long as there is one.
net::awaitable<Result<tunnel::Outcome>> relay_terminal(tunnel::Stream& far, const Options& options,
                                                       Interrupts& interrupts, tunnel::Relay*& running) {
  const auto executor = co_await net::this_coro::executor;
  const auto terminal = tunnel::make_fd_stream(executor, STDIN_FILENO, STDOUT_FILENO, false);
  tunnel::Relay relay(executor, *terminal, far);
  FirstByte first_byte(executor, options.deadlines.first_byte, relay);
  running = &relay;
  interrupts.divert([&relay] { relay.stop(); });
  const ScopeExit give_back([&interrupts, &running] {
    interrupts.divert({});
    running = nullptr;
  });
  const auto outcome = co_await relay.run();
  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  if (first_byte.missed()) co_return first_byte.failure(options.url);
  co_return outcome;
}

/// What a tunnel that stands still needs of the file system: tickets and what is known of the application,
/// the agent's socket at its end, the log.
void confine(const Session& session, const Options& options) {
  SandboxNeeds needs;
  needs.writable.push_back(session.state().path());
  if (!options.agent.empty()) needs.writable.push_back(auth::directory_of(options.agent));
  if (!options.log_file.empty()) needs.writable.push_back(auth::directory_of(options.log_file));
  if (!options.log_directory.empty()) needs.writable.push_back(options.log_directory);
  spdlog::debug("sandbox: {}", enter_sandbox(needs));
}

}  // namespace

net::awaitable<int> run_ssh(Options options, Interrupts& interrupts) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());

  if (!options.short_lived_cert) warn_of_principal_on_disk(**session, options);
  tunnel::Relay* running = nullptr;
  const HangUpWatch watch(executor, STDIN_FILENO, STDOUT_FILENO, [&] {
    spdlog::info("the program at standard input and output has gone");
    running != nullptr ? running->abandon_near() : interrupts.raise();
  });
  auto opener = TunnelOpener::make(executor, **session, options);
  if (!opener) co_return report(opener.error());
  (*opener)->on_settled([&] { confine(**session, options); });

  const TunnelOpener::Pump pump = [&options, &interrupts, &running](tunnel::Stream& far) {
    return relay_terminal(far, options, interrupts, running);
  };
  const auto carried = co_await (*opener)->carry(pump);
  if (!carried) co_return report(carried.error());
  if ((*opener)->certificate_was_declined() && carried->far_to_near < kBytesOfALogin)
    print(unused_certificate_text((*opener)->made_key_type()));
  const auto failure = failure_of(*carried);
  co_return failure && !interrupts.raised() ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
