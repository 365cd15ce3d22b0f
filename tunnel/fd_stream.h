#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// What one fill() of a descriptor reads at most, in bytes: with frame headers of 14 and 9 it fits four TLS
/// records.
inline constexpr std::size_t kReadBytes = 64 * 1024 - 14 - 9;

/// A stream over standard input and output (or any two descriptors; the same one twice for a socket). Sets
/// them non-blocking and puts the flags back on close(), since the descriptors may be shared with other
/// processes. Regular files, which epoll refuses, are read and written as always ready. Owns neither
/// descriptor unless `owned`.
std::unique_ptr<Stream> make_fd_stream(boost::asio::any_io_executor executor, int in, int out, bool owned);

}  // namespace cfpipe::tunnel
