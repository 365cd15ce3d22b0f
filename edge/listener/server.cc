#include "edge/listener/server.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <ctime>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/platform/wakeup.h"
#include "edge/limits/address_seats.h"
#include "edge/listener/given_sockets.h"
#include "edge/listener/worker.h"
#include "edge/tunnel/resumable.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Pause after an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Connections accepted in a row before the loop that accepts looks after its own again.
constexpr int kAcceptBatch = 64;
/// Connections beyond the most while idle ones that go for them are ending.
constexpr std::size_t kReplacing = 64;

/// Accepts one connection; 0, or an errno. `peer` is left as it is for one at a Unix-domain socket: what
/// connects there has no address.
int accept_at(int listener, bool by_path, tcp::socket& socket, tcp::endpoint& peer) {
  auto size = static_cast<socklen_t>(peer.capacity());
  int fd = -1;
  do fd = ::accept4(listener, by_path ? nullptr : peer.data(), by_path ? nullptr : &size, SOCK_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return errno;
  if (!by_path) peer.resize(size);
  boost::system::error_code error;
  // Not TCP at a path, but nothing that a connection asks of its socket needs it to be.
  socket.assign(by_path ? tcp::v4() : peer.protocol(), fd, error);
  if (error) ::close(fd);
  return error.value();
}

std::int64_t expiry_of(SSL_CTX* tls) {
  const X509* certificate = tls == nullptr ? nullptr : SSL_CTX_get0_certificate(tls);
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
  return ::timegm(&end);
}

}  // namespace

struct Server::Impl {
  Impl(const net::any_io_executor& executor, const ServerOptions& options,
       const std::shared_ptr<SSL_CTX>& tls, ControlPlane& site)
      : resumables(site.resumables()),
        max_connections(options.max_connections),
        memory(options.memory),
        per_address(options.max_connections_per_address),
        proxies(std::make_shared<TrustedProxies>(options.proxies)),
        by_path(options.listen.is_unix()),
        idle_timer(executor),
        drain_timer(executor) {
    const auto drained = [executor, told = std::weak_ptr(on_drained)] {
      net::post(executor, [told] {
        if (const auto tell = told.lock(); tell && *tell) (*tell)();
      });
    };
    for (unsigned i = 0; i < options.threads; ++i)
      workers.push_back(std::make_unique<Worker>(tls, site, options.timeouts, *memory, per_address, drained));
    acceptor.emplace(workers.front()->executor());
  }
  ~Impl() {
    // The loop that accepts uses all the others: no loop may go before all threads have ended.
    for (const auto& worker : workers) worker->join();
    acceptor.reset();
  }

  std::size_t load() const {
    std::size_t sum = 0;
    for (const auto& worker : workers) sum += worker->load();
    return sum;
  }

  Worker& idlest() const {
    return **std::min_element(workers.begin(), workers.end(),
                              [](const auto& a, const auto& b) { return a->load() < b->load(); });
  }

  // A proxy's connection counts for the client, who is not known yet.
  std::optional<Seats::Seat> seat_of(const net::ip::address& peer, bool by_proxy) {
    if (by_proxy) return Seats::Seat();
    return per_address.take(peer);
  }

  // Takes who is waiting, up to a batch. False: pause, the system is short of something.
  bool accept_batch() {
    for (int i = 0; i < kAcceptBatch; ++i) {
      Worker& worker = idlest();
      tcp::socket socket(worker.executor());
      tcp::endpoint peer;
      const int error = accept_at(acceptor->native_handle(), by_path, socket, peer);
      if (error == EAGAIN || error == ECONNABORTED) return true;
      if (error != 0) return false;
      const std::size_t open = load();
      if (open >= max_connections + kReplacing) {
        over_capacity.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      // At a Unix-domain socket the file decides who connects, and the configuration trusts them.
      const bool by_proxy = by_path || proxies->contains(peer.address());
      auto seat = seat_of(peer.address(), by_proxy);
      if (!seat) continue;
      worker.serve({std::move(socket), std::move(*seat), open >= max_connections,
                    by_proxy ? proxies : nullptr, by_path});
    }
    return true;
  }

  // On the first worker's loop.
  net::awaitable<void> accept_all() {
    net::steady_timer pause(acceptor->get_executor());
    while (acceptor->is_open()) {
      const auto [error] =
          co_await acceptor->async_wait(StreamAcceptor::wait_read, net::as_tuple(net::use_awaitable));
      if (!acceptor->is_open()) break;
      if (!error && accept_batch()) continue;
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(net::as_tuple(net::use_awaitable));
    }
  }

  std::weak_ptr<const void> alive() const { return on_drained; }

  const std::shared_ptr<ResumableTunnels> resumables;
  const std::size_t max_connections;
  const std::shared_ptr<MemoryBudget> memory;  // outlives the workers
  AddressSeats per_address;                    // outlives the workers
  std::atomic<std::size_t> over_capacity{0};
  std::shared_ptr<const TrustedProxies> proxies;  // of the first worker's thread
  const bool by_path;                             // at a Unix-domain socket
  const std::shared_ptr<std::function<void()>> on_drained = std::make_shared<std::function<void()>>();
  net::steady_timer idle_timer;
  net::steady_timer drain_timer;
  std::vector<std::unique_ptr<Worker>> workers;
  std::optional<StreamAcceptor> acceptor;  // of the first worker, whose thread alone uses it once that runs
  std::uint16_t port = 0;
  std::int64_t certificate_expires = 0;  // Unix seconds; 0: there is no certificate
  bool shared = false;                   // the listener: other processes may have it too
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::open(net::any_io_executor executor, const ServerOptions& options,
                                             ControlPlane& site, Fd given) {
  std::shared_ptr<SSL_CTX> tls;
  if (options.encrypted) {
    auto made = transport::make_tls_server(options.certificate_file, options.key_file);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  auto impl = std::make_unique<Impl>(executor, options, tls, site);
  impl->certificate_expires = expiry_of(tls.get());
  impl->shared = static_cast<bool>(given);
  if (const auto used = use_listener(*impl->acceptor, options.listen, kListenName, std::move(given)); !used)
    return used.error();
  if (const auto there = listener_of(impl->acceptor->native_handle())) impl->port = there->port();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::int64_t Server::certificate_expires() const {
  return impl_->certificate_expires;
}

std::uint16_t Server::port() const {
  return impl_->port;
}

std::vector<std::size_t> Server::loads() const {
  std::vector<std::size_t> out;
  for (const auto& worker : impl_->workers) out.push_back(worker->load());
  return out;
}

std::size_t Server::refused_connections() const {
  return impl_->per_address.refused();
}

std::size_t Server::connections_over_capacity() const {
  return impl_->over_capacity.load(std::memory_order_relaxed);
}

net::awaitable<void> Server::run() {
  auto& impl = *impl_;
  for (unsigned i = 0; i < impl.workers.size(); ++i) {
    if (!impl.workers[i]->start(i)) throw std::runtime_error("the system refuses another thread");
  }
  const auto ended = std::make_shared<Wakeup>(co_await net::this_coro::executor);
  const auto failure = std::make_shared<std::exception_ptr>();
  net::co_spawn(impl.workers.front()->executor(), impl.accept_all(),
                [ended, failure](const std::exception_ptr& error) {
                  *failure = error;
                  ended->notify();
                });
  co_await ended->wait();
  if (*failure) std::rethrow_exception(*failure);
}

void Server::limit_per_address(std::size_t most) {
  impl_->per_address.set_limit(most);
}

void Server::trust(TrustedProxies proxies) {
  net::post(impl_->workers.front()->executor(),
            [impl = impl_.get(), made = std::make_shared<const TrustedProxies>(
                                     std::move(proxies))]() mutable { impl->proxies = std::move(made); });
}

void Server::use(transport::SslCtx made) {
  const std::shared_ptr<SSL_CTX> tls = std::move(made);
  impl_->certificate_expires = expiry_of(tls.get());
  for (const auto& worker : impl_->workers) worker->use(tls);
}

void Server::stop(std::chrono::milliseconds drain) {
  auto& impl = *impl_;
  net::post(impl.workers.front()->executor(), [&impl] {
    // Who waits in the queue of a listener that is ours alone would be reset; another's is served by that.
    if (!impl.shared && impl.acceptor->is_open()) impl.accept_batch();
    boost::system::error_code ignored;
    impl.acceptor->close(ignored);
  });
  for (const auto& worker : impl.workers) worker->drain();
  impl.resumables->leave();
  impl.idle_timer.expires_after(std::min(drain, kLastRequest));
  // One that is due already runs even if its timer goes first, and the server with it.
  impl.idle_timer.async_wait([&impl, alive = impl.alive()](const boost::system::error_code& cancelled) {
    if (cancelled || alive.expired()) return;
    for (const auto& worker : impl.workers) worker->end_idle();
  });
  impl.drain_timer.expires_after(drain);
  impl.drain_timer.async_wait([&impl, alive = impl.alive()](const boost::system::error_code& cancelled) {
    if (cancelled || alive.expired()) return;
    for (const auto& worker : impl.workers) worker->stop();
  });
}

void Server::on_drained(std::function<void()> drained) {
  *impl_->on_drained = std::move(drained);
}

}  // namespace cfpipe::edge
