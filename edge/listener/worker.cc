#include "edge/listener/worker.h"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/platform/wakeup.h"
#include "edge/limits/run_all.h"
#include "edge/listener/proxied_start.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

using Connections = std::set<std::shared_ptr<Connection>>;

// Keeps a connection in the list for as long as it is served, however that ends.
class Listed {
 public:
  Listed(Connections& all, std::shared_ptr<Connection> one) : all_(all), one_(std::move(one)) {
    all_.insert(one_);
  }
  ~Listed() { all_.erase(one_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  Connections& all_;
  std::shared_ptr<Connection> one_;
};

ConnectionEnds ends_of(const Arrival& arrival) {
  // What is told to an origin has to name both ends: the socket's is this machine.
  if (arrival.by_path) return {{}, {net::ip::address_v4::loopback(), 0}};
  const tcp::socket& socket = arrival.socket;
  boost::system::error_code gone;
  return {socket.remote_endpoint(gone), socket.local_endpoint(gone)};
}

}  // namespace

void Worker::join() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

bool Worker::start(unsigned number) {
  thread_ = quiet_thread([this, name = "worker-" + std::to_string(number)] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    run_all(io_);
  });
  return thread_.joinable();
}

// An idle connection is closed before a new one is rejected: an address that fills the edge with idle ones
// loses those, and other clients get in.
bool Worker::has_room(bool crowded) {
  if (!crowded && context_.memory.fits(kConnectionBytes, MemoryUse::connection)) return true;
  context_.memory.refused(MemoryUse::connection);
  return idle_.end_oldest();
}

// What a proxy says of the client. False: the connection ends here.
net::awaitable<bool> Worker::hear_proxy(Arrival& arrival, ConnectionEnds& ends,
                                        std::optional<Seats::Seat>& seat) {
  const ProxiedStart start = co_await read_proxied_start(arrival.socket, context_.timeouts.proxy_header);
  if (start.kind == ProxiedStart::Kind::bad) {
    if (const auto count = bad_starts_.count())
      spdlog::warn(
          "connections of trusted proxies closed because they did not begin with a PROXY protocol header: "
          "{}, "
          "the last one from {} ({}); have it send one, or take it out of trusted_proxies",
          *count, ends.client.address().to_string(), start.fault);
  }
  if (start.kind != ProxiedStart::Kind::read) co_return false;
  if (!start.ends) co_return true;
  ends = *start.ends;
  auto taken = seats_.take(ends.client.address());
  if (taken) seat.emplace(std::move(*taken));
  co_return seat.has_value();
}

net::awaitable<void> Worker::run(Arrival arrival) {
  if (!has_room(arrival.crowded)) co_return;
  const MemoryHold hold(context_.memory, kConnectionBytes);
  ClientSource source{ends_of(arrival), arrival.proxies, tls_ != nullptr};
  std::optional<Seats::Seat> seat;
  if (arrival.proxies && arrival.proxies->proxy_protocol) {
    const bool heard = co_await hear_proxy(arrival, source.ends, seat);
    if (!heard) co_return;
  }
  if (stopping_) co_return;
  transport::SslPtr ssl;
  if (source.encrypted) {
    ssl.reset(SSL_new(tls_.get()));
    if (!ssl) co_return;
    SSL_set_accept_state(ssl.get());
  }
  const auto connection =
      std::make_shared<Connection>(std::move(arrival.socket), std::move(ssl), source, context_);
  const Listed listed(connections_, connection);
  if (draining_) connection->drain();
  co_await connection->run();
}

void Worker::serve(Arrival arrival) {
  load_.fetch_add(1, std::memory_order_relaxed);
  net::co_spawn(io_, run(std::move(arrival)), [this](const std::exception_ptr& error) {
    if (error) log_exception("a connection", error);
    if (load_.fetch_sub(1, std::memory_order_relaxed) == 1 && draining_) drained_();
  });
}

void Worker::use(std::shared_ptr<SSL_CTX> tls) {
  net::post(io_, [this, tls = std::move(tls)]() mutable { tls_ = std::move(tls); });
}

void Worker::drain() {
  net::post(io_, [this] {
    draining_ = true;
    for (const auto& connection : Connections(connections_)) connection->drain();
    if (load() == 0) drained_();
  });
}

void Worker::end_idle() {
  net::post(io_, [this] {
    for (const auto& connection : Connections(connections_)) connection->refuse_more();
    while (idle_.end_oldest()) {
    }
  });
}

void Worker::stop() {
  net::post(io_, [this] {
    stopping_ = true;
    for (const auto& connection : Connections(connections_)) connection->stop(true);
  });
}

}  // namespace cfpipe::edge
