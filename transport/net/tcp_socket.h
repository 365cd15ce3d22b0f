#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>

namespace cfpipe::transport {

/// What channels over a TCP socket have in common.

/// Has the system look whether the peer of an idle connection is still there.
void keep_alive(int fd);
/// True while the peer's system has not acknowledged all that was sent.
bool has_unacknowledged(int fd);
/// While bytes wait for a peer whose system still answers: how long ago it last did. Nothing otherwise.
std::optional<std::chrono::milliseconds> last_acknowledged(int fd);
/// Waits for the socket. False: `deadline` has passed, it was closed, or what `alive` is of is gone.
boost::asio::awaitable<bool> wait_for(boost::asio::ip::tcp::socket& socket,
                                      boost::asio::ip::tcp::socket::wait_type what,
                                      std::chrono::steady_clock::time_point deadline,
                                      std::weak_ptr<int> alive);

}  // namespace cfpipe::transport
