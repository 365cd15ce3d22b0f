#include "edge/wire.h"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <string>
#include <utility>

#include "edge/run_all.h"
#include "transport/wakeup.h"

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

}  // namespace

void Wire::join() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

bool Wire::start(unsigned number) {
  thread_ = transport::quiet_thread([this, name = "wire-" + std::to_string(number)] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    run_all(io_);
  });
  return thread_.joinable();
}

// A connection for which nothing is done goes before one that is new: whoever fills the edge with those loses
// them, and everyone else gets in.
bool Wire::has_room(bool crowded) {
  if (!crowded && context_.memory.fits(kConnectionBytes, MemoryUse::connection)) return true;
  context_.memory.refused(MemoryUse::connection);
  return idle_.end_oldest();
}

net::awaitable<void> Wire::run(tcp::socket socket, bool crowded) {
  if (!has_room(crowded)) co_return;
  const MemoryHold hold(context_.memory, kConnectionBytes);
  transport::SslPtr ssl(stopping_ ? nullptr : SSL_new(tls_.get()));
  if (!ssl) co_return;
  SSL_set_accept_state(ssl.get());
  const auto connection = std::make_shared<Connection>(std::move(socket), std::move(ssl), context_);
  const Listed listed(connections_, connection);
  co_await connection->run();
}

void Wire::serve(tcp::socket socket, Seats::Seat seat, bool crowded) {
  load_.fetch_add(1, std::memory_order_relaxed);
  net::co_spawn(io_, run(std::move(socket), crowded),
                [this, seat = std::move(seat)](const std::exception_ptr& error) {
                  load_.fetch_sub(1, std::memory_order_relaxed);
                  if (error) log_exception("a connection", error);
                });
}

void Wire::use(std::shared_ptr<SSL_CTX> tls) {
  net::post(io_, [this, tls = std::move(tls)]() mutable { tls_ = std::move(tls); });
}

void Wire::stop(bool hard) {
  net::post(io_, [this, hard] {
    stopping_ = true;
    for (const auto& connection : Connections(connections_)) connection->stop(hard);
  });
}

}  // namespace cfpipe::edge
