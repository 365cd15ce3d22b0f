#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Most bytes that one fill() of a descriptor reads: four TLS records, as one message with a header of 14
/// bytes in an HTTP/2 frame (9), or as four messages with a header of 8 bytes each.
inline constexpr std::size_t kReadBytes = 4 * (16 * 1024 - 8);

/// A stream over two descriptors, such as standard input and output, or a socket twice. It makes them
/// non-blocking, and close() restores their flags, since other processes may share them. Regular files, which
/// epoll rejects, count as always ready. The stream closes the descriptors only if `owned`.
std::unique_ptr<Stream> make_fd_stream(boost::asio::any_io_executor executor, int in, int out, bool owned);
/// A stream over a connected TCP socket, which it owns. Where the other side of the tunnel has broken off, or
/// both directions have not ended, close() resets the connection (RFC 9293 3.5) instead of ending it, and
/// drops what the system still holds.
std::unique_ptr<Stream> make_tcp_stream(boost::asio::any_io_executor executor, int fd);

}  // namespace cfpipe::tunnel
