#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/host.h"
#include "connector/tunnel/tunnel_server.h"

namespace cfpipe::connector {

/// How long no connection is taken where the system has no descriptor for one.
inline constexpr std::chrono::milliseconds kFrontPause{100};

/// Listens in front of an origin, for the daemon of another edge's tunnel: what connects is led there, by a
/// ResumeEnd or as it is. Belongs to one loop.
class Front {
 public:
  /// `tunnels` carries what comes. `resume`: how long a tunnel waits for its client; 0: none does.
  /// Stage::listen.
  static Result<std::unique_ptr<Front>> open(boost::asio::any_io_executor executor,
                                             const boost::asio::ip::tcp::endpoint& where,
                                             std::shared_ptr<TunnelServer> tunnels, Authority origin,
                                             std::chrono::seconds resume);
  /// Takes nothing more.
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// Where it listens: with the port that the system has chosen for 0.
  boost::asio::ip::tcp::endpoint endpoint() const;
  /// The origin of connections from now on.
  void use(Authority origin);
  const Authority& origin() const;
  std::uint64_t resumed() const;  ///< times that a client has come back

 private:
  struct State;
  explicit Front(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static boost::asio::awaitable<void> accept(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
};

}  // namespace cfpipe::connector
