#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>

namespace cfpipe::transport {

/// Functions that all channels over a TCP socket use.

/// Turns on TCP keepalive.
void keep_alive(int fd);
/// True while the peer's system has not acknowledged all that was sent.
bool has_unacknowledged(int fd);
/// Time since the peer's system last acknowledged, while bytes wait for a peer whose system answers. Nothing
/// otherwise.
std::optional<std::chrono::milliseconds> last_acknowledged(int fd);
/// True if the address of this end is not this machine's any more: nothing can come to it.
bool address_is_gone(int fd);
/// Waits for the socket. False if `deadline` has passed, it was closed, or the owner of `alive` is destroyed.
boost::asio::awaitable<bool> wait_for(boost::asio::ip::tcp::socket& socket,
                                      boost::asio::ip::tcp::socket::wait_type what,
                                      std::chrono::steady_clock::time_point deadline,
                                      std::weak_ptr<int> alive);

}  // namespace cfpipe::transport
