#include "cli/session/event_loop.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <exception>

#include "base/shortage.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// How long an interrupted command may take to unwind (a name lookup cannot be cancelled).
constexpr std::chrono::milliseconds kUnwind{500};

/// What is left is to put things away and to end, which takes no time and must not be cut off halfway: when
/// the set of signals goes, they would kill again.
void hold_signals_back() {
  sigset_t ending;
  sigemptyset(&ending);
  for (const int number : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&ending, number);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
}

int report_exception(const std::exception_ptr& thrown, bool interrupted) {
  if (interrupted) return report({Stage::login, Cause::login_cancelled});
  return report(failure_of_exception(thrown, Stage::config));
}

}  // namespace

int run_to_end(std::function<net::awaitable<int>(Interrupts&)> command) {
  net::io_context loop(1);
  Interrupts interrupts;
  net::cancellation_signal cancel;
  net::steady_timer unwind(loop);
  net::signal_set signals(loop, SIGHUP, SIGTERM, SIGINT);
  interrupts.raise_ = [&] {
    interrupts.raised_ = true;
    if (interrupts.to_) {
      interrupts.to_();
    } else {
      cancel.emit(net::cancellation_type::terminal);
    }
    unwind.expires_after(kUnwind);
    unwind.async_wait([&loop](const boost::system::error_code& late) {
      if (!late) loop.stop();
    });
  };
  std::function<void()> listen = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int) {
      if (error) return;
      interrupts.raise();
      listen();
    });
  };
  listen();
  int status = -1;
  auto running = command(interrupts);
  net::co_spawn(loop, std::move(running),
                net::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& thrown, int result) {
                  status = thrown ? report_exception(thrown, interrupts.raised_) : result;
                  // A browser that is still running has a child watcher pending here; it is not waited for.
                  loop.stop();
                }));
  loop.run();
  hold_signals_back();
  if (status < 0) status = interrupts.to_ ? kOk : report({Stage::login, Cause::login_cancelled});
  return status;
}

}  // namespace cfpipe::cli
