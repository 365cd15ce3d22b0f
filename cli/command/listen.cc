#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <optional>

#include "base/log.h"
#include "base/scope_exit.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"
#include "cli/session/companion.h"
#include "cli/session/first_byte_timeout.h"
#include "cli/session/local_listener.h"
#include "cli/session/tunnel_opener.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// Tunnels at one time; more connections wait in the system's queue.
constexpr std::size_t kMaxTunnels = 400;
/// Descriptors of a tunnel, its local connection among them; and of everything else: the event loop, lookups,
/// a login, several addresses that are tried at once.
constexpr std::size_t kDescriptorsPerTunnel = 2;
constexpr std::size_t kOwnDescriptors = 32;
/// How long a peer may take for the last bytes of a tunnel that broke, before the break reaches it instead.
constexpr std::chrono::milliseconds kLastBytes{5'000};
constexpr std::chrono::milliseconds kFirstLook{1};

/// True if the peer has gone altogether; one that only has nothing more to say has not.
bool has_hung_up(const Fd& connection) {
  pollfd look{connection.get(), POLLIN, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

/// Waits until the peer's system has acknowledged all that was sent, or a timeout. The kernel has no event
/// for that, so it is polled, ever more rarely.
net::awaitable<void> until_taken(const Fd& connection) {
  net::steady_timer pause(co_await net::this_coro::executor);
  const auto give_up = std::chrono::steady_clock::now() + kLastBytes;
  for (auto wait = kFirstLook; std::chrono::steady_clock::now() < give_up; wait *= 2) {
    int left = 0;
    if (::ioctl(connection.get(), SIOCOUTQ, &left) != 0 || left == 0) co_return;
    pause.expires_after(wait);
    co_await pause.async_wait(net::as_tuple(net::use_awaitable));
  }
}

/// What the limit of open files has room for. Where that is next to nothing, one tunnel is tried at a time.
std::size_t affordable_tunnels() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kMaxTunnels;
  const std::size_t free = limit.rlim_cur - std::min<std::size_t>(limit.rlim_cur, kOwnDescriptors);
  return std::clamp<std::size_t>(free / kDescriptorsPerTunnel, 1, kMaxTunnels);
}

bool is_shortage(const Result<tunnel::Outcome>& outcome) {
  return !outcome && outcome.error().cause == Cause::system_short;
}

/// The peer sees a connection that broke, not one that ended. A reset takes along what is still on its way.
void reset_on_close(const Fd& connection) {
  const linger at_once{1, 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/// Accepts connections and carries each through a tunnel of its own.
class Forwarder : public std::enable_shared_from_this<Forwarder> {
 public:
  Forwarder(net::any_io_executor executor, Options options, std::unique_ptr<Session> session,
            std::unique_ptr<LocalListener> listener)
      : executor_(executor),
        options_(std::move(options)),
        session_(std::move(session)),
        listener_(std::move(listener)),
        changed_(executor, net::steady_timer::time_point::max()) {}

  /// Before run(). Stage::state.
  Result<void> prepare();

  /// Until stop(), and until the last tunnel has ended.
  net::awaitable<void> run();
  void stop();
  /// Tells `cfpipe status` that this process listens.
  void publish() { opener_->publish(); }

 private:
  struct Carried {
    net::cancellation_signal cancel;
    tunnel::Relay* relay = nullptr;  ///< while there is one
  };

  net::awaitable<void> change();
  net::awaitable<void> until_fewer_than(std::size_t limit);
  net::awaitable<void> until_there_is_room();
  net::awaitable<Result<tunnel::Outcome>> carry_when_affordable(const Fd& connection, Carried& carried);
  /// Connections that are being dialled for, or have their tunnel.
  std::size_t active() const { return carried_.size() - waiting_; }
  void start(Fd connection);
  static net::awaitable<void> carry(std::shared_ptr<Forwarder> self, Fd connection, Carried& carried);
  net::awaitable<Result<void>> relay(const Fd& connection, Carried& carried);
  net::awaitable<Result<tunnel::Outcome>> carry_certified(const Fd& connection, Carried& carried);
  net::awaitable<Result<tunnel::Outcome>> open_and_pump(const Fd& connection, Carried& carried,
                                                        TunnelProgress& progress);
  net::awaitable<Result<tunnel::Outcome>> pump(const Fd& connection, Carried& carried, tunnel::Stream& far);

  net::any_io_executor executor_;
  Options options_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<TunnelOpener> opener_;
  std::unique_ptr<LocalListener> listener_;
  std::list<Carried> carried_;
  const std::size_t max_tunnels_ = affordable_tunnels();
  std::size_t waiting_ = 0;    ///< of carried_: for descriptors or memory
  net::steady_timer changed_;  ///< never expires; cancelled when a connection has ended
  bool stopping_ = false;
};

Result<void> Forwarder::prepare() {
  auto opener = TunnelOpener::make(executor_, *session_, options_);
  if (!opener) return opener.error();
  opener_ = std::move(*opener);
  return {};
}

net::awaitable<void> Forwarder::run() {
  while (!stopping_) {
    auto connection = co_await listener_->accept();
    if (!connection) continue;
    start(std::move(connection));
    co_await until_there_is_room();
  }
  co_await until_fewer_than(1);
}

net::awaitable<void> Forwarder::change() {
  co_await changed_.async_wait(net::as_tuple(net::use_awaitable));
}

net::awaitable<void> Forwarder::until_fewer_than(std::size_t limit) {
  while (carried_.size() >= limit) co_await change();
}

net::awaitable<void> Forwarder::until_there_is_room() {
  if (carried_.size() == max_tunnels_)
    spdlog::warn("{} connections are open, more have to wait", max_tunnels_);
  while (!stopping_ && (carried_.size() >= max_tunnels_ || waiting_ > 0)) co_await change();
}

void Forwarder::start(Fd connection) {
  const auto place = carried_.emplace(carried_.end());
  auto carrying = carry(shared_from_this(), std::move(connection), *place);
  net::co_spawn(executor_, std::move(carrying),
                net::bind_cancellation_slot(place->cancel.slot(), [self = shared_from_this(),
                                                                   place](const std::exception_ptr& thrown) {
                  // Only a cancelled wait throws.
                  if (thrown) spdlog::debug("a connection was given up");
                  self->carried_.erase(place);
                  self->changed_.cancel();
                }));
}

net::awaitable<void> Forwarder::carry(std::shared_ptr<Forwarder> self, Fd connection, Carried& carried) {
  if (has_hung_up(connection)) co_return;
  const auto carrying = co_await self->relay(connection, carried);
  if (carrying || self->stopping_) co_return;
  report(carrying.error());
}

net::awaitable<Result<void>> Forwarder::relay(const Fd& connection, Carried& carried) {
  const auto outcome = co_await carry_when_affordable(connection, carried);
  const auto failure =
      outcome ? failure_of(*outcome, NearEnd::connection) : std::optional<Failure>(outcome.error());
  if (!failure) co_return Result<void>();
  reset_on_close(connection);
  co_await until_taken(connection);
  co_return *failure;
}

/// While others could end and leave room, a connection for which there are no descriptors waits for that.
net::awaitable<Result<tunnel::Outcome>> Forwarder::carry_when_affordable(const Fd& connection,
                                                                         Carried& carried) {
  for (;;) {
    const bool had_company = active() > 1;
    auto outcome = co_await carry_certified(connection, carried);
    if (!is_shortage(outcome) || stopping_ || has_hung_up(connection)) co_return outcome;
    if (active() > 1) {
      if (waiting_++ == 0) spdlog::warn("{}; connections have to wait", outcome.error().detail);
      const ScopeExit no_longer([this] { --waiting_; });
      co_await change();
    } else if (!had_company) {
      co_return outcome;
    }
  }
}

net::awaitable<Result<tunnel::Outcome>> Forwarder::carry_certified(const Fd& connection, Carried& carried) {
  TunnelProgress progress;
  auto carrying = open_and_pump(connection, carried, progress);
  auto certifying = opener_->certify_agent(progress);
  auto both = run_with_companion(std::move(carrying), std::move(certifying));
  co_return co_await std::move(both);
}

net::awaitable<Result<tunnel::Outcome>> Forwarder::open_and_pump(const Fd& connection, Carried& carried,
                                                                 TunnelProgress& progress) {
  const auto far = co_await opener_->open(progress);
  if (!far) co_return far.error();
  auto pumping = pump(connection, carried, **far);
  auto after = opener_->look_after(progress);
  auto both = run_with_companion(std::move(pumping), std::move(after));
  co_return co_await std::move(both);
}

net::awaitable<Result<tunnel::Outcome>> Forwarder::pump(const Fd& connection, Carried& carried,
                                                        tunnel::Stream& far) {
  const auto near = tunnel::make_fd_stream(executor_, connection.get(), connection.get(), false);
  tunnel::Relay relay(executor_, *near, far);
  FirstByte first_byte(executor_, options_.deadlines.first_byte, relay);
  carried.relay = &relay;
  const ScopeExit forget([&carried] { carried.relay = nullptr; });
  const auto outcome = co_await relay.run();
  spdlog::info("a tunnel ended: {} bytes up, {} bytes down", outcome.near_to_far, outcome.far_to_near);
  if (first_byte.missed()) co_return first_byte.failure(options_.url);
  co_return outcome;
}

void Forwarder::stop() {
  stopping_ = true;
  listener_->close();
  changed_.cancel();
  for (auto& one : carried_) {
    if (one.relay != nullptr) {
      one.relay->stop();
    } else {
      one.cancel.emit(net::cancellation_type::terminal);
    }
  }
}

}  // namespace

net::awaitable<int> run_listen(Options options, Interrupts& interrupts) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  auto listener = co_await LocalListener::open(executor, *options.listen);
  if (!listener) co_return report(listener.error());
  const std::string text = listening_text((*listener)->shown(), (*listener)->reachable_from_elsewhere());
  const auto forwarder =
      std::make_shared<Forwarder>(executor, std::move(options), std::move(*session), std::move(*listener));
  if (auto prepared = forwarder->prepare(); !prepared) co_return report(prepared.error());
  print(text);
  forwarder->publish();
  interrupts.divert([forwarder] { forwarder->stop(); });
  co_await forwarder->run();
  interrupts.divert({});
  co_return kOk;
}

}  // namespace cfpipe::cli
