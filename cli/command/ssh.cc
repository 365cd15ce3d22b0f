#include <unistd.h>

#include <boost/asio/this_coro.hpp>
#include <memory>

#include "auth/agent/socket.h"
#include "base/log.h"
#include "base/platform/sandbox.h"
#include "base/scope_exit.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/session/companion.h"
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

/// The tunnel of the command, between the edge and standard input and output.
class StandardTunnel {
 public:
  /// The arguments outlive it.
  StandardTunnel(const Session& session, const Options& options, TunnelOpener& opener, Interrupts& interrupts)
      : session_(session), options_(options), opener_(opener), interrupts_(interrupts) {}

  /// From the credentials to the end of the tunnel, beside the work on the agent's certificate.
  net::awaitable<Result<tunnel::Outcome>> carry();
  /// The program at standard input and output has gone.
  void hang_up();

 private:
  net::awaitable<Result<tunnel::Outcome>> open_and_pump();
  net::awaitable<Result<tunnel::Outcome>> pump(tunnel::Stream& far);
  net::awaitable<Result<void>> certify();
  void confine_if_settled() const;

  const Session& session_;
  const Options& options_;
  TunnelOpener& opener_;
  Interrupts& interrupts_;
  TunnelProgress progress_;
  tunnel::Relay* relay_ = nullptr;  ///< while it runs
};

net::awaitable<Result<tunnel::Outcome>> StandardTunnel::carry() {
  auto carrying = open_and_pump();
  auto certifying = certify();
  auto both = run_with_companion(std::move(carrying), std::move(certifying));
  co_return co_await std::move(both);
}

net::awaitable<Result<tunnel::Outcome>> StandardTunnel::open_and_pump() {
  const auto far = co_await opener_.open(progress_);
  if (!far) co_return far.error();
  confine_if_settled();
  auto pumping = pump(**far);
  auto after = opener_.look_after(progress_);
  auto both = run_with_companion(std::move(pumping), std::move(after));
  co_return co_await std::move(both);
}

/// Until both ends have ended; interrupts stop it in order.
net::awaitable<Result<tunnel::Outcome>> StandardTunnel::pump(tunnel::Stream& far) {
  const auto executor = co_await net::this_coro::executor;
  const auto terminal = tunnel::make_fd_stream(executor, STDIN_FILENO, STDOUT_FILENO, false);
  tunnel::Relay relay(executor, *terminal, far);
  FirstByte first_byte(executor, options_.deadlines.first_byte, relay);
  relay_ = &relay;
  interrupts_.divert([&relay] { relay.stop(); });
  const ScopeExit give_back([this] {
    interrupts_.divert({});
    relay_ = nullptr;
  });
  const auto outcome = co_await relay.run();
  spdlog::info("tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  if (first_byte.missed()) co_return first_byte.failure(options_.url);
  co_return outcome;
}

net::awaitable<Result<void>> StandardTunnel::certify() {
  auto made = co_await opener_.certify_agent(progress_);
  confine_if_settled();
  co_return made;
}

/// Called when the tunnel is open, and when the certificate was made: the later of the two confines.
void StandardTunnel::confine_if_settled() const {
  if (progress_.is_settled()) confine(session_, options_);
}

void StandardTunnel::hang_up() {
  spdlog::info("the program at standard input and output has gone");
  relay_ != nullptr ? relay_->abandon_near() : interrupts_.raise();
}

}  // namespace

net::awaitable<int> run_ssh(Options options, Interrupts& interrupts) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  if (!options.short_lived_cert) warn_of_principal_on_disk(**session, options);
  auto opener = TunnelOpener::make(executor, **session, options);
  if (!opener) co_return report(opener.error());

  StandardTunnel tunnel(**session, options, **opener, interrupts);
  const HangUpWatch watch(executor, STDIN_FILENO, STDOUT_FILENO, [&tunnel] { tunnel.hang_up(); });
  const auto carried = co_await tunnel.carry();
  if (!carried) co_return report(carried.error());
  if ((*opener)->certificate_was_declined() && carried->far_to_near < kBytesOfALogin)
    print(unused_certificate_text((*opener)->made_key_type()));
  const auto failure = failure_of(*carried);
  co_return failure && !interrupts.raised() ? report(*failure) : kOk;
}

}  // namespace cfpipe::cli
