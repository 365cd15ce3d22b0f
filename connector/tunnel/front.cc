#include "connector/tunnel/front.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/shortage.h"
#include "connector/tunnel/resume_end.h"

namespace cfpipe::connector {
namespace net = boost::asio;
using net::ip::tcp;

struct Front::State {
  State(const net::any_io_executor& executor, std::shared_ptr<TunnelServer> server, Authority to)
      : acceptor(executor), pause(executor), tunnels(std::move(server)), origin(std::move(to)) {}
  tcp::acceptor acceptor;
  net::steady_timer pause;
  const std::shared_ptr<TunnelServer> tunnels;
  Authority origin;
  std::shared_ptr<ResumeEnd> resume;  ///< null: no tunnel waits for its client
};

Result<std::unique_ptr<Front>> Front::open(net::any_io_executor executor, const tcp::endpoint& where,
                                           std::shared_ptr<TunnelServer> tunnels, Authority origin,
                                           std::chrono::seconds resume) {
  auto state = std::make_shared<State>(executor, std::move(tunnels), std::move(origin));
  boost::system::error_code error;
  auto& acceptor = state->acceptor;
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error)
    return system_failure(Stage::listen, Cause::cannot_listen,
                          host_and_port(Host(where.address()), where.port()), error.value());
  if (resume.count() > 0) state->resume = ResumeEnd::make(executor, state->tunnels, resume);
  if (state->resume) state->resume->use(state->origin);
  net::co_spawn(executor, accept(state), net::detached);
  return std::unique_ptr<Front>(new Front(std::move(state)));
}

Front::~Front() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  if (state_->resume) state_->resume->leave();
}

net::awaitable<void> Front::accept(std::shared_ptr<State> state) {
  while (state->acceptor.is_open()) {
    auto [error, socket] = co_await state->acceptor.async_accept(net::as_tuple(net::use_awaitable));
    if (!error) {
      state->resume ? state->resume->serve(std::move(socket))
                    : state->tunnels->serve(std::move(socket), state->origin);
    } else if (state->acceptor.is_open()) {
      state->pause.expires_after(kFrontPause);
      co_await state->pause.async_wait(net::as_tuple(net::use_awaitable));
    }
  }
}

tcp::endpoint Front::endpoint() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored);
}

void Front::use(Authority origin) {
  state_->origin = std::move(origin);
  if (state_->resume) state_->resume->use(state_->origin);
}

const Authority& Front::origin() const {
  return state_->origin;
}

std::uint64_t Front::resumed() const {
  return state_->resume ? state_->resume->resumed() : 0;
}

}  // namespace cfpipe::connector
